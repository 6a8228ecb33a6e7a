"""What an enforcement point says it can carry out: the header `X-Axonflow-PEP-Handshake`.

    base64url({"profile_version": 1, "pep_id": …, "audience": …,
               "capabilities": [{"type": "field_redact", "version": 1}]})

Whoever declares nothing is told its obligations and trusted to carry them out. Whoever declares
what it can do, and not that it redacts, is denied what would have to be redacted. Source:
`axonflow.pep_handshake` of SDK 9.5.0.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from binascii import Error as InvalidBase64
from collections.abc import Mapping

from axonflow_core.errors import MalformedRequest
from axonflow_core.frozen import evolve
from axonflow_core.modes.decisions import Question
from axonflow_core.server.fields import Fields, read_object

HEADER = "x-axonflow-pep-handshake"
MAX_HEADER = 4_096
"""Characters of the header."""
MAX_CAPABILITIES = 64
REDACTION = ("field_redact", 1)
"""The capability to replace a text, and the version of its schema."""


def redacts(headers: Mapping[str, str]) -> bool:
    """Whether whoever sent these headers can be asked to redact. `MalformedRequest` for a
    declaration that cannot be read: a part of it is not guessed."""
    header = headers.get(HEADER)
    return True if header is None else REDACTION in _capabilities(header)


def as_declared(question: Question, headers: Mapping[str, str]) -> Question:
    """`question`, which is denied where something would have to be redacted that whoever sent
    these headers cannot redact."""
    if redacts(headers):
        return question
    return evolve(question, unalterable=frozenset(question.texts))


def _capabilities(header: str) -> set[tuple[str, int | None]]:
    declared = _document(header)
    if declared.count("profile_version") != 1:
        raise MalformedRequest(f"{HEADER} takes profile_version 1")
    if "capabilities" not in declared:
        raise MalformedRequest(f"{HEADER} has no capabilities")
    capabilities = list(declared.objects("capabilities"))
    if len(capabilities) > MAX_CAPABILITIES:
        raise MalformedRequest(f"{HEADER} takes at most {MAX_CAPABILITIES} capabilities")
    return {(each.text("type"), each.count("version", least=1)) for each in capabilities}


def _document(header: str) -> Fields:
    try:
        if len(header) > MAX_HEADER:
            raise MalformedRequest(f"{HEADER} is longer than {MAX_HEADER:,} characters")
        return read_object(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (InvalidBase64, ValueError):
        raise MalformedRequest(f"{HEADER} is not base64url") from None
