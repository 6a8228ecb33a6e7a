"""A process that makes plans, begins them, and never ends their second step.

    python executor.py FOLDER PLAN KEYS SETTINGS

Its clock is a minute late, as on another machine.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from axonflow_core.keys import Keys  # noqa: E402
from axonflow_core.plans import clock  # noqa: E402
from plans.lives import keys_of  # noqa: E402
from plans.planned import Model, planning  # noqa: E402


async def begin(folder: Path, written: str, keys: Keys, settings: Mapping[str, Any]) -> None:
    model = Model(written, second=lambda: asyncio.sleep(600))
    plans = {"takeover_s": settings["takeover_s"], "answer_s": 0.01}
    async with planning(folder, model, keys=keys, url=settings["url"], plans=plans) as served:
        for _ in range(settings["count"]):
            print(id := await served.made(), flush=True)  # noqa: T201
            await served.execute(id)
        async with asyncio.timeout(60):
            await model.begun("second", settings["count"])
        print("begun", flush=True)  # noqa: T201
        await asyncio.sleep(600)


if __name__ == "__main__":
    folder, written, keys, settings = sys.argv[1:]
    clock.time = SimpleNamespace(time_ns=lambda: time.time_ns() - 60 * 10**9)  # type: ignore
    asyncio.run(begin(Path(folder), written, keys_of(keys), orjson.loads(settings)))
