"""Bodies of imported models and marketplace endpoints as documents have them. Each names its source
and its day."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock.families import imported, marketplace, writer
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.wire.body_form import codec_of_call
from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.errors import EncodeError, TruncatedStream, UndetectedFamily
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    StopReason,
    Text,
    Usage,
    assistant,
    user,
)
from axonflow_core.stream import assemble

FACTS = ModelFacts()
LLAMA, COMPLETION, CHAT = imported.CODECS
TGI = marketplace.TGI
REGISTRY = CodecRegistry(RegisteredCodec(codec, "tests", "1") for codec in (*imported.CODECS, TGI))
IMPORTED = "arn:aws:bedrock:us-east-1:111122223333:imported-model/a1b2c3d4e5f6"
ENDPOINT = "arn:aws:sagemaker:us-east-1:111122223333:endpoint/endpoint-1"
PROFILE = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4"

TEXT_COMPLETION = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_764_000_000,
    "model": "model-1",
    "choices": [{"index": 0, "text": " Hello", "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
COMPLETED = Completion(
    (Text(" Hello"),),
    StopReason.MAX_TOKENS,
    Usage(3, 2),
    native_stop_reason="length",
    id="cmpl-1",
    model="model-1",
    created=1_764_000_000,
)


@pytest.mark.parametrize(
    ("codec", "native", "value"),
    [
        (
            LLAMA,
            {"prompt": "Hi", "max_gen_len": 9, "temperature": 0.5, "top_p": 0.9},
            CompletionRequest((user("Hi"),), inference=Inference(9, 0.5, 0.9)),
        ),
        (
            COMPLETION,
            {
                "prompt": "Hi",
                "max_tokens": 9,
                "stop": ["END"],
                "response_format": {"type": "json_object"},
            },
            CompletionRequest(
                (user("Hi"),),
                inference=Inference(9, stop_sequences=("END",)),
                options={"response_format": {"type": "json_object"}},
            ),
        ),
        (
            CHAT,
            {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9},
            CompletionRequest((user("Hi"),), inference=Inference(9)),
        ),
        (
            TGI,
            {"prompt": "Hi", "max_tokens": 9, "topP": 2},
            CompletionRequest((user("Hi"),), inference=Inference(9), extra={"topP": 2}),
        ),
    ],
    ids=lambda given: given.name if isinstance(given, FamilyCodec) else "",
)
def test_a_documented_request_is_read_and_written(
    codec: FamilyCodec, native: Any, value: CompletionRequest
) -> None:
    """AWS user guide, Invoke your imported model; recorded traffic of an endpoint; read
    2026-11-22."""
    assert codec.decode_request(native, FACTS) == value
    assert codec.encode_request(value, FACTS) == native


@pytest.mark.parametrize("codec", [COMPLETION, TGI], ids=lambda codec: codec.name)
def test_a_documented_completion_is_read_and_written(codec: FamilyCodec) -> None:
    """AWS user guide, Invoke your imported model: response; read 2026-11-22."""
    assert codec.decode_response(TEXT_COMPLETION, FACTS) == COMPLETED
    assert codec.encode_response(COMPLETED, FACTS) == TEXT_COMPLETION


def test_a_documented_generation_is_read_and_written() -> None:
    """AWS user guide, Invoke your imported model: response; read 2026-11-22."""
    native = {
        "generation": " Hello",
        "prompt_token_count": 3,
        "generation_token_count": 2,
        "stop_reason": "stop",
    }
    value = Completion(
        (Text(" Hello"),), StopReason.END_TURN, Usage(3, 2), native_stop_reason="stop"
    )

    assert LLAMA.decode_response(native, FACTS) == value
    assert LLAMA.encode_response(value, FACTS) == native


def test_a_stream_of_completions_names_itself_once_and_counts_at_the_end() -> None:
    head = {key: TEXT_COMPLETION[key] for key in ("id", "object", "created", "model")}
    texts = [(" Hel", None), ("", None), ("lo", None), ("", "length")]
    chunks = [
        {**head, "choices": [{"index": 0, "text": text, "finish_reason": stop}]}
        for text, stop in texts
    ]
    chunks[-1]["usage"] = TEXT_COMPLETION["usage"]
    decoder, encoder = (
        COMPLETION.stream_decoder(FACTS),
        COMPLETION.stream_encoder(StreamContext("", "", 0), FACTS),
    )

    batches = [decoder.feed(chunk) for chunk in chunks]
    decoder.finish()

    assert assemble(event for batch in batches for event in batch) == COMPLETED
    assert [chunk for batch in batches for chunk in encoder.encode(batch)] == chunks


@pytest.mark.parametrize("codec", [LLAMA, COMPLETION, TGI], ids=lambda codec: codec.name)
def test_a_conversation_is_not_flattened_into_a_prompt(codec: FamilyCodec) -> None:
    turns = (user("Hi"), assistant("Hello."), user("Who?"))

    with pytest.raises(EncodeError, match="one prompt"):
        codec.encode_request(CompletionRequest(turns), FACTS)
    with pytest.raises(EncodeError, match="system"):
        codec.encode_request(CompletionRequest((user("Hi"),), system=(Text("Be brief."),)), FACTS)
    assert len(CHAT.encode_request(CompletionRequest(turns), FACTS)["messages"]) == 3


# ── which form an opaque id speaks ────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arn", "body", "name"),
    [
        (IMPORTED, {"prompt": "Hi", "max_gen_len": 9}, "imported/llama"),
        (IMPORTED, {"prompt": "Hi", "max_tokens": 9}, "imported/completion"),
        (IMPORTED, {"messages": []}, "imported/chat"),
        (ENDPOINT, {"prompt": "Hi", "max_tokens": 9}, "marketplace/tgi"),
    ],
)
def test_the_body_says_which_form_an_opaque_model_is_asked_in(
    arn: str, body: Any, name: str
) -> None:
    assert codec_of_call(REGISTRY, parse_model_id(arn), body).name == name


@pytest.mark.parametrize(
    ("arn", "body"), [(PROFILE, {"prompt": "Hi"}), (ENDPOINT, {"inputs": "Hi"}), (IMPORTED, None)]
)
def test_where_neither_id_nor_body_says_it_nothing_is_guessed(arn: str, body: Any) -> None:
    with pytest.raises(UndetectedFamily):
        codec_of_call(REGISTRY, parse_model_id(arn), body)


def test_no_base_id_belongs_to_them_and_each_has_a_name() -> None:
    assert all(codec.models == () for codec in (*imported.CODECS, TGI))
    assert [REGISTRY.for_name(codec.name) for codec in (*imported.CODECS, TGI)] == [
        *imported.CODECS,
        TGI,
    ]


# ── Writer's bare prompt: a published capture of its stream (langchain-aws), November 2026 ────────


def test_writer_takes_a_bare_prompt_and_ends_its_stream_with_a_string() -> None:
    asked = CompletionRequest((user("Hi"),), inference=Inference(9), options={"min_tokens": 1})
    said = {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_764_000_000,
        "model": "palmyra",
    }
    chunks: list[Any] = [
        {**said, "choices": [{"index": 0, "text": " Hel", "finish_reason": None}], "usage": None},
        {**said, "choices": [{"index": 0, "text": "lo", "finish_reason": "stop"}], "usage": None},
        "[DONE]",
    ]
    decoder = writer.PROMPT.stream_decoder(FACTS)
    batches = [decoder.feed(chunk) for chunk in chunks]
    decoder.finish()
    encoder = writer.PROMPT.stream_encoder(StreamContext(id="", model="", created=0), FACTS)

    assert writer.PROMPT.encode_request(asked, FACTS) == {
        "prompt": "Hi",
        "max_tokens": 9,
        "min_tokens": 1,
    }
    assert assemble(event for batch in batches for event in batch).text == " Hello"
    again = [chunk for batch in batches for chunk in encoder.encode(batch)]
    assert [again[0]["choices"], again[1]["choices"], again[2]] == [
        chunks[0]["choices"],
        chunks[1]["choices"],
        "[DONE]",
    ]


def test_writers_stream_is_not_whole_before_its_last_word() -> None:
    decoder = writer.PROMPT.stream_decoder(FACTS)
    decoder.feed(
        {
            "object": "text_completion",
            "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}],
        }
    )

    with pytest.raises(TruncatedStream):
        decoder.finish()


@pytest.mark.parametrize(
    ("body", "name"), [({"messages": []}, "writer"), ({"prompt": "Hi"}, "writer/prompt")]
)
def test_the_body_says_in_which_form_a_palmyra_is_asked(body: dict[str, Any], name: str) -> None:
    registry = CodecRegistry(RegisteredCodec(codec, "tests", "1") for codec in writer.CODECS)

    assert codec_of_call(registry, parse_model_id("us.writer.palmyra-x5-v1:0"), body).name == name
