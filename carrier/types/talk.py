"""Who speaks, where and what: messages on their way in, answers on their way out."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from carrier.types.models import ActionResult


class Lane(NamedTuple):
    """One agent in one room: its messages are answered in order, one turn at a time."""

    agent: str
    room: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message; `path` is relative to the data folder, `text` what a model may read of it."""

    name: str
    media_type: str
    size: int
    path: str = ""
    text: str = ""
    url: str = ""
    """Where its client may fetch it; empty: it is all here, or only named."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something said in a room, as every door hands it over."""

    client: str
    platform_id: str
    """The platform's own id: the same message delivered twice has the same."""
    room: str
    """`client/room`, as in `api/@anna`."""
    sender: str
    """The entity, `platform:id`, whichever client saw it."""
    text: str
    sender_name: str = ""
    kind: Literal["chat", "schedule", "api", "approval", "ask", "command"] = "chat"
    addressed: bool = True
    to: str = ""
    """The agent a door was asked for; empty: the client's own routes decide."""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = ()
    direct: bool = False
    """Said to nobody else, as in a direct message."""
    bot: bool = False
    """Who says it is a program."""
    roles: tuple[str, ...] = ()
    """The platform's ids of the roles that the sender has there."""
    within: tuple[str, ...] = ()
    """The places that hold the room, the nearest first, each with what it is: `room:12`, `category:3`, `guild:4`."""
    gathered: tuple[str, ...] = ()
    """The ids of what the same person said right before it, where its text holds that as well."""
    created_at: int = 0
    """When the platform says it was said; 0: not known."""
    at: int = 0
    """Its place in the room's order; given by the ledger at intake."""

    @property
    def id(self) -> str:
        return f"{self.client}:{self.platform_id}"


@dataclass(frozen=True, slots=True)
class RoomView:
    """A room as people on its platform see it."""

    name: str
    topic: str = ""
    kind: str = ""
    """As in `channel`, `thread`, `direct message`."""
    within: tuple[str, ...] = ()
    """The names of what holds it, the nearest first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a room's recent window."""

    id: str
    sender_name: str
    text: str
    at: int
    own: bool
    """Said by the agent that is looking."""
    sender: str = ""
    """The entity that said it."""


Outcome = Literal["answered", "silent", "held", "failed", "dead"]


@dataclass(frozen=True, slots=True)
class Response:
    """What an agent answers in the end: `outcome` says how it came about."""

    text: str
    outcome: Outcome = "answered"


SILENCE = Response("", "silent")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a turn ended: the texts it said, in order, and what came of its actions."""

    turn: str
    agent: str
    room: str
    outcome: Outcome
    texts: tuple[str, ...]
    results: tuple[ActionResult, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Something for a client to put on its platform; `key` is the same at each attempt."""

    key: str
    client: str
    room: str
    text: str
    agent: str = ""
    reply_to: str = ""
    """The platform id of the message that is answered."""
    attachments: tuple[Attachment, ...] = ()
    """Files that go with it: each with its `text`, or a `path` in the data folder."""
    asks: str = ""
    """The number of the approval that it asks for."""
    name: str = ""
    """Who says it, for people to read."""
    thread: str = ""
    """The platform id of the message whose thread it belongs into; empty: into the room itself."""
    edits: str = ""
    """The platform id of what was shown of it before, whose place it takes."""
    at: int = 0
    """When it was put into the outbox."""
    others: tuple[str, ...] = ()
    """The platform's ids of what else was sent there: none of it is this. Given where it is looked for."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody is told who asked something of the host itself; `done` says whether it was done."""

    text: str
    done: bool = True


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who speaks in a room."""

    id: str
    """The entity, `platform:id`."""
    name: str


Respond = Literal["addressed", "always", "decide", "never"]
