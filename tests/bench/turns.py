"""How long an event loop is kept from its turns while one request is governed: read, judged, sent,
recorded, and its answer too.

on the loop    the longest stretch of the loop's own thread, between two turns of a ticker
in a thread    the longest stretch in which another thread keeps the interpreter's lock: between two
               events that a profiler hears of. At each of them it can be had; RE2 and the database
               let go of it on their own.

Both are CPU time, which other load of the machine leaves as it is, and the least of `ROUNDS`, each
of a request of its own: the loop pays for a profiler, too. All of it is in a process of its own,
whose collector is spared as a server's is.

    python -m tests.bench.turns     the microseconds of each kind, as JSON
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NamedTuple, Self, TypeAlias

from axonflow_core.audit.store import AuditStore
from axonflow_core.config.values import Config, PoliciesConfig
from axonflow_core.governance.calls import Governance
from axonflow_core.keys import throwaway_keys
from axonflow_core.messages import Completion, Receipt, StopReason, Text, Usage
from axonflow_core.policy.masks import Redaction
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action
from axonflow_core.provider import CompletionStream
from axonflow_core.routing.router import Router
from axonflow_core.server.auth import OpenDirectory
from axonflow_core.server.dialects import Dialects
from axonflow_core.server.serving import SWITCH_INTERVAL_S, spare_collector
from axonflow_core.stream import Batch, Ended, Started, Stopped, TextDelta, UsageUpdate

from ..policy import noise

ROUNDS = 2
MB = 1_048_576
SHORT = 2_048
"""Characters of a text that is judged on the loop."""
TEXTS: Mapping[str, str] = {
    "English": noise.ENGLISH,
    "numbers": "card 4111 1111 1111 1111, SSN 123-45-6789, jane@example.com; ",
    "digits": noise.KINDS["hex"](8_192),
    "escapes": "%34%31%31%31 &#39; or 1=1 \\u0041 ",
    "entities": "&#52;&#x31;&lt;b&gt; &amp;amp; and a few more words of prose ",
    "percents": "%34%31%25%32%37 and %73elect ",
    "base64": b64encode(b64encode(noise.ENGLISH.encode())).decode(),
    "full width": "４１１１ １１１１ １１１１ １１１１ ",
    "zero width": "s\u200be\u200bl\u2060e\u00adct from \u200b",
    "look-alikes": "ЅЕLЕСТ uѕеr frоm tаblе whеrе ",
}
LONG_IN_JUDGING = {
    "entities": 4,
    "percents": 4,
    "zero width": 4,
    "look-alikes": 4,
    "full width": 32,
}
"""Those of which a part of a megabyte is enough: no stretch of them is as long as their parts."""
_TURN_S = 0.0005
_SAMPLE_NS = 200_000
_CHAT = "/v1/chat/completions"
_FREE = frozenset({"Match", "execute", "executemany", "commit", "fetchall"})
"""Functions in C that let go of the lock: RE2's, and the database's."""


class Turns(NamedTuple):
    """The longest stretches, in microseconds."""

    on_loop: float
    in_thread: float


class Kind(NamedTuple):
    """A request that is measured, in the dialect of OpenAI."""

    body: bytes
    policies: PoliciesConfig = PoliciesConfig()


def measured() -> Mapping[str, Turns]:
    """The stretches of every kind, in a new process."""
    command = [sys.executable, "-m", "tests.bench.turns"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: Turns(*found) for name, found in json.loads(run.stdout).items()}


# ── what is asked ─────────────────────────────────────────────────────────────────────────────────


def kinds() -> Iterator[tuple[str, Kind]]:
    """The requests, by their names."""
    for name, text in TEXTS.items():
        yield name, _chat(noise.repeated(text, MB // LONG_IN_JUDGING.get(name, 1)))
        yield f"short, {name}", _chat(noise.repeated(text, SHORT if text.isascii() else SHORT // 2))
    own = {"type": "own", "parts": [[]] * 100_000}
    yield "parts of no value", _body({"role": "user", "content": [own]})
    yield "20 of 50 KB", _chat(*[noise.english(50_000)] * 20)
    yield "5,000 messages", _chat(*[f"row {number}, seen" for number in range(5_000)])
    rows = json.dumps([{"id": number, "name": f"part {number}"} for number in range(8_000)])
    call = {"name": "find", "arguments": f'{{"rows": {rows}}}'}
    yield (
        "arguments of a tool",
        _body(
            {"role": "user", "content": "Go on."},
            {
                "role": "assistant",
                "tool_calls": [{"id": "a", "type": "function", "function": call}],
            },
            {"role": "tool", "tool_call_id": "a", "content": rows},
        ),
    )
    people = "".join(f"jane.{number}@mail-host.net, once more\n" for number in range(20_000))
    redacting = PoliciesConfig(redaction=Redaction.REVERSIBLE, actions={"email": Action.REDACT})
    yield "placeholders", _chat(people)._replace(policies=redacting)
    yield "a stream", _body({"role": "user", "content": noise.english(MB // 8)}, stream=True)


def _chat(*texts: str) -> Kind:
    """A conversation in which the two sides take turns."""
    sides = cycle(("user", "assistant"))
    return _body(
        *({"role": side, "content": text} for side, text in zip(sides, texts, strict=False))
    )


def _body(*messages: Mapping[str, Any], **more: Any) -> Kind:
    return Kind(json.dumps({"model": "m", "messages": messages, **more}).encode())


class _Echo:
    """A provider that answers at once, with the last text."""

    default_model = "m"
    receipt = Receipt(provider="echo", family="echo", surface="echo", model="m", called="m")

    async def complete(self, request: Any, **_: Any) -> Completion:
        said = (Text(request.messages[-1].text or "-"),)
        return Completion(said, StopReason.END_TURN, Usage(3, 5), receipt=self.receipt)

    async def stream(self, request: Any, **_: Any) -> CompletionStream:
        return _Words(request.messages[-1].text)


class _Words(CompletionStream):
    """A text in pieces of four characters, 64 a read."""

    receipt = _Echo.receipt

    def __init__(self, text: str) -> None:
        self._reads = self._all_reads(text)

    def _all_reads(self, text: str) -> Iterator[tuple[Batch, ...]]:
        yield ((Started("id", "m"),),)
        for start in range(0, len(text), 256):
            places = range(start, min(start + 256, len(text)), 4)
            yield tuple((TextDelta(text[at : at + 4]),) for at in places)
        yield ((UsageUpdate(Usage(3, 5)), Stopped(StopReason.END_TURN), Ended()),)

    async def read(self) -> tuple[Batch, ...]:
        await asyncio.sleep(0)
        return next(self._reads, ())

    async def aclose(self) -> None:
        """Nothing is open."""


# ── how it is measured ────────────────────────────────────────────────────────────────────────────

Request: TypeAlias = Callable[[], Awaitable[None]]


def _request(store: AuditStore, kind: Kind) -> Request:
    """Asks once: from the bytes of a body to those of the answer."""
    echo: Any = {"echo": _Echo()}
    governance = Governance(Policies.build(kind.policies), Router(echo), store)
    path = {"path": _CHAT, "raw_path": _CHAT.encode(), "query_string": b""}
    key = [(b"authorization", b"Bearer anything")]
    scope = {"type": "http", "method": "POST", "headers": key, **path}
    served = Dialects(Config(), governance, OpenDirectory()).find(scope)
    assert served is not None

    async def ask() -> None:
        bodies, statuses = [kind.body], list[int]()

        async def receive() -> Mapping[str, Any]:
            if not bodies:
                await asyncio.Event().wait()  # the client stays
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            statuses.extend(filter(None, [message.get("status")]))

        await served.app(scope, receive, send)
        assert statuses in ([200], [400]), statuses  # 400 where a policy stops it

    return ask


async def longest_on_loop(work: Callable[[], Awaitable[object]]) -> float:
    """The longest stretch of this loop's thread between two turns of a ticker while `work` is
    awaited, in microseconds."""
    longest, before = 0.0, time.thread_time()
    awaited = asyncio.ensure_future(work())
    while not awaited.done():
        await asyncio.sleep(_TURN_S)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    await awaited
    return longest * 1e6


class Profiler:
    """Hears of every call of a function, in the threads that begin while it is on."""

    def __init__(self) -> None:
        self.longest_us = 0.0
        """The longest stretch between two events of one thread, and at most `_SAMPLE_NS` more."""
        self._seen: dict[int, _Seen] = {}

    def __enter__(self) -> Self:
        threading.setprofile(self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)

    def _heard(self, frame: FrameType, event: str, function: Any) -> None:
        now, seen = time.perf_counter_ns(), self._seen.get(threading.get_ident())
        if seen is None:
            self._seen[threading.get_ident()] = _Seen(now)
        elif now - seen.sampled_at > _SAMPLE_NS:  # the CPU's clock takes a microsecond
            is_long, used_us = now - seen.at > _SAMPLE_NS, seen.sample(now)
            is_free = event.startswith("c_") and function.__name__ in _FREE
            if is_long and not is_free:
                self.longest_us = max(self.longest_us, used_us)
        else:
            seen.at = now


class _Seen:
    """When a thread was heard of, and what it had used of the CPU."""

    def __init__(self, now: int) -> None:
        self.at = self.sampled_at = now
        self._used = time.thread_time_ns()

    def sample(self, now: int) -> float:
        """Microseconds of the CPU since the last sample."""
        before, self._used = self._used, time.thread_time_ns()
        self.at = self.sampled_at = now
        return (self._used - before) / 1e3


async def _measured(kind: Kind) -> Turns:
    found = list[Turns]()
    with TemporaryDirectory() as folder:
        store = await AuditStore.open(f"sqlite:///{folder}/audit.db", throwaway_keys())
        ask = _request(store, kind)
        for _ in range(ROUNDS):
            spare_collector()
            on_loop = await longest_on_loop(ask)
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
            with Profiler() as profiler:
                await ask()
            found.append(Turns(on_loop, profiler.longest_us))
        await store.aclose()
    return Turns(*map(min, zip(*found, strict=True)))


def _turns() -> Iterator[tuple[str, Turns]]:
    logging.disable()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    for name, kind in kinds():
        yield name, asyncio.run(_measured(kind))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dict(_turns())))
