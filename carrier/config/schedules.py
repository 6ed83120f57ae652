"""Schedules resolved: each with the words it says, the room they are for and the room that is told when it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.mentions import WORDS_OF_A_SCHEDULE
from carrier.config.models.post import Make
from carrier.config.models.text import Generated, TextFile
from carrier.config.names import Names
from carrier.config.reading import Trail
from carrier.config.revisions import revision
from carrier.types.parts import TemplateFile
from carrier.types.posts import PostTag
from carrier.types.schedules import Making, Pick, PostPlan, Schedule, Wording

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
        if wording is None:
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
            post=self._post(definition, block) if block.post else None,
            room=self.names.room(block.say.room, definition) if block.say else "",
            approval=block.approval == "required",
            prepare=block.prepare,
            jitter=block.jitter,
            catch_up=block.catch_up,
            grace=block.grace,
            overlap=block.overlap,
            retries=block.retries,
            notify=self.names.notify((definition, block), self._agents.get(agent, (None, None))),
        )
        return replace(schedule, revision=revision(schedule))

    def _look_up_agent(self, definition: Definition, block: models.Schedule) -> None:
        if block.agent:
            self.names.unknown("agent", block.agent, self.names.of_kind["agent"], definition, ("agent",))
        elif not definition.owner:
            self.names.tell(definition, definition.problem((), "CAR025", "nobody has this schedule", "write `agent:`"))

    def _wording(self, definition: Definition, block: models.Schedule) -> Wording | None:
        """None for words that are not whole."""
        if block.post:
            return self._written(definition, block.post.caption, ("post", "caption"))
        path: Trail = ("say", "text") if block.say else ("task",)
        return self._written(definition, block.say.text if block.say else block.task or "", path)

    def _written(self, definition: Definition, written: object, path: Trail) -> Wording | None:
        generated = isinstance(written, Generated)
        if isinstance(written, Generated):
            written, path = written.generate, (*path, "generate")
        if isinstance(written, TextFile):
            sources = self._sources(definition, written.file, (*path, "file"))
            return Wording(written.file, sources, generated) if sources else None
        return Wording("words", {"words": TemplateFile("words", str(written))}, generated)

    def _post(self, definition: Definition, block: models.Schedule) -> PostPlan:
        post = block.post
        assert post, "there is something to publish"
        return PostPlan(
            client=self.names.client(block.client, definition),
            kind=post.kind,
            pick=Pick(post.pick.source, post.pick.count or 0, post.pick.order, post.pick.reuse, post.pick.when_empty)
            if post.pick
            else None,
            media=post.media,
            make=self._make(definition, post.make) if post.make else None,
            fit=post.fit,
            first_comment=self._written(definition, post.first_comment, ("post", "first_comment")),
            alt_text=self._written(definition, post.alt_text, ("post", "alt_text")),
            collaborators=post.collaborators,
            user_tags=tuple(PostTag(tag.username, tag.x, tag.y) for tag in post.user_tags),
            location_id=str(post.location_id or ""),
            cover=post.cover,
            thumb_offset=post.thumb_offset,
            share_to_feed=post.share_to_feed,
            trial=post.trial or "",
            ai_generated=post.ai_generated,
            hashtags=self._hashtags(definition, post.hashtags),
        )

    def _make(self, definition: Definition, make: Make) -> Making:
        written = {
            name: self._written(definition, text, ("post", "make", "arguments", name))
            for name, text in make.arguments.items()
        }
        return Making(make.action, {name: wording for name, wording in written.items() if wording})

    def _hashtags(self, definition: Definition, groups: Sequence[str]) -> str:
        """Each tag once, in the order of the groups."""
        known = self.names.hashtags
        for name in groups:
            self.names.unknown("group of hashtags", name, known, definition, ("post", "hashtags"))
        return " ".join(dict.fromkeys(f"#{tag}" for name in groups for tag in known.get(name, ())))

    def _sources(self, definition: Definition, name: str, path: Trail) -> Mapping[str, TemplateFile]:
        """A template with all it includes; empty where it is not whole."""
        library = self.names.around.library
        if name not in library.sources:
            return {}  # which is told where everything that is named is looked up
        checked = library.checked(name, WORDS_OF_A_SCHEDULE)
        self.names.tell(definition, *checked.problems)
        self.names.rest_on_files(definition, checked.files)
        return checked.sources if checked.whole else {}
