"""Workers that spend: ledgers over real stores of one database, governed calls of a provider whose
every call costs the same, and what database and records say afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from attrs import define, field
from sqlalchemy import select

from axonflow_core.audit.databases.sqlite import SQLiteDatabase
from axonflow_core.audit.schema import RECORDS
from axonflow_core.audit.store import AuditStore
from axonflow_core.budgets import book
from axonflow_core.budgets.book import SPENDING, Spent
from axonflow_core.budgets.ledger import Ledger
from axonflow_core.budgets.terms import OnExceed, Period, Scope
from axonflow_core.config.values import (
    BudgetConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ServerConfig,
)
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.keys import Keys
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    Inference,
    Receipt,
    StopReason,
    Text,
    Usage,
)
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action
from axonflow_core.policy.terms import CATEGORIES
from axonflow_core.provider import Price
from axonflow_core.routing.router import Router

KEYS = Keys(server=(b"s" * 32,), signing=b"i" * 32, master=b"m" * 32)
POLICIES = Policies.build(PoliciesConfig(actions=dict.fromkeys(CATEGORIES, Action.LOG)))
RECEIPT = Receipt(provider="fake", family="fake", surface="invoke", model="m-1", called="m-1")
CALLER = Caller(client="shop", tenant="acme")
MAX_TOKENS = 1_000
CENT = 10_000_000
"""A cent, in nano-dollars: what a call of `Costly` costs."""
PRICE = Price(input=0.0, output=20.0)
"""500 tokens that come out are a cent, and the 1,000 that may come two."""
JANUARY_US = 1_768_478_400_000_000
"""2026-01-15T12:00:00Z."""
DAY_US = 86_400_000_000


class Clock:
    """A time that is set."""

    def __init__(self, at_us: int = JANUARY_US) -> None:
        self.at_us = at_us

    def __call__(self) -> int:
        return self.at_us


class Costly:
    """A provider whose every answer has 500 tokens."""

    default_model = "m-1"

    def __init__(self, price: Price | None = PRICE, gate: asyncio.Event | None = None) -> None:
        self._price = price
        self.gate = gate
        """Calls wait for it."""
        self.calls = 0
        self.has_begun = asyncio.Event()
        self.error: Exception | None = None
        self.usage = Usage(input_tokens=100, output_tokens=500)
        self.streams: list[Any] = []

    async def complete(self, request: CompletionRequest, **_: Any) -> Completion:
        self.calls += 1
        self.has_begun.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Completion(
            content=(Text("Blue."),),
            stop_reason=StopReason.END_TURN,
            usage=self.usage,
            receipt=RECEIPT,
        )

    async def stream(self, request: CompletionRequest, **_: Any) -> Any:
        self.calls += 1
        return self.streams.pop(0)

    def price(self, receipt: Receipt) -> Price | None:
        return self._price

    async def health(self) -> Any:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Nothing is open."""


@define
class Worker:
    """A worker: a store with a chain of its own, a ledger, and governance."""

    audit: AuditStore
    ledger: Ledger
    provider: Costly
    clock: Clock
    governance: Governance = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._govern()

    def use(self, ledger: Ledger, config: Config) -> None:
        """Spend by another ledger."""
        ledger.serves(config)
        self.ledger = ledger
        self._govern()

    def _govern(self) -> None:
        providers: Any = {"fake": self.provider}
        self.governance = Governance(POLICIES, Router(providers), self.audit, ledger=self.ledger)

    async def call(self, **changes: Any) -> Outcome:
        return await self.governance.complete(governed_call(**changes))

    async def stream(self, **changes: Any) -> GovernedStream | Outcome:
        return await self.governance.stream(governed_call(**changes))

    async def calls(self, count: int, **changes: Any) -> int:
        """How many of so many calls, one after another, were admitted."""
        outcomes = [await self.call(**changes) for _ in range(count)]
        return sum(outcome.refusal is None for outcome in outcomes)

    async def spent(self, account: str = "acme/b", at_us: int | None = None) -> Spent:
        """What an account has, in the newest span that it has anything in."""

        def look(connection: Any) -> Spent:
            starts = select(SPENDING.c.starts_us).where(SPENDING.c.account == account)
            found = connection.execute(starts.order_by(SPENDING.c.starts_us.desc())).scalars()
            newest = found.first()
            if newest is None:
                return Spent()
            return book.spent(connection, account, newest, at_us or self.clock())

        return await self.audit.read(look)


def governed_call(
    caller: Caller = CALLER, max_tokens: int | None = MAX_TOKENS, **changes: Any
) -> GovernedCall:
    request = CompletionRequest("Why?", inference=Inference(max_tokens=max_tokens))
    return GovernedCall(caller=caller, request=request, mode="proxy", **changes)


def budget(**changes: Any) -> BudgetConfig:
    """A dollar a month for the tenant acme."""
    given: dict[str, Any] = {
        "scope": Scope.ORGANIZATION,
        "of": "acme",
        "limit_usd": 1.0,
        "period": Period.MONTHLY,
        "on_exceed": OnExceed.BLOCK,
    }
    return BudgetConfig(**{**given, **changes})


def config_of(limits: Any = None, **budgets: BudgetConfig) -> Config:
    client = ClientConfig("shop", tenant="acme", **({} if limits is None else {"limits": limits}))
    return Config(server=ServerConfig(clients={"shop": client}), budgets=budgets)


@asynccontextmanager
async def working(
    database: Path,
    config: Config,
    *,
    count: int = 1,
    clock: Clock | None = None,
    provider: Costly | None = None,
) -> AsyncIterator[list[Worker]]:
    """Workers over one database."""
    clock = clock or Clock()
    async with AsyncExitStack() as stack:
        workers = []
        for _ in range(count):
            audit = await AuditStore.open(
                f"sqlite:///{database}", KEYS, tables=book.TABLES, on_write=book.settle
            )
            stack.push_async_callback(audit.aclose)
            ledger = Ledger(audit, clock)
            stack.push_async_callback(ledger.aclose)
            ledger.serves(config)
            await ledger.follow()
            workers.append(Worker(audit, ledger, provider or Costly(), clock))
        yield workers


def facts_of(database: Path) -> list[dict[str, Any]]:
    """The facts of all records, in the order of their commits."""
    with SQLiteDatabase(database).reading() as connection:
        bodies = connection.execute(select(RECORDS.c.body).order_by(RECORDS.c.row)).scalars()
        return [orjson.loads(body)["facts"] for body in bodies]


def counters(database: Path) -> Mapping[tuple[str, int], int]:
    """Account and start of the span -> what is settled, of those that have anything."""
    found: dict[tuple[str, int], int] = {}
    with SQLiteDatabase(database).reading() as connection:
        for row in connection.execute(select(SPENDING)).mappings():
            key = row["account"], row["starts_us"]
            found[key] = found.get(key, 0) + row["settled"]
    return {key: settled for key, settled in found.items() if not key[0].startswith("limit/")}


def sums(database: Path) -> Mapping[tuple[str, int], int]:
    """The same, as the records have it."""
    return book.sums_of(facts_of(database))


def same(database: Path) -> bool:
    """Whether the counters are the sums of the records."""
    counted = {key: amount for key, amount in counters(database).items() if amount}
    return counted == {key: amount for key, amount in sums(database).items() if amount}
