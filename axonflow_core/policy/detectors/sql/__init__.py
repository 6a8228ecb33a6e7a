"""SQL that attacks or destroys.

What is looked for, by the kind of a text:

    prompts       attacks within prose, and fragments where nothing else stands
    parameters    these, and fragments that nobody means as a value
    answers       attacks within prose, but not in code, which an answer explains
    statements    what is wrong with them, as a parser reads them
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors.code import outside_code
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.kinds import Kind, finder_of, hint_of
from axonflow_core.policy.detectors.sql import statements
from axonflow_core.policy.detectors.sql.dangers import DANGERS
from axonflow_core.policy.detectors.sql.fragments import ENCODED, FRAGMENTS, VALUES
from axonflow_core.policy.detectors.sql.injections import INJECTIONS
from axonflow_core.policy.rules import Action, Mode, Severity
from axonflow_core.policy.searches import Find

PROMPTS = (*INJECTIONS, ENCODED, *FRAGMENTS)
PARAMETERS = (*PROMPTS, *VALUES)


def _injection(mode: Mode, hint: str, find: Find) -> Detector:
    return Detector(
        type="sql_injection",
        category="sqli",
        action=Action.BLOCK,
        severity=Severity.CRITICAL,
        description="The text looks like an SQL injection.",
        modes=(mode,),
        hint=hint,
        find=find,
    )


def _danger(mode: Mode, hint: str, find: Find) -> Detector:
    return Detector(
        type="dangerous_statement",
        category="dangerous_queries",
        action=Action.BLOCK,
        severity=Severity.HIGH,
        description="The text holds a dangerous SQL statement: it destroys data or gives rights.",
        modes=(mode,),
        hint=hint,
        find=find,
    )


def _parsed(
    detector: Callable[[Mode, str, Find], Detector],
    kinds: Sequence[Kind],
    is_wrong: statements.Wrong,
) -> Detector:
    """A detector for statements. `kinds` are looked for in what does not parse."""
    hint = f"{hint_of(kinds)}|{statements.VERBS}"
    made = detector(Mode.SQL, hint, statements.finder_of(is_wrong, finder_of(kinds)))
    return evolve(made, load=statements.load)


_in_dangers = finder_of(DANGERS)
DETECTORS: tuple[Detector, ...] = (
    _injection(Mode.PROMPT, hint_of(PROMPTS), finder_of(PROMPTS)),
    _injection(Mode.PARAMETER, hint_of(PARAMETERS), finder_of(PARAMETERS)),
    _injection(Mode.ANSWER, hint_of(INJECTIONS), outside_code(finder_of(INJECTIONS))),
    _parsed(_injection, PROMPTS, statements.is_injection),
    _danger(Mode.PROMPT, hint_of(DANGERS), _in_dangers),
    _danger(Mode.PARAMETER, hint_of(DANGERS), _in_dangers),
    _danger(Mode.ANSWER, hint_of(DANGERS), outside_code(_in_dangers)),
    _parsed(_danger, DANGERS, statements.is_danger),
)
