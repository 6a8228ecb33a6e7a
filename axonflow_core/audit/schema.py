"""The tables of the audit.

    settings     what must not change under a database: its version, which master key it belongs to
    records      one row a record, appended and never changed. `body` and `hash` are the truth;
                 the columns beside them repeat what is searched for, and verifying compares them.
                 Rows are numbered in the order of the commits, so those of one chain are in order
    heads        one row a chain: its end, signed
    seals        heads that stay: one behind every so many records, and the last of each chain
    exports      one row an export and chain: the last record that was carried out
    series       one row for each combination of values that records are found by (`audit.finding`)
    terms        which records have a user, a rule or a request id of an upstream
    tenant_keys  one row a tenant, encrypted under the master key
    texts        what was said, encrypted under the record's key, where texts are kept
    holds        which records may be neither erased nor removed for now, and why
    beginnings   one row a chain whose first records were removed: what the rest hangs on

What may be destroyed stands outside of what is hashed: the keys and the texts.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

VERSION = 5
"""The version of these tables. An older database is brought up to date (`databases.migrations`);
a newer one is refused."""
TABLES = MetaData()

SETTINGS = Table(
    "settings",
    TABLES,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
RECORDS = Table(
    "records",
    TABLES,
    Column("row", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("chain", String, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("id", String, nullable=False, unique=True),
    Column("at_us", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("verdict", String, nullable=False),
    Column("tenant", String, nullable=False),
    Column("client", String, nullable=False),
    Column("user", String),
    Column("request_type", String),
    Column("provider", String),
    Column("model", String),
    Column("closes", String),
    Column("body", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("record_key", LargeBinary),
    Column("series", BigInteger),
    Column("cost_usd", Float),
)
REPEATED = (
    *("chain", "seq", "id", "at_us", "kind", "verdict", "tenant", "client", "user"),
    *("request_type", "provider", "model", "closes"),
)
"""The columns of `records` that repeat a member of the body, by the same name."""
Index("records_of_a_tenant", RECORDS.c.tenant, RECORDS.c.at_us)
IN_SERIES = Index("records_of_a_series", RECORDS.c.series, RECORDS.c.at_us, RECORDS.c.cost_usd)
OPENING = Index("records_that_open", RECORDS.c.chain, sqlite_where=RECORDS.c.kind == "opened")
CLOSING = Index("records_that_close", RECORDS.c.closes, sqlite_where=RECORDS.c.closes.is_not(None))


def _signed() -> tuple[Column[Any], ...]:
    """What a head says besides its chain and its place, and the signature over all of it."""
    return (
        Column("hash", LargeBinary, nullable=False),
        Column("count", BigInteger, nullable=False),
        Column("at_us", BigInteger, nullable=False),
        Column("key", String, nullable=False),
        Column("is_closed", Boolean, nullable=False),
        Column("signature", LargeBinary, nullable=False),
    )


HEADS = Table(
    "heads",
    TABLES,
    Column("chain", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    *_signed(),
    # Not signed, for others than the chain's writer set them; verifying compares both.
    Column("named_seq", BigInteger, nullable=False, default=0),
    Column("is_swept", Boolean, nullable=False, default=False),
    # Whether the chain's writer may know the key of a tenant that was destroyed.
    Column("has_lost_key", Boolean, nullable=False, default=False),
)
SEALS = Table(
    "seals",
    TABLES,
    Column("chain", String, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    *_signed(),
)
EXPORTS = Table(
    "exports",
    TABLES,
    Column("name", String, primary_key=True),
    Column("chain", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
SERIES = Table(
    "series",
    TABLES,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String, nullable=False),
    Column("client", String, nullable=False),
    Column("provider", String),
    Column("model", String),
    Column("verdict", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("request_type", String),
    Column("cost_class", Integer),
)
Index("series_of_a_tenant", SERIES.c.tenant)
TERMS = Table(
    "terms",
    TABLES,
    Column("term", String, primary_key=True),
    Column("series", BigInteger, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
TENANT_KEYS = Table(
    "tenant_keys",
    TABLES,
    Column("tenant", String, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
)
TEXTS = Table(
    "texts",
    TABLES,
    Column("record", String, primary_key=True),
    Column("label", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
HOLDS = Table(
    "holds",
    TABLES,
    Column("name", String, primary_key=True),
    Column("reason", String, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    # What is held: NULL is any.
    Column("tenant", String),
    Column("client", String),
    Column("user", String),
    Column("start_us", BigInteger),
    Column("end_us", BigInteger),
)
BEGINNINGS = Table(
    "beginnings",
    TABLES,
    Column("chain", String, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    # The id of the record that says so.
    Column("record", String, nullable=False),
)
