"""Streams of OpenAI's dialect hold: text leaves as soon as it may, a read of the provider is a
write, and a client that leaves ends the call.

The provider is an app of this process that speaks OpenAI's chat. It notes when it sends, so that
what the client sees can be measured against it; its pauses are long against what is allowed.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from on_time import GUARD_S, OTHERS_LATE_S, wait_until

from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, governed_server
from tests.grammar_openai import check_chat, check_responses

PAUSE_S = 0.1
SOON_S = 0.05
"""How long after the byte that releases it a text may leave."""
ATTEMPTS = 5
"""In which it has to leave so soon once: the machine may be late in the others."""
FILE = """\
version: "1.0"
llm_providers:
  openai: {enabled: true, config: {endpoint: "%(endpoint)s", model: m}}
server:
  clients: {acme: {generation: 1, tenant: acme, roles: [call]}}
policies:
  profile: %(profile)s
  rules:
    - {name: no-heliotrope, pattern: 'heliotrope-\\d+', action: %(action)s}
audit: {url: "sqlite:///%%(folder)s/audit.db"}
"""


def framed(**members: Any) -> bytes:
    head = {"id": "chatcmpl-u", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: " + json.dumps({**head, **members}).encode() + b"\n\n"


def chunk(delta: Mapping[str, Any], finish: str | None = None) -> bytes:
    return framed(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


COUNTS = framed(choices=[], usage={"prompt_tokens": 9, "completion_tokens": 99})


TEXTS = [f"word{number} " + "and so it goes on " * 6 for number in range(8)]
WRITES = [
    chunk({"role": "assistant", "content": ""}),
    *(chunk({"content": text[:50]}) + chunk({"content": text[50:]}) for text in TEXTS),
    chunk({}, "stop") + COUNTS + b"data: [DONE]\n\n",
]
"""What the provider writes, with a pause before each: two chunks at a time."""


class Paced:
    """OpenAI's chat, which streams `WRITES`. `sent` are the times of its writes, of its last
    call."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        self.left: list[float] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        self.sent = []
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(receive())
        for data in WRITES:
            await asyncio.wait({gone}, timeout=PAUSE_S)
            if gone.done():
                self.left.append(time.monotonic())
                return
            await send({"type": "http.response.body", "body": data, "more_body": True})
            self.sent.append(time.monotonic())
        gone.cancel()
        await send({"type": "http.response.body", "body": b""})


pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def upstream() -> Paced:
    return Paced()


POLICIES = {"unscreened": ("dev", "warn"), "screened": ("default", "block")}
"""Profile and action of the rule: where nothing stops an answer, nothing of it is held."""


@pytest.fixture(scope="module", params=POLICIES)
def server(
    request: pytest.FixtureRequest, upstream: Paced, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GovernedServer]:
    folder: Path = tmp_path_factory.mktemp("streams") / "server"
    profile, action = POLICIES[request.param]
    with Server(upstream) as provider:
        endpoint = f"{provider.base_url}/v1"
        config = FILE % {"endpoint": endpoint, "action": action, "profile": profile}
        with governed_server(folder, config, {"OPENAI_API_KEY": "sk"}) as served:
            yield served


class Watching:
    """A call on a connection of its own: the writes of the server, by their HTTP chunks, and when
    each was here."""

    def __init__(self, server: GovernedServer, path: str, body: Mapping[str, Any]) -> None:
        data = json.dumps(body).encode()
        lines = (
            f"POST {path} HTTP/1.1",
            "host: x",
            f"authorization: Bearer acme:{server.secret('acme')}",
            f"content-length: {len(data)}",
            "connection: close",
        )
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=GUARD_S)
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + data)
        self._file = self._socket.makefile("rb")
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def __iter__(self) -> Iterator[tuple[float, bytes]]:
        while size := int(self._file.readline() or b"0", 16):
            data = self._file.read(size)
            self._file.readline()
            yield time.monotonic(), data


CALLS = {
    "counted": (
        "/v1/chat/completions",
        {
            "messages": [{"role": "user", "content": "x"}],
            "stream_options": {"include_usage": True},
        },
    ),
    "chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
    "responses": ("/v1/responses", {"input": "x"}),
}


def watched(server: GovernedServer, name: str) -> list[tuple[float, bytes]]:
    path, body = CALLS[name]
    with closing(Watching(server, path, {"model": "m", "stream": True, **body})) as watching:
        return list(watching)


@pytest.mark.parametrize("name", CALLS)
def test_text_leaves_soon_after_the_byte_that_releases_it_and_a_read_is_a_write(
    server: GovernedServer, upstream: Paced, name: str
) -> None:
    for _ in range(ATTEMPTS):
        writes = watched(server, name)
        texts = [(at, data) for at, data in writes if b"goes" in data]
        late = [at - max(sent for sent in upstream.sent if sent <= at) for at, _ in texts]
        if max(late[0], median(late)) < SOON_S:
            break
    else:
        pytest.fail(f"late by {late}")
    # The end is on record before it leaves, so what was held until then is a write of its own.
    assert len(texts) <= len(TEXTS) + 1
    assert len(writes) <= len(WRITES) + 1, [data for _, data in writes]
    body = b"".join(data for _, data in writes)
    assert all(text.split()[0].encode() in body for text in TEXTS)
    if name == "responses":
        assert check_responses(body) == "completed"
    else:
        assert check_chat(body, asks_for_usage=name == "counted") == "done"


@pytest.mark.parametrize("name", CALLS)
def test_a_client_that_leaves_ends_the_call_of_the_provider(
    server: GovernedServer, upstream: Paced, name: str
) -> None:
    path, body = CALLS[name]
    upstream.left.clear()
    with closing(Watching(server, path, {"model": "m", "stream": True, **body})) as watching:
        next(iter(watching))
    left_at = time.monotonic()

    wait_until(lambda: upstream.left)
    assert upstream.left[0] - left_at < 1 + OTHERS_LATE_S
