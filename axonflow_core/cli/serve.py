"""`axonflow serve`: the governed server."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow_core.cli.options import config_option


@click.command(short_help="Serve Proxy Mode and Gateway Mode.")
@config_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that serve the port.",
)
def serve(*, path: Path | None, host: str, port: int, workers: int) -> int:
    """Serve the product's API until SIGTERM or Ctrl-C: every call is checked, made, checked and on
    record before it is answered.

    Needs keys: `axonflow keys init DIR` makes them. SIGHUP reads the configuration again; where it
    is at fault the one before stays in force.
    """
    from axonflow_core.cli.display import tell
    from axonflow_core.server.launch import launch

    return launch(
        path,
        host=host,
        port=port,
        workers=workers,
        on_ready=lambda url: tell(f"serving {url}"),
        tell=tell,
    )
