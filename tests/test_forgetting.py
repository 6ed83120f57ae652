"""Whoever is forgotten is so in all that came of what they said: in journals, in questions, in what waits."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.actions.ask import Ask
from carrier.errors import Conflict
from carrier.ledger import approvals, changes
from carrier.ledger.tables import journal, messages
from carrier.runtime.decisions import Decisions
from carrier.runtime.forgetting import Forgetting
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, LittleHost, little_host
from carrier.testing.turns import AGENT
from carrier.types.agents import ActionDefinition, Permissions, Permitted
from carrier.types.models import ActionCall
from carrier.types.talk import Message

ASKS = replace(AGENT, actions=(ActionDefinition("pay", "python"),), permissions=Permissions(ask=(Permitted("pay"),)))
PAY = {"type": "object", "properties": {"to": {"type": "string"}}}


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


async def forget_anna(host: LittleHost, folder: Path) -> None:
    await Forgetting(host.ledger, host.memories, folder, host.handovers).person("api:anna")


async def has_paid(**arguments: Any) -> str:
    return "paid Rufus"


async def have_asked(host: LittleHost, *more: str) -> None:
    """Anna has had a call made that waits to be approved."""
    model = ListedModel(calls("pay", to="Rufus"), "It waits.", *more)
    host.add(ASKS, model, actions=[Doing("pay", has_paid, parameters=PAY)])
    await host.ask("Pay Rufus.")


def decisions(host: LittleHost) -> Decisions:
    return Decisions(host.ledger, host.inbox.queue, lambda: {name: it.agent for name, it in host.agents.items()})


async def decided(host: LittleHost) -> None:
    """The call is approved, and run in the turn that follows."""
    await decisions(host).decide("1", "approved", "Boss")
    told = select(messages.c.id).where(messages.c.kind == "approval")
    await host.agents["tifa"].turn(await host.ledger.read(lambda it: it.execute(told).scalar_one()))


async def journaled(host: LittleHost) -> str:
    return "".join(await host.ledger.read(lambda it: it.execute(select(journal.c.value)).scalars().all()))


async def waiting(host: LittleHost) -> tuple[str, ActionCall]:
    [found] = await host.ledger.read(approvals.latest)
    return found.state, found.call


async def test_what_waits_to_be_approved_does_not_run_any_more(host: LittleHost, tmp_path: Path) -> None:
    await have_asked(host)

    await forget_anna(host, tmp_path)

    assert await waiting(host) == ("expired", ActionCall("call-pay", "pay", {}))
    with pytest.raises(Conflict, match="expired"):
        await decisions(host).decide("1", "approved", "Boss")


async def test_what_was_decided_leaves_that_it_was_and_no_word_of_it(host: LittleHost, tmp_path: Path) -> None:
    await have_asked(host, "Paid.")
    await decided(host)
    assert "Rufus" in await journaled(host)

    await forget_anna(host, tmp_path)

    assert await waiting(host) == ("used", ActionCall("call-pay", "pay", {}))
    assert "Rufus" not in await journaled(host)


async def test_what_a_colleague_was_asked_because_of_them_is_forgotten(host: LittleHost, tmp_path: Path) -> None:
    question = Ask(ActionDefinition("ask/cid", "built-in"), host.given)
    host.add(AGENT, ListedModel(calls("ask/cid", question="Who is Rufus?"), "Nobody."), actions=[question])
    host.add(replace(AGENT, name="cid"), ListedModel("Rufus is nobody."))
    await host.ask("Who is Rufus?")

    await forget_anna(host, tmp_path)

    asked = select(messages.c.text).where(messages.c.room.startswith("ask:"))
    assert "".join(await host.ledger.read(lambda it: it.execute(asked).scalars().all())) == ""
    assert "Rufus" not in await journaled(host)


async def test_what_was_answered_together_is_forgotten_with_any_of_it(host: LittleHost) -> None:
    host.gather = 60.0
    runtime = host.add(AGENT, ListedModel("I see."))
    texts = ("Well,", "I know Rufus", "by name.")
    said = [Message("dc", str(at), "dc/bar", "dc:anna", text, sender_name="Anna") for at, text in enumerate(texts)]
    for message in said:
        await host.inbox.take_in(message)
    await runtime.turn(said[0].id)
    assert "Rufus" in await journaled(host)

    await host.ledger.write(partial(changes.withdraw, clock=host.ledger.clock, ids=[said[1].id], forget=True))

    assert "Rufus" not in await journaled(host)
