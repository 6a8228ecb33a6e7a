"""The error table as a page of documentation: what the templates say when no call fills them."""

from __future__ import annotations

from axonflow_core.errors import (
    AccessDenied,
    DecodeError,
    ModelNotFound,
    ProfileRequired,
    UndetectedFamily,
)
from axonflow_core.plugin_spec import ErrorEntry

from .diagnose import NO_SUCCESSOR
from .table import TABLE, Row

_MET_FIRST = (
    ErrorEntry(
        issue="AccessDeniedException",
        code=AccessDenied.code,
        native_codes=("AccessDeniedException",),
        cause="the IAM role has no permission for Bedrock",
        fix="add bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream to the policy of "
        "the task role; the error prints the statement with the ARN that was denied",
    ),
    ErrorEntry(
        issue="ValidationException on the model id",
        code=ModelNotFound.code,
        native_codes=("ValidationException",),
        cause="the model is not enabled in your account, or is not in the region",
        fix="enable the model in the Bedrock console for your region",
    ),
    ErrorEntry(
        issue="High latency, above 2 seconds",
        code="",
        cause="the calls go to another region",
        fix="set BEDROCK_REGION to the region of your deployment",
    ),
    ErrorEntry(
        issue="ValidationException on newer Anthropic models",
        code=ProfileRequired.code,
        native_codes=("ValidationException",),
        cause="the plain model id is no longer accepted for on-demand throughput",
        fix="use the id of an inference profile with the prefix of its regions, for example "
        "us.anthropic.claude-sonnet-4-20250514-v1:0; the error names the one for your model",
    ),
    ErrorEntry(
        issue="Empty response",
        code=DecodeError.code,
        cause="the family of the model was not detected, or is another than its id says; AxonFlow "
        "raises an error instead of answering nothing",
        fix="check that the model id begins with a supported prefix (anthropic., amazon., meta., "
        "mistral.), or name the family with `family:` or `base_model:`",
    ),
)
"""What most people meet, in the order of the product's own page."""


_NAME_THE_FAMILY = "name the family with `family:` or `base_model:`"

WITHOUT_A_REFUSAL = (
    ErrorEntry(
        code=UndetectedFamily.code,
        cause="the model id is an ARN that does not contain its model, or a model of a family that "
        "is not installed; nothing was sent",
        fix=f"{_NAME_THE_FAMILY}, or install the package that has it",
    ),
    ErrorEntry(
        code=DecodeError.code,
        cause="the answer is not JSON of the family that the model id says",
        fix=_NAME_THE_FAMILY,
    ),
)
"""Errors of calls that Bedrock did not refuse, and the keys of this provider that mend them."""


def error_catalogue() -> tuple[ErrorEntry, ...]:
    """Every error that Bedrock's table tells apart, the most common ones first, with placeholders
    for values of a call; last the errors of calls that Bedrock did not refuse."""
    return (*_MET_FIRST, *map(_entry, TABLE), *WITHOUT_A_REFUSAL)


class _Names(dict[str, str]):
    """What no call has filled is its own name, in capitals."""

    def __missing__(self, key: str) -> str:
        return key.upper()


_UNFILLED = _Names(
    profile="model: the id of an inference profile; `aws bedrock list-inference-profiles` lists "
    "them",
    successor=NO_SUCCESSOR,
    message="…",
    unit=" tokens",
    limit2="",
)


def _entry(row: Row) -> ErrorEntry:
    return ErrorEntry(
        code=row.error.code,
        cause=row.cause.format_map(_UNFILLED),
        fix=row.fix.format_map(_UNFILLED),
        native_codes=row.codes,
        statuses=_statuses(row),
        example=row.example,
        is_retryable=row.error.is_retryable if row.is_retryable is None else row.is_retryable,
    )


def _statuses(row: Row) -> str:
    if isinstance(row.statuses, range):
        return f"{row.statuses.start}–{row.statuses.stop - 1}"
    return ", ".join(map(str, row.statuses))
