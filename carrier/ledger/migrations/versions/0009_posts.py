"""Posts, each step on their way out, and the files they used"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    with op.batch_alter_table("posts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("wakes_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("media", sa.String(), server_default="", nullable=False))
        batch_op.drop_index("ix_posts_state")
        batch_op.create_index("ix_posts_state_wakes_at", ["state", "wakes_at"], unique=False)
        batch_op.create_index("ix_posts_client_media", ["client", "media"], unique=False)
    op.create_table(
        "post_steps",
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("post", "version", name=op.f("pk_post_steps")),
    )
    op.create_table(
        "post_files",
        sa.Column("client", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client", "digest", "post", name=op.f("pk_post_files")),
    )
