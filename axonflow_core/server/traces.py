"""An error as one line of a log: its types and places, without its message.

The message of an error that the app let through may quote what a client or a model said.
"""

from __future__ import annotations

import traceback
from pathlib import Path

_FRAMES = 4


def trace_of(error: BaseException | None) -> str:
    """`ValueError at store.py:12 append < engine.py:80 evaluate; from KeyError at …`, the innermost
    place first."""
    parts: list[str] = []
    while error is not None and len(parts) < _FRAMES:
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        places = [f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames]
        parts.append(" at ".join([type(error).__name__, " < ".join(reversed(places))]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "; from ".join(parts)
