"""Reasoning that is asked for in one vendor's controls and sent in another's, and the reasoning of
earlier turns."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from toy import CHAT

from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.codec.facts import ReasoningControls
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import (
    CompletionRequest,
    Inference,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    Text,
    Tool,
    user,
)

BUDGET = ReasoningControls(has_budget=True, modes=frozenset({"enabled", "disabled"}))
EFFORT = ReasoningControls(efforts=("low", "medium", "high"))
BOTH = ReasoningControls(has_budget=True, efforts=("low", "high"))
NEITHER = ReasoningControls()
SWITCH = ReasoningControls(modes=frozenset({"enabled", "disabled"}))
TEACHER = evolve(CHAT, family="client", reasoning=ReasoningControls(signer="others"))


def fitted(
    asked: ReasoningRequest | None, controls: ReasoningControls, limit: int | None = 64_000
) -> Fitted:
    request = CompletionRequest(
        (user("hi"),), reasoning=asked, inference=Inference(max_tokens=limit)
    )
    return fit(request, CHAT, ModelFacts(base_id="toy.chat", reasoning=controls))


def told(made: Fitted) -> list[str]:
    return [f"{each.feature}: {each.what}" for each in made.adjustments]


# ── effort and budget ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("effort", "budget"),
    [
        ("minimal", 1_024),
        ("low", 1_024),
        ("medium", 8_192),
        ("high", 24_576),
        ("xhigh", 24_576),
        ("max", 24_576),
    ],
)
def test_an_effort_is_a_budget(effort: str, budget: int) -> None:
    made = fitted(ReasoningRequest(effort=effort), BUDGET)
    assert made.request.reasoning == ReasoningRequest("enabled", budget)
    assert told(made) == [f"reasoning: asked for as a budget of {budget} tokens"]


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (1, "low"),
        (1_024, "low"),
        (1_025, "medium"),
        (8_192, "medium"),
        (8_193, "high"),
        (99_999, "high"),
    ],
)
def test_a_budget_is_the_least_effort_that_reaches_it(budget: int, effort: str) -> None:
    made = fitted(ReasoningRequest("enabled", budget), EFFORT)
    assert made.request.reasoning == ReasoningRequest(effort=effort)
    assert told(made) == [f"reasoning: asked for as effort {effort}"]


@pytest.mark.parametrize(
    ("asked", "known", "sent"),
    [
        ("minimal", ("low", "high"), "low"),
        ("xhigh", ("low", "high"), "high"),
        ("max", ("low", "medium"), "medium"),
        ("low", ("minimal", "max"), "minimal"),
        ("xhigh", ("minimal", "max"), "max"),
    ],
)
def test_of_the_efforts_that_are_known_the_nearest_is_sent(
    asked: str, known: tuple[str, ...], sent: str
) -> None:
    made = fitted(ReasoningRequest(effort=asked), ReasoningControls(efforts=known))
    assert made.request.reasoning == ReasoningRequest(effort=sent)


def test_what_the_model_takes_is_sent_as_it_was_asked_for() -> None:
    for asked, controls in (
        (ReasoningRequest("enabled", 2048), BUDGET),
        (ReasoningRequest(effort="high"), EFFORT),
        (ReasoningRequest(effort="high"), BOTH),
        (ReasoningRequest(budget_tokens=5000), BOTH),
    ):
        made = fitted(asked, controls)
        assert (made.request.reasoning, told(made)) == (asked, [])


def test_of_two_controls_the_one_that_was_asked_for_is_used() -> None:
    by_effort = fitted(ReasoningRequest(effort="medium"), BOTH).request.reasoning
    by_budget = fitted(ReasoningRequest("adaptive", 5000), BOTH).request.reasoning
    assert by_effort is not None and by_budget is not None
    assert (by_effort.budget_tokens, by_effort.effort) == (None, "low")
    assert (by_budget.budget_tokens, by_budget.effort) == (5000, None)


def test_a_mode_alone_asks_for_a_medium_effort() -> None:
    assert fitted(ReasoningRequest("adaptive"), BUDGET).request.reasoning == ReasoningRequest(
        "enabled", 8_192
    )
    assert fitted(ReasoningRequest("adaptive"), EFFORT).request.reasoning == ReasoningRequest(
        effort="medium"
    )


@pytest.mark.parametrize(
    "asked", [ReasoningRequest(effort="low"), ReasoningRequest("enabled", 2_000)], ids=str
)
def test_a_model_that_is_turned_on_and_off_is_turned_on(asked: ReasoningRequest) -> None:
    made = fitted(asked, SWITCH)
    assert made.request.reasoning == ReasoningRequest("enabled")
    assert told(made) == ["reasoning: asked for as enabled"]


def test_a_model_that_is_turned_on_and_off_is_turned_off() -> None:
    made = fitted(ReasoningRequest(effort="none"), SWITCH)
    assert (made.request.reasoning, told(made)) == (ReasoningRequest("disabled"), [])


def test_a_model_without_controls_is_asked_for_nothing_and_says_so() -> None:
    for asked in (ReasoningRequest(effort="high"), ReasoningRequest("enabled", 2_000)):
        with pytest.raises(EncodeError, match="takes no word about how much it reasons"):
            fitted(asked, NEITHER)
    made = fitted(ReasoningRequest("disabled"), NEITHER)
    assert (made.request.reasoning, told(made)) == (None, ["reasoning: not turned off"])


def test_an_effort_that_no_vendor_documents_is_refused() -> None:
    with pytest.raises(EncodeError, match="a reasoning effort of that name"):
        fitted(ReasoningRequest(effort="herculean"), BUDGET)


# ── room for the answer ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("limit", "budget"), [(2_048, 1_024), (4_000, 2_000), (16_384, 8_192), (16_386, 8_192)]
)
def test_an_effort_leaves_half_of_the_limit_for_the_answer(limit: int, budget: int) -> None:
    made = fitted(ReasoningRequest(effort="medium"), BUDGET, limit)
    assert made.request.reasoning == ReasoningRequest("enabled", budget)


def test_without_a_limit_that_of_the_family_is_reckoned_with() -> None:
    made = fitted(ReasoningRequest(effort="high"), BUDGET, None)
    assert made.request.reasoning == ReasoningRequest("enabled", 2_048)


@pytest.mark.parametrize(
    "asked", [ReasoningRequest(effort="low"), ReasoningRequest("enabled", 3000)]
)
def test_too_little_room_means_no_reasoning(asked: ReasoningRequest) -> None:
    made = fitted(asked, BUDGET, 2_047)
    assert (made.request.reasoning, told(made)) == (None, ["reasoning: not asked for"])


@pytest.mark.parametrize(
    ("budget", "limit", "sent"), [(5000, 5000, 2500), (3000, 2999, 1499), (3000, 2048, 1024)]
)
def test_a_budget_that_reaches_the_limit_is_halved(budget: int, limit: int, sent: int) -> None:
    made = fitted(ReasoningRequest("enabled", budget), BUDGET, limit)
    assert made.request.reasoning == ReasoningRequest("enabled", sent)
    assert told(made) == [f"reasoning: a budget of {budget} tokens sent as {sent}"]


def test_a_budget_below_the_limit_is_sent_as_it_was_asked_for() -> None:
    asked = ReasoningRequest("enabled", 3000)
    made = fitted(asked, BUDGET, 3001)
    assert (made.request.reasoning, told(made)) == (asked, [])


# ── turned off ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("asked", [ReasoningRequest("disabled"), ReasoningRequest(effort="none")])
@pytest.mark.parametrize(
    ("controls", "sent", "reported"),
    [
        (BUDGET, ReasoningRequest("disabled"), []),
        (ReasoningControls(efforts=("none", "low")), ReasoningRequest(effort="none"), []),
        (EFFORT, None, ["reasoning: not turned off"]),
    ],
)
def test_reasoning_is_turned_off_in_the_models_own_way(
    asked: ReasoningRequest,
    controls: ReasoningControls,
    sent: ReasoningRequest | None,
    reported: list[str],
) -> None:
    made = fitted(asked, controls)
    assert (made.request.reasoning, told(made)) == (sent, reported)


def test_a_model_that_does_not_reason_needs_not_be_told() -> None:
    plain = evolve(CHAT, features=CHAT.features - {Feature.REASONING}, reasoning=None)
    request = CompletionRequest((user("hi"),), reasoning=ReasoningRequest("disabled"))
    made = fit(request, plain, ModelFacts())
    assert (made.request.reasoning, told(made)) == (None, [])


# ── earlier turns ─────────────────────────────────────────────────────────────────────────────────

SIGNATURES = str(Feature.SIGNED_REASONING)
SIGNED = Reasoning("Hm.", signature="c2ln")
SEALED = Reasoning(redacted="c2VhbGVk")
BARE = Reasoning("Hm.")
NO_SIGNATURES = evolve(CHAT, features=CHAT.features - {Feature.SIGNED_REASONING})
NO_THOUGHTS = evolve(NO_SIGNATURES, features=NO_SIGNATURES.features - {Feature.REASONING})


def remembered(thought: Reasoning, codec: Any, **controls: Any) -> tuple[Any, list[str]]:
    """What the model gets of a thought before the words `Hello`, and what is reported."""
    turn = Message(Role.ASSISTANT, (thought, Text("Hello")))
    request = CompletionRequest((user("hi"), turn, user("so?")))
    facts = ModelFacts(reasoning=ReasoningControls(**controls))
    made = fit(request, codec, facts, client=TEACHER if "signer" in controls else None)
    content = made.request.messages[1].content
    assert content[-1] == Text("Hello")
    return content[:-1], [str(each.feature) for each in made.adjustments]


def test_a_thought_goes_back_as_it_came_where_it_can_be_read() -> None:
    for thought in (SIGNED, SEALED, BARE):
        assert remembered(thought, CHAT) == ((thought,), [])


def test_without_signatures_the_words_go_back_alone() -> None:
    assert remembered(SIGNED, NO_SIGNATURES) == ((BARE,), [SIGNATURES])
    assert remembered(BARE, NO_SIGNATURES) == ((BARE,), [])
    assert remembered(SEALED, NO_SIGNATURES) == ((), ["reasoning"])


def test_a_model_that_does_not_reason_gets_no_thoughts() -> None:
    for thought in (SIGNED, SEALED, BARE):
        assert remembered(thought, NO_THOUGHTS) == ((), ["reasoning"])


def test_what_must_be_signed_goes_back_signed_or_not_at_all() -> None:
    assert remembered(SIGNED, CHAT, is_signed=True) == ((SIGNED,), [])
    assert remembered(BARE, CHAT, is_signed=True) == ((), ["reasoning"])


def test_a_signature_of_another_vendor_does_not_count() -> None:
    assert remembered(SIGNED, CHAT, signer="ours") == ((BARE,), [SIGNATURES])
    assert remembered(SIGNED, CHAT, signer="ours", is_signed=True) == ((), ["reasoning"])
    assert remembered(SIGNED, CHAT, signer="others", is_signed=True) == ((SIGNED,), [])


def test_a_message_of_thoughts_alone_goes_and_one_that_was_empty_stays() -> None:
    said = Message(Role.ASSISTANT, (Text("Hello"),))
    thought, empty = Message(Role.ASSISTANT, (BARE,)), Message(Role.ASSISTANT, ())
    request = CompletionRequest((user("hi"), thought, said, empty, user("so?")))
    made = fit(request, NO_THOUGHTS, ModelFacts())
    assert made.request.messages == (user("hi"), said, empty, user("so?"))


def test_the_report_counts_the_thoughts_that_were_left_out() -> None:
    turns = [Message(Role.ASSISTANT, (thought,)) for thought in (SIGNED, SEALED, SEALED)]
    request, facts = CompletionRequest((user("hi"), *turns)), ModelFacts(reasoning=NEITHER)
    made = fit(request, NO_SIGNATURES, facts)
    assert told(made)[:2] == [
        "reasoning: 2 of 3 blocks of earlier turns not sent",
        f"{SIGNATURES}: the signatures of earlier turns not sent",
    ]


# ── next to tools ─────────────────────────────────────────────────────────────────────────────────

SILENT = ReasoningControls(efforts=("none", "low"), efforts_with_tools=())
TURNED_OFF = ReasoningControls(efforts=("none", "low"), efforts_with_tools=("none",))


@pytest.mark.parametrize(
    ("controls", "asked", "sent", "reports"),
    [
        (SILENT, None, None, []),
        (SILENT, "low", None, ["reasoning: effort low not sent"]),
        (TURNED_OFF, None, "none", ["reasoning: effort none sent"]),
        (TURNED_OFF, "low", "none", ["reasoning: effort low sent as none"]),
        (TURNED_OFF, "none", "none", []),
        (EFFORT, "low", "low", []),
    ],
)
def test_an_effort_next_to_tools_is_the_one_that_the_model_takes_there(
    controls: ReasoningControls, asked: str | None, sent: str | None, reports: list[str]
) -> None:
    reasoning = None if asked is None else ReasoningRequest(effort=asked)
    request = CompletionRequest((user("hi"),), tools=(Tool("look_up"),), reasoning=reasoning)

    made = fit(request, CHAT, ModelFacts(base_id="toy.chat", reasoning=controls))

    assert told(made) == reports
    assert (made.request.reasoning and made.request.reasoning.effort) == sent


# ── a model that does not reason ──────────────────────────────────────────────────────────────────

THOUGHTLESS = evolve(CHAT, features=CHAT.features - {Feature.REASONING})
AGENT = evolve(CHAT, family="agent", reasoning=ReasoningControls(is_mode_optional=False))


@pytest.mark.parametrize(
    "asked",
    [
        ReasoningRequest("adaptive"),
        ReasoningRequest("adaptive", effort="high"),
        ReasoningRequest(effort="low"),
    ],
)
def test_reasoning_that_a_client_leaves_to_the_model_is_left_out_and_told(
    asked: ReasoningRequest,
) -> None:
    request = CompletionRequest((user("hi"),), reasoning=asked)
    made = fit(request, THOUGHTLESS, ModelFacts(), client=AGENT)
    assert made.request.reasoning is None
    assert told(made) == ["reasoning: not asked for"]


@pytest.mark.parametrize("client", [AGENT, TEACHER, None])
def test_reasoning_that_is_insisted_on_stays_and_is_refused_by_name(client: Any) -> None:
    asked = ReasoningRequest("enabled", 2048) if client is AGENT else ReasoningRequest(effort="low")
    request = CompletionRequest((user("hi"),), reasoning=asked)
    made = fit(request, THOUGHTLESS, ModelFacts(), client=client)
    assert made.request.reasoning == asked
    with pytest.raises(EncodeError, match="reasoning"):
        THOUGHTLESS.encode_request(made.request, ModelFacts())
