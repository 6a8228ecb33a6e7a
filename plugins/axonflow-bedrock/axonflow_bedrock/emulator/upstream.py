"""Forwarding to a real Bedrock: a client signs for the emulator, and the call is signed again with
the credentials of AWS's own settings.

The client needs no credentials of the account. Request headers that a cassette may have, and the
request's metadata, are forwarded; response headers that a cassette may have are returned.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from axonflow_core.endpoint.replies import Reply
from axonflow_core.errors import AxonFlowError
from axonflow_core.http.asgi import ReceivedRequest
from axonflow_core.http.client import HttpRequest, Transport
from axonflow_core.http.loop_client import HttpStream

from ..aws.credentials import AwsSettings, refuse_plaintext_api_key
from ..aws.signing import BearerToken
from ..wire.endpoint import ServiceException, Verifier
from .cassette import REQUEST_HEADERS, RESPONSE_HEADERS

_FORWARDED = REQUEST_HEADERS | {"x-amzn-bedrock-request-metadata"}
_REGION = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.")


def region_of(url: str) -> str | None:
    """The region in the host name of an AWS endpoint, None for other hosts."""
    match = _REGION.match(urlsplit(url).hostname or "")
    return match[1] if match else None


class Upstream:
    """Forwards requests whose signature `verifier` accepts. An upstream that cannot be reached is
    answered as `ServiceUnavailableException`.
    """

    def __init__(self, url: str, verifier: Verifier) -> None:
        self._verifier = verifier
        self._settings = AwsSettings(region=region_of(url), endpoint_url=url)

    async def __call__(self, request: ReceivedRequest) -> Reply:
        self._verifier(request)
        # One transport for each call: an emulator is stopped without notice and must leave no
        # connection open.
        transport = Transport()
        try:
            stream = await transport.open_stream(await self._signed(request))
        except AxonFlowError as error:
            await transport.aclose()
            raise ServiceException(
                "ServiceUnavailableException", f"Upstream: {error.message}"
            ) from error
        headers = {
            name: value for name, value in stream.headers.items() if name in RESPONSE_HEADERS
        }
        return Reply(stream.status, headers, _pieces(stream, transport))

    async def _signed(self, request: ReceivedRequest) -> HttpRequest:
        """The request for the real service: same method, path and body, forwarded headers, new
        signature."""
        signer, place = await self._settings.signer(), await self._settings.place()
        if isinstance(signer, BearerToken):
            refuse_plaintext_api_key(place.endpoint_url)
        url = f"{place.endpoint_url}{request.target}"
        headers = {name: value for name, value in request.headers.items() if name in _FORWARDED}
        signed = signer.sign(request.method, url, headers, request.body, datetime.now(UTC))
        return HttpRequest(request.method, url, signed, request.body, network=place.network)


async def _pieces(stream: HttpStream, transport: Transport) -> AsyncGenerator[bytes, None]:
    """The body as it arrives; closes the transport at its end, or when the client leaves."""
    try:
        async for piece in stream:
            yield piece
    finally:
        await stream.aclose()
        await transport.aclose()
