"""Betas of Anthropic's, and the parameters that each opens: both go or both stay."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from toy import CHAT

from axonflow_core.codec import ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, Unsupported, fit
from axonflow_core.messages import BuiltinTool, CachePoint, CompletionRequest, Text, Tool, user

OPTIONS = frozenset({"anthropic_beta", "context_management"})
CLOUD = evolve(CHAT, dialect="anthropic", options=OPTIONS)
CLIENT = evolve(CLOUD, family="client")
EDITING, SEARCH = "context-management-2025-06-27", "tool-search-tool-2025-10-19"
EXAMPLES, ADVANCED = "tool-examples-2025-10-29", "advanced-tool-use-2025-11-20"
EDITS: Any = {"edits": [{"type": "clear_tool_uses_20250919"}]}
LATER = Tool("later", "Later.", {"type": "object"}, extra={"defer_loading": True, "mine": 1})


def served(
    *betas: str, taken: frozenset[str] | None, unsupported: Any = Unsupported.REPORT, **parts: Any
) -> Fitted:
    options = {"anthropic_beta": [*betas], **parts.pop("options", {})}
    request = CompletionRequest((user("hi"),), options=options, **parts)
    facts = ModelFacts(base_id="toy.chat", betas=taken)
    return fit(request, CLOUD, facts, unsupported, client=CLIENT)


def told(fitted: Fitted) -> list[str]:
    return [str(adjustment.feature) for adjustment in fitted.adjustments]


def test_a_beta_that_is_taken_stays_with_what_it_opens() -> None:
    fitted = served(EDITING, taken=frozenset({EDITING}), options={"context_management": EDITS})
    assert fitted.request.options == {"anthropic_beta": [EDITING], "context_management": EDITS}
    assert told(fitted) == []


def test_a_beta_that_is_not_taken_goes_with_what_it_opens_and_both_are_told() -> None:
    fitted = served(EDITING, taken=frozenset(), options={"context_management": EDITS})
    assert fitted.request.options == {}
    assert told(fitted) == ["anthropic_beta", "context_management"]


def test_what_a_beta_opens_goes_where_nobody_named_the_beta() -> None:
    fitted = served(taken=frozenset({EDITING}), options={"context_management": EDITS})
    assert (fitted.request.options, told(fitted)) == ({}, ["context_management"])


def test_a_service_that_takes_every_beta_gets_what_came() -> None:
    fitted = served("new-2027-01-01", taken=None, tools=(LATER,))
    assert fitted.request.options == {"anthropic_beta": ["new-2027-01-01"]}
    assert (fitted.request.tools, told(fitted)) == ((LATER,), [])


def test_parameters_of_tools_and_cache_points_go_alone_the_tools_stay() -> None:
    search = BuiltinTool("anthropic", "bash_20250124", "bash", {"defer_loading": True})
    point = CachePoint(kind="ephemeral", ttl="1h", extra={"scope": "global"})
    fitted = served(
        *("claude-code-20250219", "prompt-caching-scope-2026-01-05"),
        taken=frozenset({EDITING}),
        tools=(LATER, search, point),
        system=(Text("Be brief."), point),
    )
    bare = CachePoint(kind="ephemeral", ttl="1h")
    assert fitted.request.tools == (
        evolve(LATER, extra={"mine": 1}),
        evolve(search, settings={}),
        bare,
    )
    assert fitted.request.system == (Text("Be brief."), bare)
    assert told(fitted) == ["anthropic_beta", "defer_loading", "scope"]


def test_a_cloud_is_told_its_own_names_of_a_beta() -> None:
    fitted = served(ADVANCED, taken=frozenset({SEARCH, EXAMPLES}), tools=(LATER,))
    assert fitted.request.options == {"anthropic_beta": [SEARCH, EXAMPLES]}
    assert (fitted.request.tools, told(fitted)) == ((LATER,), [])


def test_the_services_own_client_names_what_it_likes() -> None:
    request = CompletionRequest((user("hi"),), options={"anthropic_beta": ["any"]})
    facts = ModelFacts(betas=frozenset())
    assert fit(request, CLOUD, facts, client=CLOUD).request == request


def test_an_operator_who_wants_refusals_gets_one_for_a_beta() -> None:
    with pytest.raises(EncodeError, match="anthropic_beta"):
        served("any", taken=frozenset(), unsupported=Unsupported.ERROR)
