"""What a message tells of its sender and of the place"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("direct", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("bot", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("roles", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("within", sa.Text(), server_default="[]", nullable=False))
