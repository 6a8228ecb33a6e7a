"""Which policy a call, or a text of one, is judged by, and what of the call goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve
from axonflow_core.governance.errands import stopped_errand
from axonflow_core.governance.trail import GovernedCall
from axonflow_core.governance.vault import Vault
from axonflow_core.messages import CompletionRequest
from axonflow_core.policy.masks import Redaction
from axonflow_core.policy.terms import Surface
from axonflow_core.provider import NativeCall
from axonflow_core.routing.router import Router
from axonflow_core.routing.targets import Wish

if TYPE_CHECKING:
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.policies import Policies
    from axonflow_core.policy.rules import Decision


def policy_of_call(policies: Policies, router: Router, call: GovernedCall) -> Policy:
    """The policy that the request and the answer of a call are judged by."""
    client = call.caller.client
    if not policies.vary_by_model:
        return policies.of(client)
    try:
        models = router.models_of(wish_of(call))
    except RequestError:  # nobody may take it, as planning says in its turn
        models = None
    return policies.of(client, models, called=call.model)


def policy_of_texts(
    policies: Policies, router: Router, client: str, model: str | None, surface: Surface
) -> Policy:
    """The policy of texts of a call that this server does not make: of one to that model, by id or
    by name, or to nobody knows which."""
    if model is None:
        return policies.of(client, surface=surface)
    named = router.catalogue.named.get(model, ())
    models = [target.model for target in named] or [model]
    return policies.of(client, models, called=model, surface=surface)


async def errand_of(call: GovernedCall, policies: Policies, policy: Policy) -> Decision | None:
    """The decision that stops a call, before its texts are judged, for what it would send its
    vendor out for."""
    allows_fetches = policies.allows_fetches
    return await stopped_errand(call.request, policy.version, allows_fetches=allows_fetches)


def vault_of(call: GovernedCall, policy: Policy) -> Vault | None:
    """What keeps the placeholders of a call; None where its policy makes none."""
    if policy.redaction is not Redaction.REVERSIBLE or not call.is_made:
        return None
    asked = call.request
    return Vault(is_json=isinstance(asked, CompletionRequest) and asked.output_schema is not None)


def native_of(native: NativeCall, request: CompletionRequest) -> NativeCall:
    """The client's own call with `request`, as the policy let it go."""
    return native if request is native.request else evolve(native, request=request)


def wish_of(call: GovernedCall) -> Wish:
    """What `call` asks of routing, and may."""
    return call.caller.wish(
        provider=call.provider,
        model=call.model,
        is_strict=call.is_strict,
        allowed=call.allowed_providers,
    )
