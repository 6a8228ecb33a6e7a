"""The wire faults that a script asks for, as a provider sees them. What a provider must make of
every fault is in `calls/test_catalogue`; here the emulator is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aws_account import CODECS, opened_provider

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.emulator.faults import FaultKind
from axonflow_core.errors import (
    AnswerError,
    AxonFlowError,
    DecodeError,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.http.client import Timeouts
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.stream import assemble

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
LIMITS = Timeouts(connect_s=5, first_byte_s=0.9, idle_s=0.3, total_s=1.0)
PLENTY = Timeouts(total_s=30)
IN_STREAM = {"code": "ModelStreamErrorException", "message": "The model broke.", "after_chunks": 4}

FAULTS: list[tuple[dict[str, Any], bool, type[AxonFlowError]]] = [
    ({"fault": "truncate", "at_byte": 700}, True, TruncatedStream),
    ({"fault": "truncate"}, False, AnswerError),
    ({"fault": "corrupt"}, True, DecodeError),
    ({"fault": "corrupt"}, False, AnswerError),
    ({"fault": "json"}, True, DecodeError),
    ({"fault": "json"}, False, DecodeError),
    ({"fault": "drip", "pause_s": 0.02}, True, ProviderTimeout),
    ({"fault": "stall"}, True, ProviderTimeout),
    ({"fault": "stall", "at_byte": 0}, True, ProviderTimeout),
    ({"fault": "stall"}, False, ProviderTimeout),
    ({"delay_s": 5.0}, False, ProviderTimeout),
    ({"fault": "reset"}, True, TruncatedStream),
    ({"fault": "reset"}, False, Unavailable),
    ({"fault": "content-type"}, True, DecodeError),
    ({"fault": "content-type"}, False, DecodeError),
    ({"fault": "huge"}, True, DecodeError),
    ({"fault": "huge"}, False, AnswerError),
    ({"fault": "empty"}, True, TruncatedStream),
    ({"fault": "empty"}, False, DecodeError),
    ({"error": IN_STREAM}, True, Unavailable),
    ({"error": {**IN_STREAM, "after_chunks": 1000}}, True, Unavailable),
    ({"error": {"code": "ThrottlingException", "message": "Too many"}}, True, Throttled),
]


@contextmanager
def serving(*rules: dict[str, Any]) -> Iterator[str]:
    with Server(emulator(CODECS, script=rules).app) as server:
        yield server.base_url


async def say(provider: BedrockProvider, text: str, *, is_streamed: bool) -> str:
    request = CompletionRequest((user(text),))
    if not is_streamed:
        return (await provider.complete(request)).text
    async with await provider.stream(request) as stream:
        return assemble([event async for batch in stream for event in batch]).text


@pytest.mark.timely
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("rule", "is_streamed", "expected"),
    FAULTS,
    ids=[f"{'streamed' if case[1] else 'whole'} {case[0]}" for case in FAULTS],
)
async def test_a_fault_of_the_script_reaches_the_caller(
    rule: dict[str, Any], expected: type[AxonFlowError], *, is_streamed: bool
) -> None:
    limits = LIMITS if expected is ProviderTimeout else PLENTY
    with serving({"when": "^bad", **rule}) as url:
        async with opened_provider(url, model=CLAUDE, timeouts=limits) as provider:
            assert "Good?" in await say(provider, "Good?", is_streamed=is_streamed)  # the control
            with pytest.raises(expected):
                await say(provider, "bad", is_streamed=is_streamed)


def test_every_kind_of_fault_is_tried() -> None:
    tried = {rule["fault"] for rule, _, _ in FAULTS if "fault" in rule}
    assert tried == {str(kind) for kind in FaultKind}


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_an_answer_that_drips_is_whole_in_the_end(is_streamed: bool) -> None:
    with serving({"fault": "drip", "pause_s": 0.0001, "answer": "Slow"}) as url:
        async with opened_provider(url, model=CLAUDE, timeouts=PLENTY) as provider:
            assert await say(provider, "Hello", is_streamed=is_streamed) == "Slow"
