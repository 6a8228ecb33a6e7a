"""Clients of OpenAI at a governed server, on the wire: chat completions and responses, answered by
models of all families and of all providers.

Every stream of this module runs through the automata of `tests.grammar_openai`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from tests.governed_server import GovernedServer, Reply
from tests.grammar_openai import check_chat, check_responses, frames_of

from .drop_in import SECRET, drop_in

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
RULES = [
    {"when": "weather", "calls": [{"name": "get_weather", "input": {"city": "Oslo", "n": 3}}]},
    {"when": "secret", "answer": f"It is {SECRET}, and nothing else. " + "So it is. " * 40},
    {"when": "late", "answer": "So it is. " * 900 + f"It is {SECRET}. " + "So it is. " * 60},
    {"when": "think", "reasoning": "I think.", "answer": "Done."},
    {"when": "arguments", "calls": [{"name": "get_weather", "input": {"city": SECRET}}]},
    {"when": "musing", "reasoning": f"It is {SECRET}. " * 9, "answer": "Done."},
    {"when": "cut off", "fault": "truncate", "at_byte": 700},
    {"when": "tell long", "answer": "Long. " * 200, "stop_reason": "max_tokens"},
]
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["city"],
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["city", "n"],
    "additionalProperties": False,
}
PNG = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAC"
    "hwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedServer]:
    folder = tmp_path_factory.mktemp("openai_dialect")
    with drop_in(folder, RULES, providers=("bedrock", "openai")) as served:
        yield served


def said(text: str, **members: Any) -> dict[str, Any]:
    """A request of chat."""
    return {"messages": [{"role": "user", "content": text}], **members}


def asked(server: GovernedServer, path: str, body: Mapping[str, Any], **members: Any) -> Reply:
    return server.ask("POST", path, {"model": "claude", **body, **members}, client="acme")


def chat(server: GovernedServer, text: str, **members: Any) -> Any:
    reply = asked(server, CHAT, said(text), **members)
    assert reply.status == 200, reply.body
    return reply.json


def chat_stream(server: GovernedServer, text: str, **members: Any) -> tuple[str, list[Any]]:
    """How a stream ended, and its chunks."""
    reply = asked(server, CHAT, said(text), stream=True, **members)
    assert reply.status == 200, reply.body
    asks = bool((members.get("stream_options") or {}).get("include_usage"))
    end = check_chat(reply.body, asks_for_usage=asks)
    return end, [frame for _, frame in frames_of(reply.body)]


def response(server: GovernedServer, text: str, **members: Any) -> Any:
    reply = asked(server, RESPONSES, {"input": text}, **members)
    assert reply.status == 200, reply.body
    return reply.json


def response_stream(server: GovernedServer, text: str, **members: Any) -> tuple[str, list[Any]]:
    reply = asked(server, RESPONSES, {"input": text}, stream=True, **members)
    assert reply.status == 200, reply.body
    return check_responses(reply.body), [event for _, event in frames_of(reply.body)]


def text_of(chunks: list[Any]) -> str:
    choices = [chunk["choices"][0] for chunk in chunks if chunk != "[DONE]" and chunk["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def refused(server: GovernedServer, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
    """Status and error, the same whole and streamed."""
    whole, streamed = asked(server, path, body), asked(server, path, body, stream=True)
    assert (whole.status, whole.json["error"]["type"]) == (
        streamed.status,
        streamed.json["error"]["type"],
    )
    return whole.status, whole.json["error"]


# ── chat ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["claude", "nova", "gpt"])
def test_a_stream_adds_up_to_the_whole_and_is_named_as_it(
    server: GovernedServer, model: str
) -> None:
    whole = chat(server, "hi", model=model)
    end, chunks = chat_stream(server, "hi", model=model)

    assert end == "done"
    assert text_of(chunks) == whole["choices"][0]["message"]["content"]
    assert (whole["model"], chunks[0]["model"]) == (model, model)
    assert whole["id"].startswith("chatcmpl-") and chunks[0]["id"].startswith("chatcmpl-")


@pytest.mark.parametrize("model", ["claude", "gpt"])
def test_counts_come_where_they_are_asked_for_and_are_those_of_the_whole(
    server: GovernedServer, model: str
) -> None:
    options = {"include_usage": True}
    _, chunks = chat_stream(server, "hi", model=model, stream_options=options)

    assert chunks[-1] == "[DONE]"
    assert chunks[-2]["usage"] == chat(server, "hi", model=model)["usage"]
    _, chunks = chat_stream(server, "hi", model=model)
    assert not any("usage" in chunk for chunk in chunks[:-1])


@pytest.mark.parametrize("model", ["claude", "nova", "gpt"])
@pytest.mark.parametrize(
    "choice", ["auto", "required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_arguments_that_are_streamed_add_up_to_the_call(
    server: GovernedServer, model: str, choice: object
) -> None:
    asks = {
        "model": model,
        "tools": [{"type": "function", "function": WEATHER}],
        "tool_choice": choice,
    }
    (call,) = chat(server, "weather", **asks)["choices"][0]["message"]["tool_calls"]
    _, chunks = chat_stream(server, "weather", **asks)

    choices = [chunk["choices"][0] for chunk in chunks[:-1] if chunk["choices"]]
    pieces = [call for each in choices for call in each["delta"].get("tool_calls", ())]
    arguments = "".join(piece["function"].get("arguments") or "" for piece in pieces)
    assert json.loads(arguments) == json.loads(call["function"]["arguments"])
    assert (choices[-1]["finish_reason"], call["function"]["name"]) == ("tool_calls", "get_weather")


def test_the_result_of_a_tool_is_answered(server: GovernedServer) -> None:
    arguments = json.dumps({"city": "Oslo"})
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": arguments},
    }
    body = {
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "It rains."},
        ],
        "tools": [{"type": "function", "function": WEATHER}],
    }

    assert b"It rains." in asked(server, CHAT, body).body


def test_reasoning_has_a_member_of_its_own(server: GovernedServer) -> None:
    asks = {"reasoning_effort": "low", "max_completion_tokens": 3000}
    whole = chat(server, "think", **asks)["choices"][0]["message"]
    end, chunks = chat_stream(server, "think", **asks)

    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    thought = "".join(delta.get("reasoning_content") or "" for delta in deltas)
    assert (end, whole["reasoning_content"], thought) == ("done", "I think.", "I think.")
    assert text_of(chunks) == whole["content"] == "Done."


def test_an_answer_is_json_of_its_schema(server: GovernedServer) -> None:
    schema = {"name": "w", "schema": SCHEMA, "strict": True}
    asks = {"response_format": {"type": "json_schema", "json_schema": schema}}
    whole = chat(server, "hi", **asks)["choices"][0]
    _, chunks = chat_stream(server, "hi", **asks)

    assert json.loads(whole["message"]["content"]).keys() == {"city", "n"}
    assert json.loads(text_of(chunks)).keys() == {"city", "n"}
    assert whole["finish_reason"] == "stop"


def test_an_answer_ends_at_a_stop_sequence_and_at_its_limit(server: GovernedServer) -> None:
    stopped = chat(server, "hi", stop=["said"])["choices"][0]
    cut = chat(server, "tell long", max_completion_tokens=5)["choices"][0]

    assert "said" not in stopped["message"]["content"] and stopped["finish_reason"] == "stop"
    assert cut["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (said("hi", n=2), "n"),
        (said("hi", logprobs=True), "logprobs"),
        (said("hi", modalities=["text", "audio"]), "modalities"),
    ],
)
def test_what_a_model_does_not_have_is_refused_by_name(
    server: GovernedServer, body: Mapping[str, Any], named: str
) -> None:
    status, error = refused(server, CHAT, body)

    assert (status, error["type"]) == (400, "invalid_request_error")
    assert f" {named}:" in error["message"]


def test_one_answer_is_what_everybody_gets(server: GovernedServer) -> None:
    assert len(chat(server, "hi", n=1)["choices"]) == 1


# ── responses ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("model", ["claude", "nova", "gpt"])
def test_a_streamed_response_ends_with_what_the_whole_one_is(
    server: GovernedServer, model: str
) -> None:
    whole = response(server, "hi", model=model)
    end, events = response_stream(server, "hi", model=model)

    last = events[-1]["response"]
    assert (end, whole["model"], last["model"]) == ("completed", model, model)
    assert last["usage"] == whole["usage"]
    assert [item["content"] for item in last["output"]] == [
        item["content"] for item in whole["output"]
    ]


@pytest.mark.parametrize("model", ["claude", "nova", "gpt"])
def test_a_tool_is_called_in_a_response(server: GovernedServer, model: str) -> None:
    asks = {"tools": [{"type": "function", **WEATHER}], "tool_choice": "required"}
    end, events = response_stream(server, "weather", model=model, **asks)

    (call,) = [each for each in events[-1]["response"]["output"] if each["type"] != "message"]
    assert (end, call["type"], call["name"]) == ("completed", "function_call", "get_weather")
    assert json.loads(call["arguments"]) == {"city": "Oslo", "n": 3}


SPACE = {
    "type": "namespace",
    "name": "agents",
    "description": "Agents.",
    "tools": [{"type": "function", "name": "close", "parameters": {"type": "object"}}],
}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Patches a file."}


@pytest.mark.parametrize("model", ["claude", "nova", "gpt"])
@pytest.mark.parametrize(
    ("tool", "members"),
    [
        (SPACE, {"type": "function_call", "name": "close", "namespace": "agents"}),
        (PATCH, {"type": "custom_tool_call", "name": "apply_patch"}),
    ],
)
def test_a_call_of_a_tool_that_no_other_vendor_has_goes_back_as_it_was_offered(
    server: GovernedServer, model: str, tool: Mapping[str, Any], members: Mapping[str, Any]
) -> None:
    asks = {"tools": [tool, {"type": "web_search"}], "tool_choice": "required", "model": model}
    end, events = response_stream(server, "hi", **asks)
    (call,) = [each for each in events[-1]["response"]["output"] if each["type"] != "message"]

    assert (end, {name: call.get(name) for name in members}) == ("completed", members)
    result = {"type": f"{call['type']}_output", "call_id": call["call_id"], "output": "done"}
    items = [{"role": "user", "content": "hi"}, call, result]
    answer = asked(server, RESPONSES, {"input": items}, **{**asks, "tool_choice": "auto"})
    assert (answer.status, b"done" in answer.body) == (200, True), answer.body


def test_what_was_left_out_is_on_record(server: GovernedServer) -> None:
    response_stream(server, "hi", tools=[SPACE, {"type": "web_search"}], user="ann")

    with closing(sqlite3.connect(server.folder / "audit.db")) as database:
        bodies = database.execute("SELECT body FROM records ORDER BY row").fetchall()
    entry = [json.loads(body) for (body,) in bodies][-1]
    assert entry["facts"]["adjustments"] == {"built-in tools": 1, "tools": 1}


def test_reasoning_goes_back_to_the_model_with_its_seal(server: GovernedServer) -> None:
    asks = {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]}
    thought, _ = response(server, "think", **asks)["output"]
    again = [
        {"role": "user", "content": "think"},
        thought,
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": "hi"},
    ]

    assert thought["summary"] == [{"type": "summary_text", "text": "I think."}]
    assert thought["encrypted_content"].startswith("axonflow.signature:")
    assert asked(server, RESPONSES, {"input": again}, **asks).status == 200


def test_a_response_that_was_cut_is_incomplete(server: GovernedServer) -> None:
    end, events = response_stream(server, "tell long", max_output_tokens=5)

    assert end == "incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


# ── what is refused, and what breaks ──────────────────────────────────────────────────────────────

BOTH = [(CHAT, said("{}")), (RESPONSES, {"input": "{}"})]


def with_text(body: Mapping[str, Any], text: str) -> Any:
    return json.loads(json.dumps(body).replace("{}", text))


@pytest.mark.parametrize(("path", "body"), BOTH)
def test_a_refusal_has_openais_envelope_and_says_what_is_wrong(
    server: GovernedServer, path: str, body: Mapping[str, Any]
) -> None:
    status, error = refused(server, path, with_text(body, "project aurora"))
    assert (status, error["code"]) == (400, "policy_blocked")
    assert "no-aurora" in error["message"]

    status, error = refused(server, path, {**body, "model": "nobody's"})
    assert (status, error["code"]) == (404, "model_not_found")

    reply = server.ask("POST", path, {"model": "claude", **body}, headers={"authorization": "x"})
    assert (reply.status, reply.json["error"]["code"]) == (401, "invalid_api_key")
    assert reply.json["error"].keys() >= {"message", "type", "param", "code"}


@pytest.mark.parametrize("model", ["claude", "gpt"])
@pytest.mark.parametrize("text", ["secret", "late", "musing", "arguments"])
def test_a_blocked_answer_gives_nothing_of_what_is_blocked_and_does_not_look_finished(
    server: GovernedServer, model: str, text: str
) -> None:
    if (model, text) == ("gpt", "musing"):
        pytest.skip("gpt-4o does not reason")
    asks: dict[str, Any] = {"tools": [{"type": "function", "function": WEATHER}], "model": model}
    if text == "musing":
        asks |= {"reasoning_effort": "low"}
    reply = asked(server, CHAT, said(text), stream=True, **asks)

    assert SECRET.encode() not in reply.body
    if reply.status == 200:
        assert check_chat(reply.body) == "error"
        assert frames_of(reply.body)[-1][1]["error"]["code"] == "policy_blocked"
    else:
        assert (reply.status, reply.json["error"]["code"]) == (400, "policy_blocked")
    whole = asked(server, CHAT, said(text), **asks)
    assert (whole.status, SECRET.encode() in whole.body) == (400, False)


@pytest.mark.parametrize("model", ["claude", "gpt"])
@pytest.mark.parametrize("text", ["secret", "late", "musing", "arguments"])
def test_a_blocked_response_fails_with_a_code_that_is_not_tried_again(
    server: GovernedServer, model: str, text: str
) -> None:
    if (model, text) == ("gpt", "musing"):
        pytest.skip("gpt-4o does not reason")
    asks: dict[str, Any] = {"tools": [{"type": "function", **WEATHER}], "model": model}
    if text == "musing":
        asks |= {"reasoning": {"effort": "low"}}
    reply = asked(server, RESPONSES, {"input": text}, stream=True, **asks)

    assert SECRET.encode() not in reply.body
    if reply.status == 200:
        assert check_responses(reply.body) == "failed"
        error = frames_of(reply.body)[-1][1]["response"]["error"]
        assert error["code"] == "invalid_prompt" and "no-heliotrope" in error["message"]
    else:
        assert (reply.status, reply.json["error"]["code"]) == (400, "policy_blocked")


def test_a_block_in_mid_stream_is_in_band(server: GovernedServer) -> None:
    """The text before the secret is longer than what one read of the provider can hold."""
    assert chat_stream(server, "late")[0] == "error"
    assert response_stream(server, "late")[0] == "failed"


@pytest.mark.parametrize("model", ["claude", "gpt"])
def test_a_provider_that_breaks_off_never_looks_finished(
    server: GovernedServer, model: str
) -> None:
    end, chunks = chat_stream(server, "cut off", model=model)
    assert (end, "[DONE]" in chunks) == ("error", False)
    end, events = response_stream(server, "cut off", model=model)
    assert (end, events[-1]["response"]["error"]["code"]) == ("failed", "server_error")


@pytest.mark.parametrize("text", ["secret", "late", "cut off"])
def test_a_stream_that_breaks_has_no_counts_though_they_are_asked_for(
    server: GovernedServer, text: str
) -> None:
    asks = {"model": "gpt", "stream": True, "stream_options": {"include_usage": True}}
    reply = asked(server, CHAT, said(text), **asks)

    assert SECRET.encode() not in reply.body
    if reply.status == 200:
        assert check_chat(reply.body, asks_for_usage=True) == "error"
    else:
        assert (text, reply.json["error"]["code"]) == ("secret", "policy_blocked")
    passed = asked(server, CHAT, said("hi"), **asks)
    assert check_chat(passed.body, asks_for_usage=True) == "done"
