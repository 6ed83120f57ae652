"""A message is stored once, in the order it came, in a form that every store can hold."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from carrier.ledger.engine import Ledger, open_ledger
from carrier.ledger.forms import dump, load, storable
from carrier.ledger.intake import Intake, connect, take_in, unanswered
from carrier.ledger.memory_log import LedgerMemoryLog, refill, remember
from carrier.ledger.tables import entities, messages, participants, rooms, tombstones
from carrier.types.memory import Memory
from carrier.types.models import ActionCall, Completion
from carrier.types.talk import Attachment, Message

HELLO = Message("api", "1", "api/@anna", "api:anna", "Hello", sender_name="Anna", to="tifa")


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        yield ledger


async def take(ledger: Ledger, message: Message = HELLO, *agents: str) -> Intake:
    places = dict.fromkeys(agents or ("tifa",), "waiting")
    return await ledger.write(partial(take_in, clock=ledger.clock, message=message, agents=places))  # type: ignore[arg-type]


async def test_the_same_message_again_changes_nothing(ledger: Ledger) -> None:
    first = await take(ledger)

    again = await take(ledger)

    assert (again.new, again.same, again.waiting, again.memories) == (False, True, (), ())
    assert again.message.at == first.message.at
    assert await ledger.read(lambda it: it.execute(select(func.count()).select_from(messages)).scalar()) == 1


async def test_what_a_message_tells_of_its_sender_and_the_place_comes_back(ledger: Ledger) -> None:
    said = replace(HELLO, direct=True, bot=True, roles=("7", "8"), within=("room:12", "guild:4"))
    await take(ledger, said)

    again = await take(ledger, said)

    assert replace(again.message, at=0, created_at=0) == replace(said, at=0)


@pytest.mark.parametrize(
    "other",
    [
        replace(HELLO, text="Goodbye"),
        replace(HELLO, to="cloud"),
        replace(HELLO, room="api/@ben"),
        replace(HELLO, sender="api:ben"),
        replace(HELLO, attachments=(Attachment("a.txt", "text/plain", 3, "uploads/1", "abc"),)),
    ],
    ids=["text", "agent", "room", "sender", "file"],
)
async def test_another_message_under_a_known_id_is_found_out_and_not_stored(ledger: Ledger, other: Message) -> None:
    await take(ledger)

    taken = await take(ledger, other)

    assert (taken.new, taken.same) == (False, False)
    assert taken.message.text == "Hello"


async def test_a_file_is_the_same_wherever_it_was_put(ledger: Ledger) -> None:
    file = Attachment("a.txt", "text/plain", 3, "uploads/1", "abc")
    await take(ledger, replace(HELLO, attachments=(file,)))

    again = await take(ledger, replace(HELLO, attachments=(replace(file, path="uploads/2"),)))

    assert again.same
    assert again.message.attachments == (file,)


async def test_each_agent_of_a_room_has_its_own_row_and_its_own_memory(ledger: Ledger) -> None:
    taken = await take(ledger, HELLO, "tifa", "cloud")

    assert taken.waiting == ("tifa", "cloud")
    assert [memory.id for memory in taken.memories] == ["api:1@tifa", "api:1@cloud"]
    assert await ledger.read(unanswered) == [("tifa", "api/@anna", "api:1"), ("cloud", "api/@anna", "api:1")]


async def test_what_is_only_heard_is_remembered_and_waits_for_nobody(ledger: Ledger) -> None:
    places = {"tifa": "heard"}
    taken = await ledger.write(partial(take_in, clock=ledger.clock, message=HELLO, agents=places))  # type: ignore[arg-type]

    assert taken.waiting == ()
    assert [memory.text for memory in taken.memories] == ["Hello"]
    assert await ledger.read(unanswered) == []


async def test_meeting_again_keeps_one_row_of_each_and_the_newest_name(ledger: Ledger) -> None:
    for name in ("Anna", "Anna", "Anna the Great"):
        await ledger.write(partial(connect, clock=ledger.clock, message=replace(HELLO, sender_name=name)))

    assert await ledger.read(lambda it: it.execute(select(entities.c.name)).scalars().all()) == ["Anna the Great"]
    assert await ledger.read(lambda it: it.execute(select(rooms.c.id)).scalars().all()) == ["api/@anna"]
    assert len(await ledger.read(lambda it: it.execute(select(participants)).all())) == 1


async def test_a_memory_waits_until_it_is_remembered_and_can_be_logged_again(ledger: Ledger) -> None:
    memory_log = LedgerMemoryLog(ledger)
    await take(ledger)
    [(position, memory)] = await memory_log.waiting(limit=10)
    assert (memory.text, memory.room, memory.name) == ("Hello", "api/@anna", "Anna")
    assert await memory_log.waiting(limit=10, after=position) == []

    await memory_log.remembered([memory.id])
    assert await memory_log.waiting(limit=10) == []

    assert await ledger.write(partial(refill, clock=ledger.clock)) == 1
    [(_, again)] = await memory_log.waiting(limit=10)
    assert again == memory


async def test_a_fact_is_kept_once_and_can_be_logged_again_unless_it_was_forgotten(ledger: Ledger) -> None:
    facts = [Memory(f"f{n}", "tifa", "api/@anna", "api:anna", "fact", f"likes tea {n}", at=n) for n in (1, 2)]
    keep = partial(remember, clock=ledger.clock, memories=facts)
    memory_log = LedgerMemoryLog(ledger)
    assert await ledger.write(keep) == facts
    await memory_log.remembered(["f1", "f2"])

    assert await ledger.write(keep) == []
    await ledger.write(lambda it: it.execute(insert(tombstones), {"id": "f1", "at": 3}))
    await ledger.write(partial(refill, clock=ledger.clock))

    assert [memory for _, memory in await memory_log.waiting(limit=10)] == facts[1:]


# --- forms -----------------------------------------------------------------------------------------------------


def test_what_no_store_can_hold_becomes_the_replacement_character() -> None:
    assert storable("a\0b") == "a\N{REPLACEMENT CHARACTER}b"
    assert set(storable("\ud83d")) == {"\N{REPLACEMENT CHARACTER}"}
    assert storable("as it is: äöü 🎲") == "as it is: äöü 🎲"


def test_a_value_comes_back_as_it_was() -> None:
    completion = Completion("yes", (ActionCall("1", "roll", {"sides": 6, "names": ["a", "b"]}),))

    assert load(Completion, dump(Completion, completion)) == completion


def test_lone_surrogates_deep_in_a_value_do_not_keep_it_from_being_written() -> None:
    broken = Completion("half \ud83d", (ActionCall("1", "roll", {"name": "\udc00"}),))

    kept: Completion = load(Completion, dump(Completion, broken))

    assert kept.text.startswith("half ")
    assert "\N{REPLACEMENT CHARACTER}" in str(kept.calls[0].arguments["name"])
