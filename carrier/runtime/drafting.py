"""Makes a post of a schedule's slot: its files are chosen once and made ready, its words are the agent's."""

import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from carrier.errors import CarrierError, Unfit
from carrier.interfaces import Darkroom
from carrier.ledger import posts as rows
from carrier.ledger.engine import Ledger
from carrier.ledger.forms import storable
from carrier.ledger.slots import Slot
from carrier.templates import Templates
from carrier.types.agents import Agent
from carrier.types.models import Image
from carrier.types.posts import Fit, Post, PostContent, PostFile, SourceFile
from carrier.types.schedules import Making, Pick, PostPlan, Schedule, Wording

MOST_FILES = 10
Groups = Sequence[tuple[SourceFile, ...]]
Write = Callable[[Wording, str, Mapping[str, object]], Awaitable[str]]
"""Render words, or have them written; the second is what they are for."""
Make = Callable[[Making, Schedule], Awaitable[str]]
"""Have an action make what is published; returns what it answers."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A post whose caption is not written yet."""

    slot: Slot
    schedule: Schedule
    plan: PostPlan
    files: tuple[PostFile, ...]
    cover: PostFile | None
    pictures: tuple[Image, ...]
    """For a model to look at."""


class Nothing(CarrierError):
    """No file is left to be published, and the schedule says that this is no trouble."""


@dataclass(frozen=True)
class Drafting:
    """What posts are made with."""

    ledger: Ledger
    darkroom: Darkroom
    schedules: Callable[[], Mapping[str, Schedule]]

    async def begin(self, slot: Slot, make: Make) -> Draft:
        """The files of this slot's post, the same each time; raises Unfit, Nothing, and CarrierError without any."""
        schedule = self.schedules().get(slot.schedule)
        plan = schedule.post if schedule else None
        if schedule is None or plan is None:
            raise CarrierError(f"{slot.schedule} publishes nothing any more")
        sources = await self._sources(slot, schedule, plan, make)
        try:
            files = await self.darkroom.develop(sources, plan.kind, plan.fit)
            cover = await developed_cover(self.darkroom, plan.cover, plan.fit)
        except Unfit as error:
            raise Spoilt(self._post(slot, plan, _as_they_are(sources), str(error))) from error
        folder = self.darkroom.data
        pictures = [Image(each.media_type, str(folder / each.path)) for each in files if "image/" in each.media_type]
        return Draft(slot, schedule, plan, files, cover, tuple(pictures))

    async def finish(self, draft: Draft, agent: Agent, caption: str, write: Write) -> Post:
        """The post, with its other words, once nothing is wrong with it; raises Spoilt."""
        plan, values = draft.plan, {**given(draft.schedule, agent, draft.slot), "caption": caption}
        content = PostContent(
            kind=plan.kind,
            files=draft.files,
            caption=storable(with_hashtags(caption, plan)),
            first_comment=await _words(plan.first_comment, "first_comment", values, write),
            alt_text=await _words(plan.alt_text, "alt_text", values, write),
            collaborators=plan.collaborators,
            user_tags=plan.user_tags,
            location_id=plan.location_id,
            cover=draft.cover,
            thumb_offset=plan.thumb_offset,
            share_to_feed=plan.share_to_feed,
            trial=plan.trial,
            ai_generated=plan.ai_generated,
        )
        post = replace(self._post(draft.slot, plan, draft.files, ""), content=content)
        wrong = [str(fault) for fault in await self.darkroom.faults(content) if fault.severity == "error"]
        if wrong:
            raise Spoilt(replace(post, state="failed", reason="; ".join(wrong)))
        return replace(post, state="draft" if draft.slot.state == "preparing" else "approved")

    def faults_of(self, draft: Draft, caption: str) -> str:
        """What Instagram would refuse about a caption, with its hashtags; empty: nothing."""
        faults = self.darkroom.word_faults(with_hashtags(caption, draft.plan))
        return "; ".join(str(fault) for fault in faults if fault.severity == "error")

    async def _sources(self, slot: Slot, schedule: Schedule, plan: PostPlan, make: Make) -> list[SourceFile]:
        if plan.make:
            named = _named(await make(plan.make, schedule))
            groups: Groups = [(await self.darkroom.told(name),) for name in named]
        else:
            groups = await self.darkroom.found([plan.pick.source] if plan.pick else plan.media)
        choose = partial(chosen, plan, groups, slot.id)
        take = partial(rows.take, clock=self.ledger.clock, client=plan.client, post=slot.id, choose=choose)
        sources: list[SourceFile] = await self.ledger.write(take)
        if sources:
            return sources
        if not plan.pick:
            what = f"{plan.make.action} named no file" if plan.make else f"there is no file {', '.join(plan.media)}"
            raise CarrierError(what)
        source = plan.pick.source
        empty = f"every file of {source} was published" if groups else f"{source} finds no file"
        raise (Nothing if plan.pick.when_empty == "skip" else CarrierError)(f"{empty}; add some, or set `reuse`")

    def _post(self, slot: Slot, plan: PostPlan, files: tuple[PostFile, ...], reason: str) -> Post:
        content = PostContent(plan.kind, files)
        return Post(
            slot.id, plan.client, slot.agent, content, "failed", slot.begins_at, slot.until, slot.id, reason=reason
        )


async def developed_cover(darkroom: Darkroom, path: str, fit: Fit | None) -> PostFile | None:
    """The picture that stands for a reel, where there is one; raises Unfit."""
    if not path:
        return None
    groups = await darkroom.found([path])
    if not groups:
        raise Unfit(path, "is not there", "name a picture in the project's folder")
    # Of a story's picture any ratio is taken, as of a cover.
    (made,) = await darkroom.develop(groups[0], "story", fit)
    return made


def with_hashtags(caption: str, plan: PostPlan) -> str:
    """The caption as it goes out; what stands in it already is not written again."""
    said = set(caption.lower().split())
    tags = " ".join(tag for tag in plan.hashtags.split() if tag.lower() not in said)
    return "\n\n".join(filter(None, (caption, tags)))


class Spoilt(CarrierError):
    """A post that cannot go out, for a reason that stands in it."""

    def __init__(self, post: Post):
        self.post = post
        super().__init__(post.reason)


def given(schedule: Schedule, agent: Agent, slot: Slot) -> dict[str, object]:
    """What the words of a schedule are given."""
    at = datetime.fromtimestamp(slot.due_at / 1_000_000, ZoneInfo(schedule.timezone))
    return {"agent": agent, "schedule": schedule.name, "slot": at}


def chosen(plan: PostPlan, groups: Groups, seed: str, used: Mapping[str, int]) -> list[SourceFile]:
    """The files of one post: all that are named, or the next ones; none, where nothing is left."""
    if plan.pick is None:
        return [file for group in groups for file in group]
    ordered = _ordered(plan.pick, groups, seed)
    fresh = [group for group in ordered if plan.pick.reuse == "always" or any(f.digest not in used for f in group)]
    if not fresh and plan.pick.reuse == "when_all_used":
        fresh = sorted(ordered, key=lambda group: max((used[file.digest] for file in group), default=0))
    if plan.pick.source.endswith("/"):
        return list(fresh[0][: plan.pick.count or MOST_FILES]) if fresh else []
    count = plan.pick.count or (MOST_FILES if plan.kind == "carousel" else 1)
    return [file for group in fresh[:count] for file in group]


def _ordered(pick: Pick, groups: Groups, seed: str) -> list[tuple[SourceFile, ...]]:
    groups = [group for group in groups if group]
    match pick.order:
        case "name":
            return groups
        case "random":
            # The same after a restart.
            return random.Random(seed).sample(groups, len(groups))
    return sorted(groups, key=lambda group: group[0].at, reverse=pick.order == "newest")


def _named(answer: str) -> list[str]:
    """The files that an action has answered with: a line each, or a list in JSON."""
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    lines = found if isinstance(found, list) else answer.split("\n")
    return [name for line in lines if (name := str(line).strip())]


def _as_they_are(sources: Sequence[SourceFile]) -> tuple[PostFile, ...]:
    return tuple(PostFile(file.path, file.digest, "", file.path, file.digest) for file in sources)


async def _words(wording: Wording | None, place: str, values: Mapping[str, object], write: Write) -> str:
    return storable(await write(wording, place, values)) if wording else ""


def rendered(wording: Wording, values: Mapping[str, object]) -> str:
    """Raises TemplateError."""
    return Templates(wording.sources).render(wording.template, values).strip()
