"""Answers broken at random: no exception but `BadResponse`, the same reading however they arrive,
and h11 reads what we accept as we do.

The profile of Hypothesis sets how many: quick 4,000, thorough 20,000, search a million, which are
others in each run.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter

import pytest
from hypothesis import settings
from on_time import until

from axonflow_core.errors import AxonFlowError
from axonflow_core.http.client import Transport
from axonflow_core.http.response_parser import Rule

from .mutations import mutated, random_pieces
from .peers import Peer, open_sockets, serving, settle
from .readers import Reading, h11s, ours, stdlibs
from .responses import rows
from .test_response_parser import STRICTER, meaning

EXECUTIONS = {15: 4_000, 20: 20_000, 500: 1_000_000}
"""Examples of the profile -> executions."""
COMPARED = 10
"""Each how many-th execution other readers read too: they take twenty times as long."""
SEEDS = [data for name, data, _ in rows() if len(data) < 2000 and "characters:" not in name]


def chosen_seed() -> int:
    """The same in every run, but in a search."""
    is_search = settings.default.max_examples >= 500
    return random.SystemRandom().randrange(2**32) if is_search else 20261128


@pytest.fixture(scope="module")
def executions() -> int:
    named = os.environ.get("AXONFLOW_FUZZ_EXECUTIONS")
    return int(named) if named else EXECUTIONS.get(settings.default.max_examples, 4_000)


BLANK_LINES = re.compile(rb"\r\n\r\n[\r\n]+HTTP/")
"""Empty lines between an interim answer and the next: our only leniency, which llhttp has for every
start line (RFC 9112, section 2.2)."""


def is_sound(data: bytes, reading: Reading, other: Reading) -> bool:
    if reading.is_whole and meaning(reading) != meaning(other):
        other = h11s(BLANK_LINES.sub(b"\r\n\r\nHTTP/", data))
    if reading.is_whole:
        return meaning(reading) == meaning(other)
    return not other.is_whole or reading.rule in STRICTER


def test_no_answer_breaks_the_parser_and_none_is_read_in_two_ways(executions: int) -> None:
    seed = chosen_seed()
    chance, rules, alone = random.Random(seed), Counter[Rule | str](), Counter[Rule | None]()
    for number in range(executions):
        data = mutated(chance, SEEDS)
        reading = ours([data] if data else [])
        assert ours(random_pieces(chance, data)) == reading, (seed, data)
        rules[reading.rule or ("whole" if reading.is_whole else "cut")] += 1
        if number % COMPARED == 0:
            other = h11s(data)
            assert is_sound(data, reading, other), (seed, data)
            if not reading.is_whole and (other.is_whole or stdlibs(data).is_whole):
                alone[reading.rule] += 1
    print(f"seed {seed}, {executions} answers:", dict(rules.most_common()))  # noqa: T201
    print("refused by us alone:", dict(alone.most_common()))  # noqa: T201
    assert rules["whole"] > executions / 50
    assert set(rules) >= {Rule.CHUNK, Rule.HEAD_SYNTAX, Rule.LENGTH_AND_CODING, Rule.AFTER_END}


async def test_no_answer_over_a_socket_brings_another_error_or_leaves_anything(
    executions: int,
) -> None:
    seed = chosen_seed()
    chance, outcomes, sockets = random.Random(seed), Counter[str](), open_sockets()
    transport = Transport(max_connections=4)

    async def answer(peer: Peer, writer: asyncio.StreamWriter, number: int) -> None:
        for piece in random_pieces(chance, mutated(chance, SEEDS)):
            writer.write(piece)
            await asyncio.sleep(0)
        if chance.random() < 0.7:
            writer.close()

    async with serving(answer) as peer:
        for _ in range(executions // 20):
            request = peer.request(first_byte_s=0.02, idle_s=0.02)
            try:
                if chance.random() < 0.5:
                    await transport.send(request)
                else:
                    async with await transport.open_stream(request) as stream:
                        await stream.read_all()
                outcomes["whole"] += 1
            except AxonFlowError as error:
                outcomes[type(error).__name__] += 1
        assert transport._client._pool is not None
        assert transport._client._pool._places_taken == len(transport._client._pool._resting)
        await transport.aclose()
    await until(lambda: open_sockets() <= sockets)
    await settle()
    assert len(asyncio.all_tasks()) == 1
    print(f"seed {seed}:", dict(outcomes))  # noqa: T201
    assert len(outcomes) == 4
