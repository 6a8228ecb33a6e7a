"""Endpoints of the SageMaker marketplace, which take what their container takes.

The one form that was recorded is that of Hugging Face's server (TGI):

    marketplace/tgi       prompt, max_tokens      {"object": "text_completion", …}

An endpoint's ARN does not name its model, so no codec claims one; the operator names the form
with `family:`. The template of such a model is unknown, so the prompt form takes one user message
as the prompt and refuses a conversation.

Source: recorded traffic of a SageMaker endpoint, November 2026.
"""

from __future__ import annotations

from axonflow_core.codec import FamilyCodec, NativeNames
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import StopReason

from ..shapes import text_completion

TGI = text_completion.codec(
    family="marketplace",
    variant="tgi",
    models=(),
    stop_reasons=NativeNames(
        {
            **text_completion.STOPS,
            "eos_token": StopReason.END_TURN,
            "stop_sequence": StopReason.STOP_SEQUENCE,
        },
    ),
    evidence="recorded traffic",
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return TGI
