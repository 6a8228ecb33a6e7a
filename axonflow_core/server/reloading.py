"""The generation in force and its successor: read, checked whole, kept, built, swapped.

    told to reload     read the file ─> values ─> may it change? ─> build ─> keep it with its record
    any worker         looks for a newer number several times a second ─> build ─> swap

What is built has policies, clients and providers, over the server's one HTTP client. The swap is
one assignment: a request works on the generation that it began with, whose providers are closed
after the last call has left. A file at fault changes nothing; that it was refused is on record.

All that takes long happens on another thread, so that requests are answered meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from attrs import field

from axonflow_core.audit.record import Entry, Kind
from axonflow_core.config import Config, Fault, FaultyConfig, Place
from axonflow_core.errors import AuditError, AxonFlowError, ConfigError
from axonflow_core.frozen import frozen
from axonflow_core.messages import Json
from axonflow_core.policy.rules import Verdict
from axonflow_core.server import history
from axonflow_core.server.changes import named_changes, require_changeable
from axonflow_core.server.generations import Generation
from axonflow_core.server.history import Archive, Kept, Source, Written

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction
    from axonflow_core.audit.store import AuditStore

_LOG = logging.getLogger(__name__)
MAX_PLACES = 50
"""How many faults a record of a refusal names, by their places."""


@frozen(kw_only=True)
class Author:
    """Who changes the configuration."""

    who: str
    """`start`, `signal`, or `client ID`."""
    tenant: str = ""
    client: str = ""


START = Author(who="start")
SIGNAL = Author(who="signal")


@frozen
class Reload:
    """What became of a reload."""

    generation: int
    """The generation in force."""
    changes: dict[str, Json] = field(factory=dict)
    """Names of keys: added, removed, changed."""
    faults: tuple[Fault, ...] = ()
    """Why the file was refused, where it was."""

    @property
    def is_refused(self) -> bool:
        """Whether the file is at fault, and the old generation stays."""
        return bool(self.faults)


class Reloading:
    """The generations of one worker of a server that reads a configuration file."""

    def __init__(
        self,
        source: Source,
        archive: Archive,
        audit: AuditStore,
        build: Callable[[int, Config], Generation],
        on_swap: Callable[[Generation], None],
    ) -> None:
        self._source = source
        self._archive = archive
        self._audit = audit
        self._build = build
        self._on_swap = on_swap
        self._lock = asyncio.Lock()
        self._unfit = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._current: Generation | None = None

    @property
    def current(self) -> Generation:
        """The generation in force."""
        assert self._current is not None  # noqa: S101 - `start` or `resume` comes first
        return self._current

    @property
    def is_behind(self) -> bool:
        """Whether there is a newer generation that this worker cannot build."""
        return self._unfit > self.current.number

    async def start(self, launch: str) -> None:
        """Make what the file says the newest generation, and serve it. A worker that is not the
        first of its `launch` serves the newest generation, whatever the file says by now. Raises
        what is wrong with it."""
        last = await self._newest()
        is_launched = await self._audit.read(partial(history.is_launched, launch=launch))
        if is_launched and last is not None:
            self._serve(await asyncio.to_thread(self._built, last))
            return
        written = await asyncio.to_thread(self._source.read)
        config = await asyncio.to_thread(written.config, self._source.environment)
        built = await asyncio.to_thread(self._build, 1, config)
        number, _ = await self._kept(written, last, START)
        await self._audit.transact(partial(history.note_launch, number=number, launch=launch))
        built.renumber(number)
        self._serve(built)

    async def reload(self, author: Author) -> Reload:
        """Read the file again and serve what it says. `AuditError` where that cannot be recorded;
        a fault of the file is no error but in the answer."""
        async with self._lock:
            await self._follow()
            try:
                written, generation = await asyncio.to_thread(self._candidate)
            except ConfigError as error:
                return await self._refused(author, faults_of(error))
            number, changes = await self._kept(written, await self._newest(), author)
            generation.renumber(number)
            self._swap(generation)
            _LOG.info("generation %d of the configuration is in force", number)
            return Reload(number, changes)

    async def follow(self, number: int) -> None:
        """Serve the newest generation, whose number was seen to be this."""
        if number <= max(self.current.number, self._unfit) or self._lock.locked():
            return
        async with self._lock:
            await self._follow()

    async def aclose(self) -> None:
        """Close the providers of every generation."""
        await self.current.aclose()
        if self._closing:
            await asyncio.wait(self._closing)

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────

    def _candidate(self) -> tuple[Written, Generation]:
        """What the file says now, built. `ConfigError` where it cannot serve."""
        written = self._source.read()
        config = written.config(self._source.environment)
        require_changeable(self.current.config, config, written)
        return written, self._build(self.current.number + 1, config)

    def _built(self, kept: Kept) -> Generation:
        if kept.written is None:
            raise AuditError(
                f"generation {kept.number} of the configuration does not decrypt",
                hint="all servers of one database need the same server keys; keep older ones in "
                "the list",
            )
        return self._build(kept.number, kept.written.config(self._source.environment))

    async def _newest(self) -> Kept | None:
        return await self._audit.read(lambda connection: history.newest(connection, self._archive))

    async def _kept(
        self, written: Written, last: Kept | None, author: Author
    ) -> tuple[int, dict[str, Json]]:
        """Keep what is written as the newest generation, with the record of it, unless it is that
        already. Its number, and what differs from the last one."""
        while last is None or last.digest != self._archive.digest(written):
            changes = named_changes(None if last is None else last.written, written)
            after = 0 if last is None else last.number
            entry = _entry(author, Verdict.ALLOWED, after + 1, changes)

            def work(
                transaction: Transaction, after: int = after, entry: Entry = entry
            ) -> int | None:
                number = history.add(
                    transaction, self._archive, written, who=author.who, after=after
                )
                if number is not None:
                    transaction.append(entry)
                return number

            number = await self._audit.transact(work)
            if number is not None:
                return number, changes
            last = await self._newest()  # another worker was faster
        return last.number, {}

    async def _follow(self) -> None:
        last = await self._newest()
        if last is None or last.number <= self.current.number:
            return
        try:
            self._swap(await asyncio.to_thread(self._built, last))
        except AxonFlowError as error:
            self._unfit = last.number
            _LOG.error("generation %d cannot be built here: %s", last.number, error)

    def _serve(self, generation: Generation) -> None:
        self._current = generation
        self._on_swap(generation)

    def _swap(self, generation: Generation) -> None:
        old = self.current
        self._serve(generation)
        task = asyncio.create_task(old.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _refused(self, author: Author, faults: Sequence[Fault]) -> Reload:
        number = self.current.number
        places: list[Json] = [str(fault.place) for fault in faults[:MAX_PLACES]]
        facts: dict[str, Json] = {"faults": len(faults), "places": places}
        await self._audit.append(_entry(author, Verdict.ERROR, number, facts))
        for fault in faults[:MAX_PLACES]:
            _LOG.error("the configuration is refused: %s: %s", fault.place, fault.message)
        return Reload(number, faults=tuple(faults))


def faults_of(error: ConfigError) -> tuple[Fault, ...]:
    """What is wrong, fault by fault."""
    if isinstance(error, FaultyConfig):
        return error.faults
    return (Fault(Place(""), error.message, error.hint, code=error.code),)


def _entry(author: Author, verdict: Verdict, generation: int, facts: dict[str, Json]) -> Entry:
    return Entry(
        kind=Kind.CONFIGURATION,
        verdict=verdict,
        tenant=author.tenant,
        client=author.client,
        facts={"generation": generation, "who": author.who, **facts},
    )
