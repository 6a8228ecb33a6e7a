"""Meta Llama on InvokeModel: one JSON for all generations, one template for each.

    Llama 2     <s>[INST] <<SYS>>\\n{system}\\n<</SYS>>\\n\\n{user} [/INST] {assistant} </s>
                <s>[INST] {user} [/INST]
    Llama 3.x   <|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\n{system}<|eot_id|>
                <|start_header_id|>user<|end_header_id|>\\n\\n{user}<|eot_id|>
                <|start_header_id|>assistant<|end_header_id|>\\n\\n
    Llama 4     <|begin_of_text|><|header_start|>system<|header_end|>\\n\\n{system}<|eot|> …

Bedrock adds nothing to a prompt, not even the first token. InvokeModel has no tools and no stop
sequences for Llama. Pictures (3.2 vision, 4) stand in `images`, each with an `<|image|>` at the
head of its user turn.

Source: AWS user guide, "Meta Llama models"; Meta's model cards for the templates; recorded traffic
of Llama 2, 3 and 3.1 (13 exchanges), November 2026. Llama 3.2 vision and Llama 4 rest on documents
alone.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.hookspecs import hookimpl

from ..shapes import generation
from ..shapes.completions import TEMPLATE_FEATURES, Form, completions_codec
from ..shapes.templates import Headers, Instructions, Template, alternating

TOKENS_2 = ("<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>")
TOKENS_3 = (
    *(
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
    ),
    *("<|eom_id|>", "<|python_tag|>", "<|image|>", "<|finetune_right_pad_id|>"),
)
TOKENS_4 = (
    *(
        "<|begin_of_text|>",
        "<|end_of_text|>",
        "<|header_start|>",
        "<|header_end|>",
        "<|eot|>",
        "<|eom|>",
        "<|step|>",
    ),
    *(
        "<|python_start|>",
        "<|python_end|>",
        "<|image_start|>",
        "<|image_end|>",
        "<|image|>",
        "<|patch|>",
    ),
)

LLAMA_2 = Instructions("<s>", " </s><s>", system=("<<SYS>>\n", "\n<</SYS>>\n\n")).template(
    alternating, TOKENS_2
)
LLAMA_3 = Headers(
    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"
).template(TOKENS_3)
# Meta's model card of Llama 4. The AWS page shows Llama 3's tokens for it too (November 2026).
LLAMA_4 = Headers("<|begin_of_text|>", "<|header_start|>", "<|header_end|>", "<|eot|>").template(
    TOKENS_4
)


def _llama(
    variant: str, template: Template, has_images: bool = False, **record: Any
) -> FamilyCodec:
    """The codec of one generation. Body and answer are alike in all; template and features
    differ."""
    form = Form(
        template=template,
        prompt_key="prompt",
        parameters=generation.PARAMETERS,
        images_key="images",
        image_token="<|image|>" if has_images else "",
        read_answer=generation.read,
        write_answer=generation.write_answer,
        read_chunk=generation.read,
        write_chunk=generation.write_chunk,
        read_bare=generation.read_bare,
    )
    return completions_codec(
        form,
        family="llama",
        variant=variant,
        stop_reasons=generation.STOP_REASONS,
        documented=generation.KEYS | {"prompt", "images", *generation.PARAMETERS},
        is_blocked=generation.is_blocked,
        **record,
    )


_HEADER_FEATURES = TEMPLATE_FEATURES | {Feature.SYSTEM, Feature.ANY_ROLE_ORDER}
_HEADER_FOLDS = frozenset({Feature.MANY_BLOCKS, Feature.MID_SYSTEM})

CODECS = (
    _llama(
        "llama2",
        LLAMA_2,
        models=("meta.llama2",),
        features=TEMPLATE_FEATURES | {Feature.SYSTEM},
        joins=frozenset({Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER}),
        evidence="recorded traffic",
    ),
    _llama(
        "llama3",
        LLAMA_3,
        models=("meta.llama3",),
        features=_HEADER_FEATURES,
        joins=_HEADER_FOLDS,
        evidence="recorded traffic",
    ),
    _llama(
        "llama3-vision",
        LLAMA_3,
        has_images=True,
        models=("meta.llama3-2-11b", "meta.llama3-2-90b"),
        features=_HEADER_FEATURES,
        joins=_HEADER_FOLDS | {Feature.IMAGES},
        evidence="documents: AWS user guide, November 2026",
    ),
    _llama(
        "llama4",
        LLAMA_4,
        has_images=True,
        models=("meta.llama4",),
        features=_HEADER_FEATURES,
        joins=_HEADER_FOLDS | {Feature.IMAGES},
        evidence="documents: Meta's model card and the AWS user guide, November 2026",
    ),
)


@hookimpl
def axonflow_register_codec() -> tuple[FamilyCodec, ...]:
    return CODECS
