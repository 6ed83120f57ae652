"""Faults at random between a bot and Discord while people talk: nothing is lost, answered twice, or out of order."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from carrier.runtime.supervisor import LONGEST_PAUSE
from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Connect, Fault, Rest, delay, hang, page, rate_limited, reset, status
from carrier.testing.discord.limits import Breach
from tests.discord_scene import scene
from tests.discord_talk import Talk, talk

CLIENT = "connection: { ready: 10s, silence: 2s, identifies: 100000/h }"

GATEWAY: dict[str, Callable[[Discord], object]] = {
    **{f"close {code}": lambda it, code=code: it.gateway.close(code) for code in (1000, 1001, 4000, 4002, 4008, 4009)},  # type: ignore[misc]
    "cut": lambda it: it.gateway.abort(),
    "op 7": lambda it: it.gateway.reconnect(),
    "op 9 true": lambda it: it.gateway.invalidate(resumable=True),
    "op 9 false": lambda it: it.gateway.invalidate(),
    "silence": lambda it: it.gateway.silence(),
    "deaf": lambda it: it.gateway.deafen(),
    "bad JSON": lambda it: it.gateway.send_raw('{"op": 0, "t"'),
    "unknown opcode": lambda it: it.gateway.send_raw('{"op": 77, "d": null}'),
    "unknown event": lambda it: it.gateway.dispatch("NO_SUCH_THING", {"id": "1"}),
    "broken event": lambda it: it.gateway.dispatch("MESSAGE_CREATE", {"id": "1"}),
    "connect 503": lambda it: cut_and(it, status(503)),
    "connect cut": lambda it: cut_and(it, reset()),
}


def cut_and(discord: Discord, fault: Fault) -> None:
    """Cut, and on the way back the gateway fails."""
    discord.faults.add(Connect(), fault)
    discord.gateway.abort()


ANSWERS = {
    "429": rate_limited(0.2),
    "429 global": rate_limited(0.2, scope="global"),
    "429 without Via": rate_limited(0.2, via=False),
    "500": status(500),
    "502 page": page(502),
    "503": status(503),
    "cut": reset(),
    "hang": hang(),
    "late": delay(0.3),
}
MADE = {
    "500 after": status(500, after=True),
    "503 after": status(503, after=True),
    "cut after": reset(after=True),
    "hang after": hang(after=True),
}


def strike(discord: Discord, random: Random) -> str:
    """Something goes wrong; says what."""
    kind = random.choice(["gateway", "send", "look"])
    if kind == "gateway":
        name = random.choice(list(GATEWAY))
        GATEWAY[name](discord)
        return name
    faults = ANSWERS | MADE if kind == "send" else ANSWERS
    name = random.choice(list(faults))
    discord.faults.add(Rest("POST" if kind == "send" else "GET", "/messages$"), faults[name])
    return f"{kind} {name}"


async def struck(discord: Discord, words: Talk, random: Random, count: int) -> Counter[str]:
    """People talk on while one thing after the other goes wrong."""
    what: Counter[str] = Counter()
    for number in range(count):
        words.say(rooms=random.sample(list(words.rooms), 2))
        what[strike(discord, random)] += 1
        await asyncio.sleep(random.uniform(0, 0.3))
        if number % 10 == 9:
            await words.answered(LONGEST_PAUSE)
    return what


async def endured(discord: Discord, folder: Path, count: int, seed: int) -> str:
    random, begun = Random(seed), time.monotonic()
    discord.gateway.heartbeat = 0.5
    bar = scene(discord, folder, CLIENT)
    words = talk(bar)
    async with bar.host() as host:
        words.say()
        await words.answered()
        what = await struck(discord, words, random, count)
        await words.answered(LONGEST_PAUSE)
        await words.settled(host)
    kinds = ", ".join(f"{name} {times}" for name, times in sorted(what.items()))
    return f"seed {seed}: {count} faults, {words.count} words, {time.monotonic() - begun:.0f} s: {kinds}"


def defied(discord: Discord) -> list[Breach]:
    """Requests that came before the moment that they were told to wait for.

    What became of a request whose answer is lost nobody is told, so the next may be one too many: but then one waits.
    """
    by_place = sorted(discord.breaches, key=lambda each: (each.who, each.path, each.at))
    return [
        breach
        for told, breach in pairwise(by_place)
        if (told.who, told.path) == (breach.who, breach.path) and breach.at < told.until
    ]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carrier.clients.discord.connection.REQUEST_SECONDS", 1.0)
    monkeypatch.setattr("carrier.clients.discord.reasons.CLOUDFLARE_SECONDS", 1.0)


@pytest.mark.timeout(180)
async def test_twenty_random_faults_lose_and_double_nothing(discord: Discord, tmp_path: Path) -> None:
    discord.clock.speed = 10
    print(await endured(discord, tmp_path, 20, seed=5))

    assert defied(discord) == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_three_hundred_random_faults_lose_and_double_nothing(
    discord: Discord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = await endured(discord, tmp_path, 300, seed=time.time_ns() % 10_000)

    with capsys.disabled():
        print(f"\n{told}; {len(discord.breaches)} times told to wait")
    assert defied(discord) == []


async def away(discord: Discord, folder: Path, seconds: float) -> str:
    """Discord cannot be reached for so long, while people go on talking there."""
    bar = scene(discord, folder)
    words = talk(bar)
    async with bar.host() as host:
        words.say()
        await words.answered()
        # What is asked last may be answered when nobody can be told.
        words.say()
        await discord.down()
        words.say(2)
        await asyncio.sleep(seconds)
        await discord.up()
        begun = time.monotonic()
        await words.answered(LONGEST_PAUSE)
        back = time.monotonic() - begun
        await words.settled(host)
    return f"{seconds:.0f} s away, {words.count} words, all answered {back:.0f} s later"


@pytest.mark.timeout(180)
async def test_two_seconds_without_discord_lose_and_double_nothing(discord: Discord, tmp_path: Path) -> None:
    print(await away(discord, tmp_path, 2))

    assert defied(discord) == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_ten_minutes_without_discord_lose_and_double_nothing(
    discord: Discord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = await away(discord, tmp_path, 600)

    with capsys.disabled():
        print(f"\n{told}")
    assert defied(discord) == []
