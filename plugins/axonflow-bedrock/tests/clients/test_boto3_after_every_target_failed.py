"""An exhausted chain at an endpoint of Bedrock's: boto3 sends the call once, and reads why."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock.errors.encode import ERRORS
from axonflow_bedrock.wire.endpoint import bedrock_app
from axonflow_core.errors import Throttled, Unavailable
from axonflow_core.http.local_server import Server

boto3 = pytest.importorskip("boto3")
botocore_config = pytest.importorskip("botocore.config")
exceptions = pytest.importorskip("botocore.exceptions")


def calls_of(error: Exception) -> int:
    """How often boto3 sends a call that ends with `error`."""
    calls = 0

    async def handler(call: Any) -> Any:
        nonlocal calls
        calls += 1
        raise error

    with Server(bedrock_app(handler, lambda request: "client")) as server:
        client = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            endpoint_url=server.base_url,
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=botocore_config.Config(retries={"mode": "standard", "total_max_attempts": 3}),
        )
        with pytest.raises(exceptions.ClientError):
            client.invoke_model(modelId="amazon.titan-text-express-v1", body=b"{}")
        client.close()
    return calls


@pytest.mark.parametrize("kind", [Throttled, Unavailable])
def test_boto3_sends_it_once(kind: type[Throttled | Unavailable]) -> None:
    error = kind("everywhere")
    error.is_exhausted = True
    assert calls_of(error) == 1


@pytest.mark.thorough
def test_else_it_sends_it_again() -> None:
    """The control."""
    assert calls_of(Unavailable("here")) == 3


def test_whoever_reads_it_with_this_library_learns_what_it_was() -> None:
    error = Throttled("everywhere", retry_after_s=3)
    error.is_exhausted = True
    native = ERRORS.encode_error(error)
    assert (native.status, native.headers["retry-after"]) == (424, "3")
    read = ERRORS.decode_event({"modelErrorException": native.body})
    assert isinstance(read, Throttled)
