"""What several tests of the plugin share: a provider of the emulator's account, opened for one
test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session

from axonflow_bedrock.config import BedrockConfig
from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY
from axonflow_bedrock.plugin import axonflow_register_provider
from axonflow_bedrock.provider import BedrockProvider
from axonflow_core.http.client import Transport
from axonflow_core.plugin_spec import Services
from axonflow_core.plugins import load_codecs

OpenProvider: TypeAlias = Callable[..., AbstractAsyncContextManager[BedrockProvider]]


class _AwsSession(Session):
    """A botocore session whose account and endpoint are given, with no variable or file in
    between."""

    def __init__(self, endpoint_url: str) -> None:
        super().__init__()
        self._endpoint_url = endpoint_url
        self._credentials = Credentials(ACCESS_KEY, SECRET_KEY)
        self.set_default_client_config(Config(retries={"total_max_attempts": 1}))

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_client(*args, **{**kwargs, "endpoint_url": self._endpoint_url})


@pytest.fixture
def open_provider() -> OpenProvider:
    """`async with open_provider(base_url, **config) as provider`: calls are tried once."""

    @asynccontextmanager
    async def opened(base_url: str, **config: Any) -> AsyncIterator[BedrockProvider]:
        transport = Transport()
        services = Services(
            name="bedrock",
            client=transport,
            codecs=load_codecs("bedrock").registry,
            extras={"boto3_session": _AwsSession(base_url)},
        )
        try:
            settings = BedrockConfig(**{"region": "us-east-1", **config})
            yield axonflow_register_provider().create(settings, services)  # type: ignore[misc]
        finally:
            await transport.aclose()

    return opened
