"""Writer Palmyra on InvokeModel: OpenAI's chat JSON, and a stream whose last chunk is the JSON
string `"[DONE]"`.

Reasoning, where there is any, has a member of its own. Without a limit Palmyra stops after 16
tokens, so one is always sent. The models take a bare `prompt` too, and then answer in OpenAI's
older JSON: a client sends the chat, a server reads either.

Source: AWS user guide, "Writer Palmyra models"; the last chunk from a published capture of the
prompt form's stream, November 2026; no recorded answer.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, NativeNames
from axonflow_core.dialects.openai_chat import OPTIONS, ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl

from ..shapes import text_completion
from ..shapes.openai_chat import IMAGES, THINKING, chat_family

DEFAULT_MAX_TOKENS = 4096
"""What the model cards' example asks for is 1024, what X4 and X5 can write is 8192; the vision
model ends at 4096."""

LAST_CHUNK = "[DONE]"
_EVIDENCE = "documents: AWS user guide and a published capture of its stream, November 2026"

CODEC = chat_family(
    ChatForm(thinking=Thinking.MEMBER, last_chunk=LAST_CHUNK, options=OPTIONS | {"min_tokens"}),
    family="writer",
    models=("writer.palmyra-",),
    features=THINKING | IMAGES,
    default_max_tokens=DEFAULT_MAX_TOKENS,
    other_forms=("writer/prompt",),
    evidence=_EVIDENCE,
)

PROMPT = text_completion.codec(
    family="writer",
    variant="prompt",
    models=(),
    takes=frozenset({"seed", "presence_penalty", "frequency_penalty"}),
    options=frozenset({"min_tokens"}),
    stop_reasons=NativeNames(text_completion.STOPS),
    last_chunk=LAST_CHUNK,
    default_max_tokens=DEFAULT_MAX_TOKENS,
    evidence=_EVIDENCE,
)

CODECS = (CODEC, PROMPT)


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec, ...]:
    return CODECS
