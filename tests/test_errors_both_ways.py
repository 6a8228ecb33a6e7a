"""Errors in both roles: the laws, what they catch, and what vendors really send."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
import pytest
from attrs import evolve

from axonflow_core.codec import Codec, ErrorCodec, ModelFacts, NativeError
from axonflow_core.codec.errors import ReadError
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.errors import (
    AccessDenied,
    AxonFlowError,
    ConfigError,
    ContextExceeded,
    CredentialsError,
    DecodeError,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
    UnencodableAnswer,
)
from axonflow_core.json import loads
from axonflow_core.messages import Json
from axonflow_core.testing import error_laws

OPENAI, ANTHROPIC = openai_chat.ERRORS, anthropic_messages.ERRORS
DIALECTS = (OPENAI, ANTHROPIC)


@pytest.mark.parametrize("law", [law for codec in DIALECTS for law in error_laws(codec)])
def test_a_dialect_keeps_every_law_of_errors(law: Callable[[], None]) -> None:
    law()


# ── what the laws catch ───────────────────────────────────────────────────────────────────────────

SURVIVES, STREAM, VENDOR = (
    "an error survives",
    "an error survives in a stream",
    "a client of the vendor reads it",
)
RELAYED = "the provider's own message is relayed"
DENIAL, BLAME = "an upstream denial is not the client's own", "blame follows the role"
WRITING, WAIT = "writing never fails", "a strange wait is not believed"
STRANGE, NONE = "reading never fails", "what is no error is none"


def writes(change: Callable[[Json], Json]) -> Callable[[ErrorCodec], ErrorCodec]:
    return lambda codec: evolve(codec, write=lambda row, error: change(codec._write(row, error)))


def reads(change: Callable[[ReadError], ReadError]) -> Callable[[ErrorCodec], ErrorCodec]:
    def broken(codec: ErrorCodec) -> ErrorCodec:
        def read(native: Json) -> ReadError | None:
            found = codec._read(native)
            return found and change(found)

        return evolve(codec, read=read)

    return broken


class Leaky(ErrorCodec):
    """Passes an upstream 401 or 403 on."""

    def row_of(self, error: ProviderError) -> Any:
        fits = [row for row in self.rows if isinstance(error, row.error)]
        return fits[0] if fits else super().row_of(error)


class Talkative(ErrorCodec):
    """Tells the client the hint that is for the operator."""

    def encode_error(self, error: AxonFlowError) -> NativeError:
        native = super().encode_error(error)
        return evolve(native, body={**native.body, "hint": error.hint})


class Proud(ErrorCodec):
    """Has a member of its own for what is lost, and does not read it."""

    def _member(self, native: Json) -> Mapping[str, Json]:
        return {}


class Paraphrasing(ErrorCodec):
    """Tells clients our message in place of the provider's."""

    def encode_error(self, error: AxonFlowError) -> NativeError:
        if isinstance(error, ProviderError):
            error.native_message = None
        return super().encode_error(error)


class Quoting(ErrorCodec):
    """Relays what the provider says of this server's own accounts."""

    def encode_error(self, error: AxonFlowError) -> NativeError:
        native = super().encode_error(error)
        said = error.native_message if isinstance(error, AccessDenied) else None
        return native if said is None else evolve(native, body={**native.body, "reason": said})


class Logging(ErrorCodec):
    """Tells in a stream what the log says of this server's own accounts."""

    def error_event(self, error: AxonFlowError) -> Json:
        event = super().error_event(error)
        return {**event, "log": error.message} if isinstance(error, AccessDenied) else event


class Rounding(ErrorCodec):
    """Takes every wait for a number of seconds."""

    def encode_error(self, error: AxonFlowError) -> NativeError:
        native = super().encode_error(error)
        wait_s = error.retry_after_s if isinstance(error, ProviderError) else None
        headers = {} if wait_s is None else {"retry-after": str(math.ceil(wait_s))}
        return evolve(native, headers={**native.headers, **headers})


class Outspoken(ErrorCodec):
    """Writes the texts of an error as they are."""

    def error_event(self, error: AxonFlowError) -> Json:
        return {**super().error_event(error), "note": error.message}


class Credulous(ErrorCodec):
    """Believes every wait that a body names."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        error = super().decode_error(status, headers, body)
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            error.retry_after_s = self._error_in(loads(body))["axonflow"]["retry_after_s"]
        return error


class Patient(ErrorCodec):
    """Believes every wait that a header names."""

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        error = super().decode_error(status, headers, body)
        with suppress(ValueError):
            error.retry_after_s = float(headers.get("retry-after", ""))
        return error


class Trusting(ErrorCodec):
    """Reads bodies of the vendor and no others."""

    def _read_safely(self, native: Json) -> ReadError | None:
        return self._read(native)


def of_class(kind: type[ErrorCodec]) -> Callable[[ErrorCodec], ErrorCodec]:
    return lambda codec: kind(**evolve_members(codec))


def evolve_members(codec: ErrorCodec) -> dict[str, Any]:
    names = "name rows upstream evidence has_retry_header _read _write _write_event _error_in"
    return {name.lstrip("_"): getattr(codec, name) for name in names.split()}


def everything_fails(codec: ErrorCodec) -> ErrorCodec:
    rows = tuple(row for row in codec.rows if row.error is Unavailable)
    return evolve(codec, rows=rows)


MISTAKES: Mapping[str, tuple[str, Callable[[ErrorCodec], ErrorCodec]]] = {
    "the message is not read": (VENDOR, reads(lambda read: evolve(read, message=None))),
    "the message is cut": (
        VENDOR,
        reads(lambda read: evolve(read, message=(read.message or "")[:4])),
    ),
    "every error is the server's": (VENDOR, everything_fails),
    "an upstream 401 is passed on": (DENIAL, of_class(Leaky)),
    "the provider's message is paraphrased": (RELAYED, of_class(Paraphrasing)),
    "the provider's message of a denial is relayed": (RELAYED, of_class(Quoting)),
    "what the log says of a denial is told": (RELAYED, of_class(Logging)),
    "a wait is rounded up whatever it is": (WRITING, of_class(Rounding)),
    "a text is written as it is": (WRITING, of_class(Outspoken)),
    "the wait of a body is believed": (WAIT, of_class(Credulous)),
    "the wait of a header is believed": (WAIT, of_class(Patient)),
    "the provider's message is tidied": (
        RELAYED,
        writes(
            lambda body: {
                **body,
                "error": {**body["error"], "message": body["error"]["message"].strip()},
            }
        ),
    ),
    "the hint is sent": (BLAME, of_class(Talkative)),
    "what is lost is written and not read": (SURVIVES, of_class(Proud)),
    "what is lost in a stream is written and not read": (STREAM, of_class(Proud)),
    "a page of a proxy crashes the reader": (STRANGE, of_class(Trusting)),
    "every chunk is an error": (
        NONE,
        lambda codec: evolve(codec, read=lambda native: ReadError(message="no")),
    ),
    "no chunk is an error": (STREAM, lambda codec: evolve(codec, read=lambda native: None)),
    "errors have no message": (
        VENDOR,
        writes(lambda body: {**body, "error": {**body["error"], "message": "an error occurred"}}),
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.sampled(3)
@pytest.mark.parametrize("codec", DIALECTS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_breaks_its_law(codec: ErrorCodec, mistake: str) -> None:
    law_name, broken = MISTAKES[mistake]
    law = next(law for law in error_laws(broken(codec)) if law.name == law_name)

    with pytest.raises(Exception):  # noqa: B017 - an AssertionError, or the reader's own
        law()


# ── what vendors send ─────────────────────────────────────────────────────────────────────────────

SENT: list[
    tuple[ErrorCodec, int, dict[str, str], Json, type[ProviderError], bool, float | None]
] = [
    (
        OPENAI,
        429,
        {"retry-after": "2", "retry-after-ms": "1900"},
        {
            "error": {
                "message": "Rate limit reached",
                "type": "tokens",
                "param": None,
                "code": "rate_limit_exceeded",
            }
        },
        Throttled,
        True,
        1.9,
    ),
    (
        OPENAI,
        429,
        {},
        {
            "error": {
                "message": "You exceeded your current quota",
                "type": "insufficient_quota",
                "code": "insufficient_quota",
            }
        },
        Throttled,
        False,
        None,
    ),
    (
        OPENAI,
        400,
        {},
        {
            "error": {
                "message": "This model's maximum context length is 8192 tokens.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        ContextExceeded,
        False,
        None,
    ),
    (
        OPENAI,
        404,
        {},
        {"error": {"message": "No such model", "type": "invalid_request_error", "code": None}},
        ModelNotFound,
        False,
        None,
    ),
    (
        OPENAI,
        401,
        {},
        {
            "error": {
                "message": "Incorrect API key",
                "type": "invalid_request_error",
                "code": "invalid_api_key",
            }
        },
        CredentialsError,
        False,
        None,
    ),
    (OPENAI, 504, {}, {"error": "upstream request timeout"}, ProviderTimeout, False, None),
    (
        OPENAI,
        503,
        {"x-should-retry": "false"},
        {"error": {"message": "Overloaded", "type": "server_error"}},
        Unavailable,
        False,
        None,
    ),
    (
        ANTHROPIC,
        529,
        {},
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Unavailable,
        True,
        None,
    ),
    (
        ANTHROPIC,
        429,
        {"retry-after": "Sat, 28 Nov 2026 10:00:30 GMT", "date": "Sat, 28 Nov 2026 10:00:00 GMT"},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow down"}},
        Throttled,
        True,
        30.0,
    ),
    (
        ANTHROPIC,
        400,
        {},
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "prompt is too long: 208310 tokens > 200000 maximum",
            },
        },
        ContextExceeded,
        False,
        None,
    ),
    (
        ANTHROPIC,
        403,
        {},
        {"type": "error", "error": {"type": "permission_error", "message": "Not yours"}},
        AccessDenied,
        False,
        None,
    ),
    (
        ANTHROPIC,
        413,
        {},
        {"type": "error", "error": {"type": "request_too_large", "message": "Too large"}},
        InvalidCall,
        False,
        None,
    ),
]


@pytest.mark.parametrize(
    ("codec", "status", "headers", "body", "kind", "is_retryable", "wait_s"), SENT
)
def test_a_documented_error_is_read(
    codec: ErrorCodec,
    status: int,
    headers: dict[str, str],
    body: Json,
    kind: type[ProviderError],
    is_retryable: bool,
    wait_s: float | None,
) -> None:
    error = codec.decode_error(status, headers, orjson.dumps(body))

    assert (type(error), error.is_retryable, error.retry_after_s) == (kind, is_retryable, wait_s)
    assert error.status == status
    inner = body["error"]
    assert error.message == (inner if isinstance(inner, str) else inner["message"])


CHUNKS: list[tuple[Codec, Json, type[ProviderError], str]] = [
    (
        anthropic_messages.CODEC,
        {"type": "error", "error": {"type": "invalid_request_error", "message": "Not this"}},
        InvalidCall,
        "Not this",
    ),
    (
        anthropic_messages.CODEC,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
        Unavailable,
        "Overloaded",
    ),
    (
        openai_chat.CODEC,
        {"error": {"message": "Not this", "type": "invalid_request_error", "code": None}},
        InvalidCall,
        "Not this",
    ),
    (
        openai_chat.CODEC,
        {"choices": [], "error": {"message": "Slow down", "code": 429}},
        Throttled,
        "Slow down",
    ),
]


@pytest.mark.parametrize(("codec", "chunk", "kind", "message"), CHUNKS)
def test_an_error_in_a_stream_has_its_class_and_the_vendors_message(
    codec: Codec, chunk: Json, kind: type[ProviderError], message: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        codec.stream_decoder(ModelFacts()).feed(chunk)

    assert (type(raised.value), raised.value.message) == (kind, message)


@pytest.mark.parametrize(("codec", "body", "kind", "message"), CHUNKS)
def test_an_error_in_a_whole_answer_is_the_one_that_it_is_in_a_stream(
    codec: Codec, body: Json, kind: type[ProviderError], message: str
) -> None:
    with pytest.raises(ProviderError) as raised:
        codec.decode_response(body, ModelFacts())
    with pytest.raises(ProviderError) as streamed:
        codec.stream_decoder(ModelFacts()).feed(body)

    assert type(raised.value) is type(streamed.value) is kind
    assert vars(raised.value) == vars(streamed.value)
    assert raised.value.message == message


def test_a_null_error_in_a_whole_answer_is_none() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}}

    answer = openai_chat.CODEC.decode_response({"choices": [choice], "error": None}, ModelFacts())

    assert answer.text == "Hi"


def test_the_provider_s_message_is_in_no_repr() -> None:
    body = {"error": {"message": "mend: kiwi", "type": "invalid_request_error"}}

    error = evolved_message(OPENAI.decode_error(400, {}, orjson.dumps(body)))

    assert error.native_message == "mend: kiwi"
    assert "kiwi" not in f"{error!r} {error}"


def evolved_message(error: ProviderError) -> ProviderError:
    """The error as a provider plugin rewrites it: its own message beside the vendor's."""
    return type(error)("the model refuses the call", native_message=error.native_message)


def test_a_null_error_in_a_chunk_is_none() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}}], "error": None}

    assert openai_chat.CODEC.stream_decoder(ModelFacts()).feed(chunk)


@pytest.mark.parametrize("codec", DIALECTS, ids=lambda codec: codec.name)
@pytest.mark.parametrize("error", [DecodeError("x"), UnencodableAnswer("x"), ConfigError("x")])
def test_an_answer_of_ours_that_cannot_be_passed_on_is_not_asked_for_again(
    codec: ErrorCodec, error: AxonFlowError
) -> None:
    native, chunk = codec.encode_error(error), codec.error_event(error)

    assert native.headers["x-should-retry"] == "false"
    assert codec._error_in(chunk)["axonflow"]["is_retryable"] is False
    read = codec.decode_event(chunk)
    assert read is not None
    assert not read.is_retryable
    assert "x-should-retry" not in codec.encode_error(Unavailable("x")).headers
