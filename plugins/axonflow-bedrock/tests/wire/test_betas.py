"""Claude's betas travel on Converse too, in the model's own fields."""

from __future__ import annotations

import pytest

from axonflow_bedrock.converse.model_fields import carry_betas
from axonflow_core.messages import CompletionRequest, Json, user

CLAUDE, NOVA = "anthropic.claude-sonnet-4-6", "amazon.nova-lite-v1:0"
FIELDS = "additionalModelRequestFields"
BETA = "context-1m-2025-08-07"


def asked(**options: Json) -> CompletionRequest:
    return CompletionRequest(user("hi"), options=options)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"anthropic_beta": [BETA]}, {FIELDS: {"anthropic_beta": [BETA]}}),
        (
            {"anthropic_beta": [BETA], FIELDS: {"anthropic_beta": ["x", BETA], "top_k": 1}},
            {FIELDS: {"anthropic_beta": ["x", BETA], "top_k": 1}},
        ),
        ({"anthropic_beta": []}, {}),
        ({"anthropic_beta": None, FIELDS: {"a": 1}}, {FIELDS: {"a": 1}}),
    ],
)
def test_betas_stand_in_the_fields_of_the_model(before: Json, after: Json) -> None:
    assert carry_betas(asked(**before), CLAUDE) == asked(**after)
    assert carry_betas(asked(**before), "") == asked(**after), "an ARN that does not say its model"


def test_another_model_has_no_betas() -> None:
    request = asked(anthropic_beta=[BETA])

    assert carry_betas(request, NOVA) is request
