"""Pages of documentation that are run: their files are written, their commands typed, and what they
print is compared.

A block whose fence says `file=NAME` is a piece of that file. In a `console` block a line with `$ `
is a command and the lines below it are what it prints; `…` stands for whatever differs from run to
run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from conftest import Environment

DOCS = Path(__file__).parents[1] / "docs"
_BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: file=(?P<file>\S+))?\n(?P<text>.*?)^```", re.M | re.S
)


@frozen
class Page:
    """A page, by its name in `docs`."""

    name: str

    @property
    def text(self) -> str:
        return (DOCS / self.name).read_text("utf-8")

    def files(self) -> dict[str, str]:
        """Name -> content of every file, its pieces joined by two blank lines."""
        pieces = defaultdict(list)
        for found in _BLOCK.finditer(self.text):
            if found["file"]:
                pieces[found["file"]].append(found["text"])
        return {name: "\n\n".join(texts) for name, texts in pieces.items()}

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Every console block: what is typed, and the lines that are printed."""
        for found in _BLOCK.finditer(self.text):
            if found["language"] == "console":
                lines = found["text"].splitlines()
                typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
                printed = [line for line in lines if not line.startswith("$ ")]
                yield "\n".join(map(_awaited, typed)), printed

    def idle_blocks(self) -> list[str]:
        """The blocks that are neither a file nor commands."""
        blocks = list(_BLOCK.finditer(self.text))
        assert len(blocks) == self.text.count("\n```") / 2, "a block has a fence of another form"
        return [
            found["text"]
            for found in blocks
            if not found["file"] and found["language"] != "console"
        ]

    def write(self, folder: Path, more: Mapping[str, str]) -> None:
        """Write the page's files, and `more`, into `folder`."""
        for name, text in {**self.files(), **more}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")

    def assert_same_code(self, package: Path, *names: str) -> None:
        """Assert that the files of a package that a command wrote are those of the page, but for a
        docstring that they may open with."""
        files = self.files()
        for name in names:
            assert _code_of((package / name).read_text("utf-8")) == _code_of(files[name])

    def run(self, environment: Environment, folder: Path) -> None:
        """Type every command of the page; `AssertionError` where it prints something else."""
        for typed, printed in self.commands():
            ran = environment.run("bash", "-c", f"set -u\nexec 2>&1\n{typed}", cwd=folder)
            expected = [re.escape(line).replace("…", ".+") for line in printed]
            lines = ran.stdout.splitlines()
            is_same = len(lines) == len(expected) and all(map(re.fullmatch, expected, lines))
            assert is_same, f"{typed}\n{ran.stdout}"


def _awaited(command: str) -> str:
    """A script is faster than a reader: what goes to the background is waited for."""
    if not command.endswith(" &"):
        return command
    output = command.removesuffix(" &").partition("> ")[2]
    return f"{command}\nuntil [ -s {output} ]; do sleep 0.1; done; sleep 0.3"


def _code_of(text: str) -> str:
    """A module without the docstring that it opens with."""
    return text.partition('"""\n\n')[2] if text.startswith('"""') else text
