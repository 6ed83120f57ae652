"""A Discord on loopback: what it is made of, and what people do in it."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from carrier.testing.discord import posting, reactions, threads
from carrier.testing.discord.core import Core
from carrier.testing.discord.gateway import Gateway
from carrier.testing.discord.interactions import Interaction
from carrier.testing.discord.limits import Breach
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.rest import RestApi
from carrier.testing.discord.rest_messages import type_in
from carrier.testing.discord.server import Server
from carrier.testing.discord.things import Bot, Channel, File, Message, User

LONGEST = 2000


class Discord:
    """See the package's own words for what can be done with it."""

    def __init__(self, port: int = 0, speed: float = 1.0):
        self.core = core = Core(speed)
        self.clock, self.world = core.clock, core.world
        self.faults, self.limits, self.nonces = core.faults, core.limits, core.nonces
        self.journal, self.interactions = core.journal, core.interactions
        self.gateway = Gateway(core)
        self.server = Server(core, RestApi(core), self.gateway, port)
        core.world.hearers.append(self.gateway.hear)

    @property
    def api(self) -> str:
        return f"http://{self.core.address}/api/v10"

    @property
    def gateway_url(self) -> str:
        return self.core.gateway_url

    async def up(self) -> None:
        """Begin to listen; after an outage on the same port as before."""
        await self.server.up()

    async def down(self) -> None:
        """Cut every connection and refuse new ones; all that was said stays."""
        await self.server.down()

    # What people do

    def say(
        self,
        who: User | Bot,
        channel: Channel,
        text: str = "",
        *,
        reply_to: Message | None = None,
        files: Iterable[File] = (),
        mentions: Iterable[Any] = (),
        ping: bool = True,
        **more: Any,
    ) -> Message:
        """Somebody says something; `mentions` are put in front, `more` is of `Draft`.

        As in Discord's own app a text of over 2,000 characters becomes a file `message.txt`.
        """
        user = _there(who, channel)
        content = " ".join([*(it.mention for it in mentions), text]).strip()
        if len(content) > LONGEST:
            content, files = "", (*files, File("message.txt", content.encode(), "text/plain"))
        reference = posting.reference_to(reply_to) if reply_to else None
        allowed = None if ping else {"parse": ["users", "roles", "everyone"], "replied_user": False}
        draft = Draft(content, tuple(files), reply_to=reply_to, reference=reference, allowed=allowed, **more)
        return posting.post(self.world, channel, user, draft)

    def edit(self, message: Message, text: str) -> Message:
        return posting.edit(self.world, message, {"content": text})

    def delete(self, message: Message) -> None:
        posting.delete(self.world, message)

    def react(self, user: User, message: Message, emoji: str) -> None:
        reactions.add(self.world, message, user, emoji)

    def unreact(self, user: User, message: Message, emoji: str) -> None:
        reactions.remove(self.world, message, user, emoji)

    def type(self, user: User, channel: Channel) -> None:
        type_in(self.world, channel, user.id)

    def thread(self, user: User, where: Channel | Message, name: str) -> Channel:
        """Begin a thread, in a channel or from a message."""
        if isinstance(where, Message):
            return threads.start(self.world, where.channel, name, user, where)
        return threads.start(self.world, where, name, user)

    def post(self, user: User, forum: Channel, name: str, text: str) -> Channel:
        """Begin a post of a forum; it is a thread."""
        thread, _ = threads.post(self.world, forum, name, _there(user, forum), Draft(text))
        return thread

    def archive(self, thread: Channel, *, locked: bool = False) -> None:
        threads.archive(self.world, thread, locked=locked)

    def command(self, user: User, channel: Channel, bot: Bot, name: str, **options: Any) -> Interaction:
        """Run `/name` (with a subcommand: `group sub`); raises ValueError for one that the bot has not registered."""
        return self.interactions.command(_there(user, channel), channel, bot, name, options)

    def press(self, user: User, message: Message, button: str) -> Interaction:
        """Press a button, by its custom id or its label; raises ValueError if there is none that can be pressed."""
        return self.interactions.component(user, message, button)

    def choose(self, user: User, message: Message, menu: str, values: Iterable[str]) -> Interaction:
        """Choose in a menu, by its custom id."""
        return self.interactions.component(user, message, menu, values)

    # What came of it

    def feed(self, channel: Channel) -> list[Message]:
        """What stands in a channel, the oldest first."""
        return [channel.messages[id] for id in sorted(channel.messages)]

    def said(self, channel: Channel, author: User | Bot | None = None) -> list[str]:
        """The texts in a channel, of one author or of all."""
        return [it.content for it in self.feed(channel) if author is None or it.author.id == author.id]

    async def until(self, holds: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait until this holds, looking whenever something happened here, and now and then; raises TimeoutError."""
        await self.core.until(holds, seconds)

    @property
    def typed(self) -> list[tuple[float, int, int]]:
        """When which bot (its id) showed that it types in which channel (its id)."""
        return self.core.typed

    @property
    def breaches(self) -> list[Breach]:
        """The requests that came although a rate limit was used up."""
        return self.limits.breaches


def _there(who: User | Bot, channel: Channel) -> User:
    """Who it is, if it is where the channel is; raises ValueError."""
    there = channel.guild.members if channel.guild else {it.id for it in channel.recipients}
    if who.id not in there:
        raise ValueError(f"{who.name} is not in {channel.guild.name if channel.guild else 'this conversation'}")
    return posting.by(who)


@asynccontextmanager
async def local_discord(*, speed: float = 1.0, identify_every: float = 5.0, port: int = 0) -> AsyncIterator[Discord]:
    """A Discord that listens on a free port of loopback.

    `speed`: how much faster than on the wall its windows pass (rates, nonces, interactions, sessions, heartbeats);
    `identify_every`: seconds between two sessions of a bot, 0: as often as it likes.
    """
    discord = Discord(port, speed)
    discord.gateway.starts.every = identify_every
    await discord.up()
    try:
        yield discord
    finally:
        await discord.down()
