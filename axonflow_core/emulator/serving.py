"""An emulator that is served on a local port, for tests and programs: no pytest is needed.

with serving(emulator()) as running:
    client = openai.OpenAI(base_url=running.environment["OPENAI_BASE_URL"], …)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    from axonflow_core.plugin_spec import EmulatedCall, Emulator


class RunningEmulator:
    """An emulator that is being served, with what a client needs to reach it."""

    def __init__(self, emulator: Emulator, base_url: str) -> None:
        self.base_url = base_url
        self.environment: Mapping[str, str] = emulator.environment(base_url)
        """The environment variables that point another process at the emulator."""
        self.models = emulator.models
        """One model id for each documented family."""
        self.refused_model = emulator.refused_model
        self.calls: MutableSequence[EmulatedCall] = emulator.log.calls
        """The last calls of models, each with `operation`, `model`, `json`, `status` and `rule`."""


@contextmanager
def serving(emulator: Emulator) -> Iterator[RunningEmulator]:
    """Serve `emulator` while the `with` block runs."""
    from axonflow_core.http.local_server import Server

    with Server(emulator.app) as server:
        yield RunningEmulator(emulator, server.base_url)
