"""What leaves for Discord: in good pieces, once, in order, and nobody is pinged who should not be."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from carrier.host import Host
from carrier.ledger.tables import outbox, turns
from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Fault, Rest, hang, page, rate_limited, reset, status
from carrier.testing.discord.permissions import MANAGE_WEBHOOKS, SEND_MESSAGES
from carrier.testing.discord.things import Persona
from carrier.testing.hosts import MOMENT, until
from tests.discord_scene import Scene, scene

POST = Rest("POST", "/messages$")


def saying(text: str) -> dict[str, str]:
    return {"agents.d/script.yaml": f"kind: script\nname: tifa\nrules: [{{ say: {text!r} }}]\n"}


async def states(host: Host, count: int = 1) -> list[tuple[str, str]]:
    """What became of what was to be sent, once that is known of so many."""
    async with asyncio.timeout(10):
        while True:
            rows = await host.ledger.read(lambda it: it.execute(select(outbox).order_by(outbox.c.at)).all())
            done = [(row.state, row.error) for row in rows if row.state in ("sent", "failed", "in doubt")]
            if len(done) == count:
                return done
            await asyncio.sleep(MOMENT)


async def until_closed(host: Host) -> None:
    """Wait until a turn has ended."""
    async with asyncio.timeout(10):
        states: list[str] = []
        while "closed" not in states:
            await asyncio.sleep(MOMENT)
            states = await host.ledger.read(lambda it: list(it.execute(select(turns.c.state)).scalars()))


async def ask(bar: Scene) -> None:
    bar.discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])


async def test_a_long_answer_comes_in_order_and_refers_to_the_question_once(discord: Discord, tmp_path: Path) -> None:
    text = "".join(f"Sentence number {n}. " for n in range(300))
    bar = scene(discord, tmp_path, files=saying(text))

    async with bar.host() as host:
        await ask(bar)
        await states(host, 4)

    asked, first, *others = discord.feed(bar.general)
    assert all(len(message.content) <= 2000 for message in (first, *others))
    assert " ".join(discord.said(bar.general, bar.tifa)) == text.strip()
    assert first.referenced is asked
    assert all(message.reference is None for message in others)
    assert discord.breaches == []


async def test_nobody_is_pinged_by_what_a_model_says(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, f"say @everyone @here {bar.anna.mention}", mentions=[bar.tifa])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))

    assert not discord.feed(bar.general)[-1].pinged


async def test_pings_can_be_allowed(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "pings: [replied]")

    async with bar.host():
        await ask(bar)
        await discord.until(lambda: discord.said(bar.general, bar.tifa))

    assert discord.feed(bar.general)[-1].pinged.users == {bar.anna.id}


async def test_a_question_that_is_gone_is_answered_all_the_same(discord: Discord, tmp_path: Path) -> None:
    slow = "kind: script\nname: tifa\nrules: [{ say: done, delay: 0.5s }]\n"
    bar = scene(discord, tmp_path, "deletions: keep", files={"agents.d/script.yaml": slow})

    async with bar.host() as host:
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await discord.until(lambda: discord.typed)
        discord.delete(asked)
        assert await states(host) == [("sent", "")]

    assert discord.said(bar.general) == ["done"]


@pytest.mark.parametrize(
    "fault",
    [
        status(503),
        status(503, after=True),
        reset(),
        reset(after=True),
        page(502, after=True),
        rate_limited(0.2),
        rate_limited(0.2, scope="global"),
        Fault(200, b'{"id": ', {"Content-Type": "application/json"}, after=True),
    ],
    ids=["503", "503 after", "reset", "reset after", "502 after", "429", "429 global", "half an answer"],
)
async def test_whatever_goes_wrong_an_answer_arrives_once(discord: Discord, tmp_path: Path, fault: Fault) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.add(POST, fault)

    async with bar.host() as host:
        await ask(bar)
        assert await states(host) == [("sent", "")]

    assert discord.said(bar.general, bar.tifa) == ["you said: @Tifa hello"]
    assert discord.gateway.connects == 1


async def test_after_the_nonce_is_forgotten_a_message_is_found_by_its_words(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.add(POST, reset(after=True))
    discord.nonces.lasts = 0.0

    async with bar.host() as host:
        await ask(bar)
        assert await states(host) == [("sent", "")]

    assert discord.said(bar.general, bar.tifa) == ["you said: @Tifa hello"]


async def test_two_answers_of_the_same_words_are_two(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "reply: false", files=saying("Cheers."))
    discord.nonces.lasts = 0.0

    async with bar.host() as host:
        await ask(bar)
        await states(host)
        discord.faults.add(POST, reset())
        await ask(bar)
        assert await states(host, 2) == [("sent", ""), ("sent", "")]

    assert discord.said(bar.general, bar.tifa) == ["Cheers.", "Cheers."]


async def test_where_it_may_not_speak_the_answer_fails_and_says_why(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.world.deny(bar.general, bar.tifa, SEND_MESSAGES)

    async with bar.host() as host:
        await ask(bar)
        assert await states(host) == [
            (
                "failed",
                "the bot may not do this here; give its role the permission, as `carrier-host discord invite` does",
            )
        ]


async def test_a_user_who_takes_no_messages_is_a_clear_state(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)

    async with bar.host() as host:
        discord.say(bar.anna, direct, "psst")
        bar.anna.dms_closed = True
        assert await states(host) == [("failed", "this user takes no direct messages from the bot")]


async def test_typing_is_shown_while_an_answer_is_written_and_then_no_more(discord: Discord, tmp_path: Path) -> None:
    slow = "kind: script\nname: tifa\nrules: [{ say: done, delay: 0.5s }]\n"
    bar = scene(discord, tmp_path, files={"agents.d/script.yaml": slow})

    async with bar.host() as host:
        await ask(bar)
        await discord.until(lambda: discord.typed)
        assert discord.said(bar.general, bar.tifa) == []
        await bar.answered("done")
        session = host.clients["bar"].client._session  # type: ignore[attr-defined]

        assert session.composing._typing == {}


async def test_no_typing_is_shown_before_it_is_decided_that_it_answers(discord: Discord, tmp_path: Path) -> None:
    files = {
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nrespond: decide\n",
        "agents.d/script.yaml": "kind: script\nname: tifa\nrules:\n"
        "  - { for: decide, when: soup, say: 'YES' }\n  - { for: decide, say: 'NO', delay: 0.3s }\n"
        "  - { say: It is good. }\n",
        "templates/decide.j2": "YES or NO?\n",
    }
    bar = scene(discord, tmp_path, files=files)

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "nice weather")
        await until_closed(host)
        untold = not discord.typed
        discord.say(bar.anna, bar.general, "how is the soup?")
        await bar.answered("It is good.")
        await discord.until(lambda: discord.typed)

    assert untold


async def test_what_is_said_in_another_room_is_split_too(discord: Discord, tmp_path: Path) -> None:
    text = "word " * 500
    files = {
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [send_message: { rooms: [bar/cellar] }]\n",
        "agents.d/script.yaml": "kind: script\nname: tifa\nrules:\n  - { after: send_message, say: done }\n"
        f"  - {{ call: {{ send_message: {{ room: bar/cellar, text: '{text}' }} }} }}\n",
    }
    bar = scene(discord, tmp_path, files=files)
    cellar = discord.world.text(bar.guild, "cellar")
    bar.files.write("agents.d/bar.yaml", bar.client(f"rooms: {{ cellar: {cellar.id} }}"))

    async with bar.host():
        await ask(bar)
        await discord.until(lambda: len(discord.said(cellar, bar.tifa)) == 2)

    assert " ".join(discord.said(cellar, bar.tifa)).split() == text.split()


async def test_typing_that_cannot_be_shown_costs_no_answer(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.always(Rest("POST", "/typing$"), status(503))

    async with bar.host():
        await ask(bar)
        await bar.answered("you said: @Tifa hello")


async def test_a_request_that_hangs_holds_up_no_other_room(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    cellar = discord.world.text(bar.guild, "cellar")
    discord.faults.add(Rest("POST", f"{bar.general.id}/messages$"), hang())

    async with bar.host():
        await ask(bar)
        discord.say(bar.anna, cellar, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello", channel=cellar)
        # What hangs is cut, or the end of the host would wait for it.
        await discord.down()


async def test_what_was_said_during_an_outage_is_delivered_after_it(discord: Discord, tmp_path: Path) -> None:
    slow = 'kind: script\nname: tifa\nrules: [{ say: "{{ text }}", delay: 0.3s }]\n'
    bar = scene(discord, tmp_path, files={"agents.d/script.yaml": slow})

    async with bar.host() as host:
        for word in ("one", "two"):
            discord.say(bar.anna, bar.general, word, mentions=[bar.tifa])
        await discord.until(lambda: discord.typed)
        await discord.down()
        await states_written(host, 2)
        await discord.up()
        await bar.answered("@Tifa one", "@Tifa two", seconds=30)


async def states_written(host: Host, count: int) -> None:
    """Wait until so many answers are there to be sent."""
    async with asyncio.timeout(10):
        while True:
            rows = await host.ledger.read(lambda it: it.execute(select(outbox)).all())
            if len(rows) == count:
                return
            await asyncio.sleep(MOMENT)


LONG = "".join(f"Sentence number {n}. " for n in range(600))


async def test_a_very_long_answer_may_come_as_a_file(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "long: { as: file, over: 2 }", files=saying(LONG))

    async with bar.host() as host:
        await ask(bar)
        await states(host)

    answer = discord.feed(bar.general)[-1]
    assert LONG.startswith(answer.content)
    assert [(file.file.name, file.file.content.decode()) for file in answer.attachments] == [("answer.md", LONG)]


async def test_a_very_long_answer_may_go_on_in_a_thread(discord: Discord, tmp_path: Path) -> None:
    discord.clock.speed = 20
    bar = scene(discord, tmp_path, "long: { as: thread, over: 2 }", files=saying(LONG))

    async with bar.host() as host:
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await states(host, 7)

    thread = discord.world.channels[asked.id]
    (first,) = discord.said(bar.general, bar.tifa)
    assert " ".join([first, *filter(None, discord.said(thread, bar.tifa))]) == LONG.strip()


async def test_where_there_can_be_no_thread_all_of_it_comes_once(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "long: { as: thread, over: 1 }", files=saying("One. " * 500))
    direct = discord.world.dm(bar.anna, bar.tifa)
    discord.nonces.lasts = 0.0
    discord.faults.add(Rest("POST", f"/channels/{direct.id}/messages$", nth=2), reset(after=True))

    async with bar.host() as host:
        discord.say(bar.anna, direct, "hello")
        await states(host, 2)

    assert len(discord.said(direct, bar.tifa)) == 2


async def test_an_agent_without_a_bot_of_its_own_has_a_name_and_a_picture(discord: Discord, tmp_path: Path) -> None:
    picture = "https://example.com/tifa.png"
    bar = scene(discord, tmp_path, "persona: webhook", f"avatars: {{ tifa: '{picture}' }}")

    async with bar.host() as host:
        await ask(bar)
        await states(host)
        await ask(bar)
        await states(host, 2)

    first, second = [message for message in discord.feed(bar.general) if message.webhook_id]
    assert isinstance(first.author, Persona)
    assert (first.author.name, first.author.avatar, first.content) == ("Tifa", picture, "you said: @Tifa hello")
    assert first.webhook_id == second.webhook_id
    assert len(discord.world.webhooks) == 1


async def test_where_there_can_be_no_persona_the_bot_speaks(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "persona: webhook")
    direct = discord.world.dm(bar.anna, bar.tifa)
    discord.world.deny(bar.general, bar.tifa, MANAGE_WEBHOOKS)

    async with bar.host():
        await ask(bar)
        discord.say(bar.anna, direct, "psst")
        await bar.answered("you said: @Tifa hello")
        await bar.answered("you said: psst", channel=direct)


async def test_a_persona_that_was_cut_off_speaks_once(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "persona: webhook")
    discord.faults.add(Rest("POST", "^/webhooks/"), reset(after=True))

    async with bar.host() as host:
        await ask(bar)
        assert await states(host) == [("sent", "")]

    assert discord.said(bar.general)[1:] == ["you said: @Tifa hello"]


async def test_where_discord_s_proxies_take_no_more_the_room_waits_for_minutes(
    discord: Discord, tmp_path: Path
) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.add(POST, rate_limited(1.0, via=False))

    async with bar.host() as host:
        await ask(bar)
        sender = host.clients["bar"].sender
        await until(lambda: bool(sender._paused))
        (pause,) = sender._paused.values()
        rows = await host.ledger.read(lambda it: it.execute(select(outbox)).all())

    assert pause - time.monotonic() > 240
    assert [(row.state, row.error) for row in rows] == [("waiting", "Discord takes no more requests from here (429)")]


DOUBTFUL = {
    "actions/pay.yaml": 'name: pay\ntype: python\nentrypoint: "actions/pay.py:pay"\n',
    "actions/pay.py": "from carrier.errors import InDoubt\ndef pay():\n    raise InDoubt('nobody knows ' * 400)\n",
    "agents.d/script.yaml": """\
kind: script
name: tifa
rules:
  - { after: pay, say: "I am not sure." }
  - { call: { pay: {} } }
""",
}


async def test_what_the_operator_is_told_is_cut_as_answers_are(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, files=DOUBTFUL)
    back = discord.world.text(bar.guild, "back")
    bar.files.write("agents.d/tifa.yaml", f"character: {{ bio: x }}\nactions: [pay]\nnotify: bar/{back.id}\n")

    async with bar.host() as host:
        await ask(bar)
        await bar.answered("I am not sure.")
        assert {state for state, _ in await states(host, 4)} == {"sent"}

    told = discord.said(back, bar.tifa)
    assert told[0].startswith("Tifa: pay in bar/")
    assert " ".join(told).count("nobody knows") == 400
