"""A blocking runtime whose calls run in the caller's thread: threads, interrupts, forks, exits."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import toy_chat
from attrs import evolve
from chat_server import ChatServer, runtime_at
from http_client.peers import open_sockets
from on_time import GUARD_S, ends_within, wait_until

from axonflow_core import waiting
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.errors import (
    PluginError,
    ProviderTimeout,
    RequestError,
    TruncatedStream,
    Unavailable,
)
from axonflow_core.http.blocking import BlockingTransport
from axonflow_core.http.client import HttpRequest, Transport

pytestmark = pytest.mark.timely

ROOT = Path(__file__).parent
ENDLESS = "slowly " + "word " * 5_000


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as served:
        yield served


@pytest.fixture
def runtime(server: ChatServer) -> Iterator[BlockingRuntime]:
    with BlockingRuntime(runtime_at(server.url)) as opened:
        yield opened


# ── calls and streams ─────────────────────────────────────────────────────────────────────────────


def test_a_call_starts_no_thread_and_uses_its_connection_again(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    before = threading.active_count()

    texts = [runtime.complete(f"question {number}").text for number in range(5)]

    assert texts == [f"question {number}" for number in range(5)]
    assert server.connections == 1
    assert threading.active_count() <= before + 1  # the server's own


def test_a_call_inside_a_stream_of_the_same_runtime_is_answered(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    with runtime.stream("slowly one two") as stream:
        inner = [runtime.complete(piece).text for piece in stream.text()]

    assert "".join(inner) == "slowly one two"
    assert server.connections == 2


def test_a_runtime_that_needs_no_loop_runs_in_a_thread_of_an_async_program(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    import asyncio

    answer = asyncio.run(asyncio.to_thread(runtime.complete, "from a thread"))

    assert answer.text == "from a thread"


def test_many_threads_get_the_answers_to_their_own_questions(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    def ask(number: int) -> bool:
        whole = runtime.complete(f"call {number}").text == f"call {number}"
        streamed = "".join(runtime.stream(f"stream {number}").text()) == f"stream {number}"
        return whole and streamed

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(ask, range(400)))
    assert server.connections <= 40


def test_threads_that_find_the_pool_full_wait_their_turn(server: ChatServer) -> None:
    client = BlockingTransport(max_connections=2)
    with BlockingRuntime(runtime_at(server.url, client)) as runtime, ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda n: runtime.complete(f"call {n}").text, range(100)))

    assert texts == [f"call {number}" for number in range(100)]
    assert server.connections == 2


def test_a_full_pool_says_so_within_the_limit(server: ChatServer) -> None:
    client = BlockingTransport(max_connections=1)
    with BlockingRuntime(runtime_at(server.url, client)) as runtime:
        stream = runtime.stream("slowly and slowly")

        with (
            ends_within(0.55, not_before_s=0.29),
            pytest.raises(ProviderTimeout, match="the pool of 1 is full"),
        ):
            runtime.complete("hi", timeout=0.3)

        assert "".join(stream.text()) == "slowly and slowly"
        assert runtime.complete("hi").text == "hi"


def test_embeddings_of_many_calls_run_at_once() -> None:
    async def call(number: int) -> int:
        await waiting.sleep(0.1)
        return number

    calls = [lambda n=n: call(n) for n in range(8)]

    with ends_within(0.5):
        assert waiting.drive(waiting.in_order(calls, 8)) == list(range(8))


def test_the_first_of_many_calls_that_fails_is_raised_and_no_other_is_begun() -> None:
    begun: list[int] = []

    async def call(number: int) -> None:
        begun.append(number)
        await waiting.sleep(0.02)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"0|1"):
        waiting.drive(waiting.in_order([lambda n=n: call(n) for n in range(20)], 2))

    assert len(begun) <= 4


@pytest.mark.parametrize("places", [1, 8])
def test_the_first_of_many_calls_that_fails_cancels_the_others_upstream(
    server: ChatServer, places: int
) -> None:
    client = BlockingTransport(max_connections=places)
    runtime = runtime_at(server.url, client)

    async def fail() -> None:
        wait_until(lambda: len(server.questions) == min(places, 3))
        raise ZeroDivisionError

    asking = [lambda: runtime.complete("never") for _ in range(3)]

    with ends_within(4), pytest.raises(ZeroDivisionError):
        waiting.drive(waiting.in_order([*asking, fail], 4))

    wait_until(lambda: server.open_connections == 0)
    assert waiting.drive(runtime.complete("hi")).text == "hi"
    assert server.questions == ["never"] * min(places, 3) + ["hi"]


# ── the choice between a thread of one's own and a loop ───────────────────────────────────────────


@pytest.mark.parametrize("needs_event_loop", [False, True])
def test_a_provider_that_needs_a_loop_has_one(
    server: ChatServer, *, needs_event_loop: bool
) -> None:
    spec = evolve(toy_chat.spec(), needs_event_loop=needs_event_loop)
    client = Transport() if needs_event_loop else BlockingTransport()
    before = set(threading.enumerate())

    with BlockingRuntime(runtime_at(server.url, client, spec)) as runtime:
        assert runtime.complete("hi").text == "hi"
        names = [thread.name for thread in set(threading.enumerate()) - before]
        assert ("axonflow-loop" in names) is needs_event_loop


def test_an_async_client_that_is_given_needs_a_loop(server: ChatServer) -> None:
    with BlockingRuntime(runtime_at(server.url, Transport())) as runtime:
        assert runtime.complete("hi").text == "hi"


def test_a_provider_that_waits_for_a_loop_against_its_word_is_named_and_sent_nothing(
    server: ChatServer,
) -> None:
    import asyncio

    class Restless(toy_chat.ChatProvider):
        async def complete(self, *args: Any, **options: Any) -> Any:
            await asyncio.sleep(0)
            return await super().complete(*args, **options)

    runtime = BlockingRuntime(runtime_at(server.url, spec=toy_chat.spec(Restless)))

    with pytest.raises(PluginError, match="waits for an event loop"):
        runtime.complete("hi")
    assert server.questions == []
    runtime.close()


# ── what is left behind ───────────────────────────────────────────────────────────────────────────


def test_a_stream_that_is_left_closes_its_connection_and_frees_its_place(
    server: ChatServer,
) -> None:
    client = BlockingTransport(max_connections=1)
    runtime = BlockingRuntime(runtime_at(server.url, client))
    for _ in runtime.stream(ENDLESS):
        break
    gc.collect()

    wait_until(lambda: server.open_connections == 0)
    assert runtime.complete("hi", timeout=GUARD_S).text == "hi"  # in the only place there is
    runtime.close()


def test_a_stream_that_is_closed_is_cancelled_upstream(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    with runtime.stream(ENDLESS):
        pass

    wait_until(lambda: server.open_connections == 0)


def test_closing_from_another_thread_ends_calls_that_wait(server: ChatServer) -> None:
    runtime = BlockingRuntime(runtime_at(server.url))
    stream = runtime.stream("slowly " + "word " * 500)
    threading.Timer(0.1, runtime.close).start()
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(runtime.complete, "never")

        with pytest.raises(TruncatedStream, match="this program closed the stream"):
            list(stream)
        with pytest.raises(Unavailable, match="this runtime was closed"):
            waits.result(timeout=GUARD_S)

    wait_until(lambda: server.open_connections == 0)
    with pytest.raises(RequestError, match="this runtime is closed"):
        runtime.complete("hi")


def test_a_runtime_that_nobody_holds_closes_its_connections(server: ChatServer) -> None:
    runtime = BlockingRuntime(runtime_at(server.url))
    runtime.complete("hi")
    del runtime
    gc.collect()

    wait_until(lambda: server.open_connections == 0)


def test_two_thousand_calls_leave_one_socket_and_no_memory(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    runtime.complete("hi")
    before = open_sockets()
    for number in range(2000):
        if number % 4:
            runtime.complete("hi")
        else:
            list(runtime.stream("hi"))

    assert open_sockets() <= before
    assert server.connections == 1


# ── interrupts ────────────────────────────────────────────────────────────────────────────────────


class Interrupted(BaseException):
    """What the signal handler raises, as `KeyboardInterrupt` is raised."""


@pytest.fixture
def interrupt() -> Iterator[Callable[[float], None]]:
    """Raises `Interrupted` in the main thread after so many seconds; 0: does so no more."""

    def ring(*_: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, ring)

    def ring_after(seconds: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    yield ring_after
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def interrupt_when(interrupt: object) -> Callable[[Callable[[], object]], None]:
    """Raises `Interrupted` in the main thread once something is so."""
    main = threading.get_ident()

    def ring_when(is_true: Callable[[], object]) -> None:
        def ring() -> None:
            wait_until(is_true)
            signal.pthread_kill(main, signal.SIGALRM)

        threading.Thread(target=ring).start()

    return ring_when


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", range(4))
def test_an_interrupt_at_any_moment_leaves_no_place_taken(
    server: ChatServer, interrupt: Callable[[float], None], seed: int
) -> None:
    draw = random.Random(seed)
    client = BlockingTransport(max_connections=2)
    runtime = BlockingRuntime(runtime_at(server.url, client))
    runtime.complete("warm")
    interrupted = 0
    for number in range(250):
        try:
            interrupt(draw.uniform(1e-5, 1e-3))  # a call takes about half of it
            asked = f"question {number}"
            if number % 2:
                answered = runtime.complete(asked).text
            else:
                answered = "".join(runtime.stream(asked).text())
            interrupt(0)
            assert answered == asked
        except Interrupted:
            interrupted += 1
        finally:
            interrupt(0)
    gc.collect()

    assert interrupted > 20
    assert runtime.complete("after").text == "after"
    wait_until(lambda: client._pool._taken == 0)
    assert len(client._pool._resting) + client._pool._taken <= 2
    runtime.close()
    wait_until(lambda: server.open_connections == 0)


def test_an_interrupted_wait_ends_at_once_and_cancels_the_call(
    server: ChatServer,
    runtime: BlockingRuntime,
    interrupt_when: Callable[[Callable[[], object]], None],
) -> None:
    interrupt_when(lambda: server.questions)

    with ends_within(0.4), pytest.raises(Interrupted):
        runtime.complete("never")

    wait_until(lambda: server.open_connections == 0)


def test_an_interrupt_cancels_all_of_many_calls_upstream(
    server: ChatServer, interrupt_when: Callable[[Callable[[], object]], None]
) -> None:
    runtime = runtime_at(server.url)
    asking = [lambda: runtime.complete("never") for _ in range(6)]
    interrupt_when(lambda: len(server.questions) == 4)

    with ends_within(0.5), pytest.raises(Interrupted):
        waiting.drive(waiting.in_order(asking, 4))

    wait_until(lambda: server.open_connections == 0)
    assert server.questions == ["never"] * 4
    assert waiting.drive(runtime.complete("hi")).text == "hi"


def test_an_interrupted_pause_before_another_attempt_ends_at_once(
    interrupt_when: Callable[[Callable[[], object]], None],
) -> None:
    begun = threading.Event()

    async def pause() -> None:
        begun.set()
        await waiting.sleep(20)

    interrupt_when(begun.is_set)

    with ends_within(0.4), pytest.raises(Interrupted):
        waiting.drive(pause())


def test_an_interrupted_search_for_credentials_ends_at_once_and_serves_the_next_call(
    interrupt_when: Callable[[Callable[[], object]], None],
) -> None:
    is_found, searches = threading.Event(), []

    def search() -> str:
        searches.append(1)
        is_found.wait(5)
        return "keys"

    work = waiting.SharedWork(search)
    interrupt_when(lambda: searches)
    with ends_within(0.4), pytest.raises(Interrupted):
        waiting.drive(work.result())

    threading.Timer(0.05, is_found.set).start()
    assert waiting.drive(work.result()) == "keys"
    assert len(searches) == 1


# ── forks and exits ───────────────────────────────────────────────────────────────────────────────


def in_child(work: Callable[[], object], within_s: float = GUARD_S) -> str:
    """What `work` returns in a forked process, as text; what it raises, by name."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = str(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    ends_at = time.monotonic() + within_s
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > ends_at:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise AssertionError("the child hangs")
        time.sleep(0.01)
    with os.fdopen(reader) as told:
        return told.read()


@pytest.mark.parametrize("uses", [0, 1])
def test_a_forked_process_calls_over_connections_of_its_own(
    server: ChatServer, runtime: BlockingRuntime, uses: int
) -> None:
    for _ in range(uses):
        runtime.complete("before")

    assert in_child(lambda: [runtime.complete("in the child").text for _ in range(3)]) == str(
        ["in the child"] * 3
    )
    assert runtime.complete("after").text == "after"
    assert server.connections == 2  # the child's, and the parent's that was used all along


def test_a_fork_while_other_threads_call_works(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    is_over = threading.Event()

    def keep_calling() -> None:
        while not is_over.is_set():
            runtime.complete("busy")

    threads = [threading.Thread(target=keep_calling) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        told = [in_child(lambda: runtime.complete("child").text) for _ in range(10)]
    finally:
        is_over.set()
        for thread in threads:
            thread.join()

    assert told == ["child"] * 10


def test_a_stream_of_the_parent_is_refused_in_the_child_and_goes_on_in_the_parent(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    stream = runtime.stream("slowly one two three")

    told = in_child(lambda: list(stream.text()))

    assert "opened before the process was forked" in told
    assert stream.completion().text == "slowly one two three"


def test_closing_in_the_child_leaves_the_parent_its_connections(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    stream = runtime.stream("slowly one two three")

    assert in_child(lambda: runtime.close() or "closed") == "closed"
    assert stream.completion().text == "slowly one two three"
    assert runtime.complete("hi").text == "hi"


def test_closing_in_the_child_leaves_a_call_of_another_thread_its_answer(
    server: ChatServer, runtime: BlockingRuntime
) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(runtime.complete, "slowly one two three four five six")
        wait_until(lambda: server.open_connections == 1)

        assert in_child(lambda: runtime.close() or "closed") == "closed"
        assert answer.result(GUARD_S).text == "slowly one two three four five six"


def test_a_transport_that_was_closed_before_the_fork_is_closed_in_the_child(
    server: ChatServer,
) -> None:
    transport = BlockingTransport()
    waiting.drive(transport.aclose())

    told = in_child(lambda: waiting.drive(transport.send(HttpRequest("GET", server.url, {}))))

    assert told == "RequestError: this runtime is closed"


def test_an_async_runtime_serves_one_loop_that_of_a_child_too(server: ChatServer) -> None:
    import asyncio

    used, unused = (runtime_at(server.url, Transport()) for _ in range(2))
    with asyncio.Runner() as loop:
        loop.run(used.complete("before"))

        assert in_child(lambda: asyncio.run(unused.complete("in the child")).text) == "in the child"
        told = in_child(lambda: asyncio.run(used.complete("in the child")))
        assert told.startswith("RequestError: this runtime was opened on another event loop")
        assert loop.run(used.complete("after")).text == "after"
        loop.run(used.aclose())


def test_a_loop_in_the_background_is_a_clear_error_in_a_child(server: ChatServer) -> None:
    spec = evolve(toy_chat.spec(), needs_event_loop=True)
    with BlockingRuntime(runtime_at(server.url, Transport(), spec)) as runtime:
        runtime.complete("before")

        told = in_child(lambda: runtime.complete("in the child"))
        assert told.startswith(
            "RequestError: this runtime was opened before the process was forked"
        )
        assert in_child(lambda: runtime.close() or "closed") == "closed"
        assert runtime.complete("after").text == "after"


PROGRAM = """
import os, sys, threading, time
sys.path[:0] = [{tests!r}]
from chat_server import ChatServer, runtime_at
from http_client.peers import open_sockets
from axonflow_core.blocking import BlockingRuntime

server = ChatServer().__enter__()
runtime = BlockingRuntime(runtime_at(server.url))
{body}
print("end")
"""
WAITING_THREAD = (
    "threading.Thread(target=runtime.complete, args=('never',), daemon=True).start(); "
    "time.sleep(0.2)"
)
EXITS = {
    "after a call, without closing": "runtime.complete('hi')",
    "in the middle of a stream": "stream = runtime.stream('slowly ' + 'word ' * 99); next(stream)",
    "while a thread waits for an answer": WAITING_THREAD,
    "while a thread waits for an answer that a loop reads": "from axonflow_core.http.client import "
    "Transport; runtime = BlockingRuntime(runtime_at(server.url, Transport())); " + WAITING_THREAD,
    "while a thread reads a stream": "stream = runtime.stream('slowly ' + 'word ' * 999); "
    "threading.Thread(target=list, args=(stream,), daemon=True).start(); time.sleep(0.2)",
    "in a forked child too": "runtime.complete('hi'); child = os.fork(); "
    "child and os.waitpid(child, 0)",
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", EXITS)
def test_a_program_that_ends_is_not_held_up(name: str) -> None:
    program = PROGRAM.format(tests=str(ROOT), body=EXITS[name])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("end")


def test_a_runtime_that_is_closed_while_the_program_waits_for_threads_cancels_their_calls() -> None:
    body = """
def close():
    threading.main_thread().join()
    runtime.close()

threading.excepthook = lambda failed: print(failed.exc_value)
threading.Thread(target=runtime.complete, args=('never',)).start()
time.sleep(0.2)
threading.Thread(target=close).start()
"""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(tests=str(ROOT), body=body)],
        capture_output=True,
        text=True,
        timeout=GUARD_S,
        check=False,
    )

    assert "this runtime was closed before" in done.stdout
