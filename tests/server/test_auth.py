"""Who calls: secrets that are derived, presented in three ways."""

from __future__ import annotations

from base64 import b64encode
from importlib.util import find_spec
from pathlib import Path

import pytest

from axonflow_core.config.clients import COMMUNITY
from axonflow_core.config.values import ClientConfig, Role
from axonflow_core.server.auth import (
    MAX_CREDENTIALS,
    Directory,
    OpenDirectory,
    client_secret,
)

from .in_process import serving

NEW, OLD, OTHER = b"n" * 32, b"o" * 32, b"x" * 32
CLIENTS = {"acme": ClientConfig("acme", generation=2), "beta": ClientConfig("beta")}


def basic(id: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{id}:{secret}'.encode()).decode()}"}


@pytest.fixture
def directory() -> Directory:
    return Directory(CLIENTS, [NEW, OLD])


@pytest.mark.parametrize("key", [NEW, OLD])
def test_secrets_of_every_key_are_valid(directory: Directory, key: bytes) -> None:
    caller = directory.identified(basic("acme", client_secret(key, "acme", 2)))
    assert caller is not None and caller.client == "acme"


@pytest.mark.parametrize(
    ("key", "id", "generation"),
    [(OTHER, "acme", 2), (NEW, "acme", 1), (NEW, "acme", 3), (NEW, "acme2", 2), (NEW, "beta", 2)],
)
def test_other_secrets_are_not(directory: Directory, key: bytes, id: str, generation: int) -> None:
    secret = client_secret(key, id, generation)
    assert directory.identified({"x-api-key": secret}) is None
    assert directory.identified(basic("acme", secret)) is None


def test_a_secret_is_presented_in_three_ways(directory: Directory) -> None:
    secret = client_secret(NEW, "acme", 2)
    for headers in (
        basic("acme", secret),
        {"authorization": f"bearer {secret}"},
        {"x-api-key": secret},
    ):
        caller = directory.identified(headers)
        assert caller is not None and caller.client == "acme"


def test_a_secret_of_one_is_not_that_of_another(directory: Directory) -> None:
    assert directory.identified(basic("beta", client_secret(NEW, "acme", 2))) is None


def test_an_id_and_a_generation_are_not_confused() -> None:
    """`a`, 11 and `a1`, 1 would be the same text without the zero byte between them."""
    assert client_secret(NEW, "a", 11) != client_secret(NEW, "a1", 1)


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Basic", "Basic ", "Basic !!!", "Basic 4pi6", "Basic " + "A" * MAX_CREDENTIALS),
        *("Bearer", "Bearer ", "Digest x", "Basic " + b64encode(b"acme").decode()),
        *("Basic " + b64encode(b"acme:").decode(), "Basic " + b64encode(b"\xff:\xff").decode()),
        *("Bearer \u00e9", "x" * 100_000),
    ],
)
def test_what_proves_nothing_is_nobody(directory: Directory, authorization: str) -> None:
    assert directory.identified({"authorization": authorization}) is None
    assert directory.identified({"x-api-key": authorization}) is None


def test_roles_default_to_none(directory: Directory) -> None:
    caller = directory.identified({"x-api-key": client_secret(NEW, "beta", 1)})
    assert caller is not None and caller.roles == frozenset()


def test_in_the_open_mode_everybody_is_one_client_and_no_administrator() -> None:
    for headers in ({}, basic("acme", "x"), basic(COMMUNITY, "")):
        caller = OpenDirectory().identified(headers)
        assert caller is not None and caller.client == caller.tenant == COMMUNITY
        assert Role.ADMIN not in caller.roles


def test_in_the_open_mode_a_page_of_the_web_is_nobody() -> None:
    """A browser sends such a request without asking first where its type is that of a form."""
    page = {"origin": "https://evil.example", "content-type": "text/plain"}
    assert OpenDirectory().identified(page) is None


async def test_an_open_server_answers_a_program_and_refuses_a_page(tmp_path: Path) -> None:
    question = {"query": "hello", "request_type": "chat"}
    async with serving(tmp_path, open=True) as served:
        program = await served.post("/api/request", question, client=None)
        page = await served.post(
            "/api/request", question, client=None, headers={"origin": "https://evil.example"}
        )
    assert (program.status, page.status) == (200, 401)


PATHS = [
    pytest.param(
        path,
        id=path,
        marks=pytest.mark.skipif(find_spec(plugin) is None, reason=f"{plugin} is not installed"),
    )
    for path, plugin in {
        "/v1/chat/completions": "axonflow_openai",
        "/v1/messages": "axonflow_anthropic",
        "/model/m/converse": "axonflow_bedrock",
    }.items()
]
"""One of each dialect, where its plugin is."""


@pytest.mark.parametrize("path", PATHS)
async def test_every_dialect_takes_a_key_in_three_ways(tmp_path: Path, path: str) -> None:
    asked = {"model": "nobody", "max_tokens": 1, "messages": []}
    async with serving(tmp_path) as served:
        secret = client_secret(served.keys.server[0], "acme", 1)
        ways = [
            {"authorization": f"Bearer acme:{secret}"},
            {"x-api-key": f"acme:{secret}"},
            basic("acme", secret),
        ]
        replies = [await served.post(path, asked, client=None, headers=way) for way in ways]
        wrong = [
            await served.post(path, asked, client=None, headers={"x-api-key": key})
            for key in ("", "wrong", f"other:{secret}")
        ]
    assert all(reply.status not in (401, 403) for reply in replies), replies
    assert all(reply.status in (401, 403) for reply in wrong)


@pytest.mark.parametrize("path", PATHS)
async def test_an_open_server_refuses_a_page_in_every_dialect(tmp_path: Path, path: str) -> None:
    """A form has its keys in its address, and JSON in a field of type `text/plain`."""
    asked = {"model": "nobody", "max_tokens": 1, "messages": []}
    form = {**basic("any", "body"), "origin": "https://evil.example"}
    async with serving(tmp_path, open=True) as served:
        program = await served.post(path, asked, client=None, headers=basic("any", "body"))
        page = await served.post(path, asked, client=None, headers=form)
    assert program.status not in (401, 403)
    assert page.status in (401, 403)


def test_nothing_shows_a_secret(directory: Directory) -> None:
    secret = client_secret(NEW, "acme", 2)
    shown = f"{directory!r} {vars(directory)!r} {directory.identified({'x-api-key': secret})!r}"
    assert secret not in shown
