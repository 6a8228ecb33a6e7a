"""The HTTP client without a network: what it answers, what it keeps, how it fails."""

from __future__ import annotations

import pytest

from axonflow_core.errors import ProviderTimeout, TruncatedStream, Unavailable
from axonflow_core.http.client import HttpRequest
from axonflow_core.testing import MockAnswer, MockTransport, json_answer

REQUEST = HttpRequest("POST", "https://acme.example/chat", {}, b"{}")


async def test_an_answer_is_whole_and_its_request_is_kept() -> None:
    client = MockTransport(lambda request: json_answer({"text": "Hi."}, 201, {"x-id": "1"}))

    response = await client.send(REQUEST)

    assert (response.status, response.body) == (201, b'{"text":"Hi."}')
    assert response.headers == {"content-type": "application/json", "x-id": "1"}
    assert client.requests == [REQUEST]


async def test_a_stream_comes_in_the_scripted_reads_and_then_ends() -> None:
    client = MockTransport(lambda request: MockAnswer(reads=(b"a", b"bc")))

    stream = await client.open_stream(REQUEST)
    reads = [await stream.read() for _ in range(4)]

    assert reads == [b"a", b"bc", b"", b""]
    assert (stream.status, stream.headers) == (200, {})


async def test_the_rest_of_a_stream_is_read_at_once() -> None:
    client = MockTransport(lambda request: MockAnswer(reads=(b"a", b"b", b"c")))
    stream = await client.open_stream(REQUEST)
    await stream.read()

    assert await stream.read_all() == b"bc"


async def test_an_answer_that_is_an_exception_is_raised_and_its_request_is_kept() -> None:
    client = MockTransport(lambda request: ProviderTimeout("too slow"))

    with pytest.raises(ProviderTimeout, match="too slow"):
        await client.send(REQUEST)
    with pytest.raises(ProviderTimeout, match="too slow"):
        await client.open_stream(REQUEST)

    assert client.requests == [REQUEST, REQUEST]


async def test_a_function_with_memory_scripts_a_retry() -> None:
    answers = iter([MockAnswer(status=503), json_answer({})])
    client = MockTransport(lambda request: next(answers))

    assert [(await client.send(REQUEST)).status for _ in range(2)] == [503, 200]


async def test_a_stream_that_breaks_off_is_truncated_after_its_last_read() -> None:
    client = MockTransport(lambda request: MockAnswer(reads=(b"a",), breaks_off=True))
    stream = await client.open_stream(REQUEST)

    assert await stream.read() == b"a"
    with pytest.raises(TruncatedStream):
        await stream.read()


async def test_a_whole_answer_that_breaks_off_is_unavailable() -> None:
    client = MockTransport(lambda request: MockAnswer(reads=(b"a",), breaks_off=True))

    with pytest.raises(Unavailable):
        await client.send(REQUEST)


async def test_a_script_without_an_answer_left_says_for_which_request() -> None:
    answers = iter([MockAnswer()])
    client = MockTransport(lambda request: next(answers))
    await client.send(REQUEST)

    with pytest.raises(AssertionError, match="is left for request 2: POST https"):
        await client.send(REQUEST)


async def test_what_is_closed_is_known_to_be() -> None:
    client = MockTransport(lambda request: MockAnswer())
    stream = await client.open_stream(REQUEST)

    await stream.aclose()
    await client.aclose()

    assert client.streams == [stream]
    assert (stream.is_closed, client.is_closed) == (True, True)
