"""Schedules resolved: each with the words it says, the room they are for and the room that is told when it fails."""

from collections.abc import Mapping
from dataclasses import replace

from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.mentions import WORDS_OF_A_SCHEDULE
from carrier.config.models.text import Generated, TextFile
from carrier.config.names import Names
from carrier.config.reading import Trail
from carrier.config.revisions import revision
from carrier.types import Schedule, TemplateFile, Wording

_WORK = {"post", "say", "task", "client"}
"""Keys that say what is done, not when."""


class Schedules:
    """Resolves schedules out of names."""

    def __init__(self, names: Names):
        self.names = names
        self._agents = names.of(models.Agent)

    def resolve(self, definition: Definition, block: models.Schedule) -> Schedule | None:
        agent = block.agent or definition.owner
        self._look_up_agent(definition, block)
        self.names.rest(definition)
        wording = self._wording(definition, block)
        if wording is None and not block.post:
            return None
        schedule = Schedule(
            name=definition.name,
            agent=agent,
            cron=block.cron or "",
            at=block.at or "",
            every=block.every or 0.0,
            timezone=block.timezone or self.names.around.timezone,
            settings=block.model_dump(mode="json", exclude_unset=True, by_alias=True, include=_WORK),
            wording=wording,
            room=self.names.room(block.say.room, definition) if block.say else "",
            approval=block.approval == "required",
            prepare=block.prepare,
            jitter=block.jitter,
            catch_up=block.catch_up,
            grace=block.grace,
            overlap=block.overlap,
            notify=self.names.notify((definition, block), self._agents.get(agent, (None, None))),
        )
        return replace(schedule, revision=revision(schedule))

    def _look_up_agent(self, definition: Definition, block: models.Schedule) -> None:
        if block.agent:
            self.names.unknown("agent", block.agent, self.names.of_kind["agent"], definition, ("agent",))
        elif not definition.owner:
            self.names.tell(definition, definition.problem((), "CAR025", "nobody has this schedule", "write `agent:`"))

    def _wording(self, definition: Definition, block: models.Schedule) -> Wording | None:
        """None for a post, and for words that are not whole."""
        path: Trail = ("say", "text") if block.say else ("task",)
        written = block.say.text if block.say else block.task or ""
        generated = isinstance(written, Generated)
        if isinstance(written, Generated):
            written, path = written.generate, (*path, "generate")
        if isinstance(written, TextFile):
            sources = self._sources(definition, written.file, (*path, "file"))
            return Wording(written.file, sources, generated) if sources else None
        return Wording("words", {"words": TemplateFile("words", written)}, generated) if written else None

    def _sources(self, definition: Definition, name: str, path: Trail) -> Mapping[str, TemplateFile]:
        """A template with all it includes; empty where it is not whole."""
        library = self.names.around.library
        if name not in library.sources:
            return {}  # which is told where everything that is named is looked up
        checked = library.checked(name, WORDS_OF_A_SCHEDULE)
        self.names.tell(definition, *checked.problems)
        self.names.rest_on_files(definition, checked.files)
        return checked.sources if checked.whole else {}
