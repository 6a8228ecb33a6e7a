"""A client that speaks a vendor's dialect: it asks as it would ask the vendor, and is answered so.

    a call read  ->  governance, with the body as it came  ->  the answer in the dialect

Where nobody changed anything and the model speaks the same dialect, the bytes of both directions
pass as they are.
"""

from __future__ import annotations

import time
from typing import Any

from axonflow_core.budgets.refusals import Refusal
from axonflow_core.codec import StreamContext
from axonflow_core.endpoint.calls import NativeAnswer, NativeStream
from axonflow_core.endpoint.conversation import Conversation, UnaryCall
from axonflow_core.errors import PolicyBlocked, Throttled
from axonflow_core.frozen import evolve
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.trail import GovernedCall, Outcome
from axonflow_core.messages import Completion
from axonflow_core.provider import CompletionStream, ForwardedAnswer

from .adjusted import header_of
from .telling import TellingStream

MODE = "dialect"


async def conversed(
    governance: Governance, caller: Caller, asked: Conversation, *, timeout_s: float
) -> NativeAnswer | NativeStream:
    """The answer to a conversation, on record. Raises why there is none: `PolicyBlocked`, the error
    of the call, `AuditError`."""
    call = governed_call(caller, asked, timeout_s)
    context = _context_of(asked)
    if asked.is_streamed:
        stream = await governance.stream(call)
        if isinstance(stream, CompletionStream):
            told = TellingStream(stream, _reason_of, is_always=asked.form.tells_stops)
            chunks = asked.chunks(context, told, is_renamed=True)
            return NativeStream(chunks, header_of((*asked.unmet, *stream.adjustments)))
        raise _reason_of(stream)
    outcome = await governance.complete(call)
    if outcome.forwarded is None:
        raise _reason_of(outcome)
    forwarded = _named(outcome.forwarded, context)
    answer = asked.forwarded(forwarded)
    adjusted = header_of((*asked.unmet, *forwarded.answer.adjustments))
    return evolve(answer, headers={**answer.headers, **adjusted}) if adjusted else answer


async def measured(
    governance: Governance, caller: Caller, asked: UnaryCall[Any, Any], *, timeout_s: float
) -> NativeAnswer:
    """As `conversed`, where the answer is not in words: vectors, an order of documents, a count of
    tokens."""
    outcome = await governance.measure(governed_call(caller, asked, timeout_s))
    if outcome.forwarded is None:
        raise _reason_of(outcome)
    return asked.forwarded(outcome.forwarded)


def governed_call(
    caller: Caller,
    asked: Conversation | UnaryCall[Any, Any],
    timeout_s: float | None = None,
) -> GovernedCall:
    """The call that is asked for."""
    return GovernedCall(
        caller=caller,
        request=asked.request,
        native=asked.native,
        mode=MODE,
        request_type=asked.call.operation.name,
        model=asked.call.model,
        timeout_s=timeout_s,
    )


def _context_of(asked: Conversation) -> StreamContext:
    """What the answer is called, and when it began."""
    call = asked.call
    id = f"{call.operation.id_prefix}{call.request_id}"
    return StreamContext(id=id, model=call.model, created=int(time.time()))


def _named(forwarded: ForwardedAnswer, context: StreamContext) -> ForwardedAnswer:
    """An answer that is written anew has the name of its call; one that passes keeps its own."""
    if forwarded.body is not None:
        return forwarded
    completion: Completion = forwarded.answer
    named: Any = evolve(completion, id=context.id, model=context.model, created=context.created)
    return evolve(forwarded, answer=named)


def _reason_of(outcome: Outcome) -> Exception:
    """Why a call has no answer."""
    if outcome.error is not None:
        return outcome.error
    if outcome.refusal is not None:
        return _too_dear(outcome.refusal)
    stopping = outcome.stopping
    reason = "" if stopping is None else f": {stopping.reason}"
    return PolicyBlocked(f"A policy of this server stops the call{reason} (record {outcome.id})")


def _too_dear(refusal: Refusal) -> Throttled:
    """A rate passes with its minute; a budget does not."""
    error = Throttled(refusal.message, retry_after_s=refusal.retry_after_s)
    error.is_retryable = refusal.is_rate and refusal.retry_after_s is not None
    return error
