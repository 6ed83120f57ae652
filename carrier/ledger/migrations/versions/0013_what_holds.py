"""Until when what was learned holds, and of whom it is; running summaries of rooms"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "summaries",
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", "agent", name=op.f("pk_summaries")),
    )
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(), server_default="fact", nullable=False))
        batch_op.add_column(sa.Column("entity", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("other", sa.String(), server_default="", nullable=False))
        batch_op.add_column(sa.Column("until", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
        batch_op.add_column(sa.Column("superseded_by", sa.String(), server_default="", nullable=False))
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.alter_column("kind", existing_type=sa.String(), existing_nullable=False, server_default=None)
        batch_op.create_index(batch_op.f("ix_facts_agent_entity"), ["agent", "entity"], unique=False)
        batch_op.create_index(batch_op.f("ix_facts_agent_other"), ["agent", "other"], unique=False)
        batch_op.create_index(batch_op.f("ix_facts_superseded_by"), ["superseded_by"], unique=False)
    _say_of_whom()


def _say_of_whom() -> None:
    """What stands in the bodies; how well a fact is founded was not weighed until now."""
    facts = sa.table("facts", sa.column("id"), sa.column("kind"), sa.column("entity"), sa.column("body"))
    connection = op.get_bind()
    for id, text in connection.execute(sa.select(facts.c.id, facts.c.body)).all():
        body = json.loads(text)
        if body["kind"] == "fact":
            body["confidence"] = 0.0
        values = {"kind": body["kind"], "entity": body["entity"], "body": json.dumps(body, ensure_ascii=False)}
        connection.execute(sa.update(facts).where(facts.c.id == id).values(**values))
