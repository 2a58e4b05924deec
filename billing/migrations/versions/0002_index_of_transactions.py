"""An index of the entries that are listed as transactions, so that they are counted and paged without the others."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LISTED = sa.text(
    "NOT (debit_account = 'unfunded' AND credit_account = 'spent'"
    " OR debit_account = 'spent' AND credit_account = 'unfunded') AND amount_micro > 0"
)


def upgrade() -> None:
    """Bring a database from the revision before to this one."""
    op.drop_index("ix_ledger_entries_occurred_at", "ledger_entries")
    op.create_index(
        "ix_ledger_entries_listed",
        "ledger_entries",
        ["occurred_at", "id"],
        sqlite_where=_LISTED,
        postgresql_where=_LISTED,
    )
