"""Alembic's environment: the revisions run on the connection that `migrations.upgrading` hands
over, in its transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
