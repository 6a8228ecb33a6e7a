"""Errors of ours as Bedrock reports them: the table read backwards, whole and in a stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_bedrock.errors.encode import ERRORS, IN_STREAM
from axonflow_bedrock.errors.table import MODELLED_STATUSES
from axonflow_core.errors import (
    AxonFlowError,
    ContextExceeded,
    CredentialsExpired,
    MalformedRequest,
    ModelNotFound,
    ProfileRequired,
    ProviderTimeout,
    Throttled,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.testing import error_laws


@pytest.mark.parametrize("law", error_laws(ERRORS))
def test_bedrock_keeps_every_law_of_errors(law: Callable[[], None]) -> None:
    law()


WRITTEN: list[tuple[AxonFlowError, str, str]] = [
    (Throttled("slow down"), "ThrottlingException", "throttlingException"),
    (ProviderTimeout("too slow"), "ModelTimeoutException", "modelTimeoutException"),
    (Unavailable("no capacity"), "ServiceUnavailableException", "serviceUnavailableException"),
    (ModelNotFound("no such model"), "ResourceNotFoundException", "validationException"),
    (ContextExceeded("too long"), "ValidationException", "validationException"),
    (ProfileRequired("not on demand"), "ValidationException", "validationException"),
    (MalformedRequest("no messages"), "ValidationException", "validationException"),
    (TruncatedStream("cut"), "ModelErrorException", "modelStreamErrorException"),
    (CredentialsExpired("expired"), "InternalServerException", "internalServerException"),
]


@pytest.mark.parametrize(("error", "code", "frame"), WRITTEN)
def test_an_error_has_the_name_that_aws_has_for_it(
    error: AxonFlowError, code: str, frame: str
) -> None:
    native = ERRORS.encode_error(error)

    assert native.headers["x-amzn-errortype"].partition(":")[0] == code
    assert native.status == MODELLED_STATUSES[code]
    assert list(ERRORS.error_event(error)) == [frame]


def test_every_error_in_a_stream_is_one_that_the_service_model_allows() -> None:
    frames = {next(iter(ERRORS.error_event(row.error("no")))) for row in ERRORS.rows}

    assert {name[0].upper() + name[1:] for name in frames} <= IN_STREAM
