"""`axonflow emulate`: a provider's emulator on a local port."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import Emulator


@click.command(short_help="Serve a provider's API on this machine.")
@click.argument("provider")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="The port to listen on; 0, the default, takes a free one.",
)
@click.option(
    "--script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A YAML or JSON file of answers, delays and faults; its keys are in the provider's "
    "documentation.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Append every exchange to a cassette file, without credentials.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answer from a cassette file, byte for byte.",
)
@click.option(
    "--upstream",
    metavar="URL",
    help="Forward calls to the real service at URL, with your own credentials.",
)
def emulate(
    *,
    provider: str,
    port: int,
    script: Path | None,
    record: Path | None,
    replay: Path | None,
    upstream: str | None,
) -> None:
    """Serve the emulated API of PROVIDER until Ctrl-C. The `export` lines on stdout configure
    clients for it."""
    from axonflow_core.cli.display import tell
    from axonflow_core.http.local_server import Server

    emulator = emulator_of(provider, script, record=record, replay=replay, upstream=upstream)
    with until_interrupted() as is_over, Server(emulator.app, port=port) as server:
        write_exports(emulator.environment(server.base_url))
        emulator.log.listeners.append(lambda call: tell(str(call)))
        tell(f"{provider} is emulated at {server.base_url}; Ctrl-C stops it")
        server.wait(is_over)


def emulator_of(
    provider: str,
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of the installed provider of that name, built with these options. `PluginError`
    where the provider is not installed or has none; `RequestError` for options that exclude each
    other."""
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import load_provider

    spec = load_provider(provider)
    if spec.emulator is None:
        raise PluginError(
            f"the provider {provider} has no emulator",
            hint="see `axonflow demo` for the providers that have one",
        )
    return spec.emulator(script, record=record, replay=replay, upstream=upstream)


def write_exports(environment: Mapping[str, str]) -> None:
    """Write `environment` to stdout as `export NAME=value` lines, quoted for a POSIX shell."""
    from axonflow_core.cli.display import write_line

    for name, value in environment.items():
        write_line(f"export {name}={shlex.quote(value)}")


@contextmanager
def until_interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM has come, for the block to end by. They raise nothing: an exception
    may land where it is lost, and `timeout` sends two, as impatient people do."""
    told: list[int] = []

    def hear(number: int, _: object) -> None:
        told.append(number)

    before = {number: signal.signal(number, hear) for number in _ENDING}
    try:
        yield lambda: bool(told)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGINT, signal.SIGTERM)
