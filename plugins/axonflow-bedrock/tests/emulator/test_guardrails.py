"""Guardrails of the emulated account, seen by unmodified boto3 and by our own provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeAlias

import orjson
import pytest
from botocore.exceptions import ClientError

from axonflow_bedrock.config import GuardrailConfig, Trace
from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.emulator.script import Account, AccountGuardrail, Script
from axonflow_bedrock.models.iam import statements_for
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.serving import RunningEmulator, serving
from axonflow_bedrock.wire.envelope import ACTION, METRICS, TRACE
from axonflow_core import Config, ProviderConfig, Runtime
from axonflow_core.messages import Completion, CompletionRequest, Json, StopReason, user
from axonflow_core.stream import assemble

CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
TITAN = "amazon.titan-text-express-v1"
LLAMA = "meta.llama3-8b-instruct-v1:0"
MISTRAL = "mistral.mistral-large-2407-v1:0"
NOVA = "amazon.nova-micro-v1:0"
FAMILIES = (CLAUDE, TITAN, LLAMA, MISTRAL, NOVA)
MISTRAL_PROMPT, CLAUDE_2, JURASSIC = (
    "mistral.mistral-7b-instruct-v0:2",
    "anthropic.claude-v2",
    "ai21.j2-mid-v1",
)
CONVERSING = (("converse", NOVA), ("converse", CLAUDE))
MESSAGE = "I do not talk about that."
SCRIPT = Script(
    account=Account(
        guardrails=(
            AccountGuardrail(
                id="secrets",
                version="1",
                blocks="password",
                blocks_answer="sky",
                masks="purple",
                mask="{Colour}",
                message=MESSAGE,
            ),
        )
    )
)
GUARDED: Mapping[str, str] = {"guardrailIdentifier": "secrets", "guardrailVersion": "1"}
ARN = "arn:aws:bedrock:us-east-1:111122223333:guardrail/secrets"

Say: TypeAlias = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def bedrock() -> Iterator[RunningEmulator]:
    with serving(emulator(script=SCRIPT)) as running:
        yield running


@pytest.fixture(scope="module")
def client(bedrock: RunningEmulator) -> Iterator[Any]:
    with closing(bedrock.boto3_client()) as client:
        yield client


def body_of(model: str, text: str, **more: Json) -> bytes:
    match model:
        case "amazon.titan-text-express-v1":
            return orjson.dumps({"inputText": text, **more})
        case "meta.llama3-8b-instruct-v1:0":
            return orjson.dumps({"prompt": text, **more})
        case "amazon.nova-micro-v1:0":
            return orjson.dumps(
                {"messages": [{"role": "user", "content": [{"text": text}]}], **more}
            )
    messages = [{"role": "user", "content": text}]
    if model == MISTRAL:
        return orjson.dumps({"messages": messages, **more})
    return orjson.dumps(
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 99, "messages": messages, **more}
    )


def whole(
    client: Any, model: str, text: str, guarded: Mapping[str, str] = GUARDED, **more: Json
) -> Any:
    response = client.invoke_model(modelId=model, body=body_of(model, text, **more), **guarded)
    return orjson.loads(response["body"].read()), response["ResponseMetadata"]["HTTPHeaders"]


def chunks(
    client: Any, model: str, text: str, guarded: Mapping[str, str] = GUARDED, **more: Json
) -> list[Any]:
    response = client.invoke_model_with_response_stream(
        modelId=model, body=body_of(model, text, **more), **guarded
    )
    return [orjson.loads(event["chunk"]["bytes"]) for event in response["body"]]


def refusal_of(client: Any, guarded: Mapping[str, str], **more: Json) -> str:
    with pytest.raises(ClientError) as raised:
        whole(client, CLAUDE, "Hi", guarded, **more)
    error: Any = raised.value.response
    assert error["Error"]["Code"] == "ValidationException"
    message: str = error["Error"]["Message"]
    return message


# ── which guardrail ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", FAMILIES)
def test_a_call_that_names_no_guardrail_is_not_guarded(client: Any, model: str) -> None:
    body, headers = whole(client, model, "the password", {})

    assert MESSAGE not in str(body)
    assert ACTION not in body
    assert "x-amzn-bedrock-output-token-count" in headers


@pytest.mark.parametrize("identifier", ["secrets", ARN])
def test_a_guardrail_is_named_by_id_or_arn(client: Any, identifier: str) -> None:
    body, _ = whole(client, LLAMA, "the password", {**GUARDED, "guardrailIdentifier": identifier})

    assert body["generation"] == MESSAGE


@pytest.mark.parametrize(
    ("guarded", "body", "words"),
    [
        ({"guardrailIdentifier": "secrets"}, {}, "no guardrail version"),
        ({}, {"amazon-bedrock-guardrailConfig": {"tagSuffix": "x"}}, "no guardrail identifier"),
        ({**GUARDED, "contentType": "text/plain"}, {}, "must be application/json"),
        (
            {**GUARDED, "guardrailIdentifier": "NOT-AN-ID"},
            {},
            "The provided guardrail identifier is invalid.",
        ),
        ({**GUARDED, "guardrailIdentifier": "other"}, {}, "does not exist"),
        ({**GUARDED, "guardrailVersion": "2"}, {}, "does not exist"),
    ],
)
def test_half_a_guardrail_and_one_that_is_not_there_are_refused(
    client: Any, guarded: Mapping[str, str], body: dict[str, Json], words: str
) -> None:
    assert words in refusal_of(client, guarded, **body)


def test_only_tagged_text_is_looked_at_where_there_is_any(client: Any) -> None:
    config = {"amazon-bedrock-guardrailConfig": {"tagSuffix": "x"}}
    tag = "amazon-bedrock-guardrails-guardContent_x"

    outside, _ = whole(client, CLAUDE, f"password <{tag}>rain</{tag}>", **config)
    inside, _ = whole(client, CLAUDE, f"rain <{tag}>password</{tag}>", **config)

    assert (outside[ACTION], inside[ACTION]) == ("NONE", "INTERVENED")


# ── blocked ───────────────────────────────────────────────────────────────────────────────────────


def test_claude_s_blocked_answer_has_an_id_of_bedrock_and_no_tokens(client: Any) -> None:
    body, headers = whole(client, CLAUDE, "the password")

    assert body["id"].startswith("bedrock-guardrails-")
    assert body["content"] == [{"type": "text", "text": MESSAGE}]
    assert (body["stop_reason"], body[ACTION]) == ("end_turn", "INTERVENED")
    assert body["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert [name for name in headers if name.endswith("-token-count")] == []


def test_claude_s_blocked_stream_says_so_in_its_last_chunk_and_counts_nothing(client: Any) -> None:
    *others, delta, last = chunks(client, CLAUDE, "the password")

    assert last == {"type": "message_stop", ACTION: "INTERVENED"}
    assert delta == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
    }
    assert others[0]["message"]["id"].startswith("bedrock-guardrails-")
    assert not any(ACTION in chunk or METRICS in chunk for chunk in others)


def test_titan_s_blocked_stream_is_one_chunk_with_floats_and_no_reason(client: Any) -> None:
    assert chunks(client, TITAN, "the password") == [
        {
            "outputText": MESSAGE,
            "index": 0.0,
            "totalOutputTextTokenCount": 6.0,
            "inputTextTokenCount": 2.0,
            ACTION: "INTERVENED",
        }
    ]


def test_llama_s_blocked_answer_is_its_text_alone(client: Any) -> None:
    assert whole(client, LLAMA, "the password")[0] == {"generation": MESSAGE, ACTION: "INTERVENED"}


@pytest.mark.parametrize("model", FAMILIES)
def test_an_answer_is_blocked_as_a_question_is(client: Any, model: str) -> None:
    assert MESSAGE in str(whole(client, model, "the sky")[0])
    assert MESSAGE in str(chunks(client, model, "the sky"))


def test_a_stream_that_does_not_wait_has_said_what_is_blocked(client: Any) -> None:
    asynchronous = {"amazon-bedrock-guardrailConfig": {"streamProcessingMode": "ASYNCHRONOUS"}}

    said = chunks(client, CLAUDE, "the sky", **asynchronous)

    assert "sky" in str(said)
    assert said[-1][ACTION] == "INTERVENED"


# ── masked and passed ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", FAMILIES)
def test_what_is_masked_is_masked_and_the_rest_is_said(client: Any, model: str) -> None:
    body, headers = whole(client, model, "a purple cow")

    assert "a {Colour} cow" in str(body)
    assert body[ACTION] == "INTERVENED"
    assert "x-amzn-bedrock-output-token-count" in headers


@pytest.mark.parametrize("model", FAMILIES)
def test_what_passes_is_told_to_have_passed(client: Any, model: str) -> None:
    assert whole(client, model, "a cow")[0][ACTION] == "NONE"
    assert chunks(client, model, "a cow")[-1][ACTION] == "NONE"


def test_every_chunk_of_a_guarded_titan_tells_the_action(client: Any) -> None:
    assert {chunk[ACTION] for chunk in chunks(client, TITAN, "a cow")} == {"NONE"}


@pytest.mark.parametrize(
    "say", [lambda *call: [whole(*call)[0]], chunks], ids=["whole", "streamed"]
)
@pytest.mark.parametrize("model", FAMILIES)
def test_the_report_comes_when_it_is_asked_for(client: Any, model: str, say: Say) -> None:
    last = say(client, model, "the password", {**GUARDED, "trace": "ENABLED"})[-1]
    without = say(client, model, "the password")[-1]

    (word,) = last[TRACE]["guardrail"]["input"]["secrets"]["wordPolicy"]["customWords"]
    assert word == {"match": "password", "action": "BLOCKED", "detected": True}
    assert TRACE not in without


# ── Converse ──────────────────────────────────────────────────────────────────────────────────────

ASKED = [{"role": "user", "content": [{"text": "the password"}]}]
MEMBER = {**GUARDED, "trace": "enabled"}


def test_converse_says_that_a_guardrail_stepped_in_by_the_reason_to_stop(client: Any) -> None:
    said = client.converse(modelId=CLAUDE, messages=ASKED, guardrailConfig=MEMBER)
    unguarded = client.converse(modelId=CLAUDE, messages=ASKED)

    assert (said["stopReason"], unguarded["stopReason"]) == ("guardrail_intervened", "end_turn")
    assert said["output"]["message"]["content"] == [{"text": MESSAGE}]
    assert (said["usage"]["inputTokens"], said["usage"]["outputTokens"]) == (0, 0)
    assert "secrets" in said["trace"]["guardrail"]["inputAssessment"]
    assert "trace" not in unguarded


def test_a_converse_stream_reports_in_its_metadata(client: Any) -> None:
    response = client.converse_stream(modelId=TITAN, messages=ASKED, guardrailConfig=MEMBER)
    events = list(response["stream"])

    assert {"messageStop": {"stopReason": "guardrail_intervened"}} in events
    assert "secrets" in events[-1]["metadata"]["trace"]["guardrail"]["inputAssessment"]


def test_a_guardrail_that_is_not_there_is_refused_by_converse_too(client: Any) -> None:
    with pytest.raises(client.exceptions.ValidationException, match="does not exist"):
        client.converse(
            modelId=CLAUDE, messages=ASKED, guardrailConfig={**GUARDED, "guardrailVersion": "7"}
        )


# ── through our own provider ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def settings(bedrock: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    for name, value in bedrock.environment.items():
        monkeypatch.setenv(name, value)

    def build(surface: str = "invoke", **guardrail: str) -> Config:
        config = {
            "region": "us-east-1",
            "surface": surface,
            **({"guardrail": guardrail} if guardrail else {}),
        }
        return Config(
            providers={"bedrock": ProviderConfig("bedrock", is_enabled=True, config=config)}
        )

    return build


async def ask(config: Config, model: str, text: str) -> tuple[Completion, Completion]:
    """The whole answer and what the stream adds up to."""
    request = CompletionRequest((user(text),))
    async with Runtime.open(config) as runtime:
        completion = await runtime.complete(request, model=model)
        async with runtime.stream(request, model=model) as stream:
            streamed = assemble([event async for batch in stream for event in batch])
    return completion, streamed


@pytest.mark.parametrize(
    ("surface", "model"),
    [
        *(("invoke", model) for model in (*FAMILIES, MISTRAL_PROMPT, CLAUDE_2, JURASSIC)),
        *CONVERSING,
    ],
)
async def test_a_blocked_call_is_a_completion_that_says_so(
    settings: Callable[..., Config], surface: str, model: str
) -> None:
    named = settings(surface, id="secrets", version="1", trace="enabled")
    for completion in await ask(named, model, "the password"):
        assert completion.stop_reason is StopReason.GUARDRAIL
        assert completion.text == MESSAGE
        assert completion.guardrail is not None
        assert completion.guardrail.has_intervened
        assert "secrets" in str(completion.guardrail.trace)


@pytest.mark.parametrize("model", [*FAMILIES, MISTRAL_PROMPT, CLAUDE_2, JURASSIC])
async def test_a_masked_answer_ends_as_it_ends(settings: Callable[..., Config], model: str) -> None:
    for completion in await ask(settings(id="secrets", version="1"), model, "a purple cow"):
        assert completion.stop_reason is StopReason.END_TURN
        assert completion.guardrail is not None
        assert completion.guardrail.has_intervened


async def test_without_a_guardrail_in_the_configuration_nothing_is_guarded(
    settings: Callable[..., Config],
) -> None:
    for completion in await ask(settings(), CLAUDE, "the password"):
        assert (completion.stop_reason, completion.guardrail) == (StopReason.END_TURN, None)


def test_the_headers_of_a_guardrail() -> None:
    named = {"x-amzn-bedrock-guardrailidentifier": "a", "x-amzn-bedrock-guardrailversion": "1"}

    assert GuardrailConfig(id="a", version="1").headers == named
    assert GuardrailConfig(id="a", version="1", trace=Trace.ENABLED_FULL).headers == {
        **named,
        "x-amzn-bedrock-trace": "ENABLED_FULL",
    }


@pytest.mark.parametrize(
    ("guardrail", "resource"),
    [("secrets", "arn:aws:bedrock:us-east-1:*:guardrail/secrets"), (ARN, ARN)],
)
def test_a_guardrail_needs_a_permission_of_its_own(guardrail: str, resource: str) -> None:
    model = parse_model_id(TITAN)

    *others, last = statements_for(model, "us-east-1", is_streamed=False, guardrail=guardrail)

    assert last == {"Effect": "Allow", "Action": "bedrock:ApplyGuardrail", "Resource": resource}
    assert tuple(others) == statements_for(model, "us-east-1", is_streamed=False)
