"""An HTTP client without a network: a function answers, and what was asked is kept.

    client = MockTransport(lambda request: json_answer({"text": "Hello."}))
    provider = spec.create(settings, Services(name="acme", client=client, codecs=CodecRegistry()))

An answer that is an exception is raised. A function that returns different answers for the first
and second request scripts a retry:

    answers = iter([MockAnswer(status=503), json_answer({"text": "Hello."})])
    client = MockTransport(lambda request: next(answers))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import orjson
from attrs import field, frozen

from axonflow_core.errors import TruncatedStream, Unavailable
from axonflow_core.http.client import HttpRequest, HttpResponse
from axonflow_core.messages import EMPTY, Json


@frozen(kw_only=True)
class MockAnswer:
    """What the service answers. `reads` is the body, as it arrives from the network."""

    status: int = 200
    """The HTTP status."""
    headers: Mapping[str, str] = field(default=EMPTY)
    """Names in lower case."""
    reads: Sequence[bytes] = ()
    """The body, one item for each read."""
    breaks_off: bool = False
    """Whether the connection is cut after the last read."""


def json_answer(value: Json, status: int = 200, headers: Mapping[str, str] = EMPTY) -> MockAnswer:
    """A JSON body in one read."""
    named = {"content-type": "application/json", **headers}
    return MockAnswer(status=status, headers=named, reads=(orjson.dumps(value),))


class MockTransport:
    """An `HttpClient` that `answer` answers. `requests` are those that were sent, in order."""

    needs_event_loop = False
    """A subclass that waits in another way than by `axonflow_core.waiting` sets it."""

    def __init__(self, answer: Callable[[HttpRequest], MockAnswer | Exception]) -> None:
        self._answer = answer
        self.requests: list[HttpRequest] = []
        self.streams: list[MockStream] = []
        self.is_closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        """As `HttpClient.send`. `Unavailable` where the answer breaks off."""
        answer = self._answered(request)
        body = await MockStream(answer).read_all()
        return HttpResponse(answer.status, answer.headers, body, 0.0)

    async def open_stream(self, request: HttpRequest) -> MockStream:
        """As `HttpClient.open_stream`."""
        stream = MockStream(self._answered(request))
        self.streams.append(stream)
        return stream

    async def aclose(self) -> None:
        """Notes that it was closed."""
        self.is_closed = True

    def _answered(self, request: HttpRequest) -> MockAnswer:
        """The scripted answer. `AssertionError` where the script has none left."""
        self.requests.append(request)
        try:
            answer = self._answer(request)
        except StopIteration:
            number = len(self.requests)
            raise AssertionError(
                f"no answer is left for request {number}: {request.method} {request.url}"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer


class MockStream:
    """A `ByteStream` of scripted reads."""

    def __init__(self, answer: MockAnswer) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.is_closed = False
        self._reads = iter(answer.reads)
        self._breaks_off = answer.breaks_off

    async def read(self) -> bytes:
        """The next read; `b""` at the end. `TruncatedStream` where the answer breaks off, and after
        `aclose` before the end."""
        data = next(self._reads, b"")
        if data and self.is_closed:
            raise TruncatedStream(
                "this program closed the stream before its end",
                hint="read it inside its `async with` block",
            )
        if not data and self._breaks_off:
            raise TruncatedStream("the connection was cut in mid-answer")
        return data

    async def read_all(self) -> bytes:
        """The rest of the body. `Unavailable` where the answer breaks off."""
        parts = []
        try:
            while data := await self.read():
                parts.append(data)
        except TruncatedStream as cut:
            raise Unavailable(cut.message, status=self.status) from cut
        return b"".join(parts)

    async def aclose(self) -> None:
        """Notes that it was closed."""
        self.is_closed = True
