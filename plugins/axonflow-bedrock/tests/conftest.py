"""What several tests of the plugin share: a provider of the emulator's account, for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import TypeAlias

import botocore.session
import pytest
from aws_account import opened_provider

from axonflow_bedrock.provider import BedrockProvider

OpenProvider: TypeAlias = Callable[..., AbstractAsyncContextManager[BedrockProvider]]


@pytest.fixture
def open_provider() -> OpenProvider:
    """`async with open_provider(base_url, **config) as provider`: calls are tried once."""
    return opened_provider


@pytest.fixture(scope="session", autouse=True)
def files_read_once() -> Iterator[None]:
    """All sessions of a process share what botocore reads from its own files, which takes each of
    them 100 ms and more; nothing is asked of the files but what they say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield
