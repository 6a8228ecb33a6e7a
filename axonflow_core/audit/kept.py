"""What is kept of one record: its texts, where they are, and what it commits to."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field
from sqlalchemy import Connection, select

from axonflow_core.audit.batch import Vault
from axonflow_core.audit.keys import TenantKey, open_text
from axonflow_core.audit.schema import RECORDS, TEXTS
from axonflow_core.audit.search import Recorded, recorded
from axonflow_core.errors import AuditError
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, hidden


@frozen(kw_only=True)
class KeptRecord:
    """A record, with the keys that open it."""

    recorded: Recorded
    texts: Mapping[str, str] = hidden(default=EMPTY)
    """Label -> text, masked where something was found; empty where none are kept."""
    _tenant: TenantKey | None = field(default=None, repr=False)
    _key: bytes | None = field(default=None, repr=False)

    @property
    def is_erased(self) -> bool:
        """Whether the keys are gone, with which a text could be compared with what the record
        commits to."""
        return bool(self.recorded.commitments) and self._key is None

    def commits_to(self, label: str, text: str) -> bool:
        """Whether the commitment of that label is to `text`. False where the keys are gone."""
        if self._tenant is None or self._key is None:
            return False
        made = self._tenant.commitments(self._key, {label: text})
        return self.recorded.commitments.get(label) == made[label]

    def pseudonym(self, user: str) -> str | None:
        """The name that records of the tenant have for a user; None where its key is gone."""
        return None if self._tenant is None else self._tenant.pseudonym(user)


def kept_record(connection: Connection, vault: Vault, id: str) -> KeptRecord | None:
    """The record of that id; None where there is none. `AuditError` where a text of it was
    changed."""
    query = select(RECORDS.c.body, RECORDS.c.hash, RECORDS.c.record_key).where(RECORDS.c.id == id)
    row = connection.execute(query).first()
    if row is None:
        return None
    found = recorded(row.body, row.hash)
    tenant = vault.stored(connection, found.entry.tenant)
    key = _key_of(tenant, row.record_key, id)
    return KeptRecord(
        recorded=found,
        texts=EMPTY if key is None else _texts(connection, key, id),
        tenant=tenant,
        key=key,
    )


def _key_of(tenant: TenantKey | None, wrapped: bytes | None, id: str) -> bytes | None:
    """The record's key; None where it was destroyed, or the tenant's was."""
    if tenant is None or wrapped is None:
        return None
    try:
        return tenant.unwrap(wrapped, id)
    except AuditError:
        return None


def _texts(connection: Connection, key: bytes, id: str) -> dict[str, str]:
    rows = connection.execute(select(TEXTS).where(TEXTS.c.record == id).order_by(TEXTS.c.label))
    return {row.label: open_text(key, id, row.label, row.sealed) for row in rows}
