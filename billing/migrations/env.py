"""Alembic's entry: runs the versions beside this file on the connection that `billing.migrate` hands over."""

from alembic import context

from billing.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
