"""`axonflow codecs`: list the installed model families, and check them against recorded traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.groups import Group

if TYPE_CHECKING:
    from collections.abc import Callable

    from axonflow_core.codec.registry import AnyCodec, RegisteredCodec
    from axonflow_core.plugins import LoadedCodecs
    from axonflow_core.recordings.recording import Recording
    from axonflow_core.recordings.recording_format import RecordingFormat
    from axonflow_core.recordings.results import CaseResult, Tally


@click.group(cls=Group, short_help="The installed model families.")
def codecs() -> None:
    """The model families that are installed."""


@codecs.command("list")
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each codec.")
@click.option(
    "-v", "--verbose", "is_verbose", is_flag=True, help="With models, surface and evidence."
)
def list_codecs(*, is_json: bool, is_verbose: bool) -> None:
    """List every codec: family and form, what verifies it (recorded traffic, documents, partly
    each) and kind; with -v the model ids that it claims, its surface, and its evidence in full."""
    from axonflow_core.cli.display import write_json, write_notes, write_table

    rows = [_row(provider, entry) for provider, loaded in _installed() for entry in loaded.registry]
    rows.sort(key=lambda row: (row["provider"], row["family"], row["kind"] != "model"))
    if is_json:
        write_json(rows)
    else:
        columns = ("family", "verified by", "kind", "distribution", "version")
        cells = [
            [_cell(row.get(column) or _verified_by(row)) for column in columns] for row in rows
        ]
        write_table(columns, cells, {"documents": "dim"})
    for row in rows if is_verbose and not is_json else ():
        notes = {name: _cell(row[name]) or "none" for name in ("models", "surface", "evidence")}
        write_notes(f"{row['provider']} {row['family']}, {row['kind']}", notes)


def _installed() -> list[tuple[str, LoadedCodecs]]:
    """(provider, its codecs) for each installed provider. The loader logs what it cannot load."""
    from axonflow_core.plugins import CODECS, find_plugins, load_codecs

    groups = sorted({plugin.group for plugin in find_plugins() if plugin.group.startswith(CODECS)})
    return [(name, load_codecs(name)) for name in (group.removeprefix(CODECS) for group in groups)]


def _row(provider: str, entry: RegisteredCodec) -> dict[str, object]:
    codec = entry.codec
    return {
        "provider": provider,
        "kind": codec.kind,
        "family": codec.name,
        "surface": codec.surface,
        "models": list(codec.models),
        "features": sorted(_features(codec)),
        "evidence": codec.evidence,
        "distribution": entry.distribution,
        "version": entry.version,
    }


def _features(codec: AnyCodec) -> frozenset[str]:
    """The features that the codec supports, lossless or joined; empty for kinds without any."""
    features: frozenset[str] = getattr(codec, "features", frozenset())
    joins: frozenset[str] = getattr(codec, "joins", frozenset())
    return features | joins


def _verified_by(row: Mapping[str, object]) -> str:
    """The evidence in one word or two; whole with -v."""
    evidence = str(row["evidence"])
    if evidence.startswith("recorded traffic"):
        return "recordings" if evidence == "recorded traffic" else "partly"
    return "documents"


def _cell(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


# ── check ─────────────────────────────────────────────────────────────────────────────────────────


@codecs.command("check")
@click.argument(
    "paths",
    metavar="PATH...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
)
@click.option(
    "--provider",
    help="The provider whose traffic it is. Default: the only one that can read recordings.",
)
@click.option("--json", "is_json", is_flag=True, help="One JSON object.")
@click.option(
    "--strict",
    "is_strict",
    is_flag=True,
    help="Count a readable recording for which no codec is installed as a failure.",
)
@click.pass_context
def check_codecs(
    ctx: click.Context,
    *,
    paths: tuple[Path, ...],
    provider: str | None,
    is_json: bool,
    is_strict: bool,
) -> None:
    """Replay recorded exchanges through the installed codecs and report the result of each law.

    PATH is a JSON Lines file, or a folder of such files. Exits with 1 if a law is broken.
    """
    from axonflow_core.cli.display import write_json
    from axonflow_core.recordings.recording import read_recordings
    from axonflow_core.recordings.results import Tally

    tally = Tally()
    for result in _results(
        [recording for path in _files(paths) for recording in read_recordings(path)], provider
    ):
        tally.add(result)
    if is_strict:
        tally.blame_unsupported()
    if is_json:
        write_json(tally.as_json())
    else:
        write_tally(tally)
    ctx.exit(1 if tally.failures else 0)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files to read: each path itself, or the `*.jsonl` files of a folder in order of name."""
    for path in paths:
        if path.is_dir():
            found = sorted(path.glob("*.jsonl"))
            if not found:
                raise click.UsageError(f"{path} contains no JSON Lines files (*.jsonl)")
            yield from found
        else:
            yield path


@cache
def _recording_format(provider: str | None) -> RecordingFormat:
    """The recording format of `provider`, or of the only provider that has one, with its codecs.
    `PluginError` where there is none or no single one.
    """
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import PROVIDERS, find_plugins, load_codecs, load_provider

    names = {plugin.name for plugin in find_plugins(PROVIDERS)} if provider is None else {provider}
    specs = {name: load_provider(name) for name in sorted(names)}
    formats = {name: spec.recordings for name, spec in specs.items() if spec.recordings is not None}
    if len(formats) != 1:
        raise PluginError(
            "several installed providers can read recordings"
            if formats
            else "no installed provider can read recordings",
            hint=f"choose one: --provider {' | '.join(formats)}"
            if formats
            else "install a provider plugin that reads recordings",
        )
    ((name, recording_format),) = formats.items()
    return recording_format(load_codecs(name).registry)


_BYTES_OF_ONE_PROCESS = 100_000
"""Streams are cut at every byte, which is nearly all of the work. Below this many bytes of stream,
starting worker processes costs more than it saves."""


def _results(recordings: Sequence[Recording], provider: str | None) -> list[CaseResult]:
    """The results in the order of the recordings; checked in worker processes when there are many
    bytes to check.
    """
    from concurrent.futures import ProcessPoolExecutor

    _recording_format(provider)  # fails here, in the main process, and not in a worker
    check = partial(_check, provider)
    streamed = sum(len(recording.stream or b"") for recording in recordings)
    with _progress(len(recordings)) as advance:
        if streamed < _BYTES_OF_ONE_PROCESS:
            return [advance(check(recording)) for recording in recordings]
        with ProcessPoolExecutor() as pool:
            # Longest first: otherwise one worker may start the longest last and run alone.
            longest = sorted(
                range(len(recordings)), key=lambda index: -len(recordings[index].stream or b"")
            )
            results = pool.map(check, [recordings[index] for index in longest], chunksize=2)
            done = {index: advance(result) for index, result in zip(longest, results, strict=True)}
    return [done[index] for index in range(len(recordings))]


def _check(provider: str | None, recording: Recording) -> CaseResult:
    """Check one recording. A function of its own, because worker processes must import it."""
    from axonflow_core.recordings.replay import check_recording

    return check_recording(recording, _recording_format(provider))


@contextmanager
def _progress(total: int) -> Iterator[Callable[[CaseResult], CaseResult]]:
    """A progress bar on stderr, on a terminal only. Yields a function that counts a result and
    returns it.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from axonflow_core.cli.display import stderr

    console = stderr()
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=total)

        def advance(result: CaseResult) -> CaseResult:
            progress.advance(task)
            return result

        yield advance


_SHOWN_FAILURES = 20


def write_tally(tally: Tally) -> None:
    """Write the counts of each law as a table, then up to 20 failures and the unsupported
    recordings."""
    from axonflow_core.cli.display import write_line, write_table

    columns = ("law", "pass", "fail", "skip")
    rows = [
        [law, *(str(counts.get(column, "")) for column in columns[1:])]
        for law, counts in tally.laws().items()
    ]
    write_line(f"{tally.cases} recorded exchanges")
    write_table(columns, rows)
    for case, law, found in tally.failures[:_SHOWN_FAILURES]:
        write_line(f"{case}: {law}: {found}")
    if len(tally.failures) > _SHOWN_FAILURES:
        write_line(f"… and {len(tally.failures) - _SHOWN_FAILURES} more; --json lists them all")
    for case, reason in tally.unsupported.items():
        write_line(f"unsupported: {case}: {reason or 'no codec for that model and operation'}")
    if tally.truncated:
        write_line(f"truncated when recorded: {', '.join(tally.truncated)}")
