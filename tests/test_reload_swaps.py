"""What changes is swapped as a whole: nothing is heard twice, sent twice or lost, and a start comes up as it was."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from carrier.api.status import status
from carrier.config.catalog import load
from carrier.errors import ConfigError
from carrier.host import Host, running, usable
from carrier.runtime import supervisor
from carrier.testing.clients import LonelyClient, MadeClient, ReadyClient
from carrier.testing.hosts import running_host, until
from carrier.testing.platform import Platform, local_platform
from carrier.testing.projects import Project, project
from carrier.types.talk import Message

CHAT = "kind: client\nname: chat\ntype: carrier.testing.clients:{}\nagent: tifa\n"
DICE = "def roll() -> int:\n    return 4\n"
BROKEN_DICE = "raise RuntimeError('a bug')\n" + DICE
FILES = {
    "carrier.yaml": "name: demo\nembeddings: { use: none }\nmodels: { large: scripted/tifa, small: scripted/tifa }\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [roll_dice]\n",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "you said: {{ text }}" }]\n',
    "agents.d/chat.yaml": CHAT.format("ReadyClient"),
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": DICE,
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@pytest.fixture
def files(tmp_path: Path) -> Project:
    MadeClient.living.clear()
    return project(tmp_path / "demo", FILES)


@asynccontextmanager
async def living(files: Project) -> AsyncIterator[Host]:
    async with running(load(files.config, os.environ)) as host:
        yield host


def said(id: str, text: str = "Hello") -> Message:
    return Message("chat", id, "chat/a", "chat:anna", text)


async def made(count: int) -> ReadyClient:
    """The last of so many clients."""
    await until(lambda: len(MadeClient.living) == count)
    last = MadeClient.living[-1]
    assert isinstance(last, ReadyClient)
    return last


# --- clients ---------------------------------------------------------------------------------------------------


async def test_the_old_one_serves_until_the_new_one_is_connected_and_what_that_hears_waits(files: Project) -> None:
    async with living(files) as host:
        old = await made(1)
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        reloading = asyncio.create_task(host.reload())
        new = await made(2)
        new.heard.put_nowait(said("2", "two"))
        old.heard.put_nowait(said("1", "one"))
        await old.until(sent=1)

        new.ready.set()
        await reloading
        await new.until(sent=1)

        assert (old.texts, new.texts) == (["you said: one"], ["you said: two"])
        assert not old.connected


async def test_what_a_client_heard_that_never_came_to_serve_is_not_taken_in(
    files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "READY_SECONDS", 0.1)
    async with living(files) as host:
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        reloading = asyncio.create_task(host.reload())
        new = await made(2)
        new.heard.put_nowait(said("1", "from another account"))
        await reloading
        [old, _] = MadeClient.living
        old.heard.put_nowait(said("1", "one"))
        await old.until(sent=1)

        assert old.texts == ["you said: one"]


async def test_what_both_hear_is_answered_once(files: Project) -> None:
    async with living(files) as host:
        old = await made(1)
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        reloading = asyncio.create_task(host.reload())
        new = await made(2)
        for client in (old, new):
            client.heard.put_nowait(said("1", "one"))
        await old.until(sent=1)
        new.ready.set()
        await reloading
        new.heard.put_nowait(said("2", "two"))
        await new.until(sent=1)

        assert (old.texts, new.texts) == (["you said: one"], ["you said: two"])


async def test_what_is_being_sent_arrives_before_the_new_one_sends(files: Project) -> None:
    async with living(files) as host:
        old = await made(1)
        old.may_send.clear()
        old.heard.put_nowait(said("1", "one"))
        await old.until(attempts=1)
        await host.inbox.take_in(said("2", "two"))
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "greeting: Evening\n")
        reloading = asyncio.create_task(host.reload())
        new = await made(2)
        await until(lambda: new.connected)

        assert new.attempts == []
        old.may_send.set()
        await reloading
        await new.until(sent=1)

        assert (old.texts, new.texts) == (["you said: one"], ["you said: two"])


async def test_what_is_cut_off_while_it_is_sent_is_looked_for_and_sent_by_the_new_one(
    files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LAST_SECONDS", 0.05)
    async with living(files) as host:
        old = await made(1)
        old.may_send.clear()
        old.heard.put_nowait(said("1", "one"))
        await old.until(attempts=1)
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "greeting: Evening\n")
        await host.reload()
        new = await made(2)
        await new.until(sent=1)

        assert (old.texts, new.texts) == ([], ["you said: one"])
        assert old.attempts == new.attempts


async def test_of_lonely_clients_there_is_never_more_than_one(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT.format("LonelyClient"))
    async with living(files) as host:
        await until(lambda: MadeClient.living[0].connected)
        files.write("agents.d/chat.yaml", CHAT.format("LonelyClient") + "greeting: Evening\n")
        assert (await host.reload()).ok

        assert isinstance(MadeClient.living[-1], LonelyClient)
        assert [client.connected for client in MadeClient.living] == [False, True]


async def test_one_that_does_not_work_itself_is_replaced_at_once(files: Project) -> None:
    files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "fails: true\n")
    async with living(files) as host:
        await until(lambda: host.clients["chat"].state == "waiting")
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        await host.reload()

        assert host.clients["chat"].client is MadeClient.living[-1]


async def test_a_client_that_is_called_otherwise_is_another_one_and_the_first_has_stopped_before(
    files: Project,
) -> None:
    files.write("agents.d/chat.yaml", CHAT.format("LonelyClient"))
    async with living(files) as host:
        await until(lambda: MadeClient.living[0].connected)
        files.write("agents.d/chat.yaml", CHAT.format("LonelyClient").replace("name: chat", "name: talk"))
        await host.reload()

        await until(lambda: MadeClient.living[-1].connected)
        assert list(host.clients) == ["talk"]


# --- under load ------------------------------------------------------------------------------------------------

ROOMS = [f"r{number}" for number in range(6)]
LOADED = {
    "carrier.yaml": FILES["carrier.yaml"] + "server: { port: 0 }\n",
    "templates/chat.j2": FILES["templates/chat.j2"],
    **{
        f"agents.d/{name}.yaml": f"""\
character: {{ bio: Echoes. }}
---
kind: script
name: {"tifa" if name == "one" else name}
rules: [{{ say: "you said {{{{ text }}}}", delay: 3ms }}]
"""
        for name in ("one", "two")
    },
}
DOOR = "kind: client\nname: door\ntype: carrier.testing.platform:PlatformClient\nport: {}\nagent: {}\n"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with local_platform() as platform:
        yield platform


async def test_swaps_under_load_lose_nothing_double_nothing_and_keep_the_order(
    tmp_path: Path, platform: Platform
) -> None:
    files = project(tmp_path / "loaded", {**LOADED, "agents.d/door.yaml": DOOR.format(platform.port, "one")})
    said = {room: [f"{room}-{number}" for number in range(20)] for room in ROOMS}
    async with running_host(files) as opened:
        for number in range(20):
            for room in ROOMS:
                platform.say(said[room][number], room, said[room][number])
        for number, agent in enumerate(("two", "one", "two", "one"), 1):
            await platform.until(lambda: len(platform.sent) >= 25 * number, 10)  # noqa: B023
            files.write("agents.d/door.yaml", DOOR.format(platform.port, agent))
            assert (await opened.host.reload()).ok
        await platform.until(lambda: len(platform.sent) >= 120, 10)

    assert {room: [sent.reply_to for sent in answers] for room, answers in platform.by_room().items()} == said


# --- overtaken, and cut off ------------------------------------------------------------------------------------

WAITS = """
import time
from pathlib import Path

HERE = Path(__file__).parent
(HERE / "begun").touch()
while not (HERE / "go_on").exists():
    time.sleep(0.005)

"""


async def test_what_is_overtaken_while_it_is_made_never_answers(files: Project) -> None:
    async with living(files) as host:
        before = host.agents["tifa"]
        files.write("actions/dice.py", WAITS + DICE)
        host.reload_soon()
        await until((files.folder / "actions/begun").exists)
        files.write("actions/dice.py", DICE.replace("4", "6"))
        newest = asyncio.create_task(host.reload())
        await asyncio.sleep(0)
        assert host.agents["tifa"] is before
        (files.folder / "actions/go_on").touch()
        await newest

        [dice] = host.agents["tifa"].agent.actions
        assert dice == load(files.config, os.environ).actions["roll_dice"]


async def test_a_client_that_is_connecting_goes_on_doing_so_when_its_reload_is_overtaken(files: Project) -> None:
    async with living(files) as host:
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        host.reload_soon()
        new = await made(2)
        files.write("agents.d/hello.yaml", "character: { bio: Greets nobody. }\n")
        newest = asyncio.create_task(host.reload())
        new.ready.set()
        await newest

        assert host.clients["chat"].client is new
        assert host.agents["hello"].agent.character.bio == ("Greets nobody.",)


async def test_a_host_that_stops_in_the_middle_of_a_reload_ends_with_the_old_version(files: Project) -> None:
    async with living(files) as host:
        files.write("agents.d/chat.yaml", CHAT.format("ReadyClient") + "hangs: true\n")
        host.reload_soon()
        await made(2)
        assert host.clients["chat"].client is MadeClient.living[0]

    assert not any(client.connected for client in MadeClient.living)


async def test_a_reload_that_fails_in_a_way_nobody_thought_of_is_told_and_the_next_one_works(
    files: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(files) as host:
        before = dict(host.agents)
        with monkeypatch.context() as patch:
            patch.setattr("carrier.host.load", lambda *arguments: 1 / 0)
            done = await host.reload()
        assert (done.ok, done.reason) == (False, "ZeroDivisionError: division by zero")
        assert host.agents == before

        assert (await host.reload()).ok


# --- at the start ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        ({"actions/dice.py": BROKEN_DICE}, "tifa"),
        ({"agents.d/chat.yaml": CHAT.format("ReadyClient") + "breaks: true\n"}, "chat"),
    ],
    ids=["an agent", "a client"],
)
async def test_what_does_not_come_to_life_at_the_start_runs_as_it_last_did(
    files: Project, edit: Mapping[str, str], name: str
) -> None:
    async with living(files) as host:
        before = {**host.catalog.agents, **host.catalog.clients}
    for file, content in edit.items():
        files.write(file, content)

    async with living(files) as host:
        assert {**host.catalog.agents, **host.catalog.clients} == before
        assert sorted(host.agents) == ["hello", "tifa"]
        assert status(host).degraded == (name,)
        assert status(host).last_reload.ok is False

        for file in edit:
            files.write(file, FILES[file])
        assert (await host.reload()).ok
        assert status(host).degraded == ()


async def test_what_never_ran_and_does_not_come_to_life_costs_the_others_nothing(files: Project) -> None:
    files.write("actions/dice.py", BROKEN_DICE)

    async with living(files) as host:
        assert sorted(host.agents) == ["hello"]
        assert "a bug" in status(host).broken["tifa"]


async def test_a_broken_carrier_yaml_is_started_with_only_if_the_last_good_one_will_do(files: Project) -> None:
    async with living(files):
        pass
    files.write("carrier.yaml", "name: [\n")

    with pytest.raises(ConfigError):
        usable(load(files.config, os.environ))
    assert usable(load(files.config, os.environ), last_good=True).host.name == "demo"


async def test_without_a_last_good_one_a_broken_carrier_yaml_is_refused(files: Project) -> None:
    files.write("carrier.yaml", "name: [\n")

    with pytest.raises(ConfigError):
        usable(load(files.config, os.environ), last_good=True)


async def test_what_counts_from_the_next_start_is_said(files: Project, caplog: pytest.LogCaptureFixture) -> None:
    async with living(files) as host:
        files.edit("carrier.yaml", "embeddings: { use: none }", "data: elsewhere")
        await host.reload()

        assert status(host).restart == ("data", "embeddings")
        assert host.settings.data == files.data
        assert "`data` counts from the next start" in caplog.text
