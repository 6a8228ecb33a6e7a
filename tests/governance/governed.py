"""A governed call for tests: a provider that says what it is told to, and an audit in a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import field

from axonflow_core.audit.record import Entry
from axonflow_core.config.values import PoliciesConfig
from axonflow_core.errors import AuditError
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.messages import Completion, CompletionRequest, Receipt, StopReason, Text, Usage
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Rule
from axonflow_core.policy.terms import CATEGORIES
from axonflow_core.provider import CompletionStream, Price
from axonflow_core.routing.router import Router
from axonflow_core.stream import Batch, Ended, Started, Stopped, TextDelta, UsageUpdate

CALLER = Caller(client="acme-app", tenant="acme")
RECEIPT = Receipt(provider="fake", family="fake", surface="invoke", model="m-1", called="m-1")
USAGE = Usage(input_tokens=1_000, output_tokens=500)
SSN = "123-45-6789"
CARD = "4111 1111 1111 1111"
WORD = "Project Aurora"


def policy_of(action: Action = Action.BLOCK, **actions: Action) -> Policy:
    """A policy that does `action` to Project Aurora, and to personal data where nothing else is
    named."""
    rule = Rule(name="aurora", action=action, pattern=r"(?i)project\s+aurora")
    return Policy.build(PoliciesConfig(rules=(rule,), actions={"pii": action, **actions}))


def quiet_policy() -> Policy:
    """A policy that stops and replaces nothing."""
    actions = dict.fromkeys(CATEGORIES, Action.LOG)
    return Policy.build(PoliciesConfig(actions=actions))


def answer_of(text: str = "Blue.", **changes: Any) -> Completion:
    given: dict[str, Any] = {
        "content": (Text(text),),
        "stop_reason": StopReason.END_TURN,
        "usage": USAGE,
        "receipt": RECEIPT,
    }
    return Completion(**{**given, **changes})


class FakeStream(CompletionStream):
    """Gives the batches of each read, then an error where there is one."""

    def __init__(self, reads: Iterable[tuple[Batch, ...]], error: Exception | None = None) -> None:
        self.receipt = RECEIPT
        self.left = list(reads)
        self.error = error
        self.is_closed = False
        self.natives: list[bytes] = []

    async def read(self) -> tuple[Batch, ...]:
        if self.left:
            self.native = self.natives.pop(0) if self.natives else None
            return self.left.pop(0)
        if self.error is not None:
            raise self.error
        return ()

    async def aclose(self) -> None:
        self.is_closed = True


class FakeProvider:
    """Answers with what it is given, and remembers what it was asked."""

    default_model = "m-1"

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[CompletionRequest] = []

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        self.asked.append(request)
        return await self._given()

    async def stream(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Any:
        self.asked.append(request)
        return await self._given()

    async def _given(self) -> Any:
        answer = self.answer() if callable(self.answer) else self.answer
        if hasattr(answer, "__await__"):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def price(self, receipt: Receipt) -> Price:
        return Price(input=3.0, output=15.0)

    async def health(self) -> Any:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


class FakeAudit:
    """Keeps the entries in a list, or fails."""

    def __init__(self, *, fails: Sequence[int] = ()) -> None:
        self.entries: list[Entry] = []
        self.fails = list(fails)
        self.attempts = 0

    async def append(self, entry: Entry) -> None:
        self.attempts += 1
        if self.attempts in self.fails:
            raise AuditError("the disk is full")
        self.entries.append(entry)

    async def pseudonym(self, tenant: str, user: str) -> str:
        return "u_1"


@frozen(kw_only=True)
class Governed:
    """Everything that takes part in a call."""

    provider: FakeProvider = field(factory=FakeProvider)
    policy: Policy = field(factory=policy_of)
    audit: FakeAudit = field(factory=FakeAudit)

    @property
    def governance(self) -> Governance:
        audit: Any = self.audit
        policies = Policies(self.policy)
        return Governance(policies, Router({"fake": self.provider}), audit)

    async def complete(self, request: Any = "Why is the sky blue?", **facts: Any) -> Outcome:
        return await self.governance.complete(call_of(request, **facts))

    async def stream(self, request: Any = "Why is the sky blue?", **facts: Any) -> GovernedStream:
        stream = await self.governance.stream(call_of(request, **facts))
        assert isinstance(stream, GovernedStream)
        return stream

    @property
    def last(self) -> Entry:
        return self.audit.entries[-1]


def call_of(request: Any = "Why is the sky blue?", **facts: Any) -> GovernedCall:
    if not isinstance(request, CompletionRequest):
        request = CompletionRequest(request)
    given: dict[str, Any] = {"caller": CALLER, "mode": "proxy", "user": "ann"}
    return GovernedCall(request=request, **{**given, **facts})


def streamed(reads: Iterable[tuple[Batch, ...]], error: Exception | None = None) -> Governed:
    """A call whose provider streams these reads."""
    return Governed(provider=FakeProvider(FakeStream(reads, error)))


def reads_of_text(*pieces: str) -> list[tuple[Batch, ...]]:
    """A read for each piece of text, between the start and the end of an answer."""
    end: Batch = (UsageUpdate(USAGE), Stopped(StopReason.END_TURN), Ended())
    return [((Started("id-1", "m"),),), *(((TextDelta(piece),),) for piece in pieces), (end,)]


async def all_of(stream: CompletionStream) -> list[Batch]:
    """The batches of a stream, read to its end."""
    batches: list[Batch] = []
    while read := await stream.read():
        batches += read
    return batches
