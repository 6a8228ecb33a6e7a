"""Streams of Bedrock's families through governance: whole where nothing is found, and masked as the
whole answer would be."""

from __future__ import annotations

from typing import Any

import pytest
from governance.governed import SSN, FakeAudit, all_of, call_of, policy_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axonflow_bedrock.serving import RunningEmulator
from axonflow_core import Runtime
from axonflow_core.codec import FamilyCodec
from axonflow_core.governance.calls import Governance
from axonflow_core.governance.look_ahead import AnswerScreen
from axonflow_core.governance.screening import Screened
from axonflow_core.governance.streams import GovernedStream
from axonflow_core.messages import Completion
from axonflow_core.plugins import load_codecs
from axonflow_core.policy.policies import Policies
from axonflow_core.policy.rules import Action, Phase, Verdict
from axonflow_core.stream import Batch, assemble
from axonflow_core.testing import Claims, streams

REGISTRY = load_codecs("bedrock").registry
FAMILIES = {
    f"{codec.name} {codec.surface}": codec
    for codec in REGISTRY.of_kind(FamilyCodec)
    if codec.streams
}
MODELS = (
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "amazon.nova-lite-v1:0",
    "meta.llama3-8b-instruct-v1:0",
    "mistral.mistral-large-2402-v1:0",
    "cohere.command-r-v1:0",
    "amazon.titan-text-express-v1",
)
SECRETIVE = [{"when": "number", "answer": f"It is {SSN}, and the rest is quite harmless. " * 3}]


def screened(batches: list[Batch], policy: Any) -> list[Batch]:
    screen = AnswerScreen(policy)
    left: list[Batch] = []
    for batch in batches:
        screen.add((batch,), None)
        screen.judge()
        while passed := screen.taken():
            left += passed.batches
    screen.end(is_complete=True)
    screen.judge()
    while passed := screen.taken():
        left += passed.batches
    assert screen.stop is None
    return left


@pytest.mark.sampled(3)
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_drawn_stream_of_a_family_leaves_as_its_whole_answer_would(
    family: str, data: st.DataObject
) -> None:
    answer, batches = data.draw(streams(Claims(codec=FAMILIES[family])))
    policy = policy_of(Action.REDACT)
    left = screened(batches, policy)
    whole: Completion | None = Screened(answer).judge(policy, Phase.ANSWER).value
    assert whole is not None
    if whole is answer:
        assert list(map(id, left)) == list(map(id, batches))
    else:
        assert assemble(event for batch in left for event in batch).content == whole.content


async def asked(model: str, policy: Any) -> tuple[Completion, FakeAudit]:
    """What leaves of a stream of that model, and its records."""
    audit: Any = FakeAudit()
    async with Runtime.open(provider="bedrock", model=model) as runtime:
        governance = Governance(Policies(policy), runtime.router, audit)
        stream = await governance.stream(call_of("What is the number?"))
        assert isinstance(stream, GovernedStream)
        async with stream:
            batches = await all_of(stream)
    return assemble(event for batch in batches for event in batch), audit


@pytest.mark.bedrock(script=SECRETIVE)
@pytest.mark.parametrize("model", MODELS)
async def test_a_stream_of_bedrock_is_masked_and_on_record_with_its_receipt(
    bedrock_environment: RunningEmulator, model: str
) -> None:
    answer, audit = await asked(model, policy_of(Action.REDACT))
    assert SSN not in answer.text
    assert answer.text.count("[REDACTED:us_ssn]") == 3
    opened, closed = audit.entries
    assert (closed.closes, closed.verdict) == (opened.id, Verdict.REDACTED)
    assert closed.facts["receipt"]["called"] == model
    assert closed.facts["tokens"]["output"] > 0
    assert "cost_usd" in closed.facts


@pytest.mark.bedrock(script=SECRETIVE)
async def test_a_stream_of_bedrock_that_is_blocked_gives_no_secret(
    bedrock_environment: RunningEmulator,
) -> None:
    answer, audit = await asked(MODELS[0], policy_of(Action.BLOCK))
    assert "6789" not in answer.text
    assert audit.entries[-1].verdict is Verdict.BLOCKED
