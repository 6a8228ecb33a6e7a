"""The emulator's script: rules for calls, and limits of the account. Read from YAML or JSON.

    rules:
      - when: weather              a regular expression, searched in the user's last text;
                                   without it the rule matches every call
        answer: It rains.          the model's answer
      - when: too much
        error: {code: ThrottlingException, message: "Too many requests, please wait."}
      - when: cut
        fault: truncate            damage to a good answer on the wire; see `faults`
        at_byte: 100
        times: 1                   the rule matches so many calls, then no more

The first rule that matches decides. A call that no rule matches is answered as without a script.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from attrs import Attribute, field, validators

from axonflow_core.config.document import read_document
from axonflow_core.config.faults import Place
from axonflow_core.config.nodes import Node, section_of
from axonflow_core.config.structuring import structure
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json

from ..errors.table import MODELLED_STATUSES
from ..wire.endpoint import ServiceException
from .faults import FaultKind, WireFault, inject_fault


def _is_pattern(_: object, __: Attribute[Any], value: str) -> None:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None


def _is_date(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None:
        date.fromisoformat(value)


_NOT_NEGATIVE = validators.optional(validators.ge(0))
_POSITIVE = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class AwsError:
    """An exception of AWS that the emulator answers with."""

    code: str
    message: str = ""
    status: int | None = field(
        default=None, validator=validators.optional([validators.ge(201), validators.le(599)])
    )
    """The HTTP status. Required for exceptions that Bedrock's service model does not have; the
    others have a default."""
    after_chunks: int | None = field(default=None, validator=_NOT_NEGATIVE)
    """In a stream: send an exception frame after so many chunks. Otherwise the error is the whole
    answer."""

    def __attrs_post_init__(self) -> None:
        if self.status is None and self.code not in MODELLED_STATUSES:
            raise ValueError(
                f"{self.code} is not in Bedrock's service model, so the error needs a `status`"
            )

    def exception(self) -> ServiceException:
        """The exception to raise."""
        return ServiceException(self.code, self.message, status=self.status)


@frozen(kw_only=True)
class Rule:
    """What happens to the calls that match the rule."""

    when: str = field(default="", validator=_is_pattern)
    """A regular expression, searched in the user's last text; empty: every call matches."""
    times: int | None = field(default=None, validator=_POSITIVE)
    """The rule matches so many calls, then no more; None: always."""
    answer: str | None = None
    """The text of the answer."""
    calls: str | None = None
    """The tool that the model calls, if the request offers it and its last message is no tool
    result."""
    delay_s: float = field(default=0.0, validator=validators.ge(0))
    """Seconds before the answer begins."""
    error: AwsError | None = None
    """Answer with this exception of AWS."""
    fault: FaultKind | None = None
    """Damage the answer on the wire."""
    at_byte: int | None = field(default=None, validator=_NOT_NEGATIVE)
    """Where in the body the fault begins; without it, in the middle."""
    pause_s: float = field(default=0.05, validator=validators.gt(0))
    """`drip`: seconds between two bytes."""

    def __attrs_post_init__(self) -> None:
        if self.error is not None and {self.fault, self.answer, self.calls} != {None}:
            raise ValueError("a rule with an `error` has no `answer`, no `calls` and no `fault`")
        if self.at_byte is not None and self.fault is None:
            raise ValueError("`at_byte` needs a `fault`, and the rule has none")

    @property
    def wire_fault(self) -> WireFault | None:
        """The fault to inject, None where the rule has none."""
        return WireFault(self.fault, self.at_byte, self.pause_s) if self.fault is not None else None


def _is_guardrail_id(_: object, __: Attribute[Any], value: str) -> None:
    if not re.fullmatch("[a-z0-9]+", value):
        raise ValueError("the id of a guardrail has lower-case letters and digits only")


@frozen(kw_only=True)
class AccountGuardrail:
    """A guardrail of the account, which calls name by id and version."""

    id: str = field(validator=_is_guardrail_id)
    version: str = "DRAFT"
    blocks: str | None = field(default=None, validator=validators.optional(_is_pattern))
    """A regular expression: a request that contains it is blocked."""
    blocks_answer: str | None = field(default=None, validator=validators.optional(_is_pattern))
    """A regular expression: an answer that contains it is blocked."""
    masks: str | None = field(default=None, validator=validators.optional(_is_pattern))
    """A regular expression: its matches in an answer are replaced by `mask`."""
    mask: str = "{MASKED}"
    message: str = "Sorry, the model cannot answer this question."
    """The text that replaces a blocked request's or answer's text."""


@frozen(kw_only=True)
class Account:
    """The emulated account: region, access, guardrails and quotas. Quotas that are unset do not
    apply.
    """

    region: str = "us-east-1"
    without_access: tuple[str, ...] = ()
    """Base ids of models that the account has no access to."""
    today: str | None = field(default=None, validator=_is_date)
    """A date, `2026-11-24`: models that have reached their end of life by then are refused. Without
    it none is."""
    guardrails: tuple[AccountGuardrail, ...] = ()
    requests_per_minute: int | None = field(default=None, validator=_NOT_NEGATIVE)
    tokens_per_minute: int | None = field(default=None, validator=_NOT_NEGATIVE)
    tokens_per_day: int | None = field(default=None, validator=_NOT_NEGATIVE)


@frozen(kw_only=True)
class Script:
    """A parsed script."""

    rules: tuple[Rule, ...] = ()
    account: Account = Account()


ScriptSource: TypeAlias = Script | Path | Iterable[Mapping[str, Json]] | None
"""A script, a file of one, its rules as values, or none."""


def load_script(source: ScriptSource) -> Script:
    """The script in `source`. Raises `FaultyConfig` with every fault, with line and column for a
    file.
    """
    match source:
        case None:
            return Script()
        case Script():
            return source
        case Path():
            return _structured(read_document(source, {}).root)
    return _structured(section_of({"rules": list(source)}, Place("script")))


def _structured(node: Node) -> Script:
    return structure(node, Script, key="script")


class Rules:
    """The rules of a script, with the number of matches that each has left."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._left = [(rule, rule.times) for rule in rules]

    def take(self, text: str) -> Rule:
        """The first rule that matches the user's last text, which counts as a match of it; an empty
        rule where none does.
        """
        for number, (rule, left) in enumerate(self._left):
            # None means without limit; 0 is used up.
            if left != 0 and re.search(rule.when, text):
                self._left[number] = (rule, left and left - 1)
                return rule
        return _NO_RULE


_NO_RULE = Rule()


async def apply_rule(rule: Rule) -> None:
    """Apply `rule` to a call that is answered whole: wait, raise its error, or inject its fault."""
    await asyncio.sleep(rule.delay_s)
    if rule.error is not None:
        raise rule.error.exception()
    if rule.wire_fault is not None:
        inject_fault(rule.wire_fault)
