"""AI21 Jamba on InvokeModel: nearly OpenAI's chat JSON.

Answers do not say with `object` what they are, chunks say of the answer only its id, and every
chunk counts: its `usage` is what was used so far. Next to `finish_reason` stands, as `stop_reason`,
the number of the token that ended the answer. The metrics come in a chunk of their own after the
terminal chunk. The content begins with a blank, which is kept.

Source: AWS user guide, "AI21 Labs Jamba models"; one recorded answer, and a report of a recorded
stream, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.dialects.openai_chat import ChatForm
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import CONVERSATION, chat_family

CODEC = chat_family(
    ChatForm(
        has_object=False,
        chunk_facts=("id",),
        options=frozenset({"n", "documents"}),
        takes=frozenset({"response_format", "frequency_penalty", "presence_penalty"}),
        output_formats=frozenset({Feature.JSON_OUTPUT}),
    ),
    family="jamba",
    models=("ai21.jamba-",),
    features=CONVERSATION | {Feature.TOOLS},
    evidence="recorded traffic (one answer); its stream and tools rest on documents",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
