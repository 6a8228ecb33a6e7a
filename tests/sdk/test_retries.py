"""The SDK sends a call again that it no longer waits for. The model is called once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

axonflow = pytest.importorskip("axonflow", reason="the product's SDK, axonflow, is not installed")

from axonflow import AxonFlow  # noqa: E402
from axonflow.types import AuditSearchRequest  # noqa: E402

from .governed import Governed, governed  # noqa: E402

SLOW = ({"when": "slowly", "delay_s": 5.5, "answer": "There."},)
"""The SDK gives up after 2 s, waits 1 s, gives up after 2 s, waits 2 s, and asks a third time."""


@pytest.mark.parametrize("workers", [1, 2])
async def test_three_sends_of_one_call_are_one_call_of_the_model(
    tmp_path: Path, workers: int
) -> None:
    with governed(tmp_path, SLOW, workers=workers, call_timeout_s=30) as server:
        async with AxonFlow(**server.options(timeout=2)) as client:
            answer = await client.proxy_llm_call("ann", "Walk slowly.", "chat")
            page = await client.search_audit_logs(AuditSearchRequest(request_type="chat"))
            calls = server.calls
    assert (answer.success, answer.data["data"], calls) == (True, "There.", 1)
    *repeats, call = page.entries  # one, or two where the second send was answered, too
    assert (call.policy_details["kind"], call.id) == ("call", answer.metadata["audit_id"])
    assert repeats and {entry.policy_details["answer_of"] for entry in repeats} == {call.id}
    assert {entry.tokens_used for entry in repeats} == {0}


async def test_a_call_that_is_honestly_repeated_is_two_calls(tmp_path: Path) -> None:
    """The control."""
    with governed(tmp_path, (), call_timeout_s=30) as server:
        async with AxonFlow(**server.options()) as client:
            first = await client.proxy_llm_call("ann", "Hello", "chat")
            again = await client.proxy_llm_call("ann", "Hello", "chat")
        assert server.calls == 2
    assert first.metadata["audit_id"] != again.metadata["audit_id"]


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
async def test_each_of_six_callers_that_give_up_costs_one_call(
    tmp_path: Path, workers: int
) -> None:
    async def ask(server: Governed, number: int) -> Any:
        async with AxonFlow(**server.options(timeout=2)) as client:
            return await client.proxy_llm_call("ann", f"Walk slowly, {number}.", "chat")

    with governed(tmp_path, SLOW, workers=workers, call_timeout_s=50) as server:
        answers = await asyncio.gather(*(ask(server, number) for number in range(6)))
        assert [answer.data["data"] for answer in answers] == ["There."] * 6
        assert server.calls == 6
