"""From a configuration to a server that runs: what `axonflow serve` and `axonflow demo` do.

With one worker this process serves. With several, it supervises, and each worker is handed the
`Launch` over a pipe: what holds from the server's start to its end. The rest of the configuration
each worker reads from the store, see `reloading`.

An open server needs no keys: without any it has throw-away ones, the same in all its workers, and
its records go into a database that ends with it, for nobody could read them afterwards.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import uvloop
from attrs import field

from axonflow_core.audit.databases.locks import folder_of
from axonflow_core.audit.databases.urls import path_of
from axonflow_core.audit.record import new_id
from axonflow_core.config import load_config
from axonflow_core.config.loading import file_of
from axonflow_core.config.values import AuditConfig, Config, KeptTexts, ServerConfig
from axonflow_core.errors import ConfigError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.keys import KEYS_DIR, MASTER, SERVER, SIGNING, Keys, load_keys, throwaway_keys
from axonflow_core.server import serving
from axonflow_core.server.api import ROUTES
from axonflow_core.server.app import App
from axonflow_core.server.history import Source
from axonflow_core.server.limits import Limits
from axonflow_core.server.logs import begin_log
from axonflow_core.server.service import Service, Shared
from axonflow_core.server.state import ServerState
from axonflow_core.server.supervisor import supervise

WORKER = f"{__name__}:worker"
"""What a worker calls with the launch."""


@frozen(kw_only=True)
class Launch:
    """What holds for every worker of a server from its start to its end."""

    path: Path | None
    """The configuration file; None where the environment is all there is."""
    audit: AuditConfig
    limits: Limits
    keys: Keys = field(repr=False)
    id: str = field(factory=new_id)
    folder: Path | None = None
    """A folder of this server's own that ends with it, where it has several workers."""

    def to_json(self) -> dict[str, Any]:
        """For another process of this server alone: it holds the keys."""
        keys = self.keys
        return {
            "path": None if self.path is None else str(self.path),
            "url": self.audit.url,
            "texts": self.audit.texts,
            "limits": {name: getattr(self.limits, name) for name in _LIMITS},
            "is_open": self.limits.hosts is not None,
            "server": [key.hex() for key in keys.server],
            "signing": keys.signing.hex(),
            "verify": [key.hex() for key in keys.verify],
            "master": keys.master.hex(),
            "id": self.id,
            "folder": str(self.folder),
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> Launch:
        """What `to_json` wrote, for one of several workers."""
        return cls(
            path=None if value["path"] is None else Path(value["path"]),
            audit=AuditConfig(url=value["url"], texts=KeptTexts(value["texts"])),
            limits=Limits(**value["limits"], hosts=_LOOPBACK if value["is_open"] else None),
            keys=Keys(
                server=tuple(map(bytes.fromhex, value["server"])),
                signing=bytes.fromhex(value["signing"]),
                verify=tuple(map(bytes.fromhex, value["verify"])),
                master=bytes.fromhex(value["master"]),
            ),
            id=value["id"],
            folder=Path(value["folder"]),
        )


_LIMITS = ("drain_s", "max_in_flight", "max_body_bytes")
_LOOPBACK = frozenset((b"localhost", b"127.0.0.1", b"[::1]"))
"""The hosts that requests to an open server may name. A page of the web whose name is made to mean
127.0.0.1 sends its own name, and is refused."""


def launch(
    path: Path | None,
    *,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    workers: int = 1,
    environment: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> int:
    """Serve the configuration until a signal. Returns the exit code. `tell` is told what an
    operator should know. `ConfigError`, `AuditError` where it cannot begin. With several workers
    the environment is this process's."""
    environment = os.environ if environment is None else environment
    # A reload reads the file that was found now, and no other: that it is gone is a fault then, and
    # no configuration without policies and clients.
    path = file_of(path, environment)
    config = load_config(path, environment)
    require_loopback(config.server, host)
    require_one_executor(config, workers)
    if not (config.server.clients or config.server.open):
        tell("no client may call this server yet: name some under `server.clients` and reload")
    with tempfile.TemporaryDirectory(prefix="axonflow-") as own:
        launched = _launch(path, config, environment, Path(own), tell)
        if workers == 1:
            made = app_of(launched, environment)
            return serving.serve(
                made, host=host, port=port, limits=launched.limits, on_ready=on_ready
            )
        launched = evolve(launched, folder=Path(own))
        _begin_log(environment)
        return supervise(
            WORKER,
            launched.to_json(),
            workers=workers,
            host=host,
            port=port,
            patience_s=launched.limits.drain_s + _BEYOND_DRAIN_S,
            on_ready=on_ready,
        )


_BEYOND_DRAIN_S = 15.0
"""How much longer than its drain a worker may take to end."""


def execute(
    path: Path | None,
    *,
    on_ready: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> int:
    """Run plans of the configuration until a signal, without a port. Returns the exit code.
    `on_ready` is told the id of this executor. `ConfigError`, `AuditError` where it cannot begin.
    """
    environment = os.environ if environment is None else environment
    path = file_of(path, environment)
    config = load_config(path, environment)
    if not config.plans.is_enabled:
        raise ConfigError(
            "this configuration has no plans to run", hint="write `plans: {enabled: true}`"
        )
    if _keeps_plans_in_a_file(config):
        raise ConfigError(
            "plans on a file of SQLite have one executor, and that is the server",
            hint="put the audit on PostgreSQL, which many share",
        )
    keys = keys_of(config.server, environment)
    launched = Launch(path=path, audit=config.audit, limits=limits_of(config), keys=keys)
    _begin_log(environment)
    uvloop.run(_executed(launched, environment, on_ready))
    return 0


async def _executed(
    launched: Launch, environment: Mapping[str, str], on_ready: Callable[[str], None]
) -> None:
    """Run plans until SIGTERM or SIGINT. What is under way then goes on elsewhere."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    shared = Shared(
        audit=launched.audit, source=Source(launched.path, environment), launch=launched.id
    )
    service = await Service.share(shared, launched.keys, ServerState(launched.limits))
    try:
        assert service.plans is not None  # noqa: S101 - they are enabled
        on_ready(service.plans.executor)
        await stopped.wait()
    finally:
        await service.aclose()


def worker(launched: Mapping[str, Any]) -> serving.WorkerSpec:
    """One of several workers."""
    of_all = Launch.of_json(launched)
    return serving.WorkerSpec(app_of(of_all, os.environ), of_all.limits)


def app_of(launched: Launch, environment: Mapping[str, str]) -> serving.AppFactory:
    """Builds the app of a worker."""

    async def app(state: ServerState) -> AsgiApp:
        _begin_log(environment)
        shared = Shared(
            audit=launched.audit,
            source=Source(launched.path, environment),
            launch=launched.id,
            claims=None if launched.folder is None else claims_of(launched.audit),
            counts=launched.folder,
        )
        return App(await Service.share(shared, launched.keys, state), ROUTES)

    return app


def _begin_log(environment: Mapping[str, str]) -> None:
    begin_log(is_debugging=environment.get("AXONFLOW_DEBUG") == "1")


def claims_of(audit: AuditConfig) -> Path | None:
    """The file of claims of all servers that work on a database that is a file, beside it."""
    path = path_of(audit.url)
    return None if path is None else folder_of(path) / "claims"


def _launch(
    path: Path | None,
    config: Config,
    environment: Mapping[str, str],
    own: Path,
    tell: Callable[[str], None],
) -> Launch:
    limits = limits_of(config)
    if not config.server.open or has_keys(config.server, environment):
        keys = keys_of(config.server, environment)
        return Launch(path=path, audit=config.audit, limits=limits, keys=keys)
    tell("this open server has no keys: those that it makes, and its records, end with it")
    audit = evolve(config.audit, url=f"sqlite:///{own}/audit.db")
    return Launch(path=path, audit=audit, limits=limits, keys=throwaway_keys())


def require_loopback(server: ServerConfig, host: str) -> None:
    """`ConfigError` for the open mode on an address that others can reach."""
    if server.open and not _is_loopback(host):
        raise ConfigError(
            f"`server.open` lets everybody in, and {host} is not a loopback address",
            hint="listen on 127.0.0.1, or name `server.clients` and leave `open` out",
        )


def require_one_executor(config: Config, workers: int) -> None:
    """`ConfigError` for several workers that would run plans on a file."""
    if not config.plans.is_enabled or workers == 1:
        return
    if _keeps_plans_in_a_file(config):
        raise ConfigError(
            f"plans on a file of SQLite have one executor, and there would be {workers} workers",
            hint="serve with one worker, or put the audit on PostgreSQL, which many share",
        )


def _keeps_plans_in_a_file(config: Config) -> bool:
    return path_of(config.plans.url or config.audit.url) is not None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def has_keys(server: ServerConfig, environment: Mapping[str, str]) -> bool:
    """Whether anything says where keys are."""
    variables = [source.variable for source in (SERVER, SIGNING, MASTER)]
    named = (KEYS_DIR, *variables, *(f"{variable}_FILE" for variable in variables))
    return bool(server.keys_dir or server.key_command) or any(map(environment.get, named))


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
        hosts=_LOOPBACK if server.open else None,
    )
