"""Private keys in PEM (RFC 7468) and in OpenPGP's armour (RFC 9580, section 6.2).

Upstream's rule wants the line that ends a key. A key that is cut before it, as the first pieces of
a stream are, is one all the same, so what stands behind the first line is looked at instead: the
base64 of a key. Of a key in a string of JSON the ends of the lines are `\\n`.
"""

from __future__ import annotations

from functools import cache

from axonflow_core.policy.detectors.secrets.weighing import entropy
from axonflow_core.policy.patterns import Regexp, compiled
from axonflow_core.policy.searches import MAX_SPANS, Spans
from axonflow_core.policy.views import View

RULE = "private-key"
"""The id of the rule that this is for."""
_KEYWORD = b"-----begin"
_FIRST = r"(?i)-----BEGIN[ A-Z0-9_-]*PRIVATE KEY(?: BLOCK)?-----"
_BODY = r"(?:[\w-]+: [^\r\n\\]*(?:\\n|\r?\n)|[A-Za-z0-9+/=\s>|#]|\\[nrt])*"
"""Headers such as `Proc-Type: 4,ENCRYPTED`, base64, and what quotes a line."""
_LAST = r"(?i)-----END[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?-----"
_RUN = r"[A-Za-z0-9+/]{40}"
_EFFORT = 1_000
"""First lines without a key in any text, from which on all of it counts as one."""
_BYTES = 256
"""Bytes of a text for each of them more."""
_LEAST_ENTROPY = 3.5
"""Bits for each byte of a run: base64 of 40 bytes has 4.5 and more."""


@cache
def _patterns() -> tuple[Regexp, Regexp, Regexp, Regexp]:
    return compiled(_FIRST), compiled(f"-{_BODY}"), compiled(_LAST), compiled(_RUN)


def find_private_keys(view: View) -> Spans:
    """The spans of the private keys, in bytes, with their first and their last lines."""
    if _KEYWORD not in view.lowered:
        return ()
    first, body, last, run = _patterns()
    spans: list[tuple[int, int]] = []
    data, position = view.data, 0
    effort = _EFFORT + len(data) // _BYTES
    while len(spans) < MAX_SPANS and (head := first.search(data, position)) is not None:
        position = body.match(data, head.end() - 1).end()
        key = run.search(data, head.end(), position)
        if key is not None and entropy(key.group()) > _LEAST_ENTROPY:
            tail = last.match(data, position)
            position = tail.end() if tail else position
            spans.append((head.start(), position))
        elif not effort:
            return [*spans, (head.start(), len(data))]
        else:
            effort -= 1
    return spans
