"""A process that runs one plan and kills itself, at each point once.

    python lives.py FOLDER PLAN KEYS SETTINGS

Points are: the beginning of a call, its answer, the transaction that writes its record, and every
change of the plan or of a step that is durable. Each life goes on where the one before was killed,
notes its point in the file `points`, and dies at the first that is new. `events` has what happened.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from axonflow_core.keys import Keys  # noqa: E402
from axonflow_core.messages import ToolUse  # noqa: E402
from axonflow_core.plans.plan import Plan, StepState  # noqa: E402
from plans.planned import Model, planning  # noqa: E402


class Life:
    """One process, until it is killed or the plan is over."""

    def __init__(self, folder: Path, points: Sequence[str]) -> None:
        """`points` are the beginnings of those to die at."""
        self._folder, self._points = folder, points
        died = folder / "points"
        self._died_at = set(died.read_text().splitlines()) if died.exists() else set()

    def note(self, file: str, line: str) -> None:
        with (self._folder / file).open("a") as lines:
            lines.write(f"{line}\n")
            lines.flush()
            os.fsync(lines.fileno())

    def reach(self, point: str) -> None:
        """Die here, unless another life did."""
        is_meant = any(map(point.startswith, self._points))
        if is_meant and point not in self._died_at:
            self.note("points", point)
            os.kill(os.getpid(), signal.SIGKILL)

    def tell(self, plan: Plan, state: StepState | None) -> None:
        what = str(plan.status) if state is None else f"{state.id} {state.status}"
        self.note("events", what)
        self.reach(f"durable: {what}")


class Mortal(Model):
    """A model that dies where its life does."""

    def __init__(self, life: Life, *plans: str) -> None:
        super().__init__(*plans)
        self._life = life

    async def _said(self, name: str) -> str | ToolUse:
        if name == "plan":
            return await super()._said(name)
        self._life.note("events", f"call {name}")
        self._life.reach(f"call: {name}")
        said = await super()._said(name)
        self._life.reach(f"answer: {name}")
        return said


async def live(folder: Path, written: str, keys: Keys, settings: Mapping[str, Any]) -> None:
    life = Life(folder, settings["points"])
    url, plans_of = settings["url"], {"takeover_s": 1.0}
    model = Mortal(life, written)
    async with planning(folder, model, keys=keys, url=url, plans=plans_of) as served:
        service = served.service
        plans: Any = service.plans
        runs, settle = plans._runs, plans._runs.book.settle
        tell = runs._tell

        def told(plan: Plan, state: StepState | None) -> None:
            tell(plan, state)
            life.tell(plan, state)

        def settled(transaction: Any, plan: str, state: StepState) -> bool:
            done: bool = settle(transaction, plan, state)
            life.reach(f"in the transaction: {state.id}")
            return done

        runs._tell, runs.book.settle = told, settled
        id_file = folder / "plan"
        if not id_file.exists():
            id_file.write_text(await served.made(execution_mode=settings["mode"]))
        id = id_file.read_text()
        while (status := (await served.status(id))["status"]) in ("pending", "executing"):
            if status == "pending":
                await served.execute(id)
            await asyncio.sleep(0.02)
        (folder / "status").write_text(status)


def keys_of(text: str) -> Keys:
    server, signing, master = map(bytes.fromhex, text.split())
    return Keys(server=(server,), signing=signing, verify=(), master=master)


if __name__ == "__main__":
    folder, written, keys, settings = sys.argv[1:]
    asyncio.run(live(Path(folder), written, keys_of(keys), orjson.loads(settings)))
