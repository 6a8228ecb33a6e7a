"""`axonflow ask`: what is asked, what is kept, and what is said of an answer that is not whole."""

from __future__ import annotations

import io
import json
import stat
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from axonflow_core.cli import main

Ask: TypeAlias = Callable[..., tuple[int, str, str]]
ECHO = 'version: "1.0"\nllm_providers:\n  echo:\n    enabled: true\n'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


class Terminal(io.StringIO):
    """A stdin that nothing is piped to."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Asks echo in this process; None is a terminal. The exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "axonflow.yaml").write_text(ECHO)

    def asked(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", Terminal() if stdin is None else io.StringIO(stdin))
        code = main(["ask", *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


# ── the prompt ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("arguments", "stdin", "asked"),
    [
        (["typed"], None, "typed"),
        (["typed"], "", "typed"),
        (["typed"], "piped\n", "piped\n\ntyped"),
        ([], "piped", "piped"),
        (["-"], "piped", "piped"),
        (["-", "--no-stream"], "a\nb\n", "a\nb\n"),
    ],
)
def test_what_is_piped_and_what_is_typed_are_asked_together(
    ask: Ask, arguments: list[str], stdin: str | None, asked: str
) -> None:
    assert ask(*arguments, stdin=stdin) == (0, f"{asked}\n", "")


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        ([], None, "type a prompt, or pipe a text"),
        ([], "", "the prompt is empty"),
        (["-"], "  \n", "the prompt is empty"),
        ([" "], None, "the prompt is empty"),
    ],
)
def test_nothing_to_ask_is_a_mistake_of_usage(
    ask: Ask, arguments: list[str], stdin: str | None, told: str
) -> None:
    code, out, err = ask(*arguments, stdin=stdin)
    assert (code, out) == (2, "") and told in err


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


def saved(path: Path) -> list[dict[str, object]]:
    """The blocks of the first message of a saved conversation."""
    blocks: list[dict[str, object]] = json.loads(path.read_text())["request"]["messages"][0][
        "content"
    ]
    return blocks


def test_pictures_and_files_stand_above_the_prompt(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "notes.md").write_text("# Notes\n")
    options = "--image a.png --image https://example.com/b.png --file paper.pdf --file notes.md"
    assert ask("What?", *options.split(), "--save", "chat.json")[0] == 0
    picture, linked, paper, notes, prompt = saved(tmp_path / "chat.json")
    assert picture["source"] == {
        "$type": "Media",
        "kind": "base64",
        "data": b64encode(PNG).decode(),
        "media_type": "image/png",
    }
    assert "https://example.com/b.png" in json.dumps(linked)
    assert (paper["$type"], paper["name"]) == ("Document", "paper")
    assert (notes["text"], prompt["text"]) == ("notes.md:\n\n# Notes\n\n", "What?")


@pytest.mark.parametrize("content", ["a", "a\n", "a\n\n", "a \t\n"])
def test_a_text_and_the_prompt_below_it_are_apart_where_a_family_joins_them(
    ask: Ask, tmp_path: Path, content: str
) -> None:
    (tmp_path / "notes.md").write_text(content)

    assert ask("What?", "--file", "notes.md")[1] == "notes.md:\n\na\n\nWhat?\n"


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--image", None, "cannot be read: No such file or directory"),
        ("--image", b"", "is empty"),
        ("--image", b"plain text", "is no PNG, JPEG, GIF or WebP"),
        ("--file", b"\0\1\2\xff", "is neither a picture, a document nor a text"),
        ("--schema", b"{", "holds no JSON object"),
        ("--schema", b"[1]", "holds no JSON object"),
        ("-c", b"{}", "is no conversation"),
        ("-c", None, "cannot be read"),
        ("--save", b"precious", "is no conversation"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_asked(
    ask: Ask, tmp_path: Path, option: str, content: bytes | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    code, out, err = ask("What?", option, "file")
    assert (code, out) == (2, "") and told in err
    if content is not None:
        assert (tmp_path / "file").read_bytes() == content


# ── conversations ─────────────────────────────────────────────────────────────────────────────────


def test_a_conversation_goes_on_from_its_file_with_its_system_prompt_and_model(
    ask: Ask, tmp_path: Path
) -> None:
    path = tmp_path / "chat.json"
    ask("one", "--system", "Be brief.", "-m", "parrot", "--save", "chat.json")
    assert ask("two", "-c", "chat.json", "--save", "chat.json")[1] == "two\n"
    kept = json.loads(path.read_text())
    texts = [message["content"][0]["text"] for message in kept["request"]["messages"]]
    assert texts == ["one", "one", "two", "two"]
    assert kept["request"]["system"][0]["text"] == "Be brief."
    assert (kept["provider"], kept["model"]) == ("echo", "parrot")


def test_a_conversation_is_readable_by_its_owner_alone(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    ask("one", "--save", "chat.json")
    path.chmod(0o644)
    ask("two", "-c", "chat.json", "--save", "chat.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["axonflow.yaml", "chat.json"]


def test_nothing_is_kept_that_was_not_asked_for(ask: Ask, tmp_path: Path) -> None:
    ask("one", "--save", "chat.json")
    before = (tmp_path / "chat.json").read_bytes()
    ask("two", "-c", "chat.json")
    ask("three")
    assert (tmp_path / "chat.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2


def test_a_conversation_that_cannot_be_written_is_told_before_it_is_billed(ask: Ask) -> None:
    code, out, err = ask("one", "--save", "nowhere/chat.json")
    assert (code, out) == (2, "") and "cannot be written" in err


# ── the answer ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("options", [(), ("--no-stream",)])
def test_an_answer_that_is_cut_is_told_with_an_exit_code_of_its_own(
    ask: Ask, options: tuple[str, ...]
) -> None:
    code, out, err = ask("one two three", "--max-tokens", "2", *options)
    assert (code, out) == (6, "one two\n")
    assert err == (
        "warning: the answer is cut: it reached the limit of its length; --max-tokens raises it\n"
    )


def test_a_cut_answer_is_cut_in_json_too(ask: Ask) -> None:
    code, out, err = ask("one two three", "--max-tokens", "2", "--json")
    assert (code, json.loads(out)["stop_reason"]) == (6, "max_tokens") and "is cut" in err


def test_the_tokens_are_told_on_stderr(ask: Ask) -> None:
    assert ask("one two", "-u") == (0, "one two\n", "tokens: 2 in, 2 out, 0 ms\n")
