"""A door to Instagram."""

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, SecretStr, Tag

from carrier.config.models.client import Client
from carrier.config.models.later import InPlace
from carrier.config.models.times import TimeOfDay
from carrier.config.models.values import Block, Duration, Id, Name, how_written, looks, whole

if TYPE_CHECKING:
    from carrier.config.models.media_hosts import MediaHost
else:
    MediaHost = Annotated[Any, InPlace("media_host")]


_VERSION = r"v[0-9]{2}\.[0-9]"


def _version(value: str) -> str:
    if not re.fullmatch(_VERSION, value):
        raise ValueError("a version is written as in v25.0")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s?#]+", value):
        raise ValueError("an address begins with http:// or https://")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address), looks(whole(r"https?://[^\s?#]+"))]
GraphVersion = Annotated[str, AfterValidator(_version), looks(whole(_VERSION))]


class Endpoint(Block):
    """Where the Graph API is, if not at Meta's: for a local one, or a proxy."""

    graph: Address = Field(default="", description="As in http://127.0.0.1:8180; else Meta's for this login")
    rupload: Address = Field(default="", description="Where videos are uploaded; else Meta's")


class InstagramSettings(Block):
    """What the door itself reads."""

    login: Literal["facebook", "instagram"] = Field(default="facebook", description="What its access token is from")
    account_id: Id = Field(description="${INSTAGRAM_ACCOUNT_ID}")
    access_token: SecretStr = Field(description="In the environment: ${INSTAGRAM_ACCESS_TOKEN}")
    app_secret: SecretStr | None = Field(default=None, description="Of your app: proves who sends what is listened to")
    verify_token: SecretStr | None = Field(default=None, description="What Instagram shows when it asks for the hook")
    graph_version: GraphVersion = "v25.0"
    endpoint: Endpoint = Field(default=Endpoint(), description="Where the Graph API is, if not at Meta's")
    media_host: (
        Annotated[
            Annotated[Name, Tag("a name")] | Annotated[MediaHost, Tag("in place")],
            Discriminator(how_written),
        ]
        | None
    ) = Field(default=None, description="Where it fetches pictures and videos: a name of the host's `media_hosts`")
    listen: tuple[Literal["comments", "messages", "mentions"], ...] = Field(
        default=(), description="What is handed to the agent"
    )
    slots: tuple[TimeOfDay, ...] = Field(
        default=(), description="When posts go out that wait for the next free slot; by the host's clock"
    )
    resend: bool = Field(
        default=False,
        description="An order to publish that left no trace for 15 minutes is given once more: it may come twice",
    )
    poll: Duration = Field(
        default=0.0, description="How often comments and messages are looked for, where no webhook tells of them"
    )


class Instagram(Client, InstagramSettings):
    """An account on Instagram."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["instagram"]
