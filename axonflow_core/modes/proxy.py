"""Proxy Mode: a client asks, the server calls the model."""

from __future__ import annotations

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.messages import CompletionRequest, Image, Inference, Media, Text, hidden, user
from axonflow_core.modes.decisions import mode_of


@frozen(kw_only=True)
class ProxyRequest:
    """What a client asks of Proxy Mode."""

    query: str = hidden()
    media: tuple[Media, ...] = hidden(default=())
    """Pictures that belong to the query."""
    system_prompt: str | None = hidden(default=None)
    user: str | None = field(default=None, repr=False)
    """On whose behalf the client asks, as it names them."""
    request_type: str = "chat"
    """The product's word for the kind of request. The query of `sql` is a text of statements."""
    provider: str | None = None
    model: str | None = None
    is_strict: bool | None = None
    """Whether no other provider than the named one will do."""
    allowed_providers: tuple[str, ...] | None = None
    """The only providers that will do; None: all."""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    team: str | None = None
    workflow: str | None = None
    """What the client names as the team and the workflow of the request."""
    is_made: bool = True
    """Whether a model is called; otherwise the request is only checked and recorded."""


async def asked(
    governance: Governance, caller: Caller, request: ProxyRequest, *, timeout_s: float
) -> Outcome:
    """The outcome of `request`, on record. `AuditError` where it cannot be recorded."""
    return await governance.complete(governed_call(caller, request, timeout_s=timeout_s))


def governed_call(
    caller: Caller, request: ProxyRequest, *, timeout_s: float | None = None
) -> GovernedCall:
    """The call that `request` asks for. `RequestError` for a value that none takes."""
    return GovernedCall(
        caller=caller,
        request=completion_request(request),
        mode="proxy",
        request_type=request.request_type,
        prompt_mode=mode_of(request.request_type),
        user=request.user,
        provider=request.provider,
        model=request.model,
        is_strict=request.is_strict,
        allowed_providers=request.allowed_providers,
        timeout_s=timeout_s,
        is_made=request.is_made,
        team=request.team,
        workflow=request.workflow,
    )


def completion_request(request: ProxyRequest) -> CompletionRequest:
    """The request to the model. `RequestError` for a value that none takes."""
    system = request.system_prompt
    return CompletionRequest(  # of blocks in tuples, which pass as they are
        messages=(user((*map(Image, request.media), Text(request.query))),),
        system=() if system is None else (Text(system),),
        inference=Inference(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
        ),
    )
