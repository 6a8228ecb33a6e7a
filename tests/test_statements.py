"""Statements that do not fit a runtime or a stream are refused with what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from toy_chat import answered, runtime_on

from axonflow_core import BlockingRuntime, RequestError, Runtime, TruncatedStream


@pytest.fixture
def runtime() -> Runtime:
    return runtime_on(answered())


@pytest.fixture
def blocking() -> Iterator[BlockingRuntime]:
    with BlockingRuntime(runtime_on(answered())) as runtime:
        yield runtime


def test_with_on_a_runtime_shows_async_with_and_the_blocking_twin(runtime: Any) -> None:
    with pytest.raises(RequestError, match="`with` does not fit Runtime") as caught, runtime:
        pass

    assert "async with Runtime.open() as runtime" in str(caught.value.hint)
    assert "with BlockingRuntime.open() as runtime" in str(caught.value.hint)


async def test_a_stream_that_is_not_open_shows_how_it_is_opened(runtime: Any) -> None:
    hints = []
    with pytest.raises(RequestError, match="`with` does not fit") as caught, runtime.stream("hi"):
        pass
    hints.append(caught.value.hint)
    with pytest.raises(RequestError, match="`for` does not fit") as caught:
        list(runtime.stream("hi"))
    hints.append(caught.value.hint)
    with pytest.raises(RequestError, match="`async for` does not fit") as caught:
        _ = [batch async for batch in runtime.stream("hi")]
    hints.append(caught.value.hint)

    assert all("async with runtime.stream(…) as stream" in str(hint) for hint in hints)


async def test_text_of_a_stream_that_is_not_open_shows_how_it_is_opened(runtime: Any) -> None:
    with pytest.raises(AttributeError, match=r"async with runtime\.stream\(…\) as stream"):
        runtime.stream("hi").text()
    with pytest.raises(AttributeError, match=r"has no 'txet'$"):
        _ = runtime.stream("hi").txet


async def test_an_open_stream_is_read_with_async_for(runtime: Any) -> None:
    async with runtime.stream("hi") as stream:
        with pytest.raises(RequestError, match="`for` does not fit"):
            list(stream)
        with pytest.raises(RequestError, match="`with` does not fit"), stream:
            pass

        assert (await stream.completion()).text == "You said: hi"


async def test_async_with_does_not_fit_what_blocks(blocking: Any) -> None:
    with pytest.raises(RequestError, match="`async with` does not fit") as caught:
        async with blocking:
            pass

    assert "async with Runtime.open() as runtime" in str(caught.value.hint)


def test_async_for_does_not_fit_a_stream_that_blocks(blocking: Any) -> None:
    with blocking.stream("hi") as stream:
        with pytest.raises(RequestError, match="`async for` does not fit") as caught:
            aiter(stream)

        assert "for text in stream.text()" in str(caught.value.hint)
        assert stream.completion().text == "You said: hi"


async def test_a_stream_is_iterated_to_its_end_once(runtime: Runtime) -> None:
    async with runtime.stream("hi") as stream:
        assert "".join([text async for text in stream.text()]) == "You said: hi"
        with pytest.raises(RequestError, match="read to its end") as caught:
            _ = [text async for text in stream.text()]

        assert "await stream.completion()" in str(caught.value.hint)
        assert (await stream.completion()).text == (await stream.completion()).text


def test_a_stream_that_blocks_is_iterated_to_its_end_once(blocking: BlockingRuntime) -> None:
    with blocking.stream("hi") as stream:
        assert "".join(stream.text()) == "You said: hi"
        with pytest.raises(RequestError, match="read to its end") as caught:
            list(stream)

    assert "`stream.completion()`" in str(caught.value.hint)
    assert stream.completion().text == "You said: hi"


async def test_a_stream_that_was_left_by_break_is_read_on(runtime: Runtime) -> None:
    async with runtime.stream("hi") as stream:
        async for _ in stream:
            break
        rest = [batch async for batch in stream]

        assert rest
        assert (await stream.completion()).text == "You said: hi"


async def test_a_stream_that_was_left_early_says_who_left_it(runtime: Runtime) -> None:
    async with runtime.stream("hi") as stream:
        await anext(stream)

    with pytest.raises(TruncatedStream, match="this program closed the stream") as caught:
        await stream.completion()

    assert "inside its `async with` block" in str(caught.value.hint)


def test_a_stream_that_blocks_and_was_left_early_says_who_left_it(
    blocking: BlockingRuntime,
) -> None:
    with blocking.stream("hi") as stream:
        next(stream)

    with pytest.raises(TruncatedStream, match="this program closed the stream") as caught:
        stream.completion()

    assert "inside its `with` block" in str(caught.value.hint)


async def test_texts_of_an_open_stream_show_how_they_are_read(runtime: Any) -> None:
    async with runtime.stream("hi") as stream:
        with pytest.raises(RequestError, match="`for` does not fit") as caught:
            list(stream.text())
        with pytest.raises(RequestError, match="`await` does not fit"):
            await stream.text()
        first = await anext(stream.text())

    assert caught.value.hint == "write `async for text in stream.text()`"
    assert first


async def test_await_on_a_runtime_shows_that_opening_waits_for_nothing(runtime: Any) -> None:
    with pytest.raises(RequestError, match="`await` does not fit Runtime") as caught:
        await runtime

    assert "runtime = Runtime.open()" in str(caught.value.hint)
