"""The control of a local Discord that runs as a process: what is made and done there, by HTTP and JSON.

`POST /control/say {"user": "anna", "channel": "general", "text": "hello"}`: a deed by its name, its arguments by
theirs. People, bots, guilds and channels are named by id or by name, messages by id.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from aiohttp import web

from carrier.testing.discord import faults, payloads
from carrier.testing.discord.errors import ApiError
from carrier.testing.discord.faults import Connect, Received, Rest, Sent
from carrier.testing.discord.interactions import Interaction
from carrier.testing.discord.local import Discord
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.permissions import BOT
from carrier.testing.discord.things import PRIVILEGED, Bot, Channel, File, Guild, Message, User

Json = dict[str, Any]
Deed = Callable[..., Any]
Named = TypeVar("Named", Guild, Channel, User, Bot)
MATCHES = {"rest": Rest, "connect": Connect, "sent": Sent, "received": Received}
FAULTS: Mapping[str, Callable[..., faults.Fault]] = {
    it.__name__: it
    for it in (
        faults.status,
        faults.page,
        faults.rate_limited,
        faults.reset,
        faults.hang,
        faults.delay,
        faults.lost,
        faults.close,
        faults.raw,
    )
}


class Control:
    """Its methods without an underscore are the deeds, but for `serve`."""

    def __init__(self, discord: Discord):
        self._discord = discord
        self._later: set[asyncio.Task[None]] = set()

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """Errors come as 400 with words."""
        try:
            done = self._deed(request.path.removeprefix("/control/"))(**json.loads(await request.read() or b"{}"))
        except (ValueError, TypeError, LookupError, ApiError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        self._discord.core.changed()
        return web.json_response(done)

    def _deed(self, name: str) -> Deed:
        deed: Deed | None = None if name.startswith("_") or name == "serve" else getattr(self, name, None)
        if deed is None:
            there = [it for it in vars(Control) if not it.startswith("_") and it != "serve"]
            raise LookupError(f"no deed is called {name!r}; there are {', '.join(there)}")
        return deed

    # What there is

    def world(self) -> Json:
        world = self._discord.world
        return {
            "api": self._discord.api,
            "gateway": self._discord.gateway_url,
            "guilds": [_guild(it) for it in world.guilds.values()],
            "users": [_named(it) for it in world.users.values()],
            "bots": [
                {**_named(it), "token": it.token, "connected": self._discord.gateway.is_up(it)}
                for it in world.bots.values()
            ],
        }

    def feed(self, channel: str, after: str = "0") -> list[Json]:
        """The messages of a channel, or those after one of them."""
        there = self._discord.feed(self._channel(channel))
        return [self._shown(it) for it in there if it.id > int(after)]

    def journal(self, method: str = "", path: str = "", bot: str = "") -> list[Json]:
        return [asdict(it) for it in self._discord.journal.of(method, path, bot)]

    def breaches(self) -> list[Json]:
        return [asdict(it) for it in self._discord.breaches]

    # What is made

    def guild(self, name: str) -> str:
        return str(self._discord.world.guild(name).id)

    def category(self, guild: str, name: str) -> str:
        return str(self._discord.world.category(self._guild(guild), name).id)

    def text(self, guild: str, name: str, parent: str = "", topic: str | None = None) -> str:
        return str(self._discord.world.text(self._guild(guild), name, self._parent(parent), topic=topic).id)

    def forum(self, guild: str, name: str, parent: str = "", tags: Iterable[str] = ()) -> str:
        return str(self._discord.world.forum(self._guild(guild), name, self._parent(parent), tags=tags).id)

    def user(self, name: str, global_name: str | None = None, guilds: Iterable[str] = ()) -> str:
        return str(self._discord.world.user(name, global_name, guilds=map(self._guild, guilds)).id)

    def bot(
        self, name: str, guilds: Iterable[str] = (), intents: int = PRIVILEGED, may: int = BOT, token: str = ""
    ) -> Json:
        there = list(map(self._guild, guilds))
        made = self._discord.world.bot(name, guilds=there, intents=intents, may=may, token=token)
        return {**_named(made), "token": made.token}

    def dm(self, user: str, bot: str) -> str:
        return str(self._discord.world.dm(self._user(user), self._bot(bot)).id)

    # What people do

    def say(
        self,
        user: str,
        channel: str,
        text: str = "",
        reply_to: str = "",
        mentions: Iterable[str] = (),
        files: Iterable[Json] = (),
    ) -> Json:
        """Of a file the `name`, and its `content` in base64 or a `size`."""
        said = self._discord.say(
            self._user(user),
            self._channel(channel),
            text,
            reply_to=self._message(reply_to) if reply_to else None,
            mentions=map(self._user, mentions),
            files=map(_file, files),
        )
        return self._shown(said)

    def edit(self, message: str, text: str) -> Json:
        return self._shown(self._discord.edit(self._message(message), text))

    def delete(self, message: str) -> None:
        self._discord.delete(self._message(message))

    def react(self, user: str, message: str, emoji: str) -> None:
        self._discord.react(self._user(user), self._message(message), emoji)

    def thread(self, user: str, name: str, channel: str = "", message: str = "") -> str:
        where = self._message(message) if message else self._channel(channel)
        return str(self._discord.thread(self._user(user), where, name).id)

    def post(self, user: str, forum: str, name: str, text: str) -> str:
        return str(self._discord.post(self._user(user), self._channel(forum), name, text).id)

    def command(self, user: str, channel: str, bot: str, name: str, options: Mapping[str, Any] | None = None) -> Json:
        place = self._channel(channel)
        return _interaction(self._discord.command(self._user(user), place, self._bot(bot), name, **(options or {})))

    def press(self, user: str, message: str, button: str) -> Json:
        return _interaction(self._discord.press(self._user(user), self._message(message), button))

    def interaction(self, id: str) -> Json:
        """What was answered to a command or a button."""
        return _interaction(self._discord.interactions.all[int(id)])

    # What goes wrong

    def close(self, code: int, bot: str = "") -> None:
        self._discord.gateway.close(code, self._some_bot(bot))

    def abort(self, bot: str = "") -> None:
        self._discord.gateway.abort(self._some_bot(bot))

    def reconnect(self, bot: str = "") -> None:
        self._discord.gateway.reconnect(self._some_bot(bot))

    def invalidate(self, bot: str = "", resumable: bool = False) -> None:
        self._discord.gateway.invalidate(self._some_bot(bot), resumable=resumable)

    def silence(self, bot: str = "") -> None:
        self._discord.gateway.silence(self._some_bot(bot))

    def deafen(self, bot: str = "") -> None:
        self._discord.gateway.deafen(self._some_bot(bot))

    def revoke(self, bot: str) -> None:
        self._discord.gateway.revoke(self._bot(bot))

    def fault(self, on: str, do: str, match: Json | None = None, how: Json | None = None) -> None:
        """`on`: rest, connect, sent, received; `do`: the name of a function of `carrier.testing.discord.faults`."""
        self._discord.faults.add(MATCHES[on](**(match or {})), FAULTS[do](**(how or {})))

    def clear_faults(self) -> None:
        self._discord.faults.clear()

    def advance(self, seconds: float) -> None:
        self._discord.clock.advance(seconds)

    def outage(self, seconds: float) -> None:
        """Gone in a moment, and back after this."""
        task = asyncio.get_running_loop().create_task(self._be_gone(seconds))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _be_gone(self, seconds: float) -> None:
        await asyncio.sleep(0.05)
        await self._discord.down()
        await asyncio.sleep(seconds)
        await self._discord.up()

    # Who and what is meant

    def _guild(self, ref: str) -> Guild:
        return _one("guild", self._discord.world.guilds, ref)

    def _channel(self, ref: str) -> Channel:
        return _one("channel", self._discord.world.channels, ref.removeprefix("#"))

    def _parent(self, ref: str) -> Channel | None:
        return self._channel(ref) if ref else None

    def _user(self, ref: str) -> User:
        return _one("user", self._discord.world.users, ref.removeprefix("@"))

    def _bot(self, ref: str) -> Bot:
        return _one("bot", self._discord.world.bots, ref)

    def _some_bot(self, ref: str) -> Bot | None:
        return self._bot(ref) if ref else None

    def _message(self, ref: str) -> Message:
        for channel in self._discord.world.channels.values():
            if message := channel.messages.get(int(ref)):
                return message
        raise LookupError(f"no message has the id {ref}")

    def _shown(self, message: Message) -> Json:
        """As a bot sees it that may see all, and whom it pinged."""
        shown = payloads.message_event(message, Reader(0, -1, self._discord.world.cdn))
        pinged = message.pinged
        told = {"users": [*map(str, pinged.users)], "roles": [*map(str, pinged.roles)], "everyone": pinged.everyone}
        return {**shown, "nonce": message.nonce, "pinged": told}


def _one(kind: str, there: Mapping[int, Named], ref: str) -> Named:
    """By id or by name; raises LookupError."""
    if ref.isdigit() and int(ref) in there:
        return there[int(ref)]
    found = [it for it in there.values() if it.name == ref]
    if len(found) != 1:
        names = ", ".join(dict.fromkeys(it.name for it in there.values()))
        raise LookupError(f"{len(found)} {kind}s are called {ref!r}; there are {names}; an id is always clear")
    return found[0]


def _named(thing: User | Bot) -> Json:
    return {"id": str(thing.id), "name": thing.name}


def _guild(guild: Guild) -> Json:
    channels = [{"id": str(it.id), "name": it.name, "type": it.kind} for it in guild.channels.values()]
    return {"id": str(guild.id), "name": guild.name, "channels": channels}


def _file(told: Json) -> File:
    return File(told["name"], base64.b64decode(told.get("content", "")), told.get("type"), told.get("size"))


def _interaction(one: Interaction) -> Json:
    return {"id": str(one.id), "answered": bool(one.answered), "texts": one.texts}
