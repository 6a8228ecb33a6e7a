"""The tables of an older release become those of this one: Alembic's revisions, one a version.

A new database has the newest tables at once. An older one is brought up to date when a server opens
it, one at a time and in one transaction: it is of the old version or of the new one, whatever
happens. A newer one is refused.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, inspect, text, update

from axonflow_core.audit.databases import VERSION_NAME, setting
from axonflow_core.audit.schema import SETTINGS, VERSION

_LOG = logging.getLogger(__name__)


def upgrade(connection: Connection) -> None:
    """Bring the tables of an older version up to date. For these alone Alembic is imported, which
    takes 8 MB."""
    if SETTINGS.name not in inspect(connection).get_table_names():
        return  # it is no database of the audit
    version = setting(connection, VERSION_NAME) or b""
    if not version.isdigit() or not 0 < int(version) < VERSION:
        return
    _LOG.warning(
        "the audit's tables are brought from version %s to %d, which takes a while for many "
        "records; whoever else opens or writes them waits",
        version.decode(),
        VERSION,
    )
    if connection.dialect.name == "postgresql":  # an index of many records takes its time
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    _run_revisions(connection, version.decode())
    connection.execute(
        update(SETTINGS).where(SETTINGS.c.name == VERSION_NAME).values(value=str(VERSION).encode())
    )
    _LOG.warning("the audit's tables are up to date")


def _run_revisions(connection: Connection, version: str) -> None:
    """Run those behind a version. Alembic is told which one it is: a database that was made with
    the newest tables of its time has no mark of Alembic's."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "axonflow_core:audit/databases/migrations")
    config.attributes["connection"] = connection
    command.stamp(config, version)
    command.upgrade(config, str(VERSION))
