"""Moonshot Kimi on InvokeModel: OpenAI's chat JSON.

Source: AWS model cards and programs that call these models, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.dialects.openai_chat import ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import IMAGES, THINKING, chat_family

CODEC = chat_family(
    ChatForm(thinking=Thinking.TAGGED, any_tool=None, stop_parameter=None),
    family="kimi",
    models=("moonshot.", "moonshotai."),
    features=(THINKING | IMAGES) - {Feature.STOP_SEQUENCES},
    evidence="documents: AWS model cards; the reasoning tags and what it refuses are from litellm, "
    "November 2026",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
