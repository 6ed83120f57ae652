"""The tables of the operational record; `migrations/` brings older files to this form.

Keys are ids that say their cause, never row numbers; times are the ledger's clock in microseconds.
Structured values are JSON text, made and read by the modules beside this one.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, text

VERSION = "0013"
"""The newest migration: what a ledger of this form is stamped with."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# An index of some rows serves only a query that says the same in the same words.
PEOPLE = "agent = '' AND bot = 0 AND kind = 'chat'"
"""Messages that people say."""
ANSWERED = "state != 'heard'"
"""Rows of the inbox that are answered, or will be."""

# --- who has met whom, where ------------------------------------------------------------------------------

rooms = Table(
    "rooms",
    metadata,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("since", BigInteger, nullable=False),
)

entities = Table(
    "entities",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("since", BigInteger, nullable=False),
)

participants = Table(
    "participants",
    metadata,
    Column("room", String, primary_key=True),
    Column("entity", String, primary_key=True),
    Column("since", BigInteger, nullable=False),
)

# --- what was said ----------------------------------------------------------------------------------------

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("platform_id", String, nullable=False),
    Column("room", String, nullable=False),
    Column("sender", String, nullable=False),
    Column("sender_name", String, nullable=False),
    Column("agent", String, nullable=False, server_default=""),  # who said it; empty: somebody outside
    Column("turn", String, nullable=False, server_default=""),  # the turn that said it
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("attachments", Text, nullable=False, server_default="[]"),
    Column("addressed", Boolean, nullable=False),
    Column("addressee", String, nullable=False, server_default=""),
    Column("reply_to", String, nullable=False, server_default=""),
    Column("delivered", Boolean, nullable=False, server_default=text("1")),
    Column("direct", Boolean, nullable=False, server_default=text("0")),
    Column("bot", Boolean, nullable=False, server_default=text("0")),
    Column("roles", Text, nullable=False, server_default="[]"),
    Column("within", Text, nullable=False, server_default="[]"),
    Column("created_at", BigInteger, nullable=False),
    # The place in the room's order: an answer stands at the message it answers, after it by its id.
    Column("at", BigInteger, nullable=False),
    Index(None, "room", "at", "id"),
    Index(None, "turn"),
    Index("ix_messages_people", "room", "at", sqlite_where=text(PEOPLE)),
)

inbox = Table(
    "inbox",
    metadata,
    Column("agent", String, primary_key=True),
    Column("message", String, primary_key=True),
    Column("room", String, nullable=False),
    Column("state", String, nullable=False),  # waiting | taken | done | heard | withdrawn
    Column("unsure", String, nullable=False, server_default=""),  # asks | away: found out in its turn
    Column("at", BigInteger, nullable=False),
    Index(None, "state", "at"),
    Index(None, "message"),
    Index("ix_inbox_answered", "agent", "room", "at", sqlite_where=text(ANSWERED)),
)

mutes = Table(
    "mutes",
    metadata,
    Column("room", String, primary_key=True),
    Column("until", BigInteger, nullable=False),  # 0: until it is unmuted
    Column("by", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("owner", String, primary_key=True),  # a client, or an agent's reflection
    Column("room", String, primary_key=True),
    Column("position", String, nullable=False),
)

# --- turns ------------------------------------------------------------------------------------------------

turns = Table(
    "turns",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("room", String, nullable=False),
    Column("message", String, nullable=False),
    Column("gathered", Text, nullable=False, server_default="[]"),  # further messages that it answers
    Column("state", String, nullable=False),  # open | closed
    Column("outcome", String, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False),  # since its journal last grew
    Column("progress", Integer, nullable=False),  # steps begun and ended in its journal at the last take
    Column("revision", String, nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "state"),
    Index(None, "closed_at"),
)

journal = Table(
    "journal",
    metadata,
    Column("turn", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),  # value | model | action
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False, server_default=text("0")),
    Column("value", Text, nullable=False, server_default=""),
)

spending = Table(
    "spending",
    metadata,
    Column("turn", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("model", String, nullable=False, server_default=""),
    Column("state", String, nullable=False),  # reserved | settled | failed | refused
    Column("tokens_in", Integer, nullable=False, server_default=text("0")),
    Column("tokens_out", Integer, nullable=False, server_default=text("0")),
    Column("cost", Float, nullable=False, server_default=text("0")),
    Column("at", BigInteger, nullable=False),
    Index(None, "agent", "at"),
)

asks = Table(
    "asks",
    metadata,
    Column("turn", String, primary_key=True),  # the one in which a colleague answers
    Column("caller", String, primary_key=True),  # a turn that waits for it, at first or at second hand
    Column("agent", String, nullable=False),  # whose turn that is: its budgets count for the colleague, too
    Column("at", BigInteger, nullable=False),
    Index(None, "agent", "at"),
    Index(None, "caller"),
)

handovers = Table(
    "handovers",
    metadata,
    Column("room", String, primary_key=True),
    Column("owner", String, primary_key=True),  # the agent whose place it is
    Column("holder", String, nullable=False),  # the agent that answers in that place
    Column("giver", String, nullable=False),  # who handed it over, owner or an earlier holder
    Column("summary", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)

# --- what leaves, what comes later --------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    Column("key", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("room", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("message", String, nullable=False),  # the answer's id in `messages`; of a preview, its turn's
    Column("text", Text, nullable=False),
    Column("reply_to", String, nullable=False),
    Column("attachments", Text, nullable=False, server_default="[]"),
    Column("asks", String, nullable=False, server_default=""),  # the approval that it asks for
    Column("name", String, nullable=False, server_default=""),
    Column("thread", String, nullable=False, server_default=""),
    Column("state", String, nullable=False),  # waiting | sending | sent | failed | in doubt; showing | withdrawing
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("platform_id", String, nullable=False, server_default=""),
    Column("error", String, nullable=False, server_default=""),
    Column("position", Integer, nullable=False),  # within what one turn sends
    Column("at", BigInteger, nullable=False),
    Column("tried_at", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "client", "state", "at"),
    Index(None, "room", "state", "at"),
    Index(None, "client", "platform_id"),
)

later = Table(
    "later",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("room", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("turn", String, nullable=False),  # in which it was thought of
    Column("state", String, nullable=False),  # waiting | said | cancelled | missed
    Column("due_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index(None, "state", "due_at"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("payload", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", BigInteger, nullable=False),
    Column("error", String, nullable=False, server_default=""),
    Index(None, "due_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "at"),
)

memory_log = Table(
    "memory_log",
    metadata,
    Column("id", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "position"),
)

facts = Table(
    "facts",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("body", Text, nullable=False),  # the memory: unlike what was said, it stands nowhere else
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("entity", String, nullable=False, server_default=""),
    Column("other", String, nullable=False, server_default=""),
    Column("until", BigInteger, nullable=False, server_default=text("0")),  # when it stopped holding; 0: it holds
    Column("superseded_by", String, nullable=False, server_default=""),  # what took its place
    Index(None, "agent", "entity"),
    Index(None, "agent", "other"),
    Index(None, "superseded_by"),
)

summaries = Table(
    "summaries",
    metadata,
    Column("room", String, primary_key=True),
    Column("agent", String, primary_key=True),  # in whose words
    Column("text", Text, nullable=False),
    Column("since", BigInteger, nullable=False),  # the place of the first line that it is made of
    Column("through", BigInteger, nullable=False),  # and of the last
)

goals = Table(
    "goals",
    metadata,
    Column("agent", String, primary_key=True),
    Column("whose", String, primary_key=True),  # agent | room | person
    Column("subject", String, primary_key=True),  # the room or the entity; empty for the agent's own
    Column("name", String, primary_key=True),
    Column("description", Text, nullable=False),
    Column("steps", Text, nullable=False),
    Column("done", Text, nullable=False),  # those of the steps that are
    Column("note", Text, nullable=False),
    Column("state", String, nullable=False),  # active | done | dropped
    Column("room", String, nullable=False),  # where it was last changed
    Column("at", BigInteger, nullable=False),
)

goal_changes = Table(
    "goal_changes",
    metadata,
    Column("id", String, primary_key=True),  # its place in the turn or the job that made it
    Column("agent", String, nullable=False),
    Column("whose", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("name", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("source", String, nullable=False),  # the message that led to it
    Column("at", BigInteger, nullable=False),
    Index(None, "agent", "whose", "subject", "name"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("id", String, primary_key=True),  # a memory or message that was forgotten, and may not come back
    Column("at", BigInteger, nullable=False),
)

# --- what waits for a human, a time or a platform ------------------------------------------------------------

approvals = Table(
    "approvals",
    metadata,
    Column("id", String, primary_key=True),
    Column("turn", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("room", String, nullable=False),
    Column("call", Text, nullable=False),
    Column("digest", String, nullable=False),  # of agent, action definition and arguments: what may run
    Column("reason", String, nullable=False, server_default=""),  # why it is asked for, beside the permissions
    Column("state", String, nullable=False),  # pending | approved | edited | refused | expired | used
    Column("decided_by", String, nullable=False, server_default=""),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("slot", String, nullable=False, server_default=""),  # whose words wait; empty: it is an action's call
    Index(None, "state", "expires_at"),
    Index(None, "slot"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", String, primary_key=True),
    Column("timing", String, nullable=False),  # a hash of when it comes up; empty: no file says it now
    Column("cursor", BigInteger, nullable=False),  # the slot up to which all have their records
    Column("paused", String, nullable=False, server_default=""),  # by whom; empty: it runs
    Column(
        "troubled", Boolean, nullable=False, server_default=text("0")
    ),  # what failed was told, and none was done since
)

calls = Table(
    "calls",
    metadata,
    Column("key", String, primary_key=True),  # a limit: an agent, or * for all, and its pattern of actions
    Column("turn", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index(None, "key", "at"),
)

slots = Table(
    "slots",
    metadata,
    Column("id", String, primary_key=True),  # schedule@slot
    Column("schedule", String, nullable=False),
    Column("agent", String, nullable=False),
    # planned | preparing | waiting for approval | due | done | missed | skipped | failed
    Column("state", String, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("begins_at", BigInteger, nullable=False, server_default=text("0")),  # later than due_at by its jitter
    Column("until", BigInteger, nullable=False, server_default=text("0")),  # later than this it is missed
    Column("work", String, nullable=False, server_default=""),  # say | generate | task | approved
    Column("text", Text, nullable=False, server_default=""),
    Column("message", String, nullable=False, server_default=""),  # whose turn does the work
    Column("reason", Text, nullable=False, server_default=""),
    Column("covers", Integer, nullable=False, server_default=text("1")),  # so many slots share this record
    Column("told", Boolean, nullable=False, server_default=text("0")),  # of one that failed or was missed
    Column("tries", Integer, nullable=False, server_default=text("0")),  # how often it was tried again
    Index(None, "schedule", "due_at"),
    Index(None, "state"),
    Index(None, "message"),
)

posts = Table(
    "posts",
    metadata,
    Column("id", String, primary_key=True),
    Column("client", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("slot", String, nullable=False, server_default=""),
    Column("state", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("digest", String, nullable=False),  # of what goes out: what somebody approved
    Column("version", Integer, nullable=False, server_default=text("0")),
    Column("wakes_at", BigInteger, nullable=False, server_default=text("0")),  # nothing is tried before
    Column("media", String, nullable=False, server_default=""),  # the platform's id of what is live
    Column("at", BigInteger, nullable=False),
    Index(None, "state", "wakes_at"),
    Index(None, "client", "media"),
)

post_steps = Table(
    "post_steps",
    metadata,
    Column("post", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("state", String, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

post_files = Table(
    "post_files",
    metadata,
    Column("client", String, primary_key=True),
    Column("digest", String, primary_key=True),  # SHA-256 of a file that was published, or is about to be
    Column("post", String, primary_key=True),
    Column("path", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)
