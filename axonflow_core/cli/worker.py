"""`axonflow worker`: plans are run here, and nothing is served."""

from __future__ import annotations

from pathlib import Path

import click

from axonflow_core.cli.options import config_option


@click.command(short_help="Run plans beside the servers of a PostgreSQL database.")
@config_option
def worker(*, path: Path | None) -> int:
    """Run plans that servers of the same database took in, until SIGTERM or Ctrl-C. What is under
    way then goes on at another, from its last step that is on record.

    Needs an audit on PostgreSQL, which many processes share: a file of SQLite has one executor, the
    server itself.
    """
    from axonflow_core.cli.display import tell
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.server.launch import execute

    return execute(path, on_ready=lambda executor: tell(f"running plans as {executor}"))
