"""Bedrock as the core calls it: where an attempt goes, who signs it, what a refusal means."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import cast

from axonflow_core.calls.route import Call
from axonflow_core.calls.upstream import Terms, Upstream
from axonflow_core.codec.errors import MAX_WAIT_S, retry_after_of
from axonflow_core.codec.json_members import count_in_header
from axonflow_core.errors import AxonFlowError, CredentialsError, CredentialsExpired
from axonflow_core.http.client import HttpRequest

from .aws.clock import SLOW_S, Clock, RegionMismatchWarning
from .aws.credentials import AwsSettings, Place, refuse_plaintext_api_key
from .aws.signing import BearerToken, Identity
from .errors.diagnose import diagnose
from .models.model_id import ModelId
from .models.table import ModelTable


class BedrockUpstream(Upstream):
    """Bedrock Runtime in the region that AWS's settings name."""

    request_id_header = "x-amzn-requestid"
    preparation = "finding AWS's settings and credentials"
    unreadable_hint = (
        "if the model belongs to another family, name it with `family:` or `base_model:` in the "
        "provider's config"
    )

    def __init__(self, provider: str, settings: AwsSettings, models: ModelTable) -> None:
        self._settings = settings
        self._models = models
        self._clock = Clock()
        self._region_mismatch = RegionMismatchWarning(provider, os.environ)
        self._place: Place | None = None
        self._terms: Terms | None = None

    async def terms(self) -> Terms:
        if self._terms is None:
            place = await self._settings.place()
            self._terms = Terms(region=place.region, retries=place.retries)
        return self._terms

    async def request(self, call: Call) -> HttpRequest:
        place = self._place = self._place or await self._settings.place()
        signer = await self.signer(place)
        url = _url_of(call, place)
        headers = signer.sign("POST", url, call.headers, call.body, self._clock.now())
        return HttpRequest("POST", url, headers, call.body, call.timeouts, place.network)

    async def signer(self, place: Place) -> Identity:
        """The identity to sign a call to `place` with. Raises `CredentialsError` where there is
        none, or it may not be sent there."""
        signer = await self._settings.signer()
        if isinstance(signer, BearerToken):
            refuse_plaintext_api_key(place.endpoint_url)
        return signer

    async def unsigned(self, call: Call) -> HttpRequest:
        """The request without what proves who asks."""
        place = self._place = self._place or await self._settings.place()
        url = _url_of(call, place)
        return HttpRequest("POST", url, call.headers, call.body, call.timeouts, place.network)

    async def error(
        self, call: Call, status: int, headers: Mapping[str, str], body: bytes
    ) -> AxonFlowError:
        error = diagnose(
            status,
            headers.get("x-amzn-errortype"),
            body,
            model=call.route.address,
            region=(await self._settings.place()).region,
            models=self._models,
            request_id=headers.get(self.request_id_header),
        )
        wait_s = _asked_wait_s(headers)
        error.retry_after_s = error.retry_after_s if wait_s is None else wait_s
        if isinstance(error, CredentialsError):
            self._clock.learn(headers.get("date"))
        if isinstance(error, CredentialsExpired):
            error.hint = self._settings.login() or error.hint
        return error

    async def recover(self, error: AxonFlowError, request: HttpRequest) -> bool:
        """Keys that were rotated are unknown to AWS before they expire, and a wrong clock is known
        from the refusal's `Date`. Nothing was generated yet."""
        if not isinstance(error, CredentialsError) or error.status is None:
            return False  # no answer of AWS's: the credentials could not be found
        was_corrected = self._clock.differs_from(request.headers.get("X-Amz-Date"))
        return was_corrected or await self._settings.refresh()

    def answered(self, call: Call, elapsed_s: float) -> None:
        if elapsed_s > SLOW_S and self._terms is not None and self._terms.region is not None:
            self._region_mismatch.tell(elapsed_s, self._terms.region, call.route.model)


def _url_of(call: Call, place: Place) -> str:
    model_id = cast(ModelId, call.route.address)
    return f"{place.endpoint_url}/model/{model_id.path_segment}/{call.operation}"


def _asked_wait_s(headers: Mapping[str, str]) -> float | None:
    """How long AWS asks to wait, in seconds: `x-amz-retry-after`, in milliseconds (botocore 1.44,
    `botocore.retries.standard`), else what every service may send."""
    milliseconds = count_in_header(headers.get("x-amz-retry-after"))
    if milliseconds is None:
        return retry_after_of(headers)
    return min(milliseconds / 1000, MAX_WAIT_S)
