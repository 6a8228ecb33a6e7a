"""Errors of ours as Bedrock reports them: the table read backwards, whole and in a stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_bedrock.errors.diagnose import diagnose, diagnose_exception_frame
from axonflow_bedrock.errors.encode import ERRORS, IN_STREAM
from axonflow_bedrock.errors.table import MODELLED_STATUSES
from axonflow_core.codec import ErrorCodec
from axonflow_core.dialects.anthropic_messages import ERRORS as ANTHROPIC
from axonflow_core.dialects.openai_chat import ERRORS as OPENAI
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
from axonflow_core.json import dumps
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


def test_the_models_own_status_comes_back() -> None:
    body = b'{"message":"it broke","originalStatusCode":503}'
    error = diagnose(424, "ModelErrorException", body)

    native = ERRORS.encode_error(error)
    read = ERRORS.decode_error(native.status, native.headers, dumps(native.body))
    in_stream = ERRORS.decode_event(ERRORS.error_event(error))

    assert in_stream is not None
    assert (read.original_status, in_stream.original_status) == (503, 503)
    assert read.message == in_stream.message == error.message


THROTTLED = "Too many requests, please wait before trying again.  You’ve sent string [kiwi] twice."
DENIED = "User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not authorized to perform: x"


def test_the_client_of_a_relay_reads_aws_s_message_byte_for_byte() -> None:
    header, body = "ThrottlingException:http://x/", dumps({"message": THROTTLED})
    frame = dumps({"message": THROTTLED})

    whole = diagnose(429, header, body)
    streamed = diagnose_exception_frame("throttlingException", frame)

    assert ERRORS.encode_error(whole).body["message"] == THROTTLED
    assert ERRORS.error_event(streamed)["throttlingException"]["message"] == THROTTLED
    assert "kiwi" not in f"{whole.message}{whole!r}{streamed!r}"


@pytest.mark.parametrize("dialect", [ERRORS, OPENAI, ANTHROPIC], ids=lambda codec: codec.name)
@pytest.mark.parametrize("header", ["AccessDeniedException:http://x/", "NewDenied", None])
def test_a_denial_of_aws_s_is_relayed_in_our_words(dialect: ErrorCodec, header: str | None) -> None:
    said = f"{DENIED} on resource: arn:aws:iam::123456789012:role/ProdRole forbidden"
    denied = diagnose(403, header, dumps({"message": said}))

    written = dumps([dialect.encode_error(denied).body, dialect.error_event(denied)]).decode()

    assert written.count("this server lacks a permission at its provider") >= 2
    assert "123456789012" not in written
    assert "ProdRole" not in written


def test_every_error_in_a_stream_is_one_that_the_service_model_allows() -> None:
    frames = {next(iter(ERRORS.error_event(row.error("no")))) for row in ERRORS.rows}

    assert {name[0].upper() + name[1:] for name in frames} <= IN_STREAM
