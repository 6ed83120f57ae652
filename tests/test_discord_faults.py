"""Whatever goes wrong between a bot and Discord: nothing said is lost, nothing is answered twice or out of order.

Each fault strikes a bot of its own, all of them in one host and at one time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from carrier.host import Host
from carrier.testing.discord import Discord
from carrier.testing.discord.faults import (
    Connect,
    Fault,
    Received,
    Rest,
    hang,
    lost,
    page,
    rate_limited,
    reset,
    status,
)
from carrier.testing.hosts import until
from tests.discord_scene import Scene, another, scene
from tests.discord_talk import Talk, talk

CLIENT = "connection: { ready: 10s, silence: 3s, identifies: 1000/h }"
BACK = 30.0
"""Seconds within which each bot has answered all again."""
POST, HISTORY, LOGIN = ("POST", "/messages$"), ("GET", "/messages$"), ("GET", "/users/@me$")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that are minutes for Discord's sake are moments here."""
    monkeypatch.setattr("carrier.clients.discord.connection.REQUEST_SECONDS", 1.0)
    monkeypatch.setattr("carrier.clients.discord.reasons.CLOUDFLARE_SECONDS", 1.0)


# --- many bots, each with a fault of its own ------------------------------------------------------------------------


@dataclass
class Bot:
    """One of them, in its bar, and the people who talk to it; its name is the client's, and its path at the gateway."""

    name: str
    bar: Scene
    words: Talk

    @property
    def discord(self) -> Discord:
        return self.bar.discord

    @property
    def resume(self) -> str:
        """Its path when it goes on with a session."""
        return f"^/resume/{self.bar.tifa.id}$"

    @property
    def handshake(self) -> str:
        """Its path when it begins one, where it has gone on with another before or not."""
        return f"^/{self.name}$|{self.resume}"

    def rest(self, kind: tuple[str, str], fault: Fault, nth: int = 1, times: int = 1) -> None:
        self.discord.faults.add(Rest(*kind, bot=self.bar.tifa.id, nth=nth, times=times), fault)


Strike = Callable[[Bot], object]
Bots = Mapping[str, Bot]


def bots(discord: Discord, folder: Path, faults: Iterable[str]) -> Bots:
    """One for each fault, by the fault's name."""
    made: dict[str, Bot] = {}
    first = scene(discord, folder, CLIENT)
    for number, fault in enumerate(faults):
        name = f"bar{number}" if number else "bar"
        bar = another(first, name, CLIENT) if number else first
        made[fault] = Bot(name, bar, talk(bar))
    return made


def host_of(bots: Bots, connected: bool = True) -> AbstractAsyncContextManager[Host]:
    return next(iter(bots.values())).bar.host(connected)


async def at_once(bots: Bots, endure: Callable[[str, Bot], Awaitable[None]]) -> None:
    """Each endures its fault; raises all that went wrong, by the faults' names."""
    ends = await asyncio.gather(*(endure(fault, bot) for fault, bot in bots.items()), return_exceptions=True)
    wrong = [end for end in ends if isinstance(end, BaseException)]
    for fault, end in zip(bots, ends, strict=True):
        if isinstance(end, BaseException):
            end.add_note(f"the fault: {fault}")
    if wrong:
        raise BaseExceptionGroup("not every fault was endured", wrong)


async def settled(bots: Bots, host: Host) -> None:
    """All is answered once, and every fault that was laid has struck."""
    for bot in bots.values():
        await bot.words.settled(host)
        # Rooms are looked through beside what is answered.
        await until(lambda bot=bot: all(rule.hits for rule in bot.discord.faults.rules), BACK)  # type: ignore[misc]


# --- the gateway ----------------------------------------------------------------------------------------------------


def close(code: int) -> Strike:
    return lambda it: it.discord.gateway.close(code, it.bar.tifa)


def event(name: str, data: object) -> Strike:
    return lambda it: it.discord.gateway.dispatch(name, data, it.bar.tifa)


def frame(text: str) -> Strike:
    return lambda it: it.discord.gateway.send_raw(text, it.bar.tifa)


def anew_but(lay: Strike) -> Strike:
    """The session is gone, and on the way to the next one something else goes wrong."""

    def strike(it: Bot) -> None:
        lay(it)
        it.discord.gateway.invalidate(it.bar.tifa)

    return strike


def resume_but(fault: Fault, times: int) -> Strike:
    def strike(it: Bot) -> None:
        it.discord.faults.add(Connect(it.resume, times=times), fault)
        it.discord.gateway.abort(it.bar.tifa)

    return strike


GATEWAY: dict[str, Strike] = {
    **{f"close {code}": close(code) for code in (1000, 1001, 1011, *range(4000, 4004), 4005, *range(4007, 4010))},
    "cut": lambda it: it.discord.gateway.abort(it.bar.tifa),
    "op 7": lambda it: it.discord.gateway.reconnect(it.bar.tifa),
    "op 9 true": lambda it: it.discord.gateway.invalidate(it.bar.tifa, resumable=True),
    "op 9 false": lambda it: it.discord.gateway.invalidate(it.bar.tifa),
    "silence": lambda it: it.discord.gateway.silence(it.bar.tifa),
    "half a JSON": frame('{"op": 0, "t": "MESSAGE_CR'),
    "a list": frame("[]"),
    "an unknown opcode": frame('{"op": 99, "d": null}'),
    "no opcode": frame('{"d": 1}'),
    "READY out of turn": frame('{"op": 0, "t": "READY", "s": 9, "d": {}}'),
    "an unknown event": event("BAR_FIGHT_START", {"guild_id": "1"}),
    "a message without its keys": event("MESSAGE_CREATE", {"id": "1"}),
    "a message of nothing": event("MESSAGE_CREATE", None),
    "a guild without its keys": event("GUILD_CREATE", {}),
    "READY again, empty": event("READY", {}),
    "resume refused with 503": resume_but(status(503), 2),
    "resume cut": resume_but(reset(), 2),
    "new session, gateway 503": anew_but(lambda it: it.discord.faults.add(Connect(it.handshake), status(503))),
    "new session, history 503": anew_but(lambda it: it.rest(HISTORY, status(503), times=2)),
    "new session, history cut": anew_but(lambda it: it.rest(HISTORY, reset(), times=4)),
    "new session, history 429": anew_but(lambda it: it.rest(HISTORY, rate_limited(0.3), times=2)),
    "new session, history hangs": anew_but(lambda it: it.rest(HISTORY, hang())),
}


async def test_the_gateway_fails_and_all_is_answered_once(discord: Discord, tmp_path: Path) -> None:
    discord.gateway.heartbeat = 0.4
    struck = bots(discord, tmp_path, GATEWAY)

    async def endure(fault: str, it: Bot) -> None:
        it.words.say()
        await it.words.answered(BACK)
        GATEWAY[fault](it)
        it.words.say(2)
        await it.words.answered(BACK)

    async with host_of(struck) as host:
        await at_once(struck, endure)
        await settled(struck, host)
        await until(lambda: all(living.state == "running" for living in host.clients.values()))
    assert discord.breaches == []


async def test_frames_that_cannot_be_read_cost_no_session(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    words = talk(bar)

    async with bar.host() as host:
        for number in range(1, 4):
            discord.gateway.send_raw('{"op": 0, "t": "MESSAGE_CR')
            words.say()
            await words.answered(BACK)
            await discord.until(lambda number=number: discord.gateway.resumes == number)  # type: ignore[misc]
        await words.settled(host)

    assert discord.gateway.identifies(bar.tifa) == 1


async def test_heartbeats_nobody_answers_cost_nothing(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, CLIENT)
    discord.gateway.heartbeat = 0.4
    words = talk(bar)

    async with bar.host() as host:
        discord.faults.add(Received(1, times=4), lost())
        await discord.until(lambda: discord.gateway.resumes)
        words.say(2)
        await words.answered(BACK)
        await words.settled(host)


async def test_the_place_to_resume_at_is_gone_and_all_is_answered_once(discord: Discord, tmp_path: Path) -> None:
    discord.gateway.resume_url = "ws://127.0.0.1:9"
    bar = scene(discord, tmp_path, "connection: { ready: 2s }")
    words = talk(bar)

    async with bar.host() as host:
        words.say()
        await words.answered(BACK)
        discord.gateway.abort()
        words.say(2)
        await words.answered(BACK)
        await words.settled(host)

    assert discord.gateway.resumes == 0
    assert discord.gateway.identifies(bar.tifa) == 2


FOR_GOOD = {f"close {code}": code for code in (4004, *range(4010, 4015))}


async def test_what_needs_its_operator_is_made_up_for_afterwards(discord: Discord, tmp_path: Path) -> None:
    struck = bots(discord, tmp_path, FOR_GOOD)

    async def ended(fault: str, it: Bot) -> None:
        it.words.say()
        await it.words.answered(BACK)
        close(FOR_GOOD[fault])(it)
        await until(lambda: host.clients[it.name].state == "unauthorized")
        it.words.say(2)

    async with host_of(struck) as host:
        await at_once(struck, ended)
        await host.reload()
        await at_once(struck, lambda fault, it: it.words.answered(BACK))
        await settled(struck, host)


# --- the start ------------------------------------------------------------------------------------------------------

FIRST: dict[str, Strike] = {
    "gateway 503": lambda it: it.discord.faults.add(Connect(it.handshake, times=2), status(503)),
    "gateway 429": lambda it: it.discord.faults.add(Connect(it.handshake, times=2), page(429)),
    "gateway cut": lambda it: it.discord.faults.add(Connect(it.handshake, times=2), reset()),
    "login 503": lambda it: it.rest(LOGIN, status(503), times=2),
    "login 429 without Via": lambda it: it.rest(LOGIN, rate_limited(1, via=False)),
    "login cut": lambda it: it.rest(LOGIN, reset(), times=4),
    "login hangs": lambda it: it.rest(LOGIN, hang()),
}


async def met(struck: Bots) -> None:
    """They have lived before, and been told something since."""
    async with host_of(struck) as host:
        for it in struck.values():
            it.words.say()
        await at_once(struck, lambda fault, it: it.words.answered(BACK))
        await settled(struck, host)
    for it in struck.values():
        it.words.say(2)


async def test_a_start_that_fails_is_made_up_for(discord: Discord, tmp_path: Path) -> None:
    struck = bots(discord, tmp_path, FIRST)
    await met(struck)
    for fault, it in struck.items():
        FIRST[fault](it)

    async with host_of(struck, connected=False) as host:
        await at_once(struck, lambda fault, it: it.words.answered(BACK))
        await settled(struck, host)


async def test_a_start_where_nothing_listens_is_made_up_for(discord: Discord, tmp_path: Path) -> None:
    struck = bots(discord, tmp_path, ["nothing listens"])
    await met(struck)
    await discord.down()

    async with host_of(struck, connected=False) as host:
        await until(lambda: host.clients["bar"].state == "waiting")
        await discord.up()
        await at_once(struck, lambda fault, it: it.words.answered(BACK))
        await settled(struck, host)


# --- sending --------------------------------------------------------------------------------------------------------

REST: dict[str, Fault] = {
    "429 bucket": rate_limited(0.3),
    "429 shared": rate_limited(0.3, scope="shared"),
    "429 global": rate_limited(0.3, scope="global"),
    "429 without Via": rate_limited(0.3, via=False),
    "429 page": page(429),
    **{f"{code} before": status(code) for code in (500, 502, 503, 504)},
    **{f"{code} after": status(code, after=True) for code in (500, 502, 503, 504)},
    "502 page after": page(502, after=True),
    "520 page": page(520),
    "403 page": page(403),
    "reset before": reset(),
    "reset after": reset(after=True),
    "timeout before": hang(),
    "timeout after": hang(after=True),
}
REPEATED = ("500 after", "502 after", "504 after", "502 page after")
"""What the library itself says again at once, trusting in the nonce."""


@pytest.mark.parametrize("nonces", ["known", "forgotten"])
async def test_an_answer_fails_and_arrives_once(discord: Discord, tmp_path: Path, nonces: str) -> None:
    if nonces == "forgotten":
        discord.nonces.lasts = 0.0
    struck = bots(discord, tmp_path, [fault for fault in REST if nonces == "known" or fault not in REPEATED])

    async def endure(fault: str, it: Bot) -> None:
        it.rest(POST, REST[fault], nth=2, times=2)
        it.words.say(2)
        await it.words.answered(BACK)

    async with host_of(struck) as host:
        await at_once(struck, endure)
        await settled(struck, host)

    assert discord.breaches == []
