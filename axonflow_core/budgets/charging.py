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

from typing import TYPE_CHECKING, Any

from axonflow_core.budgets.book import CHARGES
from axonflow_core.budgets.estimates import cost_nanos, text_tokens
from axonflow_core.budgets.terms import nanos
from axonflow_core.errors import (
    AuditError,
    AxonFlowError,
    ConfigError,
    CredentialsError,
    ProviderError,
    ProviderTimeout,
    RequestError,
)
from axonflow_core.routing.run import OUTRUN
from axonflow_core.texts import texts_in

if TYPE_CHECKING:
    from axonflow_core.budgets.slices import Reservation
    from axonflow_core.messages import Completion, Usage

_SILENT = frozenset((ProviderTimeout.code, OUTRUN))
"""Codes of attempts that were sent, and not answered in time."""


def charge(
    facts: dict[str, Any],
    reservation: Reservation,
    answer: Completion | None,
    cost_usd: float | None,
    is_whole: bool,
    error: AxonFlowError | None,
    beside: int = 0,
) -> None:
    """Add what a call is charged with to the facts of its record. The reservation knows what to
    settle afterwards. `error` is why there is no answer, or no more of it; of a call that ended
    without both, `beside` is how many targets may bill it besides the last."""
    amount: int | None
    if answer is None:
        how, amount, tokens = _unanswered(reservation, error)
    elif cost_usd is not None and is_whole:
        how, amount = "cost", nanos(cost_usd)
        tokens = used_tokens(answer.usage) if reservation.tokens else None
    else:
        how, amount, tokens = _guessed(reservation, answer, cost_usd, is_whole)
    if (others := beside or _others_billed(answer, error)) and amount is not None:
        into, out, _, of_one = reservation.expected
        how = "estimate" if answer is None else "several"
        amount += others * (of_one or 0)
        if tokens is not None:
            tokens += others * (into + out)
    charges = reservation.charge(amount, tokens)
    if charges:
        facts[CHARGES], facts["charged"] = charges, how


def _unanswered(
    reservation: Reservation, error: AxonFlowError | None
) -> tuple[str, int | None, int | None]:
    """How a call without an answer is charged: the word for it, the amount, and tokens."""
    if not _may_be_billed(error):
        return "nothing", 0, 0
    into, out, _, amount = reservation.expected
    return "unknown" if amount is None else "estimate", amount, into + out


def _guessed(
    reservation: Reservation, answer: Completion, cost_usd: float | None, is_whole: bool
) -> tuple[str, int | None, int | None]:
    """The same of a call whose cost is not known."""
    estimate = reservation.estimate
    amount = estimate.nanos
    if is_whole:
        return "unknown" if amount is None else "estimate", amount, used_tokens(answer.usage)
    input_tokens, output_tokens = _seen(reservation, answer)
    amount = cost_nanos(estimate.price, input_tokens, output_tokens)
    if amount is not None and cost_usd is not None:
        amount = max(amount, nanos(cost_usd))
    return "unknown" if amount is None else "seen", amount, input_tokens + output_tokens


def _may_be_billed(error: AxonFlowError | None) -> bool:
    """Whether a call without an answer may have cost something: not where the provider refused it,
    or nothing was sent."""
    if isinstance(error, ProviderError):
        return error.status is None and not isinstance(error, CredentialsError)
    return not isinstance(error, RequestError | ConfigError | AuditError)


def _others_billed(answer: Completion | None, error: AxonFlowError | None) -> int:
    """At how many targets besides the last the call may be billed: they were silent."""
    receipt = None if answer is None else answer.receipt
    if receipt is None:
        attempts = () if error is None else error.failed_attempts
        return sum(each.code in _SILENT for each in attempts)
    if receipt.choice is None or not receipt.choice.is_possibly_billed_twice:
        return 0
    return max(1, sum(each.code in _SILENT for each in receipt.failed_attempts))


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
