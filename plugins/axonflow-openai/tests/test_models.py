"""The table of OpenAI's models, and the settings that the environment gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from axonflow_core.codec.registry import CodecRegistry
from axonflow_core.config import load_config, structure_provider_config
from axonflow_core.errors import ConfigError
from axonflow_core.plugin_spec import Life
from axonflow_core.testing import error_laws
from axonflow_openai.codec import ERRORS
from axonflow_openai.config import OpenAIConfig
from axonflow_openai.provider import MODELS, OpenAIService, catalogue


@pytest.mark.parametrize("law", error_laws(ERRORS))
@pytest.mark.sampled(4)
def test_errors_keep(law: Callable[[], None]) -> None:
    law()


def test_every_row_of_the_catalogue_has_a_codec_and_a_price() -> None:
    listed = catalogue(CodecRegistry())

    assert len(listed.models) == len({model.id for model in listed.models})
    assert all(model.family and model.input_price for model in listed.models)
    assert {model.kind for model in listed.models} == {"chat", "embedding"}
    assert listed.as_of


def test_a_model_with_an_end_is_no_longer_active() -> None:
    lives = {model.id: model.life for model in catalogue(CodecRegistry()).models}

    assert lives["gpt-6.1-sol"] is Life.ACTIVE
    assert lives["gpt-4-turbo"] is Life.ENDED


def test_a_snapshot_has_the_row_of_its_model_unless_it_has_its_own() -> None:
    assert MODELS.row("gpt-4o-2024-08-06") is MODELS.row("gpt-4o")
    assert MODELS.id_of("gpt-4o-2024-05-13") == "gpt-4o-2024-05-13"
    assert MODELS.facts("gpt-5.4-2026-03-05").max_output_tokens == 128_000


def test_every_successor_is_in_the_table() -> None:
    rows = MODELS.rows

    assert {row.successor for row in rows} - {None} <= {row.id for row in rows}


def test_every_entry_of_the_errors_says_what_to_do() -> None:
    assert all(entry.cause and entry.fix for entry in OpenAIService.fixes())


# ── the environment ───────────────────────────────────────────────────────────────────────────────

PLAIN = {"OPENAI_API_KEY": "sk-1"}


def settings(folder: Path, **variables: str) -> OpenAIConfig:
    config = load_config(environment={**PLAIN, **variables}, folder=folder)
    return structure_provider_config(config.enabled["openai"], OpenAIConfig)


def test_the_key_alone_enables_the_provider(tmp_path: Path) -> None:
    assert settings(tmp_path) == OpenAIConfig()


def test_each_variable_sets_its_key(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        OPENAI_MODEL="gpt-5.2",
        OPENAI_ENDPOINT="https://eu.api.openai.com",
        OPENAI_TIMEOUT_SECONDS="30",
    )

    assert (found.model, found.base_url) == ("gpt-5.2", "https://eu.api.openai.com/v1")
    assert found.timeouts.total_s == 30.0


@pytest.mark.parametrize(
    ("variable", "value"), [("OPENAI_TIMEOUT_SECONDS", "soon"), ("OPENAI_ENDPOINT", "api.openai")]
)
def test_a_variable_that_is_wrong_is_named(tmp_path: Path, variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        settings(tmp_path, **{variable: value})


def test_without_a_key_the_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environment={"OPENAI_MODEL": "gpt-4o"}, folder=tmp_path)

    assert "OPENAI_API_KEY" in f"{caught.value} {caught.value.hint}"
