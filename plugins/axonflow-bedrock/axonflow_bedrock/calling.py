"""One call of AWS: signed, sent, made again where that helps, its answer read or its refusal
understood.

sign -> send -> 200?  read
                else  diagnose -> again, with fresh credentials or a corrected clock, or after a
                      pause -> raise
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import TypeVar

import orjson

from axonflow_core.codec.unary import Unary
from axonflow_core.errors import AxonFlowError, CredentialsError, CredentialsExpired, DecodeError
from axonflow_core.http.client import HttpRequest, HttpResponse, HttpStream, Timeouts, Transport
from axonflow_core.messages import Json

from .aws.clock import Clock, RegionMismatchWarning
from .aws.credentials import AwsSettings, refuse_plaintext_api_key
from .aws.signing import BearerToken
from .errors.diagnose import diagnose
from .models.table import ModelTable
from .resolver import Addressed, ResolvedUnary
from .retries import Retrier

T = TypeVar("T")
Q = TypeVar("Q")
A = TypeVar("A")

_EVENT_STREAM = "application/vnd.amazon.eventstream"
_JSON_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_SHOWN_BYTES = 60
"""How much of an answer that nobody can read an error quotes."""


class SignedClient:
    def __init__(
        self,
        provider: str,
        settings: AwsSettings,
        transport: Transport,
        timeouts: Timeouts,
        models: ModelTable,
    ) -> None:
        self._provider = provider
        self._settings = settings
        self._transport = transport
        self._timeouts = timeouts
        self._models = models
        self._clock = Clock()
        self._distance = RegionMismatchWarning(provider, os.environ)

    async def unary(
        self, target: ResolvedUnary[Unary[Q, A]], operation: str, body: Json
    ) -> tuple[A, Mapping[str, str]]:
        """One request and the one answer to it, with the answer's headers."""
        data = orjson.dumps(body)

        def read(native: Json) -> A:
            return target.codec.decode_response(native, target.facts)

        async def attempt() -> tuple[A, Mapping[str, str]]:
            signed = await self.sign(target, operation, _JSON_HEADERS, data)
            response = await self._transport.send(signed)
            with self.error_context(target, response.headers):
                return await self.read_response(target, response, read), response.headers

        return await self.with_retries(target, attempt)

    async def sign(
        self, target: Addressed, operation: str, headers: Mapping[str, str], body: bytes
    ) -> HttpRequest:
        signer, place = await self._settings.signer(), await self._settings.place()
        if isinstance(signer, BearerToken):
            refuse_plaintext_api_key(place.endpoint_url)
        url = f"{place.endpoint_url}/model/{target.model_id.path_segment}/{operation}"
        signed = signer.sign("POST", url, headers, body, self._clock.now())
        return HttpRequest("POST", url, signed, body, self._timeouts, place.network)

    async def with_retries(self, target: Addressed, attempt: Callable[[], Awaitable[T]]) -> T:
        """The call, as often as AWS's retry settings have it; of a slow one it is told if distance
        may be the cause."""
        place = await self._settings.place()
        retrier = Retrier(retries=place.retries, total_s=self._timeouts.total_s)
        started = perf_counter()
        answer = await retrier.call(partial(self._with_live_credentials, attempt))
        self._distance.tell(perf_counter() - started, place.region, target.model_id.given)
        return answer

    async def _with_live_credentials(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Credentials that are no longer taken are fetched anew once, or a wrong clock is corrected
        once.

        Keys that were rotated are unknown to AWS before they expire. Nothing was generated yet.
        """
        offset = self._clock.offset
        try:
            return await attempt()
        except CredentialsError as error:
            was_corrected, is_awss_word = self._clock.offset != offset, error.status is not None
            if not was_corrected and not (is_awss_word and await self._settings.refresh()):
                raise
        return await attempt()

    async def read_response(
        self, target: Addressed, response: HttpResponse, read: Callable[[Json], T]
    ) -> T:
        if response.status != 200:
            raise await self.diagnosed(target, response.status, response.headers, response.body)
        try:
            return read(orjson.loads(response.body))
        except orjson.JSONDecodeError as error:
            raise _unreadable(target, response.body) from error
        except DecodeError as error:
            raise _unreadable(target, response.body, error) from error

    async def expect_event_stream(self, target: Addressed, http: HttpStream) -> None:
        """Returns when the answer is an event stream; otherwise closes it and raises what it is
        instead."""
        try:
            if http.status != 200:
                raise await self.diagnosed(target, http.status, http.headers, await http.read_all())
            if not http.headers.get("content-type", "").startswith(_EVENT_STREAM):
                raise _unreadable(target, await http.read_all())
        except BaseException:
            await http.aclose()
            raise

    async def diagnosed(
        self, target: Addressed, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = diagnose(
            status,
            headers.get("x-amzn-errortype"),
            body,
            model=target.model_id,
            region=(await self._settings.place()).region,
            models=self._models,
            request_id=headers.get("x-amzn-requestid"),
        )
        if isinstance(error, CredentialsError):
            self._clock.learn(headers.get("date"))
        if isinstance(error, CredentialsExpired):
            error.hint = self._settings.login() or error.hint
        return error

    @contextmanager
    def error_context(
        self, target: Addressed, headers: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """Errors that pass learn whose call it was."""
        try:
            yield
        except AxonFlowError as error:
            request_id = headers.get("x-amzn-requestid") if headers else None
            error.enrich(
                provider=self._provider, model=target.model_id.given, request_id=request_id
            )
            raise


def _unreadable(target: Addressed, body: bytes, cause: DecodeError | None = None) -> DecodeError:
    """A 200 that the family's codec cannot read: an error with the first bytes, never an empty
    answer."""
    begins = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    what = (
        cause.message
        if cause
        else f"the answer is not one of the {target.codec.name} family (no JSON)"
    )
    return DecodeError(
        f"{what}; its {len(body)} bytes begin {begins!r}",
        hint="if the model belongs to another family, name it with `family:` or `base_model:` in "
        "the provider's config",
    )
