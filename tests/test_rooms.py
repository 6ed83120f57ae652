"""Rooms with several people, agents and bots, through a running host."""

import logging
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from carrier.api.status import status
from carrier.host import Host
from carrier.ledger import rooms
from carrier.ledger.tables import outbox, turns
from carrier.testing.hosts import running_host, until
from carrier.testing.projects import Project, project
from carrier.testing.square import Square, square
from carrier.types.talk import Line

FILES = {
    "carrier.yaml": """\
models: { large: scripted/all, small: scripted/all }
embeddings: { use: none }
server: { port: 0 }
""",
    "agents.d/all.yaml": r"""
kind: script
name: all
rules:
  - { for: decide, when: nonsense, say: I could not tell. }
  - { for: decide, when: trouble, fail: unavailable }
  - { for: decide, when: '\?$', say: "YES" }
  - { for: decide, say: "NO" }
  - when: what do you see
    given: '(?P<actions>Actions:.*)\s+(?P<place>This is the \w+)'
    say: "{{ place }}. {{ actions }}"
  - { say: "{{ agent }}: {{ text }}" }
""",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [shout, whisper]\n",
    "agents.d/aerith.yaml": "character: { bio: Sells flowers., display_name: Aerith }\n",
    "actions/shout.yaml": """\
{ name: shout, type: python, entrypoint: "actions/voice.py:shout" }
---
{ kind: action, name: whisper, type: python, entrypoint: "actions/voice.py:shout" }
""",
    "actions/voice.py": "def shout() -> str:\n    return 'AAH'\n",
    "templates/chat.j2": "Actions: {{ actions | map(attribute='name') | join(' ') }}\n",
    "templates/decide.j2": "{{ agent.name }}: YES or NO?\n",
}
BOT = "kind: client\ntype: carrier.testing.square:SquareClient\n"


@pytest.fixture
async def place() -> AsyncIterator[Square]:
    async with square() as place:
        yield place


def made(tmp_path: Path, client: str, **files: str) -> Project:
    named = {f"agents.d/{name}.yaml": text for name, text in files.items()}
    return project(tmp_path / "bar", {**FILES, "agents.d/dc.yaml": BOT + client, **named})


async def said(place: Square, host: Host, *texts: str, **more: object) -> list[str]:
    """What the bot `dc` has said once all was answered."""
    for text in texts:
        await place.say(text, **more)  # type: ignore[arg-type]
        await place.rest(host)
    return place.by("dc")


# --- who answers ---------------------------------------------------------------------------------------------------


async def test_an_agent_answers_what_is_said_to_it_and_hears_the_rest(tmp_path: Path, place: Square) -> None:
    async with running_host(made(tmp_path, "agent: tifa\n")) as opened:
        answers = await said(place, opened.host, "Hello", "Tifa, hello", "@dc hello", "antifa")
        await place.say("And now?", reply_to="s3")
        await place.say("And you?", reply_to="s1")
        await place.rest(opened.host)

    assert answers == ["tifa: Tifa, hello", "tifa: @dc hello"]
    assert place.by("dc")[2:] == ["tifa: And now?"]


async def test_several_agents_share_a_place_by_name(tmp_path: Path, place: Square) -> None:
    routes = "agent: tifa\nrooms: { garden: g1 }\nroutes: [{ room: garden, agents: [aerith, tifa] }]\n"
    async with running_host(made(tmp_path, routes)) as opened:
        answers = await said(place, opened.host, "Hello", "Tifa?", "aerith!", "@dc hi", "tifa and Aerith", room="g1")
        by_tifa = next(line.id for line in place.lines if line.text == "tifa: Tifa?")
        await said(place, opened.host, "@dc why?", room="g1", reply_to=by_tifa)
        elsewhere = await said(place, opened.host, "Aerith?", "@dc who?", room="bar")
        lines = [line.text for line in await recent(opened.host, "aerith", "dc/g1")]

    assert answers[:3] == ["tifa: Tifa?", "aerith: aerith!", "aerith: @dc hi"]
    assert sorted(answers[3:5]) == ["aerith: tifa and Aerith", "tifa: tifa and Aerith"]
    assert elsewhere[5:] == ["tifa: @dc why?", "tifa: @dc who?"]
    assert lines[:4] == ["Hello", "Tifa?", "tifa: Tifa?", "aerith!"]


async def recent(host: Host, agent: str, room: str) -> list[Line]:
    return await host.ledger.read(partial(rooms.recent, agent=agent, room=room, most=50))


async def test_a_place_narrows_the_actions_and_adds_to_the_prompt(tmp_path: Path, place: Square) -> None:
    routes = """
agent: tifa
routes:
  - { room: cellar, actions: [whis*], prompt: This is the cellar, respond: always }
  - { guild: town, prompt: This is the town, respond: always }
"""
    async with running_host(made(tmp_path, routes)) as opened:
        await said(place, opened.host, "what do you see", room="cellar", within=("guild:town",))
        await said(place, opened.host, "what do you see", room="attic", within=("guild:town",))

    assert place.by("dc") == ["This is the cellar. Actions: whisper", "This is the town. Actions: shout whisper"]


async def test_what_an_earlier_life_left_is_answered_by_the_rules_of_its_place(tmp_path: Path, place: Square) -> None:
    routes = "agent: tifa\nroutes: [{ room: cellar, actions: [whis*], prompt: This is the cellar, respond: always }]\n"
    bar = made(tmp_path, routes)
    async with running_host(bar) as opened:
        opened.host.inbox.lanes.hold()
        await place.say("what do you see", room="cellar")
        await place.until(lambda: place.heard.get("dc") == 1)
    async with running_host(bar) as opened:
        await place.rest(opened.host)

    assert place.by("dc") == ["This is the cellar. Actions: whisper"]


async def test_an_agent_that_decides_asks_its_small_model_about_what_is_not_for_it(
    tmp_path: Path, place: Square, caplog: pytest.LogCaptureFixture
) -> None:
    async with running_host(made(tmp_path, "agent: tifa\nroutes: [{ room: bar, respond: decide }]\n")) as opened:
        answers = await said(
            place,
            opened.host,
            "Nice weather.",
            "What time is it?",
            "Tifa, hello",
            "nonsense?",
            "trouble?",
            "@dc hi",
        )
        ended = await opened.host.ledger.read(outcomes)

    assert answers == ["tifa: What time is it?", "tifa: Tifa, hello", "tifa: @dc hi"]
    assert ended == ["silent", "answered", "answered", "silent", "silent", "answered"]
    assert "nobody can say whether it answers dc:s" in caplog.text


def outcomes(connection: Connection) -> list[str]:
    return list(connection.execute(select(turns.c.outcome).order_by(turns.c.taken_at)).scalars())


async def test_what_comes_in_too_late_is_heard(tmp_path: Path, place: Square) -> None:
    async with running_host(made(tmp_path, "agent: tifa\nmax_age: 1h\n")) as opened:
        now = opened.host.ledger.clock.tick()
        answers = await said(place, opened.host, "Tifa, old", created_at=now - 2 * 3600 * 1_000_000)
        answers = await said(place, opened.host, "Tifa, new", created_at=now)

    assert answers == ["tifa: Tifa, new"]


async def test_who_has_no_access_is_not_even_heard(tmp_path: Path, place: Square) -> None:
    access = "agent: tifa\nrooms: { bar: b1 }\naccess: { rooms: [bar], deny_users: [mallory] }\n"
    async with running_host(made(tmp_path, access)) as opened:
        await said(place, opened.host, "Tifa, hello", room="b1")
        await said(place, opened.host, "Tifa, hello", room="b1", by="mallory")
        await said(place, opened.host, "Tifa, hello", room="b2")
        heard = [len(await recent(opened.host, "tifa", f"dc/{room}")) for room in ("b1", "b2")]

    assert place.by("dc") == ["tifa: Tifa, hello"]
    assert heard == [2, 0]


# --- bursts --------------------------------------------------------------------------------------------------------


async def test_what_a_person_says_in_a_burst_is_answered_once(tmp_path: Path, place: Square) -> None:
    async with running_host(made(tmp_path, "agent: tifa\ngather: 200ms\n")) as opened:
        for text in ("Tifa,", "tell me", "the time, tifa"):
            await place.say(text)
        await place.until(lambda: bool(place.by("dc")))
        await place.rest(opened.host)

    assert place.by("dc") == ["tifa: Tifa,\ntell me\nthe time, tifa"]
    assert place.lines[-1].reply_to == "s3"


# --- bots ----------------------------------------------------------------------------------------------------------


async def test_bots_are_heard_and_answered_only_where_the_operator_says_so(tmp_path: Path, place: Square) -> None:
    bar = made(tmp_path, "agent: tifa\n")
    async with running_host(bar) as opened:
        await said(place, opened.host, "Tifa, none", by="barret", bot=True)
        for bots in ("addressed", "all"):
            bar.write("agents.d/dc.yaml", f"{BOT}agent: tifa\naccess: {{ bots: {bots} }}\n")
            await opened.host.reload()
            await said(place, opened.host, f"Tifa, {bots}", f"a word to {bots}", by="barret", bot=True)

    assert place.by("dc") == ["tifa: Tifa, addressed", "tifa: Tifa, all"]


async def test_two_agents_never_talk_for_ever_not_over_restarts_either(tmp_path: Path, place: Square) -> None:
    client = "agent: tifa\nroutes: [{ room: bar, respond: always }]\naccess: { bots: all }\nlimits: { bot_turns: 3 }\n"
    other = f"{BOT}name: dc2\n{client.replace('tifa', 'aerith')}"
    bar = made(tmp_path, client, dc2=other)

    async with running_host(bar) as opened:
        await said(place, opened.host, "Hello, you two")
    spoken = len(place.by("dc")), len(place.by("dc2"))
    async with running_host(bar) as opened:
        await place.say("And I?", by="barret", bot=True)
        await place.rest(opened.host)
        again = len(place.by("dc")), len(place.by("dc2"))
        await said(place, opened.host, "Go on")
        person = len(place.by("dc")), len(place.by("dc2"))

    # One answer to the person, and three to the other.
    assert spoken == (4, 4)
    # A third bot has a budget of its own, and what it sets off between the two is spent already.
    assert again == (5, 5)
    assert person == (9, 9)


async def test_a_bot_never_answers_its_own_words(tmp_path: Path, place: Square) -> None:
    client = "agent: tifa\necho: true\nroutes: [{ room: bar, respond: always }]\naccess: { bots: all }\n"
    async with running_host(made(tmp_path, client)) as opened:
        await said(place, opened.host, "Hello")
        lines = await recent(opened.host, "tifa", "dc/bar")

    assert place.by("dc") == ["tifa: Hello"]
    assert len(lines) == 2


# --- what an operator does -------------------------------------------------------------------------------------------


async def test_a_muted_room_is_heard_and_not_answered_also_after_a_restart(tmp_path: Path, place: Square) -> None:
    bar = made(tmp_path, "agent: tifa\nrooms: { garden: g1 }\n")
    async with running_host(bar) as opened:
        await opened.host.mutes.mute(opened.host.routing.room("dc/garden"), 0, "anna")
        await said(place, opened.host, "Tifa, one", room="g1")
        await said(place, opened.host, "Tifa, in a thread", room="t1", within=("room:g1",))
        await said(place, opened.host, "Tifa, two", room="bar")
    async with running_host(bar) as opened:
        [muted] = status(opened.host).muted
        await said(place, opened.host, "Tifa, three", room="g1")
        await opened.host.mutes.unmute("dc/g1")
        await said(place, opened.host, "Tifa, four", room="g1")
        lines = await recent(opened.host, "tifa", "dc/g1")

    assert (muted.room, muted.until, muted.by) == ("dc/g1", None, "anna")
    assert place.by("dc") == ["tifa: Tifa, two", "tifa: Tifa, four"]
    assert len(lines) == 4


async def test_a_mute_ends_by_itself(tmp_path: Path, place: Square) -> None:
    async with running_host(made(tmp_path, "agent: tifa\n")) as opened:
        await opened.host.mutes.mute("dc/bar", 3600, "anna")
        assert len(status(opened.host).muted) == 1
        await opened.host.mutes.mute("dc/bar", 1e-6, "anna")
        await until(lambda: not status(opened.host).muted)

        assert await said(place, opened.host, "Tifa?") == ["tifa: Tifa?"]


async def test_a_room_that_is_muted_meanwhile_is_not_answered_though_its_turn_waits(
    tmp_path: Path, place: Square
) -> None:
    async with running_host(made(tmp_path, "agent: tifa\n")) as opened:
        opened.host.inbox.lanes.hold()
        await place.say("Tifa?")
        await until(lambda: bool(opened.host.inbox.lanes.agents()))
        await opened.host.mutes.mute("dc/bar", 0, "anna")
        opened.host.inbox.lanes.release()
        opened.host.inbox.changed()
        await place.rest(opened.host)

        assert await opened.host.ledger.read(outcomes) == ["silent"]


async def test_a_dry_run_does_everything_but_sending(
    tmp_path: Path, place: Square, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bar = made(tmp_path, "agent: tifa\ndry_run: true\n")
    async with running_host(bar) as opened:
        answers = await said(place, opened.host, "Tifa, hello")
        rows = await opened.host.ledger.read(lambda it: it.execute(select(outbox.c.state, outbox.c.error)).all())
        assert [client.dry_run for client in status(opened.host).clients] == [True]
        bar.write("agents.d/dc.yaml", f"{BOT}agent: tifa\n")
        await opened.host.reload()
        later = await said(place, opened.host, "Tifa, again")

    assert (answers, [tuple(row) for row in rows]) == ([], [("sent", "dry run")])
    assert "dry run, not sent to dc/bar: tifa: Tifa, hello" in caplog.text
    assert later == ["tifa: Tifa, again"]


async def test_what_is_the_host_s_business_changes_without_a_new_client(tmp_path: Path, place: Square) -> None:
    bar = made(tmp_path, "agent: tifa\n")
    async with running_host(bar) as opened:
        before = opened.host.clients["dc"].client
        await said(place, opened.host, "@dc one")
        bar.write("agents.d/dc.yaml", f"{BOT}agent: aerith\nroutes: [{{ room: attic, agent: tifa }}]\n")
        await opened.host.reload()
        await said(place, opened.host, "@dc two")
        await said(place, opened.host, "@dc three", room="attic")

        assert opened.host.clients["dc"].client is before
        assert status(opened.host).clients[0].agent == "aerith"
        bar.write("agents.d/dc.yaml", f"{BOT}agent: aerith\necho: true\n")
        await opened.host.reload()
        assert opened.host.clients["dc"].client is not before

    assert place.by("dc") == ["tifa: @dc one", "aerith: @dc two", "tifa: @dc three"]


async def test_an_agent_that_was_away_answers_what_was_for_it_when_it_is_back(tmp_path: Path, place: Square) -> None:
    bar = made(tmp_path, "agent: aerith\n")
    async with running_host(bar) as opened:
        bar.remove("agents.d/aerith.yaml")
        await opened.host.reload()
        assert "aerith" not in opened.host.agents
        await place.say("Hello")
        await place.say("Aerith?")
        await place.until(lambda: place.heard.get("dc") == 2)
        bar.write("agents.d/aerith.yaml", FILES["agents.d/aerith.yaml"])
        await opened.host.reload()
        await place.rest(opened.host)

    assert place.by("dc") == ["aerith: Aerith?"]
