"""Colleagues that are asked and handed over to, words for later, and goals"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "asks",
        sa.Column("turn", sa.String(), nullable=False),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("turn", "caller", name=op.f("pk_asks")),
    )
    with op.batch_alter_table("asks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_asks_agent_at"), ["agent", "at"], unique=False)
        batch_op.create_index(batch_op.f("ix_asks_caller"), ["caller"], unique=False)

    op.create_table(
        "goal_changes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("whose", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal_changes")),
    )
    with op.batch_alter_table("goal_changes", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_goal_changes_agent_whose_subject_name"), ["agent", "whose", "subject", "name"], unique=False
        )

    op.create_table(
        "goals",
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("whose", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("done", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "whose", "subject", "name", name=op.f("pk_goals")),
    )
    op.create_table(
        "handovers",
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("giver", sa.String(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", "owner", name=op.f("pk_handovers")),
    )
    op.create_table(
        "later",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("turn", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_later")),
    )
    with op.batch_alter_table("later", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_later_state_due_at"), ["state", "due_at"], unique=False)
