"""The tables of an older release become those of this one: Alembic's revisions, one a version.

A new database has the newest tables at once. An older one is brought up to date when a server opens
it, one at a time and in one transaction: it is of the old version or of the new one, whatever
happens. A newer one is refused.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text, update

from axonflow_core.audit.databases import VERSION_NAME, setting
from axonflow_core.audit.schema import SETTINGS, VERSION

if TYPE_CHECKING:
    from alembic.config import Config

_LOG = logging.getLogger(__name__)


def mark(connection: Connection) -> None:
    """Tell Alembic that the tables are the newest."""
    from alembic import command

    command.stamp(_config(connection), str(VERSION))


def upgrade(connection: Connection) -> None:
    """Bring the tables of an older version up to date."""
    from alembic import command

    tables = inspect(connection).get_table_names()
    if SETTINGS.name not in tables:
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
    config = _config(connection)
    if "alembic_version" not in tables:
        command.stamp(config, version.decode())
    command.upgrade(config, str(VERSION))
    connection.execute(
        update(SETTINGS).where(SETTINGS.c.name == VERSION_NAME).values(value=str(VERSION).encode())
    )
    _LOG.warning("the audit's tables are up to date")


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "axonflow_core:audit/databases/migrations")
    config.attributes["connection"] = connection
    return config
