"""One life of a client on Discord: what it hears is read and handed over, what leaves is sent."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import discord

from carrier.clients.discord import files, put_away
from carrier.clients.discord.acting import Acting
from carrier.clients.discord.catching_up import EVERYWHERE, CatchingUp, a_moment_ago
from carrier.clients.discord.composing import Composing
from carrier.clients.discord.connection import Bot, in_turn, live, logged_in
from carrier.clients.discord.interactions import Interactions
from carrier.clients.discord.moments import made_at, snowflake
from carrier.clients.discord.pacing import Identifies
from carrier.clients.discord.personas import Personas
from carrier.clients.discord.previews import Previews
from carrier.clients.discord.reading import SAID, to_attachment, to_message
from carrier.clients.discord.rooms import Rooms
from carrier.clients.discord.sending import Sending
from carrier.config.models.discord import DiscordSettings
from carrier.interfaces import Deliver
from carrier.types.talk import Attachment, Message

log = logging.getLogger(__name__)

Place = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
"""Where something may be said."""


class Session:
    """`connection.Ears`, from the login to the end."""

    def __init__(self, name: str, settings: DiscordSettings, deliver: Deliver, bot: Bot):
        self._name, self._settings, self._deliver = name, settings, deliver
        self._tasks: set[asyncio.Task[None]] = set()
        self._catching_up = CatchingUp(deliver, self._look, self._spawn, bot.here)
        self._cursors: Mapping[str, str] = {}
        self._beginning = self._since = 0
        """The first id of what was said since the first connection, or since the one before this."""
        self._put_away: dict[int, discord.Thread] = {}
        self.bot, self.rooms = bot, Rooms(name, bot)
        self._personas = Personas(bot)
        self.sending = Sending(bot, self.rooms, self._personas, settings)
        self.previews = Previews(self.rooms, self.sending)
        self.composing = Composing(bot, self.rooms, settings)
        self.acting = Acting(bot, self.rooms)
        self._interactions = Interactions(name, bot, settings, deliver)
        bot.ears = self

    async def run(self) -> None:
        """Until cancelled; raises Unauthorized for what only the operator can mend, and else what went wrong."""
        self._spawn(self._catching_up.note())
        try:
            await live(self.bot, self._settings.connection.ready)
        finally:
            await self._end()

    @property
    def in_turn(self) -> float:
        """Seconds that its connections take longer than one would."""
        return in_turn(self.bot)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("%s: something that goes on beside its connection failed", self._name, exc_info=error)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, self.composing.close(), return_exceptions=True)

    # --- what happens there

    def began(self) -> None:
        log.info("%s: connected to Discord as %s", self._name, self.bot.user)
        self._since, self._beginning = self._beginning, self._beginning or a_moment_ago()
        self._catching_up.began()

    async def all_known(self) -> None:
        known = await self._deliver.cursors()
        # What was said before it ever came here is no concern of the bot's; what was since, is.
        self._cursors = {EVERYWHERE: str(self._since), **known}
        rooms = dict(self._to_look_through(self.bot.guilds))
        await self._catching_up.catch_up({**rooms, **dict(self._direct_rooms())})
        if EVERYWHERE not in known:
            await self._deliver.move({EVERYWHERE: str(self._beginning)})
        self._look_for_put_away()
        self._spawn(self._interactions.register())

    def refresh(self) -> None:
        """What agents can do may be other now; what is not ready yet looks when it is."""
        if self.bot.is_ready():
            self._spawn(self._interactions.register())

    async def guild_came_back(self, guild: discord.Guild) -> None:
        # By the cursors of the beginning: what is said there now has to find its room marked already.
        self._catching_up.catch_up_also(dict(self._to_look_through([guild])))

    async def said(self, message: discord.Message) -> None:
        # In a guild that is not known yet it is found with what was said there before.
        is_somewhere = message.guild or isinstance(message.channel, discord.DMChannel)
        if is_somewhere and self._concerns_it(message):
            self.rooms.met(message)
            await self._catching_up.heard(self._read(message))

    async def edited(self, message: discord.Message) -> None:
        if self._concerns_it(message):
            now = self._read(message)
            if not self._catching_up.changed(now):
                await self._deliver.edited(now, follow=self._settings.edits == "follow")

    async def deleted(self, messages: set[int]) -> None:
        self._catching_up.withdrawn(messages)
        await self._deliver.withdrawn([str(id) for id in messages], forget=self._settings.deletions == "forget")

    async def asked(self, interaction: discord.Interaction[Any]) -> None:
        await self._interactions.asked(interaction)

    def _concerns_it(self, message: discord.Message) -> bool:
        """Whether somebody else said something there that the bot may read."""
        assert self.bot.user
        own = message.author.id == self.bot.user.id or self._personas.is_own(message)
        if own or message.type not in SAID:
            return False
        return self._settings.hear == "all" or bool(message.content) or message.guild is None

    def _read(self, message: discord.Message) -> Message:
        assert self.bot.user
        return to_message(self._name, message, self.bot.user)

    # --- what was said while nobody listened

    def _to_look_through(self, guilds: Iterable[discord.Guild]) -> Iterator[tuple[str, int]]:
        """Rooms where something may have been said since, and since when."""
        oldest, cursors = self._oldest(), self._cursors
        for place in (place for guild in guilds for place in _places(guild)):
            room = f"{self._name}/{place.id}"
            cursor = int(cursors.get(room) or cursors.get(EVERYWHERE) or 0)
            last = place.last_message_id
            # Without a last message nobody knows; where nothing was heard before, there is nothing then.
            is_newer = last > max(cursor, oldest) if last else room in cursors
            if cursor and is_newer:
                yield room, max(cursor, oldest)

    def _direct_rooms(self) -> Iterator[tuple[str, int]]:
        """Discord does not say where people wrote to the bot directly; it knows those who did before."""
        oldest = self._oldest()
        for room, cursor in self._cursors.items():
            if room.startswith(f"{self._name}/@"):
                yield room, max(int(cursor), oldest)

    def _look_for_put_away(self) -> None:
        known, since = int(self._cursors[EVERYWHERE]), max(int(self._cursors[EVERYWHERE]), self._oldest())
        if known and time.time() - made_at(known) / 1_000_000 > put_away.SOONEST:
            for parent in put_away.parents(self.bot.guilds):
                look = partial(self._look_into_put_away, parent, since)
                self._spawn(self._catching_up.persist(f"{self._name}/{parent.id}", look))

    async def _look_into_put_away(self, parent: put_away.Parent, since: int) -> None:
        async for thread in put_away.threads(parent, since):
            room = f"{self._name}/{thread.id}"
            self._put_away[thread.id] = thread
            self._catching_up.catch_up_also({room: max(int(self._cursors.get(room) or 0), since)})

    def _oldest(self) -> int:
        return snowflake(time.time_ns() // 1000 - int(self._settings.backfill.age * 1_000_000))

    async def _look(self, room: str, after: int) -> list[Message]:
        id = room.partition("/")[2]
        channel = self._seen(int(id)) if id.isdigit() else await self.rooms.channel(room)
        if not self._settings.backfill.age or not isinstance(channel, discord.abc.Messageable):
            return []
        found: list[discord.Message] = []
        try:
            most = self._settings.backfill.messages
            async for message in channel.history(limit=most, after=discord.Object(after), oldest_first=False):
                if self._concerns_it(message):
                    found.append(message)
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("%s: what was said there cannot be read: %s", room, error.text)
        await _meet_members(found)
        return [self._read(message) for message in found]

    def _seen(self, id: int) -> object:
        return self.bot.get_channel(id) or self._put_away.get(id)

    # --- files

    async def fetch(self, message: Message, data: Path) -> list[Attachment]:
        return await files.fetch(message, self._settings.files, data, partial(self._renewed, message))

    async def _renewed(self, message: Message, file: Attachment) -> str:
        channel = await self.rooms.channel(message.room)
        for id in (*message.gathered, message.id):
            now = await channel.fetch_message(int(id.rpartition(":")[2]))
            for each in map(to_attachment, now.attachments):
                if (each.name, each.size) == (file.name, file.size):
                    return each.url
        return ""


@asynccontextmanager
async def opened(
    name: str, settings: DiscordSettings, identifies: Identifies, deliver: Deliver, here: asyncio.Event
) -> AsyncIterator[Session]:
    """One that Discord has let in, to be run; leaving lets go of all it has open."""
    async with logged_in(settings, identifies, here) as bot:
        yield Session(name, settings, deliver, bot)


async def _meet_members(messages: Iterable[discord.Message]) -> None:
    """What was said before does not tell which name and roles people have there, as what is said now does."""
    found: dict[int, discord.User | discord.Member] = {}
    for message in messages:
        author, guild = message.author, message.guild
        if guild and not message.webhook_id and isinstance(author, discord.User):
            if author.id not in found:
                with suppress(discord.NotFound, discord.Forbidden):
                    found[author.id] = await guild.fetch_member(author.id)
            message.author = found.setdefault(author.id, author)


def _places(guild: discord.Guild) -> Iterator[Place]:
    """Where the bot may read what was said."""
    spoken: list[Place] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels, *guild.threads]
    for place in spoken:
        # A thread whose channel is not there cannot say what is allowed in it.
        if isinstance(place, discord.Thread) and place.parent is None:
            continue
        may = place.permissions_for(guild.me)
        if may.view_channel and may.read_message_history:
            yield place
