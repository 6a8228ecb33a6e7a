"""DeepSeek V3 on InvokeModel: OpenAI's chat JSON. (R1 takes a prompt and is another form.)

Source: AWS model cards and programs that call these models, November 2026; no recorded answer. How
to make them think is not documented for InvokeModel.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import TAGGED, chat_family

CODEC = chat_family(TAGGED, family="deepseek", variant="chat", models=("deepseek.v3",))


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
