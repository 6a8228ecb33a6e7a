"""Whether what is on record is what was recorded, found out without its writers.

The database is read once, row by row, in one transaction, so a server may go on writing. Of each
chain one state is kept: where it is and the hash that the next record has to hang on.

    record    its place follows the one before; its hash is that of its body and of the hash before;
              the columns beside the body repeat it, and searches find it (`audit.findable`)
    chain     begins with a record that names the other chains' ends as they were then
    head      its signature is a known key's; it ends where the records end, and counts them
    streams   none is open that its chain's end should have closed
    anchors   heads that were kept elsewhere (`audit.anchors`): each is signed by a known key, and
              its hash stands at its place
    removed   a chain whose first records are gone begins behind a seal, where a record of a
              retention says that it does (`audit.retention`); what is told of places before is
              passed over

What the database alone cannot show: a chain removed with its head that no other chain has named
yet, and a database put back as a whole to an earlier state. Heads that were kept elsewhere show
both, as far as they reach. Texts and keys may be destroyed, so nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from attrs import define, field
from sqlalchemy import Connection, RowMapping, func, select

from axonflow_core.audit.anchors import SignedHead
from axonflow_core.audit.chain import FIRST, START, Head, link
from axonflow_core.audit.findable import COMPARED, MALFORMED, Index
from axonflow_core.audit.keys import is_signed_by, key_id
from axonflow_core.audit.opening import NAMED
from axonflow_core.audit.record import Kind
from axonflow_core.audit.retention import BEGINS
from axonflow_core.audit.schema import BEGINNINGS, HEADS, RECORDS, REPEATED, SEALS
from axonflow_core.frozen import frozen

MAX_FAULTS = 100
"""How many faults are told; the first one of each chain is among them."""
_ROWS = 2_000
SIGNED = ("chain", "seq", "hash", "count", "at_us", "key", "is_closed")
"""The columns of a head that are signed."""
_REPEATED = slice(2, 2 + len(REPEATED))
"""Where the columns that repeat a member stand in a row that is read; what is compared besides, and
the number of the row, follow."""


@frozen
class Fault:
    """Something that is wrong."""

    chain: str
    """Empty where it is about something that no record is of."""
    what: str
    seq: int | None = None
    """The place of the record; None where it is about the chain's head."""
    id: str | None = None
    """The id of the record."""

    def __str__(self) -> str:
        if not self.chain:
            return self.what
        place = "its head" if self.seq is None else f"record {self.seq}"
        name = f" ({self.id})" if self.id else ""
        return f"chain {self.chain}, {place}{name}: {self.what}"


@frozen
class Verification:
    """What was found."""

    records: int
    chains: int
    removed: int = 0
    """How many records were removed, their time being over."""
    removals: tuple[str, ...] = ()
    """The ids of the records that say so."""
    faults: tuple[Fault, ...] = ()
    """The first fault of each chain, in the order of the records, then those of heads."""

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@define
class _State:
    """A chain, as far as it was read."""

    seq: int = 0
    hash: bytes = START
    begins_behind: int = 0
    """The place of the last record that was removed."""
    named_seq: int = 0
    has_fault: bool = False
    open_streams: int = 0
    anchors: dict[int, Head] = field(factory=dict)
    """Place -> the head that was anchored there, of places that were not read yet."""


def verify(
    connection: Connection,
    public_keys: Sequence[bytes],
    progress: Callable[[int], object] | None = None,
    *,
    anchors: Iterable[SignedHead] = (),
) -> Verification:
    """Verify every chain of a database. `public_keys` are the Ed25519 keys that heads may be signed
    with; `progress` is told now and then how many records were read; `anchors` are heads that were
    kept elsewhere."""
    verifier = _Verifier(connection, public_keys)
    verifier.expect(seals_of(connection))
    verifier.expect(anchors)
    return verifier.run(progress)


def seals_of(connection: Connection) -> Iterator[SignedHead]:
    """The heads that a database keeps."""
    for row in connection.execute(select(SEALS)).mappings():
        try:
            yield SignedHead(Head(**{name: row[name] for name in SIGNED}), row["signature"])
        except MALFORMED:
            continue  # its place has no seal then, and verifies without


def signed_by(connection: Connection) -> Iterator[str]:
    """The id of the key of each head that a database has."""
    for table in (HEADS, SEALS):
        yield from connection.execute(select(table.c.key)).scalars()


def differing_column(members: Mapping[str, Any], columns: Sequence[Any]) -> str | None:
    """The first of the columns beside a body that does not repeat its member, if any."""
    pairs = zip(REPEATED, columns, strict=True)
    return next((name for name, value in pairs if members[name] != value), None)


class _Verifier:
    def __init__(self, connection: Connection, public_keys: Sequence[bytes]) -> None:
        self._connection = connection
        self._public_keys = {key_id(key): key for key in public_keys}
        self._chains: dict[str, _State] = {}
        self._opened: dict[str, str] = {}
        self._faults: list[Fault] = []
        self._index = Index(connection)
        self._beginnings = connection.execute(select(BEGINNINGS)).mappings().all()
        self._vouched: dict[str, Mapping[str, Any]] = {}
        """Record of a retention -> where chains begin, as it says."""
        self._sealed: set[str] = set()
        """The chains that begin behind a seal."""
        for row in self._beginnings:
            state = _State(row["seq"], row["hash"], begins_behind=row["seq"])
            self._chains[row["chain"]] = state

    def expect(self, anchors: Iterable[SignedHead]) -> None:
        """Heads that the chains have to have come by."""
        for anchor in anchors:
            head = anchor.head
            key = self._public_keys.get(head.key)
            if key is None:
                what = f"an earlier head is signed with the key {head.key}, which is not known"
            elif not is_signed_by(key, anchor.signature, head.message):
                what = "the signature of an earlier head is not its key's"
            else:
                self._expect(head)
                continue
            if not self._chains.setdefault(head.chain, _State()).has_fault:
                self._fault(head.chain, what)

    def _expect(self, head: Head) -> None:
        state = self._chains.setdefault(head.chain, _State())
        if head.seq > state.begins_behind:
            state.anchors[head.seq] = head
        elif head.seq == state.begins_behind and (head.hash, head.count) == (state.hash, head.seq):
            self._sealed.add(head.chain)

    def run(self, progress: Callable[[int], object] | None) -> Verification:
        count = 0
        for rows in self._records():
            for row in rows:
                self._check(row)
            count += len(rows)
            if progress:
                progress(count)
        self._check_duplicates()
        heads = self._connection.execute(select(HEADS).order_by(HEADS.c.chain)).mappings().all()
        for head in heads:
            self._check_head(head)
        self._check_beginnings()
        for chain, state in sorted(self._chains.items()):
            if state.anchors and not state.has_fault:
                last = state.anchors[max(state.anchors)]
                self._fault(chain, _cut_off(last, state.seq))
        for chain in sorted(self._chains.keys() - {head["chain"] for head in heads}):
            if not self._chains[chain].has_fault:
                self._fault(chain, "it is missing")
        self._check_terms()
        return Verification(
            count,
            len(self._chains),
            removed=sum(row["seq"] for row in self._beginnings),
            removals=tuple(sorted({row["record"] for row in self._beginnings})),
            faults=tuple(self._faults[:MAX_FAULTS]),
        )

    def _records(self) -> Iterator[Sequence[Sequence[Any]]]:
        """The records in the order in which they were committed: hash, body, repeated columns,
        those that are compared besides, number."""
        names = ("hash", "body", *REPEATED, *COMPARED, "row")
        columns = [RECORDS.c[name] for name in names]
        query = select(*columns).order_by(RECORDS.c.row)
        streamed = self._connection.execution_options(stream_results=True)
        yield from streamed.execute(query).partitions(_ROWS)

    def _check(self, row: Sequence[Any]) -> None:
        hash, chain, seq, id = row[0], row[2], row[3], row[4]
        state = self._chains.get(chain)
        if state is None:
            state = self._chains[chain] = _State()
        if state.has_fault:
            self._index.pass_over(row[1], row[-1])
            return
        try:
            fault = self._wrong_with(row, state)
        except MALFORMED:
            fault = "it is not as the audit writes records"
        if fault:
            self._fault(chain, fault, seq, id)
        else:
            state.seq, state.hash = seq, hash
            anchor = state.anchors.pop(seq, None) if state.anchors else None
            if anchor is not None and (anchor.hash, anchor.count) != (hash, seq):
                self._fault(chain, "it is not the record that was signed here", seq, id)

    def _wrong_with(self, row: Sequence[Any], state: _State) -> str | None:
        """What is wrong with a record, if anything."""
        hash, body, seq, kind = row[0], row[1], row[3], row[6]
        if seq != state.seq + 1:
            return _out_of_place(seq, state.seq + 1)
        if link(state.hash, body) != hash:
            return "it was changed, or the record before it"
        members = orjson.loads(body)
        if (name := differing_column(members, row[_REPEATED])) is not None:
            return f"the column {name} differs from what was recorded"
        if (fault := self._index.add(members, row[_REPEATED.stop :], row[-1])) is not None:
            return fault
        if (kind == Kind.CHAIN) != (seq == FIRST):
            return "a chain has one record that begins it, its first"
        if kind == Kind.CHAIN:
            return self._check_names(members["facts"][NAMED])
        if kind == Kind.RETENTION:
            self._vouched[members["id"]] = members["facts"][BEGINS]
            for chain, named_seq in members["facts"]["named"].items():
                other = self._chains.setdefault(chain, _State())
                other.named_seq = max(other.named_seq, named_seq)
        self._follow_stream(members, kind)
        return None

    def _check_names(self, named: dict[str, list[Any]]) -> str | None:
        """Whether the chains that are named ended there, when they were named."""
        for chain, (seq, hash) in named.items():
            state = self._chains.setdefault(chain, _State())
            state.named_seq = seq
            if seq < state.begins_behind:
                continue
            if not state.has_fault and (state.seq, state.hash.hex()) != (seq, hash):
                what = f"a later chain saw {seq} records; there are {state.seq}, or others"
                self._fault(chain, what, state.seq or None)
        return None

    def _follow_stream(self, members: dict[str, Any], kind: str) -> None:
        if kind == Kind.OPENED:
            self._opened[members["id"]] = members["chain"]
            self._chains[members["chain"]].open_streams += 1
        elif members["closes"] and (chain := self._opened.pop(members["closes"], None)):
            self._chains[chain].open_streams -= 1

    def _check_head(self, row: RowMapping) -> None:
        state = self._chains.setdefault(row["chain"], _State())
        if state.has_fault:
            return
        try:
            fault = self._wrong_with_head(row, state)
        except MALFORMED:
            fault = "it is not as the audit writes heads"
        if fault:
            self._fault(row["chain"], fault)

    def _wrong_with_head(self, row: RowMapping, state: _State) -> str | None:
        head = Head(**{name: row[name] for name in SIGNED})
        key = self._public_keys.get(head.key)
        if key is None:
            return f"it is signed with the key {head.key}, which is not known"
        if not is_signed_by(key, row["signature"], head.message):
            return "its signature is not its key's"
        if head.seq > state.seq:
            return f"{head.seq - state.seq} records before it are missing"
        if head.seq < state.seq:
            return f"{state.seq - head.seq} records stand behind it"
        if head.hash != state.hash or head.count != state.seq:
            return "the last record is not the one that was signed"
        if row["named_seq"] != state.named_seq:
            return "what it says of being named differs from the records that name it"
        if row["is_swept"] and state.open_streams:
            return f"{state.open_streams} streams are open that are marked as interrupted"
        return None

    def _check_beginnings(self) -> None:
        """Whether each chain whose first records are gone begins where a record says so."""
        for row in self._beginnings:
            chain, place = row["chain"], [row["seq"], row["hash"].hex()]
            if self._chains[chain].has_fault:
                continue
            if chain not in self._sealed:
                self._fault(chain, "it begins where no head is that stays")
            elif self._vouched.get(row["record"], {}).get(chain) != place:
                self._fault(chain, f"no record says that it begins behind record {row['seq']}")

    def _check_duplicates(self) -> None:
        repeated = select(RECORDS.c.id).group_by(RECORDS.c.id).having(func.count() > 1)
        query = select(RECORDS.c.chain, RECORDS.c.seq, RECORDS.c.id).where(
            RECORDS.c.id.in_(repeated.limit(MAX_FAULTS))
        )
        for row in self._connection.execute(query):
            self._fault(row.chain, "there is another record of that id", row.seq, row.id)

    def _check_terms(self) -> None:
        """Whether searches find the records. Terms of what is not as it was recorded say nothing
        of themselves."""
        for chain, seq, id, what in self._index.misses(self._is_told):
            if not self._is_told(chain):
                self._fault(chain, what, seq, id)

    def _is_told(self, chain: str) -> bool:
        """Whether a fault of the chain is told; of what is in no chain, whether any is."""
        return self._chains[chain].has_fault if chain else bool(self._faults)

    def _fault(self, chain: str, what: str, seq: int | None = None, id: str | None = None) -> None:
        if chain:
            self._chains.setdefault(chain, _State()).has_fault = True
        self._faults.append(Fault(chain, what, seq, id))


def _out_of_place(seq: int, expected: int) -> str:
    if seq == expected + 1:
        return f"record {expected} is missing before it"
    if seq > expected:
        return f"records {expected} to {seq - 1} are missing before it"
    return f"it stands where record {expected} is expected"


def _cut_off(anchor: Head, left: int) -> str:
    at = datetime.fromtimestamp(anchor.at_us / 1e6, UTC).isoformat(timespec="seconds")
    return f"{anchor.seq} records were signed at {at}, and {left} are left"
