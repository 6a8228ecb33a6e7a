"""The attempts of a call: each is sent anew, until one is answered or another makes no sense.

    attempt     upstream.request ─ client.send ─ status 200?  ─ its answer is read
                     ▲                             │ no
                     │                        upstream.error
                     └── again ◄──────────────────┘
                         at once, where `upstream.recover` mended what was refused (once a call)
                         after a pause, where the error passes and time is left (`retries`)

Every error that leaves here knows its provider, its model and, where there was an answer, the
provider's request id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from attrs import evolve

from axonflow_core.errors import AxonFlowError, DecodeError, ProviderError
from axonflow_core.http.client import HttpClient, HttpRequest, HttpResponse
from axonflow_core.messages import FailedAttempt

from .route import Call
from .unreadable import unreadable
from .upstream import Upstream

T = TypeVar("T")


class AttemptLog:
    """What is known of the attempts of one call so far."""

    __slots__ = (
        "call",
        "failed",
        "first_byte",
        "request",
        "request_id",
        "was_mended",
    )

    def __init__(self, call: Any) -> None:
        self.call = call
        self.failed: list[FailedAttempt] = list(call.earlier_attempts)
        self.request: HttpRequest | None = None
        self.request_id: str | None = None
        self.first_byte: float | None = None
        self.was_mended = False

    def note(self, error: AxonFlowError) -> None:
        """The attempt that ends with `error` is followed by another."""
        self.failed.append(failed_attempt(error))


def failed_attempt(error: AxonFlowError) -> FailedAttempt:
    """What a receipt says of the attempt that ended with `error`."""
    native, status = getattr(error, "native_code", None), getattr(error, "status", None)
    return FailedAttempt(error.code, native, status, error.request_id)


class Attempts:
    """Makes the attempts of one provider's calls."""

    def __init__(self, provider: str, client: HttpClient, upstream: Upstream) -> None:
        self.provider = provider
        self.client = client
        self.upstream = upstream

    async def answered(self, call: Any, attempt: Callable[[Any, AttemptLog], Awaitable[T]]) -> T:
        """What the first attempt brings that does not fail, or the error of the last."""
        log = AttemptLog(call)
        try:
            return await attempt(call, log)
        except AxonFlowError as error:
            self.enriched(error, call.route.model, log.request_id)
            return await self._again(log, attempt, error)

    async def _again(
        self,
        log: AttemptLog,
        attempt: Callable[[Any, AttemptLog], Awaitable[T]],
        error: AxonFlowError,
    ) -> T:
        """Later attempts have what is left of the deadline. When it runs out during one, the error
        that made it necessary is raised."""
        while await self._may_repeat(log, error):
            log.note(error)
            try:
                async with asyncio.timeout_at(log.call.ends_at):
                    return await attempt(self._shortened(log.call), log)
            except TimeoutError:
                break
            except AxonFlowError as next_error:
                error = self.enriched(next_error, log.call.route.model, log.request_id)
        raise error from error.__cause__

    async def _may_repeat(self, log: AttemptLog, error: AxonFlowError) -> bool:
        """Whether to make the call again; waits out the pause before it."""
        if not log.was_mended and log.request is not None:
            log.was_mended = await self.upstream.recover(error, log.request)
            if log.was_mended:
                return True
        if not isinstance(error, ProviderError) or not error.is_retryable:
            return False
        retries = (await self.upstream.terms()).retries
        earlier = len(log.call.earlier_attempts) + log.was_mended
        failed = len(log.failed) + 1 - earlier
        pause_s = max(retries.pause_s(failed), error.retry_after_s or 0.0)
        is_in_time = asyncio.get_running_loop().time() + pause_s < log.call.ends_at
        if failed >= retries.max_attempts or not is_in_time:
            return False
        await retries.pause(pause_s)
        return True

    def _shortened(self, call: Call) -> Call:
        left_s = max(call.ends_at - asyncio.get_running_loop().time(), 0.001)
        return evolve(call, timeouts=evolve(call.timeouts, total_s=left_s))

    def enriched(
        self, error: AxonFlowError, model: str, request_id: str | None = None
    ) -> AxonFlowError:
        """`error`, which now says whose call it was, and how it is mended."""
        hint = self.upstream.hint(error) if isinstance(error, ProviderError) else None
        return error.enrich(provider=self.provider, model=model, request_id=request_id, hint=hint)

    async def sent(self, call: Call, log: AttemptLog) -> HttpResponse:
        """The answer of the service, whose status is 200."""
        upstream = self.upstream
        log.request = request = await upstream.request(call)
        response = await self.client.send(request)
        log.request_id = response.headers.get(upstream.request_id_header)
        log.first_byte = response.first_byte_s
        if response.status != 200:
            raise await upstream.error(call, response.status, response.headers, response.body)
        return response

    def unreadable(self, family: str, body: bytes, cause: Exception | None) -> DecodeError:
        """The error for an answer of status 200 that the codec cannot read."""
        return unreadable(family, body, cause, self.upstream.unreadable_hint)
