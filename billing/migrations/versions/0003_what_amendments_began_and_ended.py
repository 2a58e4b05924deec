"""How an attribute's first period is charged, and that an amendment ended it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring a database from the revision before to this one."""
    with op.batch_alter_table("order_attributes", schema=None) as batch_op:
        batch_op.add_column(sa.Column("first_period", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("ended_by", sa.String(), nullable=True))
