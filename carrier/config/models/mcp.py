"""The tools of an MCP server."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from carrier.config.models.action import Action
from carrier.config.models.choices import needs, one_of, only_one
from carrier.config.models.network import Shown, Url
from carrier.config.models.values import Listed, NamePattern


class McpAction(Action):
    """The tools of an MCP server; each is the action NAME/TOOL."""

    model_config = ConfigDict(
        json_schema_extra={
            **one_of("command", "url"),
            "allOf": [
                needs("env", "command"),
                needs("headers", "url"),
                {"properties": {"command": {"not": {"type": "string", "pattern": r"^(?!.*\$\{).* "}}}},
            ],
        }
    )

    type: Literal["mcp"]
    command: Annotated[tuple[str, ...], Listed] = Field(default=(), description="As in [github-mcp-server, stdio]")
    env: Shown = Field(default={}, description="Variables of the command; it sees no others of yours")
    url: Url | None = Field(default=None, description="Of a server that runs elsewhere")
    headers: Shown = Field(default={}, description="Sent with every request to the url")
    tools: Annotated[tuple[NamePattern, ...], Listed] = Field(default=("*",), description="As in [get_*, list_*]")

    @field_validator("command")
    @classmethod
    def _words(cls, command: tuple[str, ...]) -> tuple[str, ...]:
        if not command or (len(command) == 1 and " " in command[0]):
            raise ValueError("a command is a list of its words, as in [github-mcp-server, stdio]")
        return command

    @model_validator(mode="after")
    def _rules(self) -> "McpAction":
        only_one(self, ("command", "url"))
        if self.env and not self.command:
            raise ValueError("`env` belongs to a `command`")
        if self.headers and not self.url:
            raise ValueError("`headers` belong to a `url`")
        return self
