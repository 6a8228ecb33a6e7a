"""Faulty files, one of each kind: where the fault is, and how it is mended. All through
`load_config`, as people do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest
from attrs import frozen

from axonflow_core.config import Config, Fault, FaultyConfig, Place, load_config
from axonflow_core.config.snippets import with_snippets

HEAD = 'version: "1.0"\nllm_providers:\n'
ECHO = HEAD + "  echo:\n    enabled: true\n"
TOY = HEAD + "  toy:\n    enabled: true\n    config:\n      region: us-east-1\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + level)}: &{chr(98 + level)} [{','.join([f'*{chr(97 + level)}'] * 9)}]\n"
    for level in range(8)
)
ENVIRONMENT = {
    "EMPTY": "",
    "WORD": "word",
    "HUGE": "x" * 100_000,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@frozen
class Faulty:
    """A file, and what is said of it: the place, words of the message, words of the fix."""

    text: str | bytes
    line: int
    column: int
    message: str
    fix: str


FILES: Mapping[str, Faulty] = {
    # ── unknown keys ──────────────────────────────────────────────────────────────────────────────
    "unknown key of the file": Faulty(
        ECHO + "conectors: {}\n", 5, 1, "unknown key `conectors`", "`connectors`"
    ),
    "unknown key like no other": Faulty(
        ECHO + "zzz: 1\n", 5, 1, "unknown key `zzz`", "known keys: agents, audit"
    ),
    "unknown key of a provider": Faulty(
        ECHO + "    wieght: 1\n", 5, 5, "unknown key `wieght`", "`weight`"
    ),
    "unknown provider of a client": Faulty(
        ECHO + "server:\n  clients:\n    acme: {providers: ['*', ecco]}\n",
        *(7, 29, "`llm_providers` has no `ecco`", "`echo`"),
    ),
    "id of a client that HTTP cannot carry": Faulty(
        ECHO + "server:\n  clients:\n    'acme:eu': {roles: [call]}\n",
        *(7, 5, "`'acme:eu'` cannot be a client's id", "no colon"),
    ),
    "unknown key of the settings": Faulty(
        TOY + "      modle: x\n", 7, 7, "unknown key `modle`", "`model`"
    ),
    "unknown key of a section of the settings": Faulty(
        TOY + "      timeouts:\n        conect_s: 1\n",
        8,
        9,
        "unknown key `conect_s`",
        "`connect_s`",
    ),
    "key in camel case": Faulty(
        TOY + "      maxTokens: 1\n", 7, 7, "unknown key `maxTokens`", "`max_tokens`"
    ),
    "key in capitals": Faulty(
        ECHO + "    Priority: 1\n", 5, 5, "unknown key `Priority`", "`priority`"
    ),
    "settings beside config": Faulty(
        ECHO + "    model: x\n", 5, 5, "unknown key `model`", "known keys: config"
    ),
    "unknown key in braces": Faulty(
        HEAD + "  echo: {enable: true}\n", 3, 10, "unknown key `enable`", "`enabled`"
    ),
    "endpoint in the file": Faulty(
        TOY + "      endpoint_url: http://x\n", 7, 7, "unknown key `endpoint_url`", "known keys"
    ),
    # ── wrong types ───────────────────────────────────────────────────────────────────────────────
    "word for a whole number": Faulty(
        ECHO + "    priority: high\n", 5, 15, "a whole number, found 'high'", ""
    ),
    "fraction for a whole number": Faulty(
        ECHO + "    priority: 1.5\n", 5, 15, "a whole number", ""
    ),
    "negative priority": Faulty(
        ECHO + "    priority: -1\n", 5, 15, "`priority` is not acceptable", ""
    ),
    "word for a number": Faulty(ECHO + "    weight: half\n", 5, 13, "a number, found 'half'", ""),
    "number out of range": Faulty(
        ECHO + "    weight: 2\n", 5, 13, "`weight` is not acceptable", ""
    ),
    "word for a truth": Faulty(
        HEAD + "  echo:\n    enabled: maybe\n", 4, 14, "true or false, found 'maybe'", ""
    ),
    "list for a text": Faulty(TOY + "      model: [a]\n", 7, 14, "wants text, found a list", ""),
    "section for a text": Faulty(
        TOY + "      model: {a: b}\n", 7, 14, "wants text, found a section", ""
    ),
    "text for a list": Faulty(
        TOY + "      families: anthropic\n", 7, 17, "wants a list", "after `- `"
    ),
    "section in a list": Faulty(
        TOY + "      families: [titan, {}]\n", 7, 25, "`item 2` wants text", ""
    ),
    "text for a section": Faulty(TOY + "      timeouts: 5\n", 7, 17, "a section", ""),
    "unknown choice": Faulty(TOY + "      colour: grean\n", 7, 15, "one of red, green", "`green`"),
    "provider that is no section": Faulty(
        HEAD + "  echo: yes\n", 3, 9, "`echo` wants a section", ""
    ),
    "providers as a list": Faulty(
        'version: "1.0"\nllm_providers:\n- echo\n', 3, 1, "found a list", ""
    ),
    "config as a list": Faulty(ECHO + "    config: [a]\n", 5, 13, "found a list", ""),
    "nothing for a type": Faulty(TOY + "      max_tokens: many\n", 7, 19, "a whole number", ""),
    "limit of nothing": Faulty(
        ECHO + "    config: {max_tokens: 0}\n", 5, 26, "`max_tokens` is not acceptable", ""
    ),
    # ── duplicates ────────────────────────────────────────────────────────────────────────────────
    "twice in the file": Faulty(
        ECHO + 'version: "1.0"\n',
        5,
        1,
        "duplicate key `version`; the first is on line 1",
        "keep one",
    ),
    "provider twice": Faulty(
        ECHO + "  echo: {}\n", 5, 3, "duplicate key `echo`; the first is on line 3", "keep one"
    ),
    "twice in a provider": Faulty(
        ECHO + "    enabled: no\n", 5, 5, "duplicate key `enabled`", "keep one"
    ),
    "twice in the settings": Faulty(
        TOY + "      region: x\n", 7, 7, "duplicate key `region`", "keep one"
    ),
    "twice in braces": Faulty(
        ECHO + "    config: {model: a, model: b}\n", 5, 24, "duplicate key `model`", "keep one"
    ),
    "twice, once quoted": Faulty(
        ECHO + '    "enabled": no\n', 5, 5, "duplicate key `enabled`", "keep one"
    ),
    # ── variables ─────────────────────────────────────────────────────────────────────────────────
    "unset variable": Faulty(
        TOY + "      model: ${NOPE}\n", 7, 14, "NOPE is not set, and `model`", "${NOPE:-"
    ),
    "missing region": Faulty(
        ECHO.replace("echo", "toy") + "    config:\n      region: ${TOY_REGION}\n",
        6,
        15,
        "TOY_REGION is not set, and `region`",
        "${TOY_REGION:-default}",
    ),
    "unset variable without braces": Faulty(
        TOY + "      model: a.$NOPE\n", 7, 14, "NOPE is not set", "`$$`"
    ),
    "empty variable": Faulty(TOY + "      model: ${EMPTY}\n", 7, 14, "EMPTY is empty", "default"),
    "variable of another type": Faulty(
        ECHO + "    priority: ${WORD}\n", 5, 15, "a whole number, found 'word'", ""
    ),
    "open brace": Faulty(TOY + "      model: ${NOPE\n", 7, 14, "no closing `}`", "$$"),
    "name that is none": Faulty(
        TOY + "      model: ${no-name}\n", 7, 14, "names no environment", "${NAME}"
    ),
    "nested default": Faulty(
        TOY + "      model: ${NOPE:-${WORD}}\n", 7, 14, "another reference", "do not nest"
    ),
    "unset variable in a list": Faulty(
        TOY + '      families: ["$NOPE"]\n', 7, 18, "NOPE is not set", "set it"
    ),
    "unset switch": Faulty(
        HEAD + "  echo:\n    enabled: ${NOPE}\n", 4, 14, "NOPE is not set", "set it"
    ),
    "unset secret": Faulty(
        ECHO + "    credentials: {api_key: $NOPE}\n", 5, 28, "NOPE is not set", "set it"
    ),
    # ── version ───────────────────────────────────────────────────────────────────────────────────
    "no version": Faulty("llm_providers: {}\n", 1, 1, "`version` is missing", 'version: "1.0"'),
    "later version": Faulty('version: "2.0"\n', 1, 10, '`version` wants "1.0"', 'version: "1.0"'),
    "version without its fraction": Faulty(
        "version: 1\n", 1, 10, '`version` wants "1.0"', 'version: "1.0"'
    ),
    "version of nothing": Faulty("version:\n", 1, 9, "`version` wants text, found nothing", ""),
    # ── providers ─────────────────────────────────────────────────────────────────────────────────
    "unknown provider": Faulty(
        HEAD + "  ecko: {enabled: on}\n", 3, 3, "offers the provider ecko", "`echo`"
    ),
    "unknown type": Faulty(ECHO + "    type: ecko\n", 5, 11, "offers the provider ecko", "`echo`"),
    "provider to install": Faulty(
        HEAD + "  nova: {enabled: 1}\n", 3, 3, "nova", "install the package that offers it"
    ),
    # ── indentation, tabs, syntax ─────────────────────────────────────────────────────────────────
    "tab": Faulty("a:\n\tb: 1\n", 2, 1, "this line is indented with a tab", "spaces"),
    "tab behind blanks": Faulty(
        HEAD + "  echo:\n  \tenabled: on\n", 4, 3, "this line is indented with a tab", "spaces"
    ),
    "key too deep": Faulty("a: 1\n b: 2\n", 2, 3, "wrong indentation", "equally"),
    "key between two levels": Faulty(
        ECHO + "   weight: 1\n", 5, 4, "matches no section", "equally"
    ),
    "list that ends": Faulty("- a\nb: 1\n", 2, 1, "not an item of the list", "equally"),
    "two colons": Faulty(ECHO + "    display_name: a: b\n", 5, 20, "a second `:`", "quotes"),
    "open quotation": Faulty("a: 'x\n", 1, 4, "is not closed", "close"),
    "at sign": Faulty("a: @x\n", 1, 4, "a value cannot begin with `@`", "quotes"),
    "unknown escape": Faulty('a: "\\q"\n', 1, 5, "escape", "single quotes"),
    "reference in a flow list": Faulty("a: [${X}]\n", 1, 6, "`{` begins a section", '"${NAME}"'),
    "unknown alias": Faulty("a: *nope\n", 1, 4, "no anchor `&nope`", "define it above"),
    "tag": Faulty(
        ECHO + "    display_name: !!python/object:os.system x\n", 5, 19, "the tag", "without it"
    ),
    "second document": Faulty(ECHO + "---\na: 1\n", 5, 1, "a second document", "one document"),
    "nothing in it": Faulty("", 0, 0, "the file is empty", 'version: "1.0"'),
    "only a list": Faulty("[1]\n", 1, 1, "no keys", "key: value"),
    "colon without a blank": Faulty("version:1.0\n", 1, 1, "no keys", "key: value"),
    # ── bytes ─────────────────────────────────────────────────────────────────────────────────────
    "Latin-1": Faulty(
        "version: '1.0'\n# caf\xe9\n".encode("latin-1"), 2, 6, "0xe9 is not UTF-8", "UTF-8"
    ),
    "UTF-16": Faulty(ECHO.encode("utf-16"), 1, 1, "0xff is not UTF-8", "UTF-8"),
    "control character": Faulty("a: 1\n\x07: 2", 2, 1, "U+0007", "remove it"),
    # ── hostile files ─────────────────────────────────────────────────────────────────────────────
    "alias bomb": Faulty(BOMB, 5, 11, "more than 20,000 values", "fewer aliases"),
    "eight thousand keys": Faulty(
        ECHO + "".join(f"key{number}: 1\n" for number in range(8000)),
        2003,
        1,
        "this section has more than 2,000 keys",
        "is this the right file?",
    ),
    "a key without end": Faulty(
        ECHO + f"? {'k' * 900_000}\n: 1\n", 5, 3, "a key of 900,000 characters", "up to 200"
    ),
    "references that expand to megabytes": Faulty(
        TOY + f'      model: "{"${HUGE}" * 5000}"\n',
        7,
        14,
        "with ${HUGE} here, the variables that the file refers to have more than 1,000,000 char",
        "refer to it less often",
    ),
    "infinity": Faulty(
        TOY + "      timeouts: {total_s: 1e400}\n", 7, 27, "`total_s` wants a finite number", ""
    ),
    "a limit of a thousand years": Faulty(
        TOY + "      timeouts: {total_s: 1e11}\n",
        7,
        27,
        "`total_s` is not acceptable: it must be <= 31622400",
        "",
    ),
    "ten megabytes": Faulty("x" * 10_000_000, 0, 0, "larger than 1,000,000 bytes", "right file"),
    "one word of a megabyte": Faulty("x" * 999_999, 1, 1, "no keys", "key: value"),
    "deep nesting": Faulty("[" * 60, 1, 51, "deeper than 50", "nest less"),
    # ── YAML 1.1 ──────────────────────────────────────────────────────────────────────────────────
    "time of day for a number": Faulty(
        ECHO + "    priority: 12:30:45\n", 5, 15, "found '12:30:45'", ""
    ),
    "octal": Faulty(ECHO + "    priority: 010\n", 5, 15, "a whole number, found '010'", "octal"),
    "octal of YAML 1.2": Faulty(
        ECHO + "    priority: 0o17\n", 5, 15, "a whole number, found '0o17'", ""
    ),
    "hexadecimal": Faulty(ECHO + "    priority: 0x10\n", 5, 15, "a whole number, found '0x10'", ""),
    "underscores": Faulty(
        ECHO + "    priority: 1_000\n", 5, 15, "a whole number, found '1_000'", ""
    ),
    "no for a number": Faulty(ECHO + "    weight: no\n", 5, 13, "a number, found 'no'", ""),
    "not a number": Faulty(ECHO + "    weight: .nan\n", 5, 13, "a number, found '.nan'", ""),
}


@pytest.fixture(autouse=True)
def toy(toy_provider: None) -> None:
    """Every file may enable it."""


def load(folder: Path, text: str | bytes, environment: Mapping[str, str] = ENVIRONMENT) -> Config:
    path = folder / "axonflow.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_config(path, environment)


def faults_of(folder: Path, text: str | bytes) -> FaultyConfig:
    with pytest.raises(FaultyConfig) as caught:
        load(folder, text)
    return caught.value


def test_there_are_enough_files() -> None:
    assert len(FILES) >= 60


@pytest.mark.parametrize("name", FILES)
def test_a_faulty_file_is_located_and_mended(tmp_path: Path, name: str) -> None:
    file = FILES[name]
    (fault,) = faults_of(tmp_path, file.text).faults
    assert (fault.line, fault.column) == (file.line, file.column), fault
    assert file.message in fault.message
    assert file.fix in (fault.hint or "")


@pytest.mark.parametrize("name", FILES)
def test_a_mark_stands_under_the_place(tmp_path: Path, name: str) -> None:
    (fault,) = faults_of(tmp_path, FILES[name].text).faults
    if fault.snippet is None:
        assert name in {"nothing in it", "ten megabytes", "UTF-16", "unset secret"}
        return
    shown, mark = fault.snippet.split("\n")
    assert shown.startswith(f"  {fault.line} | ")
    assert "^" in mark
    assert len(shown) < 120 and len(mark) < 120


@pytest.mark.parametrize("value", ["no", "007", "12:30:45", "0o17", "1_000", "2024-01-01"])
def test_what_yaml_1_1_would_convert_is_text_where_text_is_wanted(
    tmp_path: Path, value: str
) -> None:
    assert (
        load(tmp_path, ECHO + f"    display_name: {value}\n").providers["echo"].display_name
        == value
    )


# ── hostile files, measured in a process of their own ─────────────────────────────────────────────

MEASURED = """
import hashlib, json, resource, sys, time
from pathlib import Path
from axonflow_core.config import FaultyConfig, load_config

said = ""
if sys.argv[2] == "control":
    held = bytearray(b"x" * 60_000_000)
    while time.process_time() < 1:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 100_000)
else:
    try:
        load_config(Path(sys.argv[1]), {})
    except FaultyConfig as faulty:
        said = str(faulty)
used = resource.getrusage(resource.RUSAGE_SELF)
peak_bytes = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
json.dump([used.ru_utime + used.ru_stime, peak_bytes, said], sys.stdout)
"""
MAX_S, MAX_BYTES = 1.0, 50_000_000
HOSTILE: Mapping[str, str | bytes] = {
    "ten megabytes of one letter": "x" * 10_000_000,
    "ten megabytes of bytes": Random(1).randbytes(10_000_000),
    "ten megabytes of keys": "a: 1\n" * 2_000_000,
    "alias bomb": BOMB,
    "as many keys as may be, all unknown": ECHO
    + "".join(f"    enabeld{number}: 1\n" for number in range(1_900))
    + "".join(f"llm_provider{number}: 1\n" for number in range(1_900)),
    "eight thousand keys": ECHO + "".join(f"key{number}: 1\n" for number in range(8_000)),
    "as large as may be: items": "- a\n" * 249_999,
    "as large as may be: brackets": "[" * 999_999,
    "as large as may be: anchors": "a: &a x\n" * 124_999,
}


def measured(folder: Path, text: str | bytes, what: str = "load") -> tuple[float, int, str]:
    """Seconds of the processor, the interpreter's start included, the peak of memory in bytes, and
    what was said.

    A process begins with the peak of who started it; between pytest and ours there is a shell,
    which is small.
    """
    path = folder / "axonflow.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", MEASURED, str(path), what]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak_bytes, said = json.loads(ran.stdout)
    return seconds, peak_bytes, said


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_answered_within_a_second_and_fifty_megabytes(
    tmp_path: Path, name: str
) -> None:
    seconds, peak_bytes, said = measured(tmp_path, HOSTILE[name])
    assert said.startswith("error[config]: ")
    assert (seconds < MAX_S, peak_bytes < MAX_BYTES) == (True, True), (seconds, peak_bytes)


@pytest.mark.thorough
def test_the_control_a_second_and_sixty_megabytes_are_seen(tmp_path: Path) -> None:
    seconds, peak_bytes, _ = measured(tmp_path, ECHO, "control")
    assert (seconds >= MAX_S, peak_bytes >= MAX_BYTES) == (True, True), (seconds, peak_bytes)


# ── snippets ──────────────────────────────────────────────────────────────────────────────────────


def test_the_mark_is_as_long_as_the_word(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, ECHO + "    priority: high # or low\n").faults
    assert fault.snippet == "  5 |     priority: high # or low\n    |               ^^^^"


def test_a_long_line_is_shown_around_the_place(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, ECHO + "    " + "x" * 300 + ": 1\n").faults
    assert len((fault.snippet or "").split("\n")[0]) == 106


SECRET = "swordfish-0123456789"
PLANTED_SECRETS = {"key of a faulty file": SECRET}
PLANTED = {
    "on the line of the fault": ECHO + "    credentials: {api_key: KEY, a: [x]}\n",
    "before the fault": ECHO + "    config: {api_key: KEY, model: [x]}\n",
    "wrong type": ECHO + "    credentials: {api_key: [KEY, {}]}\n",
    "below its section": ECHO + "    credentials:\n      inner: {}\n      other: KEY\n",
    "below a comment": ECHO + "    credentials:\n# of mine\n      a: [KEY]\n",
    "list below": ECHO + "    credentials:\n      api_key:\n      - KEY\n",
    "syntax fault on its line": ECHO + "    api_key: KEY: x\n",
    "syntax fault below": ECHO + "    api_key: |\n      KEY\n     x: @\n   y: 1\n",
    "open quotation": ECHO + '    api_key: "KEY\n',
    "open bracket": "credentials: {\na: KEY\nb: @\n",
    "no blank": "api_key:KEY\n",
    "no blank below": ECHO + "    config:\n      model: {}\n      api_key:KEY\n",
    "scalar for a section": ECHO + "    config: api_key:KEY\n",
    "equals sign": ECHO + "    config: api_key=KEY\n",
    "quoted key": ECHO + '    "api_key": KEY\n    a: b: c\n',
    "tab": ECHO + "    api_key:\n\t  KEY\n",
    "less indented": ECHO + "    api_key:\n   KEY\n",
    "not indented": ECHO + "    api_key: |\nKEY\n  x: 1\n",
    "control character": ECHO + "    api_key: KEY\x07\n",
    "Latin-1": ECHO.encode() + b"    api_key: KEY\xe9\n",
    "variable": ECHO + "    credentials: {token: $PLANTED, a: {}}\n",
    "twice": ECHO + "    api_key: KEY\n    api_key: KEY\n",
    "complex key": ECHO + "    ? api_key\n    : [KEY, @]\n",
    "unknown key": ECHO + "    password: KEY\n",
    "alias": ECHO + "    secret: &a KEY\n    x: *b\n",
    "comment": ECHO + "    wieght: 1 # token: KEY\n",
    "flow over lines": ECHO + "    config: {token: KEY,\n    KEY: [}]}\n",
}


@pytest.mark.parametrize("name", PLANTED)
def test_no_message_and_no_snippet_shows_a_secret(tmp_path: Path, name: str) -> None:
    text = PLANTED[name]
    data = (text if isinstance(text, bytes) else text.encode()).replace(b"KEY", SECRET.encode())
    with pytest.raises(FaultyConfig) as caught:
        load(tmp_path, data, {"PLANTED": SECRET})
    assert SECRET not in f"{caught.value} {caught.value.faults} {caught.value.warnings}"


@pytest.mark.parametrize(
    ("hides", "shown"), [(True, "pin: …"), (False, f"pin: {SECRET}")], ids=["hidden", "shown"]
)
def test_a_field_that_hides_its_repr_has_its_value_masked(*, hides: bool, shown: str) -> None:
    (fault,) = with_snippets([Fault(Place("f.yaml", 1, 6), "wrong", hides=hides)], f"pin: {SECRET}")
    assert (fault.snippet or "").split("\n")[0] == f"  1 | {shown}"


def test_the_same_value_under_another_name_is_shown(tmp_path: Path) -> None:
    """The control: what hides the planted ones is the name of their key."""
    assert SECRET in str(faults_of(tmp_path, ECHO + f"    wieght: {SECRET}\n"))


# ── warnings ──────────────────────────────────────────────────────────────────────────────────────


def test_a_secret_in_the_file_is_warned_about_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = load(tmp_path, ECHO + f"    credentials:\n      api_key: {SECRET}\n").warnings
    assert (warning.line, warning.column) == (6, 16)
    assert warning.hint == "put it into an environment variable and write `api_key: ${API_KEY}`"
    assert (
        f"{tmp_path}/axonflow.yaml:6:16: `api_key` is a secret written in the file" in caplog.text
    )
    assert SECRET not in caplog.text + str(warning)


def test_a_name_that_somebody_gave_makes_no_secret(tmp_path: Path) -> None:
    text = (
        f"{HEAD}  secret-echo: {{type: echo, enabled: true}}\n"
        "models:\n  our-secret-model: [{provider: secret-echo, model: words}]\n"
        "server:\n  clients:\n    token-service: {tenant: acme, roles: [call]}\n"
    )
    assert load(tmp_path, text).warnings == ()
    below = text.replace("true}", f"true, credentials: {{api_key: {SECRET}}}}}")
    assert [warning.line for warning in load(tmp_path, below).warnings] == [3]


@pytest.mark.parametrize("value", ["${WORD}", "$WORD", "", "~"])
def test_a_secret_that_the_environment_holds_is_no_warning(tmp_path: Path, value: str) -> None:
    text = HEAD + f"  echo:\n    enabled: false\n    credentials: {{api_key: {value!r}}}\n"
    assert load(tmp_path, text.replace("'~'", "~")).warnings == ()


def test_a_faulty_file_has_its_warnings_too(tmp_path: Path) -> None:
    faulty = faults_of(tmp_path, ECHO + f"    wieght: 1\n    credentials: {{api_key: {SECRET}}}\n")
    assert [(fault.line, len(faulty.warnings)) for fault in faulty.faults] == [(5, 1)]
