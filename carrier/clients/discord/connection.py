"""One connection to Discord, by discord.py: pointed at its place, watched while it lives, and ended cleanly."""

import asyncio
import logging
import random
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Protocol

import aiohttp
import discord
from discord.gateway import DiscordWebSocket, KeepAliveHandler
from discord.http import HTTPClient, Route
from yarl import URL

from carrier.clients.discord import pacing
from carrier.clients.discord.pacing import STARTS, Identifies, Requests
from carrier.clients.discord.reasons import why_it_ended
from carrier.config.models.discord import DiscordSettings
from carrier.errors import ClientError, Passing

log = logging.getLogger(__name__)
# Of each request that has to wait it logs the address, which for a webhook holds its token.
logging.getLogger("discord.http").setLevel(logging.ERROR)

REQUEST_SECONDS = 30.0
"""What one request may take."""
LONGEST_RATE_LIMIT = 60.0
"""Seconds that a request waits for a rate limit; what has to wait longer is put off."""
GUILDS_SECONDS = 0.5
"""How long no further guild has come in when all are there."""
CLOSE_SECONDS = 3.0
ANEW = (1.0, 3.0)
"""Between how many seconds Discord wants a client to wait before it begins anew."""
UNACKNOWLEDGED = 1.75
"""Heartbeat intervals without an answer after which nobody is there."""
LAST_SESSIONS = 5
"""Of those that Discord allows for today, how many are left to the operator."""


class Ears(Protocol):
    """Who is told what happens. What these raise is logged, and ends nothing."""

    def began(self) -> None:
        """A new session: of what was said before it, nothing is told."""

    async def all_known(self) -> None:
        """Guilds and channels are known."""

    async def guild_came_back(self, guild: discord.Guild) -> None:
        """One that was away, or came late."""

    async def said(self, message: discord.Message) -> None: ...

    async def edited(self, message: discord.Message) -> None: ...

    async def deleted(self, messages: set[int]) -> None: ...

    async def asked(self, interaction: discord.Interaction[Any]) -> None:
        """A command was given, or a button pressed."""


class _Http(HTTPClient):
    """REST and gateway at one client's own addresses: discord.py has them for a whole process."""

    def __init__(self, settings: DiscordSettings, loop: asyncio.AbstractEventLoop):
        super().__init__(loop, max_ratelimit_timeout=LONGEST_RATE_LIMIT)
        self._api, self._requests = settings.endpoint.api, Requests()
        self.gateway = URL(settings.endpoint.gateway) if settings.endpoint.gateway else None

    async def request(self, route: Route, **more: Any) -> Any:
        route.url = route.url.replace(Route.BASE, self._api, 1)
        # Who gave a command waits three seconds, and what answers it does not count.
        if not route.path.startswith("/interactions/"):
            await self._requests.next()
        more.setdefault("timeout", aiohttp.ClientTimeout(total=REQUEST_SECONDS))
        return await super().request(route, **more)

    async def ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        asked = URL(url)
        # A session that goes on has an address of its own.
        if self.gateway and asked.host == DiscordWebSocket.DEFAULT_GATEWAY.host:
            asked = self.gateway.with_query(asked.query)
        return await super().ws_connect(str(asked), compress=compress)


class Bot(discord.Client):
    """discord.py's client, which hands on what it hears and knows whether it is connected."""

    http: _Http
    ears: Ears
    """To be set before it connects."""

    def __init__(self, settings: DiscordSettings, identifies: Identifies, here: asyncio.Event, **more: Any):
        self._settings, self._identifies = settings, identifies
        self.here, self.gone = here, asyncio.Event()
        """Whether all of it is connected, or not."""
        self._away = set(range(more.get("shard_count", 1)))
        """Shards that are not connected."""
        self._unknown = set(self._away)
        """Shards whose guilds are not known."""
        self.sockets: dict[int, DiscordWebSocket] = {}
        """The newest of each shard."""
        self._events: set[asyncio.Task[None]] = set()
        super().__init__(
            intents=_intents(settings),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=GUILDS_SECONDS,
            heartbeat_timeout=settings.connection.silence,
            **more,
        )

    def _schedule_event(self, *event: Any, **more: Any) -> "asyncio.Task[None]":
        task = super()._schedule_event(*event, **more)
        self._events.add(task)
        task.add_done_callback(self._events.discard)
        return task

    async def heard_out(self) -> None:
        """What it has heard is handed on, or cut off where that takes too long."""
        if self._events:
            _, late = await asyncio.wait(self._events, timeout=CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _get_state(self, **options: Any) -> Any:
        self.http = _Http(self._settings, self.loop)
        state: Any = super()._get_state(**options)
        for event, parse in state.parsers.items():
            state.parsers[event] = partial(_parsed, event, parse)
        state._update_references = self._has_socket
        return state

    def _has_socket(self, socket: DiscordWebSocket) -> None:
        shard = socket.shard_id or 0
        if shard in self.sockets:
            # discord.py leaves it beating when a connection is given up between its hello and its session.
            _silence(self.sockets[shard])
        self.sockets[shard] = socket
        setattr(socket, "received_message", partial(_received, socket.received_message))  # noqa: B010

    async def may_begin(self) -> None:
        """Wait until the first session may begin."""
        await self._identifies.next(self.shard_count or 1)

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if not initial:
            await asyncio.sleep(random.uniform(*ANEW))
            await self._identifies.next(self.shard_count or 1)

    def shard_here(self, shard: int) -> None:
        self._away.discard(shard)
        if not self._away:
            self.gone.clear()
            self.here.set()

    def shard_gone(self, shard: int) -> None:
        self._away.add(shard)
        self.here.clear()
        self.gone.set()

    # --- what discord.py calls

    async def on_connect(self) -> None:
        self.ears.began()
        self.shard_here(0)

    async def on_resumed(self) -> None:
        self.shard_here(0)

    async def on_disconnect(self) -> None:
        self.shard_gone(0)

    async def on_ready(self) -> None:
        await self.ears.all_known()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self.ears.guild_came_back(guild)

    async def on_message(self, message: discord.Message) -> None:
        await self.ears.said(message)

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        # An update without this is of Discord's own making: a preview of a link, a pin.
        if payload.data.get("edited_timestamp"):
            await self.ears.edited(payload.message)

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self.ears.deleted({payload.message_id})

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        await self.ears.deleted(payload.message_ids)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        await self.ears.asked(interaction)

    async def on_error(self, event: str, /, *about: Any, **more: Any) -> None:
        log.exception("what Discord told (%s) could not be taken in", event)


class ShardedBot(Bot, discord.AutoShardedClient):
    """The same over several connections, each with a part of the guilds."""

    async def on_connect(self) -> None:
        self.ears.began()

    async def on_resumed(self) -> None:
        pass

    async def on_disconnect(self) -> None:
        pass

    async def on_ready(self) -> None:
        # It comes when all have begun, and not when one of them begins anew.
        pass

    async def on_shard_connect(self, shard: int) -> None:
        self._unknown.add(shard)
        self.shard_here(shard)

    async def on_shard_ready(self, shard: int) -> None:
        self._unknown.discard(shard)
        if not self._unknown:
            await self.ears.all_known()

    async def on_shard_resumed(self, shard: int) -> None:
        self.shard_here(shard)

    async def on_shard_disconnect(self, shard: int) -> None:
        self.shard_gone(shard)


async def _received(receive: Callable[[Any], Awaitable[None]], frame: str | bytes) -> None:
    """What one frame says; one that cannot be read is a broken connection, from which the session goes on."""
    try:
        await receive(frame)
    except (ValueError, zlib.error) as error:
        raise aiohttp.ClientPayloadError(f"the gateway sent what cannot be read: {error}") from error


def _parsed(event: str, parse: Callable[[Any], None], data: Any) -> None:
    """What one event says; one that makes no sense costs nothing but itself."""
    try:
        parse(data)
    except Exception:
        log.exception("an event %s of Discord makes no sense, and is passed over", event)


def _intents(settings: DiscordSettings) -> discord.Intents:
    """What is asked for; all but the content of messages anybody may have."""
    return discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=settings.hear == "all")


# --- its life


async def live(bot: Bot, seconds: float) -> None:
    """Listen until cancelled; raises Unauthorized for what only its operator can mend, and else what went wrong."""
    await bot.may_begin()
    seconds += in_turn(bot)
    async with asyncio.TaskGroup() as group:
        group.create_task(_connect(bot))
        group.create_task(_watch_readiness(bot, seconds))
        group.create_task(_watch_heartbeats(bot))


def in_turn(bot: Bot) -> float:
    """Seconds that several connections take longer than one: each waits for the one before."""
    return ((bot.shard_count or 1) - 1) * (pacing.IDENTIFY_EVERY + ANEW[1])


async def _connect(bot: Bot) -> None:
    try:
        await bot.connect()
    except Exception as error:
        raise why_it_ended(error) from error
    raise ClientError("Discord has ended the connection")


async def _watch_readiness(bot: Bot, seconds: float) -> None:
    """discord.py may try for ever to come back to a place that is no more."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                await bot.here.wait()
        except TimeoutError:
            raise ClientError(f"not connected to Discord for {seconds:g} s") from None
        await bot.gone.wait()


async def _watch_heartbeats(bot: Bot) -> None:
    """discord.py does not mind a heartbeat that nobody answers."""
    while True:
        beats = [(socket, beat) for socket in bot.sockets.values() if (beat := socket._keep_alive) and beat.interval]
        for socket, beat in beats:
            assert beat.interval
            if time.perf_counter() - beat._last_ack > UNACKNOWLEDGED * beat.interval:
                log.warning("Discord does not answer heartbeats; the connection is made anew")
                await socket.close(4000)
        await asyncio.sleep(min((beat.interval or 1.0) for _, beat in beats) / 4 if beats else 1.0)


@asynccontextmanager
async def logged_in(settings: DiscordSettings, identifies: Identifies, here: asyncio.Event) -> AsyncIterator[Bot]:
    """A bot that Discord knows, not connected yet; leaving closes all that it opened.

    `here` is set while it is connected.
    """
    await STARTS.next()
    bot = await _logged_in(Bot(settings, identifies, here), settings)
    try:
        shards, url = await _where(bot, settings)
        if shards > 1:
            await _close(bot)
            bot = await _logged_in(ShardedBot(settings, identifies, here, shard_count=shards), settings)
        bot.http.gateway = bot.http.gateway or url
        yield bot
    finally:
        here.clear()
        await _close(bot)


async def _logged_in(bot: Bot, settings: DiscordSettings) -> Bot:
    try:
        async with asyncio.timeout(settings.connection.ready):
            await bot.login(settings.token.get_secret_value())
    except BaseException as error:
        await _close(bot)
        if isinstance(error, Exception):
            raise why_it_ended(error) from error
        raise
    return bot


async def _where(bot: Bot, settings: DiscordSettings) -> tuple[int, URL | None]:
    """Over how many connections, and where; raises Passing when Discord allows no more sessions for now."""
    try:
        shards, url, limits = await bot.http.get_bot_gateway()
    except discord.GatewayNotFound as error:
        cause = error.__cause__
        if isinstance(cause, Exception) and not isinstance(cause, discord.NotFound):
            raise why_it_ended(cause) from error
        # A server of somebody's own, which has no use for it.
        return settings.connection.shards or 1, None
    except Exception as error:
        raise why_it_ended(error) from error
    if limits["remaining"] < LAST_SESSIONS:
        seconds = limits["reset_after"] / 1000
        raise Passing(f"Discord allows no more sessions of this bot for {seconds:.0f} s", seconds)
    return settings.connection.shards or shards, URL(url)


async def _close(bot: Bot) -> None:
    """Say goodbye, so that nobody sees the bot linger; nothing of it stays behind."""
    beats = [beat for socket in bot.sockets.values() if (beat := _silence(socket))]
    # What waits for the last guild would speak to a client that is no more.
    state: Any = bot._connection
    waiting = [task for task in (state._ready_task, *getattr(state, "_ready_tasks", {}).values()) if task]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    with suppress(TimeoutError, OSError, aiohttp.ClientError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await bot.close()
    await bot.http.close()
    await bot.heard_out()
    for beat in beats:
        # Its thread would speak to an event loop that may be no more.
        await asyncio.to_thread(beat.join, CLOSE_SECONDS)


def _silence(socket: DiscordWebSocket) -> KeepAliveHandler | None:
    """Send no more heartbeats; what sent them ends soon."""
    if socket._keep_alive:
        socket._keep_alive.stop()
    return socket._keep_alive
