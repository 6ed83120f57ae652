"""How often a slot was tried again"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("slots", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False))
