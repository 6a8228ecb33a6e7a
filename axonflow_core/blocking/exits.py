"""Calls under way when the program ends, all of daemon threads: the others were waited for.

Such a thread stands still when the interpreter is finalized. An error, because its runtime is
closed at the exit, would reach it before that, and be printed as the program's last words. So a
runtime with calls under way is left as it is at the exit; the system closes its connections.
"""

from __future__ import annotations

import threading


class Calls:
    """Counts the `with` blocks that threads are in."""

    def __init__(self) -> None:
        self._under_way: list[None] = []  # as long as there are: its changes need no lock

    def __enter__(self) -> None:
        self._under_way.append(None)

    def __exit__(self, *exc_info: object) -> None:
        self._under_way.pop()

    def outlive_program(self) -> bool:
        """Whether this is the exit, and there are any."""
        return bool(self._under_way) and _is_exiting()


def _is_exiting() -> bool:
    """The main thread counts as dead when it runs what was registered with `atexit`."""
    main = threading.main_thread()
    return threading.get_ident() == main.ident and not main.is_alive()
