"""Why a call is not made, in words."""

from __future__ import annotations

from axonflow_core.budgets.accounts import Account, Budget
from axonflow_core.budgets.terms import UnknownPrice, usd
from axonflow_core.frozen import frozen


@frozen(kw_only=True)
class Refusal:
    """Why a call is not made. The numbers are those of the account's unit."""

    account: Account
    message: str
    settled: int = 0
    """What was spent."""
    retry_after_s: int | None = None
    """When a rate's next minute begins; None where waiting does not help."""

    @property
    def is_rate(self) -> bool:
        """Whether a rate was exceeded, and no budget."""
        return self.account.budget is None


def refuses_unknown(account: Account) -> bool:
    """Whether the account makes no call of unknown price."""
    budget = account.budget
    return budget is not None and budget.unknown_price is UnknownPrice.BLOCK


def unknown_price(account: Account, settled: int) -> Refusal:
    """The refusal of a call whose price nobody knows."""
    id = "" if account.budget is None else account.budget.id
    message = (
        f"The price of the model is not known, and the budget {id} makes no call of unknown price."
    )
    return Refusal(account=account, message=message, settled=settled)


def too_dear(budget: Budget, settled: int, amount: int) -> str:
    """Why a call of `amount` nano-dollars does not fit; of an operator's budget without amounts."""
    if budget.is_of_operator:
        return f"The operator's budget {budget.id} has no room for the call."
    return (
        f"The budget {budget.id} has no room for the call: {money(settled)} of its "
        f"{budget.period} {money(budget.limit_nanos)} are spent, and the call may cost "
        f"{money(amount)}."
    )


def too_many(account: Account, amount: int, left_s: int) -> str:
    """Why a call does not fit into a limit of the minute, which ends in `left_s` seconds."""
    what = f"{account.limit:,} {account.unit} a minute"
    if amount > account.limit:
        return f"The call may need {amount:,} {account.unit}, and the limit is {what}."
    return f"The limit of {what} is reached; the next minute begins in {max(1, left_s)} s."


def money(nanos: int) -> str:
    """Nano-dollars, for people."""
    return f"${usd(nanos):,.6g}" if nanos % 10_000_000 else f"${usd(nanos):,.2f}"
