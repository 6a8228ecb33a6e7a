"""`axonflow models`: every model of the table, readable at 80 columns, with the life of today."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from aws_account import CODECS

from axonflow_bedrock.models.catalogue import catalogue_of
from axonflow_bedrock.models.table import load_models
from axonflow_core.cli import main
from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.errors import UndetectedFamily
from axonflow_core.plugin_spec import Life

DEFAULT = "anthropic.claude-sonnet-4-20250514-v1:0"
KINDS: dict[str, Any] = {"chat": FamilyCodec, "embedding": EmbeddingCodec, "rerank": RerankCodec}


def test_every_model_is_described_with_the_family_that_serves_it() -> None:
    described = {model.id: model for model in catalogue_of(CODECS).models}
    assert described.keys() == {entry.base_id for entry in load_models()}
    for model in described.values():
        try:
            family = CODECS.find(KINDS[model.kind], model.id).family
        except (UndetectedFamily, KeyError):
            family = None
        assert model.family == family, model.id


@pytest.mark.parametrize(
    ("day", "life"),
    [("2026-11-22", Life.LEGACY), ("2026-11-25", Life.LEGACY), ("2026-11-26", Life.ENDED)],
)
def test_the_life_of_a_model_is_that_of_the_day(day: str, life: Life) -> None:
    models = catalogue_of(CODECS, date.fromisoformat(day)).models
    (model,) = (model for model in models if model.id == "ai21.jamba-1-5-mini-v1:0")
    assert (model.life, model.ends_on) == (life, date(2026, 11, 26))


def test_the_list_fits_80_columns_and_counts_what_it_leaves_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr()
    assert (shown.err, max(map(len, shown.out.splitlines()))) == ("", 80)
    assert DEFAULT not in shown.out and "ended left out (--all)" in shown.out
    assert "dollars for a million tokens" in shown.out
    assert main(["models", "--all"]) == 0
    assert DEFAULT in (everything := capsys.readouterr().out)
    assert max(map(len, everything.splitlines())) <= 80


@pytest.mark.parametrize(
    ("wanted", "some"),
    [
        ("SONNET", "anthropic.claude-sonnet-4-6"),
        ("nova", "amazon.nova-pro-v1:0"),
        ("eu.anthropic", "anthropic.claude-sonnet-4-6"),
        ("embedding", "amazon.titan-embed-text-v2:0"),
        ("meta", "meta.llama3-3-70b-instruct-v1:0"),
        ("rerank", "cohere.rerank-v3-5:0"),
    ],
)
def test_a_filter_is_a_part_of_an_id_a_family_a_vendor_or_a_kind(
    wanted: str, some: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", wanted, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert some in [model["id"] for model in found]
    assert all(wanted.lower() in json.dumps(model).lower() for model in found)


@pytest.mark.parametrize(
    ("wanted", "near"), [("sonet", "sonnet"), ("antropic", "anthropic"), ("mistrall", "mistral")]
)
def test_a_filter_that_nothing_fits_names_what_is_near(
    wanted: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", wanted]) == 1
    assert f"warning: no model fits '{wanted}'; did you mean `{near}`?" in capsys.readouterr().err


def test_the_json_has_what_the_list_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", DEFAULT, "--all", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)
    assert (model["provider"], model["family"], model["kind"]) == ("bedrock", "anthropic", "chat")
    assert (model["surfaces"], model["needs_profile"]) == (["invoke", "converse"], True)
    assert model["profiles"][0] == f"us.{DEFAULT}" and model["profiles"][-1] == f"global.{DEFAULT}"
    assert (model["context_tokens"], model["input_price"], model["output_price"]) == (200000, 3, 15)
    assert (model["life"], model["ends_on"]) == ("ended", "2026-10-14")
    assert model["successor"].startswith("us.anthropic.claude-")


def test_the_price_is_that_of_the_id_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    models = load_models()
    main(["models", "--all", "--json", "--provider", "bedrock"])
    for model in json.loads(capsys.readouterr().out):
        entry = models.entry(model["id"])
        assert entry is not None
        first = model["profiles"][0].partition(".")[0] if model["needs_profile"] else None
        assert model["input_price"] == entry.price(first).input, model["id"]


def test_a_provider_without_a_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--provider", "echo"]) == 3
    assert "the provider echo does not describe its models" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["codecs", "list"], ["plugins"]])
def test_the_other_lists_fit_80_columns_and_have_the_rest_in_full(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == 0
    short = capsys.readouterr().out
    assert max(map(len, short.splitlines())) <= 80
    assert not [line for line in short.splitlines() if line != line.rstrip()]
    assert main([*command, "-v"]) == 0
    full = capsys.readouterr().out
    assert full.startswith(short) and len(full) > 2 * len(short)
