"""A refusal in a vendor's own names and words.

An error of ours goes through `ErrorCodec.encode_error`, which writes what a client of this server
should know of it. An emulated vendor, and an endpoint that refuses its own client's key, say what
the vendor itself says: a row of the same table, with the vendor's message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from axonflow_core.codec.errors import ErrorCodec, ErrorRow, NativeError
from axonflow_core.errors import CredentialsError, ProviderError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Json


class Refusal(Exception):
    """What an endpoint sends as it is: `native` before an answer has begun, `chunk` in a stream."""

    def __init__(self, message: str, native: NativeError, chunk: Json = None) -> None:
        super().__init__(message)
        self.message = message
        self.native = native
        self.chunk = chunk


@frozen(kw_only=True)
class VendorError:
    """An error in a vendor's own names: as many of them as tell the row of its table."""

    code: str | None = None
    """The vendor's name of the error, whether its form calls that a code, a type or a status."""
    message: str = ""
    status: int | None = None
    """The HTTP status; None: that of the row."""
    type: str | None = None
    """The vendor's name of the class of error, where its form has both."""
    retry_after_s: float | None = None
    """Seconds to wait, sent as `retry-after`."""

    def about(self, **named: object) -> VendorError:
        """The error whose message has the values of its `{names}`."""
        return evolve(self, message=self.message.format(**named))


Refused: TypeAlias = Refusal | VendorError


def refusal_of(errors: ErrorCodec, refused: Refused) -> Refusal:
    """The refusal that `refused` is in the form `errors`."""
    if isinstance(refused, Refusal):
        return refused
    row = row_for(errors, refused)
    error = row.error(refused.message, retry_after_s=refused.retry_after_s)
    return Refusal(
        refused.message, errors.native_error(row, error), errors.native_event(row, error)
    )


def row_for(errors: ErrorCodec, refused: VendorError) -> ErrorRow:
    """The first row with every name that `refused` has, and no code that it has not; a row of its
    own, where there is none: a status that the table does not have may still be sent."""
    rows = sorted(named_rows(errors, refused), key=lambda row: row.code is not None)
    known = next(iter(rows), None)
    if known is not None:
        return known
    return ErrorRow(
        error=ProviderError,
        status=refused.status or 500,
        type=refused.type or refused.code,
        code=refused.code,
    )


def named_rows(errors: ErrorCodec, refused: VendorError) -> Iterator[ErrorRow]:
    """The rows with every name that `refused` has."""
    return (row for row in errors.rows if row.pattern is None and _is_named(row, refused))


def _is_named(row: ErrorRow, refused: VendorError) -> bool:
    name = row.type if row.code is None else row.code
    return (
        refused.code in (None, name)
        and refused.type in (None, row.type)
        and refused.status in (None, row.status)
    )


def denial_of(errors: ErrorCodec, error: CredentialsError) -> Refusal:
    """The refusal of a client's own key, which no repetition mends: agents repeat a 401 for
    minutes. (`encode_error` is about this server's key at its provider, and hides it.)"""
    known = (row for row in errors.rows if row.pattern is None)
    row = next((row for row in known if issubclass(row.error, CredentialsError)), None)
    row = row or ErrorRow(error=CredentialsError, status=401)
    native = errors.native_error(row, error)
    if errors.has_retry_header:
        native = evolve(native, headers={**native.headers, "x-should-retry": "false"})
    return Refusal(error.message, native, errors.native_event(row, error))


def _unknown_path(method: str, path: str) -> Refused:
    return VendorError(status=404, message=f"Invalid URL ({method} {path})")


def _not_json(why: str) -> Refused:
    return VendorError(status=400, message=f"The body of the request is not a JSON object: {why}.")


def _too_long(limit: int) -> Refused:
    return VendorError(status=413, message=f"The body is longer than {limit} bytes.")


def _no_model() -> Refused:
    return VendorError(status=400, message="The request names no model.")


def _unexpected() -> Refused:
    return VendorError(status=500, message="The server had an error processing the request.")


@frozen(kw_only=True)
class Refusals:
    """What an endpoint refuses before a handler is asked, in the vendor's words."""

    unknown_path: Callable[[str, str], Refused] = _unknown_path
    """Method and path, which are no operation."""
    not_json: Callable[[str], Refused] = _not_json
    """The body is no JSON object; what is wrong with it, and where."""
    too_long: Callable[[int], Refused] = _too_long
    """The body is longer than so many bytes."""
    no_model: Callable[[], Refused] = _no_model
    """The call names no model, or one by a name that is none."""
    denied: Callable[[CredentialsError], Refused] | None = None
    """What the verifier raised, where the vendor has several such errors; None: the row of
    `CredentialsError` in the table."""
    unexpected: Callable[[], Refused] = _unexpected
    """A fault of this server's own, which the log explains."""
