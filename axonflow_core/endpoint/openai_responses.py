"""OpenAI's `POST /v1/responses`, of which an endpoint serves what needs no memory.

Events have their `type` as their name. An error in a stream is the event `response.failed`, which
is about the response that had begun and has the next number: Codex 0.171.0 does not show an event
`error`. It sends a failed call again, but for a code that it knows: `invalid_prompt` is the one for
what will not be answered.

Source: OpenAI's API reference, "Streaming events", November 2026; Codex 0.171.0, run on 2026-11-29.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import ModelFacts, StreamContext
from axonflow_core.codec.record import StreamEncoder, encoded_answer
from axonflow_core.dialects.openai_responses import CODEC, Asked, ResponseEncoder, encode_response
from axonflow_core.frozen import evolve
from axonflow_core.messages import Adjustment, Completion, Json

from .framings import NAMED_SSE, named_sse
from .openai_chat import TRANSPORT_MEMBERS
from .operations import AnswerForm, Encoder, Framing, Kind, Operation

_KEPT_CODES = frozenset({"context_length_exceeded", "insufficient_quota", "rate_limit_exceeded"})
_INVALID = "invalid_request_error"


class ResponseStream:
    """How the events of one stream are bytes: it knows which response they are about, and their
    number."""

    def __init__(self) -> None:
        self._response: dict[str, Json] = {}
        self._number = -1

    def frame(self, event: Any) -> bytes:
        self._number = event["sequence_number"]
        if "response" in event:
            self._response = event["response"]
        return named_sse(event)

    def frame_error(self, chunk: Any) -> bytes:
        """The error of a chat's stream as the end of this one."""
        error = chunk["error"]
        told = {"code": _code_of(error), "message": error["message"]}
        failed = {**self._response, "status": "failed", "error": told}
        number = self._number + 1
        return named_sse({"type": "response.failed", "sequence_number": number, "response": failed})


def _code_of(error: dict[str, Json]) -> Json:
    if error["code"] in _KEPT_CODES:
        return error["code"]
    return "invalid_prompt" if error["type"] == _INVALID else "server_error"


def _stream_framing() -> Framing:
    stream = ResponseStream()
    return evolve(NAMED_SSE, frame=stream.frame, frame_error=stream.frame_error)


def _encoder(codec: Any, context: StreamContext, facts: ModelFacts) -> Encoder:
    return ResponseEncoder(context, Asked())


def _as_asked(encoder: Any, body: Any) -> Encoder:
    return StreamEncoder(CODEC.name, ResponseEncoder(encoder.context, Asked.of(body)))


def _whole_as_asked(completion: Completion, body: Any) -> Json:
    def encode(answer: Completion, facts: ModelFacts) -> Json:
        return encode_response(answer, Asked.of(body))

    return encoded_answer(CODEC.name, encode, completion, ModelFacts())


def _unmet(body: Json) -> tuple[Adjustment, ...]:
    """OpenAI stores a response unless it is told not to."""
    return () if body.get("store") is False else (_NOT_STORED,)


_NOT_STORED = Adjustment("store", "not stored", "this server keeps no responses")
FORM = AnswerForm(
    stream_encoder=_encoder,
    as_asked=_as_asked,
    whole_as_asked=_whole_as_asked,
    tells_stops=True,
    unmet=_unmet,
)


def responses_operation(path: str) -> Operation:
    """Responses at `path`, whole and streamed."""
    return Operation(
        name="responses",
        kind=Kind.CHAT,
        path=path,
        codec=CODEC,
        surface="responses",
        form=FORM,
        framing=evolve(NAMED_SSE, of_a_stream=_stream_framing, has_patterns=False),
        stream_member="stream",
        transport_members=TRANSPORT_MEMBERS,
        id_prefix="resp_",
    )
