"""Which errors lead to another target.

Another target is tried where this one cannot serve now: it is throttled beyond its retries, does
not answer, has lost its credentials, has no such model. It is not tried where the call itself is
wrong (`InvalidCall`): another vendor would refuse it as well, or take it and hide the mistake of
whoever calls, and a faulty client would cost twice its calls. One kind of it is the target's:
another model may have a larger window (`ContextExceeded`).

What a target refuses before it sends anything (`RequestError`: no images, no such family) another
may take; nothing was spent.

After silence, once the request was sent whole, the answer may have been generated and billed
(`AxonFlowError.may_be_billed`). Then another target is asked where the operator wants that, and the
receipt says so.
"""

from __future__ import annotations

from axonflow_core.errors import (
    AccessDenied,
    AnswerError,
    AxonFlowError,
    BlockingCallError,
    ConfigError,
    ContextExceeded,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    RequestError,
    Throttled,
    Unavailable,
)

_OF_THE_TARGET = (
    AccessDenied,
    AnswerError,
    ConfigError,
    ContextExceeded,
    CredentialsError,
    ModelNotFound,
    ProfileRequired,
    ProviderTimeout,
    RequestError,
    Throttled,
    Unavailable,
)


def passes_on(error: AxonFlowError, *, on_silence: bool) -> bool:
    """Whether another target may be tried after `error`. `on_silence` is the operator's word for
    calls that may be billed already."""
    if isinstance(error, BlockingCallError) or (error.may_be_billed and not on_silence):
        return False
    return isinstance(error, _OF_THE_TARGET) or _is_unreached(error)


def _is_unreached(error: AxonFlowError) -> bool:
    """Whether it is of the way to the provider, as a certificate that is not trusted: of the
    provider itself it has a status below 500."""
    if not isinstance(error, ProviderError) or isinstance(error, InvalidCall):
        return False
    return error.status is None or error.status >= 500
