"""Calls and streams, against boto3's `invoke_model` and `converse_stream`, one after the other.

    call            one after the other, in 8 threads, 32 in flight on one event loop
    burst stream    200 chunks that come together
    paced stream    200 chunks, 1 ms apart, as a model sends them

In each round the baseline and every case run in turn, so that a slow moment of the machine meets
both. Lines of uvloop follow where that is asked for. `bare asyncio` is the floor: the same bytes,
and nothing done with them.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

from .callers import IN_FLIGHT, SETTINGS, asyncs, blockings, boto3s, floors, others
from .rows import Row, Work, cpu_us, row
from .service import Service, running_service

ROUNDS = 9
CALLS, BURSTS, PACED = 128, 16, 2


def measure(*, with_uvloop: bool, with_tls: bool) -> Iterator[Row]:
    os.environ.update(SETTINGS)
    with ExitStack() as stack:
        service = stack.enter_context(running_service(with_tls=with_tls))
        runners = {"async": stack.enter_context(asyncio.Runner())}
        if with_uvloop:
            import uvloop

            factory = uvloop.new_event_loop
            runners["uvloop"] = stack.enter_context(asyncio.Runner(loop_factory=factory))
        base, cases = boto3s(service.burst_url), _cases(service.burst_url, runners)
        paced = _ours(service.paced_url, runners)
        if not with_tls:
            cases |= floors(service.burst_url, runners["async"])
            paced |= floors(service.paced_url, runners["async"])
        for kind, baseline, title, count in (
            ("call", "invoke_model", "call", CALLS),
            ("stream", "converse_stream", "burst stream", BURSTS),
        ):
            works = {
                name.replace(kind, title, 1): work
                for name, work in cases.items()
                if name.startswith(kind) and (kind == "call" or "at once" not in name)
            }
            yield from _section(service, (baseline, base[kind]), works, count)
        works = {
            name.replace("stream", "paced stream", 1): work
            for name, work in paced.items()
            if name.startswith("stream")
        }
        yield from _section(
            service, ("converse_stream", boto3s(service.paced_url)["stream"]), works, PACED
        )


def _ours(url: str, runners: Mapping[str, asyncio.Runner]) -> dict[str, Work]:
    cases = dict(blockings(url))
    for loop, runner in runners.items():
        cases |= asyncs(url, runner, loop)
    return cases


def _cases(url: str, runners: Mapping[str, asyncio.Runner]) -> dict[str, Work]:
    return _ours(url, runners) | dict(others(url, runners["async"]))


def _section(
    service: Service, baseline: tuple[str, Work], cases: Mapping[str, Work], count: int
) -> Iterator[Row]:
    """The cases against one baseline. What is `at once` makes a call or stream for each task."""
    title, base = baseline
    counts = {name: max(count, IN_FLIGHT) if "at once" in name else count for name in cases}
    base(count)
    for name, work in cases.items():
        work(counts[name])  # warm
    theirs: list[float] = []
    ours: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        theirs.append(cpu_us(base, count, service.answered))
        for name, work in cases.items():
            ours[name].append(cpu_us(work, counts[name], service.answered))
    for name in cases:
        yield row("calls and streams", name, title, ours[name], theirs)
