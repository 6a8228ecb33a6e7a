"""Errors of one native form, in both roles: a vendor's error read, and ours written for a client.

    decode_error    status, headers and bytes of a refusal  ->  ProviderError     client role
    decode_event    a chunk of a stream                     ->  ProviderError, or None: no error
    encode_error    any error of ours                       ->  NativeError       server role
    error_event     any error of ours                       ->  a chunk of a stream

A form names its errors in a table of `ErrorRow`s, which both roles read: a vendor's error is that
of the row with most of its code, status and type; an error of ours is written as the most
particular row of its class. An `ErrorCodec` adds what every form needs:

* Reading never fails: a gateway before the vendor may have written the body.
* An error that is not the provider's gets the blame that its client sees (`as_provider_error`): a
  malformed request is the client's, an undecodable answer or a faulty configuration is the
  server's. The hint stays here, because it is for the operator.
* An upstream 401 or 403 is never the client's own. The client is authenticated; who is not, is this
  server at its provider. It is written with `UPSTREAM_STATUS`.
* A relayed error keeps the provider's own message, byte for byte, because clients of a vendor look
  for the vendor's words. Only of an upstream denial a fixed sentence of ours is written: what the
  provider says, and what we say of it in the log, names roles and accounts of this server.
* Writing never fails: an error that a third party made may have a wait that is no number of
  seconds, or a text that UTF-8 cannot carry. Nor is such a wait believed when it is read.
* Whatever the native form loses (a class that its vendor does not have, retryability, the vendor's
  own code, the wait in a stream) is added in one member, `axonflow`, next to the native ones.
  Clients of the vendor ignore it; another AxonFlow reads it. So an error survives encode -> decode
  with class, message, retryability, wait and native code, whole and in a stream.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import orjson

from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    Unavailable,
    UndetectedFamily,
)
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY, Json, hidden

from .json_members import number_in_header, time_in_header
from .likeness import likeness

UPSTREAM_STATUS = 502
"""The status of an upstream 401 or 403 as clients see it: Bad Gateway."""
MEMBER = "axonflow"
"""The member that carries what the native form has no place for."""

_OURS_ALONE = "the server is not configured correctly; its log has the reason"
"""The message to a client for a fault in this server's configuration."""
_DENIALS: Mapping[type[ProviderError], str] = {
    AccessDenied: "this server lacks a permission at its provider; its log has the reason",
    CredentialsError: "the provider refuses this server's credentials; its log has the reason",
}
"""The message to a client for an upstream denial."""
MAX_WAIT_S = 366 * 86400.0
"""The longest wait that is believed and written, in seconds: more than any quota asks for."""


@frozen
class NativeError:
    """An error as HTTP carries it: `status` to send, `headers` with names in lower case, `body` as
    JSON."""

    status: int
    headers: Mapping[str, str]
    body: Json = hidden()


@frozen
class ReadError:
    """What an author's reader finds in a native error: its names, the vendor's message, and an HTTP
    status that the body itself reports, if any."""

    type: str | None = None
    """The native name of the class of error: `invalid_request_error`."""
    code: str | None = None
    """The native name of the error itself, where the form has both: `model_not_found`."""
    message: str | None = hidden(default=None)
    """The vendor's own words. Never shown in a repr: they may quote the prompt."""
    status: int | None = None
    """A status that the body reports; that of HTTP replaces it in a whole answer."""
    retry_after_s: float | None = None
    """The wait that the body asks for, in seconds; that of a header goes before it."""


@frozen(kw_only=True)
class ErrorRow:
    """One error of a form: its native names, and the error of ours that it means."""

    error: type[ProviderError]
    """The class of ours that the native error means."""
    status: int
    """The HTTP status: written, and read where no name tells more."""
    type: str | None = None
    """The native type; None: the row is found by its status alone."""
    code: str | None = None
    """The native code; None: any."""
    pattern: str | None = None
    """A pattern to find in the message, whatever the case; such a row is not for writing."""
    is_retryable: bool | None = None
    """None: as the class has it."""

    @property
    def retries(self) -> bool:
        return self.error.is_retryable if self.is_retryable is None else self.is_retryable


Write: TypeAlias = Callable[[ErrorRow, ProviderError], Json]
"""The native body or chunk of an error, by its row: fresh objects at each call."""
DecodeWhole: TypeAlias = Callable[[int, Mapping[str, str], bytes], ProviderError]

NAMED_BY_ALL: frozenset[type[ProviderError]] = frozenset(
    {InvalidCall, ModelNotFound, ProviderTimeout, Throttled, Unavailable}
)
"""The errors that every vendor has a name for."""
_STRANGE = (
    *(KeyError, TypeError, ValueError, AttributeError, IndexError),
    *(RecursionError, OverflowError),
)
"""What an author's reader may raise about a body that is not as it expects."""


@frozen(kw_only=True)
class ErrorCodec:
    """The errors of one form: what its author writes, and the guard around it.

    The author's functions may raise whatever a strange body makes them raise; a body that cannot be
    read still becomes the error of its status.
    """

    name: str
    """How errors and tests call the form."""
    rows: tuple[ErrorRow, ...]
    """The particular before the general."""
    upstream: ErrorRow
    """How permission and credentials that this server lacks at its provider are written."""
    evidence: str
    """What the table rests on, with its date."""
    has_retry_header: bool = False
    """Whether clients of the form obey `x-should-retry`."""
    exhausted: ErrorRow | None = None
    """How an error is written after every target was asked, in a form whose clients do not: as one
    that they do not repeat. None: as any other."""
    in_stream: frozenset[type[ProviderError]] = NAMED_BY_ALL
    """Of the errors that every form names whole, those that it names in a stream too."""

    _read: Callable[[Json], ReadError | None]
    """The names in a body or chunk. None: it is no error. May raise on a strange body."""
    _write: Write
    _write_event: Write
    _error_in: Callable[[Json], dict[str, Json]]
    """The object of a body or chunk where the members of the error stand. May raise likewise."""
    _headers: Callable[[ErrorRow], Mapping[str, str]] = lambda row: EMPTY
    """The headers of the form that name the error."""
    _decode: DecodeWhole | None = None
    """Reads a whole error in place of the table, for a form that has a reader of its own."""
    _decode_in_stream: Callable[[Json], ProviderError | None] | None = None
    """Likewise a chunk of a stream."""

    # client role

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """The error in an answer whose status is no success. Returned, not raised; never fails."""
        native = _json(body)
        if self._decode is not None:
            error = self._decode(status, headers, body)
        else:
            read = evolve(self._read_safely(native) or ReadError(), status=status)
            error = self._built(read, body)
        error.status = status
        # Status and wait are the transport's own facts: no body overrules them, the member
        # `axonflow` excepted.
        wait_s = retry_after_of(headers)
        if wait_s is not None or self._decode is not None:
            error.retry_after_s = wait_s
        if self.has_retry_header and (word := headers.get("x-should-retry")) in ("true", "false"):
            error.is_retryable = word == "true"
        return with_member(error, self._member(native))

    def decode_event(self, chunk: Json) -> ProviderError | None:
        """The error in a chunk of a stream, or None where the chunk is none."""
        if self._decode_in_stream is not None:
            error = self._decode_in_stream(chunk)
        else:
            read = self._read_safely(chunk)
            error = None if read is None else self._built(read, b"")
        return None if error is None else with_member(error, self._member(chunk))

    def raise_reported(self, native: Json) -> None:
        """Raise the error that a chunk, or a whole answer of status 200, reports instead of an
        answer; return where it reports none: some servers write `"error": null` into each."""
        error = self.decode_event(native)
        if error is not None:
            raise error

    # server role

    def encode_error(self, error: AxonFlowError) -> NativeError:
        """Status, headers and body that report `error` to a client of this form."""
        known = as_provider_error(error)
        row = self.row_of(known)
        headers = {**self._headers(row), **_retry_headers(known), **self._retry_word(row, known)}
        plain = NativeError(row.status, headers, self._write(row, _relayed(known)))
        # What the form loses is found by reading it, so no author has to list it.
        read = self.decode_error(plain.status, plain.headers, orjson.dumps(plain.body))
        return evolve(plain, body=self._completed(plain.body, known, read))

    def error_event(self, error: AxonFlowError) -> Json:
        """The chunk that reports `error` in a stream, as its last."""
        known = as_provider_error(error)
        row = self.row_of(known)
        chunk = self._write_event(row, _relayed(known))
        return self._completed(chunk, known, self.decode_event(chunk))

    def native_error(self, row: ErrorRow, error: ProviderError) -> NativeError:
        """Status, headers and body of `error` as the vendor writes an error of `row`, with nothing
        of ours: for a server that stands in for the vendor."""
        headers = {**self._headers(row), **_retry_headers(error)}
        return NativeError(row.status, headers, self._write(row, error))

    def native_event(self, row: ErrorRow, error: ProviderError) -> Json:
        """The same as the last chunk of a stream."""
        return self._write_event(row, error)

    def row_of(self, error: ProviderError) -> ErrorRow:
        """The row that an error of ours is written as."""
        # Before the rows: a client that reads a 401 or 403 would mend its own key, and the key at
        # fault is this server's.
        if isinstance(error, AccessDenied | CredentialsError):
            return self.upstream
        if error.is_exhausted and error.is_retryable and self.exhausted is not None:
            return self.exhausted
        fits = [row for row in self.rows if isinstance(error, row.error) and row.pattern is None]
        return max(fits, key=lambda row: _fitness(row, error)) if fits else self.rows[-1]

    # ── reading ───────────────────────────────────────────────────────────────────────────────────

    def _read_safely(self, native: Json) -> ReadError | None:
        """The names in a body, None where it has none or is strange: a proxy may have written
        HTML."""
        try:
            return self._read(native)
        except _STRANGE:
            return None

    def _built(self, read: ReadError, body: bytes) -> ProviderError:
        """The error that the names mean, retryable as its row has it."""
        kind, retries = self._meaning(read)
        error = kind(
            _utf8(read.message) or _without_message(body, read),
            status=read.status,
            native_code=_utf8(read.code or read.type),
            native_message=read.message,
            retry_after_s=_wait_of(read.retry_after_s),
        )
        error.is_retryable = retries
        return error

    def _meaning(self, read: ReadError) -> tuple[type[ProviderError], bool]:
        """The class of an error, and whether it is worth a retry.

        A row that has its code or words decides; then our own `code`, which an AxonFlow upstream
        sends; then the row with most of its status and type; then the status alone, where 4xx is
        the caller's fault and everything else is retryable.
        """
        scores = [(_score(row, read), row) for row in self.rows]
        best, row = max(scores, key=lambda scored: scored[0])
        if best < _BY_CODE and (kind := CLASSES.get(read.code or "")) is not None:
            return kind, kind.is_retryable
        if best:
            return row.error, row.retries
        # An error in a stream has no status: the call was accepted, so it is not the caller's
        # fault.
        is_callers = read.status is not None and 400 <= read.status < 500
        return (InvalidCall, False) if is_callers else (Unavailable, True)

    # ── what the form has no place for ────────────────────────────────────────────────────────────

    def _member(self, native: Json) -> Mapping[str, Json]:
        """The member `axonflow` of an error that another AxonFlow wrote, else EMPTY."""
        try:
            member = self._error_in(native)[MEMBER]
        except _STRANGE:
            return EMPTY
        return member if isinstance(member, dict) else EMPTY

    def _completed(self, native: Json, error: ProviderError, read: ProviderError | None) -> Json:
        """`native` with the member `axonflow` for the facts that its own reader would not find in
        it. An error that the form expresses completely gets no member."""
        found = EMPTY if read is None else _facts(read)
        lost = {name: fact for name, fact in _facts(error).items() if found.get(name) != fact}
        if lost:
            self._error_in(native)[MEMBER] = lost
        return native

    def _retry_word(self, row: ErrorRow, error: ProviderError) -> Mapping[str, str]:
        """Vendors' clients repeat a 429 or 5xx of their own accord; `x-should-retry` stops them.
        After every target was asked it does so too: each repetition would ask all of them."""
        # `_base_client._should_retry` of openai-python and anthropic-sdk-python (November 2026).
        repeats = row.status in (408, 409, 429) or row.status >= 500
        is_wanted = error.is_retryable and not error.is_exhausted
        if not self.has_retry_header or repeats is is_wanted:
            return EMPTY
        return {"x-should-retry": "true" if is_wanted else "false"}


# ── blame ─────────────────────────────────────────────────────────────────────────────────────────


def as_provider_error(error: AxonFlowError) -> ProviderError:
    """`error` as a client of this server sees it, whose provider this server is.

    A `RequestError` is an `InvalidCall`, an unknown family a `ModelNotFound`; everything else that
    is not the provider's is `Unavailable`, and not worth a retry. What is wrong with the
    configuration, or with this server's own credentials, is for the operator and is left out.
    """
    match error:
        case AccessDenied() | CredentialsError():
            return _denial(error)
        case ProviderError():
            return _writable(error)
        case UndetectedFamily():
            return ModelNotFound(_utf8(error.message), native_code=error.code)
        case RequestError():
            return InvalidCall(_utf8(error.message), native_code=error.code)
    message = _utf8(error.message) if isinstance(error, AnswerError) else _OURS_ALONE
    unavailable = Unavailable(message, native_code=error.code)
    # The same call would meet the same fault of ours.
    unavailable.is_retryable = False
    return unavailable


def _denial(error: AccessDenied | CredentialsError) -> ProviderError:
    """An upstream denial without a word of the provider's."""
    kind = AccessDenied if isinstance(error, AccessDenied) else CredentialsError
    return _rebuilt(
        _known_class(error),
        error,
        message=_DENIALS[kind],
        native_message=None,
        native_code=_utf8(error.native_code),
        retry_after_s=_wait_of(error.retry_after_s),
    )


def _writable(error: ProviderError) -> ProviderError:
    """`error`, whose facts JSON and headers can carry; itself, where they all can."""
    facts = {
        "message": _utf8(error.message),
        "native_message": _utf8(error.native_message),
        "native_code": _utf8(error.native_code),
        "retry_after_s": _wait_of(error.retry_after_s),
    }
    if all(getattr(error, name) is fact for name, fact in facts.items()):
        return error
    return _rebuilt(_known_class(error), error, **facts)


def _relayed(error: ProviderError) -> ProviderError:
    """`error` with the message that the client reads: the provider's own where it sent one."""
    if error.native_message is None:
        return error
    return _rebuilt(_known_class(error), error, message=error.native_message)


def _known_class(error: ProviderError) -> type[ProviderError]:
    """The class of the core's that `error` is of: one of a third party may be made in another
    way."""
    return next(kind for kind in type(error).__mro__ if kind in _KNOWN)


def _utf8(text: Any) -> Any:
    """`text` with a question mark for each lone surrogate; what is no text, unchanged."""
    if not isinstance(text, str) or text.isascii():
        return text
    written = text.encode("utf-8", "replace").decode()
    return text if written == text else written


def _wait_of(value: Any) -> Any:
    """`value` where it is a time to wait, in seconds, and None where it is none: a bool, a negative
    number, infinity. One beyond all reason is `MAX_WAIT_S`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        return None
    return value if value <= MAX_WAIT_S else MAX_WAIT_S


def _subclasses(kind: type[ProviderError]) -> Iterator[type[ProviderError]]:
    """`kind` and every class below it, depth first."""
    yield kind
    for below in kind.__subclasses__():
        yield from _subclasses(below)


CLASSES: Mapping[str, type[ProviderError]] = {
    kind.code: kind for kind in _subclasses(ProviderError)
}
"""`code` of an error of ours -> its class."""
_KNOWN = frozenset(CLASSES.values())


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────

_BY_WORDS, _BY_CODE, _BY_STATUS, _BY_TYPE = 8, 4, 2, 1


def _score(row: ErrorRow, read: ReadError) -> int:
    """How much of `row` an error has, 0 for none: its words count more than its code, that more
    than its status, that more than its type. The powers of two keep one of a higher kind above all
    lower ones."""
    if row.pattern is not None:
        found = re.search(row.pattern, read.message or "", re.IGNORECASE)
        return _BY_WORDS if found and row.type in (None, read.type) else 0
    if row.code is not None and read.code != row.code:
        return 0
    has_code = _BY_CODE if row.code is not None else 0
    has_status = _BY_STATUS if read.status == row.status else 0
    return has_code + has_status + (_BY_TYPE if read.type and read.type == row.type else 0)


def _fitness(row: ErrorRow, error: ProviderError) -> tuple[int, bool, bool, bool]:
    """The most particular class, then the name that the error came with, then its retryability,
    then its status."""
    is_named = error.native_code is not None and error.native_code in (row.code, row.type)
    is_retried_alike = row.retries is error.is_retryable
    return len(row.error.__mro__), is_named, is_retried_alike, row.status == error.status


def _facts(error: ProviderError) -> dict[str, Json]:
    """What an error must keep on its way through another form; also the layout of the member
    `axonflow`:

        {"code": "throttled", "message": "…", "is_retryable": true, "retry_after_s": 2.5,
         "native_code": "ThrottlingException"}
    """
    return {
        "code": error.code,
        "message": error.message,
        "is_retryable": error.is_retryable,
        "retry_after_s": error.retry_after_s,
        "native_code": error.native_code,
    }


def with_member(error: ProviderError, member: Mapping[str, Json]) -> ProviderError:
    """`error` with the facts of the member `axonflow`; a value of a wrong type is ignored, because
    the member comes from outside."""
    if not member:
        return error
    kind = CLASSES.get(_typed(member, "code", str) or "", type(error))
    facts = {
        name: member[name]
        for name, types in _MEMBER_TYPES.items()
        if name in member and isinstance(member[name], types)
    }
    if facts.get("retry_after_s") is not None:
        wait_s = _wait_of(facts.pop("retry_after_s"))
        facts |= {} if wait_s is None else {"retry_after_s": wait_s}
    return _rebuilt(kind, error, **facts)


def _rebuilt(kind: type[ProviderError], error: ProviderError, **changes: Any) -> ProviderError:
    """`error` as one of the class `kind`, with `changes` of its facts."""
    facts = {**_facts(error), "native_message": error.native_message, **changes}
    built = kind(
        facts["message"],
        hint=error.hint,
        status=error.status,
        native_code=facts["native_code"],
        native_message=facts["native_message"],
        retry_after_s=facts["retry_after_s"],
    )
    built.is_retryable = facts["is_retryable"]
    built.original_status = error.original_status
    built.is_exhausted = error.is_exhausted
    return built.enrich(provider=error.provider, model=error.model, request_id=error.request_id)


_MEMBER_TYPES: Mapping[str, Any] = {
    "message": str,
    "is_retryable": bool,
    "retry_after_s": int | float | None,
    "native_code": str | None,
}


def _typed(member: Mapping[str, Json], name: str, kind: type[str]) -> str | None:
    value = member.get(name)
    return value if isinstance(value, kind) else None


# ── headers and bytes ─────────────────────────────────────────────────────────────────────────────


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer asks to wait, from headers whose names are in lower case.

    `retry-after-ms` (both vendors' clients read it first), else `retry-after` in seconds, else a
    date there, measured against the answer's own `date`: a codec has no clock.
    """
    # openai-python and anthropic-sdk-python, `_parse_retry_after_header` (November 2026).
    milliseconds = number_in_header(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return min(milliseconds / 1000, MAX_WAIT_S)
    word = headers.get("retry-after")
    seconds = number_in_header(word)
    wait_s = seconds if seconds is not None else _seconds_until(word, headers.get("date"))
    return None if wait_s is None else min(wait_s, MAX_WAIT_S)


def _retry_headers(error: ProviderError) -> dict[str, str]:
    """The wait as headers: whole seconds in `retry-after`, rounded up, and `retry-after-ms` where
    that loses a fraction."""
    wait_s = error.retry_after_s
    if wait_s is None:
        return {}
    # Rounded up, because RFC 9110 allows whole seconds only and an early retry is refused again.
    headers = {"retry-after": str(math.ceil(wait_s))}
    return headers if wait_s == int(wait_s) else {**headers, "retry-after-ms": repr(wait_s * 1000)}


def _seconds_until(then: str | None, now: str | None) -> float | None:
    """The seconds between two dates, 0 for a date that is past."""
    if then is None or now is None:
        return None
    end, begin = time_in_header(then), time_in_header(now)
    return None if end is None or begin is None else max((end - begin).total_seconds(), 0.0)


def _json(body: bytes) -> Json:
    """The JSON in `body`, None where it is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _without_message(body: bytes, read: ReadError) -> str:
    """A message for an error whose body has none."""
    where = f"HTTP {read.status}" if read.status is not None else "in the stream"
    if not body:
        return f"the provider reported an error without a message ({where})"
    return f"{likeness(body)} without a message ({where})"
