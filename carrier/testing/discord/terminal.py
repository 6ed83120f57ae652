"""A terminal in which somebody talks on a local Discord: line by line, and each thing as it happens."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from carrier.testing.discord.errors import ApiError
from carrier.testing.discord.interactions import Interaction
from carrier.testing.discord.local import Discord
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.things import DM, Bot, Channel, Guild, Message, User
from carrier.testing.discord.world import Event

QUIT = "/quit"
ANSWER_IN = 15.0
"""Seconds for which an answer to a command or a button is shown when it comes."""
MENTIONS = re.compile(r"<(@!?|@&|#)(\d+)>")


class Terminal:
    """Who speaks, and where; `write` shows a line."""

    def __init__(self, discord: Discord, guild: Guild, user: User, channel: Channel, write: Callable[[str], None]):
        self.user, self.channel = user, channel
        self._discord, self._guild, self._write = discord, guild, write
        self._waiting: set[asyncio.Task[None]] = set()
        discord.world.hearers.append(self.hear)

    async def run(self, lines: AsyncIterator[str]) -> None:
        """Until the lines end, or `/quit`."""
        async for line in lines:
            if line.strip() == QUIT:
                break
            if line.strip():
                self.obey(line.strip())

    @property
    def prompt(self) -> str:
        return f"{self.user.name} in {self._place(self.channel)}: "

    # What happens

    def hear(self, event: Event) -> None:
        show = {
            "MESSAGE_CREATE": self._show_message,
            "MESSAGE_UPDATE": self._show_change,
            "MESSAGE_DELETE": self._show_deletion,
            "MESSAGE_REACTION_ADD": self._show_reaction,
            "TYPING_START": self._show_typing,
            "THREAD_CREATE": self._show_thread,
        }.get(event.name)
        if show and event.channel:
            show(event.channel, event.data(Reader(0, -1, self._discord.world.cdn)))

    def _show_message(self, channel: Channel, data: object) -> None:
        message = self._message(channel, data)
        if message and message.author is not self.user:
            self._show(channel, f"{message.author.name}: {self._text(message)}")

    def _show_change(self, channel: Channel, data: object) -> None:
        message = self._message(channel, data)
        if message and message.author is not self.user and message.edited_at:
            self._show(channel, f"{message.author.name} (edited): {self._text(message)}")

    def _show_deletion(self, channel: Channel, data: object) -> None:
        self._show(channel, "(a message was deleted)")

    def _show_reaction(self, channel: Channel, data: object) -> None:
        assert isinstance(data, dict)
        if data["user_id"] != str(self.user.id):
            self._show(channel, f"({self._name('@', data['user_id'])[1:]} reacts {data['emoji']['name']})")

    def _show_typing(self, channel: Channel, data: object) -> None:
        assert isinstance(data, dict)
        if data["user_id"] != str(self.user.id):
            self._show(channel, f"({self._name('@', data['user_id'])[1:]} types …)")

    def _show_thread(self, channel: Channel, data: object) -> None:
        self._show(channel, f"(a thread begins: /join {channel.name})")

    def _message(self, channel: Channel, data: object) -> Message | None:
        assert isinstance(data, dict)
        return channel.messages.get(int(data["id"]))

    def _show(self, channel: Channel, line: str) -> None:
        if channel.kind != DM or self.user in channel.recipients:
            self._write(line if channel is self.channel else f"[{self._place(channel)}] {line}")

    def _text(self, message: Message) -> str:
        """What it says, with names for ids, and what hangs on it."""
        files = [f"({it.file.name}, {it.size} bytes)" for it in message.attachments]
        buttons = [f"[{it.get('label')}]" for row in message.components for it in row.get("components") or []]
        said = MENTIONS.sub(lambda match: self._name(match[1], match[2]), message.content)
        return " ".join(filter(None, [said, *files, *buttons]))

    def _name(self, mark: str, id: str) -> str:
        world = self._discord.world
        named = {"#": world.channels, "@&": self._guild.roles}.get(mark, world.users)
        thing = named.get(int(id))  # type: ignore[attr-defined]
        return f"{mark[0]}{thing.name if thing else id}"

    def _place(self, channel: Channel) -> str:
        if channel.kind != DM:
            return f"#{channel.name}"
        return " and ".join(it.name for it in channel.recipients if it is not self.user) or "a direct message"

    # What is typed

    def obey(self, line: str) -> None:
        """Say it, or do what a command says; what cannot be is told."""
        word, _, rest = line.partition(" ")
        deed = DEEDS.get(word)
        try:
            if deed:
                deed[1](self, rest.strip())
            elif word.startswith("/"):
                raise ValueError(f"there is no {word}; /help tells what there is")
            else:
                self._say(line)
        except (ValueError, LookupError, ApiError) as error:
            self._write(f"({error})")

    def _say(self, text: str) -> None:
        self._discord.say(self.user, self.channel, self._with_mentions(text))

    def _with_mentions(self, text: str) -> str:
        """`@Name` of a member or a role becomes what Discord's app would make of it; the longest name first."""
        names = {it.name: it.mention for it in self._guild.roles.values() if it is not self._guild.everyone}
        names |= {it.user.name: it.user.mention for it in self._guild.members.values()}
        for name in sorted(names, key=len, reverse=True):
            text = re.sub(rf"@{re.escape(name)}\b", names[name], text, flags=re.IGNORECASE)
        return text

    def _join(self, name: str) -> None:
        found = [it for it in self._guild.channels.values() if it.name == name.removeprefix("#")]
        if not found:
            names = ", ".join(it.name for it in self._guild.channels.values())
            raise LookupError(f"no channel is called {name!r}; there are {names}")
        self.channel = found[-1]
        for message in self._discord.feed(self.channel)[-10:]:
            self._write(f"{message.author.name}: {self._text(message)}")

    def _dm(self, name: str) -> None:
        self.channel = self._discord.world.dm(self.user, self._bot(name))

    def _be(self, name: str) -> None:
        """Speak as somebody else, who joins if nobody is called so."""
        known = [it.user for it in self._guild.members.values() if it.user.name == name and not it.user.bot]
        self.user = known[0] if known else self._discord.world.user(name, guilds=[self._guild])

    def _reply(self, text: str) -> None:
        self._discord.say(self.user, self.channel, self._with_mentions(text), reply_to=self._last())

    def _edit(self, text: str) -> None:
        self._discord.edit(self._last(own=True), text)

    def _delete(self, rest: str) -> None:
        self._discord.delete(self._last(own=True))

    def _react(self, emoji: str) -> None:
        self._discord.react(self.user, self._last(), emoji)

    def _thread(self, name: str) -> None:
        self.channel = self._discord.thread(self.user, self._last(), name)

    def _post(self, rest: str) -> None:
        name, _, text = rest.partition(":")
        forum = next(it for it in self._guild.channels.values() if it.kind == 15)
        self.channel = self._discord.post(self.user, forum, name.strip(), self._with_mentions(text.strip()))

    def _press(self, button: str) -> None:
        with_buttons = [it for it in self._discord.feed(self.channel) if it.components]
        if not with_buttons:
            raise LookupError("nothing here has buttons")
        self._await(self._discord.press(self.user, with_buttons[-1], button))

    def _run(self, rest: str) -> None:
        """`BOT COMMAND key=value …`; of the last option the rest of the line is the value."""
        bot, _, rest = rest.partition(" ")
        words = re.split(r"\s(?=\w+=)", rest)
        options = dict(word.split("=", 1) for word in words[1:])
        self._await(self._discord.command(self.user, self.channel, self._bot(bot), words[0].strip(), **options))

    def _await(self, one: Interaction) -> None:
        """What only this user sees comes by no event: it is shown when it is there."""
        task = asyncio.get_running_loop().create_task(self._show_answer(one))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _show_answer(self, one: Interaction) -> None:
        with suppress(TimeoutError):
            await self._discord.until(lambda: one.texts or (one.answered and one.original is one.message), ANSWER_IN)
        if not one.answered:
            self._write(f"({one.bot.name} does not answer)")
        for message in (one.original, *one.followups):
            if message and message.only_for is not None:
                self._write(f"{one.bot.name} (only you see this): {self._text(message)}")

    def _who(self, rest: str) -> None:
        for member in self._guild.members.values():
            bot = self._discord.world.bots.get(member.user.id)
            state = "" if bot is None else " (connected)" if self._discord.gateway.is_up(bot) else " (not connected)"
            self._write(f"{member.user.name}{state}")

    def _help(self, rest: str) -> None:
        for name, (what, _) in DEEDS.items():
            self._write(f"{name:9} {what}")
        self._write(f"{QUIT:9} the end")

    def _last(self, *, own: bool = False) -> Message:
        found = [it for it in self._discord.feed(self.channel) if (it.author is self.user) is own]
        if not found:
            raise LookupError("there is nothing yet that could be meant")
        return found[-1]

    def _bot(self, name: str) -> Bot:
        bots = self._discord.world.bots.values()
        found = [it for it in bots if it.name.lower() == name.lower()]
        if not found:
            raise LookupError(f"no bot is called {name!r}; there are {', '.join(it.name for it in bots)}")
        return found[0]


DEEDS: dict[str, tuple[str, Callable[[Terminal, str], None]]] = {
    "/join": ("CHANNEL: go to a channel or a thread", Terminal._join),
    "/dm": ("BOT: go to the direct messages with a bot", Terminal._dm),
    "/as": ("NAME: speak as somebody else", Terminal._be),
    "/reply": ("TEXT: reply to the last message of somebody else", Terminal._reply),
    "/edit": ("TEXT: change your last message", Terminal._edit),
    "/delete": ("delete your last message", Terminal._delete),
    "/react": ("EMOJI: react to the last message", Terminal._react),
    "/thread": ("NAME: begin a thread at the last message", Terminal._thread),
    "/post": ("TITLE: TEXT: begin a post in the forum", Terminal._post),
    "/press": ("BUTTON: press a button of the last message that has some", Terminal._press),
    "/run": ("BOT COMMAND key=value …: run a command of a bot", Terminal._run),
    "/who": ("who is here", Terminal._who),
    "/help": ("this", Terminal._help),
}
