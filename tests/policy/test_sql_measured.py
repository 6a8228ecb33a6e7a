"""How much of public lists of SQL injections is found, alone and in prose, and how little of what
nobody meant as one. The lists have noise ("asc", "%28", a lone quote): all of them is out of reach.

Each test prints its share with Wilson's interval at 95 %; `pytest -m thorough -s` shows them.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest
from costs import is_within

from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors import sql
from axonflow_core.policy.detectors.commands import COMMANDS
from axonflow_core.policy.detectors.kinds import finder_of
from axonflow_core.policy.detectors.sql.dangers import DANGERS
from axonflow_core.policy.detectors.sql.injections import INJECTIONS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Mode, Phase
from axonflow_core.policy.scoring import Share
from axonflow_core.policy.views import View, views_of

from .sql_answers import sql_answers

QUICK = 20
"""The quick run takes each such line."""
ATTACKS = "sqli-payloadbox.jsonl"
PROMPTS = ("benign-self-instruct-prompts.jsonl", "benign-gsm8k-questions.jsonl")


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.build(PoliciesConfig())


def corpus(name: str) -> Sequence[str]:
    """The texts of a corpus in the folder that AXONFLOW_CORPORA names."""
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("detectors are measured where AXONFLOW_CORPORA names a folder of corpora")
    with (Path(folder) / name).open() as lines:
        return [str(json.loads(line)["text"]) for line in lines]


def share(name: str, texts: Iterable[str], is_one: Callable[[str], bool]) -> Share:
    """How many of the texts are one."""
    every = [is_one(text) for text in texts]
    counted = Share(sum(every), len(every))
    low, high = counted.interval
    sys.stdout.write(f"\n{name}: {counted.part} of {counted.whole} [{low:.4f}, {high:.4f}]\n")
    return counted


def ratio(counted: Share) -> float:
    return counted.part / counted.whole


def is_stopped(policy: Policy, mode: Mode) -> Callable[[str], bool]:
    phase = Phase.ANSWER if mode is Mode.ANSWER else Phase.REQUEST
    return lambda text: policy.evaluate(phase, {"text": text}, {"text": mode}).is_stopped


def is_injection(policy: Policy, mode: Mode) -> Callable[[str], bool]:
    phase = Phase.ANSWER if mode is Mode.ANSWER else Phase.REQUEST
    types = {"sql_injection", "dangerous_statement"}
    return lambda text: (
        not types.isdisjoint(policy.evaluate(phase, {"text": text}, {"text": mode}).rules)
    )


def embedded(attacks: Sequence[str], number: int) -> Iterable[str]:
    """Attacks within prompts that people wrote, between two words."""
    random, prompts = Random(7), [text for name in PROMPTS for text in corpus(name)]
    for _ in range(number):
        words = random.choice(prompts).split(" ")
        words.insert(random.randrange(len(words) + 1), random.choice(attacks))
        yield " ".join(words)


@pytest.mark.parametrize(("mode", "least"), [(Mode.PROMPT, 0.93), (Mode.PARAMETER, 0.94)])
def test_some_of_a_list_of_attacks_is_found(policy: Policy, mode: Mode, least: float) -> None:
    attacks = corpus(ATTACKS)[::QUICK]
    assert ratio(share(f"{mode}, some", attacks, is_injection(policy, mode))) >= least - 0.05


@pytest.mark.thorough
@pytest.mark.parametrize(("mode", "least"), [(Mode.PROMPT, 0.93), (Mode.PARAMETER, 0.95)])
def test_a_list_of_attacks_is_found(policy: Policy, mode: Mode, least: float) -> None:
    assert ratio(share(str(mode), corpus(ATTACKS), is_injection(policy, mode))) >= least


@pytest.mark.thorough
def test_attacks_are_found_within_prose(policy: Policy) -> None:
    """Of those that are found alone; the others are noise there, too."""
    is_found = is_injection(policy, Mode.PROMPT)
    every = corpus(ATTACKS)
    alone = [attack for attack in every if is_found(attack)]
    assert ratio(share("all, in prose", embedded(every, 3_000), is_found)) >= 0.90
    assert ratio(share("found alone, in prose", embedded(alone, 3_000), is_found)) >= 0.95


@pytest.mark.thorough
def test_fragments_are_found_by_what_is_looked_for_in_short_texts_alone() -> None:
    """The control: without it, recall is lower."""
    finders = {"without": finder_of(INJECTIONS), "with": finder_of(sql.PROMPTS)}
    found = {
        name: share(
            f"{name} fragments",
            corpus(ATTACKS),
            lambda text, find=find: any(map(find, views_of(text))),  # type: ignore[misc]
        )
        for name, find in finders.items()
    }
    assert ratio(found["without"]) < ratio(found["with"]) - 0.02


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "mode", "most"),
    [
        ("benign-gsm8k-questions.jsonl", Mode.PROMPT, 0),
        ("benign-self-instruct-prompts.jsonl", Mode.PROMPT, 0),
        ("benign-humaneval-code-prompts.jsonl", Mode.PROMPT, 0),
        ("benign-sql-eval-nl-questions.jsonl", Mode.PROMPT, 0),
        ("benign-gsm8k-questions.jsonl", Mode.PARAMETER, 0),
        ("benign-humaneval-code-prompts.jsonl", Mode.PARAMETER, 0),
        ("answers-gsm8k.jsonl", Mode.ANSWER, 0),
        ("benign-sql-eval-legit-sql.jsonl", Mode.SQL, 0.01),
        ("benign-sql-eval-legit-sql.jsonl", Mode.PROMPT, 0.01),
        ("benign-sql-eval-legit-sql.jsonl", Mode.PARAMETER, 0.01),
        ("benign-sql-eval-nl-questions.jsonl", Mode.SQL, 0),
    ],
)
def test_hardly_anything_benign_is_an_attack(
    policy: Policy, name: str, mode: Mode, most: float
) -> None:
    assert ratio(share(f"{mode}, {name}", corpus(name), is_injection(policy, mode))) <= most


@pytest.mark.thorough
def test_statements_that_somebody_wrote_are_not_stopped(policy: Policy) -> None:
    """By any detector."""
    statements = corpus("benign-sql-eval-legit-sql.jsonl")
    assert ratio(share("stopped", statements, is_stopped(policy, Mode.SQL))) <= 0.01


@pytest.mark.thorough
def test_a_statement_that_an_attack_was_put_into_is_an_injection(policy: Policy) -> None:
    """The control of the tests of statements: where a number stood, and the rest is a comment."""
    attacks = [text for text in corpus(ATTACKS) if text.startswith((" UNION", " OR 1"))]
    queries = [f"SELECT id, title FROM news WHERE id = 1{attack}" for attack in attacks]
    assert ratio(share("in a query", queries, is_injection(policy, Mode.SQL))) >= 0.9


FLOODS = (
    *(
        "' or a=b ",
        "'x' or a=b ",
        "/*a*/",
        "/*",
        "*/",
        "a/**/b ",
        "#\n select ",
        "union (select a ",
    ),
    *("update a set b = ", "update a set b = c where ", "delete from a where ", "drop table the "),
    *("rm -f / ", "curl a | b ", "what is rm -rf / ", "1; waitfor delay '0:0:5' ", " ", "(", "'"),
)
MEGABYTE = 1_000_000


@pytest.mark.exhaustive
@pytest.mark.parametrize("flood", FLOODS)
def test_a_hostile_megabyte_takes_no_kind_long(flood: str) -> None:
    """Alone on a machine 50 ms, most of them a few."""
    view = View((flood * (MEGABYTE // len(flood) + 1))[:MEGABYTE].encode())
    for kind in (*sql.PARAMETERS, *DANGERS, *COMMANDS):
        find = finder_of([kind])
        find(View(b"warm up"))
        assert is_within(partial(find, view), 80_000), kind.pattern


def test_answers_about_databases_are_left_alone(policy: Policy) -> None:
    answers = list(dict.fromkeys(sql_answers()))
    assert len(answers) >= 200
    assert share("answers", answers, is_stopped(policy, Mode.ANSWER)).part == 0
