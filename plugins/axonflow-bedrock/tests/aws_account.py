"""An AWS account for tests: a botocore session with given keys and endpoint, and a provider of it.

No variable and no file of the tester's machine has a say. Sessions share one loader of botocore's
data: reading the service model again for each of several hundred tests would cost 0.1 s each time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from botocore.config import Config
from botocore.credentials import Credentials
from botocore.loaders import create_loader
from botocore.session import Session

from axonflow_bedrock.config import BedrockConfig
from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY
from axonflow_bedrock.plugin import axonflow_register_provider
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.http.client import HttpClient, Transport
from axonflow_core.plugin_spec import Services
from axonflow_core.plugins import load_codecs

CODECS = load_codecs("bedrock").registry
"""The codecs of every installed family."""

EMULATED_KEYS = Credentials(ACCESS_KEY, SECRET_KEY)

_LOADER = create_loader()


class AccountSession(Session):
    """A botocore session of one account at `endpoint_url`.

    `attempts` as in botocore's `total_max_attempts`; None leaves botocore's own number of retries.
    """

    def __init__(
        self,
        endpoint_url: str,
        credentials: Credentials | None = EMULATED_KEYS,
        attempts: int | None = 1,
    ) -> None:
        super().__init__()
        self.register_component("data_loader", _LOADER)
        self._endpoint_url = endpoint_url
        self._credentials = credentials
        if attempts is not None:
            self.set_default_client_config(Config(retries={"total_max_attempts": attempts}))

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_client(*args, **{**kwargs, "endpoint_url": self._endpoint_url})


@asynccontextmanager
async def opened_provider(
    base_url: str,
    *,
    session: Session | None = None,
    new_client: Callable[[], HttpClient] = Transport,
    **config: Any,
) -> AsyncIterator[BedrockProvider]:
    """A provider in us-east-1 with a client of its own. Without a `session` the account is the
    emulator's, and every call is tried once. `config` as under `config:` of the YAML."""
    transport = new_client()
    extras = {"boto3_session": session or AccountSession(base_url)}
    services = Services(name="bedrock", client=transport, codecs=CODECS, extras=extras)
    settings = BedrockConfig(**{"region": "us-east-1", **config})
    try:
        yield axonflow_register_provider().create(settings, services)  # type: ignore[misc]
    finally:
        await transport.aclose()
