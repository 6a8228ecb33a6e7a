"""The service that a provider calls, made of the server role of the provider's own codecs.

    FakeService(codec=CODEC, errors=ERRORS)

reads a request with `decode_request` and answers with `encode_response` or `stream_encoder`. In
memory it answers for a `MockTransport`; over a socket it is an ASGI app.

It stands in for the network and nothing else: what a provider sends must be a body that its codec's
server role accepts, and what it receives are the bytes that this role writes. So a provider is
tested with its own frames, headers and errors, and without a recorded answer. What codec and
service misread alike stays unseen here; golden files and recordings find that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import Any, TypeAlias

from attrs import frozen

from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.codec.errors import ErrorCodec
from axonflow_core.errors import AxonFlowError
from axonflow_core.framing.sse import encode_event
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import AsgiApp, ResponseWriter, read_request
from axonflow_core.http.client import MAX_BODY_BYTES, HttpRequest
from axonflow_core.json import dumps, loads
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Json,
    StopReason,
    Text,
    Tool,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.stream import Stopped, StreamEvent, batch_of

from .mock_transport import MockAnswer, json_answer

Script: TypeAlias = Callable[[CompletionRequest], Completion | AxonFlowError | MockAnswer]
"""What a service answers a request with: an answer, an error in its own form, or any bytes."""


def in_a_header(sent: HttpRequest, secret: str) -> bool:
    """Whether `secret` is sent in a header, as an API key is."""
    return any(secret in value for value in sent.headers.values())


def sse(chunk: Json) -> bytes:
    """One chunk as a server-sent event; a string is sent as it is."""
    return encode_event(chunk if isinstance(chunk, str) else dumps(chunk).decode())


@frozen(kw_only=True)
class FakeService:
    """The service that a provider calls, made of the server role of its codec. It keeps no state:
    what a test asks about calls is in `MockTransport.requests`."""

    codec: Codec
    """Its server role reads requests and writes answers."""
    errors: ErrorCodec
    """Its server role writes refusals."""
    facts: ModelFacts = ModelFacts()
    """What the codec must know about the model."""
    transport_members: frozenset[str] = frozenset({"model", "stream", "stream_options"})
    """Members of a body that say where the call goes; they are taken off before it is decoded."""
    write_chunk: Callable[[Json], bytes] = sse
    """A chunk as bytes of the stream; by default a server-sent event."""
    stream_type: str = "text/event-stream"
    """The content type of a streamed answer."""
    request_id_header: str = "x-request-id"
    """The header of an answer that has its request id, in lower case."""
    is_streamed: Callable[[HttpRequest], bool] = lambda request: bool(
        loads(request.body).get("stream")
    )
    """Whether a request asks for a streamed answer."""
    is_proof: Callable[[HttpRequest, str], bool] = in_a_header
    """Whether a request proves that its sender has a secret of `credentials`. A service that takes
    signatures checks the signature instead."""

    def request(self, sent: HttpRequest) -> CompletionRequest:
        """The request that was sent, decoded. `MalformedRequest` where the provider sent a body
        that its own codec does not read."""
        body = loads(sent.body)
        native = {key: value for key, value in body.items() if key not in self.transport_members}
        return self.codec.decode_request(native, self.facts)

    def answer(self, sent: HttpRequest, completion: Completion) -> MockAnswer:
        """`completion`, whole or streamed as it was asked for."""
        self.request(sent)
        headers = {self.request_id_header: "request-1"}
        if not self.is_streamed(sent):
            return json_answer(self.codec.encode_response(completion, self.facts), headers=headers)
        typed = {"content-type": self.stream_type, **headers}
        return MockAnswer(headers=typed, reads=tuple(self.chunks(completion)))

    def cut_answer(self, sent: HttpRequest, completion: Completion) -> MockAnswer:
        """A streamed answer that ends after its content, before its stop reason and terminal
        event."""
        until_stop = takewhile(lambda event: not isinstance(event, Stopped), batch_of(completion))
        return evolve(self.answer(sent, completion), reads=tuple(self._written(until_stop)))

    def chunks(self, completion: Completion) -> Iterator[bytes]:
        """The bytes of each chunk of a streamed answer."""
        return self._written(batch_of(completion))

    def _written(self, events: Iterable[StreamEvent]) -> Iterator[bytes]:
        """The bytes of each chunk of these events, each event as a batch of its own."""
        context = StreamContext(id="answer-1", model="model-1", created=1_700_000_000)
        encoder = self.codec.stream_encoder(context, self.facts)
        for event in events:
            yield from map(self.write_chunk, encoder.encode((event,)))

    def refusal(self, error: AxonFlowError) -> MockAnswer:
        """`error` in the service's own form. What is upstream's alone (`CredentialsError`) has
        another status there, as in every server role: write such an answer as a `MockAnswer`."""
        native = self.errors.encode_error(error)
        headers = {self.request_id_header: "request-1", **native.headers}
        return json_answer(native.body, native.status, headers)

    # over a socket

    def app(self, script: Script | None = None) -> AsgiApp:
        """The service as an ASGI app, for `axonflow_core.http.local_server.Server`. `script` makes
        what a request is answered with; by default see `echoing`."""
        answer = echoing if script is None else script

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            received = await read_request(scope, receive, max_body_bytes=MAX_BODY_BYTES)
            sent = HttpRequest(received.method, received.target, received.headers, received.body)
            await _write(ResponseWriter(send), self._reply(sent, answer))

        return serve

    def _reply(self, sent: HttpRequest, script: Script) -> MockAnswer:
        """The answer that the script has for a request, in the service's own form."""
        reply = script(self.request(sent))
        if isinstance(reply, MockAnswer):
            return reply
        if isinstance(reply, AxonFlowError):
            return self.refusal(reply)
        return self.answer(sent, reply)


async def _write(writer: ResponseWriter, answer: MockAnswer) -> None:
    """Send an answer over ASGI, each of its reads as a chunk."""
    await writer.start(answer.status, answer.headers)
    for data in answer.reads:
        await writer.write(data)
    await writer.end()


def echoing(request: CompletionRequest) -> Completion:
    """Repeats the last text. Where tools are offered and there is no result yet, each is called
    once, with the text as the argument `text`."""
    blocks = [block for message in request.messages for block in message.content]
    results = [block for block in blocks if isinstance(block, ToolResult)]
    text = next((block.text for block in reversed(blocks) if isinstance(block, Text)), "")
    tools = [tool for tool in request.tools if isinstance(tool, Tool)]
    usage = Usage(input_tokens=len(blocks), output_tokens=1)
    if tools and not results:
        calls = [
            ToolUse(f"call_{number}", tool.name, {"text": text})
            for number, tool in enumerate(tools, 1)
        ]
        return Completion(tuple(calls), StopReason.TOOL_USE, usage)
    if results:
        text = "".join(block.text for block in results[-1].content if isinstance(block, Text))
    return Completion((Text(f"You said: {text}"),), StopReason.END_TURN, usage)
