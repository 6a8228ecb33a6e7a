"""The attempts of a call: each is sent anew, until one is answered or another makes no sense.

    attempt     upstream.request ─ client.send ─ status 200?  ─ its answer is read
                     ▲                             │ no
                     │                        upstream.error
                     └── again ◄──────────────────┘
                         at once, where `upstream.recover` mended what was refused (once a call)
                         after a pause, where the error passes, time is left (`retries`), and
                         the budget of extra calls (`budget`)

All of that has one deadline, `Call.ends_at`: finding credentials, every attempt, every pause, a
second call through another id, and the body of the answer. Each step has its own limit besides and
names itself where that is over.

Every error that leaves here knows its provider, its model and, where there was an answer, the
provider's request id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from axonflow_core import waiting
from axonflow_core.errors import AxonFlowError, DecodeError, ProviderError, ProviderTimeout
from axonflow_core.frozen import evolve
from axonflow_core.http.client import HttpClient, HttpRequest, HttpResponse
from axonflow_core.http.limits import span_of
from axonflow_core.messages import FailedAttempt

from .budget import BUDGET, RetryBudget
from .retries import LONGEST_WAIT
from .route import Call
from .secrets import without_secrets
from .unreadable import unreadable
from .upstream import Upstream

T = TypeVar("T")

_TOLERANCE_S = 0.02
"""What the limits of an attempt may end after the call's deadline."""


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
        self._budget = RetryBudget()
        """Of calls that come with none."""

    async def answered(self, call: Any, attempt: Callable[[Any, AttemptLog], Awaitable[T]]) -> T:
        """What the first attempt brings that does not fail, or the error of the last."""
        log = AttemptLog(call)
        outer = waiting.ENDS_AT.set(call.ends_at)
        if BUDGET.get() is None:
            self._budget.asked()
        try:
            return await attempt(call, log)
        except AxonFlowError as error:
            self.explained(error, log)
            return await self._again(log, attempt, error)
        except TimeoutError:
            raise self._unprepared(call) from None
        finally:
            waiting.ENDS_AT.reset(outer)

    async def within(self, call: Any, step: Awaitable[T]) -> T:
        """`step`, which precedes the attempts of `call` and has the same deadline."""
        outer = waiting.ENDS_AT.set(call.ends_at)
        try:
            return await step
        except AxonFlowError as error:
            raise self.enriched(error, call.route.model) from error.__cause__
        except TimeoutError:
            raise self._unprepared(call) from None
        finally:
            waiting.ENDS_AT.reset(outer)

    async def _again(
        self,
        log: AttemptLog,
        attempt: Callable[[Any, AttemptLog], Awaitable[T]],
        error: AxonFlowError,
    ) -> T:
        """Later attempts have what is left of the deadline. When it runs out during one, the error
        that made it necessary is raised."""
        ends_at = log.call.ends_at
        try:
            while await self._may_repeat(log, error):
                log.note(error)
                try:
                    async with waiting.within(ends_at):
                        return await attempt(log.call, log)
                except AxonFlowError as failed:
                    if waiting.now() >= ends_at:
                        error.may_be_billed = error.may_be_billed or failed.may_be_billed
                        break
                    error = self.explained(failed, log)
        except TimeoutError:
            error.may_be_billed = True  # the attempt that was broken off may have been sent
        error.failed_attempts = tuple(log.failed)
        raise error from error.__cause__

    async def _may_repeat(self, log: AttemptLog, error: AxonFlowError) -> bool:
        """Whether to make the call again; waits out the pause before it."""
        if not log.was_mended and log.request is not None:
            log.was_mended = await self._recovered(log, error, log.request)
            if log.was_mended:
                return True
        if not isinstance(error, ProviderError) or not error.is_retryable:
            return False
        retries = (await self.upstream.terms()).retries
        earlier = len(log.call.earlier_attempts) + log.was_mended
        failed = len(log.failed) + 1 - earlier
        asked_s = error.retry_after_s or 0.0
        pause_s = max(retries.pause_s(failed), asked_s)
        is_in_time = asked_s <= LONGEST_WAIT.get() and pause_s < log.call.ends_at - waiting.now()
        if failed >= retries.max_attempts or not is_in_time:
            return False
        if not (BUDGET.get() or self._budget).take():
            error.add_note("not repeated: too many calls fail of late")
            return False
        await retries.pause(pause_s)
        return True

    async def _recovered(self, log: AttemptLog, error: AxonFlowError, request: HttpRequest) -> bool:
        try:
            return await self.upstream.recover(error, request)
        except AxonFlowError as failure:
            raise self.enriched(failure, log.call.route.model) from error

    def explained(
        self,
        error: AxonFlowError,
        log: AttemptLog,
        model: str | None = None,
        request_id: str | None = None,
    ) -> AxonFlowError:
        """As `enriched`, for what came of an attempt: no credential that was sent is quoted."""
        model = model or log.call.route.model
        self.enriched(error, model, request_id or log.request_id)
        return error if log.request is None else without_secrets(error, log.request.headers)

    def enriched(
        self, error: AxonFlowError, model: str, request_id: str | None = None
    ) -> AxonFlowError:
        """`error`, which now says whose call it was, and how it is mended."""
        request_id = request_id or error.answer_headers.get(self.upstream.request_id_header)
        error.enrich(provider=self.provider, model=model, request_id=request_id)
        hint = self.upstream.hint(error) if isinstance(error, ProviderError) else None
        return error.enrich(hint=hint)

    async def prepared(self, call: Call, log: AttemptLog) -> HttpRequest:
        """The request of an attempt; it may take what is left of the deadline."""
        log.request_id = log.first_byte = None
        request = await self.upstream.request(call)
        total_s, left_s = request.timeouts.total_s, call.ends_at - waiting.now()
        if left_s < total_s - _TOLERANCE_S:
            timeouts = evolve(request.timeouts, total_s=max(left_s, 0.001))
            request = evolve(request, timeouts=timeouts, given_s=call.given_s or total_s)
        log.request = request
        return request

    async def sent(self, call: Call, log: AttemptLog) -> HttpResponse:
        """The answer of the service, whose status is 200."""
        upstream = self.upstream
        request = await self.prepared(call, log)
        try:
            response = await self.client.send(request)
        except ProviderError as broken:
            if not broken.answer_headers or broken.status is None or broken.status < 400:
                raise
            # The refusal has arrived; only its body is missing.
            headers = broken.answer_headers
            log.request_id = headers.get(upstream.request_id_header)
            raise await upstream.error(call, broken.status, headers, b"") from broken
        log.request_id = response.headers.get(upstream.request_id_header)
        log.first_byte = response.first_byte_s
        if response.status != 200:
            raise await upstream.error(call, response.status, response.headers, response.body)
        return response

    def unreadable(self, family: str, body: bytes, cause: Exception | None) -> DecodeError:
        """The error for an answer of status 200 that the codec cannot read."""
        return unreadable(family, body, cause, self.upstream.unreadable_hint)

    def _unprepared(self, call: Call) -> AxonFlowError:
        """The error of a call whose time was over before it could be sent."""
        left_s, given_s = call.ends_at - call.started, call.given_s or call.timeouts.total_s
        span = span_of(left_s, given_s if left_s < given_s - _TOLERANCE_S else None)
        error = ProviderTimeout(
            f"{self.upstream.preparation} took longer than {span} (total timeout); nothing was "
            "sent",
            hint="if that is too short, raise `timeout=` of the call, or `timeouts: {total_s: …}` "
            "in the provider's config",
        )
        error.may_be_billed = False
        return self.enriched(error, call.route.model)
