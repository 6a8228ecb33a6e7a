"""The Python guide runs: its blocks, in order, as they are typed at a prompt that takes `await`.

What a block prints is compared with the `text` block after it, in which `…` stands for anything.
Whole programs of the page (a bare `python` fence) are run by `test_docs`.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from attrs import frozen

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.serving import serving

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text("utf-8")
MODEL = "us.anthropic.claude-sonnet-4-6"
RULES = [
    {"when": "sky", "answer": "Blue light is scattered more than red light."},
    {"when": "evening", "answer": "The light passes more air, and the blue is scattered away."},
    {"when": "picture", "answer": "A lighthouse at night."},
    {"when": "document", "answer": "Sales grew by a tenth."},
    {"when": "Describe Oslo", "answer": '{"name": "Oslo", "population": 717710}'},
    {"when": "prime", "answer": "No: 91 is 7 times 13."},
    {"when": "busy", "error": {"code": "ThrottlingException", "message": "Too many requests"}},
    {"when": "patience", "delay_s": 5},
]
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA"
    "WjR9awAAAABJRU5ErkJggg=="
)
PDF = b"%PDF-1.4\n%%EOF\n"


@frozen
class Snippet:
    """A block that is typed: its code, the name after `await` in its fence, and the text that the
    page says it prints; None where the page does not say."""

    line: int
    name: str
    code: str
    printed: str | None


def snippets(page: str) -> Iterator[Snippet]:
    fence = re.compile(
        r"^```python await ?(\w*)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S
    )
    for found in fence.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        yield Snippet(line, found[1], found[2], found[3])


SNIPPETS = list(snippets(PAGE))


async def type_in(snippet: Snippet, names: dict[str, Any]) -> str:
    """What the block prints; names that it defines are added to `names`."""
    place = f"python.md, line {snippet.line}"
    awaiting = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled = compile(snippet.code, place, "exec", awaiting, dont_inherit=True)
    with redirect_stdout(StringIO()) as output:
        running = eval(compiled, names)
        if inspect.isawaitable(running):
            await running
    return output.getvalue()


async def type_all(names: dict[str, Any]) -> Mapping[int, str]:
    """The line of each block -> what it prints."""
    try:
        return {snippet.line: await type_in(snippet, names) for snippet in SNIPPETS}
    finally:
        await names["runtime"].aclose()  # the last block does; a failing one before it does not


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Mapping[int, str]:
    """What every block prints, in a folder with the files that the page reads."""
    folder = tmp_path_factory.mktemp("guide")
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (folder / "axonflow.yaml").write_text(yaml, "utf-8")
    (folder / "photo.png").write_bytes(PNG)
    (folder / "report.pdf").write_bytes(PDF)
    serving_rules, patching = serving(emulator(script=RULES)), pytest.MonkeyPatch.context()
    with serving_rules as running, patching as patch, chdir(folder):
        for name, value in {**running.environment, "BEDROCK_MODEL": MODEL}.items():
            patch.setenv(name, value)
        return asyncio.run(type_all({"__name__": "guide"}))


@pytest.mark.parametrize(
    "snippet",
    [pytest.param(one, id=f"line {one.line}") for one in SNIPPETS if one.printed is not None],
)
def test_a_block_of_the_guide_prints_what_the_page_shows(
    snippet: Snippet, output: Mapping[int, str]
) -> None:
    expected = re.escape(snippet.printed or "").replace("…", ".*")
    assert re.fullmatch(expected, output[snippet.line]), output[snippet.line]


@pytest.mark.parametrize(("name", "most"), [("tools", 8), ("schema", 2), ("stream", 4)])
def test_the_guide_needs_few_lines_for_what_everybody_writes(name: str, most: int) -> None:
    (code,) = [snippet.code for snippet in SNIPPETS if snippet.name == name]
    assert len(code.splitlines()) <= most


def test_every_fence_of_the_guide_is_run_or_read() -> None:
    fences = re.findall(r"^```(.+)$", PAGE, re.M)
    unknown = [fence for fence in fences if fence not in ("python", "yaml", "text")]
    assert [fence for fence in unknown if not fence.startswith("python await")] == []
    assert len(unknown) == len(SNIPPETS)


@pytest.mark.thorough
def test_a_strict_type_check_of_the_guide_finds_the_slip_that_it_shows_and_no_other(
    tmp_path: Path,
) -> None:
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    body = "\n".join(snippet.code for snippet in SNIPPETS)
    program = f"async def main() -> None:\n{indent(body, '    ')}"
    (tmp_path / "guide.py").write_text(program, "utf-8")
    report, _, _ = api.run(["--strict", "--config-file=", str(tmp_path / "guide.py")])
    (slip,) = [n for n, line in enumerate(program.splitlines(), 1) if "max_token=" in line]
    assert set(re.findall(r"guide\.py:(\d+): error", report)) == {str(slip)}, report
