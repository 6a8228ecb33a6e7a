"""Gemini's codec keeps the laws of every codec, and reads what Google's documents show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.errors import MalformedRequest, TruncatedStream
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Data,
    Document,
    Image,
    Media,
    Message,
    Reasoning,
    StopReason,
    Text,
    ToolResult,
    ToolUse,
    Usage,
    assistant,
    user,
)
from axonflow_core.stream import Batch, Ended, Stopped, TextDelta, UsageUpdate, assemble
from axonflow_core.testing import golden_cases
from axonflow_core.testing.laws import codec_laws
from axonflow_core.testing.unary_laws import counting_laws, embedding_laws
from axonflow_gemini.codec import CODEC, TELLS
from axonflow_gemini.codec.counting import COUNTER
from axonflow_gemini.codec.embeddings import EMBEDDING, EMBEDDINGS
from axonflow_gemini.codec.requests import SKIP_SIGNATURE
from axonflow_gemini.provider import GeminiProvider

facts_of = GeminiProvider.models.facts

FACTS = ModelFacts()
PIXEL = Image(Media("base64", "iVBORw0KGgo=", "image/png"))
LAWS = [
    *codec_laws(CODEC, tells=TELLS),
    *embedding_laws(EMBEDDINGS),
    *embedding_laws(EMBEDDING),
    *counting_laws(COUNTER),
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.sampled(6)
def test_law(law: Callable[[], None]) -> None:
    law()


@pytest.mark.parametrize("case", golden_cases(CODEC, Path(__file__)))
def test_golden(case: Callable[[], None]) -> None:
    case()


def read(*parts: Any, **config: Any) -> CompletionRequest:
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": list(parts)}]}
    return CODEC.decode_request({**body, **config}, FACTS)


def written(*messages: Message, facts: ModelFacts = FACTS) -> list[Any]:
    contents: list[Any] = CODEC.encode_request(CompletionRequest(messages), facts)["contents"]
    return [content["parts"] for content in contents]


# ── signatures ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "part",
    [
        {"text": "hi"},
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"text": "hm", "thought": True},
        {"thought": True},
        {"text": "", "thought": True},
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"text": ""},
    ],
)
def test_a_signature_goes_back_on_the_part_that_carried_it(part: Any) -> None:
    signed = {**part, "thoughtSignature": "c2ln"}
    content = {"role": "model", "parts": [{"text": "a"}, signed, {"text": "b"}]}

    request = CODEC.decode_request({"contents": [content]}, FACTS)

    assert CODEC.encode_request(request, FACTS)["contents"] == [content]


def test_a_signature_is_reasoning_without_text_before_its_block() -> None:
    message = read({"functionCall": {"id": "c", "name": "f"}, "thoughtSignature": "S"}).messages[0]

    assert message.content[0] == Reasoning("", "S")
    assert isinstance(message.content[1], ToolUse)


def test_the_history_of_another_model_gets_the_word_that_no_signature_is_due() -> None:
    calls = [ToolUse("1", "f", {}), ToolUse("2", "f", {})]

    parts, _ = written(assistant(calls), user("so?"), facts=facts_of("gemini-3.8-flash"))

    assert [part.get("thoughtSignature") for part in parts] == [SKIP_SIGNATURE, None]


def test_a_model_that_checks_no_signatures_gets_no_such_word() -> None:
    (parts,) = written(assistant(ToolUse("1", "f", {})), facts=facts_of("gemini-2.5-flash"))

    assert parts == [{"functionCall": {"id": "1", "name": "f", "args": {}}}]


# ── calls and results ─────────────────────────────────────────────────────────────────────────────


def test_a_result_has_the_name_of_its_call() -> None:
    call, result = assistant(ToolUse("1", "weather", {})), user(ToolResult("1", "rain"))

    (_, (part,)) = written(call, result)

    assert part == {
        "functionResponse": {"id": "1", "name": "weather", "response": {"result": "rain"}}
    }


def test_calls_without_ids_meet_their_results_by_name_and_order() -> None:
    calls: list[Any] = [{"functionCall": {"name": name, "args": {}}} for name in ("f", "g", "f")]
    results = [
        {"functionResponse": {"name": name, "response": {"result": said}}}
        for name, said in (("f", "first"), ("f", "second"), ("g", "other"))
    ]
    body = {"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]}

    request = CODEC.decode_request(body, FACTS)

    ids = [block.id for block in request.messages[0].content if isinstance(block, ToolUse)]
    answered = [
        block.tool_use_id for block in request.messages[1].content if isinstance(block, ToolResult)
    ]
    assert len(set(ids)) == 3
    assert answered == [ids[0], ids[2], ids[1]]
    assert CODEC.encode_request(request, FACTS) == body


def test_a_call_of_an_answer_without_ids_has_one_of_its_answer() -> None:
    parts = [{"functionCall": {"name": "f", "args": {}}}]
    body = {"candidates": [{"content": {"parts": parts}}], "responseId": "r7"}

    (call,) = CODEC.decode_response(body, FACTS).tool_uses

    assert call.id == "r7_call_1"


@pytest.mark.parametrize(
    ("content", "is_error", "native"),
    [
        (["rain"], None, {"response": {"result": "rain"}}),
        (["rain"], False, {"response": {"output": "rain"}}),
        (["rain"], True, {"response": {"error": "rain"}}),
        ([], None, {"response": {}}),
        ([Data({"mm": 5})], None, {"response": {"mm": 5}}),
        ([Data({"result": 5})], None, {"response": {"result": {"result": 5}}}),
        ([Data([1])], None, {"response": {"result": [1]}}),
        (["a", Data({"b": 1})], None, {"response": {"content": ["a", {"b": 1}]}}),
    ],
)
def test_a_result_is_one_object(content: Any, is_error: bool | None, native: Any) -> None:
    result = ToolResult("1", content, is_error)

    ((part,),) = written(user(result))

    assert part == {"functionResponse": {"id": "1", "name": "1", **native}}
    assert read(part).messages[0].content == (result,)


def test_a_picture_among_the_texts_of_a_result_keeps_its_place() -> None:
    result = ToolResult("1", ["see", PIXEL, "there"])

    ((part,),) = written(user(result))

    said = part["functionResponse"]["response"]
    assert said == {"content": ["see", {"$ref": "part_1"}, "there"]}
    assert read(part).messages[0].content == (result,)


def test_a_picture_after_the_texts_of_a_result_is_a_part() -> None:
    ((part,),) = written(user(ToolResult("1", ["see", PIXEL])))

    assert part["functionResponse"]["response"] == {"result": "see"}
    assert len(part["functionResponse"]["parts"]) == 1


# ── requests ──────────────────────────────────────────────────────────────────────────────────────


def test_names_in_snake_case_are_read() -> None:
    body = {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]},
        ],
        "generation_config": {"max_output_tokens": 9, "thinking_config": {"thinking_budget": 64}},
        "tools": [{"function_declarations": [{"name": "f", "parameters": {"top_p": 1}}]}],
    }

    request = CODEC.decode_request(body, FACTS)

    assert request.system == (Text("Be brief."),)
    assert isinstance(request.messages[0].content[0], Image)
    assert request.inference.max_tokens == 9
    assert request.reasoning is not None and request.reasoning.budget_tokens == 64
    assert request.tools[0].input_schema == {"top_p": 1}  # type: ignore[union-attr]


def test_one_object_is_read_where_a_list_is_due() -> None:
    body = {"contents": {"role": "USER", "parts": {"text": "How does AI work?"}}}

    request = CODEC.decode_request(body, FACTS)

    assert request.messages[0].text == "How does AI work?"
    assert CODEC.encode_request(request, FACTS) == {
        "contents": [{"role": "USER", "parts": [{"text": "How does AI work?"}]}]
    }


def test_a_schema_in_googles_form_is_read_as_json_schema() -> None:
    google = {"type": "OBJECT", "properties": {"type": {"type": "STRING"}}}
    tool = {"functionDeclarations": [{"name": "f", "parameters": google}]}

    request = read({"text": "x"}, tools=[tool])

    assert request.tools[0].input_schema == {  # type: ignore[union-attr]
        "type": "object",
        "properties": {"type": {"type": "string"}},
    }
    assert CODEC.encode_request(request, FACTS)["tools"] == [tool]


@pytest.mark.parametrize(
    ("native", "mode", "budget", "effort"),
    [
        ({"thinkingBudget": 0}, "disabled", None, None),
        ({"thinkingBudget": -1}, "adaptive", None, None),
        ({"thinkingBudget": 64, "includeThoughts": True}, "enabled", 64, None),
        ({"thinkingLevel": "HIGH"}, None, None, "high"),
        ({"thinkingLevel": "low", "includeThoughts": True}, None, None, "low"),
        ({"includeThoughts": True}, "enabled", None, None),
        ({"thinkingBudget": 64, "includeThoughts": False}, "enabled", 64, None),
    ],
)
def test_thinking_is_read_and_comes_back(
    native: Any, mode: str | None, budget: int | None, effort: str | None
) -> None:
    config = {"thinkingConfig": native}

    request = read({"text": "x"}, generationConfig=config)

    asked = request.reasoning
    assert asked is not None
    assert (asked.mode, asked.budget_tokens, asked.effort) == (mode, budget, effort)
    assert CODEC.encode_request(request, FACTS)["generationConfig"] == config


def test_sound_and_film_are_kept_whole() -> None:
    film = {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}}

    assert written(*read(film).messages) == [[film]]


def test_a_text_file_is_sent_as_its_bytes() -> None:
    ((part,),) = written(user(Document(Media("text", "a,b", "text/plain"))))

    assert part == {"inlineData": {"mimeType": "text/plain", "data": "YSxi"}}


def test_a_content_of_an_unknown_role_is_the_clients_fault() -> None:
    with pytest.raises(MalformedRequest):
        CODEC.decode_request({"contents": [{"role": "robot", "parts": []}]}, FACTS)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@given(
    prompt=st.integers(0, 1000),
    cached=st.integers(0, 1000),
    written_tokens=st.integers(1, 1000),
    thought=st.integers(0, 1000),
    in_tools=st.none() | st.integers(0, 1000),
)
def test_counts_are_read_as_they_are_billed_and_come_back(
    prompt: int, cached: int, written_tokens: int, thought: int, in_tools: int | None
) -> None:
    native = {
        "promptTokenCount": prompt + cached,
        "cachedContentTokenCount": cached,
        "candidatesTokenCount": written_tokens,
        "thoughtsTokenCount": thought,
        "totalTokenCount": prompt + cached + written_tokens + thought + (in_tools or 0),
        **({} if in_tools is None else {"toolUsePromptTokenCount": in_tools}),
    }
    body = {"candidates": [{"content": {"parts": []}}], "usageMetadata": native}

    answer = CODEC.decode_response(body, FACTS)

    usage = answer.usage
    assert usage.input_tokens == prompt + (in_tools or 0)
    assert usage.output_tokens == written_tokens + thought
    assert (usage.cache_read_tokens, usage.reasoning_tokens) == (cached, thought)
    assert CODEC.encode_response(answer, FACTS)["usageMetadata"] == native


@pytest.mark.parametrize("odd", ["5", True, 5.5, -1, [1], {"a": 1}, 2**63])
@pytest.mark.parametrize(
    "key", ["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "responseId"]
)
def test_an_answer_is_read_without_a_fact_that_is_none(key: str, odd: Any) -> None:
    counts = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}
    body: dict[str, Any] = {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}}],
        "usageMetadata": {**counts, **({key: odd} if key.endswith("Count") else {})},
        **({} if key.endswith("Count") else {key: odd}),
    }
    if key == "responseId" and odd == "5":
        odd = body[key] = 5

    answer = CODEC.decode_response(body, FACTS)

    again = CODEC.encode_response(answer, FACTS)
    assert answer.text == "Hi"
    assert {**again, **again["usageMetadata"]}[key] == odd
    assert again["candidates"] == body["candidates"]


def test_an_answer_that_was_all_thought_has_no_content() -> None:
    body = {
        "candidates": [{"finishReason": "MAX_TOKENS", "index": 0}],
        "usageMetadata": {"promptTokenCount": 4, "thoughtsTokenCount": 9, "totalTokenCount": 13},
    }

    answer = CODEC.decode_response(body, FACTS)

    assert (answer.content, answer.stop_reason) == ((), StopReason.MAX_TOKENS)
    assert answer.usage.output_tokens == 9


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("SAFETY", StopReason.CONTENT_FILTERED),
        ("SPII", StopReason.CONTENT_FILTERED),
        ("MALFORMED_FUNCTION_CALL", StopReason.MALFORMED),
        ("OTHER", StopReason.OTHER),
        ("A_NEW_REASON", StopReason.OTHER),
    ],
)
def test_every_word_for_a_stop_comes_back(word: str, reason: StopReason) -> None:
    candidate = {"content": {"role": "model", "parts": []}, "finishReason": word}

    answer = CODEC.decode_response({"candidates": [candidate]}, FACTS)

    assert answer.stop_reason is reason
    assert CODEC.encode_response(answer, FACTS)["candidates"] == [candidate]


def test_a_second_candidate_is_reported_and_comes_back() -> None:
    candidates = [
        {"content": {"role": "model", "parts": [{"text": text}]}, "index": n}
        for n, text in enumerate("ab")
    ]

    answer = CODEC.decode_response({"candidates": candidates}, FACTS)

    assert answer.text == "a"
    assert [each.feature for each in answer.adjustments] == ["candidates.1"]
    assert CODEC.encode_response(answer, FACTS)["candidates"] == candidates


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def chunk(*parts: Any, stop: str | None = None) -> Any:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [{**candidate, **({"finishReason": stop} if stop else {})}]}


def streamed(*chunks: Any) -> tuple[Completion, list[Batch]]:
    decoder = CODEC.stream_decoder(FACTS)
    batches = [decoder.feed(each) for each in chunks]
    decoder.finish()
    return assemble(event for batch in batches for event in batch), batches


def chunks_of(batches: list[Batch]) -> list[Any]:
    encoder = CODEC.stream_encoder(StreamContext(id="", model="", created=0), FACTS)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def test_a_stream_without_a_reason_to_stop_is_cut() -> None:
    with pytest.raises(TruncatedStream) as cut:
        streamed(chunk({"text": "Hel"}), chunk({"text": "lo"}))

    assert cut.value.partial_text == "Hello"


def test_a_signature_after_the_thoughts_stays_with_its_part() -> None:
    sent = [
        chunk({"text": "Hm", "thought": True}),
        chunk({"text": "Hi", "thoughtSignature": "S"}),
        chunk({"text": "!"}, stop="STOP"),
    ]

    answer, batches = streamed(*sent)

    assert answer.content == (Reasoning("Hm"), Reasoning("", "S"), Text("Hi!"))
    assert chunks_of(batches) == sent
    whole = CODEC.encode_response(answer, FACTS)["candidates"][0]["content"]["parts"]
    assert whole == [{"text": "Hm", "thought": True}, {"text": "Hi!", "thoughtSignature": "S"}]


def test_the_empty_text_at_the_end_is_no_block() -> None:
    call = {"functionCall": {"id": "1", "name": "f", "args": {}}}
    sent = [chunk(call), chunk({"text": ""}, stop="STOP")]

    answer, batches = streamed(*sent)

    assert answer.content == (ToolUse("1", "f", {}),)
    assert chunks_of(batches) == sent


def test_every_chunk_for_googles_client_has_content() -> None:
    """Counts that come alone wait, and the end has an empty text: without content the client takes
    a turn for invalid and forgets it (google-genai 3.6.1, `chats._validate_response`)."""
    batches: list[Batch] = [
        (UsageUpdate(Usage(input_tokens=3)),),
        (TextDelta("Hi"),),
        (UsageUpdate(Usage(output_tokens=1)),),
        (Stopped(StopReason.END_TURN),),
        (Ended(),),
    ]

    chunks = chunks_of(batches)

    assert all(each["candidates"][0]["content"]["parts"] for each in chunks)
    assert [each["usageMetadata"]["totalTokenCount"] for each in chunks] == [3, 4]


# ── vectors and counts ────────────────────────────────────────────────────────────────────────────


def test_the_whole_request_is_counted() -> None:
    request = CompletionRequest("hi", system="Be brief.")

    body = COUNTER.encode_request(request, facts_of("gemini-3.8-flash"))

    assert body["generateContentRequest"]["model"] == "models/gemini-3.8-flash"
    assert body["generateContentRequest"]["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert COUNTER.decode_request(body, FACTS).system == request.system


def test_googles_client_has_its_vectors_read() -> None:
    """Body: google-genai 3.6.1, tests/models/test_embed_content.py, 2026-11-29."""
    body = json.loads(
        '{"embeddings": [{"values": [0.1, 0.2]}],'
        ' "usageMetadata": {"promptTokenCount": 8, "trafficType": "ON_DEMAND"}}'
    )

    answer = EMBEDDINGS.decode_response(body, FACTS)

    assert (answer.floats, answer.usage.input_tokens) == (((0.1, 0.2),), 8)
    assert EMBEDDINGS.encode_response(answer, FACTS) == body
