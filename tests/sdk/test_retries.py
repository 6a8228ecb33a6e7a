"""The SDK sends a call that takes too long three times, 1 s and 2 s apart: one call of a model."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from .governed import Governed, governed

SLOW = ({"when": "slow", "delay_s": 2.5, "answer": "at last"},)
CALLS = 6


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_time_out_is_one_call(tmp_path: Path, workers: int) -> None:
    with governed(tmp_path, SLOW, workers, call_timeout_s=50) as server:
        answers = await asyncio.gather(*(_asked(server, f"slow {n}") for n in range(CALLS)))
        assert [answer.data for answer in answers] == [{"data": "at last"}] * CALLS
        assert server.calls == CALLS


@pytest.mark.thorough
async def test_whoever_asks_twice_is_answered_by_two(tmp_path: Path) -> None:
    with governed(tmp_path, SLOW, 2) as server:
        for _ in range(2):
            await _asked(server, "hello")
        assert server.calls == 2


async def _asked(server: Governed, query: str) -> Any:
    """The answer to one call of a client of its own, which waits for a second at most."""
    from axonflow import AxonFlow

    async with AxonFlow(**server.options(timeout=1)) as client:
        return await client.proxy_llm_call("ann", query, "chat")
