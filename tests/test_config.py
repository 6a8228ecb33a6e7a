"""The configuration: what a file may say, what it means, and how its faults are told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import field, frozen, validators
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config import (
    Config,
    Fault,
    FaultyConfig,
    ProviderConfig,
    load_config,
    structure_provider_config,
)
from axonflow_core.config.document import MAX_FILE_BYTES, parse_document
from axonflow_core.config.faults import Place
from axonflow_core.config.loading import search_path
from axonflow_core.config.nodes import Scalar
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import fields_of, structure
from axonflow_core.config.substitution import substitute
from axonflow_core.config.values import (
    AuditConfig,
    ClientConfig,
    PoliciesConfig,
    PolicySection,
    ServerConfig,
)
from axonflow_core.errors import ConfigError
from axonflow_core.policy.rules import Rule

ECHO = 'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'


class Mood(StrEnum):
    CALM = "calm"
    LOUD = "loud"


@frozen
class Limits:
    connect_s: float = 1.0
    tries: int = 3


@frozen
class Settings:
    """Every type that a plugin's settings may have."""

    account: str = ""
    region: str | None = None
    tries: int = 1
    share: float = field(default=1.0, validator=validators.le(2))
    is_on: bool = False
    mood: Mood = Mood.CALM
    style: Literal["short", "long"] = "short"
    names: tuple[str, ...] = ()
    labels: Mapping[str, int] = field(factory=dict)
    limits: Limits = Limits()
    anything: Any = None
    api_key: str = field(default="", validator=validators.max_len(20))
    pin: int = field(default=0, repr=False)


def read(text: str, environment: Mapping[str, str] | None = None) -> Settings:
    return structure(parse_document(text, "f.yaml", environment or {}).root, Settings, key="config")


def faults_of(text: str, environment: Mapping[str, str] | None = None) -> tuple[Fault, ...]:
    with pytest.raises(FaultyConfig) as caught:
        read(text, environment)
    return caught.value.faults


def load(folder: Path, text: str | bytes, environment: Mapping[str, str] | None = None) -> Config:
    path = folder / "axonflow.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path, environment or {})


def faults_of_file(
    folder: Path, text: str | bytes, environment: Mapping[str, str] | None = None
) -> tuple[Fault, ...]:
    with pytest.raises(FaultyConfig) as caught:
        load(folder, text, environment)
    return caught.value.faults


# ── values ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", ["no", "007", "12:30:45", "0o17", "1_000", "1.0", "2024-01-01", "True", ".inf"]
)
def test_a_text_field_keeps_what_yaml_would_convert(text: str) -> None:
    assert read(f"account: {text}").account == text
    assert read("account: $X", {"X": text}).account == text


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("tries: 12", "tries", 12),
        ("tries: '12'", "tries", 12),
        ("tries: -3", "tries", -3),
        ("share: 1", "share", 1.0),
        ("share: .5", "share", 0.5),
        ("share: 1e-3", "share", 0.001),
        ("is_on: yes", "is_on", True),
        ("is_on: 'off'", "is_on", False),
        ("mood: loud", "mood", Mood.LOUD),
        ("style: long", "style", "long"),
        ("names: [a, 007]", "names", ("a", "007")),
        ("labels: {a: 1}", "labels", {"a": 1}),
        ("limits: {tries: 5}", "limits", Limits(tries=5)),
        ("limits:", "limits", Limits()),
        ("region:", "region", None),
        ("region: ~", "region", None),
        ("region: 'null'", "region", "null"),
        ("anything: [1, .5, true, '1', ~]", "anything", [1, 0.5, True, "1", None]),
        ("anything: {a: no, b: 0x1}", "anything", {"a": "no", "b": "0x1"}),
    ],
)
def test_the_declared_type_converts(text: str, name: str, value: object) -> None:
    assert getattr(read(text), name) == value


@pytest.mark.parametrize("name", ["tries", "share", "is_on"])
def test_a_substituted_scalar_converts_like_a_written_one(name: str) -> None:
    assert getattr(read(f"{name}: ${{X}}", {"X": "1"}), name) == 1


def test_a_merged_section_gives_way_to_its_own_keys() -> None:
    text = "anything: &base {a: 1, b: 2}\nlabels:\n  <<: *base\n  b: 3\n"
    assert read(text).labels == {"a": 1, "b": 3}


# ── substitution ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "a"),
        ("$A", "a"),
        ("x${A}y$A.z", "xaya.z"),
        ("${A:-d}", "a"),
        ("${EMPTY:-d}", "d"),
        ("${UNSET:-anthropic.claude-v1:0}", "anthropic.claude-v1:0"),
        ("${UNSET:-a:-b}", "a:-b"),
        ("${UNSET:-}", ""),
        ("$$A", "$A"),
        ("$$$A", "$a"),
        ("100$", "100$"),
        ("$5 and $-", "$5 and $-"),
    ],
)
def test_a_reference_becomes_its_value(text: str, value: str) -> None:
    assert substitute(text, {"A": "a", "EMPTY": ""}, 1000) == value


@given(value=st.text(min_size=1))
def test_a_value_cannot_become_yaml(value: str) -> None:
    assert read("account: ${X}\ntries: 2", {"X": value}) == Settings(account=value, tries=2)


def test_a_value_is_not_substituted_again() -> None:
    assert substitute("$A", {"A": "${B}", "B": "b"}, 1000) == "${B}"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "region: ${NOPE}",
            "the environment variable NOPE is not set, and `region` refers to it",
            "${NOPE:-default}",
        ),
        ("region: $NOPE", "the environment variable NOPE is not set", "`$$`"),
        ("region: ${EMPTY}", "the environment variable EMPTY is empty", "default"),
        ("region: ${NOPE", "no closing `}`", "$$"),
        ("region: ${no-name}", "`${no-name}` names no environment variable", "${NAME}"),
        ("region: ${A:-${B}}", "contains another reference", "do not nest"),
        ("tries: ${NOPE}", "NOPE is not set", "set it"),
        ("limits: ${NOPE}", "NOPE is not set", "set it"),
        ("names: ['${NOPE}']", "NOPE is not set", "set it"),
    ],
)
def test_a_reference_that_resolves_to_nothing_is_a_fault(
    text: str, message: str, hint: str
) -> None:
    (fault,) = faults_of(text, {"EMPTY": ""})
    assert message in fault.message
    assert hint in (fault.hint or "")
    assert fault.line == 1


def test_a_comment_and_a_key_are_not_substituted() -> None:
    assert read("labels: {$X: 1} # ${UNSET").labels == {"$X": 1}


# ── faults ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("tries: many", (1, 8), "`tries` wants a whole number, found 'many'"),
        ("tries: 3.0", (1, 8), "a whole number"),
        ("tries: 010", (1, 8), "a whole number"),
        ("tries:\n- 1", (2, 1), "found a list"),
        ("share: 12:30", (1, 8), "a number"),
        ("share: .nan", (1, 8), "a number"),
        ("share: 3", (1, 8), "`share` is not acceptable"),
        ("is_on: maybe", (1, 8), "true or false"),
        ("mood: lout", (1, 7), "one of calm, loud"),
        ("style: tall", (1, 8), "one of short, long"),
        ("names: a", (1, 8), "a list"),
        ("names:\n- a\n- {b: 1}", (3, 3), "`item 2` wants text, found a section"),
        ("labels: {a: x}", (1, 13), "`a` wants a whole number"),
        ("limits: 5", (1, 9), "a section"),
        ("limits:\n  tris: 5", (2, 3), "unknown key `tris`"),
        ("account: [1]", (1, 10), "wants text"),
        ("account: {a: 1}", (1, 10), "found a section"),
    ],
)
def test_a_wrong_value_is_located(text: str, place: tuple[int, int], message: str) -> None:
    (fault,) = faults_of(text)
    assert (fault.line, fault.column) == place
    assert message in fault.message


def test_a_line_is_masked_once() -> None:
    text = "credentials: {api_key: abc}\n"
    (shown,) = with_snippets([Fault(Place("a.yaml", 1, 24), "a secret", hides=True)], text)

    assert shown.snippet is not None and shown.snippet.startswith("  1 | credentials: …\n")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("toy:\n  tries: 5\n", (1, 1)),
        ("a: 1\ntoy:\n\n  # more\n  tries: 5\n", (2, 1)),
        ("a: 1\ntoy: {tries: 5}\n", (2, 6)),
        ("toy: &x\n  tries: 5\nb: *x\n", (1, 6)),
    ],
)
def test_what_a_section_lacks_is_at_its_key(text: str, place: tuple[int, int]) -> None:
    toy = parse_document(text, "axonflow.yaml", {}).root["toy"]

    assert (toy.place.line, toy.place.column) == place


def test_an_unknown_key_names_the_nearest_one() -> None:
    (fault,) = faults_of("acount: x")
    assert fault.hint == "did you mean `account`?"


def test_an_unknown_key_like_no_other_lists_the_known_ones() -> None:
    (fault,) = faults_of("limits: {zzz: 1}")
    assert fault.hint == "known keys: connect_s, tries"


def test_every_fault_is_told_at_once() -> None:
    faults = faults_of("tries: x\nlimits:\n  tris: 1\n  tries: y\nnames: [{}, ok, []]\nmoody: 1\n")
    assert [(fault.line, fault.column) for fault in faults] == [
        (1, 8),
        (3, 3),
        (4, 10),
        (5, 9),
        (5, 17),
        (6, 1),
        (6, 8),
    ]


SECRET = "sk-live-0123456789abcdef"
PLANTED_SECRETS = {"key of a YAML fault": SECRET}


@pytest.mark.parametrize(
    "text",
    [
        "api_key: KEY",
        "api_key: [KEY]",
        "pin: KEY",
        "limits: {api_key: KEY}",
        "labels: {token: KEY}",
        "labels: {credentials: {a: KEY}}",
        "labels: {password: $V}",
        "pin: $V",
    ],
)
def test_a_secret_is_never_quoted(text: str) -> None:
    faults = faults_of(text.replace("KEY", SECRET), {"V": SECRET})
    assert faults
    assert SECRET not in str(faults)


def test_what_is_no_secret_is_quoted() -> None:
    assert SECRET in str(faults_of(f"tries: {SECRET}"))


def test_no_repr_shows_a_value(tmp_path: Path) -> None:
    text = ECHO + f"    credentials: {{api_key: {SECRET}}}\n    config: {{model: {SECRET}}}\n"
    config = load(tmp_path, text)
    assert SECRET not in repr(config)
    api_key = config.providers["echo"].credentials["api_key"]
    assert isinstance(api_key, Scalar) and api_key.text == SECRET


# ── syntax ────────────────────────────────────────────────────────────────────────────────────────

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join([f'*{chr(97 + level)}'] * 9)}]\n"
    for level in range(8)
)
"""A list of nine lists of nine lists …: 387 million values in 306 bytes."""


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a:\n\tb: 1\n", (2, 1), "this line is indented with a tab"),
        ("a:   b\n\tc: d", (2, 1), "this line is indented with a tab"),
        ("a: 1\n b: 2\n", (2, 3), "wrong indentation"),
        ("a:\n  - b\n c: 1", (3, 2), "matches no section"),
        ("- a\nb: 1", (2, 1), "not an item of the list"),
        ("a: b: c", (1, 5), "a second `:`"),
        ("a: 'x\n", (1, 4), "is not closed"),
        ("a: @x", (1, 4), "a value cannot begin with `@`"),
        ("a: %b", (1, 4), "a value cannot begin with `%`"),
        ('a: "\\q"', (1, 5), "escape"),
        ("a: [1,\n", (2, 1), "flow"),
        ("a: [${X}]", (1, 6), "`{` begins a section here"),
        ("a: *nope", (1, 4), "no anchor `&nope`"),
        ("a: &a [*a]", (1, 8), "no anchor `&a` is complete before"),
        ("a: !!binary eA==", (1, 4), "the tag"),
        ("a: !!python/object:os.system x", (1, 4), "the tag"),
        ("a: 1\n---\nb: 2", (2, 1), "a second document"),
        ("a: 1\n? [b]\n: c\n", (2, 3), "a key must be text"),
        (
            "account: x\ntries: 1\naccount: y",
            (3, 1),
            "duplicate key `account`; the first is on line 1",
        ),
        ("limits: {tries: 1, tries: 2}", (1, 20), "duplicate key `tries`"),
        ("a: 1\n\x07: 2", (2, 1), "U+0007"),
        ("", (0, 0), "empty"),
        ("# nothing\n", (0, 0), "empty"),
        ("[1]", (1, 1), "no keys"),
        (BOMB, (5, 11), "has more than 20,000 values"),
        ("[" * 60, (1, 51), "deeper than 50"),
        ("[" * 100_000, (1, 1001), "deeper than 50"),
    ],
)
def test_a_file_that_is_no_yaml_is_answered_at_its_place(
    tmp_path: Path, text: str, place: tuple[int, int], message: str
) -> None:
    faults = faults_of_file(tmp_path, text)
    assert [
        fault
        for fault in faults
        if (fault.line, fault.column) == place and message in fault.message
    ], faults


def test_bytes_that_are_not_utf8_are_located(tmp_path: Path) -> None:
    (fault,) = faults_of_file(tmp_path, "version: '1.0'\n# é ".encode() + b"\xff")
    assert (fault.line, fault.column) == (2, 5)
    assert "0xff is not UTF-8" in fault.message


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbf" + ECHO.encode()).providers.keys() == {"echo"}


def test_a_file_may_be_as_large_as_the_limit(tmp_path: Path) -> None:
    load(tmp_path, ECHO + "#" * (MAX_FILE_BYTES - len(ECHO)))
    (fault,) = faults_of_file(tmp_path, ECHO + "#" * (MAX_FILE_BYTES - len(ECHO) + 1))
    assert "larger than 1,000,000 bytes" in fault.message


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,? \n\t$\\0", max_size=60))
def test_any_text_is_a_section_or_a_faulty_config(text: str) -> None:
    try:
        parse_document(text, "f.yaml", {})
    except FaultyConfig as faulty:
        assert faulty.faults


# ── the file ──────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_has_the_documented_defaults(tmp_path: Path) -> None:
    entry = load(tmp_path, 'version: "1.0"\nllm_providers:\n  mine:\n    type: echo\n').providers[
        "mine"
    ]
    assert (entry.type, entry.is_enabled, entry.priority, entry.weight) == ("echo", False, 5, 1.0)


def test_the_key_of_an_entry_is_its_type(tmp_path: Path) -> None:
    assert load(tmp_path, ECHO).providers["echo"].type == "echo"
    assert ProviderConfig("echo").type == "echo"


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("llm_providers: {}", (1, 1), "`version` is missing", 'add the line `version: "1.0"`'),
        ("version: 2", (1, 10), '`version` wants "1.0"', 'version: "1.0"'),
        (
            "version: 1.0\nllm_provider: {}",
            (2, 1),
            "unknown key `llm_provider`",
            "did you mean `llm_providers`?",
        ),
        ("version: 1.0\nllm_providers: [a]", (2, 16), "found a list", None),
        ("version: 1.0\nllm_providers:\n  echo: yes", (3, 9), "`echo` wants a section", None),
        (
            "version: 1.0\nllm_providers:\n  echo: {enable: yes}",
            (3, 10),
            "`enable`",
            "did you mean `enabled`?",
        ),
        (
            "version: 1.0\nllm_providers:\n  echo: {weight: 2}",
            (3, 18),
            "`weight` is not acceptable",
            None,
        ),
        (ECHO + "    config: {modle: x}", (5, 14), "unknown key `modle`", "did you mean `model`?"),
        (ECHO + "    config: {max_tokens: 0}", (5, 26), "`max_tokens` is not acceptable", None),
        (
            ECHO + "    type: ecco",
            (5, 11),
            "no installed plugin offers the provider ecco",
            "did you mean `echo`?",
        ),
        (
            "version: 1.0\nllm_providers:\n  nova: {enabled: on}",
            (3, 3),
            "provider nova",
            "install the package that offers it",
        ),
    ],
)
def test_a_wrong_entry_is_located_and_mended(
    tmp_path: Path, text: str, place: tuple[int, int], message: str, hint: str | None
) -> None:
    (fault,) = faults_of_file(tmp_path, text)
    assert (fault.line, fault.column) == place
    assert message in fault.message
    assert (hint or "") in (fault.hint or "")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("  echo:\n    enable: true\n    config:\n      modle: x\n      max_tokens: y", [4, 6, 7]),
        ("  echo:\n    enabeld: on\n    config:\n      max_tokens: 0", [4, 6]),
        ("  echo:\n    enabled: ture\n    config:\n      max_tokens: 0", [4, 6]),
        ("  echo:\n    enabled: on\n    confg:\n      max_tokens: 0", [5, 6]),
        ("  echo:\n    enabled: on\n    credentals:\n      api_kye: x", [5, 6]),
        ("  echo:\n    enabled: on\n    tpye: ecco", [5, 5]),
        ("  echo:\n    enable: false\n    config:\n      max_tokens: y", [4]),
        ("  echo:\n    config:\n      max_tokens: y", []),
    ],
)
@pytest.mark.parametrize("head", ["llm_providers", "llm_provider"])
def test_a_misspelt_key_hides_no_fault_of_its_value(
    tmp_path: Path, text: str, lines: list[int], head: str
) -> None:
    path = tmp_path / "axonflow.yaml"
    path.write_text(f'version: "1.0"\n{head}:\n{text}')
    expected = lines if head == "llm_providers" else [2, *lines]
    try:
        load_config(path, {})
    except FaultyConfig as faulty:
        assert [fault.line for fault in faulty.faults] == expected
    else:
        assert expected == []


def test_faults_of_every_level_are_told_at_once(tmp_path: Path) -> None:
    text = (
        "version: 3\nllm_providers:\n  echo:\n    enabled: yes\n    wieght: 1\n"
        "    config: {mode: x}\n    wieght: 2\n"
    )
    assert [fault.line for fault in faults_of_file(tmp_path, text)] == [1, 5, 6, 7]


def test_what_is_not_enabled_may_refer_to_unset_variables(tmp_path: Path) -> None:
    entry = (
        '  echo:\n    enabled: {}\n    credentials: {{api_key: "$KEY"}}\n'
        '    config: {{model: "$M"}}\n'
    )
    head = 'version: "1.0"\nllm_providers:\n'
    assert not load(tmp_path, head + entry.format("false")).enabled
    assert len(faults_of_file(tmp_path, head + entry.format("true"))) == 2


def test_connectors_are_left_aside_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = load(tmp_path, ECHO + "connectors:\n  db: {type: postgres, url: $UNSET}\n")
    assert [warning.line for warning in config.warnings] == [5]
    assert "`connectors` is ignored" in caplog.text


def test_a_provider_reads_its_own_settings(tmp_path: Path) -> None:
    entry = load(
        tmp_path,
        ECHO + "    config: {model: ${M:-parrot}}\n".replace("${M:-parrot}", '"${M:-parrot}"'),
    )
    spec_type = type("Parrot", (), {"__annotations__": {"model": str}, "model": "x"})
    assert structure_provider_config(entry.providers["echo"], frozen(spec_type)).model == "parrot"


def test_settings_may_be_given_in_python() -> None:
    entry = ProviderConfig(
        "any", config={"account": "1", "tries": 2, "names": ["a"], "is_on": True, "region": None}
    )
    settings = structure_provider_config(entry, Settings)
    assert settings == Settings(account="1", tries=2, names=("a",), is_on=True)


def test_a_fault_is_told_as_what_where_and_fix(tmp_path: Path) -> None:
    (fault,) = faults_of_file(tmp_path, ECHO + "    weigth: 1\n")
    assert str(fault) == (
        f"error[config]: unknown key `weigth`\n  --> {tmp_path}/axonflow.yaml:5:5\n"
        "  5 |     weigth: 1\n    |     ^^^^^^\n  fix: did you mean `weight`?"
    )


def test_a_thousand_faults_are_counted_but_not_all_told(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfig) as caught:
        load(tmp_path, ECHO + "".join(f"key{number}: 1\n" for number in range(1000)))
    assert len(caught.value.faults) == 1000
    assert caught.value.message.count("error[config]") == 100
    assert caught.value.message.endswith("… and 900 more faults")


# ── finding it ────────────────────────────────────────────────────────────────────────────────────


def test_the_file_is_looked_for_in_the_documented_order(tmp_path: Path) -> None:
    assert search_path({}) == (
        Path("axonflow.yaml"),
        Path("config/axonflow.yaml"),
        Path("/etc/axonflow/axonflow.yaml"),
    )
    assert search_path({"AXONFLOW_CONFIG_FILE": "/x/y.yaml"}) == (Path("/x/y.yaml"),)


def test_the_first_file_that_exists_is_read(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "axonflow.yaml").write_text(ECHO)
    assert (
        load_config(environment={}, folder=tmp_path).path == tmp_path / "config" / "axonflow.yaml"
    )
    (tmp_path / "axonflow.yaml").write_text(ECHO)
    assert load_config(environment={}, folder=tmp_path).path == tmp_path / "axonflow.yaml"


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    (tmp_path / "axonflow.yaml").write_text(ECHO)
    environment = {"AXONFLOW_CONFIG_FILE": str(tmp_path / "no.yaml")}
    with pytest.raises(FaultyConfig, match="cannot read the file: No such file"):
        load_config(environment=environment, folder=tmp_path)


def test_a_folder_that_may_not_be_entered_is_a_fault_and_not_passed_over(tmp_path: Path) -> None:
    class Locked(type(tmp_path)):  # type: ignore[misc]
        def is_file(self, **options: Any) -> bool:
            raise PermissionError(13, "Permission denied")

    with pytest.raises(FaultyConfig, match="cannot look for the file: Permission denied") as found:
        load_config(environment={"ECHO_MODEL": "parrot"}, folder=Locked(tmp_path))
    assert "axonflow.yaml" in found.value.faults[0].path


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfig, match="cannot read the file: Is a directory"):
        load_config(tmp_path, {})


def test_the_environment_alone_configures_a_provider(tmp_path: Path) -> None:
    config = load_config(environment={"ECHO_MODEL": "parrot"}, folder=tmp_path)
    assert config.path is None
    assert config.enabled["echo"].config["model"].text == "parrot"  # type: ignore[union-attr]


@pytest.mark.parametrize("environment", [{}, {"ECHO_MODEL": ""}, {"ECHO_OTHER": "x"}])
def test_with_neither_file_nor_variables_the_error_says_what_to_set(
    tmp_path: Path, environment: Mapping[str, str]
) -> None:
    with pytest.raises(ConfigError, match="no provider is configured") as caught:
        load_config(environment=environment, folder=tmp_path)
    assert "ECHO_…" in (caught.value.hint or "")
    assert "`axonflow init`" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("section", "page"),
    [
        *((section, "server") for section in (ServerConfig, ClientConfig, AuditConfig)),
        *((section, "policies") for section in (PoliciesConfig, PolicySection, Rule)),
    ],
)
def test_the_page_of_a_section_names_every_key(section: type, page: str) -> None:
    text = (Path(__file__).parents[1] / "docs" / f"{page}.md").read_text()

    keys = fields_of(section)

    assert keys
    assert [key for key in keys if not re.search(rf"\b{key}\b", text)] == []
