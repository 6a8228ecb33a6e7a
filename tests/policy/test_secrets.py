"""Which secrets are found, with which span, and what is none."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from costs import TRIES, cpu_us, is_within
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.secrets import DETECTORS, FORM_OF_OTHERS, gitleaks
from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL as GENERAL_RULE
from axonflow_core.policy.detectors.secrets.gitleaks import LEFT_OUT, SecretRule, rules
from axonflow_core.policy.detectors.secrets.weighing import entropy
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.patterns import capturing, compiled, nameless
from axonflow_core.policy.rules import Action, Decision, Phase, Severity, Verdict
from axonflow_core.policy.views import View

from .secret_texts import (
    ALNUM,
    HARMLESS,
    HEX,
    SAMPLES,
    as_upstream,
    encoded,
    identifier,
    secrets,
    word,
)

RULES = rules()
DETECTOR_OF = {detector.type: detector for detector in DETECTORS}
RANDOM = Random(14)
HEX_40, HEX_32 = word(RANDOM, HEX, 40), word(RANDOM, HEX, 32)
AWS = f"AKIA{word(RANDOM, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16)}"
GITHUB = f"ghp_{word(RANDOM, ALNUM, 36)}"
STRIPE = f"sk_live_{word(RANDOM, ALNUM, 24)}"
GENERAL = "Zq7-hR2v_Kp9.Tm4w"


@cache
def clues() -> list[tuple[Detector, Any]]:
    """Each detector with the search for what a text has that has a secret of it."""
    return [(detector, capturing(detector.clue).search) for detector in DETECTORS]


def found(text: str, *, ask_all: bool = False) -> list[tuple[str, str]]:
    """The type and the words of every secret; `ask_all` passes over keywords and hints."""
    view = View(text.encode())
    return [
        (detector.type, view.data[start:end].decode())
        for detector, search in clues()
        if ask_all or search(view.data)
        for start, end in detector.finder()(view)
    ]


def specific(text: str) -> list[tuple[str, str]]:
    """What is found without what the general rule finds of the same words."""
    secrets = found(text)
    named = {words for type, words in secrets if type != "generic_api_key"}
    return [one for one in secrets if one[0] != "generic_api_key" or one[1] not in named]


# ── the rules ─────────────────────────────────────────────────────────────────────────────────────


DATA = json.loads(Path(gitleaks.__file__).with_name("gitleaks.json").read_bytes())


def test_every_rule_of_upstream_is_a_detector_or_has_a_reason() -> None:
    ids = [raw["id"] for raw in DATA["rules"]]

    assert len(ids) == 222
    assert len(DETECTORS) == len(DETECTOR_OF) == 220
    assert {id.replace("-", "_") for id in ids if id not in LEFT_OUT} == DETECTOR_OF.keys()


def test_the_notice_has_upstreams_version_and_licence() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text()

    assert DATA["source"].split(",")[0] in notice
    assert "Copyright (c) 2019 Zachary Rice" in notice
    assert "The above copyright notice and this permission notice shall be included" in notice


def test_a_pattern_is_searched_for_with_the_groups_that_upstream_wrote() -> None:
    """Save those with a name, of which none is a secret."""
    for rule in RULES:
        unnamed = nameless(rule.pattern)
        assert capturing(rule.searched).groups == capturing(unnamed).groups
        assert unnamed == rule.pattern or not rule.group


def test_what_is_certain_blocks_and_what_a_label_tells_warns() -> None:
    for rule, detector in zip(RULES, DETECTORS, strict=True):
        is_certain = not rule.is_labelled and rule.id not in FORM_OF_OTHERS
        assert (detector.action is Action.BLOCK) == is_certain
        assert (detector.severity is Severity.CRITICAL) == is_certain
    assert DETECTOR_OF["generic_api_key"].severity is Severity.MEDIUM


def test_the_ids_of_what_has_the_form_of_other_things_are_upstreams() -> None:
    assert FORM_OF_OTHERS.issubset(rule.id for rule in RULES)


# ── what is found ─────────────────────────────────────────────────────────────────────────────────

MADE_HERE = {
    "private-key": "its body is looked at",
    "nuget-config-password": "its value is any text",
    "freemius-secret-key": "its value is any text",
    "kubernetes-secret-yaml": "half of what its pattern matches is allowed",
    "curl-auth-user": "its value is any text, also `pass`",
}
"""Rules of which secrets made from the pattern say little, and why."""


def test_secrets_made_from_a_rule_are_found_by_its_detector() -> None:
    missed = {}
    for rule, detector in zip(RULES, DETECTORS, strict=True):
        made = [f"{rule.keywords[0]}\n{secret}" for secret in secrets(rule)]
        hits = sum(bool(detector.finder()(View(text.encode()))) for text in made)
        if hits < len(made) or len(made) < SAMPLES:
            missed[rule.id] = f"{hits} of {len(made)}"

    assert missed.keys() == MADE_HERE.keys()
    assert len(missed) < 0.05 * len(RULES)


def test_a_secret_has_the_span_that_upstreams_pattern_captures() -> None:
    compared = 0
    for rule, detector in zip(RULES, DETECTORS, strict=True):
        pattern = as_upstream(rule.pattern)
        for secret in secrets(rule):
            data = f"{rule.keywords[0]}\n{secret}".encode()
            match = pattern.search(data)
            if rule.id not in MADE_HERE and detector.finder()(View(data)):
                assert expected_span(match, rule) in detector.finder()(View(data))
                compared += 1
    assert compared > 400


def expected_span(match: Any, rule: SecretRule) -> tuple[int, int]:
    """Of the group that upstream takes, where it is no mere part of the secret."""
    groups = [match.span(number) for number in range(match.re.groups + 1)]
    if rule.id in ("jwt-base64", "microsoft-teams-webhook"):  # their groups are parts
        return groups[0]
    whole, *groups = groups
    named = groups[rule.group - 1 :] if rule.group else groups
    return next((span for span in named if span[1] - span[0] >= 6), whole)


@pytest.mark.parametrize(
    ("text", "type", "secret"),
    [
        (f"aws_access_key_id = {AWS}", "aws_access_token", AWS),
        (f"({AWS})", "aws_access_token", AWS),
        (f"token:'{GITHUB}'", "github_pat", GITHUB),
        (f"export STRIPE={STRIPE}\n", "stripe_access_token", STRIPE),
        (f'meraki_api_key: "{HEX_40}"', "cisco_meraki_api_key", HEX_40),
        (f"my adobe adobe adobe adobe_id={HEX_32};", "adobe_client_id", HEX_32),
        (f"a=1&adobe_id={HEX_32}&x", "adobe_client_id", HEX_32),
        (f"adobe_id={HEX_32}0", "", ""),
        (f"secret = obj.attribute_{HEX_32[:3]}(1)", "", ""),
        (f"adobe and a long way from it here = {HEX_32}", "", ""),
        (f'"sonar.login": "squ_{HEX_40}"', "sonar_api_token", f"squ_{HEX_40}"),
        (f"password = {GENERAL}", "generic_api_key", GENERAL),
        (f"my key: api_key='{GENERAL}'", "generic_api_key", GENERAL),
        (f"monkey = {GENERAL}", "", ""),
        (f"primary_key = {GENERAL}", "", ""),
        (f"curl -u admin:{GENERAL} http://a", "curl_auth_user", f"admin:{GENERAL}"),
        (
            '<add key="Password" value="Zq7!hR2v,Kp9" />',
            "nuget_config_password",
            "Zq7!hR2v,Kp9",
        ),
        (
            "kind: Secret\ndata:\n  password: WnE3IWhSMnYsS3A5\n",
            "kubernetes_secret_yaml",
            "password: WnE3IWhSMnYsS3A5",
        ),
    ],
)
def test_a_secret_is_found_without_what_is_around_it(text: str, type: str, secret: str) -> None:
    assert specific(text) == ([(type, secret)] if type else [])


@pytest.mark.parametrize(
    "text", ["It is {}.", "({})", "{}, and", "<b>{}</b>", "**{}**", "是{}。", "“{}”"]
)
def test_a_token_ends_where_a_sentence_goes_on(text: str) -> None:
    assert found(text.format(STRIPE)) == [("stripe_access_token", STRIPE)]


def test_every_secret_of_a_text_is_found_and_a_placeholder_hides_none() -> None:
    text = f"{AWS} {GITHUB} AKIAIOSFODNN7EXAMPLE {AWS[::-1]} token=your-token-1 {AWS}"
    assert found(text) == [
        ("aws_access_token", AWS),
        ("aws_access_token", AWS),
        ("github_pat", GITHUB),
    ]


def test_of_several_users_of_curl_the_first_is_found() -> None:
    text = f"curl -u admin:{GENERAL} http://a; curl -u user:pass http://b"
    assert ("curl_auth_user", f"admin:{GENERAL}") in found(text)


NOTE = "# a note\n"
MANIFEST_VALUE = "password: c2VjcmV0LW9mLXRoZS1kYXRhYmFzZQ=="


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        (f"kind: Secret\ndata:\n  {MANIFEST_VALUE}\n", True),
        (f"data:\n  {MANIFEST_VALUE}\nkind: 'Secret'\n", True),
        (f"kind: Secret\n{NOTE * 20}data:\n  {MANIFEST_VALUE}\n", True),
        (f"kind: Secret\n{NOTE * 500}data:\n  {MANIFEST_VALUE}\n", False),
        (f"kind: Secret\ndata:\n{NOTE * 500}  {MANIFEST_VALUE}\n", False),
        (f"kind: ConfigMap\ndata:\n  {MANIFEST_VALUE}\nname: secret\n", False),
        (f"kind: Secret\nmetadata:\n  {MANIFEST_VALUE}\n", False),
    ],
)
def test_a_value_of_a_manifest_is_found_near_its_kind_and_its_data(
    text: str, is_found: bool
) -> None:
    assert (("kubernetes_secret_yaml", MANIFEST_VALUE) in found(text)) is is_found


# ── keys in PEM ───────────────────────────────────────────────────────────────────────────────────

BODY = "\n".join(encoded(RANDOM, 48) for _ in range(10))


def pem(label: str, body: str = BODY) -> str:
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----"


@pytest.mark.parametrize(
    "key",
    [
        pem("PRIVATE KEY"),
        pem("RSA PRIVATE KEY"),
        pem("EC PRIVATE KEY"),
        pem("OPENSSH PRIVATE KEY"),
        pem("ENCRYPTED PRIVATE KEY"),
        pem("PGP PRIVATE KEY BLOCK", f"Version: GnuPG v2\n\n{BODY}\n=aB3d"),
        pem("RSA PRIVATE KEY", f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{BODY}"),
        pem("PRIVATE KEY").replace("\n", "\\n"),
        pem("PRIVATE KEY").replace("\n", "\r\n"),
        pem("PRIVATE KEY").replace("\n", "\n> "),
        pem("PRIVATE KEY").replace("\n", " "),
        pem("PRIVATE KEY").lower().replace(BODY.lower(), BODY),
    ],
    ids=str.split,
)
def test_a_private_key_is_found_from_its_first_line_to_its_last(key: str) -> None:
    assert ("private_key", key) in found(f'key: "{key}", and so on')


def test_a_private_key_that_is_cut_is_found_to_its_end() -> None:
    cut = pem("PRIVATE KEY")[:400]
    assert found(f"text {cut}") == [("private_key", cut)]


@pytest.mark.parametrize(
    "text",
    [
        pem("PUBLIC KEY"),
        pem("CERTIFICATE"),
        pem("PRIVATE KEY", "..."),
        pem("PRIVATE KEY", "<your key>"),
        pem("PRIVATE KEY", "A" * 64),
        pem("PRIVATE KEY", "MIIEpAIBAAKCAQEA"),
        "A key begins with -----BEGIN PRIVATE KEY----- and it ends, after some lines of base64, "
        "with -----END PRIVATE KEY-----.",
    ],
)
def test_what_is_no_private_key_is_left_alone(text: str) -> None:
    assert found(text) == []


# ── what is no secret ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "api_key = YOUR_API_KEY_HERE",
        'password: "<token>"',
        "token=${TOKEN_1}",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "x" * 36,
        "ghp_" + "0" * 36,
        "AGE-SECRET-KEY-1" + "Q" * 58,
        "curl -u sk_test_BQokikJOvBiI2HlWgH4olfQ2: https://api.stripe.com/v1/charges",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefghijklmnopqrstuv",
        f"sourcegraph shows commit {HEX_40} of it",
        f"{HEX_40} is a commit",
        "my password is secret, and the key to the access token is with the author",
    ],
)
def test_a_placeholder_or_a_hash_is_no_secret(text: str) -> None:
    assert found(text) == []


def test_a_hash_behind_the_label_of_a_secret_is_one() -> None:
    assert found(f"sourcegraph: sgp_{HEX_40}") == [("sourcegraph_access_token", f"sgp_{HEX_40}")]
    assert found(f"meraki: {HEX_40}") == [("cisco_meraki_api_key", HEX_40)]
    header = f'curl -H "Authorization: Token {HEX_40}" https://x.example'
    assert ("curl_auth_header", HEX_40) in found(header)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", HARMLESS)
def test_what_only_looks_like_a_secret_is_left_alone(kind: str) -> None:
    texts = [HARMLESS[kind](Random(f"{kind} {number}")) for number in range(200)]

    types = [type for text in texts for type, _ in found(text)]
    assert len(types) <= 2
    assert all(DETECTOR_OF[type].severity is not Severity.CRITICAL for type in types)


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_secret_beside_what_looks_like_one_is_found(kind: str) -> None:
    """The control of the test above."""
    text = HARMLESS[kind](Random(kind))
    assert ("github_pat", GITHUB) in found(f"{text}\n{GITHUB}\n{text}")


def test_the_entropy_of_bytes_is_shannons() -> None:
    assert entropy(b"aaaa") == 0
    assert entropy(b"abab") == 1
    assert entropy(bytes(range(256))) == 8


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────

PIECES = st.deferred(
    lambda: st.sampled_from(
        [
            *(f"{rule.keywords[0]} " for rule in RULES[::3]),
            *("= ", ": '", '"', "\n", "key", "ſonar_", "Key=", "toKen = "),
            *(secret for rule in RULES for secret in secrets(rule)),
            *(HEX_40, AWS, GITHUB, GENERAL, BODY[:64]),
        ]
    )
)
"""Made where they are drawn: it takes a second."""


@given(st.lists(PIECES, max_size=6))
def test_a_text_with_a_secret_has_a_keyword_or_the_hint_of_its_detector(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert found(text) == found(text, ask_all=True)


def test_a_letter_that_only_folds_to_one_of_ascii_is_none_of_a_keyword() -> None:
    """RE2 takes it for one in any case. The text is searched in its normal form as well."""
    assert found(f"ſonar_login = {HEX_40}", ask_all=True) == []
    assert found(f"sonar_login = {HEX_40}") == [("sonar_api_token", HEX_40)]


@given(st.lists(PIECES, max_size=6))
def test_secrets_of_one_rule_follow_each_other_without_an_overlap(pieces: list[str]) -> None:
    view = View("".join(pieces).encode())
    for detector in DETECTORS:
        ends = [edge for span in detector.finder()(view) for edge in span]
        assert ends == sorted(ends)


# ── cost ──────────────────────────────────────────────────────────────────────────────────────────

SIGNS = list(" =:'\"\n._-a1Z")


@pytest.mark.thorough
def test_no_rule_takes_more_than_a_microsecond_for_a_byte_of_a_hostile_text() -> None:
    """Keywords and what may stand around them, in any order: no automaton has room for what such a
    text makes of a pattern. An ordinary text takes a nanosecond."""
    for rule, detector in zip(RULES, DETECTORS, strict=True):
        pieces = [*rule.keywords, *map(str.upper, rule.keywords)]
        for more in ([], SIGNS, list(ALNUM)):
            text = "".join(Random(rule.id).choices(pieces + more, k=20_000))[:50_000]
            view, find = View(text.encode()), detector.finder()
            find(view)
            assert is_within(partial(find, view), 0.3 * len(text) + 3_000), rule.id


PLAIN = compiled(r"[\x01-\x08]+[a-z]+ never found")
"""Without a literal that it begins with, for which RE2 would not need its automaton."""


def warm_us(work: Callable[[], object]) -> float:
    """CPU time of the better of two runs, the first of which may have to build automata."""
    return min(cpu_us(work) for _ in range(2))


def near_misses(rule: SecretRule) -> Iterator[str]:
    """What is nearly a secret of the rule, again and again."""
    yield f"{rule.keywords[0]}='\"={rule.keywords[0]}\"'= "
    for secret in secrets(rule)[:1]:
        head = len(rule.keywords[0]) + 6
        yield f"{secret[:head]}{re.sub('[a-z0-9]', 'a', secret[head:])} "
        yield secret[:-1]
        yield secret[: len(secret) // 2]
        yield secret[:8]


LARGE = {"kubernetes-secret-yaml": 500, GENERAL_RULE: 500}
"""Rules that take longer, and how many plain searches of the same text."""


@pytest.mark.thorough
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_near_misses_of_a_rule_take_no_longer_than_a_hundred_plain_searches(
    rule: SecretRule,
) -> None:
    find = DETECTOR_OF[rule.id.replace("-", "_")].finder()
    for piece in near_misses(rule):
        view = View((piece * (250_000 // len(piece.encode()))).encode())
        plain, searched = partial(PLAIN.search, view.data), partial(find, view)
        most = LARGE.get(rule.id, 100)
        assert any(warm_us(searched) < most * warm_us(plain) + 10_000 for _ in range(TRIES)), piece[
            :8
        ]


def test_a_text_that_takes_all_of_the_effort_is_found_to_its_end() -> None:
    random, label = Random(1), "meraki = "
    text = "".join(f"{label}{word(random, 'ab', 40)} " for _ in range(5_000))
    view = View(f"{text}{label}{HEX_40} ".encode())
    assert DETECTOR_OF["cisco_meraki_api_key"].finder()(view)[-1][1] == len(view.data)


@pytest.mark.parametrize("end", [" ", "\\n", "';", ""])
def test_a_secret_at_the_end_of_a_long_value_is_found(end: str) -> None:
    long = "key=" + "ab=cd-" * 2_000
    assert ("generic_api_key", GENERAL) in found(f"{long}/key={GENERAL}{end}")
    run = word(Random(1), "0123456789abcdef", 6_000)
    assert f"={run}" in found(f"{long}/key={run}{end}")[0][1]
    assert found(f"{long}/kez={GENERAL}{end}") == []


def item(random: Random, number: int) -> str:
    return json.dumps({"key": f"row-{number}", "api": identifier(random), "auth": f"user_{number}"})


def translation(random: Random, number: int) -> str:
    return f'"auth.key.{number}": "settings.auth.{random.choice(["title", "body"])}.{number}",'


def row(_: Random, number: int) -> str:
    return f"{number},api_key=customer_{number}_key,token=see vault,{number * 7}"


def code(_: Random, number: int) -> str:
    return f"    self.token_{number} = settings.tokens_of_users.token_{number}"


@pytest.mark.parametrize("make", [item, translation, row, code])
def test_of_an_ordinary_list_of_keys_nothing_is_found(make: Callable[..., str]) -> None:
    random = Random(2)
    text = "\n".join(make(random, number) for number in range(4_000))[:102_400]
    assert len(text) == 102_400
    assert found(text) == []
    assert ("github_pat", GITHUB) in found(f"{text} {GITHUB}")


def test_a_longer_list_of_keys_takes_all_of_the_effort_and_is_found_to_its_end() -> None:
    """The control: those of a hundred kilobytes take some of it."""
    text = "\n".join(translation(Random(2), number) for number in range(20_000))
    ((_, words),) = found(text)
    assert text.endswith(words)


@pytest.mark.parametrize("make", [HARMLESS[one] for one in ("lock files", "logs")])
def test_of_a_long_ordinary_text_nothing_is_found(make: Callable[..., str]) -> None:
    random = Random(2)
    text = "\n".join(make(random) for _ in range(10_000))[:1_000_000]
    assert found(f"sourcegraph {text}") == []
    assert ("github_pat", GITHUB) in found(f"{text} {GITHUB}")


# ── in a policy ───────────────────────────────────────────────────────────────────────────────────


def evaluated(text: str, **actions: Action) -> Decision:
    return Policy.build(PoliciesConfig(actions=actions)).evaluate(Phase.REQUEST, {"a": text})


def test_a_certain_secret_stops_a_call_and_one_that_a_label_tells_does_not() -> None:
    assert evaluated(f"deploy with {GITHUB}").verdict is Verdict.BLOCKED
    labelled = evaluated(f"meraki: {HEX_40}")
    assert (labelled.verdict, "cisco_meraki_api_key" in labelled.rules) == (Verdict.ALLOWED, True)


def test_a_secret_is_masked_and_nothing_else() -> None:
    decision = evaluated(f"use {GITHUB}, please", sensitive_data=Action.REDACT)
    assert decision.texts == {"a": "use [REDACTED:github_pat], please"}


def test_a_secret_in_pieces_is_found_where_it_stands() -> None:
    hidden = f"{GITHUB[:9]}\u200b{GITHUB[9:]}"
    finding = evaluated(f"é {hidden}").findings[0]
    assert (finding.rule, finding.start, finding.end) == ("github_pat", 2, 2 + len(hidden))


def test_what_a_client_is_told_of_a_secret_quotes_nothing_of_it() -> None:
    assert evaluated(GITHUB).reason == "The text holds what looks like a secret (github pat)."


# ── public data ───────────────────────────────────────────────────────────────────────────────────


def corpora() -> Iterator[str]:
    """The texts of all corpora in the folder that AXONFLOW_CORPORA names."""
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("detectors are measured where AXONFLOW_CORPORA names a folder of corpora")
    for path in Path(folder).glob("*.jsonl"):
        with path.open() as lines:
            yield from (json.loads(line)["text"] for line in lines)


@pytest.mark.thorough
def test_no_secret_is_found_in_natural_texts() -> None:
    texts = list(corpora())
    assert texts
    assert [found(text) for text in texts if found(text)] == []
    assert all(("github_pat", GITHUB) in found(f"{text} {GITHUB}") for text in texts[::50])
