"""Signed heads outside of the database: what shows that an end was cut off, or that the database
was put back to an earlier state.

    anchor    a file on the server's machine, to which each writer adds its head as it is signed:
              once a second at most, and at the end of its chain
    witness   the same lines at a second place, which whoever owns database and anchor cannot
              change: a file of another owner, or a URL that they are sent to

A line is one head with its signature, as JSON. Nothing in it is secret. A head that was signed once
has to be on the way of its chain for ever: at its place stands its hash, and behind its place the
chain only grows. So any line that somebody kept proves what a database must still have.

A head is added after the commit that it is of, so an anchor is never ahead of the records that were
acknowledged, and behind them by a second at most.
"""

from __future__ import annotations

import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import TYPE_CHECKING, Protocol

import orjson
from attrs import field

from axonflow_core.audit.chain import Head
from axonflow_core.audit.databases.urls import path_of
from axonflow_core.audit.keys import Signer
from axonflow_core.errors import AuditError, ConfigError
from axonflow_core.frozen import frozen

if TYPE_CHECKING:
    from axonflow_core.config.values import AuditConfig

EVERY_S = 1.0
"""How often a writer adds its head, while it writes."""
SENDING_S = 10.0
"""How long a witness may take for what it is sent."""
MAX_WAITING = 10_000
"""How many heads wait for a witness that does not answer; newer ones are left out."""
_RETRY_S = 5.0
TOKEN = "AXONFLOW_WITNESS_TOKEN"  # noqa: S105 - the name of a variable
"""The variable with the bearer token for a witness's URL."""
_LOG = logging.getLogger(__name__)


@frozen
class SignedHead:
    """The end of a chain as it once was."""

    head: Head
    signature: bytes = field(repr=False)

    @property
    def line(self) -> bytes:
        """One line of JSON."""
        members = {
            "at_us": self.head.at_us,
            "chain": self.head.chain,
            "closed": self.head.is_closed,
            "count": self.head.count,
            "hash": self.head.hash.hex(),
            "key": self.head.key,
            "seq": self.head.seq,
            "signature": self.signature.hex(),
        }
        return orjson.dumps(members, option=orjson.OPT_SORT_KEYS) + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> SignedHead:
        """The head of a line. Raises `ValueError`, `KeyError` or `TypeError` where it is none."""
        members = orjson.loads(line)
        head = Head(
            chain=members["chain"],
            seq=members["seq"],
            hash=bytes.fromhex(members["hash"]),
            count=members["count"],
            at_us=members["at_us"],
            key=members["key"],
            is_closed=members["closed"],
        )
        return cls(head, bytes.fromhex(members["signature"]))


def heads_in(path: Path) -> Iterator[SignedHead]:
    """The heads of an anchor, or of a witness's file. The last line may be torn, as a crash leaves
    it; `AuditError` where another one is no head."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    yield SignedHead.of_line(line)
                except (ValueError, KeyError, TypeError):
                    if line.endswith(b"\n"):
                        raise AuditError(
                            f"{path}:{number} is no head of the audit",
                            hint="restore the file, or name another one",
                        ) from None
    except OSError as error:
        raise AuditError(f"the heads in {path} cannot be read: {error.strerror}") from None


class Place(Protocol):
    """Where heads are added."""

    def add(self, head: SignedHead) -> None:
        """Add a head. Raises `OSError` where that fails."""

    def close(self) -> None:
        """Add what waits."""


class HeadFile:
    """A file of heads. Writers of several processes may add to one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, head: SignedHead) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = os.open(self._path, flags, 0o600)
        try:
            os.write(descriptor, head.line)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing waits."""


class HeadUrl:
    """A URL that heads are posted to, as lines, by a thread of its own."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`token` goes along as `Authorization: Bearer`."""
        self._url = url
        self._token = token
        self._waiting: Queue[SignedHead | None] = Queue(MAX_WAITING)
        self._is_silent = False
        self._thread = Thread(target=self._run, name="audit-witness", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<HeadUrl {self._url}>"

    def add(self, head: SignedHead) -> None:
        try:
            self._waiting.put_nowait(head)
        except Full:
            raise OSError(0, "too many heads wait for the witness") from None

    def close(self) -> None:
        try:
            self._waiting.put_nowait(None)
        except Full:
            return
        self._thread.join(SENDING_S)

    def _run(self) -> None:
        while (head := self._waiting.get()) is not None:
            while not self._is_sent(head):
                time.sleep(_RETRY_S)

    def _is_sent(self, head: SignedHead) -> bool:
        headers = {"Content-Type": "application/x-ndjson"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(  # noqa: S310 - the operator's own URL
            self._url, data=head.line, headers=headers, method="POST"
        )
        try:
            with _OPENER.open(request, timeout=SENDING_S):
                pass
        except (OSError, ValueError) as error:
            if not self._is_silent:
                _LOG.error("the witness of the audit does not take heads: %s", _text_of(error))
            self._is_silent = True
            return False
        if self._is_silent:
            _LOG.warning("the witness of the audit takes heads again")
        self._is_silent = False
        return True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A witness is where the operator says that it is."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def _text_of(error: Exception) -> str:
    """What an error says, without the URL, which may hold a secret."""
    if isinstance(error, urllib.error.HTTPError):
        return f"it answered {error.code}"
    return type(error).__name__


class Anchoring:
    """Adds the heads of one writer to every place, on the writer's thread."""

    def __init__(self, places: Iterable[Place], signer: Signer) -> None:
        self._places = tuple(places)
        self._signer = signer
        self._added_at = 0.0
        self._waiting: Head | None = None
        self._has_failed = False

    @property
    def due_in_s(self) -> float | None:
        """In how many seconds the head that waits is added; None where none waits."""
        if self._waiting is None:
            return None
        return max(0.0, self._added_at + EVERY_S - time.monotonic())

    def note(self, head: Head) -> None:
        """A head is durable."""
        if self._places:
            self._waiting = head
            if head.is_closed or self.due_in_s == 0:
                self.add()

    def add(self) -> None:
        """Add the head that waits."""
        head, self._waiting = self._waiting, None
        if head is None:
            return
        self._added_at = time.monotonic()
        signed = SignedHead(head, self._signer.sign(head.message))
        for place in self._places:
            try:
                place.add(signed)
            except OSError as error:
                if not self._has_failed:
                    _LOG.error("a head of the audit cannot be anchored: %s", error.strerror)
                self._has_failed = True
            else:
                self._has_failed = False

    def close(self) -> None:
        """Add what waits."""
        self.add()
        for place in self._places:
            place.close()


# ── of a configuration ────────────────────────────────────────────────────────────────────────────


def anchor_of(audit: AuditConfig) -> Path | None:
    """The file of the anchor; None where there is none."""
    if audit.anchor is not None:
        return Path(audit.anchor)
    path = path_of(audit.url)
    return None if path is None else path.with_name(f"{path.name}-heads")


def files_of(audit: AuditConfig) -> Iterator[Path]:
    """The files that have heads."""
    if (anchor := anchor_of(audit)) is not None:
        yield anchor
    if audit.witness is not None and audit.witness.file is not None:
        yield Path(audit.witness.file)


def places_of(audit: AuditConfig, environment: Mapping[str, str]) -> Iterator[Place]:
    """Where a writer adds its heads. `ConfigError` where a file that is named cannot be added to;
    the folder of the database is looked at when that is opened."""
    for path in files_of(audit):
        if audit.anchor is not None or path != anchor_of(audit):
            _require_addable(path)
        yield HeadFile(path)
    if audit.witness is not None and audit.witness.url is not None:
        yield HeadUrl(audit.witness.url, environment.get(TOKEN))


def _require_addable(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigError(
            f"the heads of the audit cannot be added to {path}: {error.strerror}",
            hint="`audit.anchor` and `audit.witness.file` name files that the server may write",
        ) from None
