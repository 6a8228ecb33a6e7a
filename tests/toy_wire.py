"""A made-up vendor's HTTP with an operation of every form, its emulator, and a client that adds
nothing of its own, for tests of endpoints and emulators.

    POST /ask                      {"model", "stream", "turns"}    server-sent events, `[DONE]`
    POST /chat                     Anthropic's Messages            events with names
    POST /lines                    {"model", "turns"}              JSON lines, by default
    POST /models/{model}:ask       the model in the path           whole
    POST /models/{model}:askStream                                 server-sent events
    POST /vectors, /counts         embeddings, token counts
    GET  /models, /models/{model}, /version
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import orjson
import toy
from attrs import frozen
from on_time import GUARD_S

from axonflow_core.dialects.openai_chat import ERRORS
from axonflow_core.emulator.service import EmulatedVendor
from axonflow_core.emulator.words import Words
from axonflow_core.endpoint.calls import Call
from axonflow_core.endpoint.credentials import bearer_token, first_of, header, query_member
from axonflow_core.endpoint.framings import NAMED_SSE, NDJSON, SSE
from axonflow_core.endpoint.operations import Kind, ModelListing, Operation
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.endpoint.wire import Wire
from axonflow_core.framing.ndjson import NdjsonDecoder
from axonflow_core.framing.sse import SseDecoder
from axonflow_core.messages import Json
from axonflow_core.plugin_spec import Life, ModelDescription

KEY = "key-of-the-emulator"
_TRANSPORT = frozenset({"model", "stream"})
_LISTING = ModelListing(
    encode_list=lambda models, query: {"models": [model.id for model in models]},
    encode_model=lambda model: {"id": model.id},
)


def _version(call: Call, models: Sequence[ModelDescription]) -> Json:
    return {"version": "1.2.3"}


def _asking(name: str, path: str, **more: Any) -> Operation:
    settings = {"codec": toy.PROMPT, "transport_members": _TRANSPORT, "id_prefix": "a-", **more}
    return Operation(name=name, kind=Kind.CHAT, path=path, **settings)


WIRE = Wire(
    name="toy",
    errors=ERRORS,
    presented=first_of(header("x-api-key"), bearer_token, query_member("key")),
    request_id_header="toy-request-id",
    headers={"toy-version": "1"},
    call_headers=("toy-beta",),
    call_query=("api-version",),
    max_body_bytes=10_000,
    operations=(
        _asking("ask", "/ask", framing=SSE, stream_member="stream"),
        _asking("chat", "/chat", codec=toy.CHAT, framing=NAMED_SSE, stream_member="stream"),
        _asking("lines", "/lines", framing=NDJSON, stream_member="stream", streams_by_default=True),
        _asking("askModel", "/models/{model}:ask"),
        _asking("askModelStream", "/models/{model}:askStream", framing=SSE),
        Operation(
            name="vectors",
            kind=Kind.EMBEDDING,
            path="/vectors",
            codec=toy.VECTORS,
            transport_members=_TRANSPORT,
        ),
        Operation(
            name="counts",
            kind=Kind.COUNT,
            path="/{tenant}/counts",
            codec=toy.COUNTER,
            transport_members=_TRANSPORT,
        ),
        Operation(name="models", kind=Kind.MODELS, method="GET", path="/models", codec=_LISTING),
        Operation(
            name="model", kind=Kind.MODEL, method="GET", path="/models/{model}", codec=_LISTING
        ),
        Operation(name="version", kind=Kind.OTHER, method="GET", path="/version", codec=_version),
    ),
)


def _model(id: str, kind: str = "chat", **more: Any) -> ModelDescription:
    return ModelDescription(id=id, vendor="toy", family="toy", kind=kind, surfaces=("ask",), **more)


VENDOR = EmulatedVendor(
    models=lambda: (
        _model("toy-1", profiles=("toy-one",)),
        _model("toy-small", context_tokens=5, output_tokens=10),
        _model("toy-old", life=Life.ENDED),
        _model("toy-vectors", "embedding", dimensions=(64, 32)),
    ),
    words=lambda: Words(
        unknown_model=VendorError(code="model_not_found", message="There is no {model}.")
    ),
    normalized=lambda model: model.removeprefix("models/"),
)


def asked(text: str, model: str = "toy-1", **more: Json) -> dict[str, Json]:
    """The body of a question in the vendor's JSON."""
    return {"model": model, "turns": [{"by": "user", "text": text}], **more}


@frozen
class Reply:
    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def events(self) -> list[tuple[str, Any]]:
        """Name and JSON of each server-sent event."""
        return [(event.event, event.json()) for event in SseDecoder().feed(self.data)]

    @property
    def lines(self) -> list[Any]:
        return NdjsonDecoder().feed(self.data)

    @property
    def error(self) -> tuple[int, str]:
        """Status and message."""
        return self.status, self.json["error"]["message"]


@frozen
class Client:
    """A client of a served app."""

    base_url: str

    @contextmanager
    def open(
        self, path: str, body: Any = None, method: str = "POST", **headers: str
    ) -> Iterator[HTTPResponse]:
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        address = urlsplit(self.base_url).netloc
        with closing(HTTPConnection(address, timeout=GUARD_S)) as connection:
            connection.request(method, path, data, {"x-api-key": KEY, **named})
            with connection.getresponse() as response:
                yield response

    def post(self, path: str, body: Any = None, method: str = "POST", **headers: str) -> Reply:
        with self.open(path, body, method, **headers) as response:
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())

    def get(self, path: str) -> Reply:
        return self.post(path, method="GET")
