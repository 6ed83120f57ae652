"""The nouns everybody shares: plain frozen values that say what is, and do nothing.

Times are microseconds since 1970 in UTC, as the ledger's clock gives them (`at`): strictly increasing
within one ledger, so they order as well as date. Ids say their cause and are the same after a crash.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import Base64Encoder, EncodedBytes, SecretStr

# --- who is speaking, and where -----------------------------------------------------------------


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


# --- what a model is told, and what it answers ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action a model asked for; the id is the model's own."""

    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came of a call; `text` is what the model reads of it."""

    call: ActionCall
    status: Literal["done", "failed", "pending", "in doubt"]
    text: str
    ends: bool = False
    """The agent wants to say nothing more in this turn."""

    @property
    def ok(self) -> bool:
        return self.status == "done"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model to look at: a file, or its bytes."""

    media_type: str
    path: str = ""
    data: Annotated[bytes, EncodedBytes(encoder=Base64Encoder)] = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of the conversation a model reads."""

    role: Literal["user", "assistant", "tool"]
    text: str
    name: str = ""
    """Who spoke (role user), or the action (role tool)."""
    calls: tuple[ActionCall, ...] = ()
    call_id: str = ""
    images: tuple[Image, ...] = ()
    """Sent to a model that sees; others are told that they are there."""
    by_host: bool = False
    """A result that is the host's own word: nothing in it comes from outside."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The composed context of a turn: the rendered template, and the conversation up to the message to answer."""

    system: str
    conversation: tuple[Said, ...]
    left_out: tuple[str, ...] = ()
    """What did not fit, in words for the operator; no model is told."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An action as a model sees it: `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model."""

    prompt: Prompt
    tools: tuple[Tool, ...] = ()
    purpose: str = "chat"
    """What the answer is for: `chat`, or the name of the evaluator that asks."""
    agent: str = ""
    schema: Mapping[str, object] | None = None
    """A JSON Schema that the answer fits, where set: its text is then one JSON value and nothing else."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took; cost in US dollars, 0 where no price is known."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model takes for a token, in US dollars; 0: nobody knows."""

    read: float = 0.0
    written: float = 0.0


UNPRICED = Prices()


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer: text, calls, or both."""

    text: str
    calls: tuple[ActionCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""


# --- what leaves, what stays ------------------------------------------------------------------------

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


Trust = Literal["given", "said", "claimed"]
"""How far a memory can be trusted: `given` by the operator to read; `said` by whom it is of; `claimed` by somebody of
another, or by a model that has made it of what it read."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A thing kept, with where it came from: recall never crosses its agent, nor its room unless the scope says so."""

    id: str
    agent: str
    room: str
    entity: str
    """Whom it is about or who said it."""
    kind: Literal["message", "reply", "fact", "relationship", "document"]
    text: str
    at: int
    name: str = ""
    """The speaker's name, for telling it again."""
    source_ids: tuple[str, ...] = ()
    revision: str = ""
    trust: Trust = "said"
    private: bool = False
    """Said in a direct message: it is recalled nowhere else."""
    confidence: float = 1.0
    """What part of its words stands in the words it was made of, 0 to 1; what is kept word for word has 1."""
    other: str = ""
    """Whom else it is about: of a claim, who it is made of; of a relationship, who it is with."""
    instead_of: str = ""
    """The id of the memory whose place it takes."""
    until: int = 0
    """When it stopped holding; 0: it holds. Only the ledger knows: a memory store need not keep it."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said in a room in a few words, from one place of the room's order through another."""

    text: str
    since: int
    through: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """A memory that came up, and how strongly (0 to about 1)."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class Scope:
    """Where to look: always one agent; one room or one person within it where set."""

    agent: str
    room: str = ""
    entity: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who speaks in a room."""

    id: str
    """The entity, `platform:id`."""
    name: str


Whose = Literal["agent", "room", "person"]
"""Whom a goal is for."""


# --- what is published ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostFile:
    """A picture or a video as it goes out, by its path from the data folder and the SHA-256 of what it held."""

    path: str
    digest: str
    media_type: str
    source: str = ""
    """The operator's own file that it was made from; empty: it is that file itself."""
    source_digest: str = ""


PostKind = Literal["image", "carousel", "reel", "story"]
Fit = Literal["crop", "pad", "convert"]
"""How a picture is mended: by JPEG, colours and size alone (`convert`), or to a ratio that is taken, too."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An operator's file, by its path from the project's folder; `at` is when it was last changed, in seconds."""

    path: str
    digest: str
    at: float


@dataclass(frozen=True, slots=True)
class PostTag:
    """Somebody who is seen, and where: from the left and from the top, as shares of the whole."""

    username: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class PostContent:
    """What goes out, to the letter."""

    kind: PostKind
    files: tuple[PostFile, ...]
    caption: str = ""
    first_comment: str = ""
    alt_text: str = ""
    collaborators: tuple[str, ...] = ()
    user_tags: tuple[PostTag, ...] = ()
    location_id: str = ""
    cover: PostFile | None = None
    thumb_offset: float = 0.0
    """Of a reel: seconds to the frame that stands for it."""
    share_to_feed: bool | None = None
    """Of a reel; None: as the platform does it."""
    trial: Literal["", "manual", "performance"] = ""
    """Of a reel that is first shown to strangers: how it is shown to all."""
    ai_generated: bool = False


@dataclass(frozen=True, slots=True)
class Hosted:
    """A file that the world can fetch: what it is called there, and where."""

    name: str
    url: str
    size: int
    media_type: str


PostState = Literal[
    "draft",  # waits for somebody to approve it
    "approved",  # goes out when its time has come
    "uploading",  # its files are being put where they can be fetched
    "creating",  # the platform is being told of it
    "preparing",  # the platform fetches and prepares it
    "ordered",  # it was told to publish it, and it is not known yet whether it did
    "published",  # it is live; its first comment may still be due
    "done",
    "failed",
    "unconfirmed",  # nobody can say whether it is live: somebody has to look
    "missed",  # its time had passed before it could be ordered
    "rejected",
]
OVER: frozenset[PostState] = frozenset(("done", "failed", "unconfirmed", "missed", "rejected"))
"""Nothing more happens by itself."""


@dataclass(frozen=True, slots=True)
class Post:
    """Something to publish, and how far it has got; times as the ledger has them."""

    id: str
    client: str
    agent: str
    content: PostContent
    state: PostState
    due: int
    """When it is to go out."""
    expires: int
    """Not ordered by then, it is missed."""
    slot: str = ""
    version: int = 0
    """Of this row: who changes it has to have seen the newest."""
    hosted: tuple[Hosted, ...] = ()
    parts: tuple[str, ...] = ()
    container: str = ""
    sent: bool = False
    """Its video has been sent to the platform, where the platform does not fetch it."""
    since: int = 0
    """When its state began."""
    ordered: int = 0
    resent: bool = False
    media: str = ""
    """The platform's id of what is live; empty: not known."""
    permalink: str = ""
    comment: str = ""
    """Of the first comment: empty, `begun`, or its id."""
    attempts: int = 0
    """Of what is being tried."""
    renewals: int = 0
    """How often it was begun anew with another container."""
    wakes: int = 0
    """Nothing is tried before."""
    reason: str = ""
    """Why it waits, or how it ended."""
    stuck: bool = False
    """It waits for somebody to see to the account."""

    @property
    def digest(self) -> str:
        """Of all that goes out: what somebody approves."""
        return sha256(repr((self.client, self.content)).encode()).hexdigest()


# --- who an agent is: files resolved into values that hold all they rest on ---------------------------


@dataclass(frozen=True, slots=True)
class Example:
    user: str
    agent: str


@dataclass(frozen=True, slots=True)
class LoreEntry:
    """Something that is told when one of its keys comes up in the conversation."""

    content: str
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    """Where set, one of these has to come up as well."""
    constant: bool = False
    """Always told."""
    case_sensitive: bool = False
    regex: bool = False
    """The keys are regular expressions."""
    order: int = 100
    """Lower is told first."""
    after: bool = False
    """Told after the character rather than before."""


@dataclass(frozen=True, slots=True)
class Lorebook:
    entries: tuple[LoreEntry, ...] = ()
    depth: int = 4
    """How many of the last lines are searched for keys."""
    characters: int = 8000
    """How much of it may be told at once."""


@dataclass(frozen=True, slots=True)
class Character:
    """Who it is; its words are told as they stand, with only {{char}} and {{user}} filled in."""

    name: str
    display_name: str
    system: str = ""
    bio: tuple[str, ...] = ()
    lore: tuple[str, ...] = ()
    personality: str = ""
    scenario: str = ""
    topics: tuple[str, ...] = ()
    adjectives: tuple[str, ...] = ()
    style: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists under `all`, `chat`, `post`."""
    greetings: tuple[str, ...] = ()
    message_examples: tuple[tuple[Example, ...], ...] = ()
    post_examples: tuple[str, ...] = ()
    username: str = ""
    lorebook: Lorebook = Lorebook()


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template's text as it was when the catalog was made; its includes stand beside it by name."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One thing a scripted model does: exactly one of say, call, fail."""

    say: str = ""
    call: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    fail: str = ""
    """rate_limit | timeout | unavailable | bad_request"""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """When a rule applies, and what then happens; patterns are regular expressions, ignoring case."""

    purpose: str = "chat"
    when: tuple[str, ...] = ()
    """Any of these is found in the last message; none: always."""
    given: str = ""
    """And this is found in what the model was told."""
    after: str = ""
    """And the last thing was this action's result."""
    steps: tuple[tuple[ScriptStep, ...], ...] = ()
    """Variants, used one after the other; each is a sequence of steps, one for each call of the model in a turn."""


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    rules: tuple[ScriptRule, ...]


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of the project that holds the code of a part, as it was when the catalog was made."""

    folder: Path
    """The project's folder, which names of files start from."""
    code: str = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model is asked for at most; 0: no limit."""

    requests: float = 0.0
    """A minute."""
    tokens: float = 0.0
    """A minute."""
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A model by the operator's name for it; `use` is `auto`, or `provider/model`."""

    name: str
    use: str
    timeout: float = 60.0
    base_url: str = ""
    api_key: SecretStr | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    window: int = 0
    """Tokens that it reads, as `params: { max_input_tokens }` says; 0: not known."""
    scripts: Mapping[str, Script] = field(default_factory=dict)
    """The scripts that `scripted/NAME` or `auto` may come down to, by name."""
    fallback: tuple["ModelProfile", ...] = ()
    """Asked in this order when this one does not answer."""
    limits: ModelLimits = ModelLimits()
    file: PartFile | None = None
    """Where the code is, if `use` is a file of the project's, as in models/parrot.py:Parrot."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a profile came down to, as an operator would write it, and one sentence on why."""

    use: str
    why: str
    base_url: str = ""


@dataclass(frozen=True, slots=True)
class Callers:
    """Who has to have caused a call: one of these people or roles, and in a direct message where it says so.

    Without people and roles it is anybody.
    """

    users: tuple[str, ...] = ()
    """The platform's ids, or `platform:id`."""
    roles: tuple[str, ...] = ()
    direct: bool = False


@dataclass(frozen=True, slots=True)
class ActionRule:
    """What holds for an action whatever is permitted: who may cause it, how often, and in whose words."""

    action: str
    """A name, or a pattern; also of the tools of what it names."""
    by: Callers | None = None
    others: Literal["ask", "deny"] = "deny"
    """What becomes of a call that somebody else has caused."""
    calls: int = 0
    """At most so many within `per`; 0: no limit."""
    per: float = 0.0
    """Seconds."""
    shared: bool = False
    """The limit is one of all agents together."""
    consequential: bool | tuple[str, ...] | None = None
    """Its arguments, or only these, have to be words of who caused the call; None: it is not said."""


@dataclass(frozen=True, slots=True)
class CallExample:
    """With which arguments an action is called when somebody says something."""

    user: str
    call: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ActionDefinition:
    """An action as its file describes it; `digest` covers the code it runs."""

    name: str
    type: str
    description: str = ""
    entrypoint: str = ""
    folder: Path = Path()
    """The project's folder, which entry points in files start from."""
    timeout: float = 30.0
    repeat: Literal["never", "keyed", "safe"] = "never"
    digest: str = ""
    code: str = field(default="", repr=False)
    """The text of the file that the entry point names, as it was when the catalog was made."""
    settings: object = None
    """The block of its type, as `carrier.config.models` has it; nothing for a Python function."""
    rule: ActionRule | None = None
    examples: tuple[CallExample, ...] = ()


@dataclass(frozen=True, slots=True)
class PartDefinition:
    """A provider or an evaluator of the operator's own, as its file describes it; `digest` covers the code it runs."""

    name: str
    """As its agent calls it."""
    type: str
    entrypoint: str = ""
    folder: Path = Path()
    """The project's folder, which entry points in files start from."""
    timeout: float = 5.0
    digest: str = ""
    code: str = field(default="", repr=False)
    """The text of the file that the entry point names, as it was when the catalog was made."""
    stage: Literal["message", "reply", "after"] = "reply"
    """Of an evaluator, as all that follows."""
    question: str = ""
    passes: float = 0.7
    """The score it needs."""
    on_fail: Literal["revise", "replace", "block"] = "block"
    text: str = ""
    """What is said instead, for `replace`."""
    attempts: int = 2
    """Of revising."""
    every: int = 8
    """Messages between two looks back, for `after`."""


@dataclass(frozen=True, slots=True)
class PartUse:
    """A provider or an evaluator that an agent names, with the settings it gives it."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    definition: PartDefinition | None = None
    """Of one of the operator's own, with those settings laid over it; None: it is built in."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What an agent can recall without having been told: files of the project, as patterns of paths, and texts."""

    folder: Path = Path()
    """The project's, which the patterns start from."""
    files: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Goal:
    """What an agent is after, and how far it has got."""

    name: str
    description: str
    steps: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    """Those of the steps that are."""
    note: str = ""
    """How it stands, as it was last noted."""
    whose: Whose = "agent"
    subject: str = ""
    """The room or the entity it is for; empty for the agent's own."""


@dataclass(frozen=True, slots=True)
class GoalChange:
    """Something that becomes of a goal; its own identity is whose it is, the subject and the name."""

    name: str
    change: Literal["set", "progress", "done", "dropped"]
    whose: Whose = "agent"
    subject: str = ""
    description: str = ""
    steps: tuple[str, ...] = ()
    step: str = ""
    """One of the steps, which is done by it."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class MemorySettings:
    recent: int = 32
    recall: int = 8
    scope: Literal["room", "user", "agent"] = "room"


@dataclass(frozen=True, slots=True)
class AgentLimits:
    steps: int = 6
    """Times the model is asked in one turn."""
    turn: float = 300.0
    """Seconds."""
    messages: int = 0
    """Of one person that are answered within `per`; 0: all."""
    per: float = 60.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said when the model cannot speak or may not; empty: silence."""

    failed: str = ""
    held: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What models may take within a time; all who name it share it."""

    name: str
    agents: tuple[str, ...]
    """Who takes from it."""
    cost: float = 0.0
    """US dollars; 0: no limit."""
    tokens: int = 0
    """0: no limit."""
    calls: int = 0
    """Questions; 0: no limit."""
    per: float = 0.0
    """Seconds; 0: within one turn."""
    instead: "ModelProfile | None" = None
    """The model that goes on when it is spent; None: nothing does."""


@dataclass(frozen=True, slots=True)
class Permitted:
    """Actions by the pattern of their names, and with which arguments."""

    action: str
    where: Mapping[str, str] = field(default_factory=dict)
    """Patterns that these arguments look like."""
    by: Callers | None = None
    """Only where these have caused the call."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an agent may do on its model's wish: deny over ask over allow over otherwise."""

    otherwise: Literal["allow", "ask", "deny"] = "allow"
    allow: tuple[Permitted, ...] = ()
    ask: tuple[Permitted, ...] = ()
    deny: tuple[Permitted, ...] = ()


@dataclass(frozen=True, slots=True)
class Approvals:
    """Who is asked, where, and for how long."""

    room: str = ""
    """As `client/room`; empty: nobody is told, and the API and the command line answer."""
    users: tuple[str, ...] = ()
    """The platform's ids of those who may answer there."""
    roles: tuple[str, ...] = ()
    expire: float = 86400.0
    """Seconds."""


Respond = Literal["addressed", "always", "decide", "never"]


@dataclass(frozen=True, slots=True)
class Agent:
    """The resolved definition of an agent: equal agents need no restart."""

    name: str
    character: Character
    model: ModelProfile
    small: ModelProfile
    templates: Mapping[str, str]
    """Which template serves what: `chat` to a template's name."""
    sources: Mapping[str, TemplateFile]
    """Those templates with all they include, by name."""
    description: str = ""
    respond: Respond = "addressed"
    context: tuple[PartUse, ...] = ()
    actions: tuple[ActionDefinition, ...] = ()
    tools: tuple[str, ...] = ()
    """Patterns of the tools it may use of those of its actions that are several, as in `github/get_*`."""
    evaluators: tuple[PartUse, ...] = ()
    memory: MemorySettings = MemorySettings()
    knowledge: Knowledge = Knowledge()
    goals: tuple[Goal, ...] = ()
    limits: AgentLimits = AgentLimits()
    when_down: Literal["say", "wait"] = "say"
    """While none of its models answers: say the words for it, or wait until one does."""
    words: Words = Words()
    budgets: tuple[Budget, ...] = ()
    permissions: Permissions = Permissions()
    rules: tuple[ActionRule, ...] = ()
    """The stronger first: what the agent says of an action, then what the action says of itself."""
    approvals: Approvals = Approvals()
    notify: str = ""
    """The room that is told when a call is in doubt or a turn is given up, as `client/room`; empty: none."""
    timezone: str = "UTC"
    revision: str = field(default="", compare=False)
    """A hash of all the above: turns, memories and events record it. Equal agents have the same."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who is heard at a client; None: everybody, everywhere."""

    guilds: tuple[str, ...] | None = None
    rooms: tuple[str, ...] | None = None
    users: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    """Who has one of these, beside `users`."""
    deny_users: tuple[str, ...] = ()
    dms: bool = True
    bots: Literal["none", "addressed", "all"] = "none"
    """Which bots are answered; all are heard."""


@dataclass(frozen=True, slots=True)
class RoomRules:
    """Who answers in a room, and how."""

    agents: tuple[str, ...] = ()
    """Of several the one that is meant answers; the first, where none is named."""
    respond: Respond | None = None
    """None: as each agent says."""
    actions: tuple[str, ...] | None = None
    """Patterns of what is offered there of the agent's actions; None: all."""
    prompt: str = ""
    """What the agent is told there beside its template."""


@dataclass(frozen=True, slots=True)
class Route:
    """What holds in `room:12`, `category:3` or `guild:4` of a client; what it does not say, a wider place may."""

    place: str
    rules: RoomRules


@dataclass(frozen=True, slots=True)
class ClientRules:
    """What the host does with what comes in at a client and what leaves there."""

    routes: tuple[Route, ...] = ()
    rooms: Mapping[str, str] = field(default_factory=dict)
    """The operator's names for rooms, to their ids."""
    access: Access = Access()
    gather: float = 0.0
    """Seconds that a person has to be silent before they are answered, at once for all they said; 0: no waiting."""
    max_age: float = 86400.0
    """Seconds after which a message is heard, not answered."""
    bot_turns: int = 6
    """Answers to one bot in a row, until a person speaks."""
    dry_run: bool = False
    """Nothing is sent."""


@dataclass(frozen=True, slots=True)
class ClientDefinition:
    """A client as its file describes it; `settings` is the block its own type reads.

    Who answers there is the host's business: clients that differ in nothing else are equal, and need no restart.
    """

    name: str
    type: str
    agent: str = field(default="", compare=False)
    settings: Mapping[str, object] = field(default_factory=dict)
    rules: ClientRules = field(default=ClientRules(), compare=False)
    revision: str = field(default="", compare=False)
    file: PartFile | None = None
    """Where the code is, if the type is a file of the project's, as in clients/irc.py:Irc."""


@dataclass(frozen=True, slots=True)
class StoreDefinition:
    """Where memories are kept, as carrier.yaml has it; `settings` is the block that its type reads."""

    type: str = "lancedb"
    settings: Mapping[str, object] = field(default_factory=dict)
    file: PartFile | None = None
    """Where the code is, if the type is a file of the project's."""


@dataclass(frozen=True, slots=True)
class Wording:
    """Words to be rendered: for a reader, or for a model that is told what to write or to do."""

    template: str
    sources: Mapping[str, TemplateFile]
    """That template with all it includes, by name."""
    generated: bool = False
    """A model is told this, and what it answers is said."""


@dataclass(frozen=True, slots=True)
class Pick:
    """The next one of a folder."""

    source: str
    """A pattern of paths; one that ends in `/` finds folders, each of them a post."""
    count: int = 0
    """Files of one post; 0: as many as there are, or one."""
    order: Literal["name", "oldest", "newest", "random"] = "name"
    reuse: Literal["never", "when_all_used", "always"] = "never"
    when_empty: Literal["notify", "skip"] = "notify"


@dataclass(frozen=True, slots=True)
class Making:
    """An action that makes what is published, and what it is called with."""

    action: str
    arguments: Mapping[str, Wording]


@dataclass(frozen=True, slots=True)
class PostPlan:
    """What is published at each slot of a schedule; the words of its caption are the schedule's."""

    client: str
    kind: PostKind
    pick: Pick | None = None
    media: tuple[str, ...] = ()
    make: Making | None = None
    fit: Fit | None = None
    first_comment: Wording | None = None
    alt_text: Wording | None = None
    collaborators: tuple[str, ...] = ()
    user_tags: tuple[PostTag, ...] = ()
    location_id: str = ""
    cover: str = ""
    thumb_offset: float = 0.0
    share_to_feed: bool | None = None
    trial: Literal["", "manual", "performance"] = ""
    ai_generated: bool = False
    hashtags: str = ""
    """Written below the caption."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an agent does something of its own accord: one of `cron`, `at`, `every`."""

    name: str
    agent: str
    cron: str = ""
    at: str = ""
    """A local time, as in 2026-12-24T09:00."""
    every: float = 0.0
    """Seconds."""
    timezone: str = "UTC"
    settings: Mapping[str, object] = field(default_factory=dict)
    """What is done then, as the file has it."""
    wording: Wording | None = None
    """What is said, the caption of what is published, or what the agent is told to do."""
    post: PostPlan | None = None
    room: str = ""
    """Where it is said, as `client/room`; empty: nowhere, for it is a task."""
    approval: bool = False
    """Somebody has to approve what is said."""
    prepare: float = 0.0
    """Seconds before its time at which it is made, and shown for approval."""
    jitter: float = 0.0
    """Seconds that it may come later."""
    catch_up: Literal["skip", "once", "all"] = "skip"
    grace: float = 3600.0
    """Seconds after which what was missed is not caught up."""
    overlap: Literal["skip", "wait"] = "skip"
    retries: int = 0
    """How often one that failed is tried again."""
    notify: str = ""
    """The room that is told of what failed or was missed, as `client/room`; empty: none."""
    revision: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with something that is to be published, in words, and what helps."""

    what: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    """With a warning it goes out all the same."""
    where: str = ""
    """The file, or the words that are meant."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}" if self.where else f"{self.what}; {self.remedy}"
