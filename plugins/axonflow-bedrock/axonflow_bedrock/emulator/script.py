"""The emulator's script: rules for calls, and limits of the account. Read from YAML or JSON.

    rules:
      - when: weather              a regular expression, searched in the user's last text;
                                   without it the rule matches every call
        calls:                     the tools that the model calls, all at once
          - {name: weather, input: {city: Oslo}}
      - result: rain               a regular expression, searched in the results of tools that the
                                   last turn brings
        answer: Take an umbrella.  the model's answer
      - when: too much
        error: {code: ThrottlingException, message: "Too many requests, please wait."}
      - when: cut
        fault: truncate            damage to a good answer on the wire; see `faults`
        at_byte: 100
        times: 1                   the rule matches so many calls, then no more

The first rule that matches decides. A call that no rule matches is answered as without a script. A
script may also be a function of the request: what it returns is a rule, its members, or the text of
an answer; None leaves the call to the model.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from attrs import Attribute, asdict, field, validators

from axonflow_core.config.document import read_document
from axonflow_core.config.faults import FaultyConfig, Place
from axonflow_core.config.json_document import read_json_document
from axonflow_core.config.nodes import YAML_KEY, Node, section_of
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import structure
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import CompletionRequest, Json, Role, StopReason, Usage, joined_text

from ..errors.table import MODELLED_STATUSES
from ..wire.endpoint import ServiceException
from .call_log import note_rule
from .faults import FaultKind, WireFault, inject_fault
from .turns import results_of_turn

_LOG = logging.getLogger(__name__)


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
class ScriptedCall:
    """A call of a tool that the model makes."""

    name: str
    input: Mapping[str, Json] | None = None
    """The arguments; None: an example of the tool's schema."""


def _calls(value: Json) -> tuple[ScriptedCall, ...]:
    """One call, or several; a tool's name alone is a call of it."""
    if value is None:
        return ()
    return tuple(map(_call, value if isinstance(value, list | tuple) else [value]))


def _call(value: Json) -> ScriptedCall:
    match value:
        case ScriptedCall():
            return value
        case str():
            return ScriptedCall(name=value)
        case {"name": str(name), "input": dict(arguments)} if len(value) == 2:
            return ScriptedCall(name=name, input=arguments)
        case {"name": str(name)} if len(value) == 1:
            return ScriptedCall(name=name)
    raise ValueError("a call is the name of a tool, or `name` and `input`")


@frozen(kw_only=True)
class ScriptedUsage:
    """The tokens that an answer says it used; None: those of the emulator."""

    input_tokens: int | None = field(default=None, validator=_NOT_NEGATIVE)
    output_tokens: int | None = field(default=None, validator=_NOT_NEGATIVE)
    cache_read_tokens: int | None = field(default=None, validator=_NOT_NEGATIVE)
    cache_write_tokens: int | None = field(default=None, validator=_NOT_NEGATIVE)


@frozen(kw_only=True)
class Rule:
    """What happens to the calls that match the rule."""

    when: str = field(default="", validator=_is_pattern)
    """A regular expression, searched in the user's last text; empty: every call matches."""
    times: int | None = field(default=None, validator=_POSITIVE)
    """The rule matches so many calls, then no more; None: always."""
    result: str = field(default="", validator=_is_pattern)
    """A regular expression, searched in each result of a tool that the last turn brings; empty:
    results do not matter."""
    answer: str | None = None
    """The text of the answer."""
    calls: Json = field(default=None, converter=_calls)
    """The tools that the model calls at once, where the request offers them and does not bring
    results of tools. A name alone is one call."""
    reasoning: str | None = None
    """What the model thinks before it answers."""
    stop_reason: StopReason | None = None
    """Why the answer ends, whatever its text says."""
    usage: ScriptedUsage | None = None
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
        if self.error is not None and (self.fault or self.calls or self.answer is not None):
            raise ValueError("a rule with an `error` has no `answer`, no `calls` and no `fault`")
        if self.at_byte is not None and self.fault is None:
            raise ValueError("`at_byte` needs a `fault`, and the rule has none")

    def matches(self, heard: Heard) -> bool:
        """Whether both patterns occur in what was heard."""
        is_said = re.search(self.when, heard.text) is not None
        is_told = any(re.search(self.result, result) for result in heard.results)
        return is_said and (not self.result or is_told)

    def used(self, usage: Usage) -> Usage:
        """`usage` with the counts that the rule has."""
        scripted = {} if self.usage is None else asdict(self.usage)
        return evolve(usage, **{name: n for name, n in scripted.items() if n is not None})

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


Decision: TypeAlias = "Rule | Mapping[str, Json] | str | None"
"""What a function decides on a call: a rule, its members, the text of the answer; None: nothing."""
Deciding: TypeAlias = Callable[[CompletionRequest], Decision]


@frozen(kw_only=True)
class Script:
    """A parsed script."""

    rules: tuple[Rule, ...] = ()
    account: Account = Account()
    decide: Deciding | None = field(default=None, metadata={YAML_KEY: None})
    """A function that is asked before the rules are."""


ScriptSource: TypeAlias = (
    Script | Path | str | Deciding | Mapping[str, Json] | Iterable[Mapping[str, Json]] | None
)
"""A script, a file of one, a function, its sections or only its rules as values, or none."""


def load_script(source: ScriptSource) -> Script:
    """The script in `source`. Raises `FaultyConfig` with every fault, with line and column for a
    file. A file whose name ends in `.json` is read as JSON.
    """
    match source:
        case None:
            return Script()
        case Script():
            return source
        case Path() | str():
            return _in_file(Path(source))
        case Mapping():
            return _structured(section_of(source, Place("script")))
    if callable(source):
        return Script(decide=source)
    return _structured(section_of({"rules": list(source)}, Place("script")))


def _in_file(file: Path) -> Script:
    """The script in a file, whose faults show the line that they are in."""
    is_json = file.suffix.lower() == ".json"
    document = read_json_document(file) if is_json else read_document(file, {})
    faults = document.faults
    try:
        script = _structured(document.root)
    except FaultyConfig as faulty:
        faults = (*faults, *faulty.faults)
    if faults:
        raise FaultyConfig(with_snippets(faults, document.text))
    return script


def _structured(node: Node) -> Script:
    return structure(node, Script, key="script")


@frozen
class Heard:
    """What of a request the rules look at."""

    text: str
    """The user's last text."""
    results: tuple[str, ...] = ()
    """The results of tools that the last turn brings, in whatever messages of it they are."""
    request: CompletionRequest | None = None


def heard_in(request: CompletionRequest) -> Heard:
    """What the rules look at in a conversation."""
    texts = (message.text for message in reversed(request.messages) if message.role is Role.USER)
    results = tuple(joined_text(block.content) for block in results_of_turn(request))
    return Heard(next(filter(None, texts), ""), results, request)


class Rules:
    """The rules of a script, with the number of matches that each has left."""

    def __init__(self, script: Script) -> None:
        self._decide = script.decide
        self._left = [(rule, rule.times) for rule in script.rules]

    def take(self, heard: Heard) -> Rule:
        """The first rule that matches, which counts as a match of it; an empty rule where none
        does."""
        rule = self._decided(heard) or self._ruled(heard)
        if rule is None:
            return _NO_RULE
        note_rule(rule)
        return rule

    def _decided(self, heard: Heard) -> Rule | None:
        if self._decide is None or heard.request is None:
            return None
        try:
            return _rule_of(self._decide(heard.request))
        except Exception as error:
            _LOG.exception("the function of the script failed")
            raise _failed(error) from error

    def _ruled(self, heard: Heard) -> Rule | None:
        for number, (rule, left) in enumerate(self._left):
            # None means without limit; 0 is used up.
            if left != 0 and rule.matches(heard):
                self._left[number] = (rule, left and left - 1)
                return rule
        return None


_NO_RULE = Rule()


def _rule_of(decision: Any) -> Rule | None:
    """The rule that a function's answer stands for. `TypeError` for one that stands for none."""
    match decision:
        case Rule() | None:
            return decision
        case str():
            return Rule(answer=decision)
        case Mapping():
            return structure(section_of(decision, Place("script")), Rule, key="rule")
    wanted = "a text, the members of a rule, or None"
    raise TypeError(f"it returned {type(decision).__name__}, where {wanted} is due")


def _failed(error: Exception) -> ServiceException:
    """What a call gets whose function failed: a refusal, which no client repeats, with the
    reason."""
    reason = f"{type(error).__name__}: {error}"
    return ServiceException(
        "ValidationException", f"The function of the emulator's script failed: {reason}"
    )


async def apply_rule(rule: Rule) -> None:
    """Apply `rule` to a call that is answered whole: wait, raise its error, or inject its fault."""
    await asyncio.sleep(rule.delay_s)
    if rule.error is not None:
        raise rule.error.exception()
    if rule.wire_fault is not None:
        inject_fault(rule.wire_fault)
