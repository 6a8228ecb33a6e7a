"""gitleaks' rules as values. The data are upstream's own, as `.ci/gitleaks-rules` makes them.

What upstream says of paths is left: a text has none. Of the rules that are for certain files alone,
those go that no text can be asked about (`LEFT_OUT`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from axonflow_core.frozen import frozen
from axonflow_core.policy.patterns import nameless

GENERAL = "generic-api-key"
"""Id of the rule that finds what stands behind a general label (`password = …`)."""
LEFT_OUT: Mapping[str, str] = {
    "pkcs12-file": "it is about the names of files",
    "hashicorp-tf-password": "in a text that is no file of Terraform it is any password in quotes",
}
"""Id of a rule that no detector has -> why."""
_DATA = Path(__file__).with_name("gitleaks.json")
_PREFIX = r"[\w.-]{0,50}?"
"""What upstream reads before a label, so that a report shows all of a name."""
_GREEDY = (r"(?:.*|.*(?:[\r\n]{1,2}.*){1,5})", r"(?:.*?|.*?(?:[\r\n]{1,2}.*?){1,5})")

_ENDS = (
    r"""(?:[\x60'"\s;]|\\[nr]|$)""",
    r"""(?:[\x60'"\s;,.:!?&|*#()<>{}\[\]\\]|[^\x00-\x7f]|$)""",
)
"""What ends a token in upstream's patterns, which are for code -> and in any text."""


@frozen(kw_only=True)
class Allowlist:
    """What is no secret though it looks like one."""

    target: str
    """What `regexes` are searched in: the `secret`, the whole `match`, or its `line`."""
    regexes: tuple[str, ...]
    stopwords: tuple[str, ...]
    """Small letters: a secret with one of them in it, in any case, is none."""


@frozen(kw_only=True)
class SecretRule:
    """A kind of secret, and how it is found."""

    id: str
    """Upstream's name: `aws-access-token`."""
    pattern: str
    """The RE2 pattern; a group of it holds the secret."""
    group: int
    """The group of the secret. 0 for the first one that is not empty."""
    entropy: float
    """Bits for each byte that a secret has more than; 0 for any."""
    keywords: tuple[str, ...]
    """Small letters: every text with a secret has one of these, in any case."""
    allowlists: tuple[Allowlist, ...]

    @property
    def is_labelled(self) -> bool:
        """Whether a label tells the secret, as in `adobe_key = …`: it has no form of its own."""
        return _PREFIX in self.pattern

    @property
    def searched(self) -> str:
        """The pattern for texts of people: without what it reads before a label, for RE2 fifty
        states at each byte; the first of several secrets behind a `curl`; and what ends a token in
        a sentence ends it too, save behind a general label, whose values have no form. No group
        with a name is a secret."""
        pattern = nameless(self.pattern.replace(_PREFIX, "").replace(*_GREEDY))
        return pattern if self.id == GENERAL else pattern.replace(*_ENDS)


def rules() -> Sequence[SecretRule]:
    """The rules that detectors have, in upstream's order."""
    return tuple(_rule(raw) for raw in _data()["rules"] if raw["id"] not in LEFT_OUT)


def allowed_by_all() -> Allowlist:
    """What no rule takes for a secret."""
    return _allowlist(_data()["allowlist"])


@cache
def _data() -> Mapping[str, Any]:
    data: Mapping[str, Any] = json.loads(_DATA.read_bytes())
    return data


def _rule(raw: Mapping[str, Any]) -> SecretRule:
    return SecretRule(
        id=raw["id"],
        pattern=raw["regex"],
        group=raw.get("secretGroup", 0),
        entropy=raw.get("entropy", 0),
        keywords=tuple(raw["keywords"]),
        allowlists=tuple(map(_allowlist, _for_texts(raw.get("allowlists", ())))),
    )


def _for_texts(allowlists: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Those that say something of a text without a path."""
    for raw in allowlists:
        is_for_paths = "paths" in raw and raw.get("condition") == "AND"
        if not is_for_paths and ("regexes" in raw or "stopwords" in raw):
            yield raw


def _allowlist(raw: Mapping[str, Any]) -> Allowlist:
    return Allowlist(
        target=raw.get("regexTarget", "secret"),
        regexes=tuple(raw.get("regexes", ())),
        stopwords=tuple(raw.get("stopwords", ())),
    )
