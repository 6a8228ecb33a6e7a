"""The laws of errors: what every `ErrorCodec` keeps, in both roles.

    @pytest.mark.parametrize("law", error_laws(ERRORS))
    def test_my_errors(law): law()

A round trip alone would not see a form that says nothing natively, because the member `axonflow`
makes up for what is lost. So some laws take that member away: they hold the codec to what a client
of the vendor reads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from typing import Any

import orjson
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.codec.errors import (
    CLASSES,
    MEMBER,
    NAMED_BY_ALL,
    ErrorCodec,
    NativeError,
    as_provider_error,
)
from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    ConfigError,
    CredentialsError,
    DecodeError,
    EncodeError,
    InvalidCall,
    MalformedRequest,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    Throttled,
    UnencodableAnswer,
)
from axonflow_core.messages import Json

from .checking import for_all, require
from .json_strategies import json_values
from .laws import Law

_SERVERS = (408, 424, *range(500, 600))
_CALLERS = (*range(400, 424), 429)
_STATUSES: Mapping[type[ProviderError], Collection[int]] = {
    InvalidCall: _CALLERS,
    ModelNotFound: _CALLERS,
    Throttled: (429,),
}
"""The statuses that tell a client what to do: mend its request, wait, or try again."""
_CLIENTS_OWN = (401, 403, 407)
"""Statuses that tell a client that its own credentials are at fault."""


@frozen
class _Claims:
    """What a `Law` is bound to."""

    codec: ErrorCodec


def error_laws(codec: ErrorCodec) -> list[Law[Any]]:
    """Every law of errors, bound to `codec`."""
    return [Law(name, _Claims(codec), check) for name, check in _LAWS.items()]


# ── what is drawn ─────────────────────────────────────────────────────────────────────────────────

_MESSAGES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=40
).map(lambda text: f"kiwi {text}".strip())
_WAITS = st.none() | st.integers(0, 3600).map(float) | st.sampled_from([0.25, 1.5, 59.9])


@st.composite
def provider_errors(draw: DrawFn, kinds: SearchStrategy[type[ProviderError]]) -> ProviderError:
    """Draws errors of the given classes, with and without status, native code and retry time."""
    error = draw(kinds)(
        draw(_MESSAGES),
        hint="for the operator alone",
        status=draw(st.none() | st.integers(400, 599)),
        native_code=draw(st.none() | st.sampled_from(["ThrottlingException", "tokens", "x"])),
        retry_after_s=draw(_WAITS),
    )
    if draw(st.booleans()):
        error.is_retryable = draw(st.booleans())
    return error


def _of_any_class() -> SearchStrategy[ProviderError]:
    return provider_errors(st.sampled_from(sorted(CLASSES.values(), key=lambda kind: kind.code)))


def _facts(error: ProviderError) -> Mapping[str, Any]:
    """What must survive of an error. Its hint is for the operator and does not."""
    return {
        "class": type(error).__name__,
        "message": error.message,
        "retryable": error.is_retryable,
        "retry after": error.retry_after_s,
        "native code": error.native_code,
    }


def _same(expected: ProviderError, got: ProviderError | None) -> None:
    """Assert that nothing of an error was lost; the message names the fact."""
    require(got is not None, "an error was read as none")
    assert got is not None  # noqa: S101 - for the type checker
    for fact, value in _facts(expected).items():
        require(_facts(got)[fact] == value, f"{fact}: {value!r} came back as {_facts(got)[fact]!r}")


def _decoded(codec: ErrorCodec, native: NativeError) -> ProviderError:
    return codec.decode_error(native.status, native.headers, orjson.dumps(native.body))


def _plain(native: Json) -> Json:
    """`native` as a client of the vendor reads it: without the member that is ours."""
    if isinstance(native, dict):
        return {key: _plain(value) for key, value in native.items() if key != MEMBER}
    return native


# ── the laws ──────────────────────────────────────────────────────────────────────────────────────


def _an_error_survives(claims: _Claims) -> None:
    """Every error of ours, encoded as a whole answer, is decoded as itself."""
    codec = claims.codec

    def check(error: ProviderError) -> None:
        _same(as_provider_error(error), _decoded(codec, codec.encode_error(error)))

    for_all(_of_any_class(), check)


def _an_error_survives_in_a_stream(claims: _Claims) -> None:
    """Every error of ours, encoded as a chunk, is decoded as itself."""
    codec = claims.codec

    def check(error: ProviderError) -> None:
        _same(as_provider_error(error), _read_event(codec, error))

    for_all(_of_any_class(), check)


def _read_event(codec: ErrorCodec, error: ProviderError) -> ProviderError | None:
    return codec.decode_event(orjson.loads(orjson.dumps(codec.error_event(error))))


def _a_client_of_the_vendor_reads_it(claims: _Claims) -> None:
    """Class and message, whole and in a stream; status and wait in the whole error."""
    codec = claims.codec

    def check(error: ProviderError) -> None:
        native = codec.encode_error(error)
        is_quota = type(error) is Throttled and not error.is_retryable
        statuses = _CALLERS if is_quota else _STATUSES.get(type(error), _SERVERS)
        require(native.status in statuses, f"{error!r} was sent as {native.status}")
        whole = codec.decode_error(native.status, native.headers, orjson.dumps(_plain(native.body)))
        event = codec.decode_event(_plain(codec.error_event(error)))
        for read in (whole, event) if type(error) in codec.in_stream else (whole,):
            require(type(read) is type(error), f"{error!r} reads as {read!r}")
            require(error.message in getattr(read, "message", ""), "the message is lost")
        require(whole.retry_after_s == error.retry_after_s, "the wait is lost")

    for_all(
        provider_errors(st.sampled_from(sorted(NAMED_BY_ALL, key=lambda kind: kind.code))), check
    )


def _the_providers_own_message_is_relayed(claims: _Claims) -> None:
    """A client of the vendor reads the provider's message byte for byte, whole and in a stream. Of
    an upstream denial it reads a sentence that is always the same, without a word of what the
    provider or the log says: those name accounts of this server. Nor does `axonflow` tell it."""
    codec = claims.codec

    def check(drawn: tuple[ProviderError, str]) -> None:
        error, words = drawn
        error.native_message = f"plum {words}"
        is_denial = isinstance(error, AccessDenied | CredentialsError)
        for native in (codec.encode_error(error).body, codec.error_event(error)):
            is_relayed = error.native_message in _texts(_plain(native))
            require(is_relayed is not is_denial, f"the provider's message of {error!r}")
            if is_denial:
                told = "".join(_texts(native))
                require("plum" not in told and "kiwi" not in told, "a denial is told in full")
                require(as_provider_error(error).message in told, "our sentence is lost")

    words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    for_all(st.tuples(_of_any_class(), words), check)


def _texts(native: Json) -> list[str]:
    """Every text in a body."""
    if isinstance(native, dict):
        return [text for member in native.values() for text in _texts(member)]
    return [native] if isinstance(native, str) else []


def _an_upstream_denial_is_not_the_clients_own(claims: _Claims) -> None:
    """A 401 or 403 of the provider reaches no client as such: its own credentials are right."""
    for kind in CLASSES.values():
        if issubclass(kind, AccessDenied | CredentialsError):
            status = claims.codec.encode_error(kind("the provider denies it", status=403)).status
            require(status not in _CLIENTS_OWN, f"{kind.__name__} was sent as {status}")
            require(status >= 500, f"{kind.__name__} is not the client's fault: {status}")


def _blame_follows_the_role(claims: _Claims) -> None:
    """A client's own mistakes are reported as such, and nothing that is for the operator."""
    for error, is_clients in _ERRORS_OF_OURS:
        native = claims.codec.encode_error(error)
        is_servers = native.status in _SERVERS
        require(is_servers is not is_clients, f"{error!r} was sent as {native.status}")
        _same(as_provider_error(error), _decoded(claims.codec, native))
        is_told = error.message in orjson.dumps(native.body).decode()
        require(is_told is not isinstance(error, ConfigError), f"the message of {error!r}")
        require("secret hint" not in orjson.dumps(native.body).decode(), "a hint was sent")


_ERRORS_OF_OURS: tuple[tuple[AxonFlowError, bool], ...] = (
    (MalformedRequest("the request lacks messages", hint="secret hint"), True),
    (EncodeError("no images here", feature="images", hint="secret hint"), True),
    (ProfileRequired("a profile is required", hint="secret hint"), True),
    (DecodeError("the answer is strange", hint="secret hint"), False),
    (UnencodableAnswer("no place for reasoning", hint="secret hint"), False),
    (AnswerError("the answer stopped", hint="secret hint"), False),
    (ConfigError("/etc/axonflow.yaml is wrong", hint="secret hint"), False),
)


def _writing_never_fails(claims: _Claims) -> None:
    """Errors of third parties, whose wait may be anything and whose texts may have a lone
    surrogate, are written as JSON and read again, with a wait that can be waited for."""
    codec = claims.codec

    def check(error: ProviderError) -> None:
        native, event = codec.encode_error(error), codec.error_event(error)
        orjson.dumps(native.headers)
        whole = _decoded(codec, native)
        streamed = codec.decode_event(orjson.loads(orjson.dumps(event)))
        for read in (whole, streamed):
            require(read is not None, "an error was read as none")
            _require_wait(read.retry_after_s if read else None)

    for_all(_strange_of_ours(), check)


@st.composite
def _strange_of_ours(draw: DrawFn) -> ProviderError:
    """Errors as a careless plugin makes them."""
    error = draw(_of_any_class())
    error.retry_after_s = draw(st.floats() | st.sampled_from(_STRANGE_WAITS))
    error.message = draw(_STRANGE_TEXTS)
    error.native_message = draw(st.none() | _STRANGE_TEXTS)
    error.native_code = draw(st.none() | _STRANGE_TEXTS)
    return error


_STRANGE_WAITS: tuple[Any, ...] = (
    *(-5, True, 1e308, 10**400, "5", [], float("inf"), float("-inf"), float("nan")),
)
_STRANGE_TEXTS = st.sampled_from(["kiwi", "\ud800", "k\udc00iwi"])


def _require_wait(wait_s: Any) -> None:
    """Assert that a wait is None, or seconds that a clock can measure."""
    is_wait = wait_s is None or (type(wait_s) in (int, float) and 0 <= wait_s < 1e9)
    require(is_wait, f"the wait was read as {wait_s!r}")


def _a_strange_wait_is_not_believed(claims: _Claims) -> None:
    """Whatever stands as `retry_after_s` in the member `axonflow`, and in the headers."""
    codec = claims.codec
    plain = codec.encode_error(Throttled("slow down", retry_after_s=2.0))

    def check(drawn: tuple[Any, str]) -> None:
        wait, word = drawn
        body, event = deepcopy(plain.body), codec.error_event(Throttled("slow down"))
        for native in (body, event):
            codec._error_in(native)[MEMBER] = {"retry_after_s": wait}
        headers = {**plain.headers, "retry-after": word, "retry-after-ms": word}
        whole = codec.decode_error(plain.status, headers, orjson.dumps(body))
        for read in (whole, codec.decode_event(event)):
            require(read is not None, "an error was read as none")
            _require_wait(read.retry_after_s if read else None)

    waits = st.sampled_from([-5, True, 1e308, 2**63, "5", [], {}]) | st.floats(allow_nan=False)
    words = st.sampled_from(["-5", "1e308", "inf", "nan", "true", "9" * 400])
    for_all(st.tuples(waits, words), check)


def _reading_never_fails(claims: _Claims) -> None:
    """Whatever stands before the vendor may have written status, headers and body."""
    codec = claims.codec

    def check(drawn: tuple[int, bytes, str]) -> None:
        status, body, word = drawn
        error = codec.decode_error(status, {"retry-after": word, "x-should-retry": word}, body)
        require(isinstance(error, ProviderError), "no error of the provider")
        require(bool(error.message), "an error without a message")

    bodies = st.binary(max_size=20) | _strange_errors().map(orjson.dumps)
    words = st.sampled_from(["", "soon", "-1", "1e999", "nan", "7", "true", "Wed, 99 Foo"])
    for_all(st.tuples(st.integers(400, 599), bodies, words), check)


def _strange_errors() -> SearchStrategy[Json]:
    """Any JSON, alone and where the native error or its parts would stand."""
    words = st.dictionaries(
        st.sampled_from(["type", "code", "message", "__type", MEMBER]), json_values(), max_size=4
    )
    errors = json_values() | words
    return errors | errors.map(lambda error: {"type": "error", "error": error})


def _what_is_no_error_is_none(claims: _Claims) -> None:
    """Any JSON that is no error is no error: ordinary chunks pass."""
    for chunk in _NO_ERRORS:
        read = claims.codec.decode_event(chunk)
        require(read is None, f"the chunk {chunk!r} was read as an error")


_NO_ERRORS: tuple[Json, ...] = (
    *({}, [], "x", None, 7),
    *({"choices": []}, {"type": "ping"}, {"error": None}),
)

_LAWS: Mapping[str, Callable[[_Claims], None]] = {
    "an error survives": _an_error_survives,
    "an error survives in a stream": _an_error_survives_in_a_stream,
    "a client of the vendor reads it": _a_client_of_the_vendor_reads_it,
    "the provider's own message is relayed": _the_providers_own_message_is_relayed,
    "an upstream denial is not the client's own": _an_upstream_denial_is_not_the_clients_own,
    "blame follows the role": _blame_follows_the_role,
    "writing never fails": _writing_never_fails,
    "a strange wait is not believed": _a_strange_wait_is_not_believed,
    "reading never fails": _reading_never_fails,
    "what is no error is none": _what_is_no_error_is_none,
}
