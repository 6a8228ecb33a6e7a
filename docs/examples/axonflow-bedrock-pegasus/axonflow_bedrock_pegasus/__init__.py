"""TwelveLabs Pegasus 1.2 on Bedrock InvokeModel: a video and a prompt in, text out.

    request    {"inputPrompt": …, "mediaSource": {…}, "temperature": 0.2, "maxOutputTokens": 4096,
                "responseFormat": {…}}
    answer     {"message": …, "finishReason": "stop" | "length"}
    stream     chunks like answers; the last one has the finishReason

Source: AWS user guide, "TwelveLabs Pegasus 1.2", November 2026. The neutral model has no type for
videos, so `mediaSource` is an option, in the service's own form. The service requires it.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, NativeNames
from axonflow_core.codec.json_members import string, unknown_members, without_none
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    Json,
    StopReason,
    Text,
    user,
)
from axonflow_core.stream import Batch, Ended, Extra, Stopped, TextDelta

PARAMETERS: Mapping[str, str] = {"maxOutputTokens": "max_tokens", "temperature": "temperature"}
"""Native name -> the attribute of `Inference`."""
OPTIONS = frozenset({"mediaSource", "responseFormat"})
"""Documented parameters without a neutral name."""
REQUEST_KEYS = frozenset({"inputPrompt", *PARAMETERS, *OPTIONS})
ANSWER_KEYS = frozenset({"message", "finishReason"})
STOP_REASONS = NativeNames({"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS})


def encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    """The body of a call. The form is single-turn, so the request has one message."""
    parameters = {key: getattr(request.inference, name) for key, name in PARAMETERS.items()}
    return {
        "inputPrompt": request.messages[0].text,
        **without_none(parameters),
        **request.options,
        **request.extra,
    }


def decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
    """The request in a body: the inverse of `encode_request`. A missing prompt is a `KeyError`,
    which the codec reports as `MalformedRequest`."""
    return CompletionRequest(
        messages=(user(string(body["inputPrompt"])),),
        inference=Inference(**{name: body.get(key) for key, name in PARAMETERS.items()}),
        options={key: body[key] for key in OPTIONS & body.keys()},
        extra=unknown_members(body, REQUEST_KEYS),
    )


def encode_response(completion: Completion, facts: ModelFacts) -> Json:
    """A whole answer as a body. It has no counts: Bedrock sends them in headers."""
    reason, native = completion.stop_reason, completion.native_stop_reason
    stop = None if reason is None else STOP_REASONS.encode(reason, native)
    return {"message": completion.text, **without_none({"finishReason": stop}), **completion.extra}


def decode_response(body: Json, facts: ModelFacts) -> Completion:
    """The completion in the body of a whole answer."""
    stop = body.get("finishReason")
    return Completion(
        content=(Text(string(body["message"])),),
        stop_reason=None if stop is None else STOP_REASONS.decode(stop),
        native_stop_reason=stop,
        extra=unknown_members(body, ANSWER_KEYS),
    )


class ChunkDecoder:
    """Decodes one chunk into one batch. Every chunk is decoded alone, so nothing is kept."""

    def feed(self, chunk: Json) -> Batch:
        """The events of one chunk; the chunk with a `finishReason` ends the stream."""
        batch = (TextDelta(string(chunk["message"])), Extra(unknown_members(chunk, ANSWER_KEYS)))
        stop = chunk.get("finishReason")
        return (
            batch if stop is None else (*batch, Stopped(STOP_REASONS.decode(stop), stop), Ended())
        )


class ChunkEncoder:
    """Encodes one batch as one chunk, or as none where the batch has nothing that Pegasus sends."""

    def encode(self, batch: Batch) -> list[Json]:
        """The chunks of one batch."""
        chunk: dict[str, Json] = {}
        for event in batch:
            match event:
                case TextDelta(text):
                    chunk["message"] = chunk.get("message", "") + text
                case Stopped(reason, native):
                    chunk["finishReason"] = STOP_REASONS.encode(reason, native)
                case Extra(members, "answer"):
                    chunk |= members
        return [{"message": "", **chunk}] if chunk else []


CODEC = FamilyCodec(
    family="pegasus",
    models=("twelvelabs.pegasus",),
    features=frozenset({Feature.TEMPERATURE}),
    is_single_turn=True,
    stop_reasons=STOP_REASONS,
    documented=REQUEST_KEYS | ANSWER_KEYS,
    options=OPTIONS,
    evidence="documents",
    encode_request=encode_request,
    decode_request=decode_request,
    encode_response=encode_response,
    decode_response=decode_response,
    stream_decoder=lambda facts: ChunkDecoder(),
    stream_encoder=lambda context, facts: ChunkEncoder(),
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    """The codec that the entry point `pegasus` offers."""
    return CODEC
