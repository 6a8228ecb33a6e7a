"""Made-up secrets for the rules that look for them, and texts that only look like secrets."""

from __future__ import annotations

import base64
import json
import re
import string
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import re2
from rstr import Rstr

from axonflow_core.policy.detectors.secrets.gitleaks import SecretRule

ALNUM = string.ascii_letters + string.digits
HEX = string.hexdigits.lower()[:16]
SAMPLES = 3
TRIES = 200


def as_upstream(pattern: str) -> Any:
    """A rule's pattern as upstream searches for it, with all that it reads before a label."""
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


class Steady(Random):
    """Draws the same of a set in each process: `rstr` makes lists of sets."""

    def choice(self, seq: Any) -> Any:
        are_characters = all(isinstance(one, str) for one in seq)
        return super().choice(sorted(seq) if are_characters else seq)


@cache
def secrets(rule: SecretRule) -> Sequence[str]:
    """`SAMPLES` texts that the rule's pattern matches, made from it; fewer where few do."""
    made, matches = Rstr(Steady(rule.id)), as_upstream(rule.pattern).search
    python = for_python(rule.pattern)
    texts = filter(matches, (made.xeger(python) for _ in range(TRIES)))
    return tuple(islice(texts, SAMPLES))


def for_python(pattern: str) -> str:
    """An RE2 pattern as `re` reads it. What differs in upstream's are flags for the rest of a
    group, classes of POSIX, and `\\z`."""
    pattern = pattern.replace(r"\z", r"\Z").replace("[[:alnum:]]", "[a-zA-Z0-9]")
    pattern = re.sub(r"(\[[^\]]+\]|\\w)\{(\d{3,})(?:,\d*)?\}", in_pieces, pattern)
    while flag := re.search(r"(?<!\\)\(\?i\)", pattern):
        end = end_of_group(pattern, flag.end())
        rest = pattern[flag.end() : end]
        pattern = f"{pattern[: flag.start()]}(?i:{rest}){pattern[end:]}"
    return pattern


def in_pieces(repeat: re.Match[str]) -> str:
    """A long repeat as some of at most 100, the most that `rstr` makes."""
    hundreds, rest = divmod(int(repeat[2]), 100)
    return f"{repeat[1]}{{100}}" * hundreds + f"{repeat[1]}{{{rest}}}"


def end_of_group(pattern: str, start: int) -> int:
    """Where the group ends in which `start` is."""
    depth, is_class, position = 0, False, start
    while position < len(pattern):
        match pattern[position]:
            case "\\":
                position += 1
            case "[" if not is_class:
                is_class = True
                position += pattern[position + 1 : position + 2] in ("]", "^")
            case "]":
                is_class = False
            case "(" if not is_class:
                depth += 1
            case ")" if not is_class:
                if not depth:
                    return position
                depth -= 1
        position += 1
    return len(pattern)


# ── what is no secret ─────────────────────────────────────────────────────────────────────────────


def word(random: Random, letters: str, length: int) -> str:
    return "".join(random.choices(letters, k=length))


def encoded(random: Random, size: int) -> str:
    """Random bytes in base64."""
    return base64.b64encode(random.randbytes(size)).decode()


def sri(random: Random) -> str:
    return f"sha512-{encoded(random, 64)}"


def identifier(random: Random) -> str:
    """A name in a program, with a digit here and there."""
    words = random.choices(
        "user api token key auth access secret file row page id v2 x1".split(), k=3
    )
    return words[0] + "".join(map(str.title, words[1:]))


def placeholder(random: Random) -> str:
    name = random.choice(
        "API_KEY api_key apiKey token SECRET password AWS_SECRET_ACCESS_KEY OPENAI_API_KEY".split()
    )
    value = random.choice(
        "YOUR_API_KEY_HERE <token> ${VAR} $SECRET {{secret}} {{ .Values.key }} xxxxxxxxxxxxxxxx "
        "changeme change_me_1 ******** AKIAIOSFODNN7EXAMPLE %API_KEY% <your-key-1> your-key-123 "
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY sk-xxxxxxxxxxxxxxxxxxxxxxxx ... $(cat_key_1) "
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ghp_123456789012345678901234567890123456 "
        "sk_test_BQokikJOvBiI2HlWgH4olfQ2 AKIAXXXXXXXXXXXXXXXX os.environ[0] none REDACTED".split()
    )
    return random.choice(['{}="{}"', "{}: {}", "export {}={}", "{} = '{}'"]).format(name, value)


def minified(random: Random) -> str:
    names = [f"{word(random, string.ascii_letters, 2)}.{identifier(random)}" for _ in range(8)]
    body = ";".join(
        f"var {word(random, ALNUM[:52], 1)}=s.{name}(e,{random.randrange(99)})" for name in names
    )
    return f"!function(t,e){{{body};return s.key?s.token:n.access}}(this,1);"


def lock(random: Random) -> str:
    name = identifier(random)
    entry = {
        "version": "1.2.3",
        "resolved": f"https://registry.npmjs.org/{name}/-/{name}-1.2.3.tgz#{word(random, HEX, 40)}",
        "integrity": sri(random),
    }
    return json.dumps({f"node_modules/{name}": entry})


def log(random: Random) -> str:
    facts = {
        "request_id": str(uuid.UUID(bytes=random.randbytes(16))),
        "trace_id": word(random, HEX, 32),
        "span_id": word(random, HEX, 16),
        "key_count": random.randrange(10**12),
        "etag": word(random, HEX, 32),
        "ts": 1_750_000_000_000 + random.randrange(10**9),
    }
    return json.dumps(facts)


HARMLESS: Mapping[str, Callable[[Random], str]] = {
    "placeholders": placeholder,
    "commits": lambda random: (
        f"commit {word(random, HEX, 40)}\nsee sourcegraph, jira and cloudflare"
    ),
    "UUIDs": lambda random: (
        f"id: {uuid.UUID(bytes=random.randbytes(16), version=4)} of the access log"
    ),
    "images": lambda random: f"<img src='data:image/png;base64,{encoded(random, 600)}'>",
    "integrity": lambda random: f'<script src="a.js" integrity="{sri(random)}"></script>',
    "lock files": lock,
    "go.sum": lambda random: f"github.com/a/b v1.2.3 h1:{encoded(random, 32)}",
    "minified code": minified,
    "digests": lambda random: f"docker pull app@sha256:{word(random, HEX, 64)}",
    "logs": log,
    "certificates": lambda random: (
        "-----BEGIN CERTIFICATE-----\n"
        + "\n".join(encoded(random, 48) for _ in range(6))
        + "\n-----END CERTIFICATE-----"
    ),
    "public keys": lambda random: f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB{encoded(random, 255)} me@host",
    "base64": lambda random: encoded(random, 900),
    "hex": lambda random: word(random, HEX, 1_000),
    "names": lambda random: (
        f"{identifier(random)} = self.{identifier(random)}({identifier(random)})"
    ),
}
"""Kind -> how one is made."""
