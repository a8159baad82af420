"""Alembic's entry: runs the migrations on the connection that the store hands over.

Without one (PostgreSQL) it writes them as a script, which the store runs.
"""

from alembic import context

from gateway.store.schema import metadata

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=metadata)
else:
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
    )
with context.begin_transaction():
    context.run_migrations()
