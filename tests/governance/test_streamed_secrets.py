"""Secrets of every rule leave a stream as they leave a whole answer: not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from policy.secret_texts import secrets
from policy.test_secrets import BODY, pem

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.governance.look_ahead import AnswerScreen
from axonflow_core.messages import Text
from axonflow_core.policy.detectors.secrets.gitleaks import rules
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Action, Phase
from governance.test_look_ahead import AFTER, BEFORE, cut, passed_by, reads_of, text_of

POLICY = Policy.build(PoliciesConfig(actions={"sensitive_data": Action.REDACT}))
LONG_KEY = "\n".join([BODY] * 3)
KEYS = (
    pem("PRIVATE KEY"),
    pem("RSA PRIVATE KEY", LONG_KEY),
    pem("RSA PRIVATE KEY", f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{BODY}"),
    pem("PGP PRIVATE KEY BLOCK", f"Version: GnuPG v2\n\n{BODY}\n=aB3d"),
    pem("PRIVATE KEY").replace("\n", "\\n"),
)


def texts(keyword: str = "") -> Iterator[str]:
    """An answer with a secret of each rule that has that keyword, or all."""
    for rule in rules():
        if not keyword or any(each.startswith(keyword) for each in rule.keywords):
            for secret in secrets(rule)[:1]:
                yield f"{BEFORE}{rule.keywords[0]}\n{secret} {AFTER}"


def unnamed(text: str) -> str:
    """`text` with one mask for all: where two rules find a secret, either names it."""
    return re.sub(r"\[REDACTED:\w+\]", "[REDACTED]", text)


def left_of(text: str, size: int) -> str:
    return text_of(passed_by(AnswerScreen(POLICY), reads_of(Text, cut(text, size, 3))))


def differing(answers: Iterator[str], *sizes: int) -> tuple[int, list[str]]:
    """How many answers had something redacted, and those that left in another way than whole."""
    redacted, different = 0, list[str]()
    for text in answers:
        whole = POLICY.evaluate(Phase.ANSWER, {"": text}).texts.get("", text)
        redacted += whole != text
        left = {unnamed(left_of(text, size)) for size in sizes}
        different += left - {unnamed(whole)}
    return redacted, different


@pytest.mark.thorough
def test_a_secret_of_each_rule_leaves_a_stream_as_it_leaves_a_whole_answer() -> None:
    redacted, different = differing(texts(), 7)
    assert redacted > 200
    assert different == []


@pytest.mark.parametrize("keyword", ["ey", "t3blbkfj", "curl", "secret"])
def test_a_secret_that_is_long_or_far_from_its_label_does_not_leave(keyword: str) -> None:
    redacted, different = differing(texts(keyword), 1, 40)
    assert redacted
    assert different == []


@pytest.mark.parametrize("size", [1, 7, 96])
def test_of_a_private_key_nothing_but_its_headers_leaves(size: int) -> None:
    assert len(KEYS[1]) > 1_700
    for key in KEYS:
        left = left_of(f"{BEFORE}{key} {AFTER}", size)
        assert left.count("[REDACTED:private_key]") == 1
        assert not any(line in left for line in BODY.splitlines())
        assert left.endswith(AFTER)
