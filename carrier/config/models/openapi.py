"""The operations of an API that an OpenAPI document describes."""

from typing import Annotated, Literal

from pydantic import Field

from carrier.config.models.action import Action
from carrier.config.models.network import NetworkName, Shown, Url
from carrier.config.models.values import Inside, Listed, NamePattern


class OpenApiAction(Action):
    """The operations of an API; each is the action NAME/OPERATION."""

    type: Literal["openapi"]
    document: Inside = Field(description="The OpenAPI document, as in actions/petstore.yaml")
    server: Url | None = Field(default=None, description="Where it is served, if not where the document says")
    headers: Shown = Field(default={}, description="Sent with every request")
    operations: Annotated[tuple[NamePattern, ...], Listed] = Field(default=("*",), description="As in [get_*, list_*]")
    network: Annotated[tuple[NetworkName, ...], Listed] = Field(
        default=(), description="Hosts it may speak to; else the server's"
    )
