"""A governed stream that says, as an error, that a policy stopped it.

Governance ends such a stream with the stop reason `content_filtered`. Before anything has left, a
client of a vendor's dialect is better told by a status; and where the dialect's last event has no
room for the sentence that says which rule it was, by an error in the stream.
"""

from __future__ import annotations

from collections.abc import Callable

from axonflow_core.governance.streams import GovernedStream
from axonflow_core.governance.trail import Outcome
from axonflow_core.provider import CompletionStream
from axonflow_core.stream import Batch


class TellingStream(CompletionStream):
    """`stream`, whose stop is the error that `reason_of` makes. `is_always`: in the middle too."""

    def __init__(
        self,
        stream: GovernedStream,
        reason_of: Callable[[Outcome], Exception],
        *,
        is_always: bool,
    ) -> None:
        self._stream = stream
        self._reason_of = reason_of
        self._is_always = is_always
        self._has_left = False

    async def read(self) -> tuple[Batch, ...]:
        """As `GovernedStream.read`."""
        batches = await self._stream.read()
        self.native = self._stream.native
        outcome = self._stream.outcome
        is_told = self._is_always or not self._has_left
        if outcome is not None and outcome.stopping is not None and batches and is_told:
            raise self._reason_of(outcome)
        self._has_left = self._has_left or bool(batches)
        return batches

    async def aclose(self) -> None:
        """As `GovernedStream.aclose`."""
        await self._stream.aclose()
