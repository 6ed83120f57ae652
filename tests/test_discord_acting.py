"""What agents do on Discord beside speaking, as far as they may."""

from pathlib import Path

import pytest

from carrier.testing.discord import Discord
from carrier.testing.discord.permissions import ADD_REACTIONS, MANAGE_ROLES
from tests.discord_scene import Scene, scene


def doing(discord: Discord, folder: Path, call: str, *, more: str = "") -> Scene:
    """A bar where "go" makes Tifa do something."""
    files = {
        "agents.d/tifa.yaml": f"character: {{ bio: Keeps the bar. }}\nactions: [discord/*]\n{more}",
        "agents.d/script.yaml": 'kind: script\nname: tifa\nrules:\n  - { after: "NAME", say: "{{ result }}" }\n'
        "  - { when: go, call: CALL }\n".replace("NAME", call.partition(":")[0].strip("{ ")).replace("CALL", call),
    }
    return scene(discord, folder, files=files)


async def test_it_reacts(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/react: { emoji: 👍 } }")

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await bar.answered("It is there.")

    assert asked.reactions == {"👍": [bar.tifa.id]}


async def test_it_pins(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/pin: {} }")

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await discord.until(lambda: "It is pinned." in discord.said(bar.general, bar.tifa))

    assert asked.pinned_at


async def test_it_starts_a_thread(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/start_thread: { name: Soup, text: Which one? } }")

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await discord.until(lambda: "The thread Soup is there, and it is said." in discord.said(bar.general))

    assert "Which one?" in discord.said(discord.world.channels[asked.id], bar.tifa)


async def test_what_it_says_in_a_thread_passes_its_gates(discord: Discord, tmp_path: Path) -> None:
    gates = "evaluators: [forbidden: { words: [soup], on_found: redact }]\n"
    bar = doing(discord, tmp_path, "{ discord/start_thread: { name: Food, text: Soup or fish? } }", more=gates)

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await discord.until(lambda: asked.id in discord.world.channels)
        thread = discord.world.channels[asked.id]
        await discord.until(lambda: any("fish" in said for said in discord.said(thread, bar.tifa)))

    assert discord.said(thread, bar.tifa)[-1] == "[…] or fish?"


async def test_it_gives_a_role(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/add_role: { role: guest } }")
    guest = discord.world.role(bar.guild, "guest")
    keeper = discord.world.role(bar.guild, "keeper", MANAGE_ROLES)
    discord.world.give(bar.guild, bar.tifa, keeper)

    async with bar.host():
        discord.say(bar.anna, bar.general, "go: guest", mentions=[bar.tifa])
        await bar.answered("Anna has the role guest.")

    assert guest in bar.guild.members[bar.anna.id].roles


async def test_a_role_that_who_asks_has_not_named_waits_for_approval(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/add_role: { role: keeper } }")

    async with bar.host():
        discord.say(bar.anna, bar.general, "go: guest", mentions=[bar.tifa])
        await discord.until(lambda: any("waits for" in said for said in discord.said(bar.general, bar.tifa)))

    assert bar.guild.members[bar.anna.id].roles == []


async def test_what_it_may_not_do_it_is_told(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/react: { emoji: 👍 } }")
    discord.world.deny(bar.general, bar.tifa, ADD_REACTIONS)

    async with bar.host():
        discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))

    assert "the bot may not do this here" in discord.said(bar.general, bar.tifa)[0]


async def test_what_its_permissions_deny_is_not_done(discord: Discord, tmp_path: Path) -> None:
    bar = doing(discord, tmp_path, "{ discord/pin: {} }", more="permissions: { deny: [discord/pin] }\n")

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "go", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))

    assert "not permitted" in discord.said(bar.general, bar.tifa)[0]
    assert not asked.pinned_at


@pytest.mark.parametrize("role", ["nobody", "everyone"])
async def test_a_role_that_is_not_there_is_not_given(discord: Discord, tmp_path: Path, role: str) -> None:
    bar = doing(discord, tmp_path, f"{{ discord/add_role: {{ role: {role} }} }}")

    async with bar.host():
        discord.say(bar.anna, bar.general, f"go: {role}", mentions=[bar.tifa])
        await bar.answered(f"[failed] no roles here are called {role!r}")
