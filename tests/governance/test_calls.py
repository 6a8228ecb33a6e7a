"""A governed call: the order of things, and one record whatever happens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from axonflow_core import errors
from axonflow_core.audit.record import Kind
from axonflow_core.errors import AuditError, AxonFlowError, ProviderError, RequestError, Throttled
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.messages import (
    Adjustment,
    CompletionRequest,
    Reasoning,
    StopReason,
    Text,
    Tool,
    ToolUse,
    Usage,
    assistant,
    user,
)
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Decision, Phase, Verdict
from axonflow_core.routing.router import Router
from governance.governed import (
    SSN,
    FakeAudit,
    FakeProvider,
    Governed,
    answer_of,
    call_of,
    policy_of,
    quiet_policy,
)


class Noting(Policy):
    """Notes what it is asked in a list that others write to as well."""

    notes: list[str]

    def evaluate(self, phase: Phase, parts: Mapping[str, str], *more: Any) -> Decision:
        self.notes.append(f"evaluate {phase}")
        return super().evaluate(phase, parts, *more)


async def test_a_call_is_checked_made_checked_and_recorded_in_this_order() -> None:
    notes: list[str] = []

    class Audit(FakeAudit):
        async def append(self, entry: Any) -> None:
            notes.append("record")

    def answer() -> Any:
        notes.append("call")
        return answer_of()

    policy = Noting(policy_of().rules)
    policy.notes = notes
    await Governed(provider=FakeProvider(answer), audit=Audit(), policy=policy).complete()
    assert notes == ["evaluate request", "call", "evaluate answer", "record"]


async def test_an_allowed_call_gives_the_answer_that_came_and_one_record() -> None:
    answer = answer_of()
    governed = Governed(provider=FakeProvider(answer))
    outcome = await governed.complete()
    assert outcome.completion is answer
    assert (outcome.verdict, outcome.provider, outcome.model) == (Verdict.ALLOWED, "fake", "m-1")
    (entry,) = governed.audit.entries
    assert (entry.id, entry.kind, entry.verdict) == (outcome.id, Kind.CALL, Verdict.ALLOWED)
    assert (entry.tenant, entry.client, entry.user) == ("acme", "acme-app", "u_1")
    assert entry.facts["tokens"] == {"input": 1_000, "output": 500}
    assert entry.facts["cost_usd"] == outcome.cost_usd == pytest.approx(0.0105)


async def test_a_blocked_request_is_not_sent() -> None:
    governed = Governed(provider=FakeProvider(answer_of()))
    outcome = await governed.complete(f"my ssn is {SSN}")
    assert governed.provider.asked == []
    assert outcome.stopping is not None
    assert outcome.completion is None
    (entry,) = governed.audit.entries
    assert (entry.verdict, entry.rules) == (Verdict.BLOCKED, ("us_ssn",))
    assert entry.facts["decisions"][0]["findings"][0]["part"] == "messages.0"


async def test_a_blocked_answer_has_its_tokens_and_its_cost_on_record() -> None:
    governed = Governed(provider=FakeProvider(answer_of(f"it is {SSN}")))
    outcome = await governed.complete()
    assert outcome.completion is None
    assert outcome.stopping is not None
    assert governed.last.verdict is Verdict.BLOCKED
    assert governed.last.facts["tokens"] == {"input": 1_000, "output": 500}
    assert governed.last.facts["cost_usd"] == pytest.approx(0.0105)


async def test_what_is_redacted_is_replaced_on_both_ways_in_tool_arguments_too() -> None:
    call = ToolUse("t-1", "look_up", {"note": f"ssn {SSN}", f"ssn {SSN}": [1]})
    answer = answer_of(content=(Text(f"ssn {SSN}"), Reasoning(f"ssn {SSN}"), call))
    governed = Governed(provider=FakeProvider(answer), policy=policy_of(Action.REDACT))
    outcome = await governed.complete(
        CompletionRequest([user(f"ssn {SSN}"), assistant([call]), user("go on")])
    )
    (sent,) = governed.provider.asked
    assert outcome.completion is not None
    for value in (sent, outcome.completion):
        assert SSN not in repr_of(value)
        assert repr_of(value).count("[REDACTED:us_ssn]") >= 3
    assert governed.last.verdict is Verdict.REDACTED


def repr_of(value: Any) -> str:
    from axonflow_core.json import to_json

    return str(to_json(value))


async def test_members_that_may_repeat_a_replaced_text_leave_with_it() -> None:
    extra = {"logprobs": [{"token": "123-"}]}
    answer = answer_of(f"it is {SSN}", extra=extra)
    governed = Governed(provider=FakeProvider(answer), policy=policy_of(Action.REDACT))
    outcome = await governed.complete()
    assert outcome.completion is not None
    assert outcome.completion.extra == {}


async def test_text_blocks_next_to_each_other_are_searched_as_one() -> None:
    content = (Text("it is 123-4"), Text("5-6789, yes"), Text(f" and {SSN}"))
    governed = Governed(
        provider=FakeProvider(answer_of(content=content)), policy=policy_of(Action.REDACT)
    )
    outcome = await governed.complete()
    assert outcome.completion is not None
    assert outcome.completion.text == "it is [REDACTED:us_ssn], yes and [REDACTED:us_ssn]"
    assert SSN not in "".join(governed.last.texts.values())


async def test_a_called_tool_is_known_by_its_name() -> None:
    from axonflow_core.policy.rules import Rule

    policy = Policy((Rule(name="r", action=Action.BLOCK, text="drop_everything"),))
    call = ToolUse("t-1", "drop_everything", {})
    outcome = await Governed(
        provider=FakeProvider(answer_of(content=(call,))), policy=policy
    ).complete()
    assert outcome.stopping is not None


# ── what fails ────────────────────────────────────────────────────────────────────────────────────


def every_error() -> list[type[AxonFlowError]]:
    found = [each for each in vars(errors).values() if isinstance(each, type)]
    special = {errors.EncodeError, errors.AuditError}
    return [each for each in found if issubclass(each, AxonFlowError) and each not in special]


@pytest.mark.parametrize("error", every_error(), ids=lambda error: error.code)
async def test_a_call_that_fails_is_an_outcome_and_one_record(error: type[AxonFlowError]) -> None:
    governed = Governed(provider=FakeProvider(error("it failed")))
    outcome = await governed.complete()
    assert isinstance(outcome.error, error)
    (entry,) = governed.audit.entries
    assert entry.verdict is outcome.verdict is Verdict.ERROR
    assert entry.facts["error"]["code"] == error.code


async def test_the_record_of_a_failure_has_codes_and_no_words() -> None:
    failure = Throttled(f"about {SSN}", status=429, native_code=f"Slow down {SSN}")
    governed = Governed(provider=FakeProvider(failure))
    await governed.complete()
    assert governed.last.facts["error"] == {
        "code": "throttled",
        "status": 429,
        "native_code": "other",
    }


async def test_a_fault_of_this_server_is_raised_and_on_record() -> None:
    governed = Governed(provider=FakeProvider(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        await governed.complete()
    assert governed.last.facts["error"] == {"code": "internal"}


async def test_an_audit_that_cannot_write_withholds_the_answer() -> None:
    governed = Governed(provider=FakeProvider(answer_of()), audit=FakeAudit(fails=[1]))
    with pytest.raises(AuditError):
        await governed.complete()


@pytest.mark.parametrize("turns", range(1, 7))
async def test_a_caller_that_is_cancelled_anywhere_is_on_record_once(turns: int) -> None:
    class Audit(FakeAudit):
        async def append(self, entry: Any) -> None:
            await super().append(entry)
            await asyncio.sleep(0)

        async def pseudonym(self, tenant: str, user: str) -> str:
            await asyncio.sleep(0)
            return "u_1"

    async def answer() -> Any:
        await asyncio.sleep(0)
        return answer_of()

    governed = Governed(provider=FakeProvider(answer), audit=Audit())
    task = asyncio.create_task(governed.complete())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(governed.audit.entries) == 1


async def test_a_policy_that_fails_means_no_call_and_no_texts_on_record() -> None:
    broken = policy_of()
    broken._all_hits = lambda phase, parts, modes: 1 / 0  # type: ignore[assignment, method-assign]
    governed = Governed(provider=FakeProvider(answer_of()), policy=broken)
    outcome = await governed.complete()
    assert governed.provider.asked == []
    assert outcome.verdict is governed.last.verdict is Verdict.ERROR
    assert governed.last.texts == {}


async def test_long_texts_are_searched_beside_the_event_loop() -> None:
    threads: list[int] = []

    class Where(Policy):
        def evaluate(self, phase: Phase, parts: Mapping[str, str], *more: Any) -> Decision:
            threads.append(threading.get_ident())
            return super().evaluate(phase, parts, *more)

    governed = Governed(provider=FakeProvider(answer_of()), policy=Where(()))
    await governed.complete("word " * 20_000)
    assert threads[0] != threading.get_ident()
    assert threads[1] == threading.get_ident()


# ── what a caller may use ─────────────────────────────────────────────────────────────────────────


async def asked_as(caller: Caller, **facts: Any) -> Any:
    governed = Governed(provider=FakeProvider(answer_of()))
    providers: Any = {"fake": governed.provider, "other": FakeProvider(answer_of("other"))}
    governance = governed.governance
    governance.router = Router(providers)
    return await governance.complete(call_of(**{"caller": caller, **facts}))


@pytest.mark.parametrize(
    ("models", "model", "may"),
    [
        (("*",), "any", True),
        (("m-1",), "m-1", True),
        (("m-1",), "m-12", False),
        (("us.anthropic.*",), "us.anthropic.claude", True),
        (("us.anthropic.*",), "eu.anthropic.claude", False),
        ((), "m-1", False),
    ],
)
async def test_a_caller_uses_the_models_that_its_patterns_name(
    models: tuple[str, ...], model: str, *, may: bool
) -> None:
    outcome = await asked_as(Caller(client="c", tenant="t", models=models), model=model)
    assert (outcome.error is None) is may


async def test_a_provider_that_the_caller_may_not_use_is_refused_with_those_that_it_may() -> None:
    caller = Caller(client="c", tenant="t", providers=("other",))
    refused = await asked_as(caller, provider="fake")
    unknown = await asked_as(caller, provider="nobody")
    for outcome in (refused, unknown):
        assert isinstance(outcome.error, RequestError)
        assert outcome.error.hint == "name one of these: other"
    assert (await asked_as(caller)).provider == "other"


async def test_a_call_that_is_only_checked_reaches_no_provider() -> None:
    governed = Governed(provider=FakeProvider(answer_of()))
    outcome = await governed.complete(is_made=False)
    assert (outcome.completion, outcome.verdict) == (None, Verdict.ALLOWED)
    assert governed.provider.asked == []
    assert len(governed.audit.entries) == 1


async def test_a_cost_that_nobody_knows_is_null() -> None:
    answer = answer_of(usage=Usage(input_tokens=3))
    governed = Governed(provider=FakeProvider(answer))
    await governed.complete()
    assert governed.last.facts["cost_usd"] is None
    assert governed.last.facts["tokens"] == {"input": 3}


async def test_adjustments_are_counted_by_what_they_are_about() -> None:
    adjustments = (
        Adjustment("temperature", "not sent", "it takes none"),
        Adjustment("temperature", "not sent", "it takes none"),
        Adjustment("a key of the client's", "not sent", "nobody knows it"),
    )
    governed = Governed(provider=FakeProvider(answer_of(adjustments=adjustments)))
    await governed.complete()
    assert governed.last.facts["adjustments"] == {"temperature": 2, "other": 1}


# ── drawn calls ───────────────────────────────────────────────────────────────────────────────────


class Calls(RuleBasedStateMachine):
    """Any calls with any ends: there are as many records as calls."""

    def __init__(self) -> None:
        super().__init__()
        self.governed = Governed(policy=policy_of(Action.REDACT, sqli=Action.BLOCK))
        self.calls = 0

    @rule(
        query=st.sampled_from(["sky", f"ssn {SSN}", "'; DROP TABLE users;"]),
        answer=st.sampled_from(
            [
                answer_of(),
                answer_of(f"ssn {SSN}"),
                answer_of("x'; DROP TABLE users;"),
                Throttled("slow"),
                ProviderError("no"),
                ZeroDivisionError("a bug"),
                asyncio.CancelledError(),
            ]
        ),
        model=st.sampled_from([None, "m-2"]),
        is_made=st.booleans(),
    )
    def call(self, query: str, answer: Any, model: str | None, *, is_made: bool) -> None:
        self.governed.provider.answer = answer
        self.calls += 1

        async def ask() -> None:
            with suppress(ZeroDivisionError, asyncio.CancelledError):
                await self.governed.complete(query, model=model, is_made=is_made)

        asyncio.run(ask())

    @invariant()
    def there_is_a_record_of_every_call(self) -> None:
        assert len(self.governed.audit.entries) == self.calls


TestCalls = Calls.TestCase


async def test_a_policy_that_looks_for_nothing_in_answers_lets_them_pass_unread() -> None:
    answer = answer_of(f"ssn {SSN}", stop_reason=StopReason.END_TURN)
    governed = Governed(provider=FakeProvider(answer), policy=quiet_policy())
    outcome = await governed.complete(CompletionRequest("hi", tools=(Tool("t", "d", {}),)))
    assert outcome.completion is answer
    assert evolve(governed.last, texts={}).texts == {}


@pytest.mark.parametrize(
    ("request_", "is_on_loop"),
    [
        ("word " * 400, True),
        ("word " * 500, False),
        ("wörd " * 200, True),
        ("wörd " * 300, False),
        (CompletionRequest([user([Text("word")] * 100)]), True),
        (CompletionRequest([user([Text("word")] * 300)]), False),
        (CompletionRequest("hi", metadata={str(number): "word" for number in range(200)}), False),
    ],
    ids=["short", "long", "short of other letters", "long", "few", "many", "many in JSON"],
)
async def test_the_event_loop_searches_what_takes_less_than_10_ms(
    request_: Any, *, is_on_loop: bool
) -> None:
    threads: list[int] = []

    class Where(Policy):
        def evaluate(self, phase: Phase, parts: Mapping[str, str], *more: Any) -> Decision:
            threads.append(threading.get_ident())
            return super().evaluate(phase, parts, *more)

    await Governed(provider=FakeProvider(answer_of()), policy=Where(())).complete(request_)
    assert (threads[0] == threading.get_ident()) is is_on_loop
