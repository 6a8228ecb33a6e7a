"""A family's own counts are the ones that Bedrock bills, save where a row says otherwise; a
recording whose two accounts differ fails."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock.families import anthropic, titan
from axonflow_bedrock.recorded import COUNTED_OTHERWISE, BedrockRecordingFormat
from axonflow_bedrock.retrieval import titan_embed
from axonflow_bedrock.wire.envelope import METRICS
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.messages import Json
from axonflow_core.testing import Recording, check_recording

FORMAT = BedrockRecordingFormat(
    CodecRegistry(
        RegisteredCodec(codec, "axonflow-bedrock", "0")
        for codec in (anthropic.CODEC, titan.CODEC, *titan_embed.CODECS)
    )
)
INPUT, OUTPUT = "x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"


def found(recording: Recording) -> list[str]:
    result = check_recording(recording, FORMAT)
    return [str(each) for each in result.differences["meaning"] or ()]


def answered(model: str, body: Json, **headers: int) -> Recording:
    names = {"read": INPUT, "written": OUTPUT}
    return Recording(
        case="made/up",
        operation="InvokeModel",
        model_id=model,
        status=200,
        response_body=body,
        response_headers={names[key]: str(count) for key, count in headers.items()},
    )


RESULT = {"tokenCount": 13, "outputText": "Hello", "completionReason": "FINISH"}
TITAN = {"inputTextTokenCount": 7, "results": [RESULT]}
VECTOR = {"embedding": [0.5], "inputTextTokenCount": 7}
EXPRESS, EMBED = "amazon.titan-text-express-v1", "amazon.titan-embed-text-v1"


@pytest.mark.parametrize(
    ("recording", "field"),
    [
        (answered(EXPRESS, TITAN, read=7, written=13), None),
        (answered(EXPRESS, TITAN, read=14, written=13), "$.usage.input_tokens"),
        (answered(EXPRESS, TITAN, read=7, written=6), "$.usage.output_tokens"),
        (answered(EXPRESS, TITAN), None),
        (answered(EMBED, VECTOR, read=7), None),
        (answered(EMBED, VECTOR, read=14), "$.usage.input_tokens"),
    ],
)
def test_a_header_that_is_off_by_seven_is_found(recording: Recording, field: str | None) -> None:
    assert [each.split()[1].rstrip(":") for each in found(recording)] == [field] * bool(field)


def streamed(block: Json, deltas: list[Json], own: int, billed: int) -> Recording:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"type": "message", "role": "assistant", "content": [], "usage": usage}
    metrics = {METRICS: {"inputTokenCount": 9, "outputTokenCount": billed}}
    stop: dict[str, Any] = {"stop_reason": "end_turn", "stop_sequence": None}
    chunks = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": own}},
        {"type": "message_stop", **metrics},
    ]
    return Recording(
        case="made/up",
        operation="InvokeModelWithResponseStream",
        model_id="anthropic.claude-3-haiku-20240307-v1:0",
        status=200,
        chunks=chunks,
    )


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
TEXT = {"type": "text", "text": ""}


def test_claudes_tool_calls_in_streams_are_counted_otherwise_and_nothing_else_is() -> None:
    """Recorded: 130 output tokens where 98 are billed."""
    calls = [{"type": "input_json_delta", "partial_json": "{}"}]
    texts = [{"type": "text_delta", "text": "Hi"}]

    assert found(streamed(CALL, calls, own=130, billed=98)) == []
    assert found(streamed(TEXT, texts, own=98, billed=98)) == []
    assert len(found(streamed(TEXT, texts, own=130, billed=98))) == 1


def test_every_exception_has_a_source() -> None:
    assert [(row.family, row.count) for row in COUNTED_OTHERWISE] == [
        ("anthropic", "output_tokens")
    ]
    assert all(row.source for row in COUNTED_OTHERWISE)
