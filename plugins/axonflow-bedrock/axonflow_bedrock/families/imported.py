"""Models that an account imported.

Their ids say nothing of the model, so no codec claims one; the operator names the form with
`family:`. An imported model answers in the form it is asked in, and the fields of the body decide
(`form_of`):

    imported/llama        prompt, max_gen_len     {"generation", …}
    imported/completion   prompt, max_tokens      {"object": "text_completion", …}
    imported/chat         messages                {"object": "chat.completion", …}

The template of such a model is unknown, so the prompt forms take one user message as the
prompt, and refuse a conversation: written down in the wrong template it would still be answered,
and badly.

Source: AWS user guide, "Invoke your imported model", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec import FamilyCodec, Feature, NativeNames
from axonflow_core.dialects.openai_chat import OPTIONS, ChatForm, Thinking
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import Json

from ..shapes import generation, text_completion
from ..shapes.completions import Form, completions_codec
from ..shapes.openai_chat import IMAGES, THINKING, chat_family
from ..shapes.templates import NO_TEMPLATE

_PROMPT_FEATURES = frozenset({Feature.RAW_PROMPT, Feature.TEMPERATURE, Feature.TOP_P})
_JOINS = frozenset({Feature.MANY_BLOCKS})
_DOCUMENTS = "documents: AWS user guide, November 2026"


def form_of(body: Mapping[str, Json]) -> str:
    """The name of the codec for an imported model that is asked with this body."""
    if "messages" in body:
        return "imported/chat"
    return "imported/llama" if "max_gen_len" in body else "imported/completion"


LLAMA = completions_codec(
    Form(
        template=NO_TEMPLATE,
        prompt_key="prompt",
        parameters=generation.PARAMETERS,
        read_answer=generation.read,
        write_answer=generation.write_answer,
        read_chunk=generation.read,
        write_chunk=generation.write_chunk,
        read_bare=generation.read_bare,
    ),
    family="imported",
    variant="llama",
    models=(),
    features=_PROMPT_FEATURES,
    joins=_JOINS,
    stop_reasons=generation.STOP_REASONS,
    documented=generation.KEYS | {"prompt", *generation.PARAMETERS},
    is_single_turn=True,
    is_blocked=generation.is_blocked,
    evidence=_DOCUMENTS,
)

COMPLETION = text_completion.codec(
    family="imported",
    variant="completion",
    options=frozenset({"response_format", "structured_outputs"}),
    models=(),
    stop_reasons=NativeNames(text_completion.STOPS),
    evidence=_DOCUMENTS,
)

CHAT = chat_family(
    ChatForm(thinking=Thinking.TAGGED, options=OPTIONS | {"structured_outputs"}),
    family="imported",
    variant="chat",
    models=(),
    features=THINKING | IMAGES,
    evidence=_DOCUMENTS,
)

CODECS = (LLAMA, COMPLETION, CHAT)


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec, ...]:
    return CODECS
