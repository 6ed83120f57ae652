"""One connection to the gateway: its frames in both directions, compressed as asked for, and its heartbeats."""

import asyncio
import json
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from carrier.testing.discord.core import Core
from carrier.testing.discord.faults import Fault, Received, Sent
from carrier.testing.discord.journal import Heard
from carrier.testing.discord.sessions import Frame, Session
from carrier.testing.discord.things import Bot

LARGEST, MOST, IN_SECONDS = 4096, 120, 60.0
"""Bytes of a frame, and frames in so many seconds, that a bot may send."""
REASONS = {
    4000: "Unknown error.",
    4001: "Unknown opcode.",
    4002: "Error while decoding payload.",
    4003: "Not authenticated.",
    4004: "Authentication failed.",
    4005: "Already authenticated.",
    4007: "Invalid seq.",
    4008: "You are being rate limited.",
    4009: "Session timed out.",
    4010: "Invalid shard.",
    4011: "Sharding required.",
    4012: "Invalid API version.",
    4013: "Invalid intent(s).",
    4014: "Disallowed intent(s).",
}


class Switch(Protocol):
    """The gateway, as its connections know it."""

    core: Core
    heartbeat: float
    heard: list[Heard]

    def identify(self, connection: "Connection", data: dict[str, Any]) -> None: ...

    def resume(self, connection: "Connection", data: dict[str, Any]) -> None: ...

    def members(self, session: Session, data: dict[str, Any]) -> None: ...

    def breach(self, bot: Bot, what: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Goodbye:
    code: int


class Connection:
    """`silent`: nothing is sent; `deaf`: no heartbeat is acknowledged."""

    def __init__(self, gateway: Switch, request: web.BaseRequest):
        self.session: Session | None = None
        self.silent = self.deaf = False
        self._gateway, self._request = gateway, request
        self._socket = web.WebSocketResponse(timeout=2.0, autoping=True, compress=False, max_msg_size=0)
        self._outgoing: asyncio.Queue[Frame | Goodbye | str | bytes] = asyncio.Queue()
        zlib_stream = request.query.get("compress") == "zlib-stream"
        self._stream = zlib.compressobj() if zlib_stream else None
        self._packs = self._closed_by_us = False
        self._heard: deque[float] = deque(maxlen=MOST)
        self._beaten = asyncio.Event()

    @property
    def said_goodbye(self) -> bool:
        """Whether the bot closed in a way that ends the session."""
        return self._socket.close_code in (WSCloseCode.OK, WSCloseCode.GOING_AWAY) and not self._closed_by_us

    async def live(self) -> web.WebSocketResponse:
        await self._socket.prepare(self._request)
        beat = self._gateway.core.clock.lasts(self._gateway.heartbeat)
        self.send(Frame(10, {"heartbeat_interval": round(beat * 1000), "_trace": []}))
        if self._request.query.get("v") not in ("9", "10"):
            self.close(4012)
        tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._watch())]
        try:
            await self._read()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._socket

    def attach(self, session: Session, packs: bool) -> None:
        """`packs`: large frames come compressed one by one."""
        self.session, session.connection, self._packs = session, self, packs
        self._gateway.core.changed()

    def send(self, what: Frame | str | bytes) -> None:
        self._outgoing.put_nowait(what)

    def close(self, code: int) -> None:
        """After what is still to be sent."""
        self._outgoing.put_nowait(Goodbye(code))

    def abort(self) -> None:
        if self._request.transport:
            self._request.transport.abort()

    # Out

    async def _write(self) -> None:
        while True:
            what = await self._outgoing.get()
            if isinstance(what, Goodbye):
                self._closed_by_us = True
                await self._socket.close(code=what.code, message=REASONS.get(what.code, "").encode())
                return
            if isinstance(what, Frame):
                await self._deliver(what)
            else:
                await self._put(what)

    async def _deliver(self, frame: Frame) -> None:
        """As it is, or as a fault says."""
        fault = self._fault(Sent, frame.op, frame.event)
        if fault:
            await asyncio.sleep(fault.delay)
            if await self._suffer(fault):
                return
        await self._put(frame.text())

    async def _put(self, what: str | bytes) -> None:
        if self.silent or self._socket.closed:
            return
        try:
            if self._stream:
                data = what.encode() if isinstance(what, str) else what
                await self._socket.send_bytes(self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH))
            elif isinstance(what, str) and not (self._packs and len(what) > 2048):
                await self._socket.send_str(what)
            else:
                await self._socket.send_bytes(zlib.compress(what.encode()) if isinstance(what, str) else what)
        except ConnectionError:
            pass  # the reader will notice

    def _fault(self, kind: Any, *subject: Any) -> Fault | None:
        return self._gateway.core.faults.for_(kind, *subject, self.session.bot.id if self.session else 0)

    async def _suffer(self, fault: Fault) -> bool:
        """What a fault does; whether the frame is done with."""
        if fault.raw is not None:
            await self._put(fault.raw)
        if fault.hang:
            self.silent = True
        if fault.reset:
            self.abort()
        if fault.close:
            self.close(fault.close)
        return bool(fault.raw is not None or fault.hang or fault.reset or fault.close or fault.lost)

    # In

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                continue
            await self._take(message.data)
            self._gateway.core.changed()

    async def _take(self, raw: str | bytes) -> None:
        frame = _decoded(raw)
        if frame is None:
            return self.close(4002)
        op, data = frame.get("op"), frame.get("d")
        self._note(op, data)
        if self._too_many():
            if self.session:
                self._gateway.breach(self.session.bot, "frames")
            return self.close(4008)
        fault = self._fault(Received, op)
        if fault:
            await asyncio.sleep(fault.delay)
            if await self._suffer(fault):
                return
        self._obey(op, data)

    def _note(self, op: Any, data: Any) -> None:
        told = {key: it for key, it in data.items() if key != "token"} if isinstance(data, dict) else data
        name = self.session.bot.name if self.session else ""
        self._gateway.heard.append(Heard(self._gateway.core.clock.now(), name, op, told))

    def _too_many(self) -> bool:
        clock = self._gateway.core.clock
        self._heard.append(clock.now())
        return len(self._heard) == MOST and self._heard[-1] - self._heard[0] < clock.lasts(IN_SECONDS)

    def _obey(self, op: Any, data: Any) -> None:
        match op:
            case 1:
                self._beaten.set()
                if not self.deaf:
                    self.send(Frame(11, None))
            case 2 | 6 if self.session:
                self.close(4005)
            case 2 | 6 if not isinstance(data, dict):
                self.close(4002)
            case 2:
                self._gateway.identify(self, data)
            case 6:
                self._gateway.resume(self, data)
            case 3 | 4 | 8 | 31 if self.session is None:
                self.close(4003)
            case 8 if self.session and isinstance(data, dict):
                self._gateway.members(self.session, data)
            case 3 | 4 | 31:
                pass  # what it shows and where it speaks is nobody's business here
            case _:
                self.close(4001)

    async def _watch(self) -> None:
        """A bot that sends no heartbeat is taken for gone."""
        patience = self._gateway.core.clock.lasts(self._gateway.heartbeat * 1.5)
        with suppress(TimeoutError):
            while True:
                await asyncio.wait_for(self._beaten.wait(), patience)
                self._beaten.clear()
        self.close(4009)


def _decoded(raw: str | bytes) -> dict[str, Any] | None:
    if len(raw) > LARGEST:
        return None
    try:
        frame = json.loads(raw)
    except ValueError:
        return None
    return frame if isinstance(frame, dict) else None
