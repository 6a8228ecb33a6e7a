"""A call, governed: decision on the request, call, decision on the answer, record.

Whatever happens on the way, exactly one record is durable before whoever asked is answered: where
the audit cannot write, an `AuditError` takes the answer's place. A decision that cannot be made is
`Verdict.ERROR`, and stops the call as a block does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from axonflow_core.errors import AxonFlowError, RequestError
from axonflow_core.governance.screening import Screened, evaluated
from axonflow_core.governance.trail import GovernedCall, Outcome, Trail
from axonflow_core.messages import Completion, CompletionRequest
from axonflow_core.policy.rules import Decision, Phase
from axonflow_core.provider import Provider

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.policy.engine import Policy

T = TypeVar("T", CompletionRequest, Completion)

CLIENT_CLOSED = "client_closed"
"""The code of a call whose client left: a call that is cancelled with this message has it."""


class Governance:
    """The one way to the providers of one generation of the configuration."""

    def __init__(
        self,
        policy: Policy,
        providers: Mapping[str, Provider],
        audit: AuditStore,
        *,
        generation: int = 1,
    ) -> None:
        self.policy = policy
        self.providers = providers
        self.generation = generation
        self._audit = audit

    async def complete(self, call: GovernedCall) -> Outcome:
        """Check `call`, make it, check its answer. What stops or fails it stands in the outcome;
        raised are `AuditError`, and the cancellation of whoever waits, which is on record too."""
        user = await self._audit.pseudonym(call.caller.tenant, call.user) if call.user else None
        trail = Trail(call, self.generation)
        completion = None
        try:
            completion = await self._completed(call, trail)
        except AxonFlowError as error:
            trail.failed(error)
        except asyncio.CancelledError as cancelled:
            is_closed = cancelled.args == (CLIENT_CLOSED,)
            trail.broke_off(CLIENT_CLOSED if is_closed else "cancelled")
            raise
        except Exception:
            trail.broke_off("internal")
            raise
        finally:
            await self._audit.append(trail.entry(user))
        return trail.outcome(completion)

    async def _completed(self, call: GovernedCall, trail: Trail) -> Completion | None:
        request = await self._screened(Phase.REQUEST, call.request, trail)
        if request is None or not call.is_made:
            return None
        provider, model = self._chosen(call, trail)
        answer = await provider.complete(request, model=model, timeout_s=call.timeout_s)
        trail.answered(answer)
        return await self._screened(Phase.ANSWER, answer, trail)

    async def _screened(self, phase: Phase, value: T, trail: Trail) -> T | None:
        """`value` as the policy lets it go; None where it does not."""
        screened = Screened(value)
        decision = await evaluated(self.policy, phase, screened.texts)
        trail.decided(decision, screened.texts)
        return None if decision.is_stopped else screened.replaced(value, decision)

    async def decide(self, phase: Phase, parts: Mapping[str, str]) -> Decision:
        """What the policy decides on these texts. The caller records it."""
        return await evaluated(self.policy, phase, parts)

    def _chosen(self, call: GovernedCall, trail: Trail) -> tuple[Provider, str]:
        """The provider and the model that answer `call`, of those that its caller may use."""
        name = self._provider_for(call)
        provider = self.providers[name]
        model = call.model or provider.default_model
        if not call.caller.may_use_model(model):
            raise RequestError(
                f"the client {call.caller.client} may not use the model {model[:256]}",
                hint="its `models:` in the configuration names those that it may",
            )
        trail.chose(name, provider, model)
        return provider, model

    def _provider_for(self, call: GovernedCall) -> str:
        allowed = [name for name in self.providers if call.caller.may_use_provider(name)]
        if call.provider is None and allowed:
            return allowed[0]
        if call.provider in allowed:
            return call.provider
        asked = "no provider" if call.provider is None else f"not {call.provider[:64]!r}"
        raise RequestError(
            f"the client {call.caller.client} may use {asked}",
            hint=f"name one of these: {', '.join(allowed)}"
            if allowed
            else "its `providers:` in the configuration names those that it may",
        )
