"""The host itself: carrier.yaml."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, field_validator

from carrier.config.models.later import InPlace, Later
from carrier.config.models.model import Model
from carrier.config.models.values import (
    Block,
    Described,
    Inside,
    Listed,
    Name,
    Named,
    RoomName,
    Size,
    Zone,
    looks,
    model_use,
    whole,
)

if TYPE_CHECKING:
    from carrier.config.models.budgets import Budget
    from carrier.config.models.keeping import Retention, Token
    from carrier.config.models.media_hosts import MediaHost
else:
    Budget = Annotated[Any, Later("budgets:Budget")]
    Retention = Annotated[Any, Later("keeping:Retention")]
    Token = Annotated[Any, Later("keeping:Token")]
    MediaHost = Annotated[Any, InPlace("media_host")]


class Folders(Block):
    """The folders that are watched."""

    agents: Annotated[tuple[Inside, ...], Listed] = Field(default=("agents.d",), description="Documents of any kind")
    actions: Annotated[tuple[Inside, ...], Listed] = Field(
        default=("actions",), description="Actions, evaluators and providers, and code beside them"
    )
    templates: Annotated[tuple[Inside, ...], Listed] = Field(default=("templates",), description="Jinja")


def _embedder(value: str) -> str:
    return value if value in ("builtin", "none") else model_use(value)


class Embeddings(Block):
    """What turns words into vectors, so that memories can be recalled by what they mean."""

    use: Annotated[str, AfterValidator(_embedder), looks(whole("builtin", "none", "[a-z0-9_-]+/\\S+"))] = Field(
        default="builtin", description="builtin, none, or provider/model"
    )
    base_url: str = Field(default="", description="Where it is served, if not where its provider usually is")
    api_key: SecretStr | None = Field(default=None, description="Better left in the environment: ${OPENAI_API_KEY}")


class Store(Block):
    """Where memories are kept; the further keys of a type that is not Carrier's own belong to it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(
        default="lancedb",
        description="lancedb, a type that a package brings, or a file and its class: stores/mine.py:Mine",
    )


class Server(Block):
    """Where the API listens."""

    host: str = Field(default="127.0.0.1", description="Its address; another than this machine's own asks for a token")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=8000, description="0: any that is free")


class Limits(Block):
    """What the host takes on at most."""

    turns_at_once: Annotated[int, Field(ge=1)] = Field(default=64, description="Turns under way at one time")
    message_chars: Annotated[int, Field(ge=1)] = Field(default=8000, description="Characters of one message")
    upload: Size = Field(default=10_000_000, description="The largest file that may come with a message")


_HASHTAG = r"[^\s#]{1,100}"


def _tag(value: str) -> str:
    if not re.fullmatch(_HASHTAG, value):
        raise ValueError(f"a hashtag is one word without its #, not {value!r}")
    return value


_Tag = Annotated[str, AfterValidator(_tag), looks(whole(_HASHTAG))]
Hashtags = Annotated[tuple[_Tag, ...], Listed, Field(max_length=30)]


Kind = Literal["agent", "character", "client", "action", "evaluator", "provider", "schedule", "script", "test"]


def _without_a_family(schema: dict[str, Any]) -> None:
    del schema["properties"]["extends"]


class Host(Described):
    """The host itself: carrier.yaml."""

    model_config = ConfigDict(json_schema_extra=_without_a_family)

    kind: Literal["host"] = "host"
    version: Annotated[int, Field(ge=1, le=1)] = Field(default=1, description="Of this language")
    timezone: Zone = Field(default="", description="For schedules, budgets and prompts; else the machine's")
    env_file: Inside = Field(default=".env", description="Variables; the process environment wins over it")
    data: str = Field(default="var", description="Folder of the ledger, the memories and the analytics")
    folders: Folders = Field(default=Folders(), description="The folders that are watched")
    models: Annotated[dict[Name, Model], Named] = Field(
        default={}, description="`large` is used by agents unless they say, `small` by evaluators"
    )
    embeddings: Embeddings = Field(default=Embeddings(), description="What turns words into vectors")
    memory: Store = Field(default=Store(), description="Where memories are kept")
    budgets: Annotated[dict[Name, Budget], Named] = Field(default={}, description="Purses; one for all who name it")
    media_hosts: Annotated[dict[Name, MediaHost], Named] = Field(
        default={}, description="Where pictures and videos are put, so that a platform can fetch them"
    )
    hashtags: Annotated[dict[Name, Hashtags], Named] = Field(default={}, description="Groups that posts name")
    server: Server = Field(default=Server(), description="Where the API listens")
    tokens: Annotated[dict[Name, Token], Named] = Field(default={}, description="Who may use the API")
    defaults: Annotated[dict[Kind, dict[str, object]], Named] = Field(
        default={}, description="By kind: what its documents say unless they say otherwise"
    )
    notify: RoomName = Field(default="", description="Where failed reloads, tokens and posts are told")
    limits: Limits = Field(default=Limits(), description="What the host takes on at most")
    retention: Retention | None = Field(default=None, description="How long things are kept")

    @field_validator("extends")
    @classmethod
    def _no_family(cls, extends: str) -> str:
        raise ValueError(f"the host extends nothing; carrier.<environment>.yaml lies over it, not {extends!r}")
