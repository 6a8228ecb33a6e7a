"""The wire of Bedrock Runtime: paths, bodies, frames and faults, over handlers that the tests hand
in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from attrs import frozen
from botocore.eventstream import EventStreamBuffer
from on_time import GUARD_S, until_still

from axonflow_bedrock.aws.signing import ClientKey, KeyRing, Signer
from axonflow_bedrock.wire import operations
from axonflow_bedrock.wire.endpoint import (
    MAX_BODY_BYTES,
    Call,
    Chunks,
    NativeAnswer,
    ServiceException,
    bedrock_app,
    invalid_call,
    signature_verifier,
)
from axonflow_bedrock.wire.operations import frame_of
from axonflow_core.errors import (
    AccessDenied,
    AxonFlowError,
    ConfigError,
    MalformedRequest,
    Throttled,
)
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.http.local_server import Server

CALLER = "client-1"
ARN = "arn:aws:bedrock:us-east-1::foundation-model/acme.rocket-v1:0"
ARN_PATH = (
    "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2Facme.rocket-v1%3A0/invoke"
)
INVOKE = "/model/acme.rocket-v1%3A0/invoke"
STREAM = "/model/acme.rocket-v1%3A0/invoke-with-response-stream"


@frozen
class Reply:
    status: int
    headers: dict[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)

    @property
    def frames(self) -> list[Any]:
        buffer = EventStreamBuffer()
        buffer.add_data(self.data)
        return list(buffer)

    @property
    def fault(self) -> tuple[int, str, str]:
        """Status, name and message."""
        return self.status, self.headers["x-amzn-errortype"].partition(":")[0], self.json["message"]


class Wire:
    """A served app, its verifier and handler replaceable, and a client that adds nothing of its
    own."""

    def __init__(self) -> None:
        self.received: ReceivedRequest | None = None
        self.call: Call | None = None
        self.verify: Callable[[ReceivedRequest], str] = lambda request: CALLER
        self.say: Callable[[Call], NativeAnswer | Chunks] = lambda call: NativeAnswer(
            {"said": "hello"}
        )
        self.app = bedrock_app(self._handle, self._verify, new_request_id=lambda: "request-1")
        self.address = ""

    def _verify(self, request: ReceivedRequest) -> str:
        self.received = request
        return self.verify(request)

    async def _handle(self, call: Call) -> NativeAnswer | Chunks:
        self.call = call
        return self.say(call)

    @contextmanager
    def open(
        self, path: str, body: bytes = b"{}", method: str = "POST", **headers: str
    ) -> Iterator[HTTPResponse]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection(self.address, timeout=GUARD_S)) as connection:
            connection.request(method, path, body, named)
            with connection.getresponse() as response:
                yield response

    def post(self, path: str, body: bytes = b"{}", method: str = "POST", **headers: str) -> Reply:
        with self.open(path, body, method, **headers) as response:
            return Reply(
                response.status,
                {name.lower(): value for name, value in response.getheaders()},
                response.read(),
            )


@pytest.fixture(scope="module")
def served() -> Iterator[Wire]:
    wire = Wire()
    with Server(wire.app) as server:
        wire.address = urlsplit(server.base_url).netloc
        yield wire


@pytest.fixture
def wire(served: Wire) -> Wire:
    fresh = Wire()
    served.verify, served.say, served.received, served.call = fresh.verify, fresh.say, None, None
    return served


def chunks(*said: Any) -> Callable[[Call], Chunks]:
    """A handler's chunks; an exception among them is raised there."""

    async def generate(call: Call) -> Chunks:
        for chunk in said:
            if isinstance(chunk, Exception):
                raise chunk
            yield (chunk,)

    return generate


# ── what comes in ─────────────────────────────────────────────────────────────────────────────────


def test_a_call_says_operation_model_body_caller_and_the_headers_of_bedrock(wire: Wire) -> None:
    wire.post(STREAM, b'{"say": "hi"}', x_amzn_bedrock_trace="ENABLED", accept="*/*")

    assert wire.call == Call(
        operation=operations.INVOKE_STREAM,
        model="acme.rocket-v1:0",
        body=b'{"say": "hi"}',
        json={"say": "hi"},
        caller=CALLER,
        headers={"x-amzn-bedrock-trace": "ENABLED"},
        request_id="request-1",
    )


@pytest.mark.parametrize(
    ("path", "model"),
    [
        (INVOKE, "acme.rocket-v1:0"),
        ("/model/acme.rocket-v1:0/invoke", "acme.rocket-v1:0"),
        (ARN_PATH, ARN),
        ("/model/acme.rocket-v1%253A0/invoke", "acme.rocket-v1%3A0"),
        ("/model/a%C3%A9/invoke", "aé"),
        ("/model/..%2F..%2Fetc/invoke", "../../etc"),
    ],
)
def test_the_id_is_one_segment_of_the_path_and_decoded_once(
    wire: Wire, path: str, model: str
) -> None:
    wire.post(path)

    assert wire.call is not None and wire.call.model == model


@pytest.mark.parametrize(
    "path",
    [
        f"/model/{ARN}/invoke",  # a slash that was not encoded
        "/model//invoke/",
        "/model/x/invoke/",
        "/model/x/converse-of-tomorrow",
        "/models/x/invoke",
        "/",
    ],
)
def test_a_path_that_names_no_operation_is_an_unknown_operation(wire: Wire, path: str) -> None:
    message = "The requested operation is not recognized by the service."

    assert wire.post(path).fault == (404, "UnknownOperationException", message)
    assert wire.call is None


def test_a_get_is_an_unknown_operation(wire: Wire) -> None:
    assert wire.post(INVOKE, b"", method="GET").status == 404


@pytest.mark.parametrize("segment", ["", "x" * 2049])
def test_an_id_has_1_to_2048_characters(wire: Wire, segment: str) -> None:
    reply = wire.post(f"/model/{segment}/invoke")

    assert reply.fault == (400, "ValidationException", "The provided model identifier is invalid.")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}'])
def test_a_body_that_is_no_json_is_refused_in_the_recorded_words(wire: Wire, body: bytes) -> None:
    message = "Malformed input request, please reformat your input and try again."

    assert wire.post(INVOKE, body).fault == (400, "ValidationException", message)


def test_a_body_as_long_as_aws_allows_is_read(wire: Wire) -> None:
    body = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'

    assert wire.post(INVOKE, body).status == 200


def test_a_longer_body_is_refused_and_the_client_hears_why(wire: Wire) -> None:
    status, code, message = wire.post(INVOKE, b" " * (MAX_BODY_BYTES + 1)).fault

    assert (status, code) == (413, "ValidationException")
    assert message.endswith("length less than or equal to 25000000")
    assert wire.received is None


def test_the_verifier_sees_the_request_as_it_arrived(wire: Wire) -> None:
    wire.post(f"{ARN_PATH}?b=%20&a", b"{ }", authorization="mine", x_twice="1,  2")

    assert wire.received is not None
    assert (wire.received.method, wire.received.target) == ("POST", f"{ARN_PATH}?b=%20&a")
    assert wire.received.headers["authorization"] == "mine"
    assert wire.received.body == b"{ }"


def test_who_is_refused_never_reaches_the_handler(wire: Wire) -> None:
    def refuse(request: ReceivedRequest) -> str:
        raise ServiceException("UnrecognizedClientException", "Nobody.", status=403)

    wire.verify = refuse

    assert wire.post(INVOKE, b"not even json").fault == (
        403,
        "UnrecognizedClientException",
        "Nobody.",
    )
    assert wire.call is None


# ── what goes out ─────────────────────────────────────────────────────────────────────────────────


def test_an_answer_goes_out_with_its_headers_and_a_request_id(wire: Wire) -> None:
    wire.say = lambda call: NativeAnswer({"said": "é"}, {"x-amzn-bedrock-input-token-count": "3"})

    reply = wire.post(INVOKE)

    assert (reply.status, reply.json) == (200, {"said": "é"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["x-amzn-requestid"] == "request-1"
    assert reply.headers["x-amzn-bedrock-input-token-count"] == "3"


def test_every_chunk_is_a_frame_that_botocore_reads(wire: Wire) -> None:
    said = [{"n": 1}, {"text": "é\n"}, {}]
    wire.say = chunks(*said)

    reply = wire.post(STREAM)

    assert reply.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert reply.headers["x-amzn-bedrock-content-type"] == "application/json"
    assert reply.headers["transfer-encoding"] == "chunked"
    assert reply.data == b"".join(map(frame_of, said))
    assert [frame.headers[":event-type"] for frame in reply.frames] == ["chunk"] * 3


def test_the_padding_has_many_lengths_and_depends_on_the_chunk_alone() -> None:
    lengths = {len(frame_of({"n": number})) for number in range(10, 100)}

    assert len(lengths) > 40
    assert frame_of({"n": 7}) == frame_of({"n": 7})


def test_a_stream_without_chunks_is_an_empty_200(wire: Wire) -> None:
    wire.say = chunks()

    reply = wire.post(STREAM)

    assert (reply.status, reply.data) == (200, b"")


@pytest.mark.parametrize(
    ("fault", "status", "namespace"),
    [
        (invalid_call("No."), 400, "com.amazon.bedrock"),
        (ServiceException("AccessDeniedException", "No."), 403, "com.amazon.bedrock"),
        (ServiceException("ThrottlingException", "No."), 429, "com.amazon.bedrock"),
        (ServiceException("ServiceUnavailableException", "No."), 503, "com.amazon.bedrock"),
        (
            ServiceException("ExpiredTokenException", "No.", status=403),
            403,
            "com.amazon.coral.service",
        ),
    ],
)
def test_a_fault_goes_out_as_aws_says_it(
    wire: Wire, fault: ServiceException, status: int, namespace: str
) -> None:
    wire.say = chunks(fault)  # before the first chunk it is as if there were no stream

    for reply in (wire.post(STREAM), wire.post(INVOKE)):
        assert reply.fault == (status, fault.code, "No.")
        assert (
            reply.headers["x-amzn-errortype"]
            == f"{fault.code}:http://internal.amazon.com/coral/{namespace}/"
        )
        assert reply.headers["x-amzn-requestid"] == "request-1"


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (ServiceException("ModelStreamErrorException", "Broken."), "modelStreamErrorException"),
        (ServiceException("ThrottlingException", "Broken."), "throttlingException"),
        (
            ServiceException("AccessDeniedException", "Broken."),
            "internalServerException",
        ),  # none of the six a stream may hold
    ],
)
def test_a_fault_after_the_first_chunk_is_an_exception_frame(
    wire: Wire, fault: ServiceException, name: str
) -> None:
    wire.say = chunks({"n": 1}, fault, {"n": 2})

    reply = wire.post(STREAM)
    first, last = reply.frames

    assert reply.status == 200
    assert first.headers[":event-type"] == "chunk"
    assert (last.headers[":message-type"], last.headers[":exception-type"]) == ("exception", name)
    assert orjson.loads(last.payload) == {"message": "Broken."}


def test_a_handler_that_crashes_is_a_500_that_tells_the_client_nothing_and_the_log_everything(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.say = chunks(RuntimeError("the reason"))

    status, code, message = wire.post(STREAM).fault

    assert (status, code) == (500, "InternalServerException")
    assert "the reason" not in message
    assert "the reason" in caplog.text


def test_a_crash_after_the_first_chunk_is_an_exception_frame(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.say = chunks({"n": 1}, RuntimeError("the reason"))

    last = wire.post(STREAM).frames[-1]

    assert last.headers[":exception-type"] == "internalServerException"
    assert "the reason" in caplog.text


# ── who goes away ─────────────────────────────────────────────────────────────────────────────────


class Unending:
    """Chunks without an end. `has_closed` is set when the generator is closed or cancelled."""

    def __init__(self, *, pause_s: float) -> None:
        self.has_closed = threading.Event()
        self.produced = 0
        self._pause_s = pause_s
        self._kept: list[Chunks] = []

    def say(self, call: Call) -> Chunks:
        self._kept.append(
            self._chunks()
        )  # or the garbage collector would close what the app forgets
        return self._kept[-1]

    async def _chunks(self) -> Chunks:
        try:
            while True:
                self.produced += 1
                yield ({"text": "x" * 50_000},)
                await asyncio.sleep(self._pause_s)
        finally:
            self.has_closed.set()


def test_a_client_that_goes_away_ends_chunks_that_are_waited_for(
    wire: Wire, own_log: pytest.LogCaptureFixture
) -> None:
    unending = Unending(pause_s=60)
    wire.say = unending.say

    with wire.open(STREAM) as response:
        response.read(100)
        assert not unending.has_closed.is_set()

    assert unending.has_closed.wait(GUARD_S)
    assert own_log.records == []


def test_a_client_that_does_not_read_holds_the_chunks_back_and_ends_them_when_it_goes_away(
    wire: Wire, own_log: pytest.LogCaptureFixture
) -> None:
    unending = Unending(pause_s=0)
    wire.say = unending.say

    with wire.open(STREAM) as response:
        response.read(100)
        produced = until_still(lambda: unending.produced)
        assert produced < 1000  # what nobody reads is not produced
        assert not unending.has_closed.is_set()

    assert unending.has_closed.wait(GUARD_S)
    assert unending.produced <= produced + 1
    assert own_log.records == []


async def test_a_client_that_goes_away_in_the_middle_of_its_body_is_forgotten(
    caplog: pytest.LogCaptureFixture,
) -> None:
    arriving = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": INVOKE.encode(),
        "query_string": b"",
        "headers": [],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return arriving.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await Wire().app(scope, receive, send)

    assert (sent, caplog.records) == ([], [])


# ── how it goes out ───────────────────────────────────────────────────────────────────────────────


async def sent_by(app: Any, path: str = STREAM, body: bytes = b"{}") -> list[Any]:
    """What an app sends, message by message, without a server in between."""
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    arriving = [{"type": "http.request", "body": body}]
    sent: list[Any] = []

    async def receive() -> Any:
        if arriving:
            return arriving.pop(0)
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("reads", [[21], [1] * 21, [20, 1]])
async def test_the_chunks_of_one_read_leave_in_one_send(reads: list[int]) -> None:
    wire, numbers = Wire(), iter(range(21))

    async def generate(call: Call) -> Chunks:
        for count in reads:
            yield tuple({"n": next(numbers)} for _ in range(count))

    wire.say = generate
    start, *pieces, end = await sent_by(wire.app)

    assert start["type"] == "http.response.start"
    assert len(pieces) == len(reads)
    assert b"".join(piece["body"] for piece in pieces) == b"".join(
        frame_of({"n": number}) for number in range(21)
    )
    assert (end["body"], end["more_body"]) == (b"", False)


async def test_a_ready_frame_and_a_ready_body_go_out_byte_for_byte() -> None:
    wire = Wire()
    wire.say = chunks(b"a frame", {"n": 1})
    frames = await sent_by(wire.app)
    wire.say = lambda call: NativeAnswer(b'{ "as": "it was" }')
    whole = await sent_by(wire.app, INVOKE)

    assert [frame["body"] for frame in frames[1:3]] == [b"a frame", frame_of({"n": 1})]
    assert whole[1]["body"] == b'{ "as": "it was" }'


def test_the_body_is_kept_as_it_arrived(wire: Wire) -> None:
    body = b'{ "b": 1,  "a": [1.0, "\\u00e9"] }'

    wire.post(INVOKE, body)

    assert wire.call is not None
    assert (wire.call.body, wire.call.json) == (body, {"b": 1, "a": [1.0, "é"]})


DENIED = "this server lacks a permission at its provider; its log has the reason"
OURS: list[tuple[AxonFlowError, int, str, str]] = [
    (Throttled("Slow down."), 429, "ThrottlingException", "Slow down."),
    (MalformedRequest("No messages."), 400, "ValidationException", "No messages."),
    (AccessDenied("Upstream denies it.", status=403), 500, "InternalServerException", DENIED),
]


@pytest.mark.parametrize(("error", "status", "code", "message"), OURS)
def test_an_error_of_ours_goes_out_as_aws_reports_it(
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    error: AxonFlowError,
    status: int,
    code: str,
    message: str,
) -> None:
    wire.say = chunks(error)
    before_the_first_chunk = wire.post(STREAM).fault
    wire.say = chunks({"n": 1}, error)
    last = wire.post(STREAM).frames[-1]

    assert before_the_first_chunk == (status, code, message)
    assert last.headers[":exception-type"] == code[0].lower() + code[1:]
    assert orjson.loads(last.payload)["message"] == message
    assert ("Upstream denies it." in caplog.text) is (message is DENIED)
    assert bool(caplog.records) is (message is DENIED)


def test_a_fault_of_the_configuration_is_for_the_log(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.say = chunks(ConfigError("/etc/axonflow.yaml is wrong"))

    status, _, message = wire.post(INVOKE).fault

    assert status >= 424
    assert "axonflow.yaml" not in message
    assert "axonflow.yaml" in caplog.text


async def test_the_caller_of_a_call_is_an_id_without_a_secret() -> None:
    calls: list[Call] = []

    async def handle(call: Call) -> NativeAnswer:
        calls.append(call)
        return NativeAnswer({})

    now = datetime.now(UTC)
    verifier = signature_verifier(KeyRing([ClientKey("AKIA1", "s3cret", client="team-a")]))
    signer = Signer("AKIA1", "s3cret", None, "ap-south-1")
    headers = signer.sign("POST", f"https://here{INVOKE}", {}, b"{}", now)
    with Server(bedrock_app(handle, verifier)) as server:
        await asyncio.to_thread(_posted, urlsplit(server.base_url).netloc, headers)

    assert [call.caller for call in calls] == ["team-a"]
    assert "s3cret" not in repr(calls)


def _posted(address: str, headers: dict[str, str]) -> None:
    with closing(HTTPConnection(address, timeout=GUARD_S)) as connection:
        connection.request("POST", INVOKE, b"{}", headers)
        connection.getresponse().read()
