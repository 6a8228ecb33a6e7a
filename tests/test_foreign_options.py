"""Parameters that one vendor documents and the model's family lacks: left out, carried over under
another name, or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from toy import CHAT

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.fitting import Fitted, fit
from axonflow_core.messages import CompletionRequest, Inference, Json, user

LABELLED = evolve(CHAT, features=CHAT.features | {Feature.METADATA}, metadata_keys=None)
UNLABELLED = evolve(CHAT, features=CHAT.features - {Feature.METADATA}, options=frozenset({"user"}))
CLIENT = evolve(
    CHAT, family="client", dialect="other", droppable_options=frozenset({"user", "seed"})
)


def served(model: FamilyCodec = CHAT, **parts: Any) -> Fitted:
    request = CompletionRequest((user("hi"),), **parts)
    return fit(request, model, ModelFacts(base_id="toy.chat"), client=CLIENT)


def told(fitted: Fitted) -> list[str]:
    return [str(adjustment.feature) for adjustment in fitted.adjustments]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 1),
        ("num_generations", 1),
        ("logprobs", False),
        ("logprobs", 0),
        ("top_logprobs", 0),
        ("logit_bias", {}),
        ("return_likelihoods", "NONE"),
        ("search_queries_only", False),
        ("return_prompt", False),
        ("raw_prompting", False),
        ("modalities", ["text"]),
        ("store", False),
        ("function_call", "none"),
        ("function_call", "auto"),
        ("anything", None),
        ("anything", []),
    ],
)
def test_what_asks_for_the_default_is_left_out_in_silence(name: str, value: Json) -> None:
    fitted = served(options={name: value})
    assert (dict(fitted.request.options), told(fitted)) == ({}, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 2),
        ("num_generations", 0),
        ("logprobs", True),
        ("top_logprobs", 1),
        ("logit_bias", {"50256": -100}),
        ("return_likelihoods", "ALL"),
        ("search_queries_only", True),
        ("return_prompt", True),
        ("raw_prompting", True),
        ("modalities", ["text", "audio"]),
        ("store", True),
        ("function_call", {"name": "weather"}),
        ("web_search_options", {}),
    ],
)
def test_what_would_change_the_answer_is_refused_by_name(name: str, value: Json) -> None:
    with pytest.raises(EncodeError, match=name):
        served(options={name: value})


def test_what_changes_no_meaning_is_reported() -> None:
    fitted = served(options={"seed": 7})
    assert (dict(fitted.request.options), told(fitted)) == ({}, ["seed"])


# ── counterparts ──────────────────────────────────────────────────────────────────────────────────


def test_the_user_becomes_the_user_id_of_the_metadata() -> None:
    fitted = served(LABELLED, options={"user": "u-1"}, metadata={"team": "blue"})
    assert fitted.request.metadata == {"team": "blue", "user_id": "u-1"}
    assert told(fitted) == []


@pytest.mark.parametrize(("other", "reported"), [("u-1", []), ("u-2", ["user"])])
def test_a_user_id_of_the_requests_own_counts(other: str, reported: list[str]) -> None:
    name = "".join(["u-", "1"])  # equal to the other one and not the same object
    fitted = served(LABELLED, options={"user": other}, metadata={"user_id": name})
    assert (fitted.request.metadata, told(fitted)) == ({"user_id": "u-1"}, reported)


def test_a_user_without_metadata_is_reported() -> None:
    fitted = served(
        evolve(CHAT, features=CHAT.features - {Feature.METADATA}), options={"user": "u"}
    )
    assert told(fitted) == ["user"]


def test_the_user_id_becomes_the_user_where_there_is_no_metadata() -> None:
    fitted = served(UNLABELLED, metadata={"user_id": "u-1"})
    assert (fitted.request.options, fitted.request.metadata) == ({"user": "u-1"}, None)
    assert told(fitted) == []


def test_labels_without_a_place_are_reported() -> None:
    fitted = served(UNLABELLED, metadata={"user_id": "u-1", "team": "blue"})
    assert (fitted.request.options, told(fitted)) == ({"user": "u-1"}, ["metadata"])


def test_of_two_names_of_the_limit_the_older_one_counts() -> None:
    newer = {"max_completion_tokens": 9}
    alone = served(options=newer).request.inference.max_tokens
    both = served(options=newer, inference=Inference(max_tokens=5)).request.inference.max_tokens
    assert (alone, both) == (9, 5)
    with pytest.raises(EncodeError, match="max_completion_tokens"):
        served(options={"max_completion_tokens": "many"})


# ── tiers ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tier", "known", "sent", "reported"),
    [
        ("default", {"default"}, "default", []),
        ("default", {"standard_only"}, "standard_only", []),
        ("standard_only", {"default"}, "default", []),
        ("priority", None, "priority", []),
        ("priority", {"default"}, None, ["service tier"]),
        ("default", {"flex"}, None, ["service tier"]),
        ("auto", {"default"}, None, []),
    ],
)
def test_a_tier_is_sent_by_the_familys_own_name_or_reported(
    tier: str, known: set[str] | None, sent: str | None, reported: list[str]
) -> None:
    model = evolve(
        CHAT,
        features=CHAT.features | {Feature.SERVICE_TIER},
        service_tiers=None if known is None else frozenset(known),
    )
    fitted = served(model, service_tier=tier)
    assert (fitted.request.service_tier, told(fitted)) == (sent, reported)
