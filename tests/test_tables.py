"""Tables of a plugin: what stands in the files, what follows from it, and what is said of a file
that is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from toy_tables import MODELS

from axonflow_core.codec import Feature
from axonflow_core.emulator.words import Words, words_beside
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.errors import CredentialsError, InvalidCall, PluginError, Throttled
from axonflow_core.messages import Usage
from axonflow_core.plugin_spec import ErrorEntry, Life, find_fix
from axonflow_core.tables.errors import ErrorTable
from axonflow_core.tables.models import ModelTable

DAY = date(2026, 11, 29)


def table(folder: Path, text: str = MODELS) -> ModelTable:
    (folder / "models.toml").write_text(text)
    return ModelTable.beside(str(folder / "provider.py"))


# ── models ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("called", "id"),
    [
        ("acme-2", "acme-2"),
        ("acme", "acme-2"),
        ("acme-2-001", "acme-2"),
        ("acme-1-mini", "acme-1-mini"),
        ("acme-3", None),
        ("acme-2-1", None),
    ],
)
def test_a_model_is_known_by_its_id_an_alias_and_a_version(
    tmp_path: Path, called: str, id: str | None
) -> None:
    row = table(tmp_path).row(called)

    assert (None if row is None else row.id) == id


@pytest.mark.parametrize(
    ("name", "id"),
    [("acme-1-mini-eu", "acme-1-mini"), ("acme-1_prod", "acme-1"), ("our-acme-1", None)],
)
def test_a_name_of_somebodys_own_begins_with_an_id(
    tmp_path: Path, name: str, id: str | None
) -> None:
    row = table(tmp_path).begun(name)

    assert (None if row is None else row.id) == id


def test_what_is_left_out_is_unknown_and_what_all_have_is_not(tmp_path: Path) -> None:
    row = table(tmp_path).row("acme-1-mini")

    assert row is not None
    assert (row.context_tokens, row.output_tokens, row.price.input) == (200_000, None, None)


def test_a_price_is_that_of_the_day_and_of_the_length_of_the_prompt(tmp_path: Path) -> None:
    row = table(tmp_path).row("acme-2")
    assert row is not None
    now, later = row.price_on(DAY), row.price_on(date(2027, 1, 1))
    short, long = Usage(100_000, 100_000), Usage(100_001, 100_000)

    assert now.cost_usd(short) == pytest.approx(0.1 + 0.4)
    assert now.cost_usd(long) == pytest.approx(0.200002 + 0.6)
    assert later.cost_usd(short) == pytest.approx(0.3 + 0.6)


def test_a_model_lives_until_the_day_of_its_end(tmp_path: Path) -> None:
    row, newer = table(tmp_path).row("acme-1"), table(tmp_path).row("acme-2")

    assert row is not None and newer is not None
    assert [row.life_on(DAY), row.life_on(date(2026, 11, 30))] == [Life.LEGACY, Life.ENDED]
    assert newer.life_on(DAY) is Life.ACTIVE


def test_rules_that_fit_are_combined_unless_the_closest_holds_alone(tmp_path: Path) -> None:
    combined = table(tmp_path).facts("acme-1", limit=9)
    alone = table(tmp_path, f"has_closest_rule = true\n{MODELS}").facts("acme-1")

    assert combined.without == {Feature.TEMPERATURE, Feature.IMAGES}
    assert (combined.max_stop_sequences, combined.default_max_tokens) == (4, 9)
    assert alone.without == {Feature.IMAGES}
    assert alone.reasoning is not None and alone.reasoning.efforts == ("low", "high")


def test_the_catalogue_has_every_model_as_it_is_on_a_day(tmp_path: Path) -> None:
    catalogue = table(tmp_path).catalogue(day=DAY)
    newest, older, _, vectors = catalogue.models

    assert catalogue.as_of == DAY
    assert (newest.vendor, newest.family, newest.surfaces) == ("Acme", "acme", ("chat",))
    assert (newest.ids, newest.output_price) == (("acme-2", "acme"), 4)
    assert (older.life, older.successor) == (Life.LEGACY, "acme-2")
    assert (vectors.family, vectors.dimensions) == ("acme-vectors", (512, 256))
    assert vectors.output_price is None


# ── a file that is wrong ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("as_of = 2026", "as_of 2026", "cannot be read"),
        ("as_of = 2026-11-29", "as_of = 2026", "models.toml: as_of is a date, not 2026"),
        ('vendor = "Acme"', "", "models.toml lacks the member `vendor`"),
        ('vendor = "Acme"', 'vender = "Acme"', "has no member `vender`; there is `vendor`"),
        (
            '"acme-2", 64_000',
            '"acme-2", "many"',
            "acme-2: output_tokens is a whole number, not",
        ),
        ("64_000, 1, 4]", "64_000, 1, 4, '', '', 5]", "acme-2 has 7 members for 6 columns"),
        ('models = ["acme-vectors"]', 'models = ["acme-0"]', "more: there is no model acme-0"),
        ('"temperature"', '"heat"', "rules: 0: facts: without: 0 is none of system, "),
        (
            "dimensions = [512, 256]",
            "dimensions = 512",
            "dimensions is a list, not 512",
        ),
        ("each.context_tokens", "each.windows", "acme-2 has no member `windows`"),
        (r"-\d{3}", "(", "ModelFile.versions takes a regular expression, not one with missing )"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_place(
    tmp_path: Path, right: str, wrong: str, message: str
) -> None:
    assert right in MODELS

    with pytest.raises(PluginError) as caught:
        assert table(tmp_path, MODELS.replace(right, wrong, 1)).rows

    assert message in caught.value.message and caught.value.hint
    assert caught.value.message.startswith(f"{tmp_path.name}/models.toml")


def test_a_file_that_is_not_there_is_named_when_something_of_it_is_asked_for(
    tmp_path: Path,
) -> None:
    models = ModelTable(tmp_path / "models.toml")

    with pytest.raises(PluginError, match=r"models\.toml cannot be read"):
        models.row("acme-2")


# ── errors ────────────────────────────────────────────────────────────────────────────────────────

ERRORS = r"""
sources = ["acme.example/docs, Errors, read 2026-11-29"]

[[errors]]
code = "throttled"
native_codes = ["quota"]
statuses = "402, 429"
cause = "the quota is spent"
fix = "buy more"

[[errors]]
code = "throttled"
statuses = "429"
cause = "too many calls"
fix = "call less"
is_retryable = true

[[errors]]
code = "invalid_call"
pattern = "does not support"
cause = "the model lacks something"
fix = "name another model than MODEL, or `acme show MODEL`"

[[errors]]
code = "invalid_call"
statuses = "413"
cause = "too large"
fix = "send less"
"""


def fix(folder: Path, error: Throttled | InvalidCall | CredentialsError) -> str | None:
    (folder / "errors.toml").write_text(ERRORS)
    return ErrorTable.beside(str(folder / "provider.py")).fix(error)


def test_a_table_called_is_its_entries(tmp_path: Path) -> None:
    (tmp_path / "errors.toml").write_text(ERRORS)

    entries = ErrorTable.beside(str(tmp_path / "provider.py"))()

    assert [entry.is_retryable for entry in entries] == [False, True, False, False]
    assert entries[3] == ErrorEntry(
        code="invalid_call", statuses="413", cause="too large", fix="send less"
    )


def test_a_native_code_goes_before_a_status_and_counts_without_one(tmp_path: Path) -> None:
    assert fix(tmp_path, Throttled("no", status=429, native_code="quota")) == "buy more"
    assert fix(tmp_path, Throttled("no", native_code="quota")) == "buy more"
    assert fix(tmp_path, Throttled("no", status=429, native_code="rate")) == "call less"
    assert fix(tmp_path, Throttled("no", status=402, native_code="rate")) == "buy more"
    assert fix(tmp_path, Throttled("no", status=503)) is None


def test_an_entry_with_a_pattern_is_for_its_words_and_names_the_model(tmp_path: Path) -> None:
    error = InvalidCall("no", status=400, native_message="It Does not support tools.")
    error.enrich(model=r"a\1")

    assert fix(tmp_path, error) == r"name another model than a\1, or `acme show a\1`"
    assert fix(tmp_path, InvalidCall("no", status=400, native_message="no")) is None
    assert fix(tmp_path, InvalidCall("no", status=413)) == "send less"


def test_a_code_that_no_error_has_is_an_error_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "errors.toml").write_text(ERRORS.replace('"throttled"', '"throttle"'))

    with pytest.raises(PluginError, match="no error has the code throttle; throttled"):
        ErrorTable.beside(str(tmp_path / "provider.py"))()


def test_a_pattern_that_is_none_is_an_error_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "errors.toml").write_text(ERRORS.replace("does not", "does ["))

    with pytest.raises(PluginError, match=r"errors: 2: ErrorEntry\.pattern takes a regular"):
        ErrorTable.beside(str(tmp_path / "provider.py"))()


def test_an_error_of_another_class_has_no_fix(tmp_path: Path) -> None:
    assert fix(tmp_path, CredentialsError("no", status=429, native_code="quota")) is None
    assert find_fix((), Throttled("no")) is None


# ── words ─────────────────────────────────────────────────────────────────────────────────────────


def test_words_that_a_file_lacks_are_those_of_others(tmp_path: Path) -> None:
    (tmp_path / "words.toml").write_text(
        'wrong_key = "No {key:.3}."\n[unknown_model]\ncode = "none"\nmessage = "No {model}."\n'
    )
    others = Words(too_long=VendorError(status=413, message="Long."), wrong_key="Wrong.")

    words = words_beside(str(tmp_path / "emulator.py"), lambda: others)()

    assert words.unknown_model.about(model="x") == VendorError(code="none", message="No x.")
    assert words.wrong_key == "No {key:.3}."
    assert words.too_long is others.too_long
    assert words.throttled == Words().throttled
