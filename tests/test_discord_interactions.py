"""Commands and buttons on Discord: offered once, answered in time, and only to those who may."""

from pathlib import Path

import pytest

from carrier.errors import LedgerError
from carrier.runtime.forgetting import Forgetting
from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Rest, reset, status
from carrier.testing.hosts import until
from carrier.types.talk import Outgoing
from tests.discord_scene import Scene, heard, scene, until_heard

DICE = {
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll() -> int:\n    return 4\n",
    "agents.d/script.yaml": """\
kind: script
name: tifa
rules:
  - { after: roll_dice, say: "it says {{ result }}" }
  - { when: roll, call: { roll_dice: {} } }
  - { say: "you said: {{ text }}" }
""",
}


def careful(discord: Discord, folder: Path) -> Scene:
    """A bar where Anna has to be asked in a room of its own before dice are rolled."""
    bar = scene(discord, folder, files=DICE)
    back = discord.world.text(bar.guild, "back")
    bar.files.write(
        "agents.d/tifa.yaml",
        "character: { bio: Keeps the bar. }\nactions: [roll_dice]\npermissions: { ask: [roll_dice] }\n"
        f"approvals: {{ room: bar/{back.id}, by: {{ users: [{bar.anna.id}] }} }}\n",
    )
    return bar


async def test_what_has_to_be_approved_is_approved_by_a_button(discord: Discord, tmp_path: Path) -> None:
    bar = careful(discord, tmp_path)
    back = next(channel for channel in bar.guild.channels.values() if channel.name == "back")

    async with bar.host():
        discord.say(bar.anna, bar.general, "roll", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(back, bar.tifa))
        (asked,) = discord.feed(back)
        discord.press(bar.anna, asked, "Approve")
        await discord.until(lambda: "it says 4" in discord.said(bar.general, bar.tifa))

    assert asked.content.endswith("**#1 is approved by Anna**")
    assert asked.components == []


async def test_a_button_works_after_a_restart_and_not_for_others(discord: Discord, tmp_path: Path) -> None:
    bar = careful(discord, tmp_path)
    back = next(channel for channel in bar.guild.channels.values() if channel.name == "back")
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])
    async with bar.host():
        discord.say(bar.anna, bar.general, "roll", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(back, bar.tifa))

    async with bar.host() as host:
        (asked,) = discord.feed(back)
        pressed = discord.press(barret, asked, "Approve")
        await discord.until(lambda: pressed.texts)
        assert pressed.texts == ["This is not for you to decide."]
        discord.press(bar.anna, asked, "Refuse")
        await discord.until(lambda: asked.content.endswith("**#1 is refused by Anna**"))

        assert all("approve" not in message.text for message in await heard(host))
    assert "it says 4" not in discord.said(bar.general)


async def test_only_who_has_the_role_can_press_a_button(discord: Discord, tmp_path: Path) -> None:
    bar = careful(discord, tmp_path)
    keeper = discord.world.role(bar.guild, "keeper")
    bar.files.edit("agents.d/tifa.yaml", f"users: [{bar.anna.id}]", f"roles: [{keeper.id}]")
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])
    discord.world.give(bar.guild, barret, keeper)
    back = next(channel for channel in bar.guild.channels.values() if channel.name == "back")

    async with bar.host():
        discord.say(bar.anna, bar.general, "roll", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(back, bar.tifa))
        (asked,) = discord.feed(back)
        pressed = discord.press(bar.anna, asked, "Approve")
        await discord.until(lambda: pressed.texts)
        discord.press(barret, asked, "Approve")
        await discord.until(lambda: "it says 4" in discord.said(bar.general, bar.tifa))

    assert pressed.texts == ["This is not for you to decide."]


async def test_commands_are_offered_once(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [ask, status]")
    for _ in range(2):
        async with bar.host():
            await discord.until(lambda: discord.journal.of("GET", "/commands"))
            await discord.until(lambda: [it["name"] for it in bar.tifa.commands.get(None, [])] == ["ask", "status"])

    assert len(discord.journal.of("PUT", "/commands")) == 1


async def test_commands_are_offered_also_where_discord_has_trouble_at_first(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [status]")
    discord.faults.add(Rest("GET", "/commands$"), status(503))
    discord.faults.add(Rest("PUT", "/commands$"), reset())

    async with bar.host():
        await discord.until(lambda: bar.tifa.commands)


async def test_without_a_word_on_commands_none_is_touched(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host():
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

    assert discord.journal.of("", "/commands") == []


async def offered(bar: Scene) -> None:
    await bar.discord.until(lambda: bar.tifa.commands.get(None))


async def test_what_is_asked_by_a_command_is_answered_in_the_room(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [ask]")

    async with bar.host():
        await offered(bar)
        asked = discord.command(bar.anna, bar.general, bar.tifa, "ask", text="what is up?")
        await discord.until(lambda: asked.texts)
        assert asked.texts == ["> what is up?"]
        await discord.until(lambda: "you said: what is up?" in discord.said(bar.general, bar.tifa))


async def test_who_wants_to_be_forgotten_is_forgotten(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [forget-me]")
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])

    async with bar.host() as host:
        await offered(bar)
        discord.say(bar.anna, bar.general, "a secret")
        discord.say(barret, bar.general, "no secret")
        await until_heard(host, 2)
        host.memories.open()
        asked = discord.command(bar.anna, bar.general, bar.tifa, "forget-me")
        await discord.until(lambda: asked.texts, 30)

        assert asked.texts == ["1 messages of yours are forgotten, and what was learned from them."]
        assert [message.text for message in await heard(host)] == ["", "no secret"]
    assert b"a secret" not in (bar.files.data / "ledger.db").read_bytes()


async def test_a_room_can_be_paused_and_says_how_it_stands(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [status, pause]")

    async with bar.host() as host:
        await offered(bar)
        before = discord.command(bar.anna, bar.general, bar.tifa, "status")
        await discord.until(lambda: before.texts)
        paused = discord.command(bar.guild.owner, bar.general, bar.tifa, "pause", **{"for": "2h"})
        await discord.until(lambda: paused.texts)
        after = discord.command(bar.anna, bar.general, bar.tifa, "status")
        await discord.until(lambda: after.texts)
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await until_heard(host, 1)
        await until(lambda: host.inbox.lanes.running == 0)

    assert before.texts == ["tifa answers here; 0 messages wait."]
    assert paused.texts == ["Nobody answers here for 2h."]
    assert after.texts == ["Nobody answers here now."]
    assert discord.said(bar.general, bar.tifa) == []


async def test_a_button_below_a_long_question_is_answered(discord: Discord, tmp_path: Path) -> None:
    bar = careful(discord, tmp_path)
    back = next(channel for channel in bar.guild.channels.values() if channel.name == "back")

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "roll", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(back, bar.tifa))
        await host.clients["bar"].client.send(Outgoing("long", "bar", f"bar/{back.id}", "?" * 2000, asks="1"))
        asked = discord.feed(back)[-1]
        discord.press(bar.anna, asked, "Approve")
        await discord.until(lambda: not asked.components)

    assert asked.content.endswith("…\n**#1 is approved by Anna**")


async def test_a_command_that_fails_says_so(discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(self: Forgetting, entity: str) -> int:
        raise LedgerError("the disk is full")

    monkeypatch.setattr(Forgetting, "person", full)
    bar = scene(discord, tmp_path, "commands: [forget-me]")

    async with bar.host():
        await discord.until(lambda: bar.tifa.commands)
        given = discord.command(bar.anna, bar.general, bar.tifa, "forget-me")
        await discord.until(lambda: given.texts)

    assert given.texts == ["That could not be done; the operator's log says why."]
