"""Words for a model or a reader: written here, in a file, or by a model that is told what to write."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from carrier.config.models.values import Block, Inside, Text


class TextFile(Block):
    """A template beside the others."""

    file: Inside = Field(description="A template's name, as in posts/morning.j2")


def _how_told(value: object) -> str:
    return "a file" if isinstance(value, Mapping | TextFile) else "words"


Told = Annotated[
    Annotated[Text, Tag("words")] | Annotated[TextFile, Tag("a file")],
    Discriminator(_how_told),
]
"""Jinja: as it is, a list of lines, or a file."""


class Generated(Block):
    """Sent to the model; its answer is used."""

    generate: Told = Field(description="What the model is told to write")


def _how_written(value: object) -> str:
    generated = isinstance(value, Generated) or (isinstance(value, Mapping) and "generate" in value)
    return "generated" if generated else _how_told(value)


Writing = Annotated[
    Annotated[Text, Tag("words")] | Annotated[TextFile, Tag("a file")] | Annotated[Generated, Tag("generated")],
    Discriminator(_how_written),
]
"""Words, or what a model is told to write."""
