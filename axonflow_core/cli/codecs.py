"""`axonflow codecs`: the model families that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.codec import RegisteredCodec
    from axonflow_core.plugins import LoadedCodecs


@click.group(short_help="The installed model families.")
def codecs() -> None:
    """The model families that are installed."""


@codecs.command("list")
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each codec.")
def list_codecs(*, is_json: bool) -> None:
    """List every codec: its family and form, the models it is chosen for, and what it rests on."""
    from axonflow_core.cli.display import write_json, write_table

    rows = [_row(provider, entry) for provider, loaded in _installed() for entry in loaded.registry]
    if is_json:
        write_json(rows)
    else:
        columns = ("provider", "family", "surface", "models", "distribution", "version")
        write_table(columns, [[_cell(row[column]) for column in columns] for row in rows])


def _installed() -> list[tuple[str, LoadedCodecs]]:
    """Provider -> codecs. What cannot be loaded is logged by the loader."""
    from axonflow_core.plugins import CODECS, find_plugins, load_codecs

    groups = sorted({plugin.group for plugin in find_plugins() if plugin.group.startswith(CODECS)})
    return [(name, load_codecs(name)) for name in (group.removeprefix(CODECS) for group in groups)]


def _row(provider: str, entry: RegisteredCodec) -> dict[str, object]:
    codec = entry.codec
    return {
        "provider": provider,
        "family": codec.name,
        "surface": codec.surface,
        "models": list(codec.models),
        "features": sorted(codec.features | codec.folds),
        "evidence": codec.evidence,
        "distribution": entry.distribution,
        "version": entry.version,
    }


def _cell(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)
