"""Whole calls to the emulator: what a model refuses as it is, it answers once it is made to fit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeAlias

import boto3
import orjson
import pytest
from botocore.config import Config

from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY, emulator
from axonflow_bedrock.families.anthropic import CODEC
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Unsupported
from axonflow_core.http.local_server import Server
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    Document,
    Inference,
    Media,
    MediaKind,
    Message,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.stream import assemble

OpenProvider: TypeAlias = Callable[..., AbstractAsyncContextManager[BedrockProvider]]
OPUS = "us.anthropic.claude-opus-4-7"
SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
DOTTED = Tool("fs.read", "reads a file", SCHEMA)
ANY = ToolChoice(ToolChoiceMode.ANY)
HOT = CompletionRequest(
    (user("Hi"),), inference=Inference(max_tokens=200, temperature=0.5, top_p=0.9)
)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with Server(emulator().app) as server:
        yield server.base_url


def conversation(*messages: Message, **parts: Any) -> CompletionRequest:
    return CompletionRequest(messages, **{"inference": Inference(max_tokens=200), **parts})


CALLED = Message(Role.ASSISTANT, (ToolUse("call.1", "fs.read", {"path": "a"}),))
ANSWERED = Message(Role.USER, (ToolResult("call.1", "text"),))
CACHED = conversation(
    user("Hi"),
    system=tuple(block for number in range(6) for block in (Text(str(number)), CachePoint())),
)

CASES = [
    pytest.param(
        OPUS, HOT, "`temperature` is deprecated", ["temperature", "top_p"], id="no sampling"
    ),
    pytest.param(SONNET, HOT, "cannot both be specified", ["top_p"], id="one of two"),
    pytest.param(SONNET, CACHED, "A maximum of 4 blocks", ["cache points"], id="cache points"),
    pytest.param(
        SONNET,
        conversation(user("Hi"), tools=(DOTTED,), tool_choice=ANY),
        "should match pattern",
        [],
        id="tool names",
    ),
    pytest.param(
        SONNET,
        conversation(user("Hi"), CALLED, ANSWERED),
        "must define tools",
        ["tools"],
        id="calls without tools",
    ),
]


@pytest.mark.parametrize(("model", "request_", "words", "told"), CASES)
async def test_what_the_model_refuses_as_it_is_it_answers_when_it_fits(
    open_provider: OpenProvider,
    base_url: str,
    model: str,
    request_: CompletionRequest,
    words: str,
    told: list[str],
) -> None:
    assert words in refusal_of(base_url, request_, model)
    async with open_provider(base_url) as provider:
        answer = await provider.complete(request_, model=model)
        async with await provider.stream(request_, model=model) as stream:
            streamed = assemble(
                [event for batch in [batch async for batch in stream] for event in batch]
            )
            adjustments = stream.adjustments
    assert answer.text and streamed.text == answer.text
    assert [adjustment.feature for adjustment in answer.adjustments] == told
    assert adjustments == answer.adjustments


def refusal_of(base_url: str, request: CompletionRequest, model: str) -> str:
    """What the emulator says to a client that knows nothing of the model: the control of every
    fitted call."""
    client = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1").client(
        "bedrock-runtime",
        endpoint_url=base_url,
        config=Config(signature_version="v4", retries={"total_max_attempts": 1}),
    )
    with pytest.raises(client.exceptions.ValidationException) as caught:
        client.invoke_model(
            modelId=model, body=orjson.dumps(CODEC.encode_request(request, ModelFacts()))
        )
    return str(caught.value)


async def test_the_name_of_a_tool_comes_back_as_the_caller_knows_it(
    open_provider: OpenProvider, base_url: str
) -> None:
    request = conversation(user("Hi"), tools=(DOTTED,), tool_choice=ANY)
    async with open_provider(base_url) as provider:
        answer = await provider.complete(request, model=SONNET)
        async with await provider.stream(request, model=SONNET) as stream:
            streamed = assemble(
                [event for batch in [batch async for batch in stream] for event in batch]
            )
    for said in (answer, streamed):
        assert said.stop_reason is StopReason.TOOL_USE
        assert [block.name for block in said.content if isinstance(block, ToolUse)] == ["fs.read"]


async def test_two_calls_at_once_with_names_that_collide_never_cross(
    open_provider: OpenProvider, base_url: str
) -> None:
    names = [f"fs{sign}read" for sign in ".:/ "]
    requests = [
        conversation(user("Hi"), tools=(Tool(name, None, SCHEMA),), tool_choice=ANY)
        for name in names
    ]
    async with open_provider(base_url) as provider:
        answers = await asyncio.gather(
            *(provider.complete(request, model=SONNET) for request in requests)
        )
    assert [
        block.name for answer in answers for block in answer.content if isinstance(block, ToolUse)
    ] == names


async def test_under_error_the_call_is_refused_and_nothing_is_sent(
    open_provider: OpenProvider, base_url: str
) -> None:
    async with open_provider(base_url, unsupported=Unsupported.ERROR) as provider:
        with pytest.raises(EncodeError, match="temperature") as caught:
            await provider.complete(HOT, model=OPUS)
        assert (await provider.complete(conversation(user("Hi")), model=OPUS)).adjustments == ()
    assert (caught.value.provider, caught.value.model) == ("bedrock", OPUS)


async def test_an_assistant_message_at_the_end_is_refused_by_name_where_the_model_takes_none(
    open_provider: OpenProvider, base_url: str
) -> None:
    request = conversation(user("Hi"), assistant("Well,"))
    async with open_provider(base_url) as provider:
        with pytest.raises(
            EncodeError,
            match=r"anthropic.claude-opus-4-7 does not support: assistant message at the end",
        ):
            await provider.complete(request, model=OPUS)
        assert (await provider.complete(request, model=SONNET)).text, "the control"


async def test_one_line_of_the_log_names_what_was_not_sent_and_no_content(
    open_provider: OpenProvider, base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="axonflow_core"):
        async with open_provider(base_url) as provider:
            await provider.complete(HOT, model=OPUS)
    (line,) = [
        record.getMessage() for record in caplog.records if "temperature" in record.getMessage()
    ]
    assert line == f"{OPUS} does not take all as asked: temperature, top_p"


# ── the surface that carries a request ────────────────────────────────────────────────────────────

LLAMA_4 = "us.meta.llama4-maverick-17b-instruct-v1:0"
NOVA_PRO = "us.amazon.nova-pro-v1:0"
PDF = Document(Media(MediaKind.BASE64, "JVBERi0=", "application/pdf"), name="paper")


@pytest.mark.parametrize(
    ("model", "request_", "surface"),
    [
        (LLAMA_4, conversation(user("Hi"), tools=(Tool("read", "reads", SCHEMA),)), "converse"),
        (NOVA_PRO, conversation(Message(Role.USER, (Text("Sum up."), PDF))), "converse"),
        (LLAMA_4, conversation(user("Hi")), "invoke"),
    ],
    ids=["tools on Llama 4", "a document on Nova", "plain text on Llama 4"],
)
async def test_the_receipt_names_the_surface_that_carried_the_request(
    open_provider: OpenProvider,
    base_url: str,
    model: str,
    request_: CompletionRequest,
    surface: str,
) -> None:
    async with open_provider(base_url, model=model) as provider:
        answer = await provider.complete(request_)

    assert answer.receipt is not None
    assert answer.receipt.surface == surface


async def test_with_a_fixed_surface_the_refusal_names_converse_first(
    open_provider: OpenProvider, base_url: str
) -> None:
    request = conversation(user("Hi"), tools=(Tool("read", "reads", SCHEMA),))

    async with open_provider(base_url, model=LLAMA_4, surface="invoke") as provider:
        with pytest.raises(EncodeError) as caught:
            await provider.complete(request)

    assert (caught.value.hint or "").startswith("set `surface: converse`")
