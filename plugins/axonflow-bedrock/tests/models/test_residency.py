"""What Bedrock's provider tells routing, offline: which ids are its own, where a call is processed,
how long a prompt may be."""

from __future__ import annotations

from typing import Any

import pytest

from axonflow_bedrock.emulator.control_plane import DESTINATIONS
from axonflow_core import Runtime
from axonflow_core.provider import (
    EVERYWHERE,
    SupportsLimits,
    SupportsModels,
    SupportsResidency,
)
from axonflow_core.routing.targets import matches

CLAUDE = "anthropic.claude-sonnet-4-20250514-v1:0"
ARN = "arn:aws:bedrock:eu-central-1:111122223333"


def bedrock(**settings: Any) -> Any:
    given = {"region": "eu-central-1", "model": CLAUDE, **settings}
    return Runtime.open(environment={}, provider="bedrock", **given).chosen()


def test_the_provider_has_what_routing_asks() -> None:
    for protocol in (SupportsModels, SupportsLimits, SupportsResidency):
        assert isinstance(bedrock(), protocol)


@pytest.mark.parametrize(
    ("model", "regions"),
    [
        (CLAUDE, {"eu-central-1"}),
        (f"eu.{CLAUDE}", {"eu-central-1", "eu-*"}),
        (f"us.{CLAUDE}", {"eu-central-1", "us-*"}),
        (f"global.{CLAUDE}", {"eu-central-1", "*"}),
        (f"mars.{CLAUDE}", None),
        (f"arn:aws:bedrock:eu-central-1::foundation-model/{CLAUDE}", {"eu-central-1"}),
        (f"{ARN}:inference-profile/eu.{CLAUDE}", {"eu-central-1", "eu-*"}),
        (f"{ARN}:application-inference-profile/a1b2c3", None),
        (f"{ARN}:default-prompt-router/anthropic.claude:1", None),
        (f"{ARN}:provisioned-model/a1b2c3", {"eu-central-1"}),
        (f"{ARN}:imported-model/a1b2c3", {"eu-central-1"}),
    ],
)
def test_a_call_may_be_processed_wherever_its_id_can_send_it(
    model: str, regions: set[str] | None
) -> None:
    assert bedrock().regions(model) == regions


def test_a_model_that_may_be_called_through_a_profile_is_processed_where_that_is() -> None:
    assert bedrock(profile_fallback=True).regions(CLAUDE) == {"eu-central-1", "eu-*"}
    everywhere = bedrock(profile_fallback=True, residency="global")
    assert everywhere.regions(CLAUDE) >= EVERYWHERE


def test_a_region_that_only_aws_s_settings_know_is_not_known() -> None:
    assert bedrock(region=None).regions(CLAUDE) is None


@pytest.mark.parametrize("geo", DESTINATIONS)
def test_every_destination_that_aws_names_is_among_those_of_its_geography(geo: str) -> None:
    told = tuple(bedrock().regions(f"{geo}.{CLAUDE}"))
    assert [region for region in DESTINATIONS[geo] if not matches(told, region)] == []


@pytest.mark.parametrize(
    ("model", "is_served"),
    [
        (CLAUDE, True),
        (f"us.{CLAUDE}", True),
        ("openai.gpt-oss-120b-1:0", True),
        ("cohere.embed-english-v3", True),
        (f"{ARN}:provisioned-model/a1b2c3", True),
        ("anthropic.claude-of-tomorrow-v1:0", True),
        ("gpt-4o-mini", False),
        ("gpt-4.1", False),
        ("gemini-2.5-pro", False),
        ("llama3.1:8b", False),
        ("bedrock/anthropic.claude", False),
    ],
)
def test_an_id_is_bedrock_s_by_its_vendor(model: str, is_served: bool) -> None:
    assert bedrock().serves(model) is is_served


def test_the_configured_model_is_served_whatever_its_id() -> None:
    assert bedrock(model="my-throughput", base_model=CLAUDE).serves("my-throughput") is True


def test_a_profile_of_another_geography_than_residency_names_is_not_served() -> None:
    assert bedrock(residency="eu").serves(f"us.{CLAUDE}") is False


def test_the_context_window_is_the_table_s() -> None:
    assert bedrock().context_tokens("us.anthropic.claude-3-haiku-20240307-v1:0") == 200_000
    assert bedrock().context_tokens("anthropic.claude-of-tomorrow-v1:0") is None
