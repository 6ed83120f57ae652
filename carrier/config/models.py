"""The words of the language: what an operator may write, and what it then means where nothing else is said."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    model_validator,
)

# --- values -------------------------------------------------------------------------------------------------------


_NAME = "[a-z0-9][a-z0-9_-]{0,63}"


def is_name(value: str) -> bool:
    return re.fullmatch(_NAME, value) is not None


def _name(value: str) -> str:
    if not is_name(value):
        raise ValueError("a name is lower-case letters, digits, - and _, at most 64")
    return value


def is_inside(value: str) -> bool:
    """Whether a path, as it is written, stays in the folder it starts from."""
    path = PurePosixPath(value)
    return not (path.is_absolute() or ".." in path.parts or "\\" in value or "\0" in value)


def _inside(value: str) -> str:
    if not is_inside(value):
        raise ValueError("a path starts at the project's folder and stays inside it")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _joined(value: object) -> object:
    lines = isinstance(value, list | tuple) and all(isinstance(line, str) for line in value)
    return "\n".join(value) if lines else value  # type: ignore[arg-type]


def _flag(value: object) -> object:
    written = value.lower() if isinstance(value, str) else value
    if written not in (True, False, "true", "false"):
        raise ValueError("this is true or false")
    return written in (True, "true")


_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3}


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)", value)
    if not found and value != "0":
        raise ValueError("a duration is a number and its unit, as in 90s, 10m, 2h, 365d")
    return float(found[1]) * _SECONDS[found[2]] if found else 0.0


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(r"([0-9]{1,9})\s*(B|KB|MB|GB)", value, re.IGNORECASE)
    if not found:
        raise ValueError("a size is a number and its unit, as in 500KB, 20MB, 1GB")
    return int(found[1]) * _BYTES[found[2].upper()]


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"this is no regular expression: {error}") from error
    return value


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of that name."""
    try:
        return name == "UTC" or bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _zone(value: str) -> str:
    if not is_zone(value):
        close = get_close_matches(value, available_timezones(), n=1)
        raise ValueError(f"no time zone is called {value!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    return value


def _use(value: str) -> str:
    if value != "auto" and not re.fullmatch(r"[a-z0-9_-]+/\S+", value):
        raise ValueError("a model is auto, or provider/model as in openai/gpt-5, ollama/llama3.2, scripted/tifa")
    return value


Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": f"^{_NAME}$"})]
Inside = Annotated[str, AfterValidator(_inside)]
Flag = Annotated[bool, BeforeValidator(_flag, json_schema_input_type=bool)]
Text = Annotated[str, BeforeValidator(_joined, json_schema_input_type=str | tuple[str, ...])]
Lines = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str), Field(ge=0, allow_inf_nan=False)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str), Field(ge=0)]
Zone = Annotated[str, AfterValidator(_zone)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]


class Block(BaseModel):
    """A part of a file: its keys and no others, save those that start with `x-`; `~` is as if not written."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if value is not None and not str(key).startswith("x-")}


class Described(Block):
    """What every document has."""

    name: Name = Field(default="", description="Lower-case letters, digits, - and _; else the file's name")
    description: str = ""
    enabled: Flag = Field(default=True, description="false: as if it were not there")


# --- host -----------------------------------------------------------------------------------------------------------


class Folders(Block):
    """The folders that are watched."""

    agents: Annotated[tuple[Inside, ...], BeforeValidator(_listed)] = ("agents.d",)
    actions: Annotated[tuple[Inside, ...], BeforeValidator(_listed)] = ("actions",)
    templates: Annotated[tuple[Inside, ...], BeforeValidator(_listed)] = ("templates",)


class Model(Block):
    """A model by your own name for it; or just its `use`."""

    use: Annotated[str, AfterValidator(_use)] = Field(default="auto", description="auto, or provider/model")
    timeout: Duration = 60.0
    base_url: str = ""
    api_key: SecretStr | None = Field(default=None, description="Better left in the environment: ${OPENAI_API_KEY}")
    params: dict[str, object] = Field(
        default={}, description="Handed to the model as they are: temperature and the like"
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"use": data} if isinstance(data, str) else data


class Embeddings(Block):
    use: Literal["builtin", "none"] = "builtin"


class Server(Block):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000


class Limits(Block):
    turns_at_once: Annotated[int, Field(ge=1)] = 64
    message_chars: Annotated[int, Field(ge=1)] = Field(default=8000, description="Characters of one message")
    upload: Size = Field(default=10_000_000, description="The largest file that may come with a message")


class Host(Described):
    """The host itself: carrier.yaml."""

    kind: Literal["host"] = "host"
    version: Annotated[int, Field(ge=1, le=1)] = 1
    timezone: Zone = Field(default="", description="For prompts; else the machine's")
    env_file: Inside = Field(default=".env", description="Variables; the process environment wins over it")
    data: str = Field(default="var", description="Folder of the ledger, the memories and the analytics")
    folders: Folders = Folders()
    models: dict[str, Model] = Field(
        default={}, description="`large` is used by agents unless they say, `small` by evaluators"
    )
    embeddings: Embeddings = Embeddings()
    server: Server = Server()
    limits: Limits = Limits()


# --- character ------------------------------------------------------------------------------------------------------


class Example(Block):
    user: str
    agent: str


class Style(Block):
    all: Lines = ()
    chat: Lines = ()
    post: Lines = ()


class Character(Described):
    """Who an agent is; only {{char}} and {{user}} are filled in."""

    kind: Literal["character"] = "character"
    display_name: str = Field(default="", description="What people see")
    system: Text = ""
    bio: Lines = ()
    lore: Lines = ()
    personality: Text = ""
    scenario: Text = ""
    topics: Lines = ()
    adjectives: Lines = ()
    style: Style = Style()
    greetings: Lines = ()
    message_examples: tuple[tuple[Example, ...], ...] = Field(
        default=(), description="Conversations, each a list of exchanges"
    )
    post_examples: Lines = ()


# --- agent ----------------------------------------------------------------------------------------------------------


def _entry(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, Mapping) and len(value) == 1:
        name, settings = next(iter(value.items()))
        if settings is None or isinstance(settings, Mapping):
            return {"name": name, "settings": settings}
    raise ValueError("an entry is a name, or a name with settings, as in `facts: { every: 4 }`")


class Entry(Block):
    """An entry of a list of names."""

    name: str
    settings: dict[str, object] = {}


Use = Annotated[Entry, BeforeValidator(_entry, json_schema_input_type=str | dict[str, dict[str, object] | None])]


class Memory(Block):
    recent: Annotated[int, Field(ge=0, le=1000)] = Field(default=32, description="Last lines of the room that are told")
    recall: Annotated[int, Field(ge=0, le=100)] = Field(default=8, description="Memories that are looked up")
    scope: Literal["room", "user", "agent"] = "room"


class AgentLimits(Block):
    steps: Annotated[int, Field(ge=1, le=100)] = Field(default=6, description="Times the model is asked in one turn")
    turn: Duration = 300.0


class Words(Block):
    """Plain text, or ~ for silence."""

    failed: str | None = "I lost my thread; please say that again."
    held: str | None = "I would rather not say that."

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        return {key: value for key, value in data.items() if not str(key).startswith("x-")}


class TemplateNames(Block):
    chat: Inside = "chat.j2"
    facts: Inside = "facts.j2"


def _how_written(value: object) -> str:
    return "a name" if isinstance(value, str) else "in place"


class Agent(Described):
    """An agent."""

    kind: Literal["agent"] = "agent"
    display_name: str = Field(default="", description="What people see; else its character's")
    character: (
        Annotated[
            Annotated[Name, Tag("a name")] | Annotated[Character, Tag("in place")],
            Discriminator(_how_written),
        ]
        | None
    ) = Field(default=None, description="A character's name, or its fields; else the character of the same name")
    model: str = Field(default="large", description="A name from the host's `models`")
    templates: TemplateNames = TemplateNames()
    respond: Literal["addressed", "always", "never"] = "addressed"
    context: tuple[Use, ...] = Field(
        default=tuple(Entry(name=name) for name in ("character", "recent_messages", "memories", "time")),
        description="Providers: what the templates are given",
    )
    actions: tuple[str, ...] = Field(default=("ignore",), description="What it may do")
    evaluators: tuple[Use, ...] = Field(
        default=(Entry(name="no_secrets"),), description="Gates before anything leaves, and reflections after"
    )
    memory: Memory = Memory()
    limits: AgentLimits = AgentLimits()
    words: Words = Words()


# --- client, action ---------------------------------------------------------------------------------------------------


class Client(Described):
    """A door to a platform; its further keys belong to its type."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["client"] = "client"
    type: str
    agent: Name = Field(default="", description="Who answers")


class Action(Described):
    """Something an agent can do."""

    kind: Literal["action"] = "action"
    type: Literal["python"] = "python"
    entrypoint: str = Field(description="actions/dice.py:roll, or package.module:function")
    timeout: Duration = 30.0
    repeat: Literal["never", "keyed", "safe"] = Field(
        default="never", description="Whether it may run again after a crash"
    )


# --- script -----------------------------------------------------------------------------------------------------------


Call = dict[str, dict[str, object] | None]
Failure = Literal["rate_limit", "timeout", "unavailable", "bad_request"]


def _only_one(block: "Step | Rule", keys: tuple[str, ...]) -> None:
    written = [key for key in keys if key in block.model_fields_set]
    if len(written) != 1:
        raise ValueError(f"exactly one of {', '.join(keys)} belongs here, not {' and '.join(written) or 'none'}")
    if block.call is not None and len(block.call) != 1:
        raise ValueError("`call` is one action with its arguments, as in `call: { roll_dice: { sides: 6 } }`")


class Step(Block):
    """What the model does at one of the times it is asked within a turn."""

    say: str | None = None
    call: Call | None = None
    fail: Failure | None = None
    delay: Duration = 0.0

    @model_validator(mode="after")
    def _one(self) -> "Step":
        _only_one(self, ("say", "call", "fail"))
        return self


class Rule(Block):
    """When it applies, and what then happens."""

    purpose: str = Field(default="chat", alias="for", description="What is asked: chat, or an evaluator's name")
    when: Patterns = Field(default=(), description="Regular expressions, one of which is found in the last message")
    given: Pattern = Field(default="", description="A regular expression that is found in what the model was told")
    after: str = Field(default="", description="The action whose result came last")
    say: Lines = Field(default=(), description="Jinja; a list is used one after the other")
    call: Call | None = Field(default=None, description="An action with its arguments")
    sequence: tuple[Step, ...] = Field(default=(), description="A step for each time the model is asked within a turn")
    fail: Failure | None = None
    delay: Duration = 0.0

    @model_validator(mode="after")
    def _one(self) -> "Rule":
        _only_one(self, ("say", "call", "sequence", "fail"))
        return self


def _some(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    if not rules:
        raise ValueError("a script has at least one rule")
    return rules


class Script(Described):
    """What a scripted model says and does: the first rule that applies."""

    kind: Literal["script"] = "script"
    rules: Annotated[tuple[Rule, ...], AfterValidator(_some)]


Document = Agent | Character | Client | Action | Script

KINDS: Mapping[str, type[Agent] | type[Character] | type[Client] | type[Action] | type[Script]] = {
    "agent": Agent,
    "character": Character,
    "client": Client,
    "action": Action,
    "script": Script,
}
"""The documents that the folders may hold, by what they say as their `kind`."""
