"""What a command asks: the prompt, typed and piped, the files beside it, and the options of the
question."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from axonflow_core.cli.reading import read_stdin, utf8

if TYPE_CHECKING:
    from axonflow_core.messages import ContentBlock, Image, Json

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--system", help="The system prompt."),
    click.option(
        "--image",
        "pictures",
        metavar="FILE|URL",
        multiple=True,
        help="A picture to ask about; may be given several times.",
    ),
    click.option(
        "--file",
        "files",
        metavar="FILE",
        type=click.Path(path_type=Path),
        multiple=True,
        help="A PDF, an office document, a picture or a text; may be given several times.",
    ),
    click.option(
        "--schema",
        "schema_path",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A JSON schema; the answer is JSON that fits it.",
    ),
    click.option(
        "--reasoning",
        metavar="EFFORT|TOKENS",
        help="How much the model may think: low, medium, high, or a budget.",
    ),
)


def question_options(command: Command) -> Command:
    """Add the options of a question: `system`, `pictures`, `files`, `schema_path`, `reasoning`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options_of(schema_path: Path | None, reasoning: str | None) -> dict[str, Any]:
    """The options of `Runtime.complete` that were given. `click.UsageError` for a schema that is
    none."""
    options: dict[str, Any] = {}
    if schema_path is not None:
        options["output_schema"] = schema_in(schema_path)
    if reasoning is not None:
        options["reasoning"] = int(reasoning) if reasoning.isdecimal() else reasoning
    return options


def read_prompt(prompt: str | None) -> str:
    """The prompt: what is piped in, and below it what was typed, where there are both. `-` stands
    for stdin alone. `click.UsageError` where it is blank, missing or not UTF-8."""
    if prompt is None and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError('nothing is asked: type a prompt, or pipe a text: axonflow ask "…"')
    typed = "" if prompt in (None, "-") else utf8(str(prompt))
    piped = utf8(read_stdin()) if prompt in (None, "-") or _is_piped() else ""
    texts = [text for text in (piped, typed) if text.strip()]
    if not texts:
        raise click.UsageError("the prompt is empty")
    return texts[0] if len(texts) == 1 else f"{texts[0].rstrip()}\n\n{texts[1]}"


def _is_piped() -> bool:
    return sys.stdin is not None and not sys.stdin.isatty()


def picture(place: str) -> Image:
    """The picture at a path or URL. `click.UsageError` where there is none that can be sent."""
    from axonflow_core.media import IMAGE_FORMATS, MediaKind, type_of_bytes
    from axonflow_core.messages import Image, Media

    scheme = place.partition("://")[0].lower() if "://" in place else ""
    if scheme in ("http", "https", "s3"):
        return Image(Media(MediaKind.S3 if scheme == "s3" else MediaKind.URL, place))
    data = _bytes_of(Path(place))
    if type_of_bytes(data) not in IMAGE_FORMATS.values():
        raise click.UsageError(f"{place} is no PNG, JPEG, GIF or WebP; other files go by --file")
    return Image(data)


def attached(path: Path) -> ContentBlock:
    """A file as a block: a picture or a document by its bytes, a text as text under its name.
    `click.UsageError` for any other file."""
    from axonflow_core.media import IMAGE_FORMATS, MediaKind, text_of_bytes, type_of_bytes
    from axonflow_core.messages import Document, Image, Media, Text

    data = _bytes_of(path)
    kind, text = type_of_bytes(data), text_of_bytes(data)
    if kind in IMAGE_FORMATS.values():
        return Image(data)
    if kind is not None:
        return Document(Media(MediaKind.BASE64, data, kind), name=path.stem)
    if text is not None:
        # A template family writes the texts of a message one after the other.
        return Text(f"{path.name}:\n\n{text.rstrip()}\n\n")
    raise click.UsageError(f"{path} is neither a picture, a document nor a text in UTF-8")


def schema_in(path: Path) -> dict[str, Json]:
    """The JSON schema in a file. `click.UsageError` where it is none."""
    from axonflow_core.json import loads

    try:
        schema = loads(_bytes_of(path))
    except ValueError:
        schema = None
    if not isinstance(schema, dict):
        raise click.UsageError(f"{path} holds no JSON object; a schema is one")
    return schema


def _bytes_of(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    if not data:
        raise click.UsageError(f"{path} is empty")
    return data


def blocks_of(
    prompt: str, pictures: Sequence[str], files: Sequence[Path]
) -> tuple[ContentBlock, ...]:
    """The message of the user: pictures and files, and below them the prompt."""
    from axonflow_core.messages import Text

    return (*map(picture, pictures), *map(attached, files), Text(prompt))
