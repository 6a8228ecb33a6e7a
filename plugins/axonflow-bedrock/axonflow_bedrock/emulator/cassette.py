"""A cassette: exchanges with Bedrock in a JSON Lines file, in the format of recorded traffic.

    name operation model_id region status    the call
    request_headers request_body             the request
    response_headers response_body           the answer, or
    raw_eventstream_base64                   the bytes of the event stream

`axonflow codecs check FILE` reads such a file. Where encoding a JSON answer again would give other
bytes, `raw_response_base64` has the original ones, so that a replay is exact.

Secrets are kept out by allow-lists and not by searching for them: only the headers in
`REQUEST_HEADERS` and `RESPONSE_HEADERS` are written, and of the URL only operation and model.
Account ids in ARNs are replaced by zeros everywhere, and the members of a body that identify the
caller (`PRIVATE_MEMBERS`) are left out. Prompts and answers are written as they are: they are the
purpose of the file.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
from attrs import field

from axonflow_core.errors import AxonFlowError, ConfigError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.json import dumps, loads
from axonflow_core.messages import Json, hidden

from ..wire.eventstream import Frame, FrameDecoder, encode_frame

_JSON = "application/json"
_EVENT_STREAM = "application/vnd.amazon.eventstream"

OPERATIONS: Mapping[str, str] = {
    "invoke": "InvokeModel",
    "invoke-with-response-stream": "InvokeModelWithResponseStream",
    "converse": "Converse",
    "converse-stream": "ConverseStream",
    "count-tokens": "CountTokens",
}
"""Last segment of the path -> operation. Other calls are not recorded."""

REQUEST_HEADERS = frozenset(
    {
        *("content-type", "accept", "x-amzn-bedrock-accept"),
        *(
            "x-amzn-bedrock-guardrailidentifier",
            "x-amzn-bedrock-guardrailversion",
            "x-amzn-bedrock-trace",
        ),
        *("x-amzn-bedrock-performanceconfig-latency", "x-amzn-bedrock-service-tier"),
    }
)
"""Headers of a request that are written. `x-amzn-bedrock-request-metadata` is not one of them: it
is the caller's own data and may name people."""
RESPONSE_HEADERS = frozenset(
    {
        *("content-type", "x-amzn-requestid", "x-amzn-errortype", "x-amzn-bedrock-content-type"),
        *("x-amzn-bedrock-input-token-count", "x-amzn-bedrock-output-token-count"),
        *(
            "x-amzn-bedrock-cache-read-input-token-count",
            "x-amzn-bedrock-cache-write-input-token-count",
        ),
        *("x-amzn-bedrock-invocation-latency", "x-amzn-bedrock-performanceconfig-latency"),
        "x-amzn-bedrock-service-tier",
    }
)
"""Headers of an answer that are written."""
PRIVATE_MEMBERS = frozenset({"requestMetadata", "metadata"})
"""Top-level members of a request's body that are left out: Converse's metadata and Claude's
`user_id`."""

_ACCOUNT = re.compile(rb"(arn:aws[a-z-]*:[a-z0-9-]*:[a-z0-9-]*:)[0-9]{12}(?![0-9])")


# ── one exchange ──────────────────────────────────────────────────────────────────────────────────


@frozen(kw_only=True)
class Exchange:
    """One call and its answer. Header names are in lower case."""

    operation: str
    model_id: str
    status: int
    region: str | None = None
    request_headers: Mapping[str, str] = field(factory=dict, repr=False)
    request_body: Json = hidden(default=None)
    response_headers: Mapping[str, str] = field(factory=dict, repr=False)
    response: bytes = hidden()
    """The body of the answer, byte for byte."""

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of the call, by which a replay finds its answer: operation, model, and a
        hash of the body that does not depend on the order of keys.
        """
        # Clients of several languages, or versions of one, write the same members in another order.
        canonical = dumps(self.request_body, is_sorted=True)
        return self.operation, self.model_id, sha256(canonical).hexdigest()


def address_of(method: str, target: str) -> tuple[str, str] | None:
    """(operation, model id) of a request's method and path; None for calls that are not
    recorded."""
    match (method, *urlsplit(f"//any{target}").path.split("/")):
        case ("POST", "", "model", segment, action) if action in OPERATIONS:
            return OPERATIONS[action], unquote(segment)
    return None


def asked_body(body: bytes) -> Json:
    """A request's body as it is written and compared, without account ids and `PRIVATE_MEMBERS`;
    None where it is not JSON.
    """
    try:
        native = loads(without_accounts(body))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(native, dict):
        return native
    return {key: value for key, value in native.items() if key not in PRIVATE_MEMBERS}


def without_secrets(exchange: Exchange) -> Exchange:
    """The exchange as it may be written: only listed headers, no account ids."""
    is_stream = _is_stream(exchange.response_headers)
    return evolve(
        exchange,
        model_id=_text_without_accounts(exchange.model_id),
        request_headers=_listed(exchange.request_headers, REQUEST_HEADERS),
        response_headers=_listed(exchange.response_headers, RESPONSE_HEADERS),
        response=_stream_without_accounts(exchange.response)
        if is_stream
        else without_accounts(exchange.response),
    )


def _listed(headers: Mapping[str, str], names: frozenset[str]) -> Mapping[str, str]:
    """The headers that may be recorded, without account numbers. Anything not listed may be a
    secret."""
    return {name: _text_without_accounts(value) for name, value in headers.items() if name in names}


def _is_stream(headers: Mapping[str, str]) -> bool:
    return headers.get("content-type", "").startswith(_EVENT_STREAM)


# ── account ids ───────────────────────────────────────────────────────────────────────────────────


def without_accounts(data: bytes) -> bytes:
    """`data` with the account ids in ARNs replaced by zeros; its length stays the same."""
    return _ACCOUNT.sub(rb"\g<1>000000000000", data)


def _text_without_accounts(text: str) -> str:
    return without_accounts(text.encode()).decode()


def _stream_without_accounts(data: bytes) -> bytes:
    """The stream with each frame that contains an account id encoded anew. A stream with broken
    frames is left unchanged.
    """
    decoder = FrameDecoder()
    try:
        frames = decoder.feed(data)
        decoder.finish()
    except AxonFlowError:
        return data
    payloads = [_payload_without_accounts(frame.payload) for frame in frames]
    # Nearly always: then the recorded bytes stay, checksums and all.
    if payloads == [frame.payload for frame in frames]:
        return data
    return b"".join(map(_reframed, frames, payloads))


def _reframed(frame: Frame, payload: bytes) -> bytes:
    """The frame with another payload: lengths and checksums are computed anew."""
    return encode_frame({name: str(value) for name, value in frame.headers.items()}, payload)


def _payload_without_accounts(payload: bytes) -> bytes:
    """A frame's payload without account ids. An InvokeModel chunk has its JSON in base64; other
    payloads are JSON themselves.
    """
    try:
        encoded = loads(payload)["bytes"].encode()
    except (KeyError, TypeError, AttributeError, ValueError):
        return without_accounts(payload)
    # Replaced in place: the padding member `p` and the order of members stay as AWS sent them.
    return payload.replace(encoded, b64encode(without_accounts(b64decode(encoded))))


# ── the file ──────────────────────────────────────────────────────────────────────────────────────


class Cassette:
    """A file to which exchanges are appended; existing content is kept. A new file is readable by
    its owner only (mode 0600). `ConfigError` where it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Opened once now, so that a folder that cannot be written is found before any call is
            # made.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
            self._count = path.read_bytes().count(b"\n")
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}", hint="choose another file"
            ) from error

    def add(self, exchange: Exchange) -> None:
        """Append one exchange, without secrets, and give it a name."""
        self._count += 1
        line = {
            "name": f"{exchange.operation}-{self._count:04}",
            **_native(without_secrets(exchange)),
        }
        with self._path.open("ab") as file:
            file.write(dumps(line) + b"\n")


def _native(exchange: Exchange) -> dict[str, Json]:
    """The exchange as a line of the file."""
    members = {
        "operation": exchange.operation,
        "model_id": exchange.model_id,
        "region": exchange.region,
        "status": exchange.status,
        "request_headers": dict(exchange.request_headers),
        "request_body": exchange.request_body,
        "response_headers": dict(exchange.response_headers),
    }
    if _is_stream(exchange.response_headers):
        return {**members, "raw_eventstream_base64": b64encode(exchange.response).decode()}
    return {**members, **_native_response(exchange.response)}


def _native_response(response: bytes) -> dict[str, Json]:
    """The answer as JSON, and its bytes where encoding that JSON gives others."""
    raw = {"raw_response_base64": b64encode(response).decode()}
    try:
        body = loads(response)
    except orjson.JSONDecodeError:
        return raw
    return {"response_body": body} if dumps(body) == response else {"response_body": body, **raw}


def read_cassette(path: Path) -> list[Exchange]:
    """The exchanges of a file. Lines without a request or an answer cannot be replayed and are
    skipped. `ConfigError` names the line that is not an exchange.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}", hint="record one with `--record`"
        ) from error
    return [
        exchange
        for number, line in enumerate(lines, 1)
        for exchange in _exchanges(path, number, line)
    ]


def _exchanges(path: Path, number: int, line: bytes) -> Iterator[Exchange]:
    """The exchange of a line, if it can be replayed."""
    if not line.strip():
        return
    try:
        native = loads(line)
        response = _response_of(native)
        if native.get("request_body") is not None and response is not None:
            yield _exchange(native, response)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise ConfigError(
            f"{path}:{number}: the line is not an exchange",
            hint="a line is one JSON object with operation, model_id, status, request_body and "
            "an answer",
        ) from fault


def _response_of(native: Mapping[str, Any]) -> bytes | None:
    """The bytes of the answer: as recorded, else encoded from its JSON; None without one."""
    for key in ("raw_eventstream_base64", "raw_response_base64"):
        if native.get(key) is not None:
            return b64decode(native[key], validate=True)
    body = native.get("response_body")
    return None if body is None else dumps(body)


def _exchange(native: Mapping[str, Any], response: bytes) -> Exchange:
    headers = {
        name.lower(): value for name, value in (native.get("response_headers") or {}).items()
    }
    # A recording may have no headers: then the member that holds the answer tells its kind.
    kind = _EVENT_STREAM if native.get("raw_eventstream_base64") is not None else _JSON
    return without_secrets(
        Exchange(
            operation=native["operation"],
            model_id=native["model_id"],
            status=int(native["status"]),
            region=native.get("region"),
            request_body=asked_body(dumps(native["request_body"])),
            response_headers={"content-type": kind, **headers},
            response=response,
        )
    )
