"""What a client's file says that is the host's business: who answers there, and when."""

from pathlib import Path

from carrier.config.catalog import load
from carrier.testing.projects import SMALL, write
from carrier.types.clients import Access, ClientRules, RoomRules, Route

DOOR = """\
kind: client
name: door
type: console
agent: tifa
rooms: { garden: 118, ops: 119 }
routes:
  - { room: garden, agents: [hello, tifa], respond: always }
  - { room: 119, respond: never }
  - { category: 7, actions: [roll_dice], prompt: [Be quick., Be kind.] }
  - { guild: 4, agent: hello }
access: { rooms: [ops, 120], users: [007], bots: addressed }
limits: { bot_turns: 2 }
gather: 2s
max_age: 1h
dry_run: true
"""


def test_a_client_s_rules_name_rooms_by_their_ids(tmp_path: Path) -> None:
    rules = load(write(tmp_path, {**SMALL, "agents.d/door.yaml": DOOR}), {}).clients["door"].rules

    assert rules == ClientRules(
        routes=(
            Route("room:118", RoomRules(("hello", "tifa"), "always")),
            Route("room:119", RoomRules(respond="never")),
            Route("category:7", RoomRules(actions=("roll_dice",), prompt="Be quick.\nBe kind.")),
            Route("guild:4", RoomRules(("hello",))),
        ),
        rooms={"garden": "118", "ops": "119"},
        access=Access(rooms=("119", "120"), users=("007",), bots="addressed"),
        gather=2.0,
        max_age=3600.0,
        bot_turns=2,
        dry_run=True,
    )


def test_what_a_client_does_not_say_is_built_in(tmp_path: Path) -> None:
    door = "kind: client\ntype: console\nagent: tifa\n"

    assert load(write(tmp_path, {**SMALL, "agents.d/door.yaml": door}), {}).clients["door"].rules == ClientRules()


def test_defaults_of_clients_reach_all_of_them(tmp_path: Path) -> None:
    door, host = "kind: client\ntype: console\nagent: tifa\n", "defaults: { client: { dry_run: true } }\n"
    files = {**SMALL, "agents.d/door.yaml": door, "carrier.yaml": host}

    assert load(write(tmp_path, files), {}).clients["door"].rules.dry_run


def test_an_agent_that_a_route_asks_has_the_template_for_it(tmp_path: Path) -> None:
    door = "kind: client\ntype: console\nagent: tifa\nroutes: [{ room: 1, respond: decide }]\n"
    files = {**SMALL, "templates/decide.j2": "{{ agent.name }}, YES or NO?", "agents.d/door.yaml": door}
    path = write(tmp_path, files)
    before = load(path, {})

    write(tmp_path, {"agents.d/door.yaml": door.replace("decide", "always")})
    after = load(path, {}, before)

    assert before.agents["tifa"].templates["decide"] == "decide.j2"
    assert "decide" not in before.agents["hello"].templates
    assert "decide" not in after.agents["tifa"].templates
