"""Who an agent is: the fields of an ElizaOS character and of a Tavern card, in one vocabulary."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from carrier.config.models.patterns import refusal
from carrier.config.models.values import Block, Described, Flag, Inside, Lines


class PassageFile(Block):
    """A text that stands in a file of its own."""

    file: Inside = Field(description="Its path, from the project's folder")


def _joined(value: object) -> object:
    lines = isinstance(value, list | tuple) and all(isinstance(line, str) for line in value)
    return "\n".join(value) if lines else value  # type: ignore[arg-type]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Mapping | PassageFile) else value


def _how_written(value: object) -> str:
    return "a file" if isinstance(value, Mapping | PassageFile) else "a text"


_Passage = Annotated[
    Annotated[str, Tag("a text")] | Annotated[PassageFile, Tag("a file")],
    Discriminator(_how_written),
]
Passage = Annotated[_Passage, BeforeValidator(_joined, json_schema_input_type=str | tuple[str, ...] | PassageFile)]
"""A text as it stands, or in a file; lines are joined."""
Passages = Annotated[
    tuple[_Passage, ...],
    BeforeValidator(_listed, json_schema_input_type=str | PassageFile | tuple[str | PassageFile, ...]),
]


class Example(Block):
    """One exchange."""

    user: str = Field(default="", description="What somebody says")
    agent: str = Field(default="", description="What the agent answers")


class Style(Block):
    """How the agent speaks: a rule a line."""

    all: Lines = Field(default=(), description="Always")
    chat: Lines = Field(default=(), description="In conversations")
    post: Lines = Field(default=(), description="In posts")


class LoreEntry(Block):
    """Something that is told when one of its keys comes up."""

    keys: Lines = Field(default=(), description="Words or phrases; found anywhere in a line, whatever their case")
    content: Passage = Field(default="", description="What is told then")
    secondary_keys: Lines = Field(
        default=(), description="One of these has to come up as well; not looked at where keys are patterns"
    )
    constant: Flag = Field(default=False, description="Always told, whether its keys come up or not")
    case_sensitive: Flag = Field(default=False, description="A and a are not the same in its keys")
    regex: Flag = Field(default=False, description="The keys are regular expressions, each with at most one * or +")
    order: int = Field(default=100, description="Lower is told first")
    position: Literal["before", "after"] = Field(default="before", description="Told before or after who the agent is")
    enabled: Flag = Field(default=True, description="false: never told")
    name: str = Field(default="", description="For its writer; never told")
    comment: str = Field(default="", description="For its writer; never told")
    extensions: dict[str, object] = Field(default={}, description="What other programs keep here; never told")

    @model_validator(mode="after")
    def _quick(self) -> "LoreEntry":
        for key in self.keys if self.regex and self.enabled else ():
            if reason := refusal(key):
                raise ValueError(f"the pattern {key[:60]!r} is not taken: {reason}")
        return self


class Lorebook(Block):
    """What is told when it comes up in the conversation."""

    entries: tuple[LoreEntry, ...] = ()
    depth: Annotated[int, Field(ge=0, le=100)] = Field(
        default=4, description="Lines before the message in which keys are looked for"
    )
    characters: Annotated[int, Field(ge=0, le=100_000)] = Field(
        default=8000, description="How much of it is told at once, at most"
    )
    extensions: dict[str, object] = Field(default={}, description="What other programs keep here; never told")


class KnowledgeText(Block):
    """A piece of knowledge that stands here."""

    text: str


Knowledge = Annotated[
    Annotated[Inside, Tag("files")] | Annotated[KnowledgeText, Tag("a text")],
    Discriminator(lambda value: "a text" if isinstance(value, Mapping | KnowledgeText) else "files"),
]


class Character(Described):
    """Who an agent is; its words are told as they stand, with only {{char}} and {{user}} filled in."""

    kind: Literal["character"] = "character"
    display_name: str = Field(default="", description="What people see, and what {{char}} stands for")
    username: str = Field(default="", description="Its handle on platforms")
    card: Inside = Field(
        default="",
        description="A card in cards/ (PNG, JSON or CHARX) that gives every field; a field beside it wins",
    )
    system: Passage = Field(default="", description="What the model is told first of all")
    bio: Passages = Field(default=(), description="Who it is; the first line follows its name")
    lore: Passages = Field(default=(), description="What it knows and is always told")
    personality: Passage = Field(default="", description="Its nature, in a sentence or two")
    scenario: Passage = Field(default="", description="Where it is, and what is going on")
    topics: Lines = Field(default=(), description="What it likes to talk about")
    adjectives: Lines = Field(default=(), description="What it is like, a word each")
    style: Style = Field(default=Style(), description="How it speaks and writes")
    greetings: Passages = Field(default=(), description="How it may open a conversation; the first is the usual one")
    message_examples: tuple[tuple[Example, ...], ...] = Field(
        default=(), description="Conversations, each a list of exchanges"
    )
    post_examples: Passages = Field(default=(), description="Posts that sound like it")
    lorebook: Lorebook = Field(default=Lorebook(), description="What is told when its keys come up")
    knowledge: tuple[Knowledge, ...] = Field(
        default=(), description="What can be recalled: files, as in knowledge/**/*.md, or { text: … }"
    )
    extensions: dict[str, object] = Field(
        default={}, description="What other programs keep here; never told, and kept in an export"
    )
