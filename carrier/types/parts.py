"""What agents and hosts are made of: code and templates, as they stood when they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A template's text as it was when the catalog was made; its includes stand beside it by name."""

    name: str
    source: str


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file of the project that holds the code of a part, as it was when the catalog was made."""

    folder: Path
    """The project's folder, which names of files start from."""
    code: str = field(repr=False)
    digest: str


@dataclass(frozen=True, slots=True)
class PartDefinition:
    """A provider or an evaluator of the operator's own, as its file describes it; `digest` covers the code it runs."""

    name: str
    """As its agent calls it."""
    type: str
    entrypoint: str = ""
    folder: Path = Path()
    """The project's folder, which entry points in files start from."""
    timeout: float = 5.0
    digest: str = ""
    code: str = field(default="", repr=False)
    """The text of the file that the entry point names, as it was when the catalog was made."""
    stage: Literal["message", "reply", "after"] = "reply"
    """Of an evaluator, as all that follows."""
    question: str = ""
    passes: float = 0.7
    """The score it needs."""
    on_fail: Literal["revise", "replace", "block"] = "block"
    text: str = ""
    """What is said instead, for `replace`."""
    attempts: int = 2
    """Of revising."""
    every: int = 8
    """Messages between two looks back, for `after`."""


@dataclass(frozen=True, slots=True)
class PartUse:
    """A provider or an evaluator that an agent names, with the settings it gives it."""

    name: str
    settings: Mapping[str, object] = field(default_factory=dict)
    definition: PartDefinition | None = None
    """Of one of the operator's own, with those settings laid over it; None: it is built in."""
