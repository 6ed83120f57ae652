"""A door to a platform."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from carrier.config.models.later import Later
from carrier.config.models.values import Described, Duration, Flag, Id, Name, Named

if TYPE_CHECKING:
    from carrier.config.models.doors import Access, ClientLimits, Route
else:
    Access = Annotated[Any, Later("doors:Access")]
    ClientLimits = Annotated[Any, Later("doors:ClientLimits")]
    Route = Annotated[Any, Later("doors:Route")]


class Client(Described):
    """A door to a platform; the further keys of a type of your own, package.module:Name, belong to it."""

    model_config = ConfigDict(extra="allow")

    kind: Literal["client"] = "client"
    type: str = Field(description="console, discord, instagram, webhook, or package.module:Name")
    formerly: Name = Field(default="", description="What it was called before: it keeps what belongs to that name")
    agent: Name = Field(default="", description="Who answers; without it, only what a route names")
    rooms: Annotated[dict[Name, Id], Named] = Field(default={}, description="Names of yours for the platform's ids")
    routes: tuple[Route, ...] = Field(default=(), description="Who answers elsewhere; the most specific one counts")
    access: Access | None = Field(default=None, description="Who is heard; unset: everybody, but bots are not answered")
    limits: ClientLimits | None = Field(default=None, description="What it hands on at most")
    gather: Duration = Field(default=0.0, description="What one person says within it is answered once")
    max_age: Duration = Field(default=86400.0, description="Older messages that come in late are heard, not answered")
    dry_run: Flag = Field(default=False, description="true: everything but sending")

    @field_validator("routes")
    @classmethod
    def _each_once(cls, routes: tuple[Route, ...], info: ValidationInfo) -> tuple[Route, ...]:
        ids = info.data.get("rooms", {})
        places = [(kind, ids.get(id, id)) for kind, id in (route.place for route in routes)]
        for number, route in enumerate(routes):
            if places[number] in places[:number]:
                raise ValueError(f"two routes are for the {' '.join(route.place)}")
        return routes
