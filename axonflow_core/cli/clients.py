"""`axonflow clients`: the clients of the server, and their secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from axonflow_core.config import Config


@click.group(cls=Group, short_help="The clients of the server, and their secrets.")
def clients() -> None:
    """Who may call the server: `server.clients` of the configuration."""


@clients.command("list", short_help="List the clients and what each may do.")
@config_option
@json_option
def list_clients(*, path: Path | None, is_json: bool) -> None:
    """List the clients with tenant, roles, and the providers and models that each may use."""
    from axonflow_core.cli.display import write_json, write_table
    from axonflow_core.config import load_config

    configured = load_config(path).server.clients.values()
    if is_json:
        write_json([_row(client) for client in configured])
        return
    columns = ("id", "generation", "tenant", "roles", "providers", "models")
    write_table(columns, [[_cell(_row(each)[column]) for column in columns] for each in configured])


def _row(client: object) -> dict[str, object]:
    names = ("id", "generation", "tenant", "roles", "providers", "models")
    return {name: getattr(client, name) for name in names}


def _cell(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@clients.command("secret", short_help="Print the secret of a client.")
@click.argument("id")
@config_option
def secret(*, id: str, path: Path | None) -> None:
    """Print the secret of the client ID, for its `client_secret` or its API key. It is derived from
    the newest server key and the client's generation, and stored nowhere: raise `generation:` to
    make another, which ends this one."""
    from axonflow_core.cli.display import write_line
    from axonflow_core.config import load_config
    from axonflow_core.server.auth import client_secret

    config = load_config(path)
    client = config.server.clients.get(id)
    if client is None:
        raise _unknown(id, config)
    write_line(client_secret(_newest_key(config), id, client.generation))


def _unknown(id: str, config: Config) -> Exception:
    from axonflow_core.config.faults import suggest
    from axonflow_core.errors import ConfigError

    known = config.server.clients
    return ConfigError(
        f"there is no client {id!r} in `server.clients`",
        hint=suggest(id, known, noun="the clients are")
        if known
        else "the configuration has no clients: add it under `server.clients`, with its roles",
    )


def _newest_key(config: Config) -> bytes:
    import os

    from axonflow_core.keys import load_keys

    server = config.server
    folder = None if server.keys_dir is None else Path(server.keys_dir)
    return load_keys(folder, os.environ, server.key_command).server[0]
