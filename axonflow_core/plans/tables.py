"""The tables of plans.

plans           a row a plan, as it stands; what it says is encrypted
plan_versions   a row for each change of what a plan says
plan_steps      a row for each step that was begun, or will not be
plan_executors  who runs plans, and when each last said that it lives
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

TABLES = MetaData()
"""To be made beside the audit's tables: `AuditStore.open(…, tables=…)`."""
PLANS = Table(
    "plans",
    TABLES,
    Column("id", String(64), primary_key=True),
    Column("tenant", String(128), nullable=False),
    Column("client", String(128), nullable=False),
    Column("user", String(64)),
    Column("version", Integer, nullable=False),
    Column("status", String(32), nullable=False),
    Column("leg", Integer, nullable=False, default=0),
    Column("owner", String(64)),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("begun_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("awaits", String(64)),
    Column("approved", String(64)),
    Column("code", String(64)),
    # The record that says that it was made.
    Column("record", String(64), nullable=False),
    Column("draft", LargeBinary, nullable=False),
    Column("end", LargeBinary),
)
Index("plans_of_a_tenant", PLANS.c.tenant, PLANS.c.created_us)
Index("plans_by_status", PLANS.c.status)
VERSIONS = Table(
    "plan_versions",
    TABLES,
    Column("plan", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at_us", BigInteger, nullable=False),
    Column("change", String(32), nullable=False),
    Column("client", String(128), nullable=False),
    Column("summary", String(256), nullable=False),
    Column("draft", LargeBinary, nullable=False),
)
STEPS = Table(
    "plan_steps",
    TABLES,
    Column("plan", String(64), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("status", String(32), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("record", String(64)),
    Column("provider", String),
    Column("model", String),
    Column("tokens_in", BigInteger, nullable=False, default=0),
    Column("tokens_out", BigInteger, nullable=False, default=0),
    Column("cost_nanos", BigInteger, nullable=False, default=0),
    Column("begun_us", BigInteger),
    Column("ended_us", BigInteger),
    Column("code", String(64)),
    Column("end", LargeBinary),
)
EXECUTORS = Table(
    "plan_executors",
    TABLES,
    Column("id", String(64), primary_key=True),
    Column("beat_us", BigInteger, nullable=False),
)
