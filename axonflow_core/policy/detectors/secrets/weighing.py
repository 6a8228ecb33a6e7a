"""What is no secret though a rule's pattern matches it: too regular, a placeholder, allowed."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

from axonflow_core.policy.detectors.secrets.gitleaks import GENERAL, SecretRule, allowed_by_all
from axonflow_core.policy.detectors.secrets.sightings import Candidate
from axonflow_core.policy.patterns import Regexp, looking, quoted, united

LEAST_ENTROPY = 2.0
"""Bits for each byte of a secret whose rule says nothing of them: more than a few characters that
are repeated have."""
_WEIGHED = 256
"""Bytes at the beginning of a value that are weighed for all of it: 1,000 take 30 microseconds."""
_COUNT_LOG_COUNT = (0.0, *(count * log2(count) for count in range(1, _WEIGHED + 1)))
_MAX_LINE = 1_000
"""Bytes of a line before and behind what an allowlist looks at."""
_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"
_MAX_NAME = 50
_PLACEHOLDER = (
    r"(?i)example|placeholder|change_?me|redacted|dummy|sample|foobar|qwerty|insert|replace"
    r"|your[_.-]|your(?:api|key|token|secret|password)|x{5}|\*{3}|\.{3}"
    r"|<[^<>]*>|\$\{|\$\(|\{\{|%\(|12345678|abcdefgh|deadbeef"
    r"|(?-i:eyJzdWIiOiIxMjM0NTY3ODkw)"  # {"sub":"1234567890, in tokens that show what one is
)
"""What people write where a secret would stand, and what documents show. AWS's own examples are
`AKIAIOSFODNN7EXAMPLE` and one that ends in `EXAMPLEKEY`; source: AWS, "Managing access keys"."""
_DOCUMENTED = frozenset(
    {
        b"sk_test_BQokikJOvBiI2HlWgH4olfQ2",  # https://docs.stripe.com/api/authentication, 2026
    }
)
_COMMIT = r"\A\W?[0-9a-f]{40}\W?\z"
"""What names a commit of git; a secret only where something before it says so."""
_UUID = r"\A(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\z"
"""An identifier, and a secret only where a label of its vendor says so."""


def entropy(secret: bytes) -> float:
    """Shannon's entropy of the bytes, in bits for each; of a long secret, of the first
    `_WEIGHED`."""
    weighed = secret[:_WEIGHED]
    counts = map(weighed.count, set(weighed))
    return log2(len(weighed)) - sum(map(_COUNT_LOG_COUNT.__getitem__, counts)) / len(weighed)


class Scale:
    """Weighs what may be a secret of one rule. Its patterns are compiled at once."""

    def __init__(self, rule: SecretRule) -> None:
        self._is_labelled = rule.is_labelled
        self._least = rule.entropy or LEAST_ENTROPY
        self._least_bytes = int(2**self._least) + 1
        """Different bytes that every secret has, at least: fewer have no such entropy."""
        tests = _tests(rule)
        self._tests = [looking(test) for target, test in tests if target == "secret"]
        self._around = [one for one in tests if one[0] != "secret"]

    def may_be_secret(self, value: bytes) -> bool:
        """Whether there may be a secret in a value. Behind a label it is the secret itself, and is
        weighed before its label is looked for."""
        if len(set(value[:_WEIGHED])) < self._least_bytes:
            return False
        return not self._is_labelled or self._is_heavy(value)

    def is_secret(self, data: bytes, candidate: Candidate) -> bool:
        """Whether the candidate is a secret, of whose value `may_be_secret` is true."""
        secret = data[candidate.start : candidate.end]
        if not self._is_labelled and not self._is_heavy(secret):
            return False
        parts = ((test, self._part(target, data, candidate)) for target, test in self._around)
        return all(test.search(part) is None for test, part in parts)

    def _is_heavy(self, secret: bytes) -> bool:
        if any(test(secret) >= 0 for test in self._tests):
            return False
        return entropy(secret) > self._least and secret not in _DOCUMENTED

    def _part(self, target: str, data: bytes, candidate: Candidate) -> bytes:
        """What an allowlist looks at."""
        start, end = candidate.match
        if target == "line":
            before = data[max(0, start - _MAX_LINE) : start].rpartition(b"\n")[2]
            return before + data[start:end] + data[end : end + _MAX_LINE].partition(b"\n")[0]
        return data[self._start_of_name(data, start) : end]

    def _start_of_name(self, data: bytes, start: int) -> int:
        """Where the name begins that ends with the label: upstream's patterns match all of it."""
        if not self._is_labelled:
            return start
        before = data[max(0, start - _MAX_NAME) : start]
        return start - len(before) + len(before.rstrip(_NAME))


def _tests(rule: SecretRule) -> Sequence[tuple[str, Regexp]]:
    """What allowlists look at, and what is searched there and says that it is no secret. Words come
    last: there may be a thousand, whose automaton is large."""
    patterns: dict[str, list[str]] = {"secret": [_PLACEHOLDER]}
    words: list[str] = []
    if not rule.is_labelled:
        patterns["match"] = [_COMMIT]
    if rule.id == GENERAL:
        patterns["secret"].append(_UUID)
    for allowlist in (*rule.allowlists, allowed_by_all()):
        patterns.setdefault(allowlist.target, []).extend(allowlist.regexes)
        words += map(quoted, allowlist.stopwords)
    tests = [(target, "|".join(f"(?:{one})" for one in patterns[target])) for target in patterns]
    tests.append(("secret", f"(?i:{'|'.join(words)})"))
    return [(target, united((pattern,))) for target, pattern in tests]
