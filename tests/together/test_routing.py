"""Routing over real connections: Bedrock's emulator dies, and calls go on elsewhere; what a record
says of it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.errors import AxonFlowError
from axonflow_core.http.local_server import Server
from axonflow_core.messages import Choice, CompletionRequest, Image, Tool, user
from axonflow_core.runtime import Runtime

NOVA = "us.amazon.nova-lite-v1:0"
TITAN = "amazon.titan-text-express-v1"
UNDER_WAY, ANSWERED = 150, 50
"""Calls that are under way at once before the first of them is answered, so that each has a
connection of its own (one that served another call before is taken to have ended at rest), and how
many of them are answered before the server dies."""
HI = CompletionRequest((user("hi"),))
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
    b"\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\5\0\1\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82"
)
FILE = """\
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    priority: 9
    config: {{region: us-east-1, model: "{model}"}}
  echo:
    enabled: true
models:
  fast:
    - {{provider: bedrock, model: "{model}"}}
    - {{provider: echo, model: parrot}}
routing: {{strategy: failover{more}}}
"""


class Dying:
    """An app that answers until it is not `is_well`: then it waits for UNDER_WAY calls, answers the
    first ANSWERED of them, sets `death`, and answers no other."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.count = 0
        self.is_well = True
        self.death = threading.Event()
        self._is_full = asyncio.Event()
        self._unanswered = ANSWERED

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.count += 1
        if self.is_well:
            await self._app(scope, receive, send)
        elif self.count > ANSWERED:
            if self.count == UNDER_WAY:
                self._is_full.set()
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await self._is_full.wait()
            await self._app(scope, receive, send)
            self._unanswered -= 1
            if not self._unanswered:
                self.death.set()


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Dying, Server]]:
    """Bedrock's emulator, served, and the environment that points there."""
    emulator = emulator_of("bedrock")
    dying = Dying(emulator.app)
    server = Server(dying)
    server.__enter__()
    for name, value in emulator.environment(server.base_url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # what fails is not asked again of the same target
    yield dying, server
    server.__exit__()


def opened(folder: Path, *, model: str = NOVA, more: str = "") -> Runtime:
    path = folder / "axonflow.yaml"
    path.write_text(FILE.format(model=model, more=more))
    return Runtime.open(path)


async def under_load(
    runtime: Runtime, app: Dying, server: Server, *, calls: int = 1_000
) -> Counter[str]:
    """What became of so many calls, 200 at once, while the server dies under them."""
    app.is_well = False
    left, outcomes = iter(range(calls)), Counter[str]()

    async def client() -> None:
        for _ in left:
            try:
                answer = await runtime.complete(HI, model="fast")
            except AxonFlowError as error:
                outcomes[f"{error.code}, may be billed: {error.may_be_billed}"] += 1
            else:
                assert answer.receipt is not None
                assert answer.receipt.choice is not None
                outcomes[answer.receipt.provider] += 1
                outcomes["twice"] += answer.receipt.choice.is_possibly_billed_twice

    async def death() -> None:
        await asyncio.to_thread(app.death.wait)
        await asyncio.to_thread(server.__exit__)

    await asyncio.gather(death(), *(client() for _ in range(200)))
    return +outcomes


@pytest.mark.thorough
async def test_a_provider_that_dies_under_200_calls_at_once_fails_none_of_them(
    app: tuple[Dying, Server], tmp_path: Path
) -> None:
    async with opened(tmp_path, more=", failover_on_silence: true") as runtime:
        outcomes = await under_load(runtime, *app)
    assert outcomes.keys() <= {"bedrock", "echo", "twice"}
    assert outcomes["echo"] == 1_000 - ANSWERED
    assert outcomes["bedrock"] == ANSWERED


@pytest.mark.thorough
async def test_unless_the_operator_wants_it_only_calls_under_way_fail_and_say_why(
    app: tuple[Dying, Server], tmp_path: Path
) -> None:
    """The control: where a call may be billed twice, there is no fail-over."""
    async with opened(tmp_path) as runtime:
        outcomes = await under_load(runtime, *app)
    silent = outcomes.pop("unavailable, may be billed: True")
    assert UNDER_WAY - ANSWERED <= silent <= 200
    assert outcomes == {"bedrock": ANSWERED, "echo": 1_000 - ANSWERED - silent}


async def test_whoever_cannot_take_a_request_sends_it_on_before_anything_is_spent(
    app: tuple[Dying, Server], tmp_path: Path
) -> None:
    tool = Tool("look_up", "Looks a word up.", {"type": "object"})
    picture = user((Image(PIXEL), "What is this?"))
    async with opened(tmp_path, model=TITAN) as runtime:
        by_tool = await runtime.complete(
            CompletionRequest((user("hi"),), tools=(tool,)), model="fast"
        )
        by_picture = await runtime.complete(CompletionRequest((picture,)), model="fast")
        plain = await runtime.complete(HI, model="fast")
    receipts = [each.receipt for each in (by_tool, by_picture, plain)]
    assert [receipt and receipt.provider for receipt in receipts] == ["echo", "echo", "bedrock"]
    assert receipts[0] is not None
    (failed,) = receipts[0].failed_attempts
    assert (failed.provider, failed.model, failed.code) == ("bedrock", TITAN, "unsupported")
    assert app[0].count == 1


async def test_a_call_keeps_to_its_regions_and_its_receipt_names_them(
    app: tuple[Dying, Server], tmp_path: Path
) -> None:
    async with opened(tmp_path, model=TITAN, more=", regions: [us-east-1]") as runtime:
        inside = (await runtime.complete(HI, model="fast")).receipt
    async with opened(tmp_path, model=NOVA, more=", regions: [us-east-1]") as runtime:
        outside = (await runtime.complete(HI, model="fast")).receipt
    assert inside is not None
    assert (inside.provider, inside.region) == ("bedrock", "us-east-1")
    assert inside.choice == Choice(by="priority", regions=("us-east-1",))
    assert outside is not None
    assert outside.provider == "echo"  # which leaves this process for nowhere
    assert outside.choice is not None
    (skipped,) = outside.choice.skipped
    assert skipped.reason == "it may be processed in us-*"
    assert app[0].count == 1


async def test_the_ids_of_bedrock_find_it_and_others_do_not(
    app: tuple[Dying, Server], tmp_path: Path
) -> None:
    async with opened(tmp_path) as runtime:
        for model, provider in ((TITAN, "bedrock"), ("parrot", "echo"), ("gpt-4o", "echo")):
            receipt = (await runtime.complete(HI, model=model)).receipt
            assert receipt is not None
            assert (receipt.provider, receipt.model) == (provider, model)
