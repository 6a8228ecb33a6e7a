"""`axonflow embed`: embedding vectors of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.options import config_option, model_option, provider_option
from axonflow_core.json import dumps

if TYPE_CHECKING:
    from axonflow_core.messages import Json
    from axonflow_core.retrieval import EmbeddingRequest, Embeddings


@click.command(short_help="Embed texts as vectors.")
@click.argument("texts", metavar="TEXT...", nargs=-1, required=True)
@model_option
@provider_option
@click.option(
    "--dimensions",
    type=click.IntRange(min=1),
    help="The length of a vector, for models that let it be chosen.",
)
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON object with the vectors and the token count."
)
@config_option
def embed(
    *,
    texts: tuple[str, ...],
    model: str | None,
    provider: str | None,
    dimensions: int | None,
    is_json: bool,
    path: Path | None,
) -> None:
    """Embed each TEXT as a vector. With `-` as the only TEXT, each line of stdin is a text.

    Each line of the output is one vector, a JSON array of numbers, in the order of the texts.
    """
    import asyncio

    from axonflow_core.cli.display import write_json

    request = _request(_read_texts(texts), dimensions)
    embeddings = asyncio.run(_embed(request, model, provider, path))
    if is_json:
        write_json(_described(embeddings))
    else:
        _write_lines(embeddings)


def _read_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts to embed: the arguments, or the lines of stdin for `-`. `click.UsageError` for none
    or a blank one."""
    from axonflow_core.cli.reading import read_stdin, utf8

    read = tuple(utf8(read_stdin()).splitlines()) if texts == ("-",) else tuple(map(utf8, texts))
    if not read:
        raise click.UsageError("there is no text on stdin")
    for number, text in enumerate(read, start=1):
        if not text.strip():
            raise click.UsageError(f"text {number} of {len(read)} is empty")
    return read


def _request(texts: tuple[str, ...], dimensions: int | None) -> EmbeddingRequest:
    from axonflow_core.messages import Text
    from axonflow_core.retrieval import EmbeddingRequest

    return EmbeddingRequest(tuple(map(Text, texts)), dimensions=dimensions)


async def _embed(
    request: EmbeddingRequest, model: str | None, provider: str | None, path: Path | None
) -> Embeddings:
    from axonflow_core.config import load_config
    from axonflow_core.runtime import Runtime

    async with Runtime.open(load_config(path)) as runtime:
        return await runtime.embed(request, model=model, provider=provider)


def _write_lines(embeddings: Embeddings) -> None:
    """One JSON array a line. Encodings other than floats are not written."""
    from axonflow_core.cli.display import write_line

    for values in embeddings.floats:
        write_line(dumps(values).decode())


def _described(embeddings: Embeddings) -> Json:
    """The embeddings as JSON, for `--json`."""
    return {
        "vectors": [
            {
                "input_index": vector.input_index,
                "encoding": vector.encoding,
                "values": vector.values,
            }
            for vector in embeddings.vectors
        ],
        "dimensions": len(embeddings.floats[0]) if embeddings.floats else None,
        "input_tokens": embeddings.usage.input_tokens,
    }
