"""Alibaba Qwen on InvokeModel: OpenAI's chat JSON.

Source: AWS model cards and programs that call these models, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, ReasoningControls
from axonflow_core.dialects.openai_chat import ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import IMAGES, THINKING, chat_family

CODEC = chat_family(
    ChatForm(thinking=Thinking.TAGGED, effort_parameter="reasoning_config"),
    family="qwen",
    reasoning=ReasoningControls(efforts=("low", "medium", "high")),
    models=("qwen.",),
    features=THINKING | IMAGES,
    evidence="documents: AWS model cards and a published capture of its stream, November 2026; "
    "recorded traffic of Converse for `reasoning_config`",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
