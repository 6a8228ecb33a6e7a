"""Packages that only some commands need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server_extra() -> Iterator[None]:
    """A block that imports what the extra `server` installs. `ConfigError` with the line for pip
    where something of it is missing."""
    from axonflow_core.errors import ConfigError

    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"this command needs the package {error.name}",
            hint='pip install "axonflow-core[server]"',
        ) from None
