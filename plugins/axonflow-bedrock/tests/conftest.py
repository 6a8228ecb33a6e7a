"""What several tests of the plugin share: a provider of the emulator's account, for one test."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import pytest
from aws_account import opened_provider

from axonflow_bedrock.provider import BedrockProvider

OpenProvider: TypeAlias = Callable[..., AbstractAsyncContextManager[BedrockProvider]]


@pytest.fixture
def open_provider() -> OpenProvider:
    """`async with open_provider(base_url, **config) as provider`: calls are tried once."""
    return opened_provider
