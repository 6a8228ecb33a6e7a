"""`axonflow emulate`: a provider's service on this machine, without an account."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from axonflow_core.plugin_spec import Emulator


@click.command(short_help="Serve a provider's API on this machine.")
@click.argument("provider")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="0, the default, takes any free one."
)
@click.option(
    "--script",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="How it is to behave: answers, delays and faults, as the provider's documentation has "
    "them.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Add every exchange to a cassette, without secrets.",
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Answer from a cassette, byte for byte.",
)
@click.option(
    "--upstream",
    metavar="URL",
    help="Let the real service answer, called with your own credentials.",
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
    """Serve the API of PROVIDER until Ctrl-C. Stdout gets the `export` lines that point clients at
    it."""
    from axonflow_core.http.local_server import Server

    emulator = emulator_of(provider, script, record=record, replay=replay, upstream=upstream)
    with until_interrupted(), Server(emulator.app, port=port) as server:
        write_exports(emulator.environment(server.base_url))
        click.echo(f"{provider} answers at {server.base_url}; Ctrl-C stops it", err=True)
        server.wait()


def emulator_of(
    provider: str,
    script: Path | None = None,
    *,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
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
    for name, value in environment.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Ctrl-C and SIGTERM are the ordinary end of what is in the block, not a failure."""
    signal.signal(signal.SIGTERM, _interrupt)
    with suppress(KeyboardInterrupt):
        yield


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
