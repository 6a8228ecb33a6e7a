"""Mutation testing: small mistakes are made in the code, one at a time, and tests have to see them.

`mutation.py FOLDER [GROUP …]` works on FOLDER/tree, a copy of the project that the environment has
installed as editable. cosmic-ray's operators make the mutants; types stay as they are. SAMPLE of
them are drawn from each group, from as many places as there are: in the order of a hash of what is
changed, so that a change elsewhere leaves the sample as it is. Another SEED draws another one.

A mutant meets the group's own tests, and where it survives these, the wider ones. Each run is a
fork of this process, which has imported what the tests need and is not ours. One that hangs or
takes much longer than the unchanged code is ended, and the mutant counts as killed. FOLDER/killed
has the mutants that were killed already: a run that was ended goes on from there. What a change of
code or tests let live since then is found by a run with an empty FOLDER alone.

`survivors.txt` beside this file has every survivor with the reason why it may live. A group fails
with a survivor that is not listed or with more than a tenth of survivors, listed or not.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import click
import pytest
from attrs import field, frozen
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

SEED = os.environ.get("MUTATION_SEED", "1")
SAMPLE = 60
REQUIRED = 0.9
SURVIVORS = Path(__file__).with_name("survivors.txt")
OPTIONS = "-x -q -p no:xdist -p no:cacheprovider -o faulthandler_timeout=30"
"""A test that hangs ends its process."""
IMPORTED = "asyncio attrs cattrs click httptools orjson rich ssl uvicorn"


@frozen
class Group:
    """Files that are mutated, quick tests of them, and further tests, the thorough ones too."""

    files: str
    tests: str
    wider: str


CORE, PLUGIN = "axonflow_core", "plugins/axonflow-bedrock/axonflow_bedrock"
BEDROCK = "plugins/axonflow-bedrock/tests"
GROUPS = {
    "http": Group(
        f"{CORE}/http/**/*.py",
        "tests/http_client tests/test_asgi.py tests/test_transport.py tests/test_local_server.py",
        "tests/http_client/test_blocking_same.py tests/http_client/test_response_parser.py"
        f" tests/test_blocking_calls.py tests/test_retries.py {BEDROCK}/wire/test_endpoint.py",
    ),
    "calls": Group(
        f"{CORE}/calls/*.py",
        "tests/test_calls.py tests/test_retries.py tests/test_unary.py tests/test_forwarding.py"
        " tests/test_streamed_answers.py tests/test_client_bodies.py tests/test_hosted.py"
        f" {BEDROCK}/calls/test_unary_calls.py",
        f"tests/test_stream_limits.py tests/test_provider_laws.py {BEDROCK}/calls/test_opening.py",
    ),
    "signing": Group(
        f"{PLUGIN}/aws/signing.py",
        f"{BEDROCK}/aws/test_signing.py",
        f"{BEDROCK}/aws/test_clock.py {BEDROCK}/wire/test_endpoint.py"
        f" {BEDROCK}/calls/test_provider.py",
    ),
    "eventstream": Group(
        f"{PLUGIN}/wire/eventstream.py",
        f"{BEDROCK}/wire/test_eventstream.py",
        f"{BEDROCK}/wire/test_envelope.py {BEDROCK}/wire/test_pass_through.py",
    ),
    "stream": Group(
        f"{CORE}/stream.py",
        "tests/test_stream.py tests/test_stream_limits.py tests/test_streamed_answers.py"
        " tests/test_texts.py",
        "tests/test_blocking_calls.py tests/test_calls.py tests/test_openai_chat.py"
        " tests/test_asking.py tests/test_values.py",
    ),
    "fitting": Group(
        f"{CORE}/fitting/*.py",
        "tests/test_fitting.py tests/test_options.py tests/test_output_types.py"
        " tests/test_output_answers.py tests/test_answers_for_clients.py"
        " tests/test_foreign_options.py tests/test_reasoning_requests.py"
        " tests/test_members_of_other_dialects.py",
        f"{BEDROCK}/calls/test_fitted_calls.py tests/together/test_crossing.py",
    ),
}


@frozen
class Mutant:
    """One file with one mistake. Its `str` is what the list of survivors knows it by."""

    path: str
    operator: str
    line: str
    mutated_line: str
    source: str = field(eq=False)

    def __str__(self) -> str:
        return f"{self.path} {self.operator}\n- {self.line}\n+ {self.mutated_line}".rstrip()


# ── mutants ───────────────────────────────────────────────────────────────────────────────────────

Place: TypeAlias = tuple[str, str, int]  # a file, the text of a line, a column


@frozen
class Candidate:
    """A place where an operator applies; its file is not written yet."""

    place: Place
    operator: str
    occurrence: int
    line: int

    @property
    def rank(self) -> str:
        return hashlib.sha256(f"{SEED} {self.operator} {self.place}".encode()).hexdigest()


def sample_of(tree: Path, group: Group) -> list[Mutant]:
    """The mutants of a group that are run: the same for a seed, from as many places as can be."""
    found = [each for path in sorted(tree.glob(group.files)) for each in candidates_in(tree, path)]
    tried, ranked = Counter[Place](), []
    for candidate in sorted(found, key=lambda candidate: candidate.rank):
        ranked.append((tried[candidate.place], candidate.rank, candidate))
        tried[candidate.place] += 1
    ranked.sort(key=lambda row: row[:2])
    mutants = dict[Mutant, None]()
    for *_, candidate in ranked:
        if len(mutants) < SAMPLE and (mutant := mutant_of(tree, candidate)):
            mutants[mutant] = None
    return list(mutants)


def candidates_in(tree: Path, path: Path) -> Iterator[Candidate]:
    """Every place of a file where a mistake can be made that runs; types are left out."""
    source, name = path.read_text(), str(path.relative_to(tree))
    lines, nodes, types = source.splitlines(), list(ast_nodes(get_ast(source))), types_in(source)
    for operator in operator_names():
        kind = get_operator(operator)
        if kind.arguments():
            continue
        positions = (at for node in nodes for at in kind().mutation_positions(node))
        for occurrence, (begin, _) in enumerate(positions):
            line, column = begin
            if not any(first <= begin < last for first, last in types):
                place = (name, lines[line - 1].strip(), column)
                yield Candidate(place, operator, occurrence, line)


def types_in(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations and type aliases are."""
    found = list[Any]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
            found.append(node)
        found += [getattr(node, "annotation", None), getattr(node, "returns", None)]
    return [((at.lineno, at.col_offset), (at.end_lineno, at.end_col_offset)) for at in found if at]


def mutant_of(tree: Path, candidate: Candidate) -> Mutant | None:
    """None for what Python refuses or doubts."""
    path, text, _ = candidate.place
    operator = get_operator(candidate.operator)()
    source = mutate_code((tree / path).read_text(), operator, candidate.occurrence)
    try:
        with warnings.catch_warnings(action="error"):
            compile(source, path, "exec")
    except (SyntaxError, SyntaxWarning):
        return None
    mutated = source.splitlines()[candidate.line - 1].strip()
    return Mutant(path, candidate.operator.removeprefix("core/"), text, mutated, source)


# ── tests ─────────────────────────────────────────────────────────────────────────────────────────


def passes(tree: Path, tests: Sequence[str], limit_s: float | None = None) -> bool:
    """Whether the tests pass, in a process of their own. With a limit they are a mutant's, whose
    bytecode is not kept."""
    arguments = (tree, tests, limit_s is None)
    process = multiprocessing.get_context("fork").Process(target=run_tests, args=arguments)
    process.start()
    process.join(limit_s)
    if process.is_alive() and process.pid:
        os.killpg(process.pid, signal.SIGKILL)
        process.join()
    if process.exitcode == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise click.ClickException(f"there are no tests: {' '.join(tests)}")
    return process.exitcode == pytest.ExitCode.OK


def run_tests(tree: Path, tests: Sequence[str], keeps_bytecode: bool) -> None:
    """The child's part of `passes`: leaves with the exit code of pytest."""
    os.setsid()
    os.chdir(tree)
    if not keeps_bytecode:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = os.environ["AXONFLOW_MUTANT"] = "1"
    log = os.open(tree.with_name("log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os._exit(pytest.main([*OPTIONS.split(), *tests]))


class Judge:
    """Runs the tests of a group with a mutant in place of the file."""

    def __init__(self, tree: Path, group: Group) -> None:
        self._tree = tree
        self._stages = []
        for tests in (group.tests.split(), ["-m", "not exhaustive", *group.wider.split()]):
            begin = time.monotonic()
            if not passes(tree, tests):
                log = tree.with_name("log").read_text()
                raise click.ClickException(f"these fail without a mutant: {' '.join(tests)}\n{log}")
            self._stages.append((tests, 10 + 4 * (time.monotonic() - begin)))

    def kills(self, mutant: Mutant) -> bool:
        path = self._tree / mutant.path
        original, times = path.read_text(), path.stat()
        try:
            path.write_text(mutant.source)
            return not all(passes(self._tree, *stage) for stage in self._stages)
        finally:
            path.write_text(original)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


# ── the report ────────────────────────────────────────────────────────────────────────────────────


def listed_survivors() -> set[str]:
    """Blocks of three lines that are a mutant's `str`, and the reason in the lines below."""
    text = "\n".join(line for line in SURVIVORS.read_text().splitlines() if line[:1] != "#")
    blocks = [block.strip().splitlines() for block in text.split("\n\n") if block.strip()]
    if bad := [block for block in blocks if len(block) < 4]:
        raise click.ClickException(f"no reason in {SURVIVORS.name}: {bad[0]}")
    return {"\n".join(block[:3]) for block in blocks}


def survivors_of(folder: Path, name: str, sample: Sequence[Mutant]) -> list[Mutant]:
    """The mutants that no test sees. What was killed is kept in `folder`, and not run again."""
    record, survivors, judge = folder / "killed", [], None
    killed = set(record.read_text().split("\n\n")) if record.exists() else set[str]()
    for mutant in sample:
        if str(mutant) in killed:
            continue
        judge = judge or Judge(folder / "tree", GROUPS[name])
        begin = time.monotonic()
        if judge.kills(mutant):
            with record.open("a") as lines:
                lines.write(f"{mutant}\n\n")
        else:
            survivors.append(mutant)
        verdict = "survived" if mutant in survivors else "killed"
        click.echo(f"{verdict} {time.monotonic() - begin:.1f} s: {mutant}")
    return survivors


def main(folder: Path, names: Sequence[str]) -> None:
    """Run the groups and print their table; fail below the bar or for an unlisted survivor."""
    for module in IMPORTED.split():
        importlib.import_module(module)
    listed, failed, table = listed_survivors(), False, []
    for name in names:
        sample = sample_of(folder / "tree", GROUPS[name])
        survivors = survivors_of(folder, name, sample)
        unlisted = [mutant for mutant in survivors if str(mutant) not in listed]
        killed, count = len(sample) - len(survivors), len(sample)
        table.append(
            f"{name:12} {count:7} {killed:7} {len(survivors):9} {len(unlisted):9}"
            f" {killed / count:8.1%}"
        )
        click.echo(table[-1])
        failed |= bool(unlisted) or killed < REQUIRED * count
        for mutant in unlisted:
            click.echo(f"\nneither killed nor listed:\n{mutant}")
    click.echo("\ngroup        mutants  killed  survived  unlisted   killed")
    click.echo("\n".join(table))
    if failed:
        raise click.ClickException(
            f"each group needs {REQUIRED:.0%} killed, and each survivor a reason in {SURVIVORS}"
        )


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).resolve(), sys.argv[2:] or list(GROUPS))
    except click.ClickException as error:
        error.show()
        sys.exit(1)
