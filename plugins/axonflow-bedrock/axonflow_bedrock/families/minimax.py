"""MiniMax on InvokeModel: OpenAI's chat JSON.

Source: AWS model cards and programs that call these models, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import TAGGED, chat_family

CODEC = chat_family(TAGGED, family="minimax", models=("minimax.",))


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
