"""What a call takes along to the surface that carries it: the operator's guardrail before the
client's, which is reported; the client's own; Claude's betas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from attrs import evolve
from aws_account import CODECS, opened_provider

from axonflow_bedrock.config import GuardrailConfig, StreamProcessing, SurfaceChoice
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import ConfigError
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, Json, user
from axonflow_core.provider import NativeCall

CLAUDE = "us.anthropic.claude-sonnet-4-6"
OURS = GuardrailConfig(id="groperator", version="2")
THEIRS = {"guardrailIdentifier": "gr-client", "guardrailVersion": "1", "trace": "enabled"}
HEADERS = {
    "x-amzn-bedrock-guardrailidentifier": "gr-client",
    "x-amzn-bedrock-guardrailversion": "1",
    "x-amzn-bedrock-trace": "ENABLED",
}
INVOKED: Json = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
}
CONVERSED: Json = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
ANSWERS = {
    "invoke": {"type": "message", "role": "assistant", "content": [], "usage": {}},
    "converse": {
        "output": {"message": {"role": "assistant", "content": []}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    },
}


class Service:
    """Answers on both surfaces, and keeps the last call."""

    def __init__(self) -> None:
        self.body: Any = None
        self.headers: dict[str, str] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.body = orjson.loads((await receive())["body"])
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        answer = orjson.dumps(ANSWERS[scope["path"].rpartition("/")[2]])
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    @property
    def guardrail(self) -> str | None:
        """The guardrail that the last call named, on either surface."""
        member = self.body.get("guardrailConfig", {}).get("guardrailIdentifier")
        return member or self.headers.get("x-amzn-bedrock-guardrailidentifier")


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def base_url(service: Service) -> Iterator[str]:
    with Server(service) as server:
        yield server.base_url


def native(surface: str, body: Json, headers: Mapping[str, str] = {}) -> NativeCall:
    facts = ModelFacts(base_id="anthropic.claude-sonnet-4-6")
    codec = CODECS.for_base_id(facts.base_id, surface)
    request = codec.decode_request(body, facts)
    return NativeCall(
        codec=codec, surface=surface, request=request, body=orjson.dumps(body), headers=headers
    )


def reported(answer: Any) -> list[str]:
    return [adjustment.feature for adjustment in answer.adjustments]


FORWARDED = {
    "in a header": native("invoke", INVOKED, HEADERS),
    "in the body": native("converse", {**CONVERSED, "guardrailConfig": THEIRS}),
}


@pytest.mark.parametrize("call", FORWARDED.values(), ids=list(FORWARDED))
async def test_the_operator_s_guardrail_replaces_the_client_s_and_is_reported(
    service: Service, base_url: str, call: NativeCall
) -> None:
    async with opened_provider(base_url, guardrail=OURS) as provider:
        answer = (await provider.forward(call, model=CLAUDE)).answer

    assert service.guardrail == "groperator"
    assert reported(answer) == ["guardrail"]


async def test_a_program_s_guardrail_is_replaced_and_reported_too(
    service: Service, base_url: str
) -> None:
    request = CompletionRequest(user("hi"), options={"guardrailConfig": THEIRS})

    async with opened_provider(
        base_url, guardrail=OURS, surface=SurfaceChoice.CONVERSE
    ) as provider:
        answer = await provider.complete(request, model=CLAUDE)

    assert service.guardrail == "groperator"
    assert reported(answer) == ["guardrail"]


SAME = {
    "in a header": native("invoke", INVOKED, OURS.headers),
    "in the body": native("converse", {**CONVERSED, "guardrailConfig": OURS.member}),
    "nowhere": native("converse", CONVERSED),
}


@pytest.mark.parametrize("call", SAME.values(), ids=list(SAME))
async def test_nothing_is_reported_where_the_client_names_no_other(
    service: Service, base_url: str, call: NativeCall
) -> None:
    async with opened_provider(base_url, guardrail=OURS) as provider:
        answer = await provider.forward(call, model=CLAUDE)

    assert service.guardrail == "groperator"
    assert reported(answer.answer) == []


async def test_a_body_that_names_the_operator_s_guardrail_goes_as_it_came(
    service: Service, base_url: str
) -> None:
    async with opened_provider(base_url, guardrail=OURS) as provider:
        answer = await provider.forward(SAME["in the body"], model=CLAUDE)

    assert answer.body is not None


@pytest.mark.parametrize("surface", ["invoke", "converse"])
async def test_the_client_s_guardrail_is_kept_where_the_body_is_written_anew(
    service: Service, base_url: str, surface: str
) -> None:
    call = FORWARDED["in a header"]
    changed = evolve(call, request=evolve(call.request, messages=(user("[redacted]"),)))

    async with opened_provider(base_url, surface=SurfaceChoice(surface)) as provider:
        await provider.forward(changed, model=CLAUDE)

    assert "[redacted]" in str(service.body)
    assert service.guardrail == "gr-client"
    if surface == "converse":
        assert service.body["guardrailConfig"] == THEIRS


BETA = "context-1m-2025-08-07"


async def test_a_client_s_betas_go_along_to_converse(service: Service, base_url: str) -> None:
    call = native("invoke", {**INVOKED, "anthropic_beta": [BETA]})

    async with opened_provider(base_url, surface=SurfaceChoice.CONVERSE) as provider:
        answer = await provider.forward(call, model=CLAUDE)

    assert service.body["additionalModelRequestFields"] == {"anthropic_beta": [BETA]}
    assert reported(answer.answer) == []


async def test_a_program_s_betas_go_along_to_converse(service: Service, base_url: str) -> None:
    request = CompletionRequest(user("hi"), options={"anthropic_beta": [BETA]})

    async with opened_provider(base_url, surface=SurfaceChoice.CONVERSE) as provider:
        await provider.complete(request, model=CLAUDE)

    assert service.body["additionalModelRequestFields"] == {"anthropic_beta": [BETA]}


# ── how a guardrail reads a stream ────────────────────────────────────────────────────────────────

SYNC = evolve(OURS, stream_processing_mode=StreamProcessing.SYNC)
ASYNC = evolve(OURS, stream_processing_mode=StreamProcessing.ASYNC)
MODE = "guardrail.stream_processing_mode"


def asking_for(mode: str | None, surface: str) -> CompletionRequest:
    """A program's request, with a mode as the surface writes it."""
    if mode is None:
        return CompletionRequest(user("hi"))
    if surface == "converse":
        member = {**OURS.member, "streamProcessingMode": mode}
        return CompletionRequest(user("hi"), options={"guardrailConfig": member})
    member = {"streamProcessingMode": f"{mode.upper()}HRONOUS", "tagSuffix": "x"}
    return CompletionRequest(user("hi"), extra={"amazon-bedrock-guardrailConfig": member})


def mode_in(body: Json, surface: str) -> str | None:
    """The mode that a body asks for, as Converse writes it."""
    if surface == "converse":
        return body["guardrailConfig"].get("streamProcessingMode")
    spelling = body.get("amazon-bedrock-guardrailConfig", {}).get("streamProcessingMode")
    return {"SYNCHRONOUS": "sync", "ASYNCHRONOUS": "async", None: None}[spelling]


@pytest.mark.parametrize("surface", ["invoke", "converse"])
@pytest.mark.parametrize(
    ("guardrail", "asked", "sent", "is_reported"),
    [
        (OURS, None, None, False),
        (OURS, "sync", None, False),  # which is AWS's default
        (OURS, "async", None, True),
        (SYNC, "async", "sync", True),
        (ASYNC, "sync", "async", True),
        (ASYNC, "async", "async", False),
        (ASYNC, None, "async", False),
    ],
)
async def test_the_operator_s_mode_holds_on_both_surfaces_and_a_conflict_is_reported(
    surface: str,
    guardrail: GuardrailConfig,
    asked: str | None,
    sent: str | None,
    is_reported: bool,
    base_url: str,
) -> None:
    async with opened_provider(
        base_url, guardrail=guardrail, surface=SurfaceChoice(surface)
    ) as provider:
        told = await provider.explain(asking_for(asked, surface), model=CLAUDE)
        whole = await provider.explain(asking_for(asked, surface), model=CLAUDE, is_streamed=False)

    assert mode_in(told.body, surface) == sent
    assert any(warning.startswith(MODE) for warning in told.warnings) == is_reported
    assert mode_in(whole.body, surface) is None, "Converse has the member in streams alone"
    assert not any(warning.startswith(MODE) for warning in whole.warnings)


async def test_the_client_s_tag_suffix_stays_beside_the_operator_s_mode(base_url: str) -> None:
    async with opened_provider(base_url, guardrail=SYNC) as provider:
        told = await provider.explain(asking_for("async", "invoke"), model=CLAUDE)
    assert told.body["amazon-bedrock-guardrailConfig"] == {
        "streamProcessingMode": "SYNCHRONOUS",
        "tagSuffix": "x",
    }


@pytest.mark.parametrize("surface", ["invoke", "converse"])
async def test_without_a_guardrail_of_the_operator_s_the_client_s_mode_is_sent(
    base_url: str, surface: str
) -> None:
    async with opened_provider(base_url, surface=SurfaceChoice(surface)) as provider:
        told = await provider.explain(asking_for("async", surface), model=CLAUDE)
    assert mode_in(told.body, surface) == "async"


@pytest.mark.parametrize(
    ("id", "version", "is_right"),
    [
        ("gr8example01", "DRAFT", True),
        ("arn:aws:bedrock:us-east-1:111122223333:guardrail/gr8example01", "1", True),
        ("gr8example01", "draft", False),
        ("gr8example01", "0", False),
        ("gr8example01", "1.0", False),
        ("Gr8Example", "1", False),
        ("arn:aws:bedrock:us-east-1:111122223333:model/x", "1", False),
        ("", "1", False),
    ],
)
def test_a_guardrail_that_aws_s_patterns_refuse_is_refused(
    id: str, version: str, is_right: bool
) -> None:
    try:
        GuardrailConfig(id=id, version=version)
    except ConfigError as error:
        assert not is_right and error.hint
    else:
        assert is_right
