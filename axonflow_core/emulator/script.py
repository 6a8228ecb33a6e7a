"""An emulator's script: rules for calls, and limits of the account. Read from YAML or JSON.

    rules:
      - when: weather              a regular expression, searched in the user's last text;
                                   without it the rule matches every call
        calls:                     the tools that the model calls, all at once
          - {name: weather, input: {city: Oslo}}
      - result: rain               a regular expression, searched in the results of tools that the
                                   last turn brings
        answer: Take an umbrella.  the model's answer
      - when: too much
        error: {code: rate_limit_error, message: "Too many requests, please wait."}
      - when: cut
        fault: truncate            damage to a good answer on the wire; see `faults`
        at_byte: 100
        times: 1                   the rule matches so many calls, then no more

The first rule that matches decides. A call that no rule matches is answered as without a script. A
script may also be a function of the request: what it returns is a rule, its members, or the text of
an answer; None leaves the call to the model.

The keys are the same for every provider. What a provider has of its own is in subclasses of
`Script`, `Rule`, `ScriptedError` and `Account`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar

from attrs import Attribute, asdict, field, validators

from axonflow_core.config.document import read_document
from axonflow_core.config.faults import Fault, FaultyConfig, Place
from axonflow_core.config.json_document import read_json_document
from axonflow_core.config.nodes import YAML_KEY, Node, section_of
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import structure
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.errors import InvalidCall
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import CompletionRequest, Json, Role, StopReason, Usage, joined_text

from .call_log import note_rule
from .faults import FaultKind, WireFault, inject_fault
from .turns import results_of_turn

_LOG = logging.getLogger(__name__)


def is_pattern(_: object, __: Attribute[Any], value: str) -> None:
    """A validator of a field that holds a regular expression."""
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None


_NOT_NEGATIVE = validators.optional(validators.ge(0))
_POSITIVE = validators.optional(validators.gt(0))


@frozen(kw_only=True)
class ScriptedError(VendorError):
    """An error of the vendor that the emulator answers with."""

    status: int | None = field(
        default=None, validator=validators.optional([validators.ge(201), validators.le(599)])
    )
    """The HTTP status. Required for an error that the vendor's table does not have; the others have
    a default."""
    retry_after_s: float | None = field(default=None, validator=_NOT_NEGATIVE)
    after_chunks: int | None = field(default=None, validator=_NOT_NEGATIVE)
    """In a stream: report the error after so many chunks. Otherwise it is the whole answer."""

    def __attrs_post_init__(self) -> None:
        if self.code is None and self.type is None and self.status is None:
            raise ValueError("an `error` needs a `code`, a `type` or a `status`")


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

    when: str = field(default="", validator=is_pattern)
    """A regular expression, searched in the user's last text; empty: every call matches."""
    times: int | None = field(default=None, validator=_POSITIVE)
    """The rule matches so many calls, then no more; None: always."""
    result: str = field(default="", validator=is_pattern)
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
    error: ScriptedError | None = None
    """Answer with this error of the vendor."""
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


@frozen(kw_only=True)
class Account:
    """The emulated account and its quotas for each model. Those that are unset do not apply."""

    requests_per_minute: int | None = field(default=None, validator=_NOT_NEGATIVE)
    tokens_per_minute: int | None = field(default=None, validator=_NOT_NEGATIVE)
    tokens_per_day: int | None = field(default=None, validator=_NOT_NEGATIVE)


Decision: TypeAlias = "Rule | Mapping[str, Json] | str | None"
"""What a function decides on a call: a rule, its members, the text of the answer; None: nothing."""
Deciding: TypeAlias = Callable[[CompletionRequest], Decision]


@frozen(kw_only=True)
class Script:
    """A parsed script."""

    rule_kind: ClassVar[type[Rule]] = Rule
    """The class of its rules."""
    rules: tuple[Rule, ...] = ()
    account: Account = Account()
    decide: Deciding | None = field(default=None, metadata={YAML_KEY: None})
    """A function that is asked before the rules are."""


ScriptSource: TypeAlias = (
    Script | Path | str | Deciding | Mapping[str, Json] | Iterable[Mapping[str, Json]] | None
)
"""A script, a file of one, a function, its sections or only its rules as values, or none."""


S = TypeVar("S", bound=Script)
Check: TypeAlias = Callable[[Any], str | None]
"""A rule's `error` -> what is wrong with it, None for nothing."""


def load_script(source: Any, kind: type[S], check: Check = lambda error: None) -> S:
    """The script in `source`, a `ScriptSource`, as a `kind`. Raises `FaultyConfig` with every
    fault, with line and column for a file. A file whose name ends in `.json` is read as JSON.
    """
    if isinstance(source, Path | str):
        return _in_file(Path(source), kind, check)
    if isinstance(source, Mapping):
        return _structured(section_of(source, Place("script")), kind, check)
    if source is None or isinstance(source, kind):
        return source or kind()
    if callable(source):
        return kind(decide=source)
    return _structured(section_of({"rules": list(source)}, Place("script")), kind, check)


def _in_file(file: Path, kind: type[S], check: Check) -> S:
    """The script in a file, whose faults show the line that they are in."""
    is_json = file.suffix.lower() == ".json"
    document = read_json_document(file) if is_json else read_document(file, {})
    faults = document.faults
    try:
        script = _structured(document.root, kind, check)
    except FaultyConfig as faulty:
        faults = (*faults, *faulty.faults)
    if faults:
        raise FaultyConfig(with_snippets(faults, document.text))
    return script


def _structured(node: Node, kind: type[S], check: Check) -> S:
    script = structure(node, kind, key="script")
    faults = tuple(_faults_of_errors(node, script, check))
    if faults:
        raise FaultyConfig(faults)
    return script


def _faults_of_errors(node: Any, script: Script, check: Check) -> Iterator[Fault]:
    """The faults that `check` finds, at the places of the errors."""
    for number, rule in enumerate(script.rules):
        wrong = None if rule.error is None else check(rule.error)
        if wrong is not None:
            written = node["rules"].items[number]
            yield Fault(written.place_of("error"), f"rules.{number}.error: {wrong}")


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
        self._rule_kind = script.rule_kind
        self._left = [(rule, rule.times) for rule in script.rules]

    def take(self, heard: Heard) -> Rule:
        """The first rule that matches, which counts as a match of it; an empty rule where none
        does."""
        rule = self._decided(heard) or self._ruled(heard)
        if rule is None:
            return self._rule_kind()
        note_rule(rule)
        return rule

    def _decided(self, heard: Heard) -> Rule | None:
        if self._decide is None or heard.request is None:
            return None
        try:
            return _rule_of(self._decide(heard.request), self._rule_kind)
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


def _rule_of(decision: Any, kind: type[Rule]) -> Rule | None:
    """The rule that a function's answer stands for. `TypeError` for one that stands for none."""
    match decision:
        case Rule() | None:
            return decision
        case str():
            return kind(answer=decision)
        case Mapping():
            return structure(section_of(decision, Place("script")), kind, key="rule")
    wanted = "a text, the members of a rule, or None"
    raise TypeError(f"it returned {type(decision).__name__}, where {wanted} is due")


def _failed(error: Exception) -> InvalidCall:
    """What a call gets whose function failed: a refusal, which no client repeats, with the
    reason."""
    reason = f"{type(error).__name__}: {error}"
    return InvalidCall(f"The function of the emulator's script failed: {reason}")


async def apply_rule(rule: Rule, refusal: Callable[[Any], Exception]) -> None:
    """Apply `rule` to a call that is answered whole: wait, raise the refusal that its error is, or
    inject its fault."""
    await asyncio.sleep(rule.delay_s)
    if rule.error is not None:
        raise refusal(rule.error)
    if rule.wire_fault is not None:
        inject_fault(rule.wire_fault)
