"""Writer Palmyra on InvokeModel: OpenAI's chat JSON, and a stream whose last chunk is the JSON string `"[DONE]"`.

Reasoning, where there is any, has a member of its own. Without a limit Palmyra stops after 16 tokens, so one is always
sent. The chat form alone is spoken; the models take a bare `prompt` too.

Source: AWS user guide, "Writer Palmyra models"; the last chunk from a published capture of the prompt form's stream,
November 2026; no recorded answer.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec
from axonflow_core.dialects.openai_chat import OPTIONS, ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl

from .openai_shaped import IMAGES, THINKING, openai_shaped

DEFAULT_MAX_TOKENS = 4096
"""What the model cards' example asks for is 1024, what X4 and X5 can write is 8192; the vision model ends at 4096."""

CODEC = openai_shaped(
    ChatForm(thinking=Thinking.BESIDE, last_chunk="[DONE]", options=OPTIONS | {"min_tokens"}),
    family="writer",
    models=("writer.palmyra-",),
    features=THINKING | IMAGES,
    default_max_tokens=DEFAULT_MAX_TOKENS,
    evidence="documents: AWS user guide and a published capture of its stream, November 2026",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
