"""The gateway: sessions that outlive their connections, and what is dispatched to them."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from carrier.testing.discord import payloads
from carrier.testing.discord.connection import Connection
from carrier.testing.discord.core import Core
from carrier.testing.discord.failing import fail
from carrier.testing.discord.faults import Connect
from carrier.testing.discord.journal import Heard
from carrier.testing.discord.limits import Breach
from carrier.testing.discord.payloads import Reader
from carrier.testing.discord.permissions import sees
from carrier.testing.discord.sessions import Frame, Session
from carrier.testing.discord.things import GUILDS, KNOWN_INTENTS, PRIVILEGED, Bot
from carrier.testing.discord.world import Event

BEAT, RECONNECT, INVALID = 1, 7, 9


class Gateway:
    """Sessions and connections by bot, and what can be done to them while a test looks on.

    Where `bot` is None, all of them are meant.
    """

    def __init__(self, core: Core):
        self.core, self.starts = core, core.starts
        self.sessions: dict[str, Session] = {}
        self.connections: list[Connection] = []
        self.heard: list[Heard] = []
        self.heartbeat: float = 41.25
        """Seconds between heartbeats."""
        self.resumable: float = 180.0
        """Seconds for which a session without a connection is kept."""
        self.resume_url = ""
        """What READY names; by default this server."""
        self.connects = 0
        self.resumes = 0

    # What happens to the bots

    def close(self, code: int, bot: Bot | None = None) -> None:
        for connection in self.of(bot):
            connection.close(code)

    def abort(self, bot: Bot | None = None) -> None:
        """Cut without a goodbye: 1006."""
        for connection in self.of(bot):
            connection.abort()

    def reconnect(self, bot: Bot | None = None) -> None:
        """Opcode 7."""
        self.send(RECONNECT, None, bot)

    def invalidate(self, bot: Bot | None = None, *, resumable: bool = False) -> None:
        """Opcode 9; without `resumable` the session is gone."""
        for connection in self.of(bot):
            if not resumable:
                self.forget(connection.session)
            connection.send(Frame(INVALID, resumable))

    def silence(self, bot: Bot | None = None) -> None:
        """Send nothing any more, as a connection does whose other end is gone."""
        for connection in self.of(bot):
            connection.silent = True

    def deafen(self, bot: Bot | None = None) -> None:
        """Acknowledge no heartbeat any more."""
        for connection in self.of(bot):
            connection.deaf = True

    def beat(self, bot: Bot | None = None) -> None:
        """Ask for a heartbeat."""
        self.send(BEAT, None, bot)

    def send(self, op: int, data: Any, bot: Bot | None = None) -> None:
        for connection in self.of(bot):
            connection.send(Frame(op, data))

    def send_raw(self, data: str | bytes, bot: Bot | None = None) -> None:
        """Anything at all, such as half a JSON."""
        for connection in self.of(bot):
            connection.send(data)

    def dispatch(self, name: str, data: Any, bot: Bot | None = None) -> None:
        """Any event, known or not, whole or broken."""
        for session in self.sessions.values():
            if bot in (None, session.bot):
                session.dispatch(name, data)

    def of(self, bot: Bot | None = None) -> list[Connection]:
        """The open connections that a bot has identified on."""
        return [it for it in self.connections if it.session and bot in (None, it.session.bot)]

    def is_up(self, bot: Bot) -> bool:
        return bool(self.of(bot))

    def identifies(self, bot: Bot) -> int:
        return len(self.starts.identifies[bot.id])

    # The wire

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.connects += 1
        self.core.changed()
        if fault := self.core.faults.for_(Connect, request.path):
            return await fail(request, fault, self.core.closing)
        if request.query.get("encoding", "json") != "json":
            return web.Response(status=400, text="this server speaks JSON only")
        connection = Connection(self, request)
        self.connections.append(connection)
        try:
            return await connection.live()
        finally:
            self.connections.remove(connection)
            self._leave(connection)
            self.core.changed()

    def _leave(self, connection: Connection) -> None:
        """A session outlives its connection, unless the bot said goodbye."""
        session = connection.session
        if session and session.connection is connection:
            session.connection, session.left_at = None, self.core.clock.now()
            if connection.said_goodbye:
                self.forget(session)

    def forget(self, session: Session | None) -> None:
        if session:
            self.sessions.pop(session.id, None)
            session.connection = None

    def hear(self, event: Event) -> None:
        """Something happened in the world: each session that may know of it is told."""
        # What many sessions keep to be told again is one thing, not a copy each.
        seen: dict[Reader, Mapping[str, Any]] = {}
        for session in [it for it in list(self.sessions.values()) if not self._ended(it)]:
            if self._concerns(event, session):
                reader = self._reader(session)
                seen[reader] = seen.get(reader) or event.data(reader)
                session.dispatch(event.name, seen[reader])
        self.core.changed()

    def _concerns(self, event: Event, session: Session) -> bool:
        wanted = not event.intents or event.intents & session.intents
        if event.but is session.bot or not session.holds(event.guild) or not wanted:
            return False
        if event.only is not None:
            return event.only is session.bot
        if event.channel is not None:
            return sees(session.bot.id, event.channel)
        return event.guild is None or session.bot.id in event.guild.members

    def _reader(self, session: Session) -> Reader:
        return Reader(session.bot.id, session.intents, self.core.world.cdn)

    # Starting and resuming

    def identify(self, connection: Connection, data: dict[str, Any]) -> None:
        bot = self.core.world.bot_with(str(data.get("token") or ""))
        if bot is None:
            return connection.close(4004)
        problem = self._refuses(bot, data)
        if problem:
            return connection.close(problem)
        number, count = data.get("shard") or (0, 1)
        if not self.starts.take(bot, number):
            self.breach(bot, "IDENTIFY")
            return connection.send(Frame(INVALID, False))
        if self.starts.spent(bot):
            self.revoke(bot)
            return connection.close(4004)
        session = Session(secrets.token_hex(16), bot, int(data["intents"]), (number, count))
        self.sessions[session.id] = session
        connection.attach(session, bool(data.get("compress")))
        for name, told in self._greeting(session):
            session.dispatch(name, told)

    def _refuses(self, bot: Bot, data: dict[str, Any]) -> int:
        """The close code for what is wrong with an IDENTIFY; 0: nothing."""
        intents, shard = data.get("intents"), data.get("shard") or (0, 1)
        if not isinstance(intents, int) or intents < 0 or intents & ~KNOWN_INTENTS:
            return 4013
        if intents & PRIVILEGED & ~bot.intents:
            return 4014
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            return 4010
        mine = [it for it in self.core.world.guilds.values() if bot.id in it.members]
        in_shard = sum((it.id >> 22) % shard[1] == shard[0] for it in mine)
        return 4011 if in_shard > self.starts.guilds_a_shard else 0

    def _greeting(self, session: Session) -> Iterator[tuple[str, Any]]:
        """READY, then each guild."""
        bot = session.bot
        mine = [it for it in self.core.world.guilds.values() if bot.id in it.members and session.holds(it)]
        application = payloads.application(bot)
        yield (
            "READY",
            {
                "v": 10,
                "user": {**payloads.user(bot.user), "verified": True, "mfa_enabled": False, "email": None, "flags": 0},
                "guilds": [{"id": str(it.id), "unavailable": True} for it in mine],
                "session_id": session.id,
                "resume_gateway_url": self.resume_url or f"{self.core.gateway_url}resume/{bot.id}",
                "shard": list(session.shard),
                "application": {"id": application["id"], "flags": application["flags"]},
                "private_channels": [],
                "relationships": [],
                "user_settings": {},
                "session_type": "normal",
            },
        )
        if session.intents & GUILDS:
            for guild in mine:
                yield "GUILD_CREATE", payloads.guild_create(guild, self._reader(session))

    def resume(self, connection: Connection, data: dict[str, Any]) -> None:
        """Tell again what was missed, then RESUMED; a session that is gone cannot be resumed."""
        bot = self.core.world.bot_with(str(data.get("token") or ""))
        if bot is None:
            return connection.close(4004)
        session, seq = self._kept(bot, str(data.get("session_id"))), int(data.get("seq") or 0)
        if session is None or (session.sent and seq < session.sent[0].seq - 1):
            return connection.send(Frame(INVALID, False))
        if seq > session.seq:
            self.forget(session)
            return connection.close(4007)
        if session.connection:
            session.connection.close(4000)
        self.resumes += 1
        missed = [frame for frame in session.sent if frame.seq > seq]
        connection.attach(session, False)
        for frame in missed:
            connection.send(frame)
        session.dispatch("RESUMED", {"_trace": []})

    def _kept(self, bot: Bot, id: str) -> Session | None:
        session = self.sessions.get(id)
        return None if session is None or session.bot is not bot or self._ended(session) else session

    def _ended(self, session: Session) -> bool:
        """Whether it was left for so long that it is forgotten."""
        clock = self.core.clock
        ended = session.connection is None and clock.now() - session.left_at > clock.lasts(self.resumable)
        if ended:
            self.forget(session)
        return ended

    def revoke(self, bot: Bot) -> None:
        """The token is good no more; all sessions end. So Discord does to a bot that identifies too often."""
        self.core.world.reset_token(bot)
        for connection in self.of(bot):
            self.forget(connection.session)
            connection.close(4004)

    def breach(self, bot: Bot, what: str) -> None:
        now = self.core.clock.now()
        self.core.limits.breaches.append(Breach(bot.name, what, "", "gateway", now))

    def members(self, session: Session, data: dict[str, Any]) -> None:
        """Opcode 8: members of a guild, up to 1,000 an event."""
        guild = self.core.world.guilds.get(int(data.get("guild_id") or 0))
        if guild is None or session.bot.id not in guild.members:
            return
        asked = data.get("user_ids")
        ids = [asked] if isinstance(asked, str) else asked
        start, limit = str(data.get("query") or ""), int(data.get("limit") or 0)
        if ids is not None:
            found = [guild.members[int(id)] for id in ids if int(id) in guild.members]
        else:
            found = [it for it in guild.members.values() if (it.nick or it.user.name).startswith(start)][
                : limit or None
            ]
        session.dispatch(
            "GUILD_MEMBERS_CHUNK",
            {
                "guild_id": str(guild.id),
                "members": [payloads.full_member(it) for it in found],
                "chunk_index": 0,
                "chunk_count": 1,
                "not_found": [id for id in ids or () if int(id) not in guild.members],
                "nonce": data.get("nonce"),
            },
        )
