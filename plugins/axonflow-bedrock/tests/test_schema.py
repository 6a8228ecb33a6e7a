"""The gate before each family's models: what it refuses in whose words, and that it lets pass what AWS let pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_bedrock.emulator.schema import GATES, pass_gate, violations
from axonflow_bedrock.endpoint import Fault
from axonflow_bedrock.errors import diagnose
from axonflow_bedrock.model_id import parse_model_id
from axonflow_core.errors import RequestError
from axonflow_core.plugins import load_codecs
from axonflow_core.testing import Recording, read_recordings

CODECS = load_codecs("bedrock").registry
CLAUDE = "anthropic.claude-3-haiku-20240307-v1:0"
CLAUDE_2 = "anthropic.claude-v2"
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
TITAN = "amazon.titan-text-express-v1"
MISTRAL = "mistral.mistral-7b-instruct-v0:2"
SAID = {
    "anthropic_version": "bedrock-2023-05-31",
    "max_tokens": 5,
    "messages": [{"role": "user", "content": "Hi"}],
}


def refusal_of(model: str, body: Any) -> str | None:
    try:
        pass_gate(CODECS.for_base_id(model), model, body)
    except Fault as fault:
        assert (fault.status, fault.code) == (400, "ValidationException")
        return fault.message
    return None


MALFORMED = [
    (LLAMA, {"prompt": "Hi", "max_tokens": 5}, "#: extraneous key [max_tokens] is not permitted"),
    (LLAMA, {}, "#: required key [prompt] not found"),
    (LLAMA, {"inputText": "Hi"}, "#: required key [prompt] not found#: extraneous key [inputText] is not permitted"),
    (LLAMA, {"prompt": ["Hi"]}, "#/prompt: expected type: String, found: JSONArray"),
    (LLAMA, {"prompt": "Hi", "max_gen_len": 0}, "#/max_gen_len: 0 is not greater or equal to 1"),
    (LLAMA, {"prompt": "Hi", "max_gen_len": True}, "#/max_gen_len: expected type: Integer, found: Boolean"),
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
    (MISTRAL, {"prompt": "Hi", "stop": ["a"] * 11}, "#/stop: expected maximum item count: 10, found: 11"),
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
    (CLAUDE_2, {"prompt": "\n\nHuman: Hi\n\nAssistant:"}, "#: required key [max_tokens_to_sample] not found"),
    (
        CLAUDE_2,
        {"prompt": "Hi", "max_tokens_to_sample": 5000},
        "#/max_tokens_to_sample: 5000 is not less or equal to 4096",
    ),
    (MISTRAL, {"prompt": "Hi", "max_tokens": 5.5}, "#/max_tokens: expected type: Integer, found: Number"),
]


@pytest.mark.parametrize(("model", "body", "words"), MALFORMED)
def test_a_json_schema_tells_every_violation_by_its_pointer(model: str, body: Any, words: str) -> None:
    assert refusal_of(model, body) == f"Malformed input request: {words}, please reformat your input and try again."


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
        ({"thinking": {"type": "enabled", "budget_tokens": 5}}, "thinking.budget_tokens: Input should be greater than"),
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
        (CLAUDE, {**SAID, "anthropic_beta": ["context-management-2025-06-27"], "context_management": {}}),
        (LLAMA, {"prompt": "Hi", "temperature": 0, "top_p": 1, "max_gen_len": 2048}),
        (TITAN, {"inputText": "Hi", "textGenerationConfig": {"stopSequences": []}}),
        ("mistral.mistral-large-2407-v1:0", {"messages": [{"role": "user", "content": "Hi"}], "safe_prompt": True}),
    ],
)
def test_what_a_family_takes_passes(model: str, body: Any) -> None:
    assert refusal_of(model, body) is None


def test_a_model_that_takes_one_of_two_parameters_refuses_both() -> None:
    both = {**SAID, "temperature": 0.5, "top_p": 0.5}

    assert refusal_of("anthropic.claude-sonnet-4-5-20250929-v1:0", both) == (
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    )
    assert refusal_of(CLAUDE, both) is None


@pytest.mark.parametrize(("model", "body", "words"), MALFORMED[:5])
def test_our_own_diagnosis_knows_the_words(model: str, body: Any, words: str) -> None:
    message = orjson.dumps({"message": refusal_of(model, body)})

    error = diagnose(400, "ValidationException", message, model=parse_model_id(model))

    assert error.hint
    assert "(HTTP " not in error.message


def test_every_gate_is_one_of_an_installed_codec() -> None:
    assert {*GATES} <= {entry.codec.name for entry in CODECS}


# ── what AWS took and refused ───────────────────────────────────────────────────────────────────────────────────────


def taken(folder: Path) -> list[tuple[Recording, list[object]]]:
    """The recorded bodies of gated families that AWS answered, with what their gate finds."""
    judged = []
    for path in sorted(folder.glob("*.jsonl")):
        for recording in read_recordings(path):
            body, gate = recording.request_body, gate_of(recording)
            if gate is not None and isinstance(body, dict) and recording.status == 200:
                judged.append((recording, list(violations(body, gate.shape))))
    return judged


def gate_of(recording: Recording) -> Any:
    if not recording.operation.startswith("InvokeModel"):
        return None
    try:
        codec = CODECS.for_base_id(parse_model_id(recording.model_id).base_id or "")
    except RequestError:
        return None
    if codec.name == "anthropic/text" and "messages" in (recording.request_body or {}):
        return GATES["anthropic"]  # these models take either form
    return GATES.get(codec.name)


def test_every_recorded_body_that_aws_took_passes_its_gate(recordings: Path) -> None:
    judged = taken(recordings)

    assert len(judged) > 50
    assert [(recording.case, found) for recording, found in judged if found] == []
