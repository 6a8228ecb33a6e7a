"""What a handler gets and what it returns: native values, without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from attrs import field

from axonflow_core.frozen import frozen
from axonflow_core.json import loads
from axonflow_core.json_text import has_one_reading
from axonflow_core.messages import EMPTY, Json, hidden

from .operations import Operation

T = TypeVar("T")

MAX_BYTES_ON_LOOP = 65_536
"""Of a body that is read on the event loop. Each takes some 50 ns where the body is nothing but
small values."""


async def read_beside_loop(body: bytes, read: Callable[..., T], *arguments: Any) -> T:
    """What `read` makes of a body; of a long one in a thread, which costs 40 us, so that the event
    loop goes on meanwhile."""
    if len(body) > MAX_BYTES_ON_LOOP:
        return await asyncio.to_thread(read, *arguments)
    return read(*arguments)


@frozen(kw_only=True)
class Call:
    """One call to answer."""

    operation: Operation
    model: str
    """The id as the client means it: percent-decoded once, otherwise untouched. Empty where the
    operation is about no model."""
    body: bytes = hidden()
    """What arrived, byte for byte: a call whose meaning is not changed can go on as it is."""
    json: Json = hidden()
    """The same, parsed; None where the operation has no body."""

    @json.default
    def _parsed(self) -> Json:
        return loads(self.body) if self.body else None

    has_one_reading: bool = field()
    """Whether every parser reads in `body` what was read here."""

    @has_one_reading.default
    def _is_read_so_by_all(self) -> bool:
        return has_one_reading(self.body, self.json)

    caller: str
    """The id of the client, as its verifier names it. Never a secret."""
    headers: Mapping[str, str] = EMPTY
    """The headers that belong to a call (`Wire.call_headers`), names in lower case."""
    query: Mapping[str, str] = field(default=EMPTY)
    """The members of the query that do (`Wire.call_query`)."""
    request_id: str

    @property
    def forwardable(self) -> bytes | None:
        """The body; None for one in which whoever gets it may read what nobody read here."""
        return self.body if self.has_one_reading else None

    @property
    def is_streamed(self) -> bool:
        """Whether the client waits for a stream."""
        return self.operation.is_streamed(self.json)

    @property
    def content(self) -> Json:
        """The body as its codec reads it: without `Operation.transport_members`."""
        members = self.operation.transport_members
        if not isinstance(self.json, dict) or members.isdisjoint(self.json):
            return self.json
        return {key: value for key, value in self.json.items() if key not in members}


@frozen
class NativeAnswer:
    """A whole answer, and the headers that go with it."""

    body: Json = hidden()
    """The dialect's JSON; `bytes` are sent as they are."""
    headers: Mapping[str, str] = EMPTY


Chunks: TypeAlias = AsyncGenerator[tuple[Json | bytes, ...], None]
"""The dialect's chunks in order, those of one network read together; a ready frame is bytes. The
generator is closed as soon as the client has left."""


@frozen
class NativeStream:
    """A streamed answer, and the headers that go with it."""

    chunks: Chunks
    headers: Mapping[str, str] = EMPTY


Handler: TypeAlias = Callable[[Call], Awaitable[NativeAnswer | NativeStream | Chunks]]
