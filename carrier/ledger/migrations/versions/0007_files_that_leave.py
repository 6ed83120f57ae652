"""What leaves: files, what asks for an approval, under which name and into which thread"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("attachments", sa.Text(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("asks", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("name", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("thread", sa.String(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_outbox_room_state_at"), ["room", "state", "at"], unique=False)
