"""The header that says what of a call was not done as it was asked, in every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from axonflow_core.messages import Adjustment
from axonflow_core.modes.adjusted import HEADER, MAX_ITEM, MAX_ITEMS, header_of
from tests.governed_server import GovernedServer
from tests.together.dialect_bodies import DIALECTS as USUAL
from tests.together.dialect_bodies import FURTHER_DIALECTS as FURTHER
from tests.together.drop_in import DIALECTS, FURTHER_DIALECTS, drop_in

ALL = {**USUAL, **FURTHER}
BETA, TAKEN = "made-up-2026-01-01", "compact-2026-01-12"
ODD: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "chat": ("nova", {"prompt_cache_key": "clé"}, "prompt_cache_key: not sent"),
    "responses": (
        "claude",
        {"tools": [{"type": "web_search"}], "store": True},
        "store: not stored; built-in tools: web_search not offered",
    ),
    "messages": (
        "claude",
        {"anthropic_beta": [BETA, TAKEN], "context_management": {"edits": []}},
        "anthropic_beta: 1 of 2 not sent",
    ),
    "invoke": ("claude", {"anthropic_beta": [BETA, TAKEN]}, "anthropic_beta: 1 of 2 not sent"),
    "converse": ("anthropic", {"requestMetadata": {"a": "b"}}, "metadata: 1 of 1 keys not sent"),
    "gemini": ("claude", {"labels": {"a": "b"}}, "labels: not sent"),
    "ollama": ("claude", {"keep_alive": "5m"}, "keep_alive: not sent"),
    "azure": ("claude", {"prompt_cache_key": "k"}, "prompt_cache_key: not sent"),
}
"""Dialect -> whom it asks, what is not done of that, and how the header says it."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GovernedServer]:
    folder, dialects = tmp_path_factory.mktemp("adjusted"), (*DIALECTS, *FURTHER_DIALECTS)
    with drop_in(folder, providers=("bedrock", "anthropic"), dialects=dialects) as served:
        yield served


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("dialect", ALL)
def test_what_was_not_done_is_named_in_a_header(
    server: GovernedServer, dialect: str, is_streamed: bool
) -> None:
    body_of, addressed, _ = ALL[dialect]
    model, odd, told = ODD[dialect]
    path, more = addressed(model, is_streamed)
    adjusted = server.ask("POST", path, {**body_of("text"), **odd, **more}, client="acme")
    plain = server.ask("POST", path, {**body_of("text"), **more}, client="acme")

    assert (adjusted.status, plain.status) == (200, 200)
    assert adjusted.headers[HEADER] == told
    assert HEADER not in plain.headers


def test_a_client_of_bedrock_knows_the_betas_of_the_model_that_it_names(
    server: GovernedServer,
) -> None:
    body = {**ALL["invoke"][0]("text"), "anthropic_beta": [BETA]}
    path = "/model/us.anthropic.claude-sonnet-4-6/invoke"
    reply = server.ask("POST", path, body, client="acme")
    assert (reply.status, HEADER in reply.headers) == (200, False)


def test_the_header_is_short_and_of_printable_ascii() -> None:
    odd = Adjustment("naïve\r\nset-cookie: x", "a; b" * 99, "why")
    many = [odd, *(Adjustment(f"n{number}", "not sent", "why") for number in range(99))]
    text = header_of(many)[HEADER]
    assert text.isascii() and text.isprintable()
    assert len(text) < (MAX_ITEMS + 1) * (MAX_ITEM + 2)
    assert text.startswith("na?ve??set-cookie: x: a? b")
    assert text.endswith(f"n{MAX_ITEMS - 2}: not sent; and {100 - MAX_ITEMS} more")
    assert header_of(()) == {}
