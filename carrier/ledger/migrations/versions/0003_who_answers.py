"""Who answers a message, what is answered together, and where nobody answers"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "mutes",
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", name=op.f("pk_mutes")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unsure", sa.String(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_inbox_message"), ["message"], unique=False)
    with op.batch_alter_table("turns", schema=None) as batch_op:
        batch_op.add_column(sa.Column("gathered", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_client_platform_id"), ["client", "platform_id"], unique=False)
    answered = sa.text("state != 'heard'")
    op.create_index("ix_inbox_answered", "inbox", ["agent", "room", "at"], unique=False, sqlite_where=answered)
    people = sa.text("agent = '' AND bot = 0 AND kind = 'chat'")
    op.create_index("ix_messages_people", "messages", ["room", "at"], unique=False, sqlite_where=people)
