"""`failover_regions`: Bedrock in several regions, over a real connection. Which region a call was
signed for stands in its `Authorization`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from axonflow_core import Runtime
from axonflow_core.errors import ConfigError, Unavailable
from axonflow_core.http.local_server import Server

CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


class Regions:
    """Bedrock Runtime of several regions, of which some are down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.called: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        (signed,) = (value for name, value in scope["headers"] if name == b"authorization")
        (region,) = re.findall(r"Credential=[^/]+/\d+/([^/]+)/bedrock", signed.decode())
        self.called.append(region)
        is_down = region in self.down
        body = {"message": "down"} if is_down else ANSWER
        kind = [(b"x-amzn-errortype", b"ServiceUnavailableException")] if is_down else []
        headers = [(b"content-type", b"application/json"), *kind]
        status = 503 if is_down else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})


@pytest.fixture
def regions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Regions]:
    app = Regions()
    with Server(app) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.base_url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield app


def opened(folder: Path, *, model: str = f"eu.{CLAUDE}", allowed: str = "[eu-*]") -> Runtime:
    path = folder / "axonflow.yaml"
    path.write_text(
        f"""
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    config:
      region: eu-central-1
      failover_regions: [us-east-1, eu-west-1]
      model: {model}
routing: {{regions: {allowed}}}
"""
    )
    return Runtime.open(path)


async def test_a_call_goes_to_the_next_allowed_region_and_the_receipt_names_it(
    regions: Regions, tmp_path: Path
) -> None:
    regions.down = {"eu-central-1"}
    async with opened(tmp_path) as runtime:
        receipt = (await runtime.complete("Hi")).receipt
    assert regions.called == ["eu-central-1", "eu-west-1"]
    assert receipt is not None
    assert (receipt.region, receipt.model) == ("eu-west-1", f"eu.{CLAUDE}")
    assert [each.code for each in receipt.failed_attempts] == ["unavailable"]


async def test_no_region_outside_is_called_whatever_fails(regions: Regions, tmp_path: Path) -> None:
    regions.down = {"eu-central-1", "eu-west-1"}
    async with opened(tmp_path, model=CLAUDE) as runtime:
        for _ in range(30):
            with pytest.raises(Unavailable):
                await runtime.complete("Hi")
    assert set(regions.called) == {"eu-central-1", "eu-west-1"}


async def test_an_arn_and_a_profile_of_a_geography_stay_where_they_can_be_called(
    regions: Regions, tmp_path: Path
) -> None:
    arn = "arn:aws:bedrock:eu-central-1::foundation-model/"
    async with opened(tmp_path, allowed='["*"]') as runtime:
        bedrock: Any = runtime.chosen()
        assert list(bedrock.elsewhere(CLAUDE)) == ["us-east-1", "eu-west-1"]
        assert list(bedrock.elsewhere(f"global.{CLAUDE}")) == ["us-east-1", "eu-west-1"]
        assert list(bedrock.elsewhere(f"eu.{CLAUDE}")) == ["eu-west-1"]
        assert list(bedrock.elsewhere(arn + CLAUDE)) == []


def test_what_is_no_region_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="europe"):
        Runtime.open(provider="bedrock", region="eu-west-1", failover_regions=["europe"])
