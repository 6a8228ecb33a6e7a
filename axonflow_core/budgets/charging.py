"""What a call that is over is charged with, as its record says in the fact `charged`.

    cost      the provider answered whole: what the answer cost
    seen      a stream broke off: what was reported of it by then, and at least what was sent and
              what came of the answer, by their estimates. Providers bill what they generated before
              they noticed, and most report counts only at the end; so the reported cost, which is a
              lower bound, is too little, and what was reserved for the longest answer too much
    estimate  nothing came, and the provider may have worked: time-outs, lost connections,
              cancelled calls, streams whose worker died. The whole estimate is charged, because
              nobody knows how much of the answer was made. So is an answer without counts
    several   another target was asked too, after one that was silent: what the answer cost, and the
              estimate for each that may be billed beside it
    nothing   the provider refused the call, or nothing was sent
    unknown   the price is not known: no amount is charged, and the call is counted as unknown

A charge is no report of a cost: the fact `cost_usd` says what is known of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from axonflow_core.budgets.book import CHARGES
from axonflow_core.budgets.estimates import cost_nanos, text_tokens
from axonflow_core.budgets.terms import nanos
from axonflow_core.texts import texts_in

if TYPE_CHECKING:
    from axonflow_core.budgets.slices import Reservation
    from axonflow_core.messages import Completion, Usage


def charge(
    facts: dict[str, Any],
    reservation: Reservation,
    answer: Completion | None,
    cost_usd: float | None,
    is_whole: bool,
    may_be_billed: Callable[[], bool],
    others_billed: int = 0,
) -> None:
    """Add what a call is charged with to the facts of its record. The reservation knows what to
    settle afterwards. `may_be_billed` tells of a call without an answer, `others_billed` at how
    many targets it may be billed besides."""
    amount: int | None
    if cost_usd is not None and is_whole and answer is not None:
        how, amount = "cost", nanos(cost_usd)
        tokens = used_tokens(answer.usage) if reservation.tokens else None
    else:
        how, amount, tokens = _guessed(reservation, answer, cost_usd, is_whole, may_be_billed)
    if others_billed and amount is not None:
        into, out, _, of_one = reservation.expected
        how = "estimate" if answer is None else "several"
        amount += others_billed * (of_one or 0)
        if tokens is not None:
            tokens += others_billed * (into + out)
    reservation.actual_nanos, reservation.actual_tokens = amount, tokens
    if reservation.money:
        facts[CHARGES], facts["charged"] = reservation.charges(amount), how


def _guessed(
    reservation: Reservation,
    answer: Completion | None,
    cost_usd: float | None,
    is_whole: bool,
    may_be_billed: Callable[[], bool],
) -> tuple[str, int | None, int | None]:
    """How a call is charged whose cost is not known: the word for it, the amount, and tokens."""
    estimate = reservation.estimate
    tokens: int | None
    amount: int | None
    if answer is None:
        tokens, how, amount = 0, "nothing", 0
        if may_be_billed():
            tokens = estimate.input_tokens + estimate.output_tokens
            how, amount = "estimate", estimate.nanos
    elif is_whole:
        tokens = used_tokens(answer.usage)
        how, amount = "estimate", estimate.nanos
    else:
        input_tokens, output_tokens = _seen(reservation, answer)
        tokens, how = input_tokens + output_tokens, "seen"
        amount = cost_nanos(estimate.price, input_tokens, output_tokens)
        if amount is not None and cost_usd is not None:
            amount = max(amount, nanos(cost_usd))
    return "unknown" if amount is None else how, amount, tokens


def used_tokens(usage: Usage) -> int | None:
    """Tokens in and out; None where neither is known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return None
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    return (usage.input_tokens or 0) + (usage.output_tokens or 0) + cached


def _seen(reservation: Reservation, answer: Completion) -> tuple[int, int]:
    """Tokens in and out, of an answer that broke off: at least those that were reported."""
    sent = answer.usage.input_tokens or reservation.estimate.input_tokens
    came = text_tokens(text for _, text in texts_in(answer)) if answer.content else 0
    return sent, max(came, answer.usage.output_tokens or 0)
