"""Cohere Command R and R+ on InvokeModel: the last message, the history before it, and tools.

    {"message", "chat_history": [{"role": "USER" | "CHATBOT", "message"}], "preamble", "tools",
    "tool_results", …} {"text", "tool_calls", "citations", "generation_id", "chat_history",
    "finish_reason", "meta"}

Three things differ in shape from the neutral model:

* The exchange with a tool that the answer is to be about stands in `tool_results` next to the
  question. Here it is two messages after the question: the calls, then the results. Earlier
  exchanges stand in the history, as Cohere's API reference has them (`tool_calls` of a CHATBOT,
  `tool_results` of a TOOL).
* Tool calls have no ids. A call is known by its place (`call_1`), and a result repeats the call
  that it answers.
* An answer repeats the conversation so far; that is its `echo`.

A stream names its events. The last one repeats the whole answer: what it says that the events
before it delivered is not repeated, and what differs is in the echo.

    {"event_type": "text-generation", "text"} … {"event_type": "stream-end", "finish_reason",
    "response": {…}}

Finish reasons are in upper case on the wire and in lower case in the guide; both are read. None
means that the model wants a tool: an answer that is complete and calls one does.

Source: AWS user guide, "Cohere Command R and Command R+ models"; Cohere's API reference, "Chat";
recorded traffic (2 exchanges), November 2026. Tools and citations are not in that traffic.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, StreamContext

from .answers import STOP_REASONS, decode_response, encode_response
from .requests import (
    DROPPABLE_OPTIONS,
    MESSAGE_KEYS,
    OPTIONS,
    REQUEST_KEYS,
    RESULT_KEYS,
    decode_request,
    encode_request,
)
from .streams import ChunkDecoder, ChunkEncoder


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> ChunkEncoder:
    return ChunkEncoder(facts)


COMMAND_R = FamilyCodec(
    family="cohere",
    variant="command-r",
    models=("cohere.command-r",),
    features=frozenset(
        {
            *(Feature.SYSTEM, Feature.ANY_ROLE_ORDER, Feature.TOOLS),
            *(Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K, Feature.STOP_SEQUENCES),
            *(Feature.SEED, Feature.PRESENCE_PENALTY, Feature.FREQUENCY_PENALTY),
        }
    ),
    joins=frozenset({Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS}),
    stop_reasons=STOP_REASONS,
    documented=frozenset(
        {
            *REQUEST_KEYS,
            *MESSAGE_KEYS,
            *RESULT_KEYS,
            *("name", "parameters", "description", "parameter_definitions"),
            *("text", "citations", "generation_id", "finish_reason", "billed_units", "is_finished"),
        }
    ),
    options=OPTIONS,
    droppable_options=DROPPABLE_OPTIONS,
    has_call_ids=False,
    evidence="recorded traffic; tools and streams: AWS user guide and Cohere's API reference, "
    "November 2026",
    encode_request=encode_request,
    decode_response=decode_response,
    stream_decoder=ChunkDecoder,
    decode_request=decode_request,
    encode_response=encode_response,
    stream_encoder=_stream_encoder,
)
