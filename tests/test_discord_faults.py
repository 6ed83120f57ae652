"""Whatever goes wrong between a bot and Discord: nothing said is lost, nothing is answered twice or out of order.

Each fault names the seconds within which all is answered again.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

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
from tests.discord_scene import scene
from tests.discord_talk import talk

CLIENT = "connection: { ready: 2s, silence: 1s, identifies: 1000/h }"
POST, HISTORY = "POST", "GET"

Strike = Callable[[Discord], object]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses that are minutes for Discord's sake are moments here."""
    monkeypatch.setattr("carrier.clients.discord.connection.REQUEST_SECONDS", 1.0)
    monkeypatch.setattr("carrier.clients.discord.reasons.CLOUDFLARE_SECONDS", 1.0)


def close(code: int) -> Strike:
    return lambda discord: discord.gateway.close(code)


def event(name: str, data: object) -> Strike:
    return lambda discord: discord.gateway.dispatch(name, data)


def frame(text: str) -> Strike:
    return lambda discord: discord.gateway.send_raw(text)


def anew_with(match: Connect | Rest, fault: Fault) -> Strike:
    """The session is gone, and on the way to the next one something else goes wrong."""

    def strike(discord: Discord) -> None:
        discord.faults.add(match, fault)
        discord.gateway.invalidate()

    return strike


def resume_with(fault: Fault, times: int = 1) -> Strike:
    def strike(discord: Discord) -> None:
        discord.faults.add(Connect("/resume", times=times), fault)
        discord.gateway.abort()

    return strike


GATEWAY: dict[str, tuple[Strike, float]] = {
    **{f"close {code}": (close(code), 15) for code in (1000, 1001, 1011, *range(4000, 4004), 4005, *range(4007, 4010))},
    "cut": (lambda discord: discord.gateway.abort(), 15),
    "op 7": (lambda discord: discord.gateway.reconnect(), 15),
    "op 9 true": (lambda discord: discord.gateway.invalidate(resumable=True), 15),
    "op 9 false": (lambda discord: discord.gateway.invalidate(), 15),
    "silence": (lambda discord: discord.gateway.silence(), 15),
    "half a JSON": (frame('{"op": 0, "t": "MESSAGE_CR'), 15),
    "a list": (frame("[]"), 15),
    "an unknown opcode": (frame('{"op": 99, "d": null}'), 15),
    "no opcode": (frame('{"d": 1}'), 20),
    "an unknown event": (event("BAR_FIGHT_START", {"guild_id": "1"}), 15),
    "a message without its keys": (event("MESSAGE_CREATE", {"id": "1"}), 15),
    "a message of nothing": (event("MESSAGE_CREATE", None), 15),
    "a guild without its keys": (event("GUILD_CREATE", {}), 15),
    "READY again, empty": (event("READY", {}), 15),
    "resume refused with 503": (resume_with(status(503), 2), 20),
    "resume cut": (resume_with(reset(), 2), 20),
    "new session, gateway 503": (anew_with(Connect(), status(503)), 20),
    "new session, history 503": (anew_with(Rest(HISTORY, "/messages$", times=2), status(503)), 20),
    "new session, history cut": (anew_with(Rest(HISTORY, "/messages$", times=4), reset()), 20),
    "new session, history 429": (anew_with(Rest(HISTORY, "/messages$", times=2), rate_limited(0.3)), 20),
    "new session, history hangs": (anew_with(Rest(HISTORY, "/messages$"), hang()), 20),
}  # fmt: skip


@pytest.mark.parametrize("fault", GATEWAY)
async def test_the_gateway_fails_and_all_is_answered_once(discord: Discord, tmp_path: Path, fault: str) -> None:
    strike, seconds = GATEWAY[fault]
    bar = scene(discord, tmp_path, CLIENT)
    discord.gateway.heartbeat = 0.4
    words = talk(bar)

    async with bar.host() as host:
        words.say()
        await words.answered()
        strike(discord)
        words.say(2)
        await words.answered(seconds)
        await words.settled(host)

    assert discord.breaches == []


async def test_frames_that_cannot_be_read_cost_no_session(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    words = talk(bar)

    async with bar.host() as host:
        for number in range(1, 4):
            discord.gateway.send_raw('{"op": 0, "t": "MESSAGE_CR')
            words.say()
            await words.answered(30)
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
        await words.answered(15)
        await words.settled(host)


async def test_the_place_to_resume_at_is_gone_and_all_is_answered_once(discord: Discord, tmp_path: Path) -> None:
    discord.gateway.resume_url = "ws://127.0.0.1:9"
    bar = scene(discord, tmp_path, CLIENT)
    words = talk(bar)

    async with bar.host() as host:
        words.say()
        await words.answered()
        discord.gateway.abort()
        words.say(2)
        await words.answered(25)
        await words.settled(host)


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_what_needs_its_operator_is_made_up_for_afterwards(discord: Discord, tmp_path: Path, code: int) -> None:
    bar = scene(discord, tmp_path, CLIENT)
    words = talk(bar)

    async with bar.host() as host:
        words.say()
        await words.answered()
        discord.gateway.close(code)
        await until(lambda: host.clients["bar"].state == "unauthorized")
        words.say(2)
        await host.reload()
        await words.answered(15)
        await words.settled(host)


FIRST = {
    "nothing listens": None,
    "gateway 503": (Connect(times=2), status(503)),
    "gateway 429": (Connect(times=2), page(429)),
    "gateway cut": (Connect(times=2), reset()),
    "login 503": (Rest("GET", "/users/@me$", times=2), status(503)),
    "login 429 without Via": (Rest("GET", "/users/@me$"), rate_limited(1, via=False)),
    "login cut": (Rest("GET", "/users/@me$", times=4), reset()),
    "login hangs": (Rest("GET", "/users/@me$"), hang()),
}


@pytest.mark.parametrize("fault", FIRST)
async def test_a_start_that_fails_is_made_up_for(discord: Discord, tmp_path: Path, fault: str) -> None:
    bar = scene(discord, tmp_path, CLIENT)
    words = talk(bar)
    async with bar.host() as host:
        words.say()
        await words.answered()
        await words.settled(host)
    words.say(2)

    struck = FIRST[fault]
    if struck:
        discord.faults.add(*struck)
    else:
        await discord.down()
    async with bar.host(connected=False) as host:
        if not struck:
            await until(lambda: host.clients["bar"].state == "waiting")
            await discord.up()
        await words.answered(25)
        await words.settled(host)


REST: dict[str, tuple[Fault, float]] = {
    "429 bucket": (rate_limited(0.3), 15),
    "429 shared": (rate_limited(0.3, scope="shared"), 15),
    "429 global": (rate_limited(0.3, scope="global"), 15),
    "429 without Via": (rate_limited(0.3, via=False), 15),
    "429 page": (page(429), 15),
    **{f"{code} before": (status(code), 20) for code in (500, 502, 503, 504)},
    **{f"{code} after": (status(code, after=True), 20) for code in (500, 502, 503, 504)},
    "502 page after": (page(502, after=True), 20),
    "520 page": (page(520), 20),
    "403 page": (page(403), 15),
    "reset before": (reset(), 15),
    "reset after": (reset(after=True), 15),
    "timeout before": (hang(), 20),
    "timeout after": (hang(after=True), 20),
}


@pytest.mark.parametrize("nonces", ["known", "forgotten"])
@pytest.mark.parametrize("fault", REST)
async def test_an_answer_fails_and_arrives_once(discord: Discord, tmp_path: Path, fault: str, nonces: str) -> None:
    wrong, seconds = REST[fault]
    bar = scene(discord, tmp_path, CLIENT)
    words = talk(bar)
    library_repeats = fault in ("500 after", "502 after", "504 after", "502 page after")
    if nonces == "forgotten" and not library_repeats:
        discord.nonces.lasts = 0.0
    discord.faults.add(Rest(POST, "/messages$", nth=2, times=2), wrong)

    async with bar.host() as host:
        words.say(2)
        await words.answered(seconds)
        await words.settled(host)

    assert discord.breaches == []
