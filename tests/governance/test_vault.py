"""Reversible redaction: a model sees placeholders, and the user what the model meant by them."""

from __future__ import annotations

import copy
import json
import pickle
import re
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig, PolicySection
from axonflow_core.frozen import evolve
from axonflow_core.governance.screening import MAX_CHARACTERS_ON_LOOP, restored
from axonflow_core.governance.vault import Vault
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    OutputSchema,
    Reasoning,
    StopReason,
    Text,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.masks import Redaction
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Phase, Rule, Verdict
from axonflow_core.policy.terms import CATEGORIES
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    CitationDelta,
    Ended,
    Started,
    Stopped,
    TextDelta,
    ToolInputDelta,
    assemble,
)
from governance.governed import CARD, FakeProvider, FakeStream, Governed, all_of, answer_of

ANN, BOB = "ann@example.com", "bob@example.com"
QUOTED = 'the "Aurora" C:\\plan'
RULES = (
    Rule(name="code name", action=Action.REDACT, text=QUOTED),
    Rule(name="日本", action=Action.REDACT, text="富士山"),
)
CONFIG = PoliciesConfig(
    rules=RULES,
    actions={
        **dict.fromkeys(CATEGORIES, Action.LOG),
        "pii": Action.REDACT,
        "us_ssn": Action.BLOCK,
    },
    redaction=Redaction.REVERSIBLE,
)
POLICY = Policy.build(CONFIG)


def reversible(answer: Any, policy: Policy = POLICY) -> Governed:
    return Governed(provider=FakeProvider(answer), policy=policy)


def sent(governed: Governed) -> CompletionRequest:
    return governed.provider.asked[-1]


def said(request: CompletionRequest) -> str:
    return " | ".join(message.text for message in request.messages)


# ── what the model gets ───────────────────────────────────────────────────────────────────────────


class Noting:
    """A vault that restores nothing, and knows in which thread."""

    thread = 0

    def in_value(self, value: Completion) -> Completion:
        self.thread = threading.get_ident()
        return value


async def test_a_model_gets_placeholders_and_the_user_what_they_stand_for() -> None:
    governed = reversible(answer_of("I wrote to [EMAIL_1], paid with [PAYMENT_CARD_1]."))
    outcome = await governed.complete(f"Write to {ANN}, pay with {CARD}.")
    assert said(sent(governed)) == "Write to [EMAIL_1], pay with [PAYMENT_CARD_1]."
    assert outcome.verdict is Verdict.REDACTED
    assert outcome.completion is not None
    assert outcome.completion.text == f"I wrote to {ANN}, paid with {CARD}."


async def test_one_text_has_one_placeholder_in_all_turns_and_another_one_another() -> None:
    governed = reversible(answer_of())
    call = ToolUse("t_1", "send", {"to": ANN, ANN: [BOB]})
    turns = [user(f"{ANN} and {BOB}"), assistant([Text(f"so {ANN}"), call]), user(f"yes, {ANN}")]
    await governed.complete(CompletionRequest(turns, system=f"of {BOB}"))
    request = sent(governed)
    assert said(request) == "[EMAIL_1] and [EMAIL_2] | so [EMAIL_1] | yes, [EMAIL_1]"
    assert request.messages[1].content[1].input == {  # type: ignore[union-attr]
        "to": "[EMAIL_1]",
        "[EMAIL_1]": ["[EMAIL_2]"],
    }
    assert request.system == (Text("of [EMAIL_2]"),)


async def test_the_turns_of_a_conversation_have_the_same_placeholders_again() -> None:
    governed = reversible(answer_of("[EMAIL_2] it is"))
    first = [user(f"{ANN} or {BOB}?")]
    outcome = await governed.complete(CompletionRequest(first))
    assert outcome.completion is not None
    before = sent(governed)
    await governed.complete(
        CompletionRequest([*first, outcome.completion.message, user("and carl@example.com?")])
    )
    after = sent(governed)
    assert after.messages[0] == before.messages[0]
    assert said(after).endswith("| [EMAIL_2] it is | and [EMAIL_3]?")


@pytest.mark.parametrize(
    "taken", ["[EMAIL_1]", "[email-1]", r"\[EMAIL\_1\]", "EMAIL_1", "%5Bemail_1%5D", "【EMAIL_1】"]
)
async def test_what_reads_like_a_placeholder_in_the_request_is_none(taken: str) -> None:
    governed = reversible(answer_of("[EMAIL_1] [EMAIL_2]"))
    outcome = await governed.complete(f"write {ANN} for {taken}")
    assert said(sent(governed)) == f"write [EMAIL_2] for {taken}"
    assert outcome.completion is not None
    assert outcome.completion.text == f"[EMAIL_1] {ANN}"


async def test_what_a_model_thought_takes_no_placeholder_from_the_text_that_it_thought_of() -> None:
    governed = reversible(answer_of())
    for thought in (Reasoning("of [EMAIL_1]", "sealed"), Reasoning("of [EMAIL_1]")):
        turns = [user(f"to {ANN}"), assistant([thought, Text("done")]), user("and?")]
        await governed.complete(CompletionRequest(turns))
        assert said(sent(governed)).startswith("to [EMAIL_1] |")
        assert sent(governed).messages[1].content[0] == thought


async def test_a_text_over_two_blocks_has_one_placeholder() -> None:
    governed = reversible(answer_of("[PAYMENT_CARD_1]"))
    outcome = await governed.complete(
        CompletionRequest([user([Text("it is 4111 1111 "), Text("1111 1111, yes")])])
    )
    assert said(sent(governed)) == "it is [PAYMENT_CARD_1], yes"
    assert outcome.completion is not None
    assert outcome.completion.text == CARD


async def test_the_names_of_rules_are_placeholders_whatever_they_are_written_with() -> None:
    governed = reversible(answer_of("[CODE_NAME_1] near [TEXT_1]"))
    outcome = await governed.complete(f"{QUOTED} at 富士山")
    assert said(sent(governed)) == "[CODE_NAME_1] at [TEXT_1]"
    assert outcome.completion is not None
    assert outcome.completion.text == f"{QUOTED} near 富士山"


async def test_what_is_blocked_is_blocked_and_nothing_has_a_placeholder() -> None:
    governed = reversible(answer_of())
    outcome = await governed.complete(f"{ANN} has 123-45-6789")
    assert outcome.verdict is Verdict.BLOCKED
    assert governed.provider.asked == []


@pytest.mark.parametrize("length", [MAX_CHARACTERS_ON_LOOP, MAX_CHARACTERS_ON_LOOP + 1])
async def test_a_long_answer_is_restored_beside_the_event_loop(length: int) -> None:
    vault: Any = Noting()
    answer = Completion((Text("a" * length),), StopReason.END_TURN)
    assert await restored(vault, answer) is answer
    is_beside = vault.thread != threading.get_ident()
    assert is_beside == (length > MAX_CHARACTERS_ON_LOOP)


async def test_a_policy_that_masks_restores_nothing() -> None:
    governed = reversible(
        answer_of("[EMAIL_1]"), Policy.build(evolve(CONFIG, redaction=Redaction.MASK))
    )
    outcome = await governed.complete(f"to {ANN}")
    assert said(sent(governed)) == "to [REDACTED:email]"
    assert outcome.completion is not None
    assert outcome.completion.text == "[EMAIL_1]"


# ── what the user gets ────────────────────────────────────────────────────────────────────────────


def vault_of(*values: str, **more: Any) -> Vault:
    vault = Vault(**more)
    for value in values:
        vault.write("email", value)
    return vault


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[EMAIL_1]", ANN),
        ("[email_1]", ANN),
        ("[Email-1]", ANN),
        ("[ EMAIL_1 ]", ANN),
        (r"\[EMAIL\_1\]", ANN),
        ("【EMAIL_1】", ANN),
        ("EMAIL_1", ANN),
        ("**EMAIL_1**", f"**{ANN}**"),
        ("<EMAIL_1>", f"<{ANN}>"),
        ("[EMAIL_1](mailto:EMAIL_1)", f"{ANN}(mailto:{ANN})"),
        ("https://x.example/?to=%5BEMAIL_1%5D", "https://x.example/?to=ann%40example.com"),
        ("[[EMAIL_1]]", f"[{ANN}]"),
        ("[EMAIL_12]", BOB),
        ("[EMAIL_1][EMAIL_12]", ANN + BOB),
    ],
)
def test_a_placeholder_is_known_in_the_forms_that_models_give_it(written: str, read: str) -> None:
    vault = vault_of(ANN, *(f"{number}@x" for number in range(10)), BOB)
    assert vault.in_text(f"to {written}.") == f"to {read}."


@pytest.mark.parametrize(
    "written",
    [
        "[EMAIL_2]",
        "[EMAIL_01]",
        "EMAIL_12",
        "email_1",
        "MY_EMAIL_1",
        "EMAIL 1",
        "[EMAIL]",
        "EMAIL_1x",
    ],
)
def test_what_is_no_placeholder_stays_as_it_is(written: str) -> None:
    assert vault_of(ANN).in_text(f"to {written}.") == f"to {written}."


async def test_arguments_of_tools_are_restored_and_are_json() -> None:
    arguments = {"note": "of [CODE_NAME_1]", "[EMAIL_1]": [{"to": "[EMAIL_1]"}], "n": 1}
    governed = reversible(answer_of(content=(ToolUse("t_1", "send", arguments),)))
    outcome = await governed.complete(f"{QUOTED} to {ANN}")
    assert outcome.completion is not None
    (call,) = outcome.completion.tool_uses
    assert call.input == {"note": f"of {QUOTED}", ANN: [{"to": ANN}], "n": 1}


async def test_an_answer_of_json_is_json_when_it_is_restored() -> None:
    text = '{"of": "[CODE_NAME_1]"}'
    governed = reversible(answer_of(text))
    request = CompletionRequest(f"about {QUOTED}", output_schema=OutputSchema({"type": "object"}))
    outcome = await governed.complete(request)
    assert outcome.completion is not None
    assert json.loads(outcome.completion.text) == {"of": QUOTED}


async def test_reasoning_is_not_restored() -> None:
    content = (Reasoning("for [EMAIL_1]", "sealed"), Reasoning("[EMAIL_1]"), Text("[EMAIL_1]"))
    governed = reversible(answer_of(content=content))
    outcome = await governed.complete(f"to {ANN}")
    assert outcome.completion is not None
    assert outcome.completion.content == (*content[:2], Text(ANN))


async def test_what_the_user_sent_is_not_found_again_and_what_the_model_adds_is() -> None:
    governed = reversible(answer_of(f"[EMAIL_1] and {BOB}"))
    outcome = await governed.complete(f"to {ANN}")
    assert outcome.completion is not None
    assert outcome.completion.text == f"{ANN} and [REDACTED:email]"
    blocked = reversible(answer_of("[EMAIL_1] has 123-45-6789"))
    assert (await blocked.complete(f"to {ANN}")).completion is None


# ── nothing is kept ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
async def test_a_record_has_counts_and_no_values(*, is_streamed: bool) -> None:
    text = "[EMAIL_1], [EMAIL_1] and [PAYMENT_CARD_1]"
    question = f"{ANN} {BOB} {CARD}"
    if is_streamed:
        governed = reversible(FakeStream(reads_of([text])))
        await all_of(await governed.stream(question))
    else:
        governed = reversible(answer_of(text))
        await governed.complete(question)
    entry = governed.last
    assert entry.facts["placeholders"] == {
        "replaced": {"email": 2, "payment_card": 1},
        "restored": {"email": 2, "payment_card": 1},
    }
    kept = json.dumps([dict(entry.facts), dict(entry.texts)])
    assert not any(value in kept for value in (ANN, BOB, CARD))
    assert "[EMAIL_1]" in entry.texts["answer.content.0"]


async def test_nothing_is_replaced_in_a_request_that_is_stopped() -> None:
    governed = reversible(answer_of())
    await governed.complete(f"{ANN} has 123-45-6789")
    assert "placeholders" not in governed.last.facts


def test_a_vault_shows_and_gives_away_nothing() -> None:
    vault = vault_of(ANN)
    assert repr(vault) == "<Vault of 1>"
    for take in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="neither copied nor written"):
            take(vault)
    assert vault.in_text("[EMAIL_1]") == ANN
    vault.forget()
    assert vault.in_text("[EMAIL_1]") == "[EMAIL_1]"


async def test_a_stream_forgets_at_its_end() -> None:
    governed = reversible(FakeStream(reads_of(["[EMAIL_1]"])))
    stream = await governed.stream(f"to {ANN}")
    vault: Any = stream._vault
    assert vault
    await all_of(stream)
    assert not vault
    assert vault._given == {}


async def test_the_next_call_knows_nothing_of_this_one() -> None:
    governed = reversible(answer_of("[EMAIL_1]"))
    await governed.complete(f"to {ANN}")
    outcome = await governed.complete("who is it?")
    assert outcome.completion is not None
    assert outcome.completion.text == "[EMAIL_1]"


# ── streams ───────────────────────────────────────────────────────────────────────────────────────

END: Batch = (Stopped("end_turn"), Ended())  # type: ignore[arg-type]


def reads_of(pieces: list[str], start: Any = None, delta: Any = TextDelta) -> Any:
    first = BlockStart(0, Text("") if start is None else start)
    middle: Any = [((delta(piece, index=0),),) for piece in pieces]
    return [((Started(), first),), *middle, ((BlockStop(0), *END),)]


async def streamed(reads: Any, question: str, policy: Policy = POLICY, **facts: Any) -> Completion:
    governed = reversible(FakeStream(reads), policy)
    stream = await governed.stream(CompletionRequest(question, **facts))
    return assemble(event for batch in await all_of(stream) for event in batch)


def halves(text: str) -> list[list[str]]:
    """`text` cut at each place, and character by character."""
    return [*([text[:at], text[at:]] for at in range(len(text) + 1)), list(text)]


@pytest.mark.parametrize("policy", [POLICY, None], ids=["screened", "answers not screened"])
async def test_a_placeholder_is_restored_wherever_a_stream_is_cut(policy: Policy | None) -> None:
    if policy is None:
        mail = r"\w+@\w+\.com"
        rule = Rule(name="e", action=Action.REDACT, pattern=mail, on=(Phase.REQUEST,))
        policy = Policy((rule,), (), redaction=Redaction.REVERSIBLE)
    name = "EMAIL" if policy is POLICY else "E"
    text = f"So [{name}_1], \\[{name.lower()}\\_1\\] and {name}_1 it is."
    for pieces in halves(text):
        answer = await streamed(reads_of(pieces), f"to {ANN}", policy)
        assert answer.text == f"So {ANN}, {ANN} and {ANN} it is."


async def test_arguments_are_restored_wherever_a_stream_is_cut() -> None:
    written = json.dumps({"n": 1, "of": "[CODE_NAME_1]", "[EMAIL_1]": "\u00fc [EMAIL_1]"})
    for pieces in halves(written):
        reads = reads_of(pieces, ToolUse("t_1", "send", {}), ToolInputDelta)
        answer = await streamed(reads, f"{QUOTED} to {ANN}")
        assert answer.tool_uses[0].input == {"n": 1, "of": QUOTED, ANN: f"ü {ANN}"}


async def test_broken_arguments_are_restored_as_the_text_of_json() -> None:
    reads = reads_of(['{"of": "[CODE_NAME_1]"'], ToolUse("t_1", "send", {}), ToolInputDelta)
    answer = await streamed(reads, f"{QUOTED} it is")
    assert answer.tool_uses[0].input == '{"of": ' + json.dumps(QUOTED)


async def test_a_streamed_answer_of_json_is_json_when_it_is_restored() -> None:
    reads = reads_of(['{"of": "[CODE_', 'NAME_1]"}'])
    schema = OutputSchema({"type": "object"})
    answer = await streamed(reads, f"about {QUOTED}", output_schema=schema)
    assert json.loads(answer.text) == {"of": QUOTED}


async def test_a_citation_is_restored_and_streamed_reasoning_is_not() -> None:
    reads: Any = [
        ((Started(), BlockStart(0, Reasoning("[EMAIL_1]")), BlockStop(0)),),
        ((BlockStart(1, Text("of [EMAIL_1]")), CitationDelta({"cited_text": "[EMAIL_1]"}, 1)),),
        ((BlockStop(1), *END),),
    ]
    answer = await streamed(reads, f"to {ANN}")
    assert answer.content == (Reasoning("[EMAIL_1]"), Text(f"of {ANN}", ({"cited_text": ANN},)))


async def test_a_stream_masks_what_the_model_adds_and_restores_what_the_user_sent() -> None:
    reads = reads_of([f"[EMAIL_1] and {BOB}, ", "EMA", "IL_1"])
    answer = await streamed(reads, f"to {ANN}")
    assert answer.text == f"{ANN} and [REDACTED:email], {ANN}"


async def test_a_stream_without_placeholders_leaves_as_the_objects_that_came() -> None:
    reads = reads_of(["Nothing ", "of it."])
    governed = reversible(FakeStream(list(reads)))
    batches = await all_of(await governed.stream(f"to {ANN}"))
    assert [id(batch) for batch in batches] == [id(batch) for read in reads for batch in read]


# ── what the model means ──────────────────────────────────────────────────────────────────────────

VALUES = (ANN, BOB, CARD, QUOTED, "富士山")
_PROSE = st.text(st.sampled_from(' abEMAIL_1[]\\-%5BD"{}:,.\nü富①'), max_size=12)


def is_clean(text: str) -> bool:
    """Whether a text cannot be taken for a placeholder, whatever stands next to it."""
    return re.search(r"(?i)[a-z]\\?[_-]\s*\d|%5b|\\|_$|-$", text) is None


_PIECES = st.lists(
    st.one_of(_PROSE.filter(is_clean), st.sampled_from(range(len(VALUES)))), max_size=8
)


@given(pieces=_PIECES, data=st.data())
async def test_what_the_user_reads_is_what_the_model_meant(pieces: Any, data: Any) -> None:
    question = "; ".join(VALUES)
    probe = reversible(answer_of())
    await probe.complete(question)
    placeholders = said(sent(probe)).split("; ")
    assert not any(value in placeholders for value in VALUES)
    written = "".join(p if isinstance(p, str) else f" {placeholders[p]} " for p in pieces)
    meant = "".join(p if isinstance(p, str) else f" {VALUES[p]} " for p in pieces)
    call = {"note": written, "of": [written]}
    content = (Text(written), ToolUse("t_1", "send", call))
    outcome = await reversible(answer_of(content=content)).complete(question)
    assert outcome.completion is not None
    assert outcome.completion.text == meant
    assert outcome.completion.tool_uses[0].input == {"note": meant, "of": [meant]}

    def cut(text: str) -> list[str]:
        places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
        return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]

    answer = await streamed(reads_of(cut(written)), question)
    assert answer.text == meant
    arguments = reads_of(cut(json.dumps(call)), ToolUse("t_1", "send", {}), ToolInputDelta)
    answer = await streamed(arguments, question)
    assert answer.tool_uses[0].input == {"note": meant, "of": [meant]}


_SPACED = st.sampled_from(VALUES).map(lambda value: f" {value} ")


@given(text=st.lists(st.one_of(_PROSE, _SPACED), max_size=10).map("".join))
async def test_a_request_that_a_model_repeats_is_what_the_user_wrote(text: str) -> None:
    probe = reversible(answer_of())
    await probe.complete(f"x {text}")
    repeated = said(sent(probe))
    outcome = await reversible(answer_of(repeated)).complete(f"x {text}")
    assert outcome.completion is not None
    assert outcome.completion.text == f"x {text}"


def test_policies_have_the_redaction_of_their_configuration() -> None:
    policies = Policies.build(evolve(CONFIG, clients={"acme": PolicySection()}))
    assert policies.of("acme").redaction is Redaction.REVERSIBLE
    assert policies.of("other").redaction is Redaction.REVERSIBLE
