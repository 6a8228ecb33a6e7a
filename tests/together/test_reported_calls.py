"""Calls that a client made itself are priced by Bedrock's own table, under whatever name."""

from __future__ import annotations

from random import Random

import pytest

from axonflow_bedrock.provider import MAX_PRICES
from axonflow_core.config.values import Config, ProviderConfig
from axonflow_core.messages import Usage
from axonflow_core.modes.pricing import Priced, priced
from axonflow_core.runtime import Runtime

USAGE = Usage(input_tokens=1_000, output_tokens=100)
SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
SONNET_COST = (1_000 * 3.0 + 100 * 15.0) / 1_000_000


@pytest.fixture
def runtime() -> Runtime:
    region = {"region": "us-east-1"}
    bedrock = ProviderConfig("bedrock", is_enabled=True, config=region)
    return Runtime.open(Config(providers={"bedrock": bedrock}))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("bedrock", SONNET),
        ("bedrock", f"us.{SONNET}"),
        ("anthropic", f"bedrock/{SONNET}"),
        ("anthropic", f"bedrock/invoke/us.{SONNET}"),
        ("unknown", f"bedrock/us-east-1/{SONNET}"),
        ("aws", f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}"),
    ],
)
async def test_a_model_of_bedrock_has_its_price(
    runtime: Runtime, provider: str, model: str
) -> None:
    async with runtime:
        found = priced(runtime.providers, provider, model, USAGE)
    assert found == Priced(provider="bedrock", cost_usd=pytest.approx(SONNET_COST))


@pytest.mark.parametrize(
    "model", ["gpt-4o", "openai/gpt-4o", "", "/", "bedrock/", "bedrock/////", "arn:aws", "\0", "é"]
)
async def test_what_bedrock_does_not_know_has_no_price(runtime: Runtime, model: str) -> None:
    async with runtime:
        assert priced(runtime.providers, "x", model, USAGE) == Priced(provider="x")


async def test_no_name_of_a_model_makes_pricing_fail_or_grow(runtime: Runtime) -> None:
    random, pieces = Random(1), ("arn:aws:bedrock:", "us.", "/", ":", "%2F", "x" * 99, "é", SONNET)
    async with runtime:
        for number in range(3 * MAX_PRICES):
            model = "".join(random.choices(pieces, k=random.randint(1, 6))) + str(number)
            priced(runtime.providers, "bedrock", f"bedrock/{model}"[:2_048], USAGE)
        assert len(runtime.providers["bedrock"]._prices) <= MAX_PRICES
