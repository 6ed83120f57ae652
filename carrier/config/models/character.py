"""Who an agent is."""

from typing import Literal

from pydantic import Field

from carrier.config.models.values import Block, Described, Lines, Text


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
