"""What is done by the clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from carrier.types.parts import TemplateFile
from carrier.types.posts import Fit, PostKind, PostTag


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
