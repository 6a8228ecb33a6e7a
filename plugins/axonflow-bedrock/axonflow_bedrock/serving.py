"""A Bedrock emulator that is served on a local port, for tests and programs: no pytest is needed.

with serving(emulator()) as running:
    client = running.boto3_client()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axonflow_core.emulator import serving as of_core

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import Emulator


class RunningEmulator(of_core.RunningEmulator):
    """A Bedrock emulator that is being served, with what a client needs to reach it."""

    def __init__(self, emulator: Emulator, base_url: str) -> None:
        super().__init__(emulator, base_url)
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
    with of_core.serving(emulator) as running:
        yield RunningEmulator(emulator, running.base_url)
