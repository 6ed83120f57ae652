"""The client holds against a Discord that others wrote: simcord's, which knows nothing of this one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from simcord.backend.models import Channel, Guild, Overwrite, User
from simcord.enums import ChannelType, OverwriteType

from carrier.clients.discord import previews
from carrier.config.catalog import load
from carrier.host import Host, running
from carrier.runtime import showing
from carrier.testing.discord.permissions import SEND_MESSAGES
from carrier.testing.hosts import MOMENT, until
from carrier.testing.projects import Project, project
from carrier.types.models import Completion
from tests.dictated import Dictated, dictate
from tests.discord_scene import FILES, heard, until_heard
from tests.simcord_server import Simcord, simcord
from tests.test_discord_interactions import DICE
from tests.test_discord_places import FILES as TOWN
from tests.test_discord_places import ROUTES

pytestmark = pytest.mark.usefixtures("hurried")


@dataclass
class Bar:
    """Anna and the bot in a guild with one channel."""

    there: Simcord
    guild: Guild
    general: Channel
    anna: User
    files: Project

    def client(self, *more: str, name: str = "bar") -> None:
        endpoint = f"{{ api: '{self.there.url}/api/v10', gateway: '{self.there.url.replace('http', 'ws')}/gateway' }}"
        lines = [
            "kind: client",
            "type: discord",
            "agent: tifa",
            f"token: '{self.there.token}'",
            f"endpoint: {endpoint}",
        ]
        self.files.write(f"agents.d/{name}.yaml", "\n".join([*lines, f"name: {name}", "gather: 0", *more, ""]))

    def channel(self, name: str, kind: int = ChannelType.TEXT, within: Channel | None = None) -> Channel:
        return self.there.backend.create_channel(self.guild.id, name, type=kind, parent_id=within and within.id)

    @asynccontextmanager
    async def host(self) -> AsyncIterator[Host]:
        async with running(load(self.files.config, {}), watch=False) as host:
            for living in host.clients.values():
                await until(lambda living=living: living.client.ready.is_set())  # type: ignore[misc]
            yield host

    async def answered(self, *texts: str, where: Channel | None = None) -> None:
        place = where or self.general
        try:
            await self.there.until(lambda: len(self.there.said(place)) >= len(texts))
        finally:
            assert self.there.said(place) == list(texts)


@asynccontextmanager
async def a_bar(folder: Path, *client: str, files: Mapping[str, str | bytes] = {}) -> AsyncIterator[Bar]:
    async with simcord() as there:
        guild = there.backend.create_guild("Seventh Heaven")
        general = there.backend.create_channel(guild.id, "general", topic="All that happens here")
        anna = there.member(guild.id, "anna")
        bar = Bar(there, guild, general, anna, project(folder, {**FILES, **files}))
        bar.client(*client)
        yield bar
        assert there.gaps == []


async def test_a_mention_is_answered_once_in_its_place(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar, bar.host():
        bar.there.say(bar.anna, bar.general, "nobody is meant")
        asked = bar.there.ask(bar.anna, bar.general, "hello")
        await bar.answered("you said: @TestBot hello")

        (answer,) = bar.there.answers(bar.general)
        assert answer.reference
        assert int(answer.reference["message_id"]) == asked.id


CAREFUL = """\
character: { bio: Keeps the bar. }
actions: [roll_dice]
permissions: { ask: [roll_dice] }
approvals: { room: bar/%(back)s, by: { roles: [%(keeper)s] } }
"""
DICTATED: Mapping[str, str] = {
    "carrier.yaml": "name: demo\nembeddings: { use: none }\n"
    'models: { large: "models/dictated.py:Model", small: scripted/tifa }\n',
    "models/dictated.py": "from tests.dictated import Dictated as Model\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nevaluators: []\n",
}


async def test_every_route_leads_to_its_agent_in_channels_threads_posts_and_private(tmp_path: Path) -> None:
    async with a_bar(tmp_path, files=TOWN) as bar:
        world = bar.there.backend
        inn = world.create_guild("Inn")
        world.add_member(inn.id, bar.anna.id)
        kitchen = bar.channel("kitchen", ChannelType.CATEGORY)
        places = {name: bar.channel(name) for name in ("cellar", "square", "stage", "vault")}
        places |= {name: bar.channel(name, within=kitchen) for name in ("stove", "oven")}
        places |= {"help": bar.channel("help", ChannelType.FORUM), "lobby": world.create_channel(inn.id, "lobby")}
        places |= {name: world.create_thread(places["cellar"].id, name, bar.anna.id) for name in ("corner", "shelf")}
        places |= {"soup": world.create_thread(places["help"].id, "soup", bar.anna.id)}
        places |= {"private": world.get_dm_channel(bar.anna.id)}
        ids = {name: place.id for name, place in places.items()} | {"inn": inn.id, "kitchen": kitchen.id}
        bar.client(*(ROUTES % ids).splitlines())

        async with bar.host():
            for name in ("oven", "stove", "cellar", "shelf", "corner", "soup", "lobby", "square", "vault"):
                bar.there.ask(bar.anna, places[name], "hello")
            bar.there.say(bar.anna, places["square"], "Yuffie, what is up?")
            bar.there.say(bar.anna, places["stage"], "hello")
            bar.there.say(bar.anna, places["private"], "hello")
            for name in ("oven", "corner", "stage", "private"):
                await bar.answered("tifa here", where=places[name])
            for name in ("stove", "cellar", "shelf", "soup", "lobby"):
                await bar.answered("yuffie here", where=places[name])
            await bar.there.until(lambda: len(bar.there.said(places["square"])) == 2)

        assert sorted(bar.there.said(places["square"])) == ["tifa here", "yuffie here"]
        assert bar.there.said(places["vault"]) == []


async def test_a_thread_that_begins_while_it_listens_is_heard(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar, bar.host():
        begun = bar.there.say(bar.anna, bar.general, "let us talk")
        thread = bar.there.backend.create_thread(bar.general.id, "talk", bar.anna.id, message_id=begun.id)
        bar.there.ask(bar.anna, thread, "here")
        await bar.answered("you said: @TestBot here", where=thread)

    assert bar.there.said(bar.general) == []


async def test_what_was_said_meanwhile_is_answered_once_and_in_order(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar:
        private = bar.there.backend.get_dm_channel(bar.anna.id)
        async with bar.host():
            bar.there.ask(bar.anna, bar.general, "zero")
            bar.there.say(bar.anna, private, "zero")
            await bar.answered("you said: @TestBot zero")
            await bar.answered("you said: zero", where=private)

        for word in ("one", "two"):
            bar.there.ask(bar.anna, bar.general, word)
            bar.there.say(bar.anna, private, word)

        async with bar.host():
            await bar.answered(*(f"you said: @TestBot {word}" for word in ("zero", "one", "two")))
            await bar.answered(*(f"you said: {word}" for word in ("zero", "one", "two")), where=private)


async def test_a_line_that_breaks_loses_nothing(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar, bar.host():
        for number in range(4):
            bar.there.ask(bar.anna, bar.general, str(number))
            await bar.answered(*(f"you said: @TestBot {n}" for n in range(number + 1)))
            bar.there.drop()


@pytest.mark.parametrize("status", [500, 503])
async def test_what_fails_for_a_moment_is_said_once(status: int, tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar, bar.host():
        fault = {"status": status, "code": 0, "message": "for a moment", "times": 1}
        bar.there.backend.faults.append({"method": "POST", "path": "/channels/*/messages", **fault})
        bar.there.ask(bar.anna, bar.general, "hello")
        await bar.answered("you said: @TestBot hello")

    assert bar.there.backend.faults == []


async def test_a_token_that_it_does_not_know_ends_that_client_alone(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar:
        replace(bar, there=replace(bar.there, token="wrong")).client(name="other")
        async with running(load(bar.files.config, {}), watch=False) as host:
            await until(lambda: host.clients["other"].state == "unauthorized")
            await until(lambda: host.clients["bar"].client.ready.is_set())  # type: ignore[attr-defined]
            bar.there.ask(bar.anna, bar.general, "hello")
            await bar.answered("you said: @TestBot hello")


async def test_a_long_answer_comes_in_messages_that_are_taken_and_pings_nobody(tmp_path: Path) -> None:
    text = "@everyone " + "".join(f"Sentence number {n}. " for n in range(300))
    files = {"agents.d/script.yaml": f"kind: script\nname: tifa\nrules: [{{ say: {text!r} }}]\n"}
    async with a_bar(tmp_path, files=files) as bar, bar.host():
        bar.there.ask(bar.anna, bar.general, "hello")
        await bar.there.until(lambda: len(bar.there.said(bar.general)) == 4)

        answers = bar.there.answers(bar.general)
        assert " ".join(it.content for it in answers) == text.strip()
        assert [bool(it.reference) for it in answers] == [True, False, False, False]
        assert not any(it.mention_everyone or it.ping_user_ids or it.ping_role_ids for it in answers)


async def test_what_grows_is_edited_and_in_the_end_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(showing, "EVERY", 0.02)
    monkeypatch.setattr(previews, "EDIT_EVERY", 0.02)
    Dictated.said = asyncio.Queue()
    async with a_bar(tmp_path, "stream: true", files=DICTATED) as bar, bar.host():
        bar.there.ask(bar.anna, bar.general, "hello")
        dictate("Soup")
        await bar.answered("Soup")
        dictate(" and fish", Completion(""))
        await bar.there.until(lambda: bar.there.said(bar.general) == ["Soup and fish"])

        (answer,) = bar.there.answers(bar.general)
        assert answer.edited_timestamp
        assert answer.reference


async def test_files_are_read_and_what_is_changed_or_deleted_is_so_here_too(tmp_path: Path) -> None:
    async with a_bar(tmp_path, "deletions: forget") as bar, bar.host() as host:
        world = bar.there.backend
        notes = world.store_attachments(bar.general.id, [("notes.txt", b"two rums")])
        bar.there.ask(bar.anna, bar.general, "look", attachments=notes)
        second = bar.there.say(bar.anna, bar.general, "a secret")
        third = bar.there.say(bar.anna, bar.general, "frist")
        await until_heard(host, 3)
        world.edit_message(bar.general.id, third.id, {"content": "first"})
        world.delete_message(bar.general.id, second.id)
        await bar.there.until(lambda: "two rums" in "".join(bar.there.said(bar.general)))

        async with asyncio.timeout(10):
            while [it.text for it in await heard(host)] != ["@TestBot look", "", "first"]:  # noqa: ASYNC110
                await asyncio.sleep(MOMENT)
        files = [file.text for it in await heard(host) for file in it.attachments]

    assert files == ["two rums"]


async def test_a_command_is_offered_and_answered(tmp_path: Path) -> None:
    async with a_bar(tmp_path, "commands: [ask, status]") as bar, bar.host():
        await bar.there.until(lambda: len(bar.there.backend.commands.get(None, {})) == 2)
        bar.there.command(bar.anna, bar.general, "ask", text="what is up?")
        # What is asked is on disk before it is shown: a quick answer may come first.
        await bar.there.until(lambda: len(bar.there.said(bar.general)) == 2)
        assert sorted(bar.there.said(bar.general)) == ["> what is up?", "you said: what is up?"]
        bar.there.command(bar.anna, bar.general, "status")
        await bar.there.until(lambda: bar.there.said(bar.general)[-1] == "tifa answers here; 0 messages wait.")

        assert bar.there.answers(bar.general)[-1].is_ephemeral


async def test_only_the_named_role_can_approve_by_a_button(tmp_path: Path) -> None:
    async with a_bar(tmp_path, files=DICE) as bar:
        back = bar.channel("back")
        keeper = bar.there.backend.create_role(bar.guild.id, "keeper")
        barret = bar.there.member(bar.guild.id, "barret", keeper.id)
        bar.files.write("agents.d/tifa.yaml", CAREFUL % {"back": back.id, "keeper": keeper.id})
        async with bar.host():
            bar.there.ask(bar.anna, bar.general, "roll")
            await bar.there.until(lambda: bar.there.answers(back))
        async with bar.host():
            (asked,) = bar.there.answers(back)
            bar.there.press(bar.anna, asked, "Approve")
            await bar.there.until(lambda: len(bar.there.answers(back)) == 2)
            refused = bar.there.answers(back)[-1]
            bar.there.press(barret, asked, "Approve")
            await bar.there.until(lambda: "it says 4" in bar.there.said(bar.general) and not asked.components)

        assert (refused.content, refused.is_ephemeral) == ("This is not for you to decide.", True)
        assert asked.content.endswith("**#1 is approved by Barret**")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("discord/react: { emoji: 👍 }", "It is there."),
        ("discord/pin: {}", "It is pinned."),
        ("discord/start_thread: { name: Soup, text: Which one? }", "The thread Soup is there, and it is said."),
        ("discord/add_role: { role: guest }", "Anna has the role guest."),
    ],
)
async def test_what_an_agent_does_is_done(tmp_path: Path, call: str, says: str) -> None:
    rules = f'  - {{ after: "{call.partition(":")[0]}", say: "{{{{ result }}}}" }}\n  - {{ call: {{ {call} }} }}\n'
    files = {
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [discord/*]\n",
        "agents.d/script.yaml": f"kind: script\nname: tifa\nrules:\n{rules}",
    }
    async with a_bar(tmp_path, files=files) as bar:
        world = bar.there.backend
        guest = world.create_role(bar.guild.id, "guest")
        # A bot gives roles below its own only.
        world.reorder_roles(bar.guild.id, [{"id": guest.id, "position": 1}])
        async with bar.host():
            asked = bar.there.ask(bar.anna, bar.general, "go: guest")
            await bar.there.until(lambda: says in bar.there.said(bar.general))

        done = {
            "react": bool(asked.reactions),
            "pin": asked.pinned,
            "start_thread": asked.id in world.channels and bar.there.said(world.channels[asked.id]) == ["Which one?"],
            "add_role": guest.id in world.get_member(bar.guild.id, bar.anna.id).role_ids,
        }
        name = call.partition("/")[2].partition(":")[0]
        assert done == {it: it == name for it in done}


async def test_an_agent_without_a_bot_of_its_own_speaks_by_a_webhook(tmp_path: Path) -> None:
    async with a_bar(tmp_path, "persona: webhook") as bar, bar.host():
        bar.there.ask(bar.anna, bar.general, "hello")
        found = bar.there.backend.messages[bar.general.id]
        await bar.there.until(lambda: any(it.webhook_id for it in found.values()))

        (answer,) = [it for it in found.values() if it.webhook_id]
        assert (answer.author_name, answer.content) == ("Tifa", "you said: @TestBot hello")


async def test_where_it_may_not_speak_nothing_else_is_held_up(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar:
        silent = bar.channel("silent")
        everyone_else = Overwrite(bar.there.bot.id, OverwriteType.MEMBER, deny=SEND_MESSAGES)
        bar.there.backend.set_overwrite(silent.id, everyone_else)
        async with bar.host():
            bar.there.ask(bar.anna, silent, "hello")
            bar.there.ask(bar.anna, bar.general, "hello")
            await bar.answered("you said: @TestBot hello")

        assert bar.there.said(silent) == []


async def test_one_host_is_on_two_at_once(tmp_path: Path) -> None:
    async with a_bar(tmp_path) as bar, simcord("another.token") as elsewhere:
        guild = elsewhere.backend.create_guild("Inn")
        lobby = elsewhere.backend.create_channel(guild.id, "lobby")
        cloud = elsewhere.member(guild.id, "cloud")
        replace(bar, there=elsewhere).client(name="inn")
        async with bar.host():
            elsewhere.ask(cloud, lobby, "there")
            bar.there.ask(bar.anna, bar.general, "here")
            await bar.answered("you said: @TestBot here")
            await elsewhere.until(lambda: elsewhere.said(lobby) == ["you said: @TestBot there"])
