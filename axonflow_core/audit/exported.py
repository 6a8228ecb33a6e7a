"""Whether a folder of an export is what was exported, found out without the database.

Manifests are read in their order, each with its part: the signature, the way from the manifest
before, the SHA-256 of the part, and the way from record to record of every chain. Nothing but a
part's line is kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import orjson

from axonflow_core.audit.chain import link
from axonflow_core.audit.export import ExportFolder, Form, Manifest, line_of
from axonflow_core.audit.keys import is_signed_by, key_id
from axonflow_core.errors import AuditError
from axonflow_core.frozen import frozen


@frozen
class ExportVerification:
    """What was found in a folder."""

    records: int
    manifests: int
    chains: Mapping[str, int]
    """Chain -> the place of its last record."""
    fault: str | None = None
    """The first thing that is wrong, with the file it is in; None where nothing is."""

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault is None


class _Wrong(Exception):
    """What is wrong with an export."""


def verify_export(
    path: Path,
    public_keys: Sequence[bytes],
    progress: Callable[[int], object] | None = None,
) -> ExportVerification:
    """Verify the parts and manifests of a folder, without the database. `public_keys` are the
    Ed25519 keys that manifests may be signed with."""
    verifier = _Verifier(ExportFolder(path), public_keys, progress)
    fault = None
    try:
        verifier.run()
    except _Wrong as wrong:
        fault = str(wrong)
    except AuditError as error:
        fault = str(error)
    chains = {chain: seq for chain, (seq, _) in verifier.ends.items()}
    return ExportVerification(verifier.records, verifier.manifests, chains, fault)


class _Verifier:
    def __init__(
        self,
        folder: ExportFolder,
        public_keys: Sequence[bytes],
        progress: Callable[[int], object] | None,
    ) -> None:
        self._folder = folder
        self._keys = {key_id(key): key for key in public_keys}
        self._progress = progress
        self.records = self.manifests = 0
        self.ends: dict[str, tuple[int, bytes]] = {}
        """Chain -> the place and the hash of its last record so far."""

    def run(self) -> None:
        """Read everything once. Raises `_Wrong`."""
        before = ""
        for manifest, content in self._folder.manifests():
            self._check_manifest(manifest, before)
            self._check_part(manifest)
            before = sha256(content).hexdigest()
            self.manifests += 1
        if not self.manifests:
            raise _Wrong(f"{self._folder.path} has no manifest")

    def _check_manifest(self, manifest: Manifest, before: str) -> None:
        name = self._folder.manifest(manifest.number).name
        key = self._keys.get(manifest.key)
        if key is None:
            raise _Wrong(f"{name} is signed with the key {manifest.key}, which is not known")
        if not is_signed_by(key, bytes.fromhex(manifest.signature), manifest.message):
            raise _Wrong(f"the signature of {name} is not its key's")
        if manifest.before != before:
            raise _Wrong(f"{name} does not follow the manifest before it")
        for chain, span in manifest.chains.items():
            end = self.ends.get(chain)
            if end is not None and end != (span.first - 1, bytes.fromhex(span.hangs_on)):
                raise _Wrong(f"{name} does not go on where the chain {chain} ended")

    def _check_part(self, manifest: Manifest) -> None:
        path = self._folder.part(manifest.number)
        digest, count = sha256(), 0
        links = {
            chain: (span.first - 1, bytes.fromhex(span.hangs_on))
            for chain, span in manifest.chains.items()
        }
        try:
            with path.open("rb") as lines:
                for line in lines:
                    digest.update(line)
                    count += 1
                    if manifest.form is Form.RECORDS:
                        self._follow(links, line, f"{path.name}:{count}")
        except OSError as error:
            raise _Wrong(f"{path.name} cannot be read: {error.strerror}") from None
        if digest.hexdigest() != manifest.sha256 or count != manifest.count:
            raise _Wrong(f"{path.name} is not the part that its manifest tells of")
        for chain, span in manifest.chains.items():
            end = (span.last, bytes.fromhex(span.hash))
            if manifest.form is Form.RECORDS and links[chain] != end:
                raise _Wrong(f"{path.name} ends elsewhere in the chain {chain} than is signed")
            self.ends[chain] = end
        self.records += count
        if self._progress:
            self._progress(self.records)

    def _follow(self, links: dict[str, tuple[int, bytes]], line: bytes, place: str) -> None:
        """Whether a record hangs on the one before it in its chain."""
        try:
            hash, body = bytes.fromhex(line[9:73].decode()), line[84:-2]
            members = orjson.loads(body)
            chain, seq = members["chain"], members["seq"]
            before, hangs_on = links[chain]
        except (ValueError, KeyError, TypeError):
            raise _Wrong(f"{place} is no record of the export") from None
        if line != line_of(hash, body, Form.RECORDS) or seq != before + 1:
            raise _Wrong(f"{place} is not the record that is expected there")
        if link(hangs_on, body) != hash:
            raise _Wrong(f"{place} was changed, or the record before it")
        links[chain] = seq, hash
