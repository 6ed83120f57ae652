"""Many bots in one process: each answers, and what happens to one happens to no other."""

import time
from pathlib import Path

import pytest

from carrier.testing.discord import Discord
from carrier.testing.discord.limits import Rate
from carrier.testing.hosts import until
from tests.discord_scene import Scene, scene


async def one_of_many_fails(discord: Discord, bar: Scene, count: int) -> float:
    """Seconds until so many bots are connected; one of them loses its token, and all others answer."""
    bots = [bar.tifa, *(discord.world.bot(f"Bot{number}", guilds=[bar.guild]) for number in range(1, count))]
    rooms = [discord.world.text(bar.guild, f"room-{number}") for number in range(count)]
    for number, bot in enumerate(bots[1:], 1):
        bar.files.write(f"agents.d/bot{number}.yaml", bar.client(bot=bot, name=f"bot{number}"))
    begun = time.monotonic()
    async with bar.host(connected=False) as host:
        await until(lambda: all(living.client.ready.is_set() for living in host.clients.values()), 60)  # type: ignore[attr-defined]
        ready = time.monotonic() - begun
        lives = {name: living.client._session for name, living in host.clients.items() if name != "bar"}  # type: ignore[attr-defined]
        discord.world.reset_token(bar.tifa)
        discord.gateway.close(4004, bar.tifa)
        await until(lambda: host.clients["bar"].state == "unauthorized")
        for bot, room in zip(bots[1:], rooms[1:], strict=True):
            discord.say(bar.anna, room, "hello", mentions=[bot])
        await discord.until(
            lambda: all(discord.said(room, bot) for bot, room in zip(bots[1:], rooms[1:], strict=True)), 60
        )

        assert {name: host.clients[name].client._session for name in lives} == lives  # type: ignore[attr-defined]
        assert {host.clients[name].state for name in lives} == {"running"}
    assert all(discord.gateway.identifies(bot) == 1 for bot in bots)
    assert discord.breaches == []
    return ready


async def test_of_eight_bots_one_that_fails_leaves_the_others_as_they_are(discord: Discord, tmp_path: Path) -> None:
    await one_of_many_fails(discord, scene(discord, tmp_path), 8)


async def test_a_bot_that_is_asked_everywhere_at_once_keeps_below_the_rate_limit(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carrier.clients.discord.pacing.REQUESTS_A_SECOND", 8)
    discord.limits.everything = Rate(10, 1.0)
    bar = scene(discord, tmp_path)
    rooms = [discord.world.text(bar.guild, f"room-{number}") for number in range(12)]

    async with bar.host():
        for room in rooms:
            discord.say(bar.anna, room, "hello", mentions=[bar.tifa])
        await discord.until(lambda: all(discord.said(room, bar.tifa) for room in rooms), 30)

    assert discord.breaches == []


@pytest.mark.torture
@pytest.mark.timeout(600)
async def test_of_fifty_bots_one_that_fails_leaves_the_others_as_they_are(
    discord: Discord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ready = await one_of_many_fails(discord, scene(discord, tmp_path), 50)

    with capsys.disabled():
        print(f"\n50 bots ready after {ready:.1f} s")
