"""What a tester scripts and looks at: calls of tools with arguments, thoughts, counts, reasons for
stopping, functions, and the calls that were made."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from axonflow_bedrock.emulator import emulator, serving
from axonflow_bedrock.emulator.script import Rule, load_script
from axonflow_bedrock.serving import RunningEmulator
from axonflow_core.config import FaultyConfig
from axonflow_core.messages import CompletionRequest

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
TITAN = "amazon.titan-text-express-v1"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "tools": [
        {"toolSpec": {"name": name, "inputSchema": {"json": CITY}}} for name in ("weather", "time")
    ]
}
TWO_CALLS = [
    {"name": "weather", "input": {"city": "Oslo"}},
    {"name": "time", "input": {"city": "Rome"}},
]


@contextmanager
def client_of(script: Any) -> Iterator[tuple[Any, RunningEmulator]]:
    with serving(emulator(script=script)) as running, closing(running.boto3_client()) as client:
        yield client, running


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"text": text}]}


def result(call: Any, text: str) -> dict[str, Any]:
    return {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": text}]}}


# ── scripts ───────────────────────────────────────────────────────────────────────────────────────


def test_several_calls_with_arguments_and_all_their_results_are_heard() -> None:
    script = [
        {"result": "12:00", "answer": "It is noon in Rome."},
        {"when": "Oslo", "calls": TWO_CALLS},
    ]
    with client_of(script) as (client, _):
        asked = said("Oslo and Rome?")
        first = client.converse(modelId=SONNET, messages=[asked], toolConfig=TOOLS)
        content = first["output"]["message"]["content"]
        calls = [block["toolUse"] for block in content if "toolUse" in block]
        told = [result(calls[0], "It rains."), result(calls[1], "12:00")]
        messages = [asked, first["output"]["message"], {"role": "user", "content": told}]
        last = client.converse(modelId=SONNET, messages=messages, toolConfig=TOOLS)

    assert [(call["name"], call["input"]["city"]) for call in calls] == [
        ("weather", "Oslo"),
        ("time", "Rome"),
    ]
    assert first["stopReason"] == "tool_use"
    assert last["output"]["message"]["content"] == [{"text": "It is noon in Rome."}]


def test_without_a_script_too_every_result_of_a_round_is_heard() -> None:
    with client_of(None) as (client, _):
        asked = said("Use weather and time")
        first = client.converse(modelId=SONNET, messages=[asked], toolConfig=TOOLS)
        content = first["output"]["message"]["content"]
        calls = [block["toolUse"] for block in content if "toolUse" in block]
        told = [result(calls[0], "It rains."), result(calls[1], "12:00")]
        messages = [asked, first["output"]["message"], {"role": "user", "content": told}]
        last = client.converse(modelId=SONNET, messages=messages, toolConfig=TOOLS)

    (block,) = last["output"]["message"]["content"]
    assert "The tool answered: It rains. The tool answered: 12:00" in block["text"]


def test_thoughts_counts_and_the_reason_for_stopping() -> None:
    rule = {
        "answer": "42",
        "reasoning": "Six by seven.",
        "stop_reason": "max_tokens",
        "usage": {"input_tokens": 7, "output_tokens": 1000, "cache_read_tokens": 90},
    }
    with client_of([rule]) as (client, _):
        answer = client.converse(modelId=SONNET, messages=[said("How much?")])
        stream = client.converse_stream(modelId=SONNET, messages=[said("How much?")])
        events = list(stream["stream"])

    thought, text = answer["output"]["message"]["content"]
    assert thought["reasoningContent"]["reasoningText"]["text"] == "Six by seven."
    assert (text["text"], answer["stopReason"]) == ("42", "max_tokens")
    for usage in (answer["usage"], events[-1]["metadata"]["usage"]):
        counts = [usage[f"{kind}Tokens"] for kind in ("input", "output", "cacheReadInput")]
        assert counts == [7, 1000, 90]


@pytest.mark.parametrize(
    ("model", "reason", "said"),
    [
        (SONNET, "refusal", "refusal"),
        (SONNET, "content_filtered", "refusal"),
        (SONNET, "guardrail_intervened", "refusal"),
        ("openai.gpt-oss-20b-1:0", "refusal", "content_filter"),
        ("openai.gpt-oss-20b-1:0", "model_context_window_exceeded", "length"),
        ("meta.llama3-70b-instruct-v1:0", "content_filtered", "stop"),
    ],
)
def test_a_family_stops_for_the_nearest_reason_that_it_has_a_name_for(
    model: str, reason: str, said: str
) -> None:
    request: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9}
    if model == SONNET:
        request["anthropic_version"] = "bedrock-2023-05-31"
    if "llama" in model:
        request = {"prompt": "Hi"}
    with client_of([{"stop_reason": reason, "answer": "No."}]) as (client, _):
        answer = json.load(client.invoke_model(modelId=model, body=json.dumps(request))["body"])

    (choice,) = answer.get("choices", [answer])
    assert choice.get("finish_reason", choice.get("stop_reason")) == said


def test_a_model_without_thoughts_leaves_them_out() -> None:
    with client_of([{"answer": "42", "reasoning": "Six by seven."}]) as (client, _):
        answer = client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": "How much?"}))

    assert json.load(answer["body"])["results"][0]["outputText"] == "42"


@pytest.mark.parametrize(
    "decision",
    ["It rains.", {"answer": "It rains."}, Rule(answer="It rains.")],
    ids=["text", "members", "a rule"],
)
def test_a_function_decides(decision: Any) -> None:
    def decide(request: CompletionRequest) -> Any:
        return decision if "weather" in request.messages[-1].text else None

    with client_of(decide) as (client, _):
        texts = [
            client.converse(modelId=SONNET, messages=[said(text)])["output"]["message"]["content"]
            for text in ("The weather?", "The time?")
        ]

    assert texts[0] == [{"text": "It rains."}]
    assert "emulated model" in texts[1][0]["text"]


@pytest.mark.parametrize(
    ("decision", "reason"),
    [
        (5, "TypeError: it returned int, where a text, the members of a rule, or None is due"),
        (["a", "b"], "it returned list"),
        ({"answr": "It rains."}, "did you mean `answer`?"),
        ({"when": "("}, "not a regular expression"),
        (KeyError("city"), "KeyError: 'city'"),
        (AssertionError("no system prompt"), "AssertionError: no system prompt"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_call_is_told_why_a_function_failed(decision: Any, reason: str) -> None:
    def decide(request: CompletionRequest) -> Any:
        if isinstance(decision, Exception):
            raise decision
        return decision

    with client_of(decide) as (client, running):
        with pytest.raises(client.exceptions.ValidationException) as refused:
            client.converse(modelId=SONNET, messages=[said("The weather?")])
        assert len(running.calls) == 1, "and the client repeats no such call"

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        lambda file: str(file),
        lambda file: json.loads(file.read_text()),
        lambda file: json.loads(file.read_text())["rules"],
        lambda file: tuple(json.loads(file.read_text())["rules"]),
    ],
    ids=["the file's name", "its sections", "its rules", "a tuple of them"],
)
def test_a_script_is_a_file_or_what_a_file_holds(source: Any, tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text('{"rules": [{"when": "weather", "answer": "It rains."}]}')

    assert load_script(source(file)) == load_script(file)


def test_an_answer_fits_the_schema_that_was_asked_for() -> None:
    structure = {"jsonSchema": {"schema": json.dumps({**CITY, "additionalProperties": False})}}
    config = {"textFormat": {"type": "json_schema", "structure": structure}}
    with client_of(None) as (client, _):
        answer = client.converse(modelId=SONNET, messages=[said("Where?")], outputConfig=config)

    (block,) = answer["output"]["message"]["content"]
    assert json.loads(block["text"]) == {"city": "example"}


@pytest.mark.parametrize("calls", [5, [{"nam": "f"}], [{"name": "f", "input": 5}]], ids=str)
def test_calls_that_are_none_are_a_fault(calls: Any) -> None:
    with pytest.raises(FaultyConfig, match="a call is the name of a tool"):
        load_script([{"calls": calls}])


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_script_in_json_may_hold_what_yaml_does_not_read(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text('{\n\t"rules": [\n\t\t{"answer": "\\ud83d\\ude00 a\\/b", "times": 2}\n\t]\n}')

    (rule,) = load_script(path).rules

    assert (rule.answer, rule.times) == ("\N{GRINNING FACE} a/b", 2)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('{"rules": [\n  {"answer": "a",}\n]}', "2:18", "not JSON"),
        ('{"rules": [\n\t{"anser": "a"}]}', "2:3", "did you mean `answer`?"),
        ('{"rules": [{"answer": "a"},\n {"when": "("}]}', "2:11", "not a regular expression"),
        ('{"rules": [],\n "rules": []}', "2:2", "duplicate key `rules`"),
        ("[]", "1:1", "the file has no keys"),
        ("", "1:1", "not JSON"),
    ],
)
def test_a_fault_of_a_script_in_json_has_its_place(
    tmp_path: Path, text: str, place: str, words: str
) -> None:
    (tmp_path / "script.json").write_text(text)

    with pytest.raises(FaultyConfig) as raised:
        load_script(tmp_path / "script.json")

    assert f"script.json:{place}" in str(raised.value)
    assert words in str(raised.value)


def test_a_script_in_yaml_1_1_says_so(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(
        "%YAML 1.1\n---\nrules:\n- &a {when: no, answer: on}\n- {<<: *a, when: 'yes'}\n"
    )

    assert [(rule.when, rule.answer) for rule in load_script(path).rules] == [
        ("no", "on"),
        ("yes", "on"),
    ]


# ── what was asked ────────────────────────────────────────────────────────────────────────────────


def test_every_call_is_kept_with_its_status_and_rule() -> None:
    rules = [
        {"when": "busy", "error": {"code": "ThrottlingException"}},
        {"when": "weather", "answer": "It rains."},
    ]
    with client_of(rules) as (client, running):
        client.converse(modelId=SONNET, messages=[said("The weather?")])
        client.invoke_model(modelId=TITAN, body=json.dumps({"inputText": "Hi"}))
        with pytest.raises(client.exceptions.ThrottlingException):
            client.converse(modelId=SONNET, messages=[said("busy?")])
        list(client.converse_stream(modelId=SONNET, messages=[said("Hi")])["stream"])

    asked, plain, refused, streamed = running.calls
    assert (asked.operation, asked.model, asked.status) == ("converse", SONNET, 200)
    assert (asked.json["messages"], asked.rule.when) == ([said("The weather?")], "weather")
    assert (plain.operation, plain.rule, plain.json) == ("invoke", None, {"inputText": "Hi"})
    assert (refused.status, refused.rule.when) == (429, "busy")
    assert (streamed.operation, str(streamed)) == (
        "converse-stream",
        f"converse-stream {SONNET} 200",
    )


def test_serving_needs_no_pytest() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from axonflow_bedrock.emulator import emulator, serving\n"
        "with serving(emulator()) as running: print(running.base_url)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert finished.stdout.startswith("http://127.0.0.1:")
