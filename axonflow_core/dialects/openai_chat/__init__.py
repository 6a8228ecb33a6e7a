"""OpenAI's chat-completions JSON, both roles, with the differences between its speakers as data
(`ChatForm`).

    form        what differs
    content     messages: parts, tool calls, tool results
    reasoning   reasoning in the content, between tags
    requests    a request around its messages
    output_format   `response_format`
    answers     a whole answer and its counts
    streams     chunks
    errors      errors, whole and in a stream

`CODEC` is the form of OpenAI's own clients; families of this form are made with `chat_codec`.
Source: OpenAI's API reference, "Chat completions", and the AWS user guide for the families that use
it, November 2026. Three things differ in shape from the neutral model:

* A tool's result is a message of its own (`role: tool`); neutrally it is a block in a user message.
* Tool arguments are JSON text. They are parsed; where parsing would lose spaces or order, the text
  is kept in `ToolUse.spelling` under `input`.
* What was spelled in one of two ways (`max_tokens`, `max_completion_tokens`) is encoded in the
  spelling in which it was decoded: the word is kept in the `spelling` of the value that holds it,
  and every other dialect ignores it.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import (
    Codec,
    FamilyCodec,
    Feature,
    ModelFacts,
    ReasoningControls,
    StreamContext,
)
from axonflow_core.messages import Completion, CompletionRequest, Json

from . import answers, requests
from .content import FILE_KEYS
from .errors import ERRORS
from .form import (
    COMMON_PARAMETERS,
    DIALECT,
    DROPPABLE_OPTIONS,
    OPTIONS,
    STOP_REASONS,
    ChatForm,
    Thinking,
)
from .output_format import SCHEMA_MEMBERS
from .reasoning import CLOSING, OPENING
from .streams import ChunkDecoder, ChunkEncoder

__all__ = [
    "CODEC",
    "COMMON_PARAMETERS",
    "DIALECT",
    "DOCUMENTED",
    "ERRORS",
    "OPTIONS",
    "STOP_REASONS",
    "ChatForm",
    "ChunkDecoder",
    "ChunkEncoder",
    "Thinking",
    "chat_codec",
    "chat_members",
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
"""Every key that the documents of all services of the dialect name, on any level."""


def chat_members(form: ChatForm) -> dict[str, Any]:
    """The members of a `Codec` that follow from the form: functions, names, documented keys. Other
    packages add `name`, `features`, `evidence` and what else their family declares."""
    return {
        "stop_reasons": form.stop_reasons,
        "documented": DOCUMENTED | form.parameters | form.options | {form.stop_key},
        "options": form.codec_options,
        "droppable_options": DROPPABLE_OPTIONS & form.options,
        "schema_members": SCHEMA_MEMBERS,
        "has_text_arguments": True,
        "dialect": DIALECT,
        "reasoning_tags": (OPENING, CLOSING) if form.is_tagged else (),
        **_functions_of(form),
    }


def _functions_of(form: ChatForm) -> dict[str, Any]:
    """The functions of a `Codec`, bound to the form."""

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

    return {
        "decode_request": decode_request,
        "encode_request": encode_request,
        "decode_response": decode_response,
        "encode_response": encode_response,
        "stream_decoder": stream_decoder,
        "stream_encoder": stream_encoder,
    }


def chat_codec(form: ChatForm, *, features: frozenset[Feature], **record: Any) -> FamilyCodec:
    """The codec of a family that uses this dialect in the given form.

    `features` is all that the models support: a parameter that no feature lists is not sent (a
    seed, a penalty, `response_format`), whatever `form.takes` says. `record` holds the other fields
    of `FamilyCodec`."""
    members = chat_members(form.with_features(features))
    return FamilyCodec(features=features, **members, **record)


_TRANSPORT = frozenset({"model", "stream", "stream_options"})
"""Keys of a call of OpenAI's that say where it goes and how its answer comes. A codec never sees
them."""
VENDOR_OPTIONS = (OPTIONS - _TRANSPORT) | frozenset(
    "audio function_call functions modalities moderation prediction prompt_cache_key "
    "prompt_cache_options prompt_cache_retention safety_identifier store verbosity "
    "web_search_options".split()
)
"""The parameters of OpenAI's own API that have no neutral name. `functions` and `function_call` are
deprecated: they ask for another form of answer than tools, so they are not carried as tools."""

FORM = ChatForm(
    effort_parameter="reasoning_effort",
    thinking=Thinking.MEMBER,
    options=VENDOR_OPTIONS,
    takes=COMMON_PARAMETERS | {"metadata"},
)

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Every `reasoning_effort` that OpenAI documents; no model takes them all."""

_MEMBERS = chat_members(FORM)

CODEC = Codec(
    name="openai_chat",
    features=FORM.features
    | {
        *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
        *(Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES),
        *(Feature.TOOLS, Feature.TOOL_CHOICE, Feature.BUILTIN_TOOLS),
        *(Feature.IMAGES, Feature.DOCUMENTS, Feature.REASONING),
    },
    joins=frozenset(
        {
            *(Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS),
            Feature.SIGNED_REASONING,
        }
    ),
    service_tiers=frozenset({"auto", "default", "fast", "flex", "priority", "scale"}),
    reasoning=ReasoningControls(efforts=EFFORTS),
    evidence="documents: OpenAI's API reference, November 2026",
    **{**_MEMBERS, "documented": _MEMBERS["documented"] | FILE_KEYS},
)
"""What OpenAI's own clients send and expect, without a claim of models.

OpenAI has no member for the text of reasoning. It stands in `reasoning_content`, where DeepSeek,
vLLM and others have it: OpenAI's clients keep members that they do not know.
"""
