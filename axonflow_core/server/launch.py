"""From a configuration to a server that runs: what `axonflow serve` and `axonflow demo` do."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from axonflow_core.config import load_config
from axonflow_core.config.values import Config, ServerConfig
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.keys import Keys, load_keys
from axonflow_core.server.api import ROUTES
from axonflow_core.server.app import App
from axonflow_core.server.limits import Limits
from axonflow_core.server.logs import begin_log
from axonflow_core.server.service import Service
from axonflow_core.server.serving import serve
from axonflow_core.server.state import ServerState


def launch(
    path: Path | None,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Serve the configuration until a signal. Returns the exit code. `ConfigError`, `AuditError`
    where it cannot begin."""
    environment = os.environ if environment is None else environment
    config = load_config(path, environment)
    require_loopback(config.server, host)
    keys = keys_of(config.server, environment)

    async def app(state: ServerState) -> AsgiApp:
        begin_log(is_debugging=environment.get("AXONFLOW_DEBUG") == "1")
        return App(await Service.open(config, keys, state), ROUTES)

    return serve(app, host=host, port=port, limits=limits_of(config), on_ready=on_ready)


def require_loopback(server: ServerConfig, host: str) -> None:
    """`ConfigError` for the open mode on an address that others can reach."""
    if server.open and not _is_loopback(host):
        raise ConfigError(
            f"`server.open` lets everybody in, and {host} is not a loopback address",
            hint="listen on 127.0.0.1, or name `server.clients` and leave `open` out",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def keys_of(server: ServerConfig, environment: Mapping[str, str]) -> Keys:
    """The keys of a server. `ConfigError` names the command that makes them."""
    folder = None if server.keys_dir is None else Path(server.keys_dir)
    return load_keys(folder, environment, server.key_command)


def limits_of(config: Config) -> Limits:
    """What the worker takes from the network."""
    server = config.server
    return evolve(
        Limits(),
        drain_s=server.drain_s,
        max_in_flight=server.max_concurrent,
        max_body_bytes=max(server.max_body_bytes, Limits().max_body_bytes),
    )
