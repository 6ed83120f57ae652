"""An answer on Discord while it grows: shown by edits of one message, which in the end is the answer."""

import asyncio
import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from carrier import host as hosts
from carrier.clients.discord import previews
from carrier.errors import ModelError
from carrier.host import Host
from carrier.ledger.tables import outbox
from carrier.runtime import showing
from carrier.testing.discord import Discord, Message
from carrier.testing.discord.faults import Fault, Rest, reset, status
from carrier.testing.discord.permissions import MANAGE_WEBHOOKS
from carrier.testing.discord.things import Persona
from carrier.testing.hosts import MOMENT, until
from carrier.types.models import ActionCall, Completion
from tests.dictated import Dictated, dictate
from tests.discord_scene import Scene, scene

POST, EDIT = Rest("POST", "/messages$"), Rest("PATCH", "/messages/")
LONG = "".join(f"Sentence number {n}. " for n in range(300))


END = Completion("")
ROLL = Completion("", (ActionCall("call-1", "roll_dice", {}),))
FILES = {
    "carrier.yaml": "name: demo\nembeddings: { use: none }\n"
    'models: { large: "models/dictated.py:Model", small: scripted/default }\n',
    "models/dictated.py": "from tests.dictated import Dictated as Model\n",
    "actions/tone.yaml": "kind: evaluator\nname: tone\ntype: judge\nquestion: Is it warm?\non_fail: block\n",
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "async def roll(turn) -> int:\n    await turn.say('They roll.')\n    return 4\n",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes follow one another at once; what is dictated is for one test."""
    monkeypatch.setattr(showing, "EVERY", 0.02)
    monkeypatch.setattr(previews, "EDIT_EVERY", 0.02)
    Dictated.said = asyncio.Queue()


def growing(discord: Discord, folder: Path, *client: str, gates: str = "", more: str = "") -> Scene:
    tifa = (
        f"character: {{ bio: Keeps the bar. }}\nwords: {{ failed: Sorry., held: Hush. }}\nevaluators: [{gates}]\n{more}"
    )
    return scene(discord, folder, "stream: true", *client, files={**FILES, "agents.d/tifa.yaml": tifa})


def ask(bar: Scene) -> None:
    bar.discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])


async def shown(bar: Scene, text: str) -> Message:
    """What the bot shows, once that says this."""
    await bar.discord.until(lambda: bar.discord.said(bar.general)[-1:] == [text])
    return bar.discord.feed(bar.general)[-1]


async def whole(bar: Scene, host: Host) -> list[Message]:
    """All that the bot says in the end, once nothing is left to be sent."""
    async with asyncio.timeout(10):
        while set(await _states(host)) != {"sent"}:  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
    assert bar.discord.breaches == []
    return bar.discord.feed(bar.general)[1:]


async def _states(host: Host) -> list[str]:
    return await host.ledger.read(lambda it: list(it.execute(select(outbox.c.state)).scalars()))


def texts(messages: list[Message]) -> list[str]:
    return [message.content for message in messages]


# --- as it should be ---------------------------------------------------------------------------------------


async def test_an_answer_is_shown_while_it_grows_and_is_one_message(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path)

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        first = await shown(bar, "Soup")
        dictate(" and")
        await shown(bar, "Soup and")
        dictate(" fish", END)
        messages = await whole(bar, host)

    assert texts(messages) == ["Soup and fish"]
    assert messages == [first]
    assert first.referenced is discord.feed(bar.general)[0]


async def test_without_a_word_on_it_nothing_is_shown_before_it_is_whole(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path)
    bar.files.edit("agents.d/bar.yaml", "stream: true", "stream: false")

    async with bar.host() as host:
        ask(bar)
        dictate("Soup", " and", END)
        (last,) = await whole(bar, host)

    assert (last.content, last.edits) == ("Soup and", [])


async def test_many_changes_keep_below_what_a_channel_takes(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "EDIT_EVERY", 1.25)
    bar = growing(discord, tmp_path)

    async with bar.host() as host:
        ask(bar)
        for _ in range(60):
            dictate("go ")
            await asyncio.sleep(MOMENT)
        dictate(END)
        (last,) = await whole(bar, host)

    assert last.content == " ".join(["go"] * 60)
    assert last.edits


async def test_of_a_long_answer_the_first_message_is_shown_and_the_others_follow(
    discord: Discord, tmp_path: Path
) -> None:
    bar = growing(discord, tmp_path)

    async with bar.host() as host:
        ask(bar)
        dictate(LONG)
        await discord.until(lambda: discord.said(bar.general, bar.tifa))
        first = discord.feed(bar.general)[-1]
        dictate(END)
        messages = await whole(bar, host)

    assert messages[0] is first
    assert " ".join(texts(messages)) == LONG.strip()


async def test_a_very_long_answer_still_comes_as_a_file(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, "long: { as: file, over: 1 }")

    async with bar.host() as host:
        ask(bar)
        dictate("Sentence number 0. ")
        first = await shown(bar, "Sentence number 0.")
        dictate(LONG, END)
        messages = await whole(bar, host)

    assert messages == [first]
    assert [file.file.name for file in first.attachments] == ["answer.md"]


async def test_a_persona_shows_it_under_its_own_name(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, "persona: webhook")
    discord.world.give(bar.guild, bar.tifa, discord.world.role(bar.guild, "keeper", MANAGE_WEBHOOKS))

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        first = await shown(bar, "Soup")
        dictate(" and fish", END)
        messages = await whole(bar, host)

    assert isinstance(first.author, Persona)
    assert texts(messages) == ["Soup and fish"]
    assert messages == [first]


# --- what is not to be seen --------------------------------------------------------------------------------


async def test_what_a_gate_does_not_let_pass_is_never_shown(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, gates="forbidden: { words: [secret], on_found: redact }")

    async with bar.host() as host:
        ask(bar)
        dictate("Soup is here.\nIt has a sec")
        first = await shown(bar, "Soup is here.")
        dictate("ret in it.\nIt is good.\n")
        await discord.until(lambda: "good" in first.content)
        dictate(END)
        (last,) = await whole(bar, host)

    assert last.content == "Soup is here.\nIt has a […] in it.\nIt is good."
    assert not [text for text in last.edits if "sec" in text]


async def test_what_is_held_in_the_end_gives_way_to_the_operator_s_words(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, gates="length: { max_chars: 20, on_found: hold }")

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        first = await shown(bar, "Soup")
        dictate(" and a lot of other things", END)
        messages = await whole(bar, host)

    assert messages == [first]
    assert texts(messages) == ["Hush."]


async def test_an_answer_that_only_the_whole_of_can_be_judged_is_not_shown(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, gates="tone")

    async with bar.host() as host:
        ask(bar)
        dictate("Soup", " and fish")
        await until(lambda: Dictated.said.empty())
        await asyncio.sleep(10 * MOMENT)
        assert discord.said(bar.general, bar.tifa) == []
        dictate(END)
        messages = await whole(bar, host)

    assert texts(messages) == ["Hush."]


async def test_words_before_an_action_are_taken_back_and_the_answer_follows_what_it_says(
    discord: Discord, tmp_path: Path
) -> None:
    bar = growing(discord, tmp_path, more="actions: [roll_dice]\n")

    async with bar.host() as host:
        ask(bar)
        dictate("Let me see")
        first = await shown(bar, "Let me see")
        dictate(ROLL)
        await shown(bar, "They roll.")
        dictate("It")
        await shown(bar, "It")
        dictate(" says 4", END)
        messages = await whole(bar, host)

    assert first not in messages
    assert texts(messages) == ["They roll.", "It says 4"]


async def test_a_model_that_breaks_off_leaves_no_half_answer(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path)

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        await shown(bar, "Soup")
        dictate(ModelError("dictated", "it broke off", "stop"))
        messages = await whole(bar, host)

    assert texts(messages) == ["Sorry."]


async def test_with_dry_run_nothing_is_shown(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path, "dry_run: true")

    async with bar.host() as host:
        ask(bar)
        dictate("Soup", END)
        assert await whole(bar, host) == []


# --- when something goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [status(503), status(503, after=True), reset(), reset(after=True)],
    ids=["503", "503 after", "reset", "reset after"],
)
@pytest.mark.parametrize("request_", [POST, EDIT], ids=["post", "edit"])
async def test_whatever_goes_wrong_there_is_one_answer(
    discord: Discord, tmp_path: Path, request_: Rest, fault: Fault
) -> None:
    bar = growing(discord, tmp_path)
    rule = discord.faults.add(request_, fault)

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        await discord.until(lambda: discord.said(bar.general, bar.tifa) or rule.hits)
        dictate(" and")
        await discord.until(lambda: rule.hits)
        dictate(" fish", END)
        messages = await whole(bar, host)

    assert texts(messages) == ["Soup and fish"]


async def test_where_somebody_has_deleted_what_is_shown_the_answer_comes_anew(discord: Discord, tmp_path: Path) -> None:
    bar = growing(discord, tmp_path)

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        discord.delete(await shown(bar, "Soup"))
        dictate(" and fish", END)
        messages = await whole(bar, host)

    assert texts(messages) == ["Soup and fish"]


@pytest.mark.parametrize("client", ["persona: bot", "persona: webhook"])
async def test_where_what_is_shown_may_not_be_edited_any_more_the_answer_comes_anew(
    discord: Discord, tmp_path: Path, client: str
) -> None:
    bar = growing(discord, tmp_path, client)
    discord.world.give(bar.guild, bar.tifa, discord.world.role(bar.guild, "keeper", MANAGE_WEBHOOKS))

    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        await shown(bar, "Soup")
        discord.faults.always(EDIT, status(400, {"message": "Invalid Form Body", "code": 50035}))
        dictate(" and fish", END)
        messages = await whole(bar, host)

    assert texts(messages) == ["Soup and fish"]


@pytest.mark.parametrize("afterwards", ["stream: true", "stream: false"])
async def test_what_a_killed_host_has_shown_is_taken_back_and_answered(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, afterwards: str
) -> None:
    monkeypatch.setattr(hosts, "TURNS_SECONDS", 0.05)
    bar = growing(discord, tmp_path)
    async with bar.host() as host:
        ask(bar)
        dictate("Soup")
        await shown(bar, "Soup")
        # What stands on the disk now is all that the next host has.
        await until_placed(host)
        shutil.copytree(bar.files.data, tmp_path / "killed")
        host.clients["bar"].sender.finish()
    assert discord.said(bar.general, bar.tifa) == ["Soup"]
    shutil.rmtree(bar.files.data)
    shutil.move(tmp_path / "killed", bar.files.data)
    bar.files.edit("agents.d/bar.yaml", "stream: true", afterwards)

    dictate("Fish", END)
    async with bar.host() as host:
        messages = await whole(bar, host)

    assert texts(messages) == ["Fish"]


async def test_a_host_that_stops_while_an_answer_grows_answers_when_it_is_back(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "TURNS_SECONDS", 0.05)
    bar = growing(discord, tmp_path)
    async with bar.host():
        ask(bar)
        dictate("Soup")
        await shown(bar, "Soup")

    dictate("Fish", END)
    async with bar.host() as host:
        messages = await whole(bar, host)

    assert texts(messages) == ["Fish"]


async def until_placed(host: Host) -> None:
    """Wait until it is on disk where the preview stands."""
    async with asyncio.timeout(10):
        while not await host.ledger.read(lambda it: it.execute(select(outbox.c.platform_id)).scalar()):  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
