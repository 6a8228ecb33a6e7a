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
from axonflow_core.governance.screening import evaluated, judged
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import GovernedCall, Outcome, Trail, code_of
from axonflow_core.messages import Completion, CompletionRequest
from axonflow_core.policy.rules import Decision, Phase
from axonflow_core.provider import Provider

if TYPE_CHECKING:
    from axonflow_core.audit.store import AuditStore
    from axonflow_core.policy.engine import Policy

T = TypeVar("T", CompletionRequest, Completion)


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
        trail = Trail(call, self.generation)
        completion = None
        try:
            completion = await self._completed(call, trail)
        except AxonFlowError as error:
            trail.failed(error)
        except asyncio.CancelledError as cancelled:
            trail.broke_off(code_of(cancelled))
            raise
        except Exception:
            trail.broke_off("internal")
            raise
        finally:
            await self._record(trail)
        return trail.outcome(completion)

    async def stream(self, call: GovernedCall) -> GovernedStream | Outcome:
        """Check `call`, and begin it: its answer is checked while it comes. An `Outcome` is
        returned where no stream began, because a policy stopped the call or it failed. Raised is
        what `complete` raises.

        That the stream begins is durable before the model is called; its end is on record before
        the terminal event leaves. Whoever has the stream closes it.
        """
        trail = Trail(call, self.generation, is_streamed=True)
        opened = False
        try:
            request = await self._admitted(call, trail)
            if request is not None:
                provider, model = self._chosen(call, trail)
                await self._audit.append(trail.opened())
                opened = True
                stream = await provider.stream(request, model=model, timeout_s=call.timeout_s)
                return GovernedStream(stream, self.policy, trail, self._record)
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

    async def _record(self, trail: Trail, *, is_opened: bool = False) -> None:
        """Put the end of a call on record."""
        await self._audit.append(trail.entry(closes=trail.id if is_opened else None))

    async def _completed(self, call: GovernedCall, trail: Trail) -> Completion | None:
        request = await self._admitted(call, trail)
        if request is None:
            return None
        provider, model = self._chosen(call, trail)
        answer = await provider.complete(request, model=model, timeout_s=call.timeout_s)
        trail.answered(answer)
        if not self.policy.is_on(Phase.ANSWER):
            return answer
        return await self._judged(Phase.ANSWER, answer, trail)

    async def _admitted(self, call: GovernedCall, trail: Trail) -> CompletionRequest | None:
        """The request as it is sent; None where none is."""
        if call.user:
            trail.user = await self._audit.pseudonym(call.caller.tenant, call.user)
        request = await self._judged(Phase.REQUEST, call.request, trail)
        return request if call.is_made else None

    async def _judged(self, phase: Phase, value: T, trail: Trail) -> T | None:
        """`value` as the policy lets it go; None where it does not."""
        decision, passed, kept = await judged(self.policy, phase, value)
        trail.decided(decision, kept)
        return passed

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
        asked = "any provider" if call.provider is None else f"the provider {call.provider[:64]!r}"
        raise RequestError(
            f"the client {call.caller.client} may not use {asked}",
            hint=f"name one of these: {', '.join(allowed)}"
            if allowed
            else "its `providers:` in the configuration names those that it may",
        )
