"""Which surface carries a request, where the configuration leaves it to the request (`auto`).

    own JSON takes it                    ->  InvokeModel, as ever
    it does not, and Converse does       ->  Converse: tools of Llama, documents of Nova, …
    neither does                         ->  the refusal of the own JSON, with what Converse lacks

Both refusals come before anything is sent. With `surface: invoke` nothing is switched, and the
refusal's hint names `surface: converse` first where that would carry the request.

A text that would forge a turn in the model's own template is not carried around that check: what
the template of the own codec refuses or defuses is refused or defused on Converse too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from axonflow_core.calls.route import Route
from axonflow_core.codec.control_tokens import (
    neutralise_control_tokens,
    refuse_forged_turns,
    template_texts,
)
from axonflow_core.errors import EncodeError
from axonflow_core.messages import CompletionRequest

C = TypeVar("C")

_FORGED = "control_tokens"


def carry_on_converse(
    refusal: EncodeError,
    request: CompletionRequest,
    own: Route,
    converse: Route | None,
    prepare: Callable[[CompletionRequest, Route], C],
    *,
    may_switch: bool = True,
    neutralises: bool = False,
) -> C:
    """The call that `prepare(request, converse)` makes after `own` refused; else `refusal`, raised.

    `converse` is the same model on Converse; None where there is no such route. `may_switch` is
    False with `surface: invoke`. `neutralises` is the operator's `control_tokens: neutralise`.
    """
    if converse is None or refusal.feature == _FORGED:
        raise refusal
    try:
        call = prepare(_guarded(request, own, neutralises=neutralises), converse)
    except EncodeError as second:
        if second.message != refusal.message:
            refusal.hint = _without_either(refusal, second)
        raise refusal from refusal.__cause__
    if may_switch:
        return call
    refusal.hint = (
        "set `surface: converse` in the provider's config, which carries it for this model; or "
        "leave it out"
    )
    raise refusal


def _guarded(request: CompletionRequest, own: Route, *, neutralises: bool) -> CompletionRequest:
    """`request` without what would forge a turn in the model's own template."""
    tokens = own.codec.control_tokens
    if not tokens or request.is_raw_prompt:
        return request
    if neutralises:
        return neutralise_control_tokens(request, tokens)
    refuse_forged_turns(own.codec.name, tokens, template_texts(request))
    return request


def _without_either(refusal: EncodeError, second: EncodeError) -> str:
    """The hint where neither form carries the request. Where the two refuse the same thing, the
    way out is that of Converse: the one of the own form may be Converse."""
    hint = second.hint if second.feature == refusal.feature else refusal.hint
    first = f"{hint}; " if hint else ""
    return f"{first}nor does Converse carry it: {second.message}"
