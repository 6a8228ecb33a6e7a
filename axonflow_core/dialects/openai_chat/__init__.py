"""OpenAI's chat-completions JSON, both roles, with the differences between its speakers as data
(`ChatForm`).

    form        what differs
    content     messages: parts, tool calls, tool results
    reasoning   reasoning in the content, between tags
    requests    a request around its messages
    answers     a whole answer and its counts
    streams     chunks

Source: OpenAI's API reference, "Chat completions", and the AWS user guide for the families that
speak it, November
2026. Three things differ in shape from the neutral model:

* A tool's result is a message of its own (`role: tool`); neutrally it is a block in a user message.
* Tool arguments are JSON text. They are parsed; where parsing would lose spaces or order, the text
  is kept beside.
* What was spelled in one of two ways (`max_tokens`, `max_completion_tokens`) goes back in the
  spelling it came in: the value is of a type of its own that equals the plain one, so that no other
  family needs to know.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import FamilyCodec, ModelFacts, StreamContext
from axonflow_core.messages import Completion, CompletionRequest, Json

from . import answers, requests
from .form import DIALECT, OPTIONS, STOP_REASONS, ChatForm, Thinking
from .reasoning import CLOSING, OPENING
from .streams import ChunkDecoder, ChunkEncoder

__all__ = [
    "DIALECT",
    "DOCUMENTED",
    "OPTIONS",
    "STOP_REASONS",
    "ChatForm",
    "ChunkDecoder",
    "ChunkEncoder",
    "Thinking",
    "chat_codec",
]

DOCUMENTED = frozenset(
    "messages tools tool_choice max_tokens temperature top_p content tool_calls tool_call_id "
    "function "
    "arguments parameters description image_url choices message delta usage prompt_tokens "
    "completion_tokens "
    "prompt_tokens_details cached_tokens completion_tokens_details reasoning_tokens id model "
    "created "
    "service_tier".split()
)
"""Every key that the documents of all speakers name, on any level."""


def chat_codec(form: ChatForm, **record: Any) -> FamilyCodec:
    """The codec of a family that speaks this dialect in the given form."""

    def decode_request(body: Json, facts: ModelFacts) -> CompletionRequest:
        return requests.decode_request(form, body)

    def encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
        return requests.encode_request(form, request)

    def decode_response(body: Json, facts: ModelFacts) -> Completion:
        return answers.decode_response(form, body)

    def encode_response(completion: Completion, facts: ModelFacts) -> Json:
        return answers.encode_response(form, completion)

    def stream_decoder(facts: ModelFacts) -> ChunkDecoder:
        return ChunkDecoder(form)

    def stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
        return ChunkEncoder(form, context)

    return FamilyCodec(
        stop_reasons=form.stop_reasons,
        documented=DOCUMENTED | form.parameters | form.options | {form.stop_key},
        options=form.options,
        dialect=DIALECT,
        reasoning_tags=(OPENING, CLOSING) if form.is_tagged else (),
        decode_request=decode_request,
        encode_request=encode_request,
        decode_response=decode_response,
        encode_response=encode_response,
        stream_decoder=stream_decoder,
        stream_encoder=stream_encoder,
        **record,
    )
