"""The room that an agent's operator named hears of what nobody in the conversation can mend."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from carrier.errors import InDoubt
from carrier.interfaces import Turn
from carrier.ledger.tables import outbox, turns
from carrier.ledger.turns import DEAD
from carrier.runtime.notices import notice
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, LittleHost, little_host
from carrier.testing.turns import AGENT

TELLS = replace(AGENT, notify="chat/ops")


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def notices(host: LittleHost) -> list[str]:
    query = select(outbox.c.text).where(outbox.c.room == "chat/ops")
    return await host.ledger.read(lambda connection: list(connection.execute(query).scalars()))


async def cut_off(turn: Turn) -> str:
    raise InDoubt("the line went dead")


async def test_a_call_that_is_in_doubt_is_told_of(host: LittleHost) -> None:
    host.add(TELLS, ListedModel(calls("pay"), "I am not sure."), actions=[Doing("pay", cut_off)])

    await host.ask()

    assert await notices(host) == ["Tifa: pay in api/@anna is in doubt: the line went dead"]
    assert host.told_to_send == ["chat"]


async def test_a_turn_that_is_given_up_is_told_of(host: LittleHost) -> None:
    host.add(TELLS, ListedModel(RuntimeError("the process dies of it")))
    message = host.message()
    await host.inbox.take_in(message)
    turn = await host.turns.take(TELLS, message.id)
    assert turn
    await host.ledger.write(lambda connection: connection.execute(update(turns).values(attempts=DEAD)))

    await host.agents[AGENT.name].turn(message.id)

    assert await notices(host) == [f"Tifa: the turn for {message.id} is given up: the host keeps dying of it"]
    assert host.told_to_send == ["chat"]


async def test_an_agent_that_names_no_room_tells_nobody(host: LittleHost) -> None:
    host.add(AGENT, ListedModel(calls("pay"), "I am not sure."), actions=[Doing("pay", cut_off)])

    await host.ask()

    assert host.told_to_send == []


@pytest.mark.parametrize("room", ["", "api/ops", "schedule/tifa.goals"])
def test_where_nothing_can_be_sent_there_is_no_notice(room: str) -> None:
    assert notice(room, "key", "text") is None
