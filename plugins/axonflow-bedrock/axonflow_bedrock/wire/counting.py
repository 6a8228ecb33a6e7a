"""The token counters: the codec of Claude's own JSON and that of Converse, each for the request
alone. `count_tokens` has what Bedrock wraps around it.
"""

from __future__ import annotations

from collections.abc import Sequence

from axonflow_core.codec.unary import TokenCounter
from axonflow_core.hookspecs import hookimpl

from .. import converse
from ..converse.requests import OPTIONS
from ..families import anthropic
from .count_tokens import COUNT_KEY

CLAUDE = TokenCounter(
    codec=anthropic.CODEC,
    models=anthropic.CODEC.models,
    except_models=anthropic.CODEC.except_models,
    count_key=COUNT_KEY,
    evidence="recorded traffic",
)
CONVERSE = TokenCounter(
    codec=converse.CODEC,
    models=converse.CODEC.models,
    uncounted=(OPTIONS - {"additionalModelRequestFields"}) | {"inferenceConfig", "requestMetadata"},
    count_key=COUNT_KEY,
    evidence="recorded traffic",
)


@hookimpl
def axonflow_register_codec() -> Sequence[TokenCounter]:
    return CLAUDE, CONVERSE
