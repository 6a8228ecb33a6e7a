"""A service behind a `MockTransport`, and the `Caller` that calls it, for tests of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from toy import PROMPT

from axonflow_core.calls.call import Caller
from axonflow_core.calls.retries import Retries
from axonflow_core.calls.route import Call, Route
from axonflow_core.calls.settings import CommonSettings
from axonflow_core.calls.surface import Surface
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import AxonFlowError, InvalidCall
from axonflow_core.framing.sse import encode_event
from axonflow_core.http.client import HttpRequest, HttpResponse, Timeouts
from axonflow_core.json import dumps
from axonflow_core.messages import Json
from axonflow_core.testing import MockAnswer, MockTransport, json_answer

ROUTE = Route(
    model="toy",
    called="toy.prompt-1",
    codec=PROMPT,
    facts=ModelFacts(),
    surface=Surface(name="toy", operation="ask", stream_operation="ask-streamed"),
)
CHUNKS: tuple[Json, ...] = (
    {"text": "Hel"},
    {"text": "lo.", "stop_reason": "stop", "input_tokens": 7, "output_tokens": 2},
)
ANSWER = json_answer(
    {"text": "Hello.", "stop_reason": "stop", "input_tokens": 7, "output_tokens": 2},
    headers={"x-request-id": "r-1"},
)


def streamed(*chunks: Json, breaks_off: bool = False) -> MockAnswer:
    """A streamed answer with one chunk a read."""
    return MockAnswer(
        headers={"content-type": "text/event-stream", "x-request-id": "r-1"},
        reads=[encode_event(dumps(chunk).decode()) for chunk in chunks],
        breaks_off=breaks_off,
    )


class Pauses(list[float]):
    """Keeps the pauses that it is asked for, and waits for none."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


class ToyService(Upstream):
    """An upstream whose refusals are `InvalidCall`s. `mends` is how often `recover` succeeds."""

    def __init__(self, retries: Retries, mends: int = 0) -> None:
        self._terms = Terms(region="here", retries=retries)
        self._mends = mends
        self.asked_to_recover: list[AxonFlowError] = []

    async def terms(self) -> Terms:
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        url = f"https://toy.example/{call.operation}"
        return HttpRequest("POST", url, call.headers, call.body, call.timeouts)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        return InvalidCall(f"refused with {len(body)} bytes", status=status)

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        self.asked_to_recover.append(error)
        self._mends -= 1
        return self._mends >= 0


class Delayed(MockTransport):
    """A network whose answers take as many seconds as `delays` says, one after the other."""

    delays: tuple[float, ...] = ()

    async def send(self, request: HttpRequest) -> HttpResponse:
        delay_s = self.delays[len(self.requests)]
        await asyncio.sleep(delay_s)
        return await super().send(request)


def scripted(
    answers: Iterable[MockAnswer | Exception],
    *,
    attempts: int = 3,
    pauses: Pauses | None = None,
    jitter: float = 1.0,
    total_s: float = 60.0,
    mends: int = 0,
    client: type[MockTransport] = MockTransport,
) -> tuple[Caller, MockTransport, ToyService]:
    """A caller whose service gives `answers`, one an attempt."""
    script = iter(answers)
    network = client(lambda request: next(script))
    pause = Pauses() if pauses is None else pauses
    upstream = ToyService(Retries(max_attempts=attempts, pause=pause, draw=lambda: jitter), mends)
    settings = CommonSettings(model="toy", timeouts=Timeouts(total_s=total_s))
    return Caller("acme", network, settings, upstream), network, upstream
