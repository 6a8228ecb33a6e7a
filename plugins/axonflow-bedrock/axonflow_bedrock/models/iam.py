"""The least IAM statements for one call.

A plain id needs one ARN, the model's. An inference profile needs two: its own, in the account, and
the model's in every region that the profile may send the call to; a condition allows the second
only through the first. Which regions those are is not published, so the model's ARN has `*` as its
region.

Source: AWS user guide, "Prerequisites for inference profiles" and "Permissions for guardrails",
November 2026.
"""

from __future__ import annotations

from axonflow_core.messages import Json

from .model_id import Kind, ModelId

_PARTITIONS = (
    ("us-gov-", "aws-us-gov"),
    ("cn-", "aws-cn"),
    ("eusc-", "aws-eusc"),
    ("us-isob-", "aws-iso-b"),
    ("us-isof-", "aws-iso-f"),
    ("eu-isoe-", "aws-iso-e"),
    ("us-iso-", "aws-iso"),
)
_ACTIONS = {False: "bedrock:InvokeModel", True: "bedrock:InvokeModelWithResponseStream"}


def partition_of(region: str) -> str:
    """The ARN partition of a region: `aws`, `aws-us-gov`, `aws-cn`, …"""
    return next(
        (partition for prefix, partition in _PARTITIONS if region.startswith(prefix)), "aws"
    )


def statements_for(
    model: ModelId, region: str, *, is_streamed: bool, guardrail: str | None = None
) -> tuple[Json, ...]:
    """The statements to add to a policy, ready for JSON. An unknown account is `*`."""
    guarding = (
        ()
        if guardrail is None
        else (_apply(guardrail, model.partition or partition_of(region), region),)
    )
    return (*_statements_of_model(model, region, is_streamed=is_streamed), *guarding)


def _apply(guardrail: str, partition: str, region: str) -> Json:
    """The statement that allows a guardrail to be applied."""
    resource = (
        guardrail
        if guardrail.startswith("arn:")
        else f"arn:{partition}:bedrock:{region}:*:guardrail/{guardrail}"
    )
    return _allow("bedrock:ApplyGuardrail", resource)


def _statements_of_model(model: ModelId, region: str, *, is_streamed: bool) -> tuple[Json, ...]:
    """The statements that allow the model: its ARN, or those of a profile and of the model in all
    regions."""
    partition, action = model.partition or partition_of(region), _ACTIONS[is_streamed]
    arn = f"arn:{partition}:bedrock:"
    foundation_model = f"foundation-model/{model.base_id}"
    if model.geo is None and model.kind is Kind.FOUNDATION_MODEL:
        return (_allow(action, f"{arn}{region}::{foundation_model}"),)
    if model.given.startswith("arn:"):
        resource = model.given
    elif model.geo is not None:
        resource = f"{arn}{region}:*:inference-profile/{model.given}"
    else:
        resource = f"{arn}{region}:*:provisioned-model/{model.given}"
    if model.geo is None:
        return (_allow(action, resource),)
    anywhere = [
        f"{arn}*::{foundation_model}",
        *([f"{arn}::{foundation_model}"] if model.geo == "global" else []),
    ]
    through = {"StringLike": {"bedrock:InferenceProfileArn": resource}}
    return _allow(action, resource), {**_allow(action, *anywhere), "Condition": through}


def _allow(action: str, *resources: str) -> Json:
    return {
        "Effect": "Allow",
        "Action": action,
        "Resource": resources[0] if len(resources) == 1 else list(resources),
    }
