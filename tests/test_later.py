"""Words for another room or another time: only where they may go, through the gates, each once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.actions.schedule_message import ScheduleMessage
from carrier.actions.send_message import SendMessage
from carrier.errors import ActionError
from carrier.interfaces import Action, Done, SayLater, Turn, Verdict
from carrier.ledger import later as rows
from carrier.ledger import outbox
from carrier.ledger.tables import later as table
from carrier.runtime.later import TOO_LATE
from carrier.testing.hosts import until
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Judging, LittleHost, little_host
from carrier.testing.turns import AGENT, TurnMaker
from carrier.types.agents import ActionDefinition
from carrier.types.talk import Ended

OPS = ActionDefinition("send_message", "built-in", settings={"rooms": {"chat/ops": "chat/118"}})
LATER = ActionDefinition("schedule_message", "built-in")
HOUR = 3600 * 1_000_000


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def hide(turn: Turn, text: str) -> Verdict:
    return Verdict("", "no") if "unspeakable" in text else Verdict(text.replace("4711", "[secret]"))


async def acts(host: LittleHost, action: Action, **arguments: Any) -> Ended:
    """What came of a call by Tifa, in a turn for Anna."""
    host.add(
        model=ListedModel(calls(action.name, **arguments), "Done."), actions=[action], gates={"hide": Judging(hide)}
    )
    return await host.ask(client="chat")


async def sent(host: LittleHost, client: str = "chat") -> list[tuple[str, str]]:
    """What waits to be sent, by room."""
    unsent = await host.ledger.read(partial(outbox.waiting, client=client))
    return [(row.outgoing.room, row.outgoing.text) for row in unsent]


# --- another room ----------------------------------------------------------------------------------------------------


async def test_a_message_goes_to_the_room_that_the_operator_named(host: LittleHost) -> None:
    ended = await acts(host, SendMessage(OPS, host.given), room="chat/ops", text="Anna is here: 4711.")

    assert ended.results[0].text == "It is sent to chat/ops."
    assert await sent(host) == [("chat/118", "Anna is here: [secret]."), ("chat/@anna", "Done.")]
    assert await host.lines("chat/118") == ["Anna is here: [secret]."]
    assert ended.texts == ("Done.",)
    assert host.told_to_send == ["chat", "chat"]


async def test_no_other_room_can_be_named(host: LittleHost) -> None:
    for room in ("chat/118", "chat/@ben", "chat/ops "):
        ended = await acts(host, SendMessage(OPS, host.given), room=room, text="Hello.")
        assert ended.results[0].text.startswith("wrong arguments: room")

    assert {room for room, _ in await sent(host)} == {"chat/@anna"}


async def test_words_that_a_gate_holds_are_sent_nowhere(host: LittleHost) -> None:
    ended = await acts(host, SendMessage(OPS, host.given), room="chat/ops", text="unspeakable")

    assert (ended.results[0].status, ended.results[0].text) == (
        "failed",
        "these words may not be said; nothing was sent",
    )
    assert await sent(host) == [("chat/@anna", "Done.")]


# --- another time ----------------------------------------------------------------------------------------------------


def scheduled(**arguments: Any) -> Done:
    """What planning leaves to be written, at 14:05 on a Saturday in Oslo."""
    action = ScheduleMessage(LATER, TurnMaker().given())
    turn = TurnMaker().turn(replace(AGENT, timezone="Europe/Oslo"))
    done = asyncio.run(action(turn, **arguments))
    assert isinstance(done, Done)
    return done


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"in": "20m"}, "2026-11-21T13:25:00"),
        ({"in": "3 d"}, "2026-11-24T13:05:00"),
        ({"at": "2026-11-21T14:30"}, "2026-11-21T13:30:00"),
        ({"at": "2026-11-22T09:00:00+00:00"}, "2026-11-22T09:00:00"),
    ],
)
def test_a_time_is_a_span_or_a_local_one(when: dict[str, str], expected: str) -> None:
    [deed] = scheduled(text="Now.", **when).deeds

    assert isinstance(deed, SayLater)
    assert datetime.fromtimestamp(deed.at / 1_000_000, UTC).isoformat() == f"{expected}+00:00"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"text": "x"}, "say when"),
        ({"text": "x", "in": "5m", "at": "2026-11-22T09:00"}, "say when"),
        ({"in": "5m"}, "`text` is missing"),
        ({"text": "x", "in": "0s"}, "not within the coming 366 days"),
        ({"text": "x", "in": "999d"}, "not within the coming 366 days"),
        ({"text": "x", "in": "99999999999999d"}, "too long"),
        ({"text": "x", "at": "2026-11-21T12:00"}, "now it is 2026-11-21T14:05:00"),
        ({"text": "x", "at": "tomorrow"}, "'tomorrow' is none"),
    ],
)
def test_a_time_that_is_none_is_told(arguments: dict[str, str], reason: str) -> None:
    with pytest.raises(ActionError, match=reason):
        scheduled(**arguments)


async def test_it_is_said_at_its_time_and_once(host: LittleHost) -> None:
    ended = await acts(host, ScheduleMessage(LATER, host.given), text="The oven, 4711!", **{"in": "1h"})
    due = host.ledger.clock.tick() + HOUR
    await host.later.say_due(due - HOUR)
    before = await sent(host)
    await host.later.say_due(due)
    await host.later.say_due(due)

    assert ended.results[0].text.startswith("It is said at ")
    assert before == [("chat/@anna", "Done.")]
    assert await sent(host) == [("chat/@anna", "Done."), ("chat/@anna", "The oven, [secret]!")]
    assert (await host.lines("chat/@anna"))[-1] == "The oven, [secret]!"


async def test_it_is_said_by_itself_when_its_time_comes(host: LittleHost) -> None:
    life = asyncio.create_task(host.later.run())
    try:
        await acts(host, ScheduleMessage(LATER, host.given), text="Now!", **{"in": "1s"})
        await until(lambda: len(host.told_to_send) == 2)
    finally:
        life.cancel()

    assert (await sent(host))[-1] == ("chat/@anna", "Now!")


async def test_it_outlives_the_host(tmp_path: Path) -> None:
    async with little_host(tmp_path) as first:
        await acts(first, ScheduleMessage(LATER, first.given), text="The oven!", **{"in": "1h"})
    async with little_host(tmp_path) as second:
        second.add()
        await second.later.say_due(second.ledger.clock.tick() + HOUR)

        assert ("chat/@anna", "The oven!") in await sent(second)


async def test_it_waits_for_an_agent_that_is_not_here_and_is_missed_after_a_day(host: LittleHost) -> None:
    await acts(host, ScheduleMessage(LATER, host.given), text="The oven!", **{"in": "1h"})
    due = host.ledger.clock.tick() + HOUR
    tifa = host.agents.pop("tifa")
    await host.later.say_due(due)
    still = await host.ledger.read(rows.waiting)
    host.agents["tifa"] = tifa
    await host.later.say_due(due + TOO_LATE)

    assert [each.text for each in still] == ["The oven!"]
    assert await host.ledger.read(lambda it: it.execute(select(table.c.state)).scalars().all()) == ["missed"]
    assert await sent(host) == [("chat/@anna", "Done.")]


async def test_only_so_many_may_wait_for_a_room(host: LittleHost) -> None:
    few = ScheduleMessage(replace(LATER, settings={"most": 1}), host.given)
    await acts(host, few, text="One.", **{"in": "1h"})

    ended = await acts(host, few, text="Two.", **{"in": "1h"})

    assert (ended.results[0].status, ended.results[0].text.partition(",")[0]) == (
        "failed",
        "1 messages wait for this room already",
    )
    assert [each.text for each in await host.ledger.read(rows.waiting)] == ["One."]


async def test_what_waits_is_listed_and_taken_back_by_its_agent_in_its_room(host: LittleHost) -> None:
    action = ScheduleMessage(LATER, host.given)
    await acts(host, action, text="One.", **{"in": "1h"})
    listed = json.loads((await acts(host, action, do="list")).results[0].text)
    model = ListedModel(calls("schedule_message", do="cancel", id=listed[0]["id"]), "Done.")
    host.add(model=model, actions=[action])
    elsewhere = await host.ask(client="chat", room="@ben")
    here = await acts(host, action, do="cancel", id=listed[0]["id"])

    assert [(each["text"]) for each in listed] == ["One."]
    assert elsewhere.results[0].status == "failed"
    assert here.results[0].text == "It is taken back."
    assert (await acts(host, action, do="list")).results[0].text == "Nothing waits."


async def test_an_operator_takes_back_whatever_waits(host: LittleHost) -> None:
    await acts(host, ScheduleMessage(LATER, host.given), text="One.", **{"in": "1h"})
    [waiting] = await host.ledger.read(rows.waiting)

    assert await host.later.cancel(waiting.id)
    assert not await host.later.cancel(waiting.id)
    await host.later.say_due(host.ledger.clock.tick() + HOUR)
    assert await sent(host) == [("chat/@anna", "Done.")]
