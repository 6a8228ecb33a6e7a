"""The gate before each family's models: what it refuses in whose words, and that it lets pass what
AWS let pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from axonflow_bedrock.emulator.gates import GATES, Gate, pass_gate
from axonflow_bedrock.emulator.schema import Constraint, Violation, violations
from axonflow_bedrock.errors.diagnose import diagnose
from axonflow_bedrock.models.model_id import parse_model_id, vendors_of
from axonflow_bedrock.wire.body_form import codec_of_call
from axonflow_bedrock.wire.endpoint import ServiceException
from axonflow_bedrock.wire.surfaces import INVOKE_CODECS
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.errors import RequestError
from axonflow_core.plugins import load_codecs
from axonflow_core.testing import Recording, read_recordings
from axonflow_core.testing.claims import claimed
from axonflow_core.testing.strategies import joined_requests, requests

CODECS = load_codecs("bedrock").registry
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
CLAUDE_2 = "anthropic.claude-v2"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
TITAN = "amazon.titan-text-express-v1"
MISTRAL = "mistral.mistral-7b-instruct-v0:2"
COMMAND, COMMAND_R = "cohere.command-text-v14", "cohere.command-r-v1:0"
JURASSIC, R1, JAMBA = "ai21.j2-mid-v1", "deepseek.r1-v1:0", "ai21.jamba-1-5-mini-v1:0"
WRITER, GPT_OSS, KIMI = "writer.palmyra-x5-v1:0", "openai.gpt-oss-20b-1:0", "moonshotai.kimi-k2.5"
CHATTED = {"messages": [{"role": "user", "content": "Hi"}]}
SAID = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 5,
    "messages": [{"role": "user", "content": "Hi"}],
}


def refusal_of(model: str, body: Any) -> str | None:
    try:
        pass_gate(CODECS.for_base_id(model), body)
    except ServiceException as fault:
        assert (fault.status, fault.code) == (400, "ValidationException")
        return fault.message
    return None


MALFORMED = [
    (LLAMA, {"prompt": "Hi", "max_tokens": 5}, "#: extraneous key [max_tokens] is not permitted"),
    (LLAMA, {}, "#: required key [prompt] not found"),
    (
        LLAMA,
        {"inputText": "Hi"},
        "#: required key [prompt] not found#: extraneous key [inputText] is not permitted",
    ),
    (LLAMA, {"prompt": ["Hi"]}, "#/prompt: expected type: String, found: JSONArray"),
    (LLAMA, {"prompt": "Hi", "max_gen_len": 0}, "#/max_gen_len: 0 is not greater or equal to 1"),
    (
        LLAMA,
        {"prompt": "Hi", "max_gen_len": True},
        "#/max_gen_len: expected type: Integer, found: Boolean",
    ),
    (LLAMA, {"prompt": "Hi", "top_p": 1.5}, "#/top_p: 1.5 is not less or equal to 1"),
    (LLAMA, {"prompt": None}, "#/prompt: expected type: String, found: Null"),
    (LLAMA, [], "#: expected type: JSONObject, found: JSONArray"),
    (
        TITAN,
        {"inputText": "Hi", "textGenerationConfig": {"maxTokens": 5}},
        "#/textGenerationConfig: extraneous key [maxTokens] is not permitted",
    ),
    (
        TITAN,
        {"inputText": "Hi", "textGenerationConfig": {"topP": 0}},
        "#/textGenerationConfig/topP: 0 is not greater than 0",
    ),
    (
        MISTRAL,
        {"prompt": "Hi", "stop": ["a"] * 11},
        "#/stop: expected maximum item count: 10, found: 11",
    ),
    (MISTRAL, {"prompt": "Hi", "stop": [5]}, "#/stop/0: expected type: String, found: Integer"),
    (
        NOVA,
        {"messages": [{"role": "user", "content": [{"inputText": "Hi"}]}]},
        "#/messages/0/content/0: extraneous key [inputText] is not permitted",
    ),
    (
        NOVA,
        {"messages": [{"role": "user", "content": "Hi"}]},
        "#/messages/0/content: expected type: JSONArray, found: String",
    ),
    (NOVA, {"messages": [], "max_tokens": 5}, "#: extraneous key [max_tokens] is not permitted"),
    (
        CLAUDE_2,
        {"prompt": "\n\nHuman: Hi\n\nAssistant:"},
        "#: required key [max_tokens_to_sample] not found",
    ),
    (
        CLAUDE_2,
        {"prompt": "Hi", "max_tokens_to_sample": 5000},
        "#/max_tokens_to_sample: 5000 is not less or equal to 4096",
    ),
    (
        MISTRAL,
        {"prompt": "Hi", "max_tokens": 5.5},
        "#/max_tokens: expected type: Integer, found: Number",
    ),
    (COMMAND, {"prompt": "Hi", "message": "Hi"}, "#: extraneous key [message] is not permitted"),
    (
        COMMAND,
        {"prompt": "Hi", "stream": "true"},
        "#/stream: expected type: Boolean, found: String",
    ),
    (
        COMMAND,
        {"prompt": "Hi", "num_generations": 6},
        "#/num_generations: 6 is not less or equal to 5",
    ),
    (
        COMMAND,
        {"prompt": "Hi", "truncate": "MIDDLE"},
        "#/truncate: the value is not a valid enum value",
    ),
    (
        COMMAND_R,
        {"prompt": "Hi"},
        "#: required key [message] not found#: extraneous key [prompt] is not permitted",
    ),
    (COMMAND_R, {"message": "Hi", "p": 1}, "#/p: 1 is not less or equal to 0.99"),
    (
        COMMAND_R,
        {"message": "Hi", "tool_results": [{"call": {"name": "weather"}}]},
        "#/tool_results/0: required key [outputs] not found",
    ),
    (
        JURASSIC,
        {"prompt": "Hi", "max_tokens": 5},
        "#: extraneous key [max_tokens] is not permitted",
    ),
    (
        JURASSIC,
        {"prompt": "Hi", "countPenalty": {"scale": "much"}},
        "#/countPenalty/scale: expected type: Number, found: String",
    ),
    (
        R1,
        CHATTED,
        "#: required key [prompt] not found#: extraneous key [messages] is not permitted",
    ),
    (
        R1,
        {"prompt": "Hi", "max_tokens": 32769},
        "#/max_tokens: 32769 is not less or equal to 32768",
    ),
    (JAMBA, {"prompt": "Hi"}, "#: required key [messages] not found"),
    (JAMBA, {**CHATTED, "temperature": 2.5}, "#/temperature: 2.5 is not less or equal to 2"),
    (JAMBA, {**CHATTED, "n": 17}, "#/n: 17 is not less or equal to 16"),
    (WRITER, {**CHATTED, "stop": ["a"] * 5}, "#/stop: expected maximum item count: 4, found: 5"),
    (
        WRITER,
        {**CHATTED, "presence_penalty": -3},
        "#/presence_penalty: -3 is not greater or equal to -2",
    ),
    (GPT_OSS, {"prompt": "Hi"}, "#: required key [messages] not found"),
    (
        GPT_OSS,
        {**CHATTED, "reasoning_effort": "utmost"},
        "#/reasoning_effort: the value is not a valid enum value",
    ),
    (GPT_OSS, {"messages": [{"content": "Hi"}]}, "#/messages/0: required key [role] not found"),
    (GPT_OSS, {"messages": None}, "#/messages: expected type: JSONArray, found: Null"),
    (
        GPT_OSS,
        {**CHATTED, "max_tokens": "many"},
        "#/max_tokens: expected type: Integer, found: String",
    ),
    (KIMI, {**CHATTED, "temperature": 1.5}, "#/temperature: 1.5 is not less or equal to 1"),
]


@pytest.mark.parametrize(("model", "body", "words"), MALFORMED)
def test_a_json_schema_tells_every_violation_by_its_pointer(
    model: str, body: Any, words: str
) -> None:
    assert (
        refusal_of(model, body)
        == f"Malformed input request: {words}, please reformat your input and try again."
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"max_tokens": ...}, "max_tokens: Field required"),
        ({"messages": ...}, "messages: Field required"),
        ({"stream": True}, "stream: Extra inputs are not permitted"),
        ({"model": "claude"}, "model: Extra inputs are not permitted"),
        ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        ({"temperature": 1.5}, "temperature: Input should be less than or equal to 1"),
        ({"messages": "Hi"}, "messages: Input should be a valid list"),
        ({"messages": [{"role": "user"}]}, "messages.0.content: Field required"),
        (
            {"messages": [{"role": "tool", "content": "Hi"}]},
            "messages.0.role: Input should be 'user' or 'assistant' or 'system'",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5}},
            "thinking.budget_tokens: Input should be greater than",
        ),
    ],
)
def test_claude_tells_the_first_by_its_path(changed: dict[str, Any], words: str) -> None:
    body = {key: value for key, value in {**SAID, **changed}.items() if value is not ...}

    message = refusal_of(CLAUDE, body)

    assert message is not None
    assert message.startswith(words)


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (CLAUDE, SAID),
        (
            CLAUDE,
            {**SAID, "anthropic_beta": ["context-management-2025-06-27"], "context_management": {}},
        ),
        (LLAMA, {"prompt": "Hi", "temperature": 0, "top_p": 1, "max_gen_len": 2048}),
        (TITAN, {"inputText": "Hi", "textGenerationConfig": {"stopSequences": []}}),
        ("mistral.mistral-large-2407-v1:0", {**CHATTED, "safe_prompt": True}),
        (
            COMMAND_R,
            {"message": "Hi", "p": 0.99, "documents": [{"title": "Rain", "snippet": "It rains."}]},
        ),
        (
            GPT_OSS,
            {**CHATTED, "stop": "END", "reasoning_effort": "low", "chat_template_kwargs": {}},
        ),
        (GPT_OSS, {**CHATTED, "temperature": None, "response_format": None}),
        (WRITER, {"prompt": "Hi"}),
    ],
)
def test_what_a_family_takes_passes(model: str, body: Any) -> None:
    assert refusal_of(model, body) is None


@pytest.mark.parametrize(("model", "body", "words"), MALFORMED[:5])
def test_our_own_diagnosis_knows_the_words(model: str, body: Any, words: str) -> None:
    message = orjson.dumps({"message": refusal_of(model, body)})

    error = diagnose(400, "ValidationException", message, model=parse_model_id(model))

    assert error.hint
    assert "(HTTP " not in error.message


@pytest.mark.parametrize(
    ("form", "body", "passes"),
    [
        ("imported/llama", {"prompt": "Hi", "max_gen_len": 5, "top_p": 2}, True),
        ("imported/llama", {"prompt": ["Hi"]}, False),
        ("imported/completion", {"prompt": "Hi", "max_tokens": 5, "structured_outputs": {}}, True),
        ("imported/completion", {"prompt": "Hi", "max_tokens": 5.5}, False),
        ("imported/chat", CHATTED, True),
        ("imported/chat", {"messages": "Hi"}, False),
        ("marketplace/tgi", {"prompt": "Hi", "topP": 2}, True),
        ("marketplace/tgi", {"inputs": "Hi"}, False),
    ],
)
def test_a_container_of_somebody_s_own_is_held_to_what_is_documented(
    form: str, body: Any, passes: bool
) -> None:
    assert passes is not any(violations(body, GATES[form].shape))


def test_every_form_of_invoke_model_that_we_ship_has_a_gate_and_no_other_has() -> None:
    assert {*GATES} == {
        entry.codec.name
        for entry in CODECS
        if isinstance(entry.codec, FamilyCodec)
        and entry.codec.surface == INVOKE_CODECS
        and entry.distribution == "axonflow-bedrock"
    }


# ── what our own codecs write ─────────────────────────────────────────────────────────────────────

OF_THE_CALLER = {Constraint.LEAST, Constraint.MOST, Constraint.ABOVE, Constraint.ITEMS}
"""Breaches that lie in the values of a request, and not in how the codec says it."""


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", sorted(GATES))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_our_own_codec_writes_is_of_the_shape_that_the_gate_lets_pass(
    name: str, data: st.DataObject
) -> None:
    claims = claimed(CODECS.for_name(name), ModelFacts(), None)
    # What an option means is not the codec's to know, so the drawn ones are no values of theirs; a
    # service tier is a header on InvokeModel, and the rules of models leave it out of the body.
    drawn = data.draw(requests(claims) | joined_requests(claims))
    request = evolve(drawn, options={}, service_tier=None)
    assume(
        request.tools or request.tool_choice is None
    )  # a choice among no tools is a breach of the caller's

    body = orjson.loads(orjson.dumps(claims.codec.encode_request(request, ModelFacts())))

    assert [
        found
        for found in violations(body, GATES[name].shape)
        if found.constraint not in OF_THE_CALLER
    ] == []


# ── what AWS took and refused ─────────────────────────────────────────────────────────────────────


def judged(folder: Path) -> list[tuple[Recording, list[Violation]]]:
    """The recorded bodies of gated families, with what their gate finds."""
    return [
        (recording, list(violations(recording.request_body, gate.shape)))
        for path in sorted(folder.glob("*.jsonl"))
        for recording in read_recordings(path)
        if isinstance(recording.request_body, dict) and (gate := gate_of(recording)) is not None
    ]


def gate_of(recording: Recording) -> Gate | None:
    if not recording.operation.startswith("InvokeModel"):
        return None
    model = parse_model_id(recording.model_id, vendors_of(CODECS))
    try:
        return GATES.get(codec_of_call(CODECS, model, recording.request_body).name)
    except RequestError:
        return None


def test_every_recorded_body_that_aws_took_passes_its_gate(recordings: Path) -> None:
    taken = [(each.case, found) for each, found in judged(recordings) if each.status == 200]

    assert len(taken) > 100
    assert [(case, found) for case, found in taken if found] == []


def test_every_recorded_body_that_aws_called_malformed_fails_its_gate(recordings: Path) -> None:
    malformed = [
        (each.case, found)
        for each, found in judged(recordings)
        if each.status == 400 and "Malformed input request" in str(each.response_body)
    ]

    if not malformed:
        pytest.skip("no recorded refusal of a gated family has kept its body")
    assert [case for case, found in malformed if not found] == []
