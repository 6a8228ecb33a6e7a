"""`docs/writing-a-codec.md` is run: its files are written, its commands typed, and what they print
is compared.

A block whose fence says `file=NAME` is a piece of that file. In a `console` block a line with `$ `
is a command and the lines below it are what it prints; `…` stands for whatever differs from run to
run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Environment

pytestmark = pytest.mark.thorough  # environments of their own, pip and processes

PAGE = (Path(__file__).parents[2] / "docs" / "writing-a-codec.md").read_text("utf-8")
BLOCK = re.compile(r"^```(?P<language>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```", re.M | re.S)
CODEC = "axonflow_bedrock_parrot/__init__.py"


def pages_files() -> dict[str, str]:
    pieces = defaultdict(list)
    for found in BLOCK.finditer(PAGE):
        if found["file"]:
            pieces[found["file"]].append(found["text"])
    return {name: "\n\n".join(texts) for name, texts in pieces.items()}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every console block: what is typed, and the lines that are printed."""
    for found in BLOCK.finditer(PAGE):
        if found["language"] == "console":
            lines = found["text"].splitlines()
            typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
            yield (
                "\n".join(map(awaited, typed)),
                [line for line in lines if not line.startswith("$ ")],
            )


def awaited(command: str) -> str:
    """A script is faster than a reader: what goes to the background is waited for."""
    if not command.endswith(" &"):
        return command
    output = command.removesuffix(" &").partition("> ")[2]
    return f"{command}\nuntil grep -qs ENDPOINT {output}; do sleep 0.1; done; sleep 0.3"


@pytest.fixture(scope="module")
def reader(
    environment_in: Callable[[Path], Environment],
    few_examples: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Environment, Path]:
    """Somebody who has written the page's files, and is less patient than most."""
    folder = tmp_path_factory.mktemp("parrot")
    for name, text in {**pages_files(), "conftest.py": few_examples}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return environment_in(tmp_path_factory.mktemp("environment")), folder


def test_every_block_is_a_file_or_a_command() -> None:
    blocks = list(BLOCK.finditer(PAGE))

    assert len(blocks) == PAGE.count("\n```") / 2
    assert [
        found["language"]
        for found in blocks
        if not found["file"] and found["language"] != "console"
    ] == []


def test_the_commands_print_what_the_page_says(reader: tuple[Environment, Path]) -> None:
    environment, folder = reader

    for typed, printed in commands():
        ran = environment.run("bash", "-c", f"set -u\nexec 2>&1\n{typed}", cwd=folder)
        told = [re.escape(line).replace("…", ".+") for line in printed]
        lines = ran.stdout.splitlines()
        assert len(lines) == len(told) and all(map(re.fullmatch, told, lines)), (
            f"{typed}\n{ran.stdout}"
        )


def test_the_family_is_built_in_fewer_than_eighty_lines() -> None:
    lines = [
        line
        for line in pages_files()[CODEC].splitlines()
        if line.strip() and not line.startswith("#")
    ]

    assert 40 < len(lines) < 80


def test_the_command_writes_the_same_codec(
    reader: tuple[Environment, Path], tmp_path: Path
) -> None:
    environment, folder = reader
    environment.run("pip", "uninstall", "-q", "-y", "axonflow-bedrock-parrot", cwd=folder)

    written = environment.run("axonflow", "plugins", "new", "codec", "parrot", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    package = tmp_path / "axonflow-bedrock-parrot"
    for name in (CODEC, "tests/test_parrot.py"):
        text = (package / name).read_text()
        code = text.partition('"""\n\n')[2] if text.startswith('"""') else text
        assert code == (folder / name).read_text()
