"""Who is heard on Discord: by guild, channel, role and user, in direct messages, and also after a restart."""

import logging
from pathlib import Path

import pytest

from carrier.testing.discord import Discord
from carrier.testing.hosts import until
from tests.discord_scene import Scene, scene, until_heard


def closed(discord: Discord, folder: Path, access: str) -> Scene:
    """A bar of which Anna has the role `guest`, with a cellar, a corner of it and another guild."""
    bar = scene(discord, folder)
    world = discord.world
    guest, cellar = world.role(bar.guild, "guest"), world.text(bar.guild, "cellar")
    world.give(bar.guild, bar.anna, guest)
    ids = {"guild": bar.guild.id, "cellar": cellar.id, "guest": guest.id, "anna": bar.anna.id}
    bar.files.write("agents.d/bar.yaml", bar.client(f"access: {access % ids}"))
    return bar


PLACES = 5


def say_everywhere(bar: Scene, sender: str = "anna") -> None:
    """A word in each place, after the place."""
    world = bar.discord.world
    user = bar.anna if sender == "anna" else world.user(sender, sender.title(), guilds=[bar.guild])
    cellar = next(it for it in bar.guild.channels.values() if it.name == "cellar")
    elsewhere = world.guild("Inn")
    lobby = world.text(elsewhere, "lobby")
    world.join(elsewhere, user)
    world.invite(elsewhere, bar.tifa)
    places = {"general": bar.general, "cellar": cellar, "corner": bar.discord.thread(user, cellar, "corner")}
    places |= {"inn": lobby, "direct": world.dm(user, bar.tifa)}
    for name, place in places.items():
        bar.discord.say(user, place, name)


@pytest.mark.parametrize(
    ("access", "sender", "expected"),
    [
        ("{ guilds: [%(guild)s] }", "anna", {"general", "cellar", "corner", "direct"}),
        ("{ rooms: [%(cellar)s] }", "anna", {"cellar", "corner", "direct"}),
        ("{ guilds: [%(guild)s], dms: false }", "anna", {"general", "cellar", "corner"}),
        ("{ roles: [%(guest)s], dms: false }", "anna", {"general", "cellar", "corner"}),
        ("{ roles: [%(guest)s] }", "barret", set()),
        ("{ users: [%(anna)s] }", "anna", {"general", "cellar", "corner", "inn", "direct"}),
        ("{ users: [%(anna)s] }", "barret", set()),
        ("{ deny_users: [%(anna)s] }", "anna", set()),
    ],
)
async def test_who_is_not_let_in_is_not_heard(
    discord: Discord,
    tmp_path: Path,
    access: str,
    sender: str,
    expected: set[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bar = closed(discord, tmp_path, access)
    caplog.set_level(logging.DEBUG, "carrier.runtime.arrivals")

    async with bar.host() as host:
        say_everywhere(bar, sender)
        await until(lambda: sum("has no access" in it.message for it in caplog.records) == PLACES - len(expected))
        found = {message.text for message in await until_heard(host, len(expected))}

    assert found == expected


async def test_roles_count_for_what_was_said_while_the_host_was_down(discord: Discord, tmp_path: Path) -> None:
    bar = closed(discord, tmp_path, "{ roles: [%(guest)s] }")
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])
    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")

    discord.say(barret, bar.general, "let me in", mentions=[bar.tifa])
    discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])

    async with bar.host():
        await bar.answered("you said: @Tifa one", "you said: @Tifa two")
