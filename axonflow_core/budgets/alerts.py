"""An alert at a threshold: given once in each period, by whichever worker finds it due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axonflow_core.audit.record import Entry, Kind, new_id
from axonflow_core.budgets import book
from axonflow_core.budgets.accounts import Account, Budget
from axonflow_core.budgets.book import Alert
from axonflow_core.budgets.refusals import money
from axonflow_core.budgets.slices import Slice
from axonflow_core.budgets.terms import usd
from axonflow_core.policy.rules import Verdict

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction


class Alerting:
    """The work that gives an alert with its record; None where another worker has."""

    def __init__(self, part: Slice, budget: Budget, threshold: int, at_us: int) -> None:
        self._account = part.account
        self._starts_us = part.starts_us
        self._budget = budget
        self._threshold = threshold
        self._at_us = at_us
        self.is_due = True
        """Whether the store has the account at the threshold."""

    def __call__(self, transaction: Transaction) -> Alert | None:
        account, starts_us = self._account, self._starts_us
        spent = book.spent(transaction, account.key, starts_us, self._at_us)
        self.is_due = spent.settled * 100 >= self._threshold * account.limit
        if not self.is_due:
            return None
        alert = Alert(
            id=new_id(),
            account=account.key,
            starts_us=starts_us,
            threshold=self._threshold,
            percentage=round(spent.settled * 100 / account.limit, 2),
            amount=spent.settled,
            at_us=self._at_us,
        )
        if not book.note_alert(transaction, alert):
            return None
        transaction.append(_alert_entry(account, self._budget, alert))
        return alert


def _alert_entry(account: Account, budget: Budget, alert: Alert) -> Entry:
    return Entry(
        kind=Kind.BUDGET,
        verdict=Verdict.ALLOWED,
        id=alert.id,
        at_us=alert.at_us,
        tenant=account.key.rpartition("/")[0] if budget.of is None else budget.tenant,
        rules=(account.rule,),
        facts={
            "what": "alert",
            "budget": budget.id,
            "threshold": alert.threshold,
            "percentage": alert.percentage,
            "amount_usd": usd(alert.amount),
            "limit_usd": usd(budget.limit_nanos),
            "period_starts_us": alert.starts_us,
        },
    )


def alert_text(budget: Budget, alert: Alert) -> str:
    """An alert, for people."""
    return (
        f"the budget {budget.id} came to {alert.percentage:.4g} % of its {budget.period} "
        f"{money(budget.limit_nanos)}: the alert is at {alert.threshold} %"
    )
