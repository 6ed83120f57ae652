"""What an agent does by the clock."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from carrier.config.models.choices import needs, one_of, only_one, written
from carrier.config.models.later import Later
from carrier.config.models.text import Told, Writing
from carrier.config.models.times import Cron, LocalTime
from carrier.config.models.values import Block, Described, Duration, Name, Period, Reference, RoomName, Zone

if TYPE_CHECKING:
    from carrier.config.models.post import Post
else:
    Post = Annotated[Any, Later("post:Post")]

_WHEN = ("cron", "at", "every")
_WHAT = ("post", "say", "task")
_BASE: dict[str, Any] = {"properties": {"enabled": {"enum": [False, "false"]}}, "required": ["enabled"]}


_NEVER_APPROVED: dict[str, Any] = {
    "properties": {"approval": {"not": {"const": "required"}}, "prepare": {"enum": [0, "0", None]}}
}


class Say(Block):
    """Something to say of one's own accord."""

    room: RoomName = Field(description="As in tifa-discord/garden")
    text: Writing = Field(description="Jinja, a file, or what the model is told to write")


class Schedule(Described):
    """What an agent does by the clock."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": _BASE,
            "else": {
                "allOf": [
                    one_of(*_WHEN),
                    one_of(*_WHAT),
                    needs("post", "client"),
                    needs("client", "post"),
                    {"if": written("task"), "then": _NEVER_APPROVED},
                ]
            },
        },
    )

    kind: Literal["schedule"] = "schedule"
    agent: Name = Field(default="", description="Whose it is; within an agent, that one's")
    cron: Cron | None = Field(default=None, description="minute hour day month weekday, or @daily and the like")
    at: LocalTime | None = Field(default=None, description="Once, as in 2026-12-24T09:00")
    every: Annotated[Period, Field(ge=1)] | None = Field(default=None, description="As in 6h")
    timezone: Zone = Field(default="", description="By which clock; else the host's")
    client: Reference = Field(default="", description="Who publishes the post")
    post: Post | None = Field(default=None, description="Something to publish")
    say: Say | None = Field(default=None, description="Something to say in a room")
    task: Told | None = Field(default=None, description="A turn of its own; what it answers is sent nowhere")
    approval: Literal["required", "none"] = Field(default="none", description="Whether somebody has to approve it")
    prepare: Duration = Field(default=0.0, description="How long before its time it is made, and shown for approval")
    jitter: Duration = Field(default=0.0, description="At most so much later, the same after a restart")
    catch_up: Literal["skip", "once", "all"] = Field(default="skip", description="What becomes of what was missed")
    grace: Duration = Field(default=3600.0, description="Later than this it is missed for good")
    overlap: Literal["skip", "wait"] = Field(default="skip", description="When the one before is not done")
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=0, description="How often one that failed is tried again, the first time a minute later"
    )
    notify: RoomName = Field(default="", description="Where it is told that one failed or was missed")

    @model_validator(mode="after")
    def _rules(self) -> "Schedule":
        # One that is not enabled may be a base, and leave these to who extends it.
        if self.enabled:
            only_one(self, _WHEN)
            only_one(self, _WHAT)
            self._publisher()
        self._jitter()
        return self

    def _publisher(self) -> None:
        if self.post and not self.client:
            raise ValueError("a post needs the `client` that publishes it")
        if self.client and not self.post:
            raise ValueError("`client` belongs to a post; `say` names its room, and a task is sent nowhere")
        if self.task and (self.approval == "required" or self.prepare):
            raise ValueError("a task is sent nowhere, so that nobody can approve it beforehand")

    def _jitter(self) -> None:
        if self.every is not None and self.jitter >= self.every:
            raise ValueError("`jitter` has to be shorter than `every`")
