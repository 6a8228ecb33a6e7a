"""OpenAI's open-weight models (gpt-oss) on InvokeModel: OpenAI's chat JSON, with the reasoning in
the content.

    {"message": {"role": "assistant", "content": "<reasoning>The user greets.</reasoning>Hello!"},
    …}

`reasoning_effort` (low, medium, high) says how much they think. Text only.

Source: AWS user guide, "OpenAI models", and a published capture of the stream, November 2026; no
recorded answer.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, ReasoningControls
from axonflow_core.dialects.openai_chat import ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import chat_family

CODEC = chat_family(
    ChatForm(thinking=Thinking.TAGGED, effort_parameter="reasoning_effort"),
    family="gpt-oss",
    reasoning=ReasoningControls(efforts=("low", "medium", "high")),
    models=("openai.gpt-oss-",),
    evidence="documents: AWS user guide and a published capture of its stream, November 2026",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
