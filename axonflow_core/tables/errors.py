"""`errors.toml`: how calls fail, and what the operator does about it.

[[errors]]
code = "throttled"
native_codes = ["rate_limit_exceeded"]
statuses = "429"
cause = "too many requests a minute"
fix = "the call is repeated automatically; make fewer calls at once"
is_retryable = true
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Self

from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import frozen
from axonflow_core.plugin_spec import ErrorEntry, find_fix

from .reading import read_table


@frozen(kw_only=True)
class ErrorFile:
    """What stands in a file."""

    sources: tuple[str, ...]
    """Where the entries are from, with the day."""
    errors: tuple[ErrorEntry, ...]


class ErrorTable:
    """The failures that a provider tells apart, as they stand in a file. Called, it is its entries:
    `ProviderSpec.error_catalogue`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def beside(cls, module: str) -> Self:
        """The table in `errors.toml` next to a module, by its `__file__`."""
        return cls(Path(module).with_name("errors.toml"))

    @cached_property
    def file(self) -> ErrorFile:
        """The file, read. `PluginError`."""
        return read_table(self._path, ErrorFile)

    def __call__(self) -> tuple[ErrorEntry, ...]:
        return self.file.errors

    def fix(self, error: AxonFlowError) -> str | None:
        """How the operator mends `error`; None for no advice."""
        return find_fix(self.file.errors, error)
