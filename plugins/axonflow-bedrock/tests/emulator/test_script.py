"""Scripts for the emulator: how they are read, which rule decides, and what the account of the
emulator may do."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from attrs import fields
from on_time import GUARD_S

from axonflow_bedrock.emulator import API_KEY, emulator, installed_codecs
from axonflow_bedrock.emulator.catalogue import LISTINGS
from axonflow_bedrock.emulator.limits import END_OF_LIFE, limits_of, too_long
from axonflow_bedrock.emulator.quotas import quotas_of
from axonflow_bedrock.emulator.script import (
    Account,
    AccountGuardrail,
    AwsError,
    Rule,
    Script,
    load_script,
)
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.wire.endpoint import ServiceException
from axonflow_bedrock.wire.surfaces import unary_codec_for
from axonflow_core.config import FaultyConfig
from axonflow_core.emulator.faults import FaultKind
from axonflow_core.emulator.quotas import DAY_S, MINUTE_S, Quotas
from axonflow_core.emulator.script import Heard, Rules, ScriptedCall, ScriptedUsage
from axonflow_core.http.local_server import Server
from axonflow_core.plugins import load_codecs

CODECS = load_codecs("bedrock").registry
TITAN = "amazon.titan-text-express-v1"
LLAMA = "meta.llama3-8b-instruct-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
YAML = """\
rules:
  - when: weather
    answer: It rains.
  - when: slow
    delay_s: 0.5
    fault: stall
    at_byte: 100
account:
  today: 2026-11-24
  requests_per_minute: 5
"""


@contextmanager
def served(script: Any = None) -> Iterator[str]:
    with Server(emulator(CODECS, script=script).app) as server:
        yield server.base_url


def post(
    base_url: str, model: str, body: Mapping[str, Any], key: str = API_KEY
) -> tuple[int, str, str]:
    """Status, name of the error and body of a call with an API key, by a client that knows nothing
    of AWS."""
    url = f"{base_url}/model/{quote(model, safe='')}/invoke"
    request = Request(url, json.dumps(body).encode(), {"Authorization": f"Bearer {key}"})
    try:
        with urlopen(request, timeout=GUARD_S) as answer:
            return answer.status, "", answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            message = json.loads(refusal.read())["message"]
            return refusal.code, refusal.headers["x-amzn-errortype"].partition(":")[0], message


def titan(text: str, limit: int = 100) -> dict[str, Any]:
    return {"inputText": text, "textGenerationConfig": {"maxTokenCount": limit}}


def claude(text: str, limit: int = 100) -> dict[str, Any]:
    return {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": limit,
        "messages": [{"role": "user", "content": text}],
    }


# ── reading ───────────────────────────────────────────────────────────────────────────────────────


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    written = {
        "rules": [
            {"when": "weather", "answer": "It rains."},
            {"when": "slow", "delay_s": 0.5, "fault": "stall", "at_byte": 100},
        ],
        "account": {"today": "2026-11-24", "requests_per_minute": 5},
    }
    (tmp_path / "a.yaml").write_text(YAML)
    (tmp_path / "a.json").write_text(json.dumps(written))

    script = load_script(tmp_path / "a.yaml")

    assert script == load_script(tmp_path / "a.json")
    assert script.rules == load_script(written["rules"]).rules  # type: ignore[arg-type]
    assert (script.rules[0].answer, script.account.requests_per_minute) == ("It rains.", 5)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("rules:\n  - wen: x\n", "2:5", "did you mean `when`?"),
        ("rules:\n  - when: '('\n", "2:11", "not a regular expression"),
        ("rules:\n  - fault: explode\n", "2:12", "`fault` wants"),
        ("rules:\n  - delay_s: -1\n", "2:14", "`delay_s` is not acceptable"),
        ("rules:\n  - delay_s: soon\n", "2:14", "`delay_s` wants"),
        ("rules:\n  - times: 0\n", "2:12", "`times` is not acceptable"),
        ("rules:\n  - at_byte: 5\n", "2:5", "the rule has none"),
        ("rules:\n  - error: {code: NoSuchException}\n", "2:12", "needs a `status`"),
        ("rules:\n  - error: {message: x}\n", "2:12", "`code` is missing"),
        (
            "rules:\n  - answer: a\n    error: {code: ThrottlingException}\n",
            "2:5",
            "has no `answer`",
        ),
        ("rules: 5\n", "1:8", "`rules` wants a list"),
        ("account:\n  today: tomorrow\n", "2:10", "`today` is not acceptable"),
        ("account:\n  guardrails: [{id: A-B}]\n", "2:21", "the id of a guardrail"),
        ("account:\n  guardrails: [{id: a, blocks: '('}]\n", "2:32", "not a regular expression"),
        ("acount: {}\n", "1:1", "did you mean `account`?"),
        ("", "", "the file is empty"),
    ],
)
def test_a_fault_of_a_script_has_a_place_and_says_what_is_wrong(
    text: str, place: str, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)

    with pytest.raises(FaultyConfig) as raised:
        load_script(path)

    assert f"{path}:{place}".rstrip(":") in str(raised.value)
    assert words in str(raised.value)


def test_a_fault_of_a_script_shows_its_line(tmp_path: Path) -> None:
    for name, line in (("a.yaml", "  - wen: x"), ("a.json", '  [{"wen": "x"}]')):
        path = tmp_path / name
        text = f"rules:\n{line}\n" if name == "a.yaml" else f'{{"rules":\n{line}}}'
        path.write_text(text)
        with pytest.raises(FaultyConfig) as raised:
            load_script(path)
        assert f"  2 | {line}" in str(raised.value)


def test_a_key_that_is_written_twice_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("rules:\n  - answer: a\n    when: x\n    answer: b\n")

    with pytest.raises(FaultyConfig, match="answer"):
        load_script(path)


def test_every_fault_of_a_script_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("rules:\n  - fault: a\n  - fault: b\n")

    with pytest.raises(FaultyConfig) as raised:
        load_script(path)

    assert len(raised.value.faults) == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaultyConfig, match=r"nowhere\.yaml"):
        load_script(tmp_path / "nowhere.yaml")


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_rule_that_fits_decides_until_it_is_spent() -> None:
    once, always = Rule(when="rain", times=1), Rule(when="rain|sun")
    rules = Rules(Script(rules=(once, always)))

    assert [rules.take(Heard("will it rain?")) for _ in range(3)] == [once, always, always]
    assert rules.take(Heard("snow")) == Rule()


def test_what_a_script_answers_keeps_to_the_limits_of_the_call() -> None:
    with served([{"when": "weather", "answer": "It rains all day."}]) as base_url:
        whole = json.loads(post(base_url, TITAN, titan("The weather?"))[2])["results"][0]
        cut = json.loads(post(base_url, TITAN, titan("The weather?", 2))[2])["results"][0]
        other = post(base_url, TITAN, titan("The time?"))[2]

    assert (whole["outputText"], whole["completionReason"]) == ("It rains all day.", "FINISH")
    assert (cut["outputText"], cut["completionReason"]) == ("It rains", "LENGTH")
    assert "emulated model" in other


def test_the_last_text_of_the_user_is_what_a_rule_looks_at() -> None:
    said = {
        **claude("weather"),
        "messages": [
            {"role": "user", "content": "weather"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "time"},
        ],
    }
    with served(
        [{"when": "weather", "answer": "no"}, {"when": "time", "answer": "Noon."}]
    ) as base_url:
        assert "Noon." in post(base_url, CLAUDE, said)[2]


def test_a_script_reaches_the_command(tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(YAML)
    command = [
        sys.executable,
        "-m",
        "axonflow_core.cli",
        "emulate",
        "bedrock",
        "--script",
        "script.yaml",
    ]
    path = os.pathsep.join([*filter(None, sys.path)])
    own = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": path}
    with subprocess.Popen(
        command, cwd=tmp_path, env=own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        exports = (shlex.split(line)[1].partition("=") for line in process.stdout)
        base_url = next(
            value for name, _, value in exports if name == "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"
        )
        try:
            assert "It rains." in post(base_url, LLAMA, {"prompt": "weather"})[2]
        finally:
            process.kill()

    (tmp_path / "script.yaml").write_text("rules: 5\n")
    refused = subprocess.run(
        command, cwd=tmp_path, env=own, capture_output=True, text=True, check=False, timeout=30
    )
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "script.yaml:1:8" in refused.stderr


# ── API keys ──────────────────────────────────────────────────────────────────────────────────────


def test_one_api_key_is_known_and_every_other_refused_in_the_words_of_aws() -> None:
    with served() as base_url:
        assert post(base_url, TITAN, titan("Hi"))[0] == 200
        assert post(base_url, TITAN, titan("Hi"), key="ABSKsomethingelse") == (
            403,
            "AccessDeniedException",
            "Authentication failed: Please make sure your API Key is valid.",
        )


# ── the account ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("today", "status"), [("2026-10-13", 200), ("2026-10-14", 404)])
def test_a_model_is_gone_from_the_day_of_its_end_of_life(today: str, status: int) -> None:
    with served(Script(account=Account(today=today))) as base_url:
        said = post(base_url, CLAUDE, claude("Hi"))
    assert said[0] == status
    if status == 404:
        assert said[1] == "ResourceNotFoundException"
        assert said[2].startswith("This model version has reached the end of its life.")


def test_a_model_without_access_is_denied_in_a_script_too() -> None:
    with served(Script(account=Account(without_access=(TITAN,)))) as base_url:
        assert post(base_url, TITAN, titan("Hi"))[:2] == (403, "AccessDeniedException")
        assert post(base_url, LLAMA, {"prompt": "Hi"})[0] == 200


@pytest.mark.parametrize(
    ("region", "model", "status"),
    [
        ("us-east-1", CLAUDE, 200),
        ("us-east-1", CLAUDE.replace("us.", "eu.", 1), 400),
        ("eu-west-1", CLAUDE.replace("us.", "eu.", 1), 200),
        ("eu-west-1", CLAUDE, 400),
        ("eu-west-1", CLAUDE.replace("us.", "global.", 1), 200),
        ("us-east-1", f"arn:aws:bedrock:us-east-1::foundation-model/{TITAN}", 200),
        ("eu-west-1", f"arn:aws:bedrock:us-east-1::foundation-model/{TITAN}", 400),
    ],
)
def test_a_profile_or_arn_of_elsewhere_is_unknown_here(
    region: str, model: str, status: int
) -> None:
    body = titan("Hi") if TITAN in model else claude("Hi")
    with served(Script(account=Account(region=region))) as base_url:
        assert post(base_url, model, body)[0] == status


TOO_MUCH = [
    (
        CLAUDE,
        claude("Hi", 64_001),
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens",
    ),
    (
        LLAMA,
        {"prompt": "Hi", "max_gen_len": 2049},
        "#/max_gen_len: 2049 is not less or equal to 2048",
    ),
    (
        TITAN,
        titan("Hi", 8193),
        "#/textGenerationConfig/maxTokenCount: 8193 is not less or equal to 8192",
    ),
    (CLAUDE, claude("a " * 200_000 + "a"), "prompt is too long: 200001 tokens > 200000 maximum"),
    (LLAMA, {"prompt": "a " * 8200}, "This model's maximum context length is 8192 tokens."),
    (TITAN, titan("a " * 8193), "Input is too long for requested model."),
    (CLAUDE, claude("a" * 9_000_001), "too many total text bytes: 9000001 > 9000000"),
]


@pytest.mark.parametrize(("model", "body", "words"), TOO_MUCH)
def test_what_is_too_much_is_refused_in_the_words_of_the_family(
    model: str, body: Any, words: str
) -> None:
    with served() as base_url:
        status, code, message = post(base_url, model, body)
    assert (status, code) == (400, "ValidationException")
    assert words in message


def test_nova_has_words_of_its_own_for_a_prompt_that_is_too_long() -> None:
    assert too_long("nova", 6, 5).message.startswith("Input Tokens Exceeded: ")


def test_what_just_fits_is_answered() -> None:
    with served() as base_url:
        assert post(base_url, CLAUDE, claude("a " * 199_999, 64_000))[0] == 200


@pytest.mark.thorough
def test_every_listed_model_that_is_known_has_its_limits() -> None:
    listed = {base_id for one in LISTINGS.values() for base_id in (*one.on_demand, *one.profiles)}
    talking = {
        base_id for base_id in listed if unary_codec_for(installed_codecs(), base_id) is None
    }
    assert {base_id for base_id in talking if limits_of(base_id) is None} == {
        "amazon.titan-tg1-large",
        "anthropic.claude-v2",
        "cohere.command-r-v1:0",
        "cohere.command-r-plus-v1:0",
    }


def test_a_model_ends_on_its_day_or_has_ended_by_the_day_of_the_table() -> None:
    assert END_OF_LIFE["anthropic.claude-sonnet-4-20250514-v1:0"] == date(2026, 10, 14)
    assert END_OF_LIFE["anthropic.claude-v2"] == load_models().as_of
    assert "anthropic.claude-opus-5" not in END_OF_LIFE


# ── quotas ────────────────────────────────────────────────────────────────────────────────────────


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def is_admitted(quotas: Quotas, asked: int = 10, used: int = 10, model: str = TITAN) -> bool:
    try:
        quotas.spend(model, asked=asked, used=used)
    except ServiceException as fault:
        assert (fault.status, fault.code) == (429, "ThrottlingException")
        return False
    return True


def test_without_limits_nothing_is_throttled() -> None:
    assert all(is_admitted(quotas_of(Account()), asked=10**9) for _ in range(100))


def test_calls_are_throttled_for_each_model_until_the_minute_is_over() -> None:
    clock = Clock()
    quotas = quotas_of(Account(requests_per_minute=2), clock)
    assert [is_admitted(quotas) for _ in range(3)] == [True, True, False]
    assert is_admitted(quotas, model=LLAMA)
    clock.now_s += MINUTE_S
    assert is_admitted(quotas)


@pytest.mark.parametrize(
    ("account", "window_s"),
    [(Account(tokens_per_minute=25), MINUTE_S), (Account(tokens_per_day=25), DAY_S)],
)
def test_tokens_are_throttled_until_the_window_is_over(account: Account, window_s: float) -> None:
    clock = Clock()
    quotas = quotas_of(account, clock)
    assert [is_admitted(quotas) for _ in range(3)] == [True, True, False]
    clock.now_s += window_s - 1
    assert not is_admitted(quotas)
    clock.now_s += 1
    assert is_admitted(quotas)


def test_what_a_call_may_use_is_weighed_before_and_what_it_used_afterwards() -> None:
    quotas = quotas_of(Account(tokens_per_minute=100))
    assert is_admitted(quotas, asked=90, used=10)
    assert is_admitted(quotas, asked=90, used=10)
    assert not is_admitted(quotas, asked=90, used=10)


def test_a_quota_reaches_the_client_in_the_words_of_aws() -> None:
    with served(Script(account=Account(requests_per_minute=1))) as base_url:
        assert post(base_url, TITAN, titan("Hi"))[0] == 200
        assert post(base_url, TITAN, titan("Hi")) == (
            429,
            "ThrottlingException",
            "Too many requests, please wait before trying again.",
        )


# ── the documentation ─────────────────────────────────────────────────────────────────────────────

PAGE = Path(__file__).parents[4] / "docs" / "emulator.md"


def test_the_script_of_the_documentation_is_one(tmp_path: Path) -> None:
    (text,) = [
        block.partition("```")[0] for block in PAGE.read_text("utf-8").split("```text\n")[1:]
    ]
    (tmp_path / "script.yaml").write_text(text)

    script = load_script(tmp_path / "script.yaml")

    assert len(script.rules) == 9
    assert script.account.today == "2026-11-24"


def test_the_documentation_names_every_key_and_every_fault() -> None:
    keys = {
        field.name
        for record in (Rule, ScriptedCall, ScriptedUsage, Account, AwsError, AccountGuardrail)
        for field in fields(record)
    }
    page = PAGE.read_text("utf-8")
    assert {name for name in (*keys, *FaultKind) if f"`{name}`" not in page} == set()
    assert f"`{API_KEY}`" in page
