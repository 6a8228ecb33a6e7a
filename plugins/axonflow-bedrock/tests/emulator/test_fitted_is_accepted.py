"""Fitting and the emulator, each held against the other.

What fitting makes of a drawn request, for any chat model on either surface, the emulator accepts;
or it is refused by name, and nothing is sent. And a step of fitting that is left out is seen by the
emulator: that is what shows that it is not blind.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import cycle, islice
from math import gcd
from typing import Any, TypeAlias

import pytest
from attrs import frozen
from drawn_requests import REQUESTS
from hypothesis import HealthCheck, Phase, given, seed, settings

from axonflow_bedrock.emulator import installed_codecs
from axonflow_bedrock.emulator.gates import pass_gate
from axonflow_bedrock.emulator.refused import refusals
from axonflow_bedrock.models.rules import CONVERSE, INVOKE, facts_of
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.wire.endpoint import ServiceException
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.codec.features import asked_by
from axonflow_core.errors import EncodeError, MalformedRequest, UndetectedFamily
from axonflow_core.fitting import fit
from axonflow_core.fitting import requests as steps
from axonflow_core.json import dumps, loads
from axonflow_core.messages import CompletionRequest

CODECS = installed_codecs()
MODELS = load_models()


@frozen
class Target:
    """A chat model on a surface."""

    codec: FamilyCodec
    facts: ModelFacts

    @property
    def unknown(self) -> ModelFacts:
        """The facts of a model of which nothing is known."""
        return ModelFacts(model_id=self.facts.base_id, base_id=self.facts.base_id)

    def outcome(
        self, request: CompletionRequest, *, is_streamed: bool = False, is_checked: bool = True
    ) -> str:
        """`accepted`, `refused by name`, or what the emulator said. Where it is not checked, the
        codec does not know what the model lacks, and what fitting left goes to the emulator."""
        facts = self.facts if is_checked else self.unknown
        try:
            fitted = fit(request, self.codec, self.facts, is_streamed=is_streamed)
            body = self.codec.encode_request(fitted.request, facts, is_streamed=is_streamed)
        except EncodeError as refusal:
            return BY_NAME if refusal.feature else f"an unnamed refusal: {refusal.message}"
        return emulated(self.codec, self.facts, loads(dumps(body)), is_streamed=is_streamed)

    def outcome_unfitted(self, request: CompletionRequest) -> str:
        """The same of the request as it is."""
        try:
            body = self.codec.encode_request(request, self.unknown)
        except EncodeError:
            return BY_NAME
        return emulated(self.codec, self.facts, loads(dumps(body)), is_streamed=False)


ACCEPTED, BY_NAME = "accepted", "refused by name"


def emulated(codec: FamilyCodec, facts: ModelFacts, body: Any, *, is_streamed: bool) -> str:
    """`accepted`, or the row of the emulator's table that refuses the body, and its words."""
    try:
        pass_gate(codec, body)
        codec.decode_request(body, facts)
    except (ServiceException, MalformedRequest) as refusal:
        return f"the schema: {refusal.message}"
    found = refusals(codec, facts.base_id, body, is_streamed=is_streamed)
    return next((f"{name}: {refused.message}" for name, refused in found), ACCEPTED)


def targets() -> Iterator[Target]:
    for entry in MODELS:
        if entry.mode == "chat":
            for surface in (INVOKE, CONVERSE):
                facts = facts_of(entry.base_id, surface, ModelFacts(base_id=entry.base_id), entry)
                try:
                    yield Target(CODECS.for_base_id(entry.base_id, surface=surface), facts)
                except UndetectedFamily:
                    continue


TARGETS = list(targets())


@cache
def drawn(number: int, first: int = 0) -> list[CompletionRequest]:
    """So many drawn requests, always the same for the same `first`."""
    requests: list[CompletionRequest] = []

    @seed(first)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(REQUESTS)
    def draw(request: CompletionRequest) -> None:
        requests.append(request)

    draw()
    return requests


def outcomes(number: int, first: int) -> Counter[str]:
    """The outcomes of so many drawn requests, each for the next model and surface in turn; the
    first is for that with the number `first`."""
    turns = islice(cycle(TARGETS), first, None)
    return Counter(
        target.outcome(request, is_streamed=bool(place % 2))
        for place, (request, target) in enumerate(zip(drawn(number, first), turns, strict=False))
    )


# ── what fitting makes ────────────────────────────────────────────────────────────────────────────

BATCH = 2_500
"""The exhaustive run has eight of them: 20,000 requests."""


@pytest.mark.parametrize(
    ("number", "first"),
    [
        (240, 0),
        pytest.param(BATCH, 0, marks=pytest.mark.thorough),
        *(pytest.param(BATCH, n * BATCH, marks=pytest.mark.exhaustive) for n in range(8)),
    ],
)
def test_a_fitted_request_is_accepted_or_was_refused_by_name(
    number: int, first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = outcomes(number, first)
    others = found.keys() - {ACCEPTED, BY_NAME}
    rows = {said.partition(": ")[0] for said in others}
    with capsys.disabled():
        sys.stdout.write(
            f"\n{number} requests from {first}, {len(TARGETS)} models and surfaces: "
            f"{found[ACCEPTED]} accepted, {found[BY_NAME]} refused by name; {rows or 'no others'}\n"
        )

    assert found[ACCEPTED] > number / 3, "the control: fitting does not refuse everything"
    assert others == set()


def test_without_fitting_the_emulator_refuses_many_of_them() -> None:
    """The control: the drawn requests are not harmless."""
    pairs = zip(drawn(240), cycle(TARGETS), strict=False)
    found = Counter(target.outcome_unfitted(request) for request, target in pairs)

    assert sum(times for said, times in found.items() if said not in (ACCEPTED, BY_NAME)) > 24


# ── a step of fitting that is left out ────────────────────────────────────────────────────────────

OF_THE_CODEC = frozenset(
    {
        *("lead_with_system", "fit_metadata", "drop_parallel_choice"),
        *("leave_out_citation_settings", "put_system_after_results"),
    }
)
"""Steps for what a family's own form has no place for, or another step refuses. Without such a step
the request is refused by name, so that there is nothing for Bedrock to see."""


def named(step: Any) -> str:
    return str(step.__name__)


ALL_STEPS = [named(step) for _, step in steps.STEPS]


@contextmanager
def without(name: str) -> Iterator[None]:
    """Fitting without one of its steps."""
    table = steps.STEPS
    steps.STEPS = tuple(row for row in table if named(row[1]) != name)
    steps._steps_for.cache_clear()
    try:
        yield
    finally:
        steps.STEPS = table
        steps._steps_for.cache_clear()


def who_sees(name: str, requests: Sequence[CompletionRequest]) -> str | None:
    """Who refuses one of `requests` once fitting lacks the step: the emulator, or else the codec;
    None where nobody does."""
    seen = None
    for chunk in batched(tries(name, requests), len(TARGETS)):
        with without(name):
            after = [unchecked(*each) for each in chunk]
        for each, said in zip(chunk, after, strict=True):
            if said != ACCEPTED and unchecked(*each) != said:
                seen = "the codec"
                if said != BY_NAME:
                    return "the emulator"
    return seen


def tries(name: str, requests: Sequence[CompletionRequest]) -> Iterator[Try]:
    """Those of `requests` that the step may change, each for another model at each turn."""
    features = next(features for features, step in steps.STEPS if named(step) == name)
    concerned = [request for request in requests if not features.isdisjoint(used_by(request))]
    while gcd(len(concerned), len(TARGETS)) > 1:  # so that each request meets every model
        concerned.append(concerned[0])
    streamed = cycle([True] * 3 + [False] * 4)
    return islice(zip(cycle(concerned), cycle(TARGETS), streamed, strict=False), MOST_TRIES)


def used_by(request: CompletionRequest) -> set[str]:
    asked = asked_by(request)
    return {*asked.features, *([steps.BLANK] if asked.has_blanks else [])}


def batched(tries: Iterator[Try], size: int) -> Iterator[list[Try]]:
    while batch := list(islice(tries, size)):
        yield batch


def unchecked(request: CompletionRequest, target: Target, is_streamed: bool) -> str:
    return target.outcome(request, is_streamed=is_streamed, is_checked=False)


Try: TypeAlias = tuple[CompletionRequest, Target, bool]
MOST_TRIES = 30_000


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ALL_STEPS)
def test_a_step_that_is_left_out_is_seen_by_the_emulator(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    who = who_sees(name, drawn(BATCH))

    with capsys.disabled():
        sys.stdout.write(f"\n{name} is seen by {who}\n")
    assert who == "the emulator" or name in OF_THE_CODEC
