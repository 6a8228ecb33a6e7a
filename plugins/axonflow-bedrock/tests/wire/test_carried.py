"""What a call takes along to the surface that carries it: the operator's guardrail before the
client's, which is reported; the client's own; Claude's betas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from attrs import evolve
from aws_account import CODECS, opened_provider

from axonflow_bedrock.config import GuardrailConfig, SurfaceChoice
from axonflow_core.codec import ModelFacts
from axonflow_core.http.local_server import Server
from axonflow_core.messages import CompletionRequest, Json, user
from axonflow_core.provider import NativeCall

CLAUDE = "us.anthropic.claude-sonnet-4-6"
OURS = GuardrailConfig(id="gr-operator", version="2")
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

    assert service.guardrail == "gr-operator"
    assert reported(answer) == ["guardrail"]


async def test_a_program_s_guardrail_is_replaced_and_reported_too(
    service: Service, base_url: str
) -> None:
    request = CompletionRequest(user("hi"), options={"guardrailConfig": THEIRS})

    async with opened_provider(
        base_url, guardrail=OURS, surface=SurfaceChoice.CONVERSE
    ) as provider:
        answer = await provider.complete(request, model=CLAUDE)

    assert service.guardrail == "gr-operator"
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

    assert service.guardrail == "gr-operator"
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
