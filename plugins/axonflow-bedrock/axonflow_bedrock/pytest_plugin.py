"""The pytest fixture `bedrock_emulator`: a local Bedrock for tests of programs that use boto3 or
AxonFlow.

    def test_my_program(bedrock_emulator):
        client = bedrock_emulator.boto3_client()
        client.invoke_model(modelId="amazon.titan-text-express-v1", body=…)

pytest imports this module in every run, so the emulator and boto3 are imported on first use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import Emulator


class RunningEmulator:
    """An emulator that is being served, with what a client needs to reach it."""

    def __init__(self, emulator: Emulator, base_url: str) -> None:
        self.base_url = base_url
        self.environment: Mapping[str, str] = emulator.environment(base_url)
        """The environment variables that point another process at the emulator."""
        self.models = emulator.models
        """One model id for each documented family."""
        self.refused_model = emulator.refused_model
        self._session: Any = None  # one for all clients: it has read botocore's service model

    def boto3_client(self, service: str = "bedrock-runtime", **options: Any) -> Any:
        """A boto3 client of this emulator; `service` may also be `bedrock` or `sts`.

        `options` are passed to `boto3.client` and override the settings for the emulator.
        """
        import boto3
        from botocore.config import Config

        settings: dict[str, Any] = {
            "endpoint_url": self.base_url,
            "region_name": self.environment["AWS_REGION"],
            "aws_access_key_id": self.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            # v4: otherwise botocore would prefer an API key in the environment
            # (AWS_BEARER_TOKEN_BEDROCK) to the keys given here.
            "config": Config(signature_version="v4", retries={"total_max_attempts": 1}),
        }
        if self._session is None:
            self._session = boto3.Session()
        return self._session.client(service, **(settings | options))


@contextmanager
def serving(emulator: Emulator) -> Iterator[RunningEmulator]:
    """Serve `emulator` while the `with` block runs."""
    from axonflow_core.http.local_server import Server

    with Server(emulator.app) as server:
        yield RunningEmulator(emulator, server.base_url)


@pytest.fixture(scope="session")
def bedrock_emulator() -> Iterator[RunningEmulator]:
    """A running Bedrock emulator with every installed family, one for the whole test session."""
    from .emulator import emulator

    with serving(emulator()) as running:
        yield running
