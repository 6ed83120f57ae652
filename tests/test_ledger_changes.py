"""What is said otherwise or taken back after it was said: answered as it is then, and kept no longer than it may be."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from carrier.interfaces import SayLater
from carrier.ledger import changes, cursors
from carrier.ledger.changes import Changed
from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.goals import Changed as Changing
from carrier.ledger.goals import change as set_goal
from carrier.ledger.intake import take_in
from carrier.ledger.later import plan
from carrier.ledger.memory_log import refill, remember
from carrier.ledger.rooms import recent
from carrier.ledger.tables import facts, goal_changes, goals, inbox, journal, later, memory_log, messages, tombstones
from carrier.ledger.turns import start, take
from carrier.types.memory import GoalChange, Memory
from carrier.types.talk import Attachment, Message

CAT = Attachment("cat.png", "image/png", 4, url="https://cdn.example/cat.png")
HELLO = Message("bar", "1", "bar/a", "discord:1", "Hello", sender_name="Anna", attachments=(CAT,))
ID = "bar:1"


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        await ledger.write(partial(take_in, clock=ledger.clock, message=HELLO, agents={"tifa": "waiting"}))
        yield ledger


async def column(ledger: Ledger, of: Any) -> list[Any]:
    return await ledger.read(lambda it: list(it.execute(select(of)).scalars()))


async def changed(ledger: Ledger, change: Callable[..., Changed], **how: Any) -> Changed:
    return await ledger.write(partial(change, clock=ledger.clock, **how))


def says(text: str, *files: Attachment) -> Message:
    return Message("bar", "1", "bar/a", "discord:1", text, attachments=files or (CAT,))


async def test_an_edited_message_says_and_means_what_it_does_now(ledger: Ledger) -> None:
    what = await changed(ledger, changes.edit, message=says("Bye"), follow=True)

    assert await column(ledger, messages.c.text) == ["Bye"]
    assert f"{ID}@tifa" in what.forgotten
    assert [memory.text for memory in what.memories] == ["Bye"]
    assert await column(ledger, memory_log.c.id) == [what.memories[0].id]


async def test_edited_again_the_edit_before_is_forgotten(ledger: Ledger) -> None:
    first = await changed(ledger, changes.edit, message=says("Bye"), follow=True)
    second = await changed(ledger, changes.edit, message=says("Hello again"), follow=True)

    assert first.memories[0].id in second.forgotten


async def test_after_its_answer_it_follows_only_where_that_is_wanted(ledger: Ledger) -> None:
    await ledger.write(lambda it: it.execute(inbox.update().values(state="done")))

    assert await changed(ledger, changes.edit, message=says("Bye"), follow=False) == Changed()
    assert await column(ledger, messages.c.text) == ["Hello"]


async def test_what_is_unknown_or_the_same_is_no_edit(ledger: Ledger) -> None:
    assert await changed(ledger, changes.edit, message=HELLO, follow=True) == Changed()
    stranger = Message("bar", "2", "bar/a", "discord:1", "Bye")
    assert await changed(ledger, changes.edit, message=stranger, follow=True) == Changed()


async def test_a_file_that_is_here_already_stays_with_an_edit(ledger: Ledger) -> None:
    here = '[{"name":"cat.png","media_type":"image/png","size":4,"path":"files/1","text":"","url":""}]'
    await ledger.write(lambda it: it.execute(messages.update().values(attachments=here)))
    await changed(ledger, changes.edit, message=says("Bye"), follow=True)

    assert "files/1" in (await column(ledger, messages.c.attachments))[0]


async def test_what_was_taken_back_is_neither_answered_nor_told(ledger: Ledger) -> None:
    await changed(ledger, changes.withdraw, ids=[ID], forget=False)

    assert await column(ledger, inbox.c.state) == ["withdrawn"]
    taking = partial(take, clock=ledger.clock, agent="tifa", message_id=ID, revision="r")
    assert await ledger.write(taking) is None
    assert await ledger.read(partial(recent, agent="tifa", room="bar/a", most=10)) == []
    assert await column(ledger, messages.c.text) == ["Hello"]


async def test_what_is_forgotten_is_nowhere_and_does_not_come_back(ledger: Ledger) -> None:
    await ledger.write(partial(take, clock=ledger.clock, agent="tifa", message_id=ID, revision="r"))
    await ledger.write(
        lambda it: start(it, ledger.clock, f"{ID}@tifa", "tifa", "prompt", "value")  # holds what was said
    )
    await ledger.write(lambda it: it.exec_driver_sql("UPDATE turns SET state = 'closed'"))
    for turn in (f"{ID}@tifa", "bar:2@tifa"):
        said = SayLater(turn, "You wanted to be reminded", 10, 5)
        await ledger.write(partial(plan, clock=ledger.clock, said=said, agent="tifa", room="bar/a", turn=turn))
    learned = [
        Memory("f1", "tifa", "bar/a", "discord:1", "fact", "Has a cat", 1, source_ids=(ID,)),
        Memory("f2", "tifa", "bar/a", "discord:1", "fact", "Likes soup", 1, source_ids=(ID, "bar:2")),
    ]
    await ledger.write(partial(remember, clock=ledger.clock, memories=learned))
    what = await changed(ledger, changes.withdraw, ids=[ID], forget=True)
    await ledger.write(partial(refill, clock=ledger.clock))

    assert await column(ledger, messages.c.text) == [""]
    assert await column(ledger, journal.c.name) == []
    assert await column(ledger, later.c.id) == ["bar:2@tifa"]
    assert await column(ledger, facts.c.id) == ["f2"]
    assert {"f1", f"{ID}@tifa"} <= set(what.forgotten) & set(await column(ledger, tombstones.c.id))
    assert await column(ledger, memory_log.c.id) == ["f2"]


async def test_all_that_somebody_said_is_found(ledger: Ledger) -> None:
    other = Message("bar", "2", "bar/b", "discord:2", "Hi")
    await ledger.write(partial(take_in, clock=ledger.clock, message=other, agents={"tifa": "heard"}))

    assert await ledger.read(partial(changes.said_by, entity="discord:1")) == [ID]


async def test_what_was_learned_of_somebody_is_forgotten(ledger: Ledger) -> None:
    learned = [
        Memory("f1", "tifa", "bar/a", "discord:1", "fact", "Has a cat", 1),
        Memory("f2", "tifa", "bar/a", "discord:12", "fact", "Has a dog", 1),
    ]
    await ledger.write(partial(remember, clock=ledger.clock, memories=learned))
    for subject in ("discord:1", "discord:12"):
        wish = GoalChange("diet", "set", whose="person", subject=subject, description="Eat well")
        goal = Changing(subject, "tifa", wish, "bar/a", ID)
        await ledger.write(partial(set_goal, clock=ledger.clock, changed=goal))
    what = await changed(ledger, changes.forget_learned, entity="discord:1")

    assert what.forgotten == ("f1",)
    assert await column(ledger, facts.c.id) == ["f2"]
    assert await column(ledger, goals.c.subject) == await column(ledger, goal_changes.c.subject) == ["discord:12"]


async def test_where_a_client_goes_on_is_kept_by_room(ledger: Ledger) -> None:
    def move(connection: Connection) -> None:
        cursors.move_all(connection, "bar", {"bar/a": "1", "bar/b": "2"})
        cursors.move_all(connection, "bar", {"bar/a": "3"})
        cursors.move_all(connection, "other", {"bar/a": "9"})

    await ledger.write(move)

    assert await ledger.read(partial(cursors.cursors_of, owner="bar")) == {"bar/a": "3", "bar/b": "2"}
