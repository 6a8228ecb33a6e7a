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

from axonflow_core.codec.errors import CLASSES
from axonflow_core.errors import AxonFlowError
from axonflow_core.frozen import frozen
from axonflow_core.nearest import nearest
from axonflow_core.plugin_spec import ErrorEntry, find_fix

from .reading import name_of, read_table, wrong


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
        """The file, read. `PluginError`, also for a code that no error of a provider has."""
        file = read_table(self._path, ErrorFile)
        for entry in file.errors:
            if entry.code not in CLASSES:
                known = nearest(entry.code, CLASSES) or ", ".join(CLASSES)
                raise wrong(f"{name_of(self._path)}: no error has the code {entry.code}; {known}")
        return file

    def __call__(self) -> tuple[ErrorEntry, ...]:
        return self.file.errors

    def fix(self, error: AxonFlowError) -> str | None:
        """How the operator mends `error`; None for no advice."""
        return find_fix(self.file.errors, error)
