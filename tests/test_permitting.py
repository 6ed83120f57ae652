"""Who may cause an action, how often it runs, and in whose words: the files say so, and the model is told."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from carrier.config.catalog import load
from carrier.interfaces import Turn
from carrier.ledger import approvals
from carrier.ledger import turns as rows
from carrier.ledger.calls import Limit, count
from carrier.ledger.engine import Clock
from carrier.ledger.tables import calls as counted
from carrier.ledger.tables import messages
from carrier.registry import ACTIONS, find
from carrier.runtime.decisions import Decisions
from carrier.runtime.permitting import leave
from carrier.testing.models import ListedModel, calls
from carrier.testing.projects import SMALL, write
from carrier.testing.runtimes import Doing, LittleHost, little_host
from carrier.testing.turns import AGENT, MESSAGE
from carrier.types.agents import ActionRule, Agent, Approvals, Callers, Permissions, Permitted
from carrier.types.models import ActionCall, Completion
from carrier.types.talk import Ended, Message

CALL = ActionCall("1", "pay", {"to": "anna"})
BOSS = replace(MESSAGE, client="chat", room="chat/bar", sender="chat:boss", roles=("mods",))
EVE = replace(BOSS, sender="chat:eve", roles=("guests",))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def only(**by: object) -> Agent:
    """An agent whose payments only these may cause."""
    return replace(AGENT, rules=(ActionRule("pay", Callers(**by)),))  # type: ignore[arg-type]


class Till:
    """An action that can be seen to have run."""

    def __init__(self, consequential: bool | tuple[str, ...] = False) -> None:
        self.paid: list[dict[str, object]] = []
        self.action = Doing("pay", self.pay)
        self.action.consequential = consequential  # type: ignore[attr-defined]

    async def pay(self, turn: Turn, **arguments: object) -> str:
        self.paid.append(arguments)
        return "paid"


# --- who has caused it -----------------------------------------------------------------------------------------------


FOR_THE_BOSS = Permissions("deny", (Permitted("pay", by=Callers(("boss",))),))
NOT_FOR_GUESTS = Permissions(deny=(Permitted("pay", by=Callers(roles=("guests",))),))


@pytest.mark.parametrize(
    ("agent", "cause", "expected"),
    [
        (only(users=("boss",)), BOSS, "allow"),
        (only(users=("chat:boss",)), BOSS, "allow"),
        (only(users=("boss",)), EVE, "deny"),
        (only(users=("eve",), roles=("mods",)), BOSS, "allow"),
        (only(roles=("mods",)), BOSS, "allow"),
        (only(roles=("mods",)), EVE, "deny"),
        (only(roles=("mods",)), replace(BOSS, bot=True), "deny"),
        (only(users=("boss",)), replace(BOSS, bot=True), "allow"),
        (only(users=("boss",)), replace(EVE, sender_name="boss"), "deny"),
        (only(users=("boss",)), replace(EVE, sender="other:chat:boss"), "deny"),
        (only(users=("boss",)), replace(MESSAGE, sender="api:boss"), "deny"),
        (only(users=("api:boss",)), replace(MESSAGE, sender="api:boss"), "allow"),
        (only(direct=True), BOSS, "deny"),
        (only(direct=True), replace(EVE, direct=True), "allow"),
        (only(users=("boss",), direct=True), replace(EVE, direct=True), "deny"),
        (only(users=("boss",)), replace(EVE, kind="schedule"), "allow"),
        (only(users=("boss",)), replace(BOSS, sender="", roles=()), "deny"),
        (replace(AGENT, rules=(ActionRule("pay", Callers(("boss",)), "ask"),)), EVE, "ask"),
        (replace(AGENT, rules=(ActionRule("*", Callers(("boss",))),)), EVE, "deny"),
        (replace(AGENT, rules=(ActionRule("other", Callers(("boss",))),)), EVE, "allow"),
        (replace(only(users=("boss",)), permissions=Permissions(ask=(Permitted("pay"),))), BOSS, "ask"),
        (replace(only(users=("boss",)), permissions=Permissions(ask=(Permitted("pay"),))), EVE, "deny"),
        (replace(AGENT, permissions=FOR_THE_BOSS), BOSS, "allow"),
        (replace(AGENT, permissions=FOR_THE_BOSS), EVE, "deny"),
        (replace(AGENT, permissions=NOT_FOR_GUESTS), EVE, "deny"),
        (replace(AGENT, permissions=NOT_FOR_GUESTS), BOSS, "allow"),
    ],
)
def test_who_has_caused_a_call_counts(agent: Agent, cause: Message, expected: str) -> None:
    assert leave(agent, CALL, cause) == expected


def test_a_rule_for_what_has_tools_holds_for_each_of_them() -> None:
    agent = replace(AGENT, rules=(ActionRule("github", Callers(("boss",))),))

    assert leave(agent, ActionCall("1", "github/delete_repo", {}), EVE) == "deny"
    assert leave(agent, ActionCall("1", "githubs", {}), EVE) == "allow"


async def test_a_call_that_somebody_else_has_caused_does_not_run(host: LittleHost) -> None:
    till, model = Till(), ListedModel(calls("pay"), "I may not.", calls("pay"), "Paid.")
    host.add(only(roles=("mods",)), model, actions=[till.action])

    eve = await host.ask(client="chat", sender="chat:eve")
    boss = await host.ask(client="chat", sender="chat:boss", roles=("mods",))

    assert [eve.results[0].status, boss.results[0].status, len(till.paid)] == ["failed", "done", 1]


def decisions(host: LittleHost) -> Decisions:
    return Decisions(host.ledger, host.inbox.queue, lambda: {name: it.agent for name, it in host.agents.items()})


async def follow_up(host: LittleHost, number: str) -> Ended:
    """How the turn ends that follows from the approval of what waits."""
    await decisions(host).decide(number, "approved", "Boss")
    told = select(messages.c.id).where(messages.c.platform_id.startswith(f"approval:{number}:"))
    message = await host.ledger.read(lambda connection: connection.execute(told).scalar_one())
    await host.agents[AGENT.name].turn(message)
    ended = await host.ledger.read(partial(rows.answer, turn=rows.turn_id(AGENT.name, message)))
    assert ended
    return ended


async def test_a_follow_up_counts_as_who_has_caused_the_first_turn(host: LittleHost) -> None:
    till = Till()
    asks = Permissions(ask=(Permitted("pay", {"to": "anna"}),))
    agent = replace(AGENT, permissions=asks, rules=(ActionRule("pay", Callers(roles=("mods",))),))
    again = calls("pay", to="ben")
    model = ListedModel(calls("pay", to="anna"), "It waits.", again, "And Ben.", calls("pay", to="anna"), "No.")
    host.add(agent, model, actions=[till.action])

    await host.ask(client="chat", sender="chat:boss", roles=("mods",))
    ended = await follow_up(host, "1")
    eve = await host.ask(client="chat", sender="chat:eve")

    assert [result.status for result in ended.results] == ["done", "done"]
    assert [each["to"] for each in till.paid] == ["anna", "ben"]
    assert eve.results[0].status == "failed"


async def test_what_one_may_not_cause_one_may_not_cause_by_an_approval_either(host: LittleHost) -> None:
    till = Till()
    host.add(
        replace(AGENT, permissions=Permissions("ask")), ListedModel(calls("pay"), "It waits."), actions=[till.action]
    )
    await host.ask(client="chat", sender="chat:eve")
    host.add(only(roles=("mods",)), ListedModel("No."), actions=[till.action])

    ended = await follow_up(host, "1")

    assert ([result.status for result in ended.results], till.paid) == (["failed"], [])


# --- who may approve -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (replace(BOSS, room="chat/ops"), "approved"),
        (replace(EVE, room="chat/ops"), "pending"),
        (replace(EVE, room="chat/ops", roles=("guests", "mods")), "approved"),
        (replace(BOSS, room="chat/ops", bot=True), "pending"),
        (replace(BOSS, room="chat/bar"), "pending"),
        (replace(EVE, room="chat/ops", sender_name="boss"), "pending"),
    ],
    ids=["has the role", "another role", "among others", "a bot", "elsewhere", "a name"],
)
async def test_who_has_a_role_that_may_approves(host: LittleHost, message: Message, state: str) -> None:
    agent = replace(AGENT, permissions=Permissions("ask"), approvals=Approvals("chat/ops", roles=("mods",)))
    host.add(agent, ListedModel(calls("pay"), "It waits."), actions=[Till().action])
    await host.ask()

    await decisions(host).hears(replace(message, text="approve 1"))

    found = await host.ledger.read(partial(approvals.get, id="1"))
    assert found
    assert found.state == state


# --- how often -------------------------------------------------------------------------------------------------------

HOUR = 3600.0


async def test_a_limit_counts_by_the_ledgers_clock_and_says_when_there_is_room_again(host: LittleHost) -> None:
    now = [0]
    clock, limit = Clock(now=lambda: now[0]), Limit("tifa pay", 2, HOUR)

    async def called(at: float, step: str) -> float | None:
        now[0] = int(at * 1_000_000)
        full = await host.ledger.write(partial(count, clock=clock, turn="t", step=step, limits=[limit]))
        return round(full.wait) if full else None

    assert [await called(0, "1"), await called(600, "2")] == [None, None]
    assert [await called(700, "3"), await called(3599, "4")] == [2900, 1]
    assert [await called(3601, "5"), await called(3602, "6")] == [None, 598]


async def test_a_limit_that_is_full_leaves_the_others_as_they_are(host: LittleHost) -> None:
    clock = host.ledger.clock
    own, shared = Limit("tifa pay", 1, HOUR), Limit("* pay", 5, HOUR)

    for step in ("1", "2", "3"):
        await host.ledger.write(partial(count, clock=clock, turn="t", step=step, limits=[shared, own]))

    def found(connection: Connection) -> dict[str, int]:
        by_key = select(counted.c.key, func.count()).group_by(counted.c.key)
        return {row[0]: row[1] for row in connection.execute(by_key)}

    assert await host.ledger.read(found) == {"tifa pay": 1, "* pay": 1}


def often(most: int, **more: object) -> Agent:
    return replace(AGENT, rules=(ActionRule("pay", calls=most, per=HOUR, **more),))  # type: ignore[arg-type]


async def test_what_was_called_too_often_does_not_run_and_the_model_is_told_when_it_may(tmp_path: Path) -> None:
    till, model = Till(), ListedModel(calls("pay"), "one", calls("pay"), "two", calls("pay"), "no")
    async with little_host(tmp_path) as host:
        host.add(often(2), model, actions=[till.action])
        await host.ask()
    async with little_host(tmp_path) as host:
        host.add(often(2), model, actions=[till.action])
        await host.ask(platform_id="a")
        await host.ask(platform_id="b")

    told = model.requests[-1].prompt.conversation[-1].text
    assert len(till.paid) == 2
    assert told == "[failed] it was not run: pay may run 2 times in 60 min; again in 60 min"


async def test_calls_side_by_side_do_not_slip_through_a_limit(host: LittleHost) -> None:
    ran: list[str] = []

    async def look(turn: Turn) -> None:
        ran.append("ran")
        await asyncio.sleep(0)

    several = Completion("", tuple(ActionCall(str(number), "pay", {}) for number in range(6)))
    host.add(often(2), ListedModel(several, "done"), actions=[Doing("pay", look, "safe")])

    ended = await host.ask()

    assert [result.status for result in ended.results] == ["done", "done", *["failed"] * 4]
    assert len(ran) == 2


async def test_a_limit_that_an_action_says_is_one_for_all_agents(host: LittleHost) -> None:
    till, shared = Till(), (ActionRule("pay", calls=1, per=HOUR, shared=True),)
    for name in ("tifa", "cloud"):
        host.add(replace(AGENT, name=name, rules=shared), ListedModel(calls("pay"), "ok"), actions=[till.action])

    tifa, cloud = await host.ask(), await host.ask(to="cloud")

    assert [tifa.results[0].status, cloud.results[0].status] == ["done", "failed"]


async def test_what_waits_for_approval_counts_and_what_was_approved_runs_whatever_the_limit(host: LittleHost) -> None:
    till = Till()
    agent = replace(often(1), permissions=Permissions("ask"))
    model = ListedModel(calls("pay", to="a"), "waits", calls("pay", to="b"), "no", "paid")
    host.add(agent, model, actions=[till.action])

    first, second = await host.ask(), await host.ask()
    await follow_up(host, "1")

    assert [first.results[0].status, second.results[0].status] == ["pending", "failed"]
    assert [each["to"] for each in till.paid] == ["a"]


async def test_only_so_much_waits_for_approval_in_a_room(host: LittleHost) -> None:
    flood = [
        Completion("", tuple(ActionCall(f"{turn}-{n}", "pay", {"to": f"{turn}-{n}"}) for n in range(15)))
        for turn in range(2)
    ]
    model = ListedModel(flood[0], "ok", flood[1], "ok")
    host.add(replace(AGENT, permissions=Permissions("ask")), model, actions=[Till().action])

    first, second = await host.ask(), await host.ask()

    statuses = [result.status for result in (*first.results, *second.results)]
    assert (statuses.count("pending"), statuses.count("failed")) == (approvals.MOST_WAITING, 10)


# --- in whose words --------------------------------------------------------------------------------------------------


async def test_words_of_who_asked_run_and_other_words_wait_for_somebody(host: LittleHost) -> None:
    till = Till(consequential=True)
    told = replace(AGENT, approvals=Approvals("chat/ops", ("boss",)))
    model = ListedModel(calls("pay", to="Anna", sum=5), "Paid.", calls("pay", to="Eve", sum=5), "It waits.")
    host.add(told, model, actions=[till.action])

    own = await host.ask("Pay Anna 5 kr.")
    foreign = await host.ask("Pay Anna 5 kr.")

    assert [own.results[0].status, foreign.results[0].status] == ["done", "pending"]
    assert till.paid == [{"to": "Anna", "sum": 5}]
    found = await host.ledger.read(partial(approvals.get, id="1"))
    assert found
    assert found.reason == '"eve", of its to, is no word of Anna'


def test_of_carrier_s_own_actions_those_are_consequential_that_the_docs_name() -> None:
    parts = {name: find(ACTIONS, name) for name in ACTIONS}

    said = {name: getattr(part, "consequential", False) for name, part in parts.items()}

    assert {name: each for name, each in said.items() if each} == {"discord/add_role": ("role",)}


async def test_words_of_others_in_the_room_are_not_those_of_who_asked(host: LittleHost) -> None:
    till = Till(consequential=True)
    model = ListedModel("Hm.", calls("pay", to="Eve"), "It waits.", calls("pay", to="Ben"), "Paid.")
    host.add(model=model, actions=[till.action])

    await host.ask("Anna wants you to pay Eve.", client="chat", room="bar", sender="chat:eve", sender_name="Eve")
    others = await host.ask("What was that?", client="chat", room="bar", sender="chat:anna", sender_name="Anna")
    own = await host.ask("Pay Ben.", client="chat", room="bar", sender="chat:anna", sender_name="Anna")

    assert [others.results[0].status, own.results[0].status] == ["pending", "done"]


async def test_what_one_said_before_is_ones_own_word_and_what_the_agent_said_is_not(host: LittleHost) -> None:
    till = Till(consequential=True)
    model = ListedModel("Shall I pay Eve?", calls("pay", to="Eve"), "It waits.", calls("pay", to="Ben"), "Paid.")
    host.add(model=model, actions=[till.action])

    await host.ask("Somebody has to be paid: Ben.")
    of_the_agent, earlier = await host.ask("Yes."), await host.ask("Do it.")

    assert [of_the_agent.results[0].status, earlier.results[0].status] == ["pending", "done"]


async def test_what_one_quotes_is_not_ones_own_word(host: LittleHost) -> None:
    till = Till(consequential=True)
    host.add(model=ListedModel(calls("pay", to="Eve"), "It waits."), actions=[till.action])

    quoted = await host.ask("> Pay Eve!\nWhat does she mean?")

    assert quoted.results[0].status == "pending"


async def test_what_a_file_says_goes_over_what_an_action_says_of_itself(host: LittleHost) -> None:
    till = Till(consequential=True)
    only_to = replace(AGENT, rules=(ActionRule("pay", consequential=("to",)),))
    not_at_all = replace(AGENT, rules=(ActionRule("pay", consequential=False), ActionRule("pay", consequential=True)))
    noted = calls("pay", to="Anna", note="from afar")
    model = ListedModel(noted, "ok", noted, "ok", calls("pay", to="Eve"), "ok")

    host.add(only_to, model, actions=[till.action])
    first = await host.ask("Pay Anna.")
    host.add(model=model, actions=[till.action])
    second = await host.ask("Pay Anna.")
    host.add(not_at_all, model, actions=[till.action])
    third = await host.ask("Pay Anna.")

    assert [each.results[0].status for each in (first, second, third)] == ["done", "pending", "done"]


async def test_what_waits_is_not_run_again_when_the_same_is_said_in_ones_own_words(host: LittleHost) -> None:
    till = Till(consequential=True)
    model = ListedModel(calls("pay", to="Eve"), "It waits.", calls("pay", to="Eve"), "Paid.")
    host.add(model=model, actions=[till.action])

    await host.ask("Pay her.")
    await host.ask("Pay Eve, I mean.")

    found = await host.ledger.read(partial(approvals.get, id="1"))
    assert found
    assert (len(till.paid), found.state) == (1, "used")


# --- from the files --------------------------------------------------------------------------------------------------

FILES = {
    **SMALL,
    "agents.d/tifa.yaml": """\
character: { bio: x }
actions:
  - ignore
  - roll_dice: { limits: { calls: 3/min }, by: { users: [7], direct: true }, others: ask, consequential: [sides] }
permissions: { otherwise: deny, allow: [{ action: roll_*, by: { roles: [118] } }] }
approvals: { by: { roles: [118] } }
""",
    "actions/dice.yaml": """\
name: roll_dice
type: python
entrypoint: "actions/dice.py:roll"
limits: { calls: 100/day }
consequential: true
""",
}


def test_rules_come_from_the_agent_and_from_the_action(tmp_path: Path) -> None:
    catalog = load(write(tmp_path, FILES), {})

    assert catalog.problems == ()
    tifa = catalog.agents["tifa"]
    assert tifa.rules == (
        ActionRule("roll_dice", Callers(("7",), direct=True), "ask", 3, 60.0, consequential=("sides",)),
        ActionRule("roll_dice", calls=100, per=86400.0, shared=True, consequential=True),
    )
    assert tifa.permissions.allow == (Permitted("roll_*", by=Callers(roles=("118",))),)
    assert tifa.approvals.roles == ("118",)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("{ limit: { calls: 3/min } }", "CAR011"),
        ("{ limits: { calls: 3/turn } }", "CAR013"),
        ("{ by: {} }", "CAR013"),
        ("{ consequential: maybe }", "CAR013"),
    ],
)
def test_what_is_wrong_about_the_use_of_an_action_is_told(tmp_path: Path, said: str, code: str) -> None:
    agent = f"character: {{ bio: x }}\nactions:\n  - roll_dice: {said}\n"

    problems = load(write(tmp_path, {**SMALL, "agents.d/tifa.yaml": agent}), {}).problems

    assert [problem.code for problem in problems] == [code]
