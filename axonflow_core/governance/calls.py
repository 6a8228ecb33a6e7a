"""A call, governed: decision on the request, call, decision on the answer, record.

Whatever happens on the way, exactly one record is durable before whoever asked is answered: where
the audit cannot write, an `AuditError` takes the answer's place. A decision that cannot be made is
`Verdict.ERROR`, and stops the call as a block does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from axonflow_core.budgets.prices import Prices
from axonflow_core.errors import AxonFlowError
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.choosing import (
    errand_of,
    native_of,
    policy_of_call,
    policy_of_texts,
    vault_of,
    wish_of,
)
from axonflow_core.governance.room import Room
from axonflow_core.governance.screening import judged, restored
from axonflow_core.governance.shadows import Shadows
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall, Outcome, Trail, code_of
from axonflow_core.governance.vault import Vault
from axonflow_core.messages import EMPTY, Completion, CompletionRequest, Usage
from axonflow_core.policy.rules import Mode, Phase
from axonflow_core.policy.terms import Surface
from axonflow_core.provider import CompletionStream, ForwardedAnswer, Provider
from axonflow_core.routing.router import Router
from axonflow_core.routing.run import Plan, Tell
from axonflow_core.routing.targets import Target

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.budgets.ledger import Ledger
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.policies import Policies

T = TypeVar("T", CompletionRequest, Completion)


class Governance:
    """The one way to the providers of one generation of the configuration."""

    def __init__(
        self,
        policies: Policies,
        router: Router,
        audit: AuditStore,
        *,
        generation: int = 1,
        ledger: Ledger | None = None,
        prices: Prices | None = None,
        makes_copies: bool = False,
    ) -> None:
        """`ledger` has the budgets and limits that calls must fit into. None: there are none.
        `makes_copies`: whether shadow calls are made, which go on after the calls that they copy;
        then whoever has this closes it."""
        self.policies = policies
        self.router = router
        self.generation = generation
        self._audit = audit
        self.ledger = ledger
        self.prices = prices or Prices()
        self._room = Room(ledger, self.prices, router.providers)
        rules = router.rules.shadow
        self._shadows = Shadows(rules, self.complete) if makes_copies and rules else None

    @property
    def providers(self) -> Mapping[str, Provider]:
        """The providers that calls may go to."""
        return self.router.providers

    async def aclose(self) -> None:
        """End the shadow calls that are under way."""
        if self._shadows is not None:
            await self._shadows.aclose()

    async def complete(self, call: GovernedCall) -> Outcome:
        """Check `call`, make it, check its answer. What stops or fails it stands in the outcome;
        raised are `AuditError`, and the cancellation of whoever waits, which is on record too."""
        return await self._through(call, self._completed)

    async def measure(self, call: GovernedCall) -> Outcome:
        """As `complete`, for a client's own call that is not answered in words: texts become
        vectors, documents are put in order, tokens are counted. Its answer is
        `Outcome.forwarded`."""
        return await self._through(call, self._measured)

    async def _through(
        self, call: GovernedCall, way: Callable[[GovernedCall, Trail], Awaitable[Any]]
    ) -> Outcome:
        """The outcome of a call that goes this way, on record."""
        trail = Trail(call, self.generation, self.prices)
        given = None
        try:
            given = await way(call, trail)
        except AxonFlowError as error:
            trail.failed(error)
        except asyncio.CancelledError as cancelled:
            trail.broke_off(code_of(cancelled))
            raise
        except Exception:
            trail.broke_off("internal")
            raise
        finally:
            await self._record(trail, given=given)
        return trail.outcome(given)

    async def stream(self, call: GovernedCall) -> GovernedStream | Outcome:
        """Check `call`, and begin it: its answer is checked while it comes. An `Outcome` is
        returned where no stream began, because a policy stopped the call or it failed. Raised is
        what `complete` raises.

        That the stream begins is durable before the model is called; its end is on record before
        the terminal event leaves. Whoever has the stream closes it.
        """
        trail = Trail(call, self.generation, self.prices, is_streamed=True)
        opened = False
        try:
            policy = policy_of_call(self.policies, self.router, call)
            vault = vault_of(call, policy)
            request = await self._admitted(call, policy, trail, vault)
            if request is not None:
                plan, chose = self._planned(call, request, trail, is_streamed=True)
                afforded = self._room.found_at_once(plan, request, trail)
                if afforded is None:
                    afforded = await self._room.found(plan, chose, request, trail)
                if afforded is None:
                    return await self._refused(trail)
                await self._audit.append(trail.opened())
                opened = True
                stream = await self._streamed(call, request, afforded, chose)
                return GovernedStream(stream, policy, trail, self._record, vault)
        except AxonFlowError as error:
            trail.failed(error)
        except asyncio.CancelledError as cancelled:
            trail.broke_off(code_of(cancelled))
            await self._record(trail, is_opened=opened)
            raise
        except Exception:
            trail.broke_off("internal")
            await self._record(trail, is_opened=opened)
            raise
        await self._record(trail, is_opened=opened)
        return trail.outcome(None)

    async def _record(self, trail: Trail, *, is_opened: bool = False, given: Any = None) -> None:
        """Put the end of a call on record, and settle what was reserved for it. `given` is the
        answer that may be given."""
        closes, reservation = trail.id if is_opened else None, trail.reservation
        ledger = self.ledger
        if reservation is None or ledger is None:
            await self._append(trail, closes, given)
        else:
            if trail.target is not trail.admitted:  # it was passed on
                ledger.rebook(reservation, trail.subject)
            try:
                await self._append(trail, closes, given)
            except BaseException:
                ledger.doubt(reservation)
                raise
            ledger.settle(reservation)
        if self._shadows is not None and trail.is_answered:
            self._shadows.consider(trail.call, trail.id)

    async def _append(self, trail: Trail, closes: str | None, given: Any) -> None:
        entry, on_record = trail.entry(closes=closes), trail.call.on_record
        if on_record is None:
            await self._audit.append(entry)
            return
        outcome = trail.outcome(given)

        def record(transaction: Transaction) -> None:
            transaction.append(entry)
            on_record(transaction, outcome)

        await self._audit.transact(record)

    async def _refused(self, trail: Trail) -> Outcome:
        """The outcome of a stream that a budget has no room for."""
        await self._record(trail)
        return trail.outcome(None)

    async def _completed(
        self, call: GovernedCall, trail: Trail
    ) -> Completion | ForwardedAnswer | None:
        policy = policy_of_call(self.policies, self.router, call)
        vault = vault_of(call, policy)
        request = await self._admitted(call, policy, trail, vault)
        if request is None:
            return None
        plan, chose = self._planned(call, request, trail)
        afforded = self._room.found_at_once(plan, request, trail)
        if afforded is None:
            afforded = await self._room.found(plan, chose, request, trail)
        if afforded is None:
            return None
        if call.native is None:
            answer = await self.router.complete(
                request, afforded, timeout_s=call.timeout_s, tell=chose
            )
            return await self._passed(policy, answer, trail, vault)
        forwarded = await self.router.forward(
            native_of(call.native, request), afforded, timeout_s=call.timeout_s, tell=chose
        )
        passed = await self._passed(policy, forwarded.answer, trail, vault)
        if passed is forwarded.answer:
            return forwarded
        return None if passed is None else ForwardedAnswer(passed, headers=forwarded.headers)

    async def _measured(self, call: GovernedCall, trail: Trail) -> ForwardedAnswer | None:
        native = call.native
        assert native is not None  # noqa: S101 - only clients' own calls are measured
        policy = policy_of_call(self.policies, self.router, call)
        request = await self._admitted(call, policy, trail, vault_of(call, policy))
        if request is None:
            return None
        native, wish = native_of(native, request), wish_of(call)
        chose = self._told(trail)
        plan = self.router.plan_of(native, wish)
        chose(plan.targets[0])
        afforded = await self._room.found(plan, chose, request, trail, is_free=native.is_counted)
        if afforded is None:
            return None
        forwarded = await self.router.forward(
            native, afforded, timeout_s=call.timeout_s, tell=chose
        )
        trail.measured(Usage() if native.is_counted else forwarded.answer.usage)
        return forwarded

    async def _passed(
        self, policy: Policy, answer: Completion, trail: Trail, vault: Vault | None
    ) -> Completion | None:
        """The answer as the policy lets it go; None where it does not."""
        trail.answered(answer)
        passed: Completion | None = answer
        if policy.is_on(Phase.ANSWER):
            passed = await self._judged(policy, Phase.ANSWER, answer, trail)
        return await restored(vault, passed) if vault and passed is not None else passed

    async def _streamed(
        self, call: GovernedCall, request: CompletionRequest, plan: Plan, chose: Tell
    ) -> CompletionStream:
        """The open answer to `call`, whose request is now `request`."""
        if call.native is None:
            return await self.router.stream(request, plan, timeout_s=call.timeout_s, tell=chose)
        native = native_of(call.native, request)
        return await self.router.forward_stream(native, plan, timeout_s=call.timeout_s, tell=chose)

    def policy_for(self, caller: Caller, model: str | None, surface: Surface) -> Policy:
        """As `policy_of_texts`, for texts of this caller."""
        return policy_of_texts(self.policies, self.router, caller.client, model, surface)

    async def _admitted(
        self, call: GovernedCall, policy: Policy, trail: Trail, vault: Vault | None
    ) -> CompletionRequest | None:
        """The request as it is sent; None where none is."""
        if call.user:
            trail.user = await self._audit.pseudonym(call.caller.tenant, call.user)
        if errand := await errand_of(call, self.policies, policy):
            trail.decided(errand, EMPTY)
            return None
        mode = call.prompt_mode
        request = await self._judged(policy, Phase.REQUEST, call.request, trail, vault, mode)
        if vault and request is not None:
            trail.replaced(vault.replaced, vault.restored)
        return request if call.is_made else None

    async def _judged(
        self,
        policy: Policy,
        phase: Phase,
        value: T,
        trail: Trail,
        vault: Vault | None = None,
        prompt_mode: Mode = Mode.PROMPT,
    ) -> T | None:
        """`value` as the policy lets it go; None where it does not."""
        decision, passed, kept = await judged(policy, phase, value, vault, prompt_mode=prompt_mode)
        trail.decided(decision, kept)
        return passed

    def _planned(
        self,
        call: GovernedCall,
        request: CompletionRequest,
        trail: Trail,
        *,
        is_streamed: bool = False,
    ) -> tuple[Plan, Tell]:
        """Whom `call` goes to, and what hears of each target that is asked; the first is known to
        the trail already. `RequestError` where the caller may use none."""
        caller = call.caller
        # A copy is no turn of its conversation.
        owner = caller.owner if call.copy_of is None else f"{caller.owner}\0{call.mode}"
        plan = self.router.choose(wish_of(call), request, is_streamed=is_streamed, owner=owner)
        chose = self._told(trail)
        chose(plan.targets[0])
        return plan, chose

    def _told(self, trail: Trail) -> Tell:
        """What tells the trail of each target."""

        def chose(target: Target, beside: tuple[Target, ...] = (), /) -> None:
            trail.chose(target, self.providers[target.provider], beside)

        return chose
