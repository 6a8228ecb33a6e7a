"""A governed stream: what leaves, when, and what is on record of it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from axonflow_core.audit.record import Kind
from axonflow_core.errors import AuditError, AxonFlowError, Throttled, TruncatedStream
from axonflow_core.frozen import evolve
from axonflow_core.governance.look_ahead import MAX_TAKEN
from axonflow_core.governance.trail import Outcome
from axonflow_core.messages import Reasoning, StopReason, Text, ToolUse, Usage
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Verdict
from axonflow_core.stream import (
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    RequestEcho,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
    assemble,
    batch_of,
)
from governance.governed import (
    SSN,
    USAGE,
    FakeAudit,
    FakeProvider,
    FakeStream,
    Governed,
    all_of,
    answer_of,
    call_of,
    policy_of,
    quiet_policy,
    reads_of_text,
    streamed,
)

LONG = "The sky is blue because shorter waves are scattered more than longer ones are. " * 8


def assembled(batches: list[Any]) -> Any:
    return assemble(event for batch in batches for event in batch)


# ── what leaves ───────────────────────────────────────────────────────────────────────────────────


async def test_a_stream_in_which_nothing_is_found_leaves_as_the_objects_that_came() -> None:
    reads = reads_of_text(*LONG.split(" "))
    async with await streamed(reads).stream() as stream:
        batches = await all_of(stream)
    assert [id(batch) for batch in batches] == [id(batch) for read in reads for batch in read]
    assert stream.outcome is not None
    assert stream.outcome.verdict is Verdict.ALLOWED


async def test_text_is_held_back_by_the_look_ahead_and_one_stride() -> None:
    reads = reads_of_text(*LONG)  # a character at a time
    stream = await streamed(reads).stream()
    held, most = 0, 0
    upstream: Any = stream._stream
    while read := await stream.read():
        came = len(LONG) - max(0, len(upstream.left) - 1)
        held += sum(isinstance(event, TextDelta) for batch in read for event in batch)
        most = max(most, came - held) if upstream.left else most
    assert 128 <= most <= 128 + 96


@pytest.mark.parametrize("behind", [LONG, ""], ids=["on the way", "at the end"])
async def test_what_leaves_behind_a_long_word_lets_others_have_their_turns(behind: str) -> None:
    reads = reads_of_text(*"x" * 5 * MAX_TAKEN, *behind)
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    stream = await streamed(reads).stream()
    others = asyncio.create_task(take_turns())
    came: list[Any] = []
    turns_at_full: list[int] = []
    while read := await stream.read():
        came += read
        assert len(read) <= MAX_TAKEN
        if len(read) == MAX_TAKEN:
            turns_at_full.append(turns)
    others.cancel()
    assert list(map(id, came)) == [id(batch) for read in reads for batch in read]
    assert len(set(turns_at_full)) == len(turns_at_full) >= 4


async def test_a_policy_that_stops_nothing_holds_nothing_back() -> None:
    governed = streamed(reads_of_text("a", "b"))
    stream = await evolve(governed, policy=quiet_policy()).stream()
    upstream: Any = stream._stream
    for left in (3, 2, 1):
        await stream.read()
        assert len(upstream.left) == left


async def test_what_is_redacted_is_replaced_before_it_leaves_and_the_rest_is_as_it_came() -> None:
    governed = evolve(streamed(reads_of_text("ssn 123-4", "5-67", "89. ", LONG)))
    stream = await evolve(governed, policy=policy_of(Action.REDACT)).stream()
    answer = assembled(await all_of(stream))
    assert answer.text == f"ssn [REDACTED:us_ssn]. {LONG}"
    assert answer.usage == USAGE
    assert governed.last.verdict is Verdict.REDACTED


SIGNED = ReasoningDelta(signature="c2ln")


@pytest.mark.parametrize(
    "thought",
    [
        [ReasoningDelta("ssn 123-4"), ReasoningDelta("5-6789."), SIGNED],
        [ReasoningDelta("ssn 123-4"), ReasoningDelta("5-6789.", signature="c2ln")],
        [BlockStart(0, Reasoning(f"ssn {SSN}.", signature="c2ln")), BlockStop(0)],
    ],
)
async def test_a_thought_of_which_something_is_replaced_has_no_signature(
    thought: list[Any],
) -> None:
    """A signature is of every character: a provider that gets it back with others refuses it."""
    block = await redacted_thought(*thought)
    assert (block.text, block.signature) == ("ssn [REDACTED:us_ssn].", None)


async def test_a_thought_in_which_nothing_is_found_keeps_its_signature() -> None:
    block = await redacted_thought(ReasoningDelta("Hm."), SIGNED)
    assert (block.text, block.signature) == ("Hm.", "c2ln")


async def redacted_thought(*events: Any) -> Any:
    last = (Stopped(StopReason.END_TURN), UsageUpdate(USAGE), Ended())
    reads: Any = [((Started(),),), *[((event,),) for event in events], (last,)]
    stream = await evolve(streamed(reads), policy=policy_of(Action.REDACT)).stream()
    (block,) = assembled(await all_of(stream)).content
    return block


async def test_a_blocked_answer_ends_in_its_own_grammar_and_closes_the_call() -> None:
    reads = reads_of_text("So ", LONG, f"it is {SSN}. ", LONG, LONG)
    governed = streamed(reads)
    stream = await governed.stream()
    answer = assembled(await all_of(stream))
    assert answer.stop_reason is StopReason.CONTENT_FILTERED
    assert SSN not in answer.text
    assert stream._stream.is_closed  # type: ignore[attr-defined]
    assert stream.outcome is not None
    assert stream.outcome.stopping is not None
    assert (governed.last.kind, governed.last.verdict) == (Kind.CALL, Verdict.BLOCKED)


async def test_blocks_that_were_announced_are_closed_where_the_stream_is_stopped() -> None:
    text = [((TextDelta(piece),),) for piece in (LONG, f"{SSN} ", LONG)]
    reads: Any = [((Started(), BlockStart(0, Text(""))),), *text]
    batches = await all_of(await streamed(reads).stream())
    assert [type(event) for event in batches[-1]] == [BlockStop, Stopped, Ended]


async def test_what_is_blocked_before_anything_left_begins_and_ends_in_one_batch() -> None:
    stream = await streamed(reads_of_text(SSN)).stream()
    batches = await all_of(stream)
    kinds = [type(event) for batch in batches for event in batch]
    assert kinds == [Started, UsageUpdate, Stopped, Ended]


async def test_a_finding_longer_than_the_look_ahead_blocks_the_end_and_is_said_to_be_late() -> None:
    rule = "(?s)begin.*end"
    governed = streamed(reads_of_text("begin ", LONG, "end", " and more"))
    policy = policy_with(rule, Action.BLOCK)
    stream = await evolve(governed, policy=policy).stream()
    answer = assembled(await all_of(stream))
    assert answer.stop_reason is StopReason.CONTENT_FILTERED
    assert governed.last.facts["is_late"] is True


def policy_with(pattern: str, action: Action) -> Any:
    from axonflow_core.config.values import PoliciesConfig
    from axonflow_core.policy.rules import Rule

    rules = (Rule(name="r", action=action, pattern=pattern),)
    return Policy.build(PoliciesConfig(rules=rules))


async def test_a_tool_call_leaves_when_all_of_it_was_judged() -> None:
    call: Any = [
        ((BlockStart(0, ToolUse("t-1", "look_up", {})),),),
        ((ToolInputDelta('{"who": "an', 0),),),
        ((ToolInputDelta('n"}', 0),),),
        ((BlockStop(0),),),
        ((Stopped(StopReason.TOOL_USE), Ended()),),
    ]
    stream = await streamed(call).stream()
    upstream: Any = stream._stream
    await stream.read()
    assert len(upstream.left) == 1  # the block was complete
    assert assembled([*call[0], *call[1], *call[2], *call[3], *call[4]]).tool_uses[0].input == {
        "who": "ann"
    }


async def test_bytes_of_the_provider_survive_while_nothing_is_changed() -> None:
    governed = streamed(reads_of_text(LONG, f"{LONG}{SSN} ", LONG))
    upstream = governed.provider.answer
    upstream.natives = [b"1", b"2", b"3", b"4", b"5"]
    stream = await evolve(governed, policy=policy_of(Action.REDACT)).stream()
    natives = []
    while await stream.read():
        natives.append(stream.native)
    assert natives == [b"1", b"2", None, None]


@pytest.mark.parametrize(
    "events",
    [
        [BlockStart(0, ToolUse("t", "f", {})), ToolInputDelta('{"a": "' + "b" * 9_000 + '"}', 0)],
        [BlockStart(0, ToolUse("t", "f", {"a": ["b"] * 300}))],
        [RequestEcho({"prompt": "word " * 20_000})],
        [TextDelta("word " * 20_000)],
    ],
    ids=["arguments", "many arguments", "an echo", "text"],
)
async def test_what_takes_long_to_search_is_searched_beside_the_event_loop(events: Any) -> None:
    threads: set[int] = set()

    class Where(Policy):
        def evaluate(self, phase: Any, parts: Any, *more: Any) -> Any:
            threads.add(threading.get_ident())
            return super().evaluate(phase, parts, *more)

        def found(self, phase: Any, text: str) -> Any:
            threads.add(threading.get_ident())
            return super().found(phase, text)

    governed = streamed([(tuple(events),), ((Ended(),),)])
    stream = await evolve(governed, policy=Where(())).stream()
    threads.clear()
    await stream.read()
    assert threads - {threading.get_ident()}


@pytest.mark.parametrize(
    ("texts", "is_on_loop"),
    [
        (["word " * 400], True),
        (["word " * 500], False),
        (["wörd " * 200], True),
        (["wörd " * 300], False),
        (["word " * 100] * 2, True),
        (["word " * 150] * 2, False),
    ],
    ids=["short", "long", "short of other letters", "long", "short blocks", "long"],
)
async def test_the_event_loop_searches_what_takes_less_than_10_ms(
    texts: list[str], *, is_on_loop: bool
) -> None:
    threads: set[int] = set()

    class Where(Policy):
        def found(self, phase: Any, text: str) -> Any:
            threads.add(threading.get_ident())
            return super().found(phase, text)

    events = tuple(TextDelta(text, index) for index, text in enumerate(texts))
    governed = streamed([(events,), ((Ended(),),)])
    stream = await evolve(governed, policy=Where(())).stream()
    await stream.read()
    assert threads
    assert (threads == {threading.get_ident()}) is is_on_loop


# ── what is on record ─────────────────────────────────────────────────────────────────────────────


async def test_the_record_that_opens_a_stream_is_durable_before_the_model_is_called() -> None:
    governed = Governed()

    def begin() -> FakeStream:
        assert [entry.kind for entry in governed.audit.entries] == [Kind.OPENED]
        return FakeStream(reads_of_text("Blue."))

    governed.provider.answer = begin
    await all_of(await governed.stream())
    opened, closed = governed.audit.entries
    assert (closed.kind, closed.closes) == (Kind.CALL, opened.id)
    assert closed.facts["tokens"] == {"input": 1_000, "output": 500}
    assert closed.facts["cost_usd"] == pytest.approx(0.0105)
    assert "is_lower_bound" not in closed.facts


@pytest.mark.parametrize("policy", [policy_of(), quiet_policy()], ids=["held", "not held"])
async def test_the_closing_record_is_durable_before_the_terminal_event_leaves(policy: Any) -> None:
    governed = evolve(streamed(reads_of_text("Blue.")), policy=policy)
    stream = await governed.stream()
    seen: list[Any] = []
    while read := await stream.read():
        records = len(governed.audit.entries)
        seen += ((type(event), records) for batch in read for event in batch)
    assert (Ended, 2) in seen
    assert (Started, 1) in seen


async def test_a_closing_record_that_cannot_be_written_withholds_the_end() -> None:
    governed = evolve(streamed(reads_of_text("Blue.")), audit=FakeAudit(fails=[2]))
    stream = await governed.stream()
    events: list[Any] = []
    with pytest.raises(AuditError):
        while read := await stream.read():
            events += (event for batch in read for event in batch)
    assert Ended not in map(type, events)
    assert stream.outcome is None
    with pytest.raises(AuditError):
        await stream.aclose()


async def test_an_opening_record_that_cannot_be_written_means_no_call() -> None:
    governed = evolve(streamed(reads_of_text("Blue.")), audit=FakeAudit(fails=[1, 2]))
    with pytest.raises(AuditError):
        await governed.stream()
    assert governed.provider.asked == []


@pytest.mark.parametrize("text", ["short", LONG])
async def test_an_error_comes_after_what_may_leave_and_the_record_has_what_was_seen(
    text: str,
) -> None:
    start = ((Started(), UsageUpdate(Usage(input_tokens=1_000))),)
    error = TruncatedStream("cut", partial_text=text)
    governed = streamed([start, ((TextDelta(text),),)], error)
    stream = await governed.stream()
    texts = ""
    with pytest.raises(TruncatedStream) as raised:
        while read := await stream.read():
            texts += "".join(
                event.text for batch in read for event in batch if type(event) is TextDelta
            )
    assert texts == text
    assert raised.value.partial_text == ""
    facts = governed.last.facts
    assert (facts["error"], facts["is_lower_bound"]) == ({"code": "truncated_stream"}, True)
    assert facts["cost_usd"] == pytest.approx(0.003)


@pytest.mark.parametrize("policy", [quiet_policy(), policy_of(Action.BLOCK)])
async def test_the_stop_reason_of_a_stream_that_breaks_off_never_leaves(policy: Policy) -> None:
    said = ((TextDelta("It rains."),), (Stopped(StopReason.END_TURN),))
    reads = [((Started(),),), said, ((UsageUpdate(USAGE),),)]
    stream = await evolve(streamed(reads, TruncatedStream("cut")), policy=policy).stream()
    events: list[Any] = []
    with pytest.raises(TruncatedStream):
        while read := await stream.read():
            events += [event for batch in read for event in batch]
    assert TextDelta("It rains.") in events
    assert Stopped not in map(type, events)


async def test_an_error_before_the_first_event_is_an_outcome_with_two_records() -> None:
    governed = Governed(provider=FakeProvider(Throttled("slow down", status=429)))
    outcome = await governed.governance.stream(call_of())
    assert isinstance(outcome, Outcome)
    assert isinstance(outcome.error, Throttled)
    assert [entry.kind for entry in governed.audit.entries] == [Kind.OPENED, Kind.CALL]
    assert governed.last.closes == governed.audit.entries[0].id == outcome.id


async def test_a_blocked_request_is_an_outcome_with_one_record_and_no_call() -> None:
    governed = streamed([])
    outcome = await governed.governance.stream(call_of(f"ssn {SSN}"))
    assert isinstance(outcome, Outcome)
    assert outcome.stopping is not None
    assert [entry.kind for entry in governed.audit.entries] == [Kind.CALL]
    assert governed.provider.asked == []


async def test_a_reader_that_leaves_early_is_on_record_once() -> None:
    governed = streamed(reads_of_text(LONG, LONG))
    async with await governed.stream() as stream:
        await stream.read()
    await stream.aclose()
    assert [entry.kind for entry in governed.audit.entries] == [Kind.OPENED, Kind.CALL]
    assert governed.last.facts["error"] == {"code": "client_closed"}
    with pytest.raises(TruncatedStream):
        await stream.read()


@pytest.mark.parametrize("turns", range(12))
async def test_a_reader_that_is_cancelled_anywhere_is_on_record_once(turns: int) -> None:
    class Slow(FakeStream):
        async def read(self) -> Any:
            await asyncio.sleep(0)
            return await super().read()

    class SlowAudit(FakeAudit):
        async def append(self, entry: Any) -> None:
            await super().append(entry)
            await asyncio.sleep(0)

    provider = FakeProvider(Slow(reads_of_text("Blue.")))
    governed = Governed(provider=provider, audit=SlowAudit())

    async def use() -> None:
        stream = await governed.governance.stream(call_of())
        assert not isinstance(stream, Outcome)
        async with stream:
            await all_of(stream)

    task = asyncio.create_task(use())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for _ in range(10):
        await asyncio.sleep(0)
    kinds = [entry.kind for entry in governed.audit.entries]
    assert kinds in ([], [Kind.CALL], [Kind.OPENED, Kind.CALL])
    assert kinds or not turns


async def test_a_read_that_is_cancelled_is_on_record_though_nobody_closes_the_stream() -> None:
    class Silent(FakeStream):
        async def read(self) -> Any:
            await asyncio.Event().wait()

    governed = Governed(provider=FakeProvider(Silent([])))
    stream = await governed.stream()
    task = asyncio.create_task(stream.read())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert governed.last.facts["error"] == {"code": "cancelled"}
    assert stream._stream.is_closed  # type: ignore[attr-defined]


async def test_a_fault_of_this_server_in_a_stream_is_on_record_and_ends_it() -> None:
    governed = streamed(reads_of_text("Blue."), None)
    governed.provider.answer.left[1] = ((object(),),)
    stream = await governed.stream()
    governed.provider.answer.left.insert(0, None)
    with pytest.raises(Exception) as raised:
        await all_of(stream)
    assert not isinstance(raised.value, AxonFlowError)
    assert governed.last.facts["error"] == {"code": "internal"}


async def test_an_engine_that_fails_in_a_stream_stops_it() -> None:
    governed = streamed(reads_of_text(LONG, LONG))
    broken = policy_of()
    broken.found = lambda phase, text: 1 / 0  # type: ignore[assignment, method-assign]
    stream = await evolve(governed, policy=broken).stream()
    answer = assembled(await all_of(stream))
    assert (answer.text, answer.stop_reason) == ("", StopReason.CONTENT_FILTERED)
    assert governed.last.verdict is Verdict.ERROR


async def test_a_streamed_answer_is_on_record_as_the_same_whole_one() -> None:
    answer = answer_of("It is 123-45-6789, and so on.")
    whole, stream = Governed(provider=FakeProvider(answer)), streamed([(batch_of(answer),)])
    await whole.complete()
    await all_of(await stream.stream())
    same = ("verdict", "rules", "provider", "model", "tenant", "client", "user", "texts")
    for name in same:
        assert getattr(whole.last, name) == getattr(stream.last, name), name
    assert whole.last.facts["decisions"] == stream.last.facts["decisions"]


async def test_a_second_reader_is_refused_and_disturbs_nothing() -> None:
    class Waits(FakeStream):
        async def read(self) -> Any:
            await asyncio.sleep(0)
            return await super().read()

    governed = Governed(provider=FakeProvider(Waits(reads_of_text("Blue."))))
    stream = await governed.stream()
    first = asyncio.create_task(all_of(stream))
    await asyncio.sleep(0)
    with pytest.raises(AxonFlowError, match="another task"):
        await stream.read()
    assert assembled(await first).text == "Blue."
