"""Recorded traffic through the governed server: what a client of Bedrock sends arrives at Bedrock
byte for byte, and so does the answer.

    a recorded request  ->  server, dialect Bedrock  ->  a service that says what was recorded
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import pytest_asyncio

from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    Role,
    ServerConfig,
)
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import ResponseWriter, read_request
from axonflow_core.http.local_server import Server
from axonflow_core.keys import throwaway_keys
from axonflow_core.recordings.recording import Recording, read_recordings
from axonflow_core.server.limits import Limits
from axonflow_core.server.service import Service
from axonflow_core.server.state import ServerState
from tests.server.in_process import Reply, Served

PATHS = {
    "InvokeModel": "invoke",
    "InvokeModelWithResponseStream": "invoke-with-response-stream",
    "Converse": "converse",
    "ConverseStream": "converse-stream",
    "CountTokens": "count-tokens",
}

EVENT_STREAM = "application/vnd.amazon.eventstream"


class Recorded:
    """A service that answers what is `recorded`, and keeps what it was asked."""

    def __init__(self) -> None:
        self.recorded: Recording | None = None
        self.asked: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = await read_request(scope, receive, max_body_bytes=100_000_000)
        self.asked.append((request.target, request.body))
        recorded, writer = self.recorded, ResponseWriter(send)
        assert recorded is not None
        kind = "application/json" if recorded.stream is None else EVENT_STREAM
        headers = {"content-type": kind, **recorded.response_headers}
        await writer.whole(recorded.status, headers, answer_of(recorded))


def answer_of(recorded: Recording) -> bytes:
    return recorded.stream or json.dumps(recorded.response_body).encode()


@pytest_asyncio.fixture
async def between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Served, Recorded]]:
    """The server, and the service that it believes to be Bedrock."""
    bedrock = Recorded()
    with Server(bedrock) as service:
        for name, value in {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": service.base_url,
            "AWS_ACCESS_KEY_ID": "AKIASERVER",
            "AWS_SECRET_ACCESS_KEY": "the server's own",
            "AWS_MAX_ATTEMPTS": "1",
            "AXONFLOW_PROFILE": "dev",
        }.items():
            monkeypatch.setenv(name, value)
        config = Config(
            providers={
                "bedrock": ProviderConfig(
                    "bedrock", is_enabled=True, config={"region": "us-east-1"}
                )
            },
            server=ServerConfig(
                clients={"acme": ClientConfig("acme", tenant="acme", roles=tuple(Role))},
                max_body_bytes=50_000_000,
            ),
            policies=PoliciesConfig(),
            audit=AuditConfig(url=f"sqlite:///{tmp_path}/audit.db"),
        )
        keys = throwaway_keys()
        opened = await Service.open(config, keys, ServerState(Limits()))
        try:
            yield Served(opened, keys), bedrock
        finally:
            await opened.aclose()


def everything() -> list[Recording]:
    """All recordings; skipped where there are none."""
    folder = os.environ.get("AXONFLOW_RECORDINGS")
    if not folder:
        pytest.skip("AXONFLOW_RECORDINGS names no folder with recorded traffic")
    return [each for path in sorted(Path(folder).glob("*.jsonl")) for each in read_recordings(path)]


@pytest.mark.thorough
async def test_what_was_recorded_passes_byte_for_byte_in_both_directions(
    between: tuple[Served, Recorded],
) -> None:
    """Of an error message and status are the provider's; what this server lacks at its provider is
    no client's own."""
    served, bedrock = between
    tally: Counter[str] = Counter()
    for recorded in everything():
        if recorded.request_body is None:
            continue
        bedrock.recorded = recorded
        bedrock.asked.clear()
        body = json.dumps(recorded.request_body, indent=1).encode()
        path = f"/model/{quote(recorded.model_id, safe=':')}/{PATHS[recorded.operation]}"
        reply = await served.ask("POST", path, body, headers={"content-type": "application/json"})
        target = urlsplit(bedrock.asked[0][0]).path if bedrock.asked else ""
        assert unquote(target) == unquote(path), recorded.case
        assert bedrock.asked[0][1] == body, recorded.case
        tally[answer_seen(recorded, reply)] += 1
    assert tally.keys() == {"answer", "error", "denial"}
    assert tally["answer"] >= 700


def answer_seen(recorded: Recording, reply: Reply) -> str:
    """Which kind of answer came back as it was given."""
    if recorded.status < 400:
        assert (reply.status, reply.body) == (recorded.status, answer_of(recorded)), recorded.case
        return "answer"
    if recorded.status in (401, 403):
        assert reply.status == 500, recorded.case
        return "denial"
    said = (reply.status, reply.json["message"])
    assert said == (recorded.status, recorded.response_body["message"]), recorded.case
    return "error"


@pytest.mark.thorough
async def test_a_policy_that_rewrites_is_seen_by_the_same_comparison(
    between: tuple[Served, Recorded], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: another answer, or another request, would be found."""
    served, bedrock = between
    recorded = next(each for each in everything() if each.operation == "Converse")
    bedrock.recorded = recorded
    path = f"/model/{quote(recorded.model_id, safe=':')}/converse"
    reply = await served.ask("POST", path, json.dumps(recorded.request_body).encode())
    other = evolve(recorded, response_body={"output": {}})
    with pytest.raises(AssertionError):
        answer_seen(other, reply)
