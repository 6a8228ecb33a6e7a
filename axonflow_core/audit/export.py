"""Records carried out of the database, in parts that whoever receives them can verify.

    part-00000001.jsonl        records in the order of their commits, one a line
    manifest-00000001.json     written last: what the part has, and where each chain is behind it

A part without its manifest is not there yet: it was cut short, and is written again. So an export
that is killed goes on from its last manifest, without a gap and without a double. How far it is
stands in the database too, for retention: never farther than the last manifest.

A line of the form `records` has the record as it is hashed, byte for byte:

    {"hash":"…","record":{…}}

A manifest is signed with the key of the audit. It has the SHA-256 of its part and of the manifest
before, and of each chain in the part the place and the hash that its first record hangs on, and
those of its last one. So a folder can be verified from its first manifest on, with the public key
alone (`audit.exported`). In the form `ocsf` a line is an event of OCSF (`audit.ocsf`): of such a
part the manifest proves that it is whole, and no more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import orjson
from attrs import field
from sqlalchemy import Connection, func, select

from axonflow_core.audit.chain import FIRST, START
from axonflow_core.audit.keys import Signer
from axonflow_core.audit.ocsf import event_of
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.audit.schema import EXPORTS, RECORDS, SEALS
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import Json
from axonflow_core.policy.rules import Verdict

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction

PART = 10_000
"""The records of one part."""
_ROWS = 1_000
_TAG = b"axonflow audit export 1\n"


class Form(StrEnum):
    """What a line is."""

    RECORDS = "records"
    OCSF = "ocsf"


@frozen
class Span:
    """The records of one chain in a part."""

    first: int
    """The place of the first one."""
    last: int
    hangs_on: str
    """The hash of the record before the first, in hex."""
    hash: str
    """The hash of the last one."""


@frozen(kw_only=True)
class Manifest:
    """What one part has."""

    number: int
    form: Form
    first_row: int
    last_row: int
    count: int
    chains: Mapping[str, Span]
    sha256: str
    """Of the part, in hex."""
    before: str
    """The SHA-256 of the manifest before; empty for the first one."""
    at_us: int
    key: str
    signature: str = field(default="", repr=False)

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        members = {name: value for name, value in self._members().items() if name != "signature"}
        return _TAG + orjson.dumps(members, option=orjson.OPT_SORT_KEYS)

    @property
    def content(self) -> bytes:
        """The file."""
        return orjson.dumps(self._members(), option=orjson.OPT_SORT_KEYS) + b"\n"

    def _members(self) -> dict[str, Any]:
        return {
            "at_us": self.at_us,
            "before": self.before,
            "chains": {
                chain: [span.first, span.last, span.hangs_on, span.hash]
                for chain, span in self.chains.items()
            },
            "count": self.count,
            "first_row": self.first_row,
            "form": str(self.form),
            "key": self.key,
            "last_row": self.last_row,
            "number": self.number,
            "sha256": self.sha256,
            "signature": self.signature,
        }


def manifest_in(content: bytes) -> Manifest:
    """The manifest of a file. Raises `ValueError`, `KeyError` or `TypeError` where it is none."""
    members = orjson.loads(content)
    chains = {chain: Span(*span) for chain, span in members.pop("chains").items()}
    return Manifest(**{**members, "form": Form(members["form"]), "chains": chains})


class ExportFolder:
    """A folder of parts and manifests."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def part(self, number: int) -> Path:
        """The file of a part."""
        return self.path / f"part-{number:08}.jsonl"

    def manifest(self, number: int) -> Path:
        """The file of a manifest."""
        return self.path / f"manifest-{number:08}.json"

    def manifests(self) -> Iterator[tuple[Manifest, bytes]]:
        """Every manifest with its content, from the first on. `AuditError` where one is none, or
        one is missing."""
        for number, path in enumerate(sorted(self.path.glob("manifest-*.json")), 1):
            content = path.read_bytes()
            try:
                manifest = manifest_in(content)
            except (ValueError, KeyError, TypeError):
                raise AuditError(f"{path} is no manifest of an export") from None
            if manifest.number != number or path != self.manifest(number):
                raise AuditError(f"{self.manifest(number)} is missing")
            yield manifest, content

    def last(self) -> tuple[Manifest, bytes] | None:
        """The last manifest with its content; None where there is none."""
        paths = sorted(self.path.glob("manifest-*.json"))
        if not paths:
            return None
        content = paths[-1].read_bytes()
        try:
            return manifest_in(content), content
        except (ValueError, KeyError, TypeError):
            raise AuditError(f"{paths[-1]} is no manifest of an export") from None

    def make(self) -> None:
        """Make the folder, where it is not there. `ConfigError` where it cannot be written."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the export cannot be written to {self.path}: {error.strerror}"
            ) from None


# ── writing ───────────────────────────────────────────────────────────────────────────────────────


class Exporter:
    """Writes the next parts of an export."""

    def __init__(
        self, folder: ExportFolder, signer: Signer, form: Form, *, since_us: int | None = None
    ) -> None:
        """`since_us` is where a new export begins; one that is there goes on where it ended.
        `ConfigError` where the folder has an export of another form, or cannot be written."""
        folder.make()
        self._folder = folder
        self._signer = signer
        self._form = form
        self._since_us = since_us
        last = folder.last()
        if last is not None and last[0].form is not form:
            raise ConfigError(
                f"{folder.path} has an export of the form {last[0].form}",
                hint="name another folder",
            )
        self._number = 0 if last is None else last[0].number
        self._row = 0 if last is None else last[0].last_row
        self._before = "" if last is None else sha256(last[1]).hexdigest()

    @property
    def row(self) -> int:
        """The last row that was carried out; 0 before the first."""
        return self._row

    def step(self, connection: Connection, most: int = PART) -> Manifest | None:
        """Export the next part, of at most so many records. None where nothing is left."""
        part = _Part(self._folder.part(self._number + 1), self._form)
        with part:
            for row in self._rows(connection, most):
                part.add(connection, row)
        if part.last_row is None:
            return None
        manifest = self._manifest(part)
        _write(self._folder.manifest(manifest.number), manifest.content)
        self._number, self._row = manifest.number, manifest.last_row
        self._before = sha256(manifest.content).hexdigest()
        return manifest

    def _rows(self, connection: Connection, most: int) -> Iterator[Any]:
        columns = RECORDS.c
        query = select(columns.row, columns.chain, columns.seq, columns.hash, columns.body)
        query = query.where(columns.row > self._row).order_by(columns.row).limit(most)
        if not self._row and self._since_us is not None:
            first = select(func.min(columns.row)).where(columns.at_us >= self._since_us)
            query = query.where(columns.row >= first.scalar_subquery())
        yield from connection.execution_options(yield_per=_ROWS).execute(query)

    def _manifest(self, part: _Part) -> Manifest:
        assert part.first_row is not None and part.last_row is not None  # noqa: S101 - it has rows
        manifest = Manifest(
            number=self._number + 1,
            form=self._form,
            first_row=part.first_row,
            last_row=part.last_row,
            count=part.count,
            chains=part.spans,
            sha256=part.digest.hexdigest(),
            before=self._before,
            at_us=time.time_ns() // 1_000,
            key=self._signer.key_id,
        )
        return evolve(manifest, signature=self._signer.sign(manifest.message).hex())


def has_news(connection: Connection, after: int) -> bool:
    """Whether there is a record behind a row that no export wrote itself."""
    query = select(RECORDS.c.row).where(RECORDS.c.row > after, RECORDS.c.kind != Kind.EXPORT)
    return connection.execute(query.limit(1)).first() is not None


def note(transaction: Transaction, name: str, manifest: Manifest) -> None:
    """Keep how far an export is, and put its part on record."""
    for chain, span in manifest.chains.items():
        new = transaction.insert_into(EXPORTS).values(name=name, chain=chain, seq=span.last)
        transaction.execute(
            new.on_conflict_do_update(
                index_elements=[EXPORTS.c.name, EXPORTS.c.chain], set_={"seq": span.last}
            )
        )
    facts: dict[str, Json] = {
        "export": name,
        "manifest": manifest.number,
        "records": manifest.count,
        "last_row": manifest.last_row,
        "sha256": manifest.sha256,
    }
    transaction.append(Entry(kind=Kind.EXPORT, verdict=Verdict.ALLOWED, facts=facts))


def exported_up_to(connection: Connection | Transaction) -> Mapping[str, int] | None:
    """Chain -> the last record that every export has carried out; None where nothing is exported.
    A chain that an export has nothing of is not in it."""
    rows = connection.execute(select(EXPORTS.c.name, EXPORTS.c.chain, EXPORTS.c.seq)).all()
    names = {row.name for row in rows}
    if not names:
        return None
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(row.chain, []).append(row.seq)
    return {chain: min(seqs) for chain, seqs in places.items() if len(seqs) == len(names)}


class _Part:
    """One part while it is written: it has its name once it is whole and on the disk."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path, self._form = path, form
        self._new = path.with_name(f"{path.name}.new")
        self.first_row: int | None = None
        self.last_row: int | None = None
        self.count = 0
        self.digest = sha256()
        self.spans: dict[str, Span] = {}

    def __enter__(self) -> Self:
        self._file = self._new.open("wb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        if kind is None and self.count:
            self._new.replace(self._path)
        else:
            self._new.unlink()

    def add(self, connection: Connection, row: Any) -> None:
        """Add a record."""
        line = line_of(row.hash, row.body, self._form)
        self._file.write(line)
        self.digest.update(line)
        self.first_row = row.row if self.first_row is None else self.first_row
        self.last_row, self.count = row.row, self.count + 1
        known = self.spans.get(row.chain)
        if known is None:
            before = _hash_before(connection, row.chain, row.seq)
            self.spans[row.chain] = Span(row.seq, row.seq, before.hex(), row.hash.hex())
        else:
            self.spans[row.chain] = Span(known.first, row.seq, known.hangs_on, row.hash.hex())


def line_of(hash: bytes, body: bytes, form: Form) -> bytes:
    """The line of a record."""
    if form is Form.OCSF:
        return orjson.dumps(event_of(orjson.loads(body), hash.hex())) + b"\n"
    return b'{"hash":"%s","record":%s}\n' % (hash.hex().encode(), body)


def _hash_before(connection: Connection, chain: str, seq: int) -> bytes:
    """The hash that a record hangs on."""
    if seq == FIRST:
        return START
    for table in (RECORDS, SEALS):
        query = select(table.c.hash).where(table.c.chain == chain, table.c.seq == seq - 1)
        if (hash := connection.execute(query).scalar()) is not None:
            return bytes(hash)
    raise AuditError(f"record {seq - 1} of the chain {chain} is missing")


def _write(path: Path, content: bytes) -> None:
    """Write a file all at once, and have it on the disk."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
