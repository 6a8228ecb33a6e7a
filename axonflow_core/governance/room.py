"""Whether budgets and limits have room for a call, where it may go.

What is reserved is the highest price among the targets that the call may be passed on to, so that
it fits in whoever answers. Where that is more than is left, and the budget says `downgrade`, the
targets that cost less are tried, the cheapest first; the call goes to that one alone then. A call
that was passed on is charged to the budgets of where it went.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from axonflow_core.budgets.estimates import Estimate, cost_nanos, estimate, request_tokens
from axonflow_core.budgets.ledger import Ledger
from axonflow_core.budgets.prices import Prices
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.terms import OnExceed
from axonflow_core.frozen import evolve
from axonflow_core.provider import Price, Provider
from axonflow_core.routing.run import Plan
from axonflow_core.routing.targets import Target
from axonflow_core.texts import texts_in

if TYPE_CHECKING:
    from axonflow_core.governance.trail import Trail
    from axonflow_core.messages import CompletionRequest

Tell = Callable[[Target], None]
_NOTHING = Estimate(0, 0, nanos=0)


def texts_to_count(trail: Trail, request: CompletionRequest) -> Iterable[str]:
    """The texts of a request, as the policy lets them go; those of a request of which nothing is
    kept (`Decision.is_blind`) are in it alone."""
    return trail.texts.values() or [text for _, text in texts_in(request)]


class Room:
    """Finds room for the calls of one generation. Without a ledger every call has some."""

    def __init__(
        self, ledger: Ledger | None, prices: Prices, providers: Mapping[str, Provider]
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._providers = providers

    def found_at_once(self, plan: Plan, request: CompletionRequest, trail: Trail) -> Plan | None:
        """As `found`, where that takes no waiting, as for nearly every call; None where it may
        take some."""
        ledger = self._ledger
        if ledger is None:
            return plan
        ready = ledger.ready.get(trail.key())
        if ready is None or ready.prices is not self._prices:
            return None
        into, out = request_tokens(texts_to_count(trail, request), request)
        targets, least = plan.targets, 0
        if len(targets) > 1:
            least = self._highest(0, targets[1:], into, out) or 0
        taken = ready.take(ledger.now_us(), into, out, least)
        if taken is None:
            return None
        trail.reserved(taken)
        return plan

    async def found(
        self,
        plan: Plan,
        chose: Tell,
        request: CompletionRequest,
        trail: Trail,
        *,
        is_free: bool = False,
    ) -> Plan | None:
        """The targets that the call may go to, with room for it reserved; None where there is no
        room, and then the decision is in the trail. One that `is_free` is a request like any other,
        and takes no tokens and no money. `AuditError`."""
        ledger = self._ledger
        if ledger is None:
            return plan
        subject = trail.subject
        accounts = ledger.accounts(subject)
        if not accounts:
            return plan
        expected = _NOTHING if is_free else self._expected(plan, request, trail)
        taken = await ledger.admit(accounts, expected)
        if isinstance(taken, Refusal):
            return await self._cheaper(ledger, plan, chose, expected, trail, taken)
        if not is_free:
            ledger.note_ready(subject, taken, self._prices)
        trail.reserved(taken)
        return plan

    def _expected(self, plan: Plan, request: CompletionRequest, trail: Trail) -> Estimate:
        first, *others = plan.targets
        into, out, price, nanos = estimate(
            texts_to_count(trail, request), request, self._price(first)
        )
        return Estimate(into, out, price, self._highest(nanos, others, into, out))

    def _highest(
        self, nanos: int | None, others: Iterable[Target], input_tokens: int, output_tokens: int
    ) -> int | None:
        """The cost of a call at the first target, or at a dearer one behind it; None where that of
        the first is not known."""
        if nanos is None:
            return None
        costs = [self._cost(target, input_tokens, output_tokens) or 0 for target in others]
        return max(nanos, *costs) if costs else nanos

    async def _cheaper(
        self,
        ledger: Ledger,
        plan: Plan,
        chose: Tell,
        expected: Estimate,
        trail: Trail,
        refusal: Refusal,
    ) -> Plan | None:
        """As `found`, for a call that is too dear as it is planned."""
        budget = refusal.account.budget
        if budget is not None and budget.on_exceed is OnExceed.DOWNGRADE:
            for cost, target in self._below(plan, expected):
                chose(target)
                subject = trail.subject
                cheap = expected._replace(nanos=cost, price=self._price(target))
                taken = await ledger.admit(ledger.accounts(subject), cheap)
                if not isinstance(taken, Refusal):
                    trail.reserved(taken)
                    trail.is_downgraded = True
                    return evolve(plan, targets=(target,))
            chose(plan.targets[0])
        trail.refused(refusal)
        return None

    def _below(self, plan: Plan, expected: Estimate) -> list[tuple[int, Target]]:
        """The targets of known price that cost less than what was expected, the cheapest first."""
        into, out, _, most = expected
        priced = [(self._cost(target, into, out), target) for target in plan.targets]
        below = [
            (cost, target)
            for cost, target in priced
            if cost is not None and (most is None or cost < most)
        ]
        return sorted(below, key=lambda each: each[0])

    def _price(self, target: Target) -> Price | None:
        name = target.provider
        return self._prices.expected(name, self._providers[name], target.model)

    def _cost(self, target: Target, input_tokens: int, output_tokens: int) -> int | None:
        return cost_nanos(self._price(target), input_tokens, output_tokens)
