"""A stream that is cut at any byte is never taken for a whole one."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.wire.envelope import EnvelopeDecoder
from axonflow_bedrock.wire.eventstream import FrameDecoder, chunk_of
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import AnswerError
from axonflow_core.plugins import load_codecs

FAMILIES = (
    "anthropic-messages",
    "amazon-titan-text",
    "meta-llama2",
    "meta-llama3",
    "mistral-prompt",
)


def recorded_streams(folder: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    for family in FAMILIES:
        for line in (folder / f"{family}.jsonl").read_text("utf-8").splitlines():
            case = json.loads(line)
            if case["operation"] == "InvokeModelWithResponseStream" and case.get(
                "raw_eventstream_base64"
            ):
                yield case, base64.b64decode(case["raw_eventstream_base64"])


class Listener:
    """Everything between the socket and the caller."""

    def __init__(self, model_id: str) -> None:
        codec = load_codecs("bedrock").registry.for_base_id(parse_model_id(model_id).base_id or "")
        self._frames = FrameDecoder()
        self._events = EnvelopeDecoder(codec, ModelFacts())

    def feed(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            self._events.feed(chunk_of(frame))

    def is_content(self) -> bool:
        """Whether a connection that closes now would look like the end of a whole answer."""
        try:
            self._frames.finish()
            self._events.finish()
        except AnswerError:
            return False
        return True


def test_no_cut_of_a_recorded_stream_passes_for_the_whole(recordings: Path) -> None:
    cuts, silent, whole = 0, [], 0
    for case, raw in recorded_streams(recordings):
        listener = Listener(case["model_id"])
        for offset in range(len(raw)):
            silent += [(case["name"], offset)] if listener.is_content() else []
            listener.feed(raw[offset : offset + 1])
            cuts += 1
        whole += listener.is_content()
    assert silent == []
    assert (cuts > 200_000, whole) == (True, 28), (
        "the control: every stream that is not cut is whole"
    )
