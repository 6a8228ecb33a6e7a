"""Google Gemma on InvokeModel: OpenAI's chat JSON.

Source: AWS model cards and programs that call these models, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec
from axonflow_core.hookspecs import hookimpl

from ..shapes.openai_chat import IMAGES, PLAIN, WITH_TOOLS, chat_family

CODEC = chat_family(
    PLAIN, family="gemma", models=("google.gemma-3-",), features=WITH_TOOLS | IMAGES
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
