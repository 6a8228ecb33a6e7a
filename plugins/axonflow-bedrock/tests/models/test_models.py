"""The model table and the rules: what is known of every model, and that the two agree."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson
import pytest
from costs import is_within

from axonflow_bedrock.models import clock, update
from axonflow_bedrock.models.corrections import FACTS, FLAGS, NO_PROFILES, PROFILES
from axonflow_bedrock.models.lifecycles import GONE, LIFECYCLES
from axonflow_bedrock.models.model_id import VENDORS, parse_model_id
from axonflow_bedrock.models.profiles import callable_id
from axonflow_bedrock.models.rules import (
    CONVERSE,
    INVOKE,
    PROFILE_RULES,
    RULES,
    facts_of,
    needs_profile,
    rules_of,
)
from axonflow_bedrock.models.table import PATH, ModelEntry, ModelTable, Status, load_models
from axonflow_core.codec import Feature, ModelFacts
from axonflow_core.frozen import evolve
from axonflow_core.messages import Receipt, ToolChoiceMode, Usage
from axonflow_core.provider import Price, SupportsPricing
from axonflow_core.runtime import Runtime

MODELS = load_models()
TODAY = date(2026, 11, 22)
SONNET_4 = "anthropic.claude-sonnet-4-20250514-v1:0"
NO_FACTS = ModelFacts()


def known(base_id: str) -> ModelEntry:
    entry = MODELS.entry(base_id)
    assert entry is not None
    return entry


# ── the file ──────────────────────────────────────────────────────────────────────────────────────


def test_the_file_says_where_it_comes_from_and_of_which_day_it_is() -> None:
    assert any("MIT licence, Copyright (c) 2023 Berri AI" in source for source in MODELS.sources)
    assert any("Amazon Bedrock user guide" in source for source in MODELS.sources)
    assert MODELS.as_of == date(2026, 11, 29)


def told(**more: Any) -> dict[str, Any]:
    """What litellm says of one model."""
    return {
        "litellm_provider": "bedrock_converse",
        "mode": "chat",
        "max_input_tokens": 1000,
        "input_cost_per_token": 1e-06,
        **more,
    }


LITELLM: dict[str, Any] = {
    "sample_spec": {"mode": "chat"},
    "meta.llama9-v1:0": told(
        supports_function_calling=True,
        supports_vision=False,
        supports_bedrock_converse_tool_result_images=False,
        thinking_always_on=True,
        input_cost_per_token_batches=5e-07,
        deprecation_date="2027-01-01",
    ),
    "eu.meta.llama9-v1:0": told(input_cost_per_token=2e-06),
    "us.meta.llama8-v1:0": told(max_output_tokens=7),
    "bedrock/us-gov-west-1/meta.llama9-v1:0": told(input_cost_per_token=3e-06),
    "bedrock/invoke/meta.llama9-v1:0": told(input_cost_per_token=4e-06),
    "bedrock/moonshotai.kimi-k9": told(input_cost_per_token=0),
    "anthropic.claude-haiku@20251001": told(),
    "claude-haiku": told(),
    "stability.image-v1:0": told(mode="image_generation"),
    "openai.gpt-9": told(litellm_provider="bedrock_mantle"),
    "bedrock/eu.anthropic.claude-sonnet-4-20250514-v1:0": told(deprecation_date="2030-01-01"),
}


def made(source: dict[str, Any]) -> dict[str, Any]:
    table = update.table_of(source, "9.9.9", date(2026, 1, 1))
    assert (table["as_of"], "litellm 9.9.9" in table["sources"][1]) == ("2026-01-01", True)
    lines: dict[str, Any] = table["models"]
    return lines


def test_of_litellms_table_what_bedrock_can_address_is_kept_and_what_is_used() -> None:
    lines = made(LITELLM)

    assert lines["meta.llama9-v1:0"] == {
        "family": "meta",
        "mode": "chat",
        "max_input_tokens": 1000,
        "supports": {"tools": True, "vision": False, "thinking_always_on": True},
        "lifecycle": {"eol": "2027-01-01", "eol_source": "litellm"},
        "price_per_1m": {"input": 1.0},
        "regional_price_per_1m": {"us-gov-west-1": {"on_demand": {"input": 3.0}}},
    }
    assert lines["eu.meta.llama9-v1:0"] == {
        "profile_of": "meta.llama9-v1:0",
        "price_per_1m": {"input": 2.0},
    }


def test_a_model_that_is_sold_by_profile_alone_has_a_line() -> None:
    lines = made(LITELLM)

    assert lines["us.meta.llama8-v1:0"]["profile_of"] == "meta.llama8-v1:0"
    assert lines["meta.llama8-v1:0"]["max_output_tokens"] == 7
    assert lines["meta.llama8-v1:0"]["is_sold_plain"] is False


def test_an_id_that_litellm_has_under_its_own_path_alone_is_found() -> None:
    assert made(LITELLM)["moonshotai.kimi-k9"]["family"] == "moonshot-kimi"


def test_a_price_of_nothing_is_unknown() -> None:
    assert "price_per_1m" not in made(LITELLM)["moonshotai.kimi-k9"]


def test_what_is_no_model_of_bedrock_runtime_is_left_out() -> None:
    lines = made(LITELLM)

    assert not {"claude-haiku", "stability.image-v1:0", "openai.gpt-9", "sample_spec"} & set(lines)
    assert not [name for name in lines if "@" in name or "/" in name]


def test_what_aws_says_of_a_life_counts_before_litellm() -> None:
    line = made(LITELLM)[SONNET_4]

    assert line["lifecycle"] == {
        "legacy_from": "2026-04-14",
        "eol": "2026-10-14",
        "eol_source": "AWS",
    }


def test_the_models_that_aws_had_and_litellm_has_no_more_stay() -> None:
    assert set(GONE) <= set(made(LITELLM))


def test_without_litellm_the_command_says_how_to_get_it() -> None:
    with pytest.raises(SystemExit, match="pip install --no-deps litellm"):
        update.main(package="litellm_that_nobody_has")


def test_the_order_of_the_source_makes_no_difference() -> None:
    backwards = dict(reversed(LITELLM.items()))
    forwards = update.table_of(LITELLM, "9.9.9", TODAY)

    assert update.rendered(update.table_of(backwards, "9.9.9", TODAY)) == update.rendered(forwards)


def test_every_row_of_the_lives_fits_a_model_and_names_its_source() -> None:
    ids = [entry.base_id for entry in MODELS]

    assert all(row.source for row in LIFECYCLES)
    unused = [
        prefix
        for row in LIFECYCLES
        for prefix in row.models
        if not any(base_id.startswith(prefix) for base_id in ids)
    ]
    assert unused == ["amazon.titan-image-generator-v1"] or unused == []


def test_one_model_a_line() -> None:
    lines = PATH.read_bytes().splitlines()
    models = orjson.loads(PATH.read_bytes())["models"]
    for model_id in models:
        assert sum(line.startswith(orjson.dumps(model_id) + b":") for line in lines) == 1


def test_the_table_is_read_in_a_few_milliseconds() -> None:
    assert is_within(lambda: load_models().entry(SONNET_4), 2_000)


# ── entries ───────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_has_limits_prices_and_a_lifecycle() -> None:
    entry = known(SONNET_4)
    assert (entry.context_tokens, entry.output_tokens, entry.cache_minimum_tokens) == (
        200_000,
        64_000,
        1024,
    )
    assert entry.price("us") == Price(input=3.0, output=15.0, cache_read=0.3, cache_write_5m=3.75)
    assert entry.geographies == ("apac", "eu", "global", "us")
    assert (entry.legacy_from, entry.end_of_life) == (date(2026, 4, 14), date(2026, 10, 14))
    assert entry.supports["vision"]


def test_the_price_of_a_profile_is_its_own() -> None:
    entry = known("anthropic.claude-opus-4-7")
    assert (entry.price("global").input, entry.price("eu").input) == (5.0, 5.5)


def test_the_price_of_a_region_counts_for_the_plain_id() -> None:
    entry = known("amazon.nova-pro-v1:0")
    assert (entry.price(None, "us-gov-west-1").input, entry.price(None, "us-east-1").input) == (
        0.96,
        0.8,
    )
    assert entry.price("us", "us-gov-west-1").input == 0.8


def test_an_unknown_price_is_none_and_never_zero() -> None:
    assert known("amazon.titan-tg1-large").price() == Price()
    assert known("cohere.rerank-v3-5:0").price() == Price(), (
        "paid by the query, which a source writes as 0 a token"
    )
    assert known(SONNET_4).price("mars") == Price()
    assert known(SONNET_4).price("us").cache_write_1h is None
    assert known("anthropic.claude-opus-4-7").price("us").cache_write_1h is not None, "the control"


def test_nothing_is_known_of_an_unknown_model_nor_of_a_profile_as_a_model() -> None:
    assert MODELS.entry("acme.rocket-v1:0") is None
    assert MODELS.entry(f"us.{SONNET_4}") is None
    assert MODELS.entry(None) is None


def test_every_id_of_the_table_is_read_as_a_model_or_as_its_profile() -> None:
    for entry in MODELS:
        parsed = parse_model_id(entry.base_id)
        assert (parsed.base_id, parsed.geo) == (entry.base_id, None)
        assert entry.vendor in VENDORS
        for geo in entry.geographies:
            assert parse_model_id(f"{geo}.{entry.base_id}").base_id == entry.base_id


# ── lifecycles ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("base_id", "day", "status"),
    [
        (SONNET_4, date(2026, 10, 14), Status.END_OF_LIFE),
        ("ai21.jamba-1-5-mini-v1:0", date(2026, 11, 25), Status.LEGACY),
        ("ai21.jamba-1-5-mini-v1:0", date(2026, 11, 26), Status.END_OF_LIFE),
        ("anthropic.claude-v2:1", date(2026, 11, 22), Status.END_OF_LIFE),
        ("anthropic.claude-opus-5", date(2026, 11, 22), Status.ACTIVE),
        (SONNET_4, date(2026, 4, 13), Status.ACTIVE),
        (SONNET_4, date(2026, 4, 14), Status.LEGACY),
        # litellm has the end alone: AWS announces one at least six months before.
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", date(2026, 10, 6), Status.ACTIVE),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", date(2026, 10, 8), Status.LEGACY),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", date(2027, 4, 8), Status.END_OF_LIFE),
    ],
)
def test_the_status_of_a_model_depends_on_the_day(base_id: str, day: date, status: Status) -> None:
    assert known(base_id).status_on(day) is status


@pytest.mark.parametrize(
    ("base_id", "successor"),
    [
        (SONNET_4, "anthropic.claude-sonnet-5-5"),
        ("anthropic.claude-3-5-haiku-20241022-v1:0", "anthropic.claude-haiku-5-5"),
        ("amazon.nova-premier-v1:0", "amazon.nova-2-lite-v1:0"),
        ("deepseek.r1-v1:0", "deepseek.v3.2"),
        ("meta.llama3-1-405b-instruct-v1:0", "meta.llama4-scout-17b-instruct-v1:0"),
        ("zai.glm-4.7", "zai.glm-5.3"),
        ("cohere.command-text-v14", None),
        ("writer.palmyra-x5-v1:0", None),
    ],
)
def test_the_successor_is_the_newest_living_model_of_the_same_line(
    base_id: str, successor: str | None
) -> None:
    found = MODELS.successor(known(base_id), TODAY)
    assert (found and found.base_id) == successor


def test_lives_are_read_by_todays_date_which_a_test_can_set() -> None:
    with clock.on_day(date(2026, 4, 1)):
        assert known(SONNET_4).status_on(clock.today()) is Status.ACTIVE
    with clock.on_day(date(2027, 1, 1)):
        assert known(SONNET_4).status_on(clock.today()) is Status.END_OF_LIFE
    assert clock.today() == date.today()


def test_no_successor_is_at_its_end_whatever_the_day() -> None:
    for months in range(0, 24, 3):
        day = TODAY + timedelta(days=30 * months)
        found = [MODELS.successor(entry, day) for entry in MODELS]
        assert [
            heir.base_id for heir in found if heir and heir.status_on(day) is Status.END_OF_LIFE
        ] == []


def test_a_preview_comes_after_a_finished_model() -> None:
    line = {"family": "nova", "mode": "chat"}
    table = ModelTable(
        {
            "as_of": "2026-01-01",
            "sources": [],
            "models": {
                "amazon.nova-1": {**line, "lifecycle": {"eol": "2025-01-01"}},
                "amazon.nova-2": line,
                "amazon.nova-3-preview": line,
            },
        }
    )
    old = table.entry("amazon.nova-1")
    assert old is not None
    heir = table.successor(old, TODAY)
    assert heir is not None and heir.base_id == "amazon.nova-2"


def test_a_successor_is_named_by_an_id_that_can_be_called() -> None:
    assert (
        callable_id(known("anthropic.claude-sonnet-5-5"), "eu-west-1")
        == "eu.anthropic.claude-sonnet-5-5"
    )
    assert callable_id(known("deepseek.v3.2"), "us-east-1") == "deepseek.v3.2"


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────

SAMPLING = {Feature.TEMPERATURE, Feature.TOP_P, Feature.TOP_K}


def facts(base_id: str, surface: str = INVOKE) -> ModelFacts:
    return facts_of(base_id, surface, NO_FACTS)


CLAUDES = [entry for entry in MODELS if entry.family == "anthropic-messages"]


@pytest.mark.parametrize("entry", CLAUDES, ids=lambda entry: entry.base_id)
def test_the_rules_and_the_table_agree_on_what_claude_takes(entry: ModelEntry) -> None:
    without = facts(entry.base_id).without
    choices = facts(entry.base_id).tool_choices
    assert (without >= SAMPLING) is (entry.supports.get("sampling_params") is False)
    assert (Feature.PREFILL in without) is (entry.supports.get("assistant_prefill") is False)
    assert (choices is not None) is (entry.supports.get("forced_tool_use") is False)


def test_temperature_and_top_p_exclude_each_other_where_it_is_documented() -> None:
    pair = ((Feature.TEMPERATURE, Feature.TOP_P),)
    assert facts("anthropic.claude-sonnet-4-5-20250929-v1:0").one_of == pair
    assert facts("anthropic.claude-haiku-4-5-20251001-v1:0").one_of == pair
    assert facts(SONNET_4).one_of == ()


def test_a_rule_may_hold_on_one_surface_alone() -> None:
    llama = "meta.llama3-3-70b-instruct-v1:0"
    assert facts(llama, CONVERSE).tool_results_alone
    assert not facts(llama, INVOKE).tool_results_alone


def test_rules_add_up_and_choices_narrow_down() -> None:
    newest = facts("anthropic.claude-opus-5-5", CONVERSE)
    assert newest.without == SAMPLING | {Feature.PREFILL}
    assert newest.tool_choices == {ToolChoiceMode.AUTO}
    assert newest.max_cache_points == 4


def test_what_the_table_says_is_lacking_is_refused_and_what_it_does_not_say_is_not() -> None:
    def lacking(base_id: str) -> frozenset[Feature]:
        without = facts_of(base_id, INVOKE, NO_FACTS, known(base_id)).without
        return without & {Feature.IMAGES, Feature.TOOLS}

    assert Feature.IMAGES in lacking("openai.gpt-oss-20b-1:0")
    assert Feature.TOOLS in lacking("deepseek.r1-v1:0")
    assert lacking(SONNET_4) == frozenset(), "it has both"
    assert "vision" not in known("meta.llama4-scout-17b-instruct-v1:0").supports
    assert lacking("meta.llama4-scout-17b-instruct-v1:0") == frozenset(), "the table does not tell"
    assert Feature.IMAGES in lacking("amazon.nova-micro-v1:0"), "a rule tells"


def test_what_the_operator_set_stays() -> None:
    mine = ModelFacts(model_id="x", base_id=SONNET_4, default_max_tokens=7)
    found = facts_of(SONNET_4, INVOKE, mine)
    assert (found.model_id, found.base_id, found.default_max_tokens) == ("x", SONNET_4, 7)


def test_nothing_is_known_of_an_opaque_id() -> None:
    assert facts_of(None, CONVERSE, NO_FACTS) == NO_FACTS


def test_every_rule_names_its_source_and_fits_a_model_of_the_table() -> None:
    for rule in RULES:
        assert rule.source
        for surface in (INVOKE, CONVERSE):
            if rule.surface in (None, surface):
                assert any(rule in rules_of(entry.base_id, surface) for entry in MODELS), (
                    rule.models
                )


def test_every_prefix_of_every_table_of_exceptions_fits_a_model() -> None:
    ids = [entry.base_id for entry in MODELS]
    prefixes = [
        prefix
        for rule in (*RULES, *PROFILE_RULES)
        for prefix in (*rule.models, *rule.except_models)
    ]
    prefixes += [prefix for correction in (*FACTS, *FLAGS) for prefix in correction.models] + list(
        PROFILES
    )
    assert [
        prefix for prefix in prefixes if not any(base_id.startswith(prefix) for base_id in ids)
    ] == []
    assert not any(
        f"{geo}.{entry.base_id}".startswith(NO_PROFILES)
        for entry in MODELS
        for geo in entry.geographies
    )


@pytest.mark.parametrize(
    ("base_id", "is_needed"),
    [
        (SONNET_4, True),
        ("anthropic.claude-3-haiku-20240307-v1:0", False),
        ("deepseek.r1-v1:0", True),
        ("deepseek.v3.2", False),
        ("zai.glm-5.3", True),
        ("meta.llama3-8b-instruct-v1:0", False),
    ],
)
def test_a_model_that_is_not_sold_on_demand_needs_a_profile(base_id: str, is_needed: bool) -> None:
    assert needs_profile(known(base_id)) is is_needed


@pytest.mark.parametrize(
    ("unknown", "known"),
    [
        ("anthropic.claude-sonnet-9", "anthropic.claude-sonnet-5-5"),
        ("anthropic.claude-opus-4-9", "anthropic.claude-opus-5-5"),
        ("anthropic.claude-sonnet-4-5", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("anthropic.claude-epic-6", "anthropic.claude-sonnet-5-5"),
        ("amazon.nova-3-pro-v1:0", "amazon.nova-2-lite-v1:0"),
        ("amazon.nova-lite-v2:0", "amazon.nova-lite-v1:0"),
        ("openai.gpt-oss-300b-1:0", "openai.gpt-oss-20b-1:0"),
        ("openai.gpt-7-sol", "openai.gpt-6.1-sol"),
        ("deepseek.v4", "deepseek.v3.2"),
        ("moonshotai.kimi-k4", "moonshotai.kimi-k3.1"),
        ("acme.parrot-1", None),
    ],
)
def test_a_model_that_nobody_knows_goes_by_the_newest_of_its_line(
    unknown: str, known: str | None
) -> None:
    found = MODELS.newest_like(unknown)
    assert (found and found.base_id) == known


def test_a_call_costs_what_the_table_says_for_its_profile() -> None:
    provider = Runtime.open(region="us-east-1", provider="bedrock").providers["bedrock"]
    assert isinstance(provider, SupportsPricing)
    receipt = Receipt(
        provider="bedrock",
        family="anthropic",
        surface="invoke",
        model="m",
        called="us.anthropic.claude-sonnet-4-20250514-v1:0",
        region="us-east-1",
    )
    price = provider.price(receipt)
    assert price is not None
    assert price.cost_usd(Usage(1_000_000, 2_000_000)) == 33.0
    assert price.cost_usd(Usage(0, 0, cache_write_1h_tokens=1, cache_write_tokens=1)) is None
    assert price.cost_usd(Usage(1)) is None
    assert provider.price(evolve(receipt, called="acme.unknown-1")) is None


@pytest.mark.parametrize(
    ("model", "taken", "refused"),
    [
        ("opus-4-5-20251101-v1:0", "tool-search-tool-2025-10-19", "context-1m-2025-08-07"),
        ("sonnet-4-5-20250929-v1:0", "context-management-2025-06-27", "effort-2025-11-24"),
        ("opus-4-7", "interleaved-thinking-2025-05-14", "context-management-2025-06-27"),
        ("sonnet-4-20250514-v1:0", "context-1m-2025-08-07", "claude-code-20250219"),
        ("3-7-sonnet-20250219-v1:0", "output-128k-2025-02-19", "interleaved-thinking-2025-05-14"),
    ],
)
def test_a_claude_has_the_betas_of_its_rows_and_no_other(
    model: str, taken: str, refused: str
) -> None:
    betas = facts_of(f"anthropic.claude-{model}", INVOKE, NO_FACTS).betas
    assert betas is not None
    assert taken in betas and refused not in betas


def test_a_claude_that_no_row_of_betas_names_takes_none() -> None:
    assert facts_of("anthropic.claude-sonnet-9", INVOKE, NO_FACTS).betas == frozenset()
    assert facts_of("amazon.nova-lite-v1:0", CONVERSE, NO_FACTS).betas is None
