"""Claude on Anthropic's own API: the Messages dialect, and the count of its tokens.

`anthropic_beta` is a member here as on Bedrock, and a header on the wire: the surface moves it.
Source: Anthropic's API reference, "Messages" and "Count tokens in a Message", November 2026.
"""

from __future__ import annotations

from collections.abc import Sequence

from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.unary import TokenCounter
from axonflow_core.dialects.anthropic_messages import vendor_members
from axonflow_core.hookspecs import hookimpl

CODEC = FamilyCodec(
    family="claude",
    surface="messages",
    models=("claude-",),
    evidence="documents: Anthropic's API reference, and traffic recorded on Bedrock, November 2026",
    **vendor_members(),
)
COUNTER = TokenCounter(
    codec=CODEC,
    models=CODEC.models,
    uncounted=frozenset(
        "max_tokens temperature top_p top_k stop_sequences metadata service_tier container "
        "inference_geo anthropic_beta".split()
    ),
    count_key="input_tokens",
    evidence="documents: Anthropic's API reference, November 2026",
)


@hookimpl
def axonflow_register_codec() -> Sequence[FamilyCodec | TokenCounter]:
    return CODEC, COUNTER
