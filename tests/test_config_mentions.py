"""What documents name is there; what only one may have, one has."""

# A row of a table stays a line.
# ruff: noqa: E501

from pathlib import Path

import pytest

from carrier.config.catalog import load
from carrier.testing.projects import SMALL, write

HOST = "name: demo\nbudgets: { team: { cost: 20 USD/month } }\n"
AGENT = "character: { bio: x }\n"
CONSOLE = "kind: client\ntype: console\n"
DISCORD = "kind: client\nname: dc\ntype: discord\ntoken: ${A_TOKEN}\naccess: { guilds: [117] }\nrooms: { garden: 1180000000000000002 }\n"
ACTIONS = (
    "discord/add_role, discord/pin, discord/react, discord/start_thread, ignore, instagram/delete, instagram/hide, recall, remember, reply, roll_dice, "
    "schedule_message, send_message, set_goal"
)


def told(folder: Path, text: str, host: str = HOST) -> list[str]:
    files = {**SMALL, "carrier.yaml": host, "agents.d/dc.yaml": DISCORD, "agents.d/x.yaml": text}
    found = load(write(folder, files), {"A_TOKEN": "0123456789", "PATH": "/usr/bin:/bin"}).problems
    return [str(each).removeprefix("agents.d/") for each in found if each.code not in ("CAR050", "CAR018")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (AGENT + "delegates: [tifa, tiffa]\n", "x.yaml:2:19: CAR025 unknown agent 'tiffa'; did you mean 'tifa'?"),
        (AGENT + "handoffs: [x]\n", "x.yaml:2:12: CAR046 'x' names itself"),
        (AGENT + "budgets: [taem]\n", "x.yaml:2:11: CAR039 unknown budget 'taem'; did you mean 'team'?"),
        (AGENT + "knowledge: [knowledge/*.md]\n", "x.yaml:2:13: CAR044 warning: no file is called knowledge/*.md; "
         "files may come later; until then there is nothing"),
        (AGENT + "actions: [rol*, girhub/*]\n", "x.yaml:2:17: CAR044 warning: no action matches 'girhub/*'; "
         f"there are {ACTIONS}"),
        (AGENT + "permissions: { deny: [rol_dice] }\n", "x.yaml:2:23: CAR044 no action matches 'rol_dice'; "
         "did you mean 'roll_dice'?"),
        (AGENT + "permissions: { ask: [{ action: rol* }, nothing/*] }\n", "x.yaml:2:40: CAR044 no action matches 'nothing/*'; "
         f"there are {ACTIONS}"),
        (AGENT + "permissions: { allow: [rol_dice] }\n", "x.yaml:2:24: CAR044 warning: no action matches 'rol_dice'; "
         "did you mean 'roll_dice'?"),
        (AGENT + "notify: dcc/garden\n", "x.yaml:2:9: CAR037 unknown client 'dcc'; did you mean 'dc'?"),
        (AGENT + "notify: dc/gardn\n", "x.yaml:2:9: CAR045 dc knows no room 'gardn' by that name; did you mean 'garden'?"),
        (AGENT + "schedules: { s: { cron: '0 9 13 * 5', task: x } }\n", "x.yaml:2:25: CAR047 warning: cron takes the day "
         "of the month or the weekday, whichever comes: At 09:00 on the 13th day of month and on Friday; "
         "write * for the one you do not mean"),
        (AGENT + "schedules: { s: { every: 1h, say: { room: dc/1, text: '{{ x' } } }\n", "x.yaml:2:55: CAR030 this is not "
         "Jinja: unexpected end of template, expected 'end of print statement'."),
        (AGENT + "schedules: { s: { every: 1h, task: { file: chta.j2 } } }\n", "x.yaml:2:44: CAR026 unknown template "
         "'chta.j2'; did you mean 'chat.j2'?"),
        (DISCORD.replace("name: dc", "name: other"), "x.yaml:4:8: CAR041 one token cannot be for two clients; this is also "
         "that of 'dc' (agents.d/dc.yaml:1)"),
        ("kind: client\nname: b\ntype: discord\ntoken: other\naccess: { guilds: [1] }\nagent: tifa\ncommands: [ask, rol_dice]\n",
         "x.yaml:7:17: CAR044 warning: no action matches 'rol_dice'; did you mean 'roll_dice'?"),
        ("kind: client\nname: api\ntype: console\n", "x.yaml:2:7: CAR016 'api' is the name of the HTTP door; choose another"),
        ("kind: client\nname: a\ntype: console\nagent: tifa\n---\nkind: client\nname: b\ntype: console\nagent: tifa\n",
         "x.yaml:8:7: CAR042 the host has one terminal, and it is already that of 'a' (agents.d/x.yaml:1)"),
        ("kind: client\nname: b\ntype: discord\ntoken: other\nroutes:\n  - { room: 1, agent: tifa }\n---\n"
         "kind: client\nname: c\ntype: discord\ntoken: more\nagent: tifa\nroutes:\n  - { room: 1, respond: always }\n",
         "x.yaml:14:5: CAR042 this room already has that agent, at the client 'b' (agents.d/x.yaml:1)"),
        (CONSOLE + "routes: [{ room: 1, agents: [tifa, tyfa] }]\n", "x.yaml:3:36: CAR025 unknown agent 'tyfa'; "
         "did you mean 'tifa'?"),
        (CONSOLE + "routes: [{ room: 1, actions: [rol_dice] }]\n", "x.yaml:3:31: CAR044 warning: no action matches "
         "'rol_dice'; did you mean 'roll_dice'?"),
        (CONSOLE + "agent: tifa\nroutes: [{ room: 1, respond: decide }]\n", "tifa.yaml:1:1: CAR026 unknown template "
         "'decide.j2'; did you mean 'time.j2'?"),
        (AGENT + "respond: decide\n", "x.yaml:1:1: CAR026 unknown template 'decide.j2'; did you mean "
         "'time.j2'?"),
        ("kind: action\nname: gh\ntype: mcp\ncommand: [no-such-command-of-a-test]\n", "x.yaml:4:11: CAR043 this machine has "
         "no command 'no-such-command-of-a-test'; install it, or write its whole path"),
        ("kind: action\nname: pets\ntype: openapi\ndocument: pets.yaml\n", "x.yaml:4:11: CAR038 there is no file pets.yaml; "
         "a path starts at the project's folder"),
        ("kind: action\nname: w\ntype: http\nparameters: { city: {} }\nrequest: { url: 'https://a.example/{{ ctiy }}' }\n",
         "x.yaml:5:17: CAR031 nothing is called 'ctiy' here; did you mean 'city'?"),
        ("kind: provider\nname: stock\ntype: python\nentrypoint: shop.py:levels\n", "x.yaml:4:13: CAR032 there is no file "
         "shop.py; a path starts at the project's folder"),
    ],
)  # fmt: skip
def test_what_is_named_and_is_not_there_is_told(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in told(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        AGENT + "delegates: [tifa]\nhandoffs: [hello]\nbudgets: [team]\n",
        AGENT + "notify: dc/garden\n",
        AGENT + "notify: dc/1180000000000000002\n",
        AGENT + "notify: dc/@1180000000000000002\n",
        AGENT
        + "clients: { own: { type: discord, token: other, rooms: { a: 1 }, access: { guilds: [117] } } }\nnotify: own/a\n",
        AGENT + "schedules: { s: { cron: '0 9 * * 5', task: '{{ slot }}' } }\n",
        "kind: action\nname: w\ntype: http\nparameters: { city: {} }\nrequest: { url: 'https://a.example/{{ city }}' }\n",
        "kind: action\nname: sh\ntype: mcp\ncommand: [sh, -c, 'true']\n",
    ],
)
def test_what_is_there_may_be_named(tmp_path: Path, text: str) -> None:
    assert [each for each in told(tmp_path, text) if "CAR017" not in each] == []
