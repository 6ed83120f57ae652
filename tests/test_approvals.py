"""What somebody has to approve waits on disk, runs exactly as it was approved, and once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carrier.errors import Conflict, UnknownApproval
from carrier.interfaces import Turn, Verdict
from carrier.ledger import approvals
from carrier.ledger import turns as rows
from carrier.ledger.tables import messages
from carrier.runtime.decisions import Decisions
from carrier.runtime.permitting import leave
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import Doing, Judging, LittleHost, little_host
from carrier.testing.turns import AGENT, MESSAGE
from carrier.types.agents import ActionDefinition, Approvals, Permissions, Permitted
from carrier.types.models import ActionCall
from carrier.types.talk import Ended

PAY = {"type": "object", "properties": {"to": {"type": "string"}, "sum": {"type": "integer"}}, "required": ["to"]}
ASKS = replace(
    AGENT,
    actions=(ActionDefinition("pay", "python"),),
    permissions=Permissions(ask=(Permitted("pay"),)),
    approvals=Approvals("chat/ops", ("boss",), expire=3600),
)


class Till:
    """An action that can be seen to have run."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, int]] = []
        self.action = Doing("pay", self.pay, parameters=PAY)

    async def pay(self, turn: Turn, to: str, sum: int = 1) -> str:
        self.paid.append((to, sum))
        return f"paid {sum} to {to}"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def decisions(host: LittleHost) -> Decisions:
    return Decisions(host.ledger, host.inbox.queue, lambda: {name: it.agent for name, it in host.agents.items()})


async def after(host: LittleHost, number: str, decision: str) -> Ended | None:
    """How the turn ended that follows from a decision."""
    told = select(messages.c.id).where(messages.c.platform_id.startswith(f"approval:{number}:{decision}:"))
    message = await host.ledger.read(lambda connection: connection.execute(told).scalar_one())
    await host.agents[AGENT.name].turn(message)
    return await host.ledger.read(partial(rows.answer, turn=rows.turn_id(AGENT.name, message)))


async def asked(host: LittleHost, till: Till, *more: Any, **arguments: Any) -> Ended:
    """Have the model call `pay`, which has to be approved."""
    host.add(
        ASKS, ListedModel(calls("pay", **(arguments or {"to": "anna"})), "It waits.", *more), actions=[till.action]
    )
    return await host.ask("Pay Anna.")


# --- permissions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "arguments", "expected"),
    [
        (Permissions(), {}, "allow"),
        (Permissions("deny"), {}, "deny"),
        (Permissions("deny", allow=(Permitted("pay"),)), {}, "allow"),
        (Permissions("deny", allow=(Permitted("p*"),)), {}, "allow"),
        (Permissions("deny", allow=(Permitted("PAY"),)), {}, "deny"),
        (Permissions("deny", allow=(Permitted("pay", {"to": "anna*"}),)), {"to": "anna.b"}, "allow"),
        (Permissions("deny", allow=(Permitted("pay", {"to": "anna*"}),)), {"to": "ANNA"}, "deny"),
        (Permissions("deny", allow=(Permitted("pay", {"to": "anna*"}),)), {}, "deny"),
        (Permissions("deny", allow=(Permitted("pay", {"to": "a*"}),)), {"to": ["anna", "eve"]}, "deny"),
        (Permissions(ask=(Permitted("pay"),), allow=(Permitted("pay"),)), {}, "ask"),
        (Permissions(ask=(Permitted("*"),), deny=(Permitted("pay"),)), {}, "deny"),
        (Permissions(deny=(Permitted("pay", {"to": "eve"}),)), {"to": "anna"}, "allow"),
        (Permissions(deny=(Permitted("pay", {"to": "eve"}),)), {"to": " \uff25ve "}, "deny"),
        (Permissions(deny=(Permitted("pay", {"to": "eve"}),)), {"to": ["anna", "eve"]}, "deny"),
        (Permissions(deny=(Permitted("pay", {"sum": "1*"}),)), {"sum": 100}, "deny"),
        (Permissions(ask=(Permitted("pay", {"to": "eve", "sum": "9"}),)), {"to": "eve", "sum": 8}, "allow"),
    ],
)
def test_deny_goes_over_ask_over_allow_over_otherwise(
    permissions: Permissions, arguments: dict[str, object], expected: str
) -> None:
    assert leave(replace(AGENT, permissions=permissions), ActionCall("1", "pay", arguments), MESSAGE) == expected


async def test_what_is_denied_does_not_run_and_the_model_is_told(host: LittleHost) -> None:
    till, model = Till(), ListedModel(calls("pay", to="eve"), "I may not.")
    denied = replace(ASKS, permissions=Permissions(deny=(Permitted("pay", {"to": "eve"}),)))
    host.add(denied, model, actions=[till.action])

    ended = await host.ask()

    assert till.paid == []
    assert ended.texts == ("I may not.",)
    assert model.requests[-1].prompt.conversation[-1].text == "[failed] pay is not permitted here with these arguments"


# --- asked and approved --------------------------------------------------------------------------------------------


async def test_a_turn_does_not_wait_and_the_approved_call_runs_in_a_turn_of_its_own(host: LittleHost) -> None:
    till = Till()
    ended = await asked(host, till, "Paid.", to="anna", sum=5)
    assert (ended.texts, ended.results[0].status, till.paid) == (("It waits.",), "pending", [])

    approval = await decisions(host).decide("1", "approved", "Boss")
    follow_up = await after(host, "1", "approved")

    assert approval.state == "approved"
    assert till.paid == [("anna", 5)]
    assert follow_up is not None
    assert (follow_up.texts, follow_up.results[0].text) == (("Paid.",), "paid 5 to anna")


async def test_who_writes_the_follow_up_anew_is_told_once_what_came_of_the_call(host: LittleHost) -> None:
    async def judge(turn: Turn, text: str) -> Verdict:
        return Verdict("", "it is rude", 1) if "damn" in text else Verdict(text)

    till, model = Till(), ListedModel(calls("pay", to="anna"), "It waits.", "damn, paid", "Paid.")
    host.add(ASKS, model, actions=[till.action], gates={"polite": Judging(judge)})
    await host.ask("Pay Anna.")
    await decisions(host).decide("1", "approved", "Boss")

    await after(host, "1", "approved")

    roles = [said.role for said in model.requests[-1].prompt.conversation]
    assert (roles.count("tool"), roles[-4:]) == (1, ["assistant", "tool", "assistant", "user"])


async def test_the_room_of_approvals_is_told_once_with_all_that_is_decided_about(host: LittleHost) -> None:
    await asked(host, Till(), calls("pay", to="anna"), "Still.", to="anna")
    second = await host.ask("And again?")

    notices = [row.outgoing for row in await host.ledger.read(partial(_waiting, client="chat"))]

    assert second.results[0].status == "pending"
    assert len(notices) == 1
    assert (notices[0].room, host.told_to_send) == ("chat/ops", ["chat"])
    assert 'pay with {"to":"anna"} for Anna in api/@anna' in notices[0].text


def _waiting(connection: Any, client: str) -> Any:
    from carrier.ledger import outbox

    return outbox.waiting(connection, client)


async def test_an_edited_call_runs_as_it_was_edited(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "Paid.", to="anna", sum=500)

    await decisions(host).decide("1", "edited", "Boss", {"to": "anna", "sum": 5})
    await after(host, "1", "edited")

    assert till.paid == [("anna", 5)]


async def test_an_edit_that_the_action_does_not_take_runs_nothing(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "I cannot.")

    await decisions(host).decide("1", "edited", "Boss", {"to": 7})
    follow_up = await after(host, "1", "edited")

    assert till.paid == []
    assert follow_up is not None
    assert follow_up.results[0].text.startswith("wrong arguments")


async def test_what_is_refused_does_not_run_and_is_told(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "No, then.")

    await decisions(host).decide("1", "refused", "Boss")
    follow_up = await after(host, "1", "refused")

    assert till.paid == []
    assert follow_up is not None
    assert follow_up.texts == ("No, then.",)


# --- once ----------------------------------------------------------------------------------------------------------


async def test_a_decision_is_taken_once(host: LittleHost) -> None:
    await asked(host, Till())
    found = decisions(host)
    await found.decide("1", "refused", "Boss")

    with pytest.raises(Conflict, match="#1 is refused by Boss already"):
        await found.decide("1", "approved", "Eve")
    with pytest.raises(UnknownApproval):
        await found.decide("2", "approved", "Eve")


async def test_an_approval_serves_once(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "Paid.", "Again?")
    await decisions(host).decide("1", "approved", "Boss")
    await after(host, "1", "approved")

    replayed = host.message("approved", kind="approval", platform_id="approval:1:approved:again")
    ended = await host.answer(replayed)

    assert till.paid == [("anna", 1)]
    assert ended.results[0].status == "failed"


async def test_nobody_can_take_the_place_of_a_decision_beforehand(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "Well?", "Paid.")
    await host.answer(host.message("a key of mine", platform_id="approval:1:approved"))

    await decisions(host).decide("1", "approved", "Boss")
    await after(host, "1", "approved")

    assert till.paid == [("anna", 1)]


async def test_an_approval_does_not_serve_in_another_room(host: LittleHost) -> None:
    till = Till()
    await asked(host, till, "Paid.")
    await decisions(host).decide("1", "approved", "Boss")

    elsewhere = host.message("approved", room="@eve", kind="approval", platform_id="approval:1:approved:x")
    ended = await host.answer(elsewhere)

    assert (till.paid, ended.outcome) == ([], "failed")


async def test_an_action_that_changed_meanwhile_voids_its_approval(host: LittleHost) -> None:
    till = Till()
    await asked(host, till)
    await decisions(host).decide("1", "approved", "Boss")
    changed = replace(ASKS, actions=(ActionDefinition("pay", "python", digest="another"),))
    host.add(changed, ListedModel("It changed."), actions=[till.action])

    follow_up = await after(host, "1", "approved")

    assert till.paid == []
    assert follow_up is not None
    assert "is not what it was" in follow_up.results[0].text


async def test_what_is_denied_by_then_does_not_run(host: LittleHost) -> None:
    till = Till()
    await asked(host, till)
    await decisions(host).decide("1", "approved", "Boss")
    host.add(replace(ASKS, permissions=Permissions("deny")), ListedModel("No."), actions=[till.action])

    await after(host, "1", "approved")

    assert till.paid == []


async def test_what_waits_too_long_expires_and_cannot_be_approved(host: LittleHost) -> None:
    till = Till()
    model = ListedModel(calls("pay", to="a"), "Waits.", "Too late.")
    host.add(replace(ASKS, approvals=Approvals(expire=0.0)), model, actions=[till.action])
    await host.ask()

    with pytest.raises(Conflict, match="expired"):
        await decisions(host).decide("1", "approved", "Boss")
    follow_up = await after(host, "1", "expired")

    assert till.paid == []
    assert follow_up is not None
    assert follow_up.texts == ("Too late.",)


async def test_an_approval_outlives_the_host(tmp_path: Path) -> None:
    till = Till()
    async with little_host(tmp_path) as first:
        await asked(first, till)
    async with little_host(tmp_path) as second:
        second.add(ASKS, ListedModel("Paid."), actions=[till.action])
        await decisions(second).decide("1", "approved", "Boss")
    async with little_host(tmp_path) as third:
        third.add(ASKS, ListedModel("Paid."), actions=[till.action])
        await after(third, "1", "approved")
        await after(third, "1", "approved")

    assert till.paid == [("anna", 1)]


# --- in the room of approvals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "room", "sender", "state"),
    [
        ("approve 1", "ops", "chat:boss", "approved"),
        ("Refuse #1, please", "ops", "chat:boss", "refused"),
        ("approve 1", "ops", "chat:eve", "pending"),
        ("approve 1", "garden", "chat:boss", "pending"),
        ("I approve 1", "ops", "chat:boss", "pending"),
        ("approve 2", "ops", "chat:boss", "pending"),
    ],
)
async def test_only_who_may_decides_and_only_there(
    host: LittleHost, text: str, room: str, sender: str, state: str
) -> None:
    await asked(host, Till())

    heard = await decisions(host).hears(host.message(text, client="chat", room=room, sender=sender))

    found = await host.ledger.read(partial(approvals.get, id="1"))
    assert found is not None
    assert (found.state, heard) == (state, state != "pending")
