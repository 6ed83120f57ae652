"""What schedules remember, and what becomes of their slots"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("timing", sa.String(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.String(), server_default="", nullable=False),
        sa.Column("troubled", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_schedules")),
    )
    with op.batch_alter_table("slots", schema=None) as batch_op:
        batch_op.add_column(sa.Column("begins_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("until", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("work", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("text", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("message", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("covers", sa.Integer(), server_default=sa.text("1"), nullable=False))
        batch_op.add_column(sa.Column("told", sa.Boolean(), server_default=sa.text("0"), nullable=False))
        batch_op.create_index(batch_op.f("ix_slots_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_slots_message"), ["message"], unique=False)
    with op.batch_alter_table("approvals", schema=None) as batch_op:
        batch_op.add_column(sa.Column("slot", sa.String(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_approvals_slot"), ["slot"], unique=False)
