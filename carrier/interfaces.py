"""What a part must look like: the protocols, and `Turn`, the one argument that user-written code receives."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from carrier.errors import ActionError
from carrier.types.agents import Agent
from carrier.types.memory import Goal, GoalChange, Memory, Recalled, Scope, Summary
from carrier.types.models import UNPRICED, ActionResult, Completion, ModelLimits, Prices, Request, Tool
from carrier.types.posts import Fault, Fit, Hosted, PostContent, PostFile, PostKind, SourceFile
from carrier.types.talk import Attachment, Line, Message, Outgoing, Person, Response, RoomView, Told

T = TypeVar("T")

# --- a turn, as user-written code sees it ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Left:
    """What a turn may still use."""

    seconds: float
    steps: int


class AskModel(Protocol):
    def __call__(
        self, system: str, text: str, *, purpose: str, model: Literal["large", "small"] = "small"
    ) -> Awaitable[str]:
        """Ask a model one thing; journaled, so that an answer is never paid for twice."""


class Once(Protocol):
    @property
    def key(self) -> str:
        """Whose journal it is, and which part's place in it: the same when it is run again after a crash."""

    def __call__(self, name: str, work: Callable[[], Awaitable[T]], form: type[T] = ...) -> Awaitable[T]:
        """Give back what the journal holds under this name, else do the work and write its result down.

        A result is kept as JSON and comes back as `form`.
        """


@dataclass(frozen=True, slots=True)
class Turn:
    """One pass through the loop: data, and five functions. Nothing else of the host can be reached from it."""

    message: Message
    agent: Agent
    state: Mapping[str, object]
    """What each provider said, by the provider's name."""
    results: tuple[ActionResult, ...]
    left: Left
    say: Callable[[str], Awaitable[None]]
    """Say something now, beside the answer; it passes the gates and is sent once."""
    ask_model: AskModel
    recall: Callable[[str], Awaitable[list[Recalled]]]
    remember: Callable[[str], Awaitable[None]]
    """Keep a fact about who spoke."""
    once: Once


# --- what an action leaves to be written ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SayIn:
    """Words for another room, `client/room`; they pass the gates."""

    room: str
    text: str


@dataclass(frozen=True, slots=True)
class SayLater:
    """Words for the turn's own room at a moment, in microseconds since 1970; they pass the gates."""

    id: str
    text: str
    at: int
    most: int
    """So many may wait for the room."""


@dataclass(frozen=True, slots=True)
class Unsay:
    """Words for later that are not said after all."""

    id: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """The conversation goes to another agent, which also answers the message at hand."""

    to: str
    summary: str


Deed = SayIn | SayLater | Unsay | HandOver | GoalChange


@dataclass(frozen=True, slots=True)
class Done:
    """What an action may return where a text is not all: its deeds are written in the transaction that ends it.

    So they happen once, whenever the process dies; where one cannot be written, none is, and the action has failed.
    """

    text: str
    deeds: tuple[Deed, ...] = ()
    ends: bool = False
    """The agent says nothing more in this turn."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Words that an agent says later."""

    id: str
    agent: str
    room: str
    text: str
    at: int
    """When, in microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class PastResult:
    """What came of an action in an earlier turn."""

    result: ActionResult
    seconds: float
    """So long ago."""


# --- the parts ---------------------------------------------------------------------------------------------


async def _nothing(*asked: object) -> list[Any]:
    return []


async def _nobody(*asked: object) -> str:
    raise ActionError("nobody is here to be asked")


async def _none(*asked: object) -> None:
    return None


def _unknown(room: str) -> None:
    return None


async def _idle(action: str, message: Message, arguments: Mapping[str, Any]) -> object:
    raise ActionError(f"{message.client} has no {action}")


@dataclass(frozen=True, slots=True)
class Given:
    """What a part is handed when it is made, as `Part(settings, given)`: the few things of the host it may use."""

    recent: Callable[[Turn, int], Awaitable[list[Line]]]
    """The last lines of the turn's room before its message, oldest first."""
    secrets: Callable[[], Collection[str]]
    """The values no text may carry out."""
    now: Callable[[], datetime]
    people: Callable[[Turn, int], Awaitable[list[Person]]] = _nothing
    """Who speaks in the turn's room, the latest first."""
    facts: Callable[[Turn, Sequence[Person], int], Awaitable[list[Memory]]] = _nothing
    """What is known of people, as far as the agent's memory goes, the newest first."""
    documents: Callable[[Turn, str, int], Awaitable[list[Recalled]]] = _nothing
    """What comes up for a text in what the agent was given to read, strongest first."""
    goals: Callable[[Agent, str, Collection[str]], Awaitable[list[Goal]]] = _nothing
    """What an agent is after in a room, and for these people, as far as its memory goes."""
    summary: Callable[[Agent, str], Awaitable[Summary | None]] = _none
    """What was said in a room, as an agent has summed it up so far."""
    said: Callable[[Agent, str, int, int], Awaitable[list[Line]]] = _nothing
    """What people and the agent itself said in a room, after one place of its order through another, oldest first."""
    waiting: Callable[[Turn], Awaitable[list[Waiting]]] = _nothing
    """What the agent says later in the turn's room, the next first."""
    results: Callable[[Turn, int, float], Awaitable[list[PastResult]]] = _nothing
    """What came of the agent's last actions in the turn's room: so many, within so many seconds, the newest first."""
    colleague: Callable[[str], Agent | None] = lambda name: None
    """An agent of that name, as it lives now."""
    ask: Callable[[Turn, str, str], Awaitable[str]] = _nobody
    """What a colleague, by name, answers to a question within the turn; raises ActionError where it does not."""
    view: Callable[[str], RoomView | None] = _unknown
    """A room as people on its platform see it, if its client can tell."""
    act: Callable[[str, Message, Mapping[str, Any]], Awaitable[object]] = _idle
    """Have the client of a message do something on its platform; raises ActionError."""
    data: Path = Path()
    """The data folder, where a part may keep files of its own."""
    tell: Callable[[str, str], Awaitable[None]] = _none
    """Tells a client's operator, by the client's name, what only the operator can mend."""


class Deliver(Protocol):
    """Where a client hands over what it hears: what has returned is on disk. Most clients only call it."""

    async def __call__(self, message: Message, cursor: str = "") -> None:
        """Take a message in: when it returns, it may be acknowledged. The same one again is only found.

        `cursor` says where the client goes on in that room after a restart; it is kept together with the message.
        """

    async def edited(self, message: Message, follow: bool = True) -> None:
        """What was said before is another text now, with other files: it is what is answered, if it was not yet. With
        `follow` it is what prompts and memory know afterwards, too."""

    async def withdrawn(self, platform_ids: Collection[str], forget: bool = False) -> None:
        """What was said before was taken back: it is answered no more, and leaves prompts and memory. With `forget`
        its words are kept nowhere."""

    async def command(self, name: str, message: Message) -> Told:
        """What the sender of a message asks of the host itself, not of an agent, in that room: `approve` or `refuse`
        (its text is the number of what waits), `status`, `pause` (for how long), `forget-me`."""

    async def tools(self, names: Collection[str]) -> Sequence[Tool]:
        """Of these actions those that the client's agents have, for it to offer them to people."""

    async def call(self, action: str, arguments: Mapping[str, Any], message: Message) -> Told:
        """Have the agent that answers in a message's room run an action for its sender, as far as it may: on disk when
        it returns, and what comes of it is said in the room. It is told why nobody there can."""

    async def cursors(self) -> Mapping[str, str]:
        """Where the client goes on, by room."""

    async def move(self, cursors: Mapping[str, str]) -> None:
        """Keep where the client goes on, by room."""


class Client(Protocol):
    """A door to a platform. It translates at its border and nothing else.

    It is sent what leaves, in order within a room, and one at a time.

    Three things it may have, for the day its configuration changes: `ready`, an `asyncio.Event` that it sets once it is
    connected (without it, it counts as connected when it has gone on for a moment); `ready_within`, seconds, if that
    may take longer than ten; and on its class `alone = True` where only one may run at a time, as with a token or a
    terminal. Unless it is alone, the new one is connected before the old one stops.
    """

    async def run(self, deliver: Deliver) -> None:
        """Live until cancelled. Returning ends the client; an error is retried with growing pauses,
        `Unauthorized` never."""

    async def send(self, outgoing: Outgoing) -> str:
        """Put it on the platform and return the platform's id for it; raises `Passing` or `Refused`."""

    async def find(self, outgoing: Outgoing) -> str | None:
        """Look whether an earlier attempt was taken: its platform id or None; raises `CannotLook`."""


class AbleClient(Client, Protocol):
    """What a client may be able to do besides. The host looks for each by its name, and does without."""

    def split(self, outgoing: Outgoing) -> Sequence[Outgoing]:
        """What the platform takes as several messages, each with a key of its own. Called in the transaction that ends
        a turn: it follows from the text alone."""

    def composing(self, message: Message, on: bool) -> None:
        """An agent begins to write an answer, or has ended; several may write in one room."""

    async def fetch(self, message: Message, data: Path) -> Sequence[Attachment]:
        """The files of a message, put into the data folder as far as they are wanted; the others are only named."""

    shows: bool
    """Whether answers are shown there while they grow. Then `send` has what it is given take the place of what it
    `edits`, and the client has the next two."""

    async def show(self, outgoing: Outgoing) -> str:
        """Put the beginning of an answer into its room, or what has grown of it into the place of what it `edits`;
        returns the platform's id for it. Raises `Passing` when that may not be changed yet."""

    async def take_back(self, outgoing: Outgoing) -> None:
        """Remove what it `edits`, if it is still there."""

    def view(self, room: str) -> RoomView | None:
        """A room as people see it, if that is known now."""

    def refresh(self) -> None:
        """What it offers of its agents' actions may be other than it was: the files have changed, or a toolbox has."""

    async def act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> object:
        """Do on the platform what an action of its own asks for, where a message was said; raises ActionError.

        After a decision that is the message which led to it."""


class Listener(Protocol):
    """A client that is told by webhook what happens, at `/hooks/NAME`."""

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What to answer a platform that asks whether the address is ours; None: it was not asked for."""

    async def hear(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Message]:
        """What is told; raises Refused unless it is surely the platform that tells it, and Passing when it has to be
        told again, for what it is about cannot be read now."""


class Action(Protocol):
    """Something an agent can do. `parameters` is a JSON Schema object; arguments arrive validated against it.

    It may have `consequential`: True, or the names of arguments. These then have to be words of who has caused the
    call, unless a file says something else; a call with other words is asked for.
    """

    name: str
    parameters: Mapping[str, object]
    repeat: Literal["never", "keyed", "safe"]

    @property
    def description(self) -> str:
        """What a model is told that it is good for; asked for anew with each question."""

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        """Do it. What comes back is shown to the model (text, anything JSON can say, or `Done`);
        `ActionError` tells it why not."""


class Toolbox(Protocol):
    """One definition that stands for several actions, which are known once it is open."""

    async def open(self) -> Mapping[str, Action]:
        """The actions, by the name that agents call them by; raises UnknownPart when there can be none."""

    async def close(self) -> None:
        """Lets go of what it holds; nobody calls its actions any more."""


class ChangingToolbox(Toolbox, Protocol):
    """One whose actions may become others while it is open."""

    changed: Callable[[Mapping[str, Action]], None]
    """Called on the event loop with the actions there are now, whenever they are others; for its owner to set."""


class Provider(Protocol):
    """Part of the state: what it returns stands in the templates under the provider's name.

    It may have `seconds`, its own time limit.
    """

    async def __call__(self, turn: Turn) -> object: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's judgement: pass the text on, as it is or changed; or hold it, with the reason."""

    text: str
    held: str = ""
    attempts: int = 0
    """How often an answer that is held may be written anew, by the reason it is held for."""


class Gate(Protocol):
    """An evaluator that stands before everything that leaves. One that raises holds the text.

    One with a `stage` of "message" judges the message instead, before a model is asked. Where it holds it or changes
    it, the turn ends: with the operator's words, or with what it was changed to. One with `arguments = True` also
    judges what actions are called with: a call whose arguments it would hold or change is not run. One with
    `notices = True` also judges what is told of a call to those who may approve it.
    """

    async def __call__(self, turn: Turn, text: str) -> Verdict: ...

    def preview(self, growing: str) -> str | None:
        """Of a text that still grows, the beginning that may be shown already; None: only the whole can be judged."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a reflection looks back on: the lines of a room since it last did, oldest first."""

    agent: Agent
    room: str
    lines: tuple[Message, ...]
    response: Response | None = None
    known: Mapping[int, Memory] = field(default_factory=dict)
    """By number what is known already of those who spoke, and holds; only for a reflection that `knows`."""
    people: tuple[Person, ...] = ()
    """Who speaks in the room, the latest first; for one that `knows`."""


class Reflection(Protocol):
    """An evaluator that runs after the answer, off its path; what it returns is kept.

    It may have `knows`, a kind of memories: then it is told what is known of that kind, and who is there.
    """

    every: int
    """It is due when so many messages have come into a room since it last ran."""

    async def __call__(self, exchange: Exchange, ask_model: AskModel) -> Sequence[Memory | GoalChange | Summary]: ...


class Model(Protocol):
    """A language model. Errors are `ModelError`, with what may help.

    It may have `prices`, a coroutine that returns `types.Prices`: budgets in dollars hold what a question may cost by
    them until its answer says what it did.
    """

    name: str
    """As the operator would write it: `scripted/tifa`, `openai/gpt-5`."""

    async def complete(self, request: Request) -> Completion: ...

    def stream(self, request: Request) -> AsyncIterator[str | Completion]:
        """The text piece by piece, then the whole completion as the last item."""


async def prices_of(model: object) -> Prices:
    """What a model says of its prices."""
    told = getattr(model, "prices", None)
    found: Prices = await told() if told else UNPRICED
    return found


class Embedder(Protocol):
    """Turns texts into vectors of `size` floats of length 1."""

    space: str
    """Names the model and its file: vectors of different spaces are never compared."""
    size: int

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]: ...


class MemoryLog(Protocol):
    """The ledger's queue of what memory must take in, handed to the memory system."""

    async def waiting(self, limit: int, after: int = 0) -> list[tuple[int, Memory]]:
        """What is not yet durable in the memory store, oldest first, as (position, memory), from a position on."""

    async def remembered(self, ids: Collection[str]) -> None:
        """These are on the memory store's disk: forget that they wait."""


@dataclass(frozen=True, slots=True)
class StoreGiven:
    """What a memory store is handed when it is made, as `Store(settings, given)`."""

    folder: Path
    """Where it may keep files; nobody else does."""
    log: MemoryLog
    embedder: Embedder | None
    """None: the host is told to do without vectors."""
    rebuild: Callable[[], Awaitable[object]]
    """Puts all that was ever said into the log again: for a store that is new, or has lost something."""


@dataclass(frozen=True, slots=True)
class Container:
    """A post that a platform has been told of, and how far it is with it; `why` says what it says of an error."""

    id: str
    status: Literal["in progress", "finished", "published", "error", "expired", "gone"]
    why: str = ""
    passes: bool = False
    """Of an error: the platform's own, that another container may not meet."""


@dataclass(frozen=True, slots=True)
class LivePost:
    """A post as everybody sees it; `at` is in seconds since 1970."""

    id: str
    kind: str
    caption: str
    at: float
    permalink: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many posts the platform has counted within so many seconds, and how many it takes; None: it does not say."""

    used: int
    total: int | None
    seconds: float


class Publisher(Protocol):
    """A client that puts posts on its platform, one call at a time; each raises PostError, and none repeats itself."""

    takes_videos: bool
    """Whether there are videos that are sent to it, instead of being fetched from somewhere."""

    def sends(self, content: PostContent) -> bool:
        """Whether this one's is: then `send` follows `create`, and its file has no place in `urls`."""

    async def send(self, container: str, file: Path) -> None:
        """Its video, or what is left of it after an attempt that broke off."""

    def parts(self, content: PostContent, urls: Sequence[str]) -> Sequence[Mapping[str, object]]:
        """What is told of a carousel's pictures, one by one, before it is told of the whole; empty for all else.

        `urls` is where its files are fetched, the cover's last where it has one.
        """

    def whole(self, content: PostContent, urls: Sequence[str], parts: Sequence[str]) -> Mapping[str, object]:
        """What is told of the post; `parts` are the containers of its pictures."""

    async def quota(self) -> Quota: ...

    async def create(self, parameters: Mapping[str, object]) -> str:
        """Tell the platform of a post or a part of one; returns the container's id."""

    async def container(self, id: str) -> Container: ...

    async def publish(self, container: str) -> str:
        """Order it to be published; returns the id of what is live. Tried once: what follows an error is up to who
        asked."""

    async def recent(self, since: float) -> Sequence[LivePost]:
        """What is live since then, in seconds since 1970, the newest first; stories too."""

    async def permalink(self, id: str) -> str: ...

    async def comment(self, id: str, text: str) -> str:
        """Put a comment below what is live; returns the comment's id."""

    async def own_comments(self, id: str) -> Sequence[tuple[str, str]]:
        """The account's own comments below it, as (id, text)."""

    async def insights(self, id: str, kind: PostKind) -> Mapping[str, int]:
        """What was counted of it so far, by name; what is not told is not known."""


class Darkroom(Protocol):
    """Finds the operator's pictures and videos, and makes of them what goes out."""

    data: Path
    """The folder that what goes out has its path from."""

    async def found(self, patterns: Sequence[str]) -> list[tuple[SourceFile, ...]]:
        """What could be a post: each file that a pattern finds, or all of each folder, where it ends in `/`; what
        stands at an address; what was kept under a name. Raises Unfit."""

    async def told(self, name: str) -> SourceFile:
        """The file that somebody else named, by its path or its address; raises Unfit."""

    async def keep(self, name: str, content: bytes) -> str:
        """What `found` finds it by from now on, until no post can want it any more."""

    async def develop(
        self,
        files: Sequence[SourceFile],
        kind: PostKind,
        fit: Fit | None,
    ) -> tuple[PostFile, ...]:
        """What goes out, in the data folder, mended where that is asked for; raises Unfit."""

    async def keep_until(self, files: Sequence[PostFile], at: float) -> None:
        """What was developed is wanted at a time, in seconds since 1970, however far that is."""

    async def faults(self, content: PostContent) -> tuple[Fault, ...]:
        """What the platform would refuse or spoil of a post, by the names of the operator's own files."""

    def word_faults(self, caption: str) -> tuple[Fault, ...]:
        """The same of a caption."""


class MediaHost(Protocol):
    """A place where platforms fetch pictures and videos. Its errors are `Passing` and `Refused`."""

    async def put(self, file: Path, media_type: str) -> Hosted:
        """The file where everybody can fetch it; it was fetched from there before this returns."""

    async def remove(self, name: str) -> None:
        """Take it away; what is gone already is no error."""

    async def sweep(self, older: float) -> list[str]:
        """Take away what was put there more than so many seconds ago and is not needed; returns the names."""


@dataclass(frozen=True, slots=True)
class MemoryState:
    """How the memory system stands; `problem` is empty while all is well."""

    ready: bool
    stored: int
    waiting: int
    without_vector: int
    embeddings: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ModelState:
    """How a model stands with its host, for all agents that use it."""

    profile: str
    model: str
    breaker: Literal["closed", "open", "half-open"]
    """Closed while it answers; open while it is left alone; half-open while one request looks whether it is back."""
    failures: int
    """In a row."""
    again_in: float
    """Seconds until it is asked again, for its breaker or because it wants rest; 0: now."""
    under_way: int
    """Requests that have a place, or where places are not limited, all."""
    requests: float
    """Within the last minute, where they are limited, as tokens are."""
    tokens: float
    limits: ModelLimits


class Memories(Protocol):
    """The memory system: what can be recalled. It derives from the ledger and may be rebuilt from it.

    It is entered before anything else is asked of it, with `async with`, and left last.
    """

    def open(self) -> None:
        """Begin to load the store, beside what else goes on; until then recall knows only what was put."""

    def expect(self, text: str) -> None:
        """A text that will be put, and perhaps asked for, in a moment: begin what takes time."""

    def put(self, memories: Sequence[Memory]) -> None:
        """Take in what the ledger's log already holds; it can be recalled at once, and is stored soon."""

    async def recall(
        self, scope: Scope, text: str, limit: int, skip: Collection[str] = (), seconds: float = 1.0, here: str = ""
    ) -> list[Recalled]:
        """What comes up for a text, strongest first; ids in `skip` do not. Past `seconds` by text alone.

        What is only claimed comes up half as strongly, and what is private in its own room only: the scope's, or
        `here`.
        """

    async def forget(self, ids: Collection[str]) -> None:
        """Return when nothing of these can be recalled any more; the ledger's log must have forgotten them before."""

    def state(self) -> MemoryState: ...
