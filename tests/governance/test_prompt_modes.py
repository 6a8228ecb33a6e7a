"""The query of a request of type `sql` is a text of statements; what stands beside it is prose."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from axonflow_core.governance.screening import judged
from axonflow_core.messages import CompletionRequest, Text, user
from axonflow_core.modes.decisions import mode_of
from axonflow_core.policy.rules import Decision, Mode, Phase, Verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = CompletionRequest(messages=(user("SELECT 1"),), system=(Text("You write SQL."),))


@pytest.mark.parametrize(
    ("request_type", "mode"),
    [("sql", Mode.SQL), ("chat", Mode.PROMPT), ("SQL", Mode.PROMPT), (None, Mode.PROMPT)],
)
async def test_the_type_of_a_request_says_what_its_query_is(
    request_type: str | None, mode: Mode
) -> None:
    assert mode_of(request_type) is mode


@pytest.mark.parametrize(
    ("mode", "told"), [(Mode.SQL, {"messages.0": Mode.SQL}), (Mode.PROMPT, {})]
)
async def test_messages_are_evaluated_in_the_mode_of_the_request_and_the_system_prompt_is_not(
    mode: Mode, told: Mapping[str, Mode]
) -> None:
    heard: list[Mapping[str, Mode]] = []

    def evaluate(phase: Phase, texts: Mapping[str, str], modes: Mapping[str, Mode], *_: Any) -> Any:
        heard.append(modes)
        return Decision(verdict=Verdict.ALLOWED, phase=phase)

    policy: Any = SimpleNamespace(evaluate=evaluate, has_guests=False)
    await judged(policy, Phase.REQUEST, REQUEST, prompt_mode=mode)
    assert heard == [told]
