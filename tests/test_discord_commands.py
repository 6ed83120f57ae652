"""Actions as commands on Discord: offered as they are, filled in by people, run as far as the agent may."""

import sys
from pathlib import Path
from typing import Any

import pytest

from carrier.clients.discord.offering import arguments, command
from carrier.testing import mcp_server
from carrier.testing.discord import Discord
from carrier.testing.discord.permissions import MANAGE_ROLES
from carrier.types.models import Tool
from tests.discord_scene import Scene, scene

FILES = {
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll(sides: int, loud: bool = False) -> str:\n"
    '    """Roll one die.\n\n    sides: How many it has.\n    """\n'
    "    return f'a {sides - 1}' + ('!' if loud else '')\n",
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules:\n  - { after: roll_dice, say: "it says {{ result }}" }\n'
    '  - { say: "you said: {{ text }}" }\n',
}


def dicing(discord: Discord, folder: Path, *more: str, commands: str = "[ask, roll_dice]") -> Scene:
    tifa = "\n".join(["character: { bio: Keeps the bar. }", "actions: [roll_dice]", *more, ""])
    return scene(discord, folder, f"commands: {commands}", files={**FILES, "agents.d/tifa.yaml": tifa})


async def offered(bar: Scene, *names: str) -> None:
    await bar.discord.until(lambda: [it["name"] for it in bar.tifa.commands.get(None, [])] == list(names))


async def test_an_action_is_offered_with_its_arguments_and_what_comes_of_it_is_said(
    discord: Discord, tmp_path: Path
) -> None:
    bar = dicing(discord, tmp_path)

    async with bar.host():
        await offered(bar, "ask", "roll_dice")
        given = discord.command(bar.anna, bar.general, bar.tifa, "roll_dice", sides=6, loud=True)
        await discord.until(lambda: "it says a 5!" in discord.said(bar.general, bar.tifa))

    assert given.texts == ["> /roll_dice sides: 6 loud: True"]
    told = bar.tifa.commands[None][1]
    assert (told["description"], [(it["name"], it["description"], it["required"]) for it in told["options"]]) == (
        "Roll one die.",
        [("sides", "How many it has.", True), ("loud", "loud", False)],
    )


async def test_what_needs_approval_waits_for_it(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path, "permissions: { ask: [roll_dice] }")
    back = discord.world.text(bar.guild, "back")
    approvals = f"approvals: {{ room: bar/{back.id}, by: {{ users: [{bar.anna.id}] }} }}\n"
    bar.files.edit("agents.d/tifa.yaml", "permissions:", f"{approvals}permissions:")

    async with bar.host():
        await offered(bar, "ask", "roll_dice")
        discord.command(bar.anna, bar.general, bar.tifa, "roll_dice", sides=6)
        await discord.until(lambda: any("pending" in said for said in discord.said(bar.general, bar.tifa)))
        discord.press(bar.anna, discord.feed(back)[0], "Approve")
        await discord.until(lambda: "it says a 5" in discord.said(bar.general, bar.tifa))


async def test_what_its_permissions_deny_is_not_done(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path, 'permissions: { deny: [{ action: roll_dice, where: { sides: "6" } }] }')

    async with bar.host():
        await offered(bar, "ask", "roll_dice")
        discord.command(bar.anna, bar.general, bar.tifa, "roll_dice", sides=6)
        await discord.until(lambda: any("not permitted" in said for said in discord.said(bar.general, bar.tifa)))


async def test_where_a_route_does_not_offer_it_only_who_asks_is_told(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path)
    bar.files.write(
        "agents.d/bar.yaml",
        bar.client("commands: [roll_dice]", f"routes: [{{ room: {bar.general.id}, actions: [] }}]"),
    )

    async with bar.host():
        await offered(bar, "roll_dice")
        given = discord.command(bar.anna, bar.general, bar.tifa, "roll_dice", sides=6)
        await discord.until(lambda: given.texts)

    assert given.texts == ["Nobody who answers here can do roll_dice here."]
    assert discord.said(bar.general) == []


async def test_who_has_no_access_gets_nothing_done(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path)
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])
    bar.files.write(
        "agents.d/bar.yaml", bar.client("commands: [roll_dice]", f"access: {{ deny_users: [{barret.id}] }}")
    )

    async with bar.host():
        await offered(bar, "roll_dice")
        given = discord.command(barret, bar.general, bar.tifa, "roll_dice", sides=6)
        await discord.until(lambda: given.texts)

    assert given.texts == ["You have no access here."]


async def test_discord_is_told_only_of_what_has_changed(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path, commands="[roll_dice]")

    async with bar.host() as host:
        await offered(bar, "roll_dice")
        bar.files.edit("agents.d/tifa.yaml", "Keeps the bar", "Keeps the peace")
        assert (await host.reload()).ok
        await discord.until(lambda: len(discord.journal.of("GET", "/commands")) == 2)
        assert len(discord.journal.of("PUT", "/commands")) == 1
        bar.files.edit("actions/dice.py", "Roll one die", "Roll a die")
        assert (await host.reload()).ok
        await discord.until(lambda: bar.tifa.commands[None][0]["description"] == "Roll a die.")

    assert len(discord.journal.of("PUT", "/commands")) == 2
    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_what_a_server_of_actions_has_anew_is_offered_at_once(discord: Discord, tmp_path: Path) -> None:
    script = "kind: script\nname: tifa\nrules: [{ after: faulty/grow, say: grown }, { call: { faulty/grow: {} } }]\n"
    files = {
        "actions/faulty.yaml": f"name: faulty\ntype: mcp\ncommand: ['{sys.executable}', '{mcp_server.__file__}']\n",
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [faulty/grow*]\n",
        "agents.d/script.yaml": script,
    }
    bar = scene(discord, tmp_path, "commands: [faulty/grow, faulty/grown_0]", files=files)

    async with bar.host():
        await offered(bar, "faulty-grow")
        discord.say(bar.anna, bar.general, "grow", mentions=[bar.tifa])
        await offered(bar, "faulty-grow", "faulty-grown_0")


async def test_a_role_is_given_to_who_gives_the_command_and_nothing_is_pinned_without_a_message(
    discord: Discord, tmp_path: Path
) -> None:
    files = {
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [discord/add_role, discord/pin]\n",
        "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "{{ result }}" }]\n',
    }
    bar = scene(discord, tmp_path, "commands: [discord/add_role, discord/pin]", files=files)
    guest = discord.world.role(bar.guild, "guest")
    discord.world.give(bar.guild, bar.tifa, discord.world.role(bar.guild, "keeper", MANAGE_ROLES))

    async with bar.host():
        await offered(bar, "discord-add_role", "discord-pin")
        discord.command(bar.anna, bar.general, bar.tifa, "discord-add_role", role="guest")
        await discord.until(lambda: "Anna has the role guest." in discord.said(bar.general, bar.tifa))
        discord.command(bar.anna, bar.general, bar.tifa, "discord-pin")
        no_message = "[failed] this is no answer to a message on Discord"
        await discord.until(lambda: no_message in discord.said(bar.general, bar.tifa))

    assert guest in bar.guild.members[bar.anna.id].roles


async def test_a_role_that_was_approved_is_given_to_who_gave_the_command(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "commands: [discord/add_role]")
    back, barret = discord.world.text(bar.guild, "back"), discord.world.user("barret", guilds=[bar.guild])
    bar.files.write(
        "agents.d/tifa.yaml",
        "character: { bio: Keeps the bar. }\nactions: [discord/add_role]\npermissions: { ask: [discord/add_role] }\n"
        f"approvals: {{ room: bar/{back.id}, by: {{ users: [{bar.anna.id}] }} }}\n",
    )
    guest = discord.world.role(bar.guild, "guest")
    discord.world.give(bar.guild, bar.tifa, discord.world.role(bar.guild, "keeper", MANAGE_ROLES))

    async with bar.host():
        await offered(bar, "discord-add_role")
        discord.command(barret, bar.general, bar.tifa, "discord-add_role", role="guest")
        await discord.until(lambda: discord.feed(back))
        discord.press(bar.anna, discord.feed(back)[0], "Approve")
        await discord.until(lambda: guest in bar.guild.members[barret.id].roles)

    assert bar.guild.members[bar.anna.id].roles == []


async def test_a_command_that_was_given_is_carried_out_after_a_restart(discord: Discord, tmp_path: Path) -> None:
    bar = dicing(discord, tmp_path)
    async with bar.host() as host:
        await offered(bar, "ask", "roll_dice")
        host.inbox.lanes.hold()
        given = discord.command(bar.anna, bar.general, bar.tifa, "roll_dice", sides=6)
        await discord.until(lambda: given.texts)

    async with bar.host():
        await bar.answered("> /roll_dice sides: 6", "it says a 5")


def tool(properties: dict[str, Any], required: list[str], name: str = "shop/find") -> Tool:
    return Tool(name, "Finds  things.", {"type": "object", "properties": properties, "required": required})


def test_the_parameters_that_one_can_fill_in_are_options_the_needed_ones_first() -> None:
    properties = {
        "maxPrice": {"anyOf": [{"type": "number"}, {"type": "null"}], "description": "At most"},
        "tags": {"type": "array"},
        "kind": {"type": "string", "enum": ["soup", "fish"]},
    }
    made = command(tool(properties, ["kind"]))

    assert made == {
        "name": "shop-find",
        "type": 1,
        "description": "Finds things.",
        "options": [
            {
                "type": 3,
                "name": "kind",
                "description": "kind",
                "required": True,
                "choices": [{"name": "soup", "value": "soup"}, {"name": "fish", "value": "fish"}],
            },
            {"type": 10, "name": "maxprice", "description": "At most", "required": False},
        ],
    }
    assert arguments(tool(properties, ["kind"]), {"kind": "soup", "maxprice": 3.5}) == {"kind": "soup", "maxPrice": 3.5}


@pytest.mark.parametrize("told", [{"type": "array"}, {"type": "object"}, {"type": ["string", "integer"]}, {}, True])
def test_an_action_that_needs_what_nobody_can_fill_in_is_no_command(told: Any) -> None:
    assert command(tool({"what": told}, ["what"])) is None
    assert command(tool({"what": told}, [])) is not None


@pytest.mark.parametrize(
    ("told", "more"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 6.5}, {"min_value": 1, "max_value": 6}),
        ({"type": "number", "minimum": 0.5}, {"min_value": 0.5}),
        ({"type": "integer", "maximum": 1e300}, {}),
        ({"type": "string", "minLength": 2, "maxLength": 10**6}, {"min_length": 2, "max_length": 6000}),
        ({"type": "string", "minLength": 0}, {}),
        ({"type": "boolean", "minimum": 0, "enum": [True]}, {}),
        ({"type": "integer", "enum": [1, 2]}, {"choices": [{"name": "1", "value": 1}, {"name": "2", "value": 2}]}),
        (
            {"anyOf": [{"type": "string", "enum": ["soup"]}, {"type": "null"}]},
            {"choices": [{"name": "soup", "value": "soup"}]},
        ),
        ({"type": ["string", "null"], "enum": ["soup", None]}, {"choices": [{"name": "soup", "value": "soup"}]}),
        ({"type": "string", "enum": ["soup", "x" * 101]}, {}),
        ({"type": "string", "enum": ["soup", ""]}, {}),
        ({"type": "string", "enum": ["soup", 1]}, {}),
    ],
)
def test_an_option_says_what_may_be_filled_in(told: dict[str, Any], more: dict[str, Any]) -> None:
    made = command(tool({"what": told}, []))

    assert made is not None
    ((option),) = made["options"]
    assert {key: option[key] for key in option.keys() - {"type", "name", "description", "required"}} == more


def test_of_two_parameters_of_one_name_on_discord_the_first_is_an_option() -> None:
    made = command(tool({"what": {"type": "string"}, "What": {"type": "integer"}}, []))

    assert made is not None
    assert [option["type"] for option in made["options"]] == [3]


def test_what_somebody_fills_in_is_called_as_the_first_one_is() -> None:
    made = tool({"what": {"type": "string"}, "What": {"type": "integer"}}, [])

    assert arguments(made, {"what": "soup"}) == {"what": "soup"}
