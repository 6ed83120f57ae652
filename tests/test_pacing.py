"""One person is answered so many times within a time, and others do not notice."""

from pathlib import Path

import pytest

from carrier.config.catalog import load
from carrier.errors import Overloaded
from carrier.runtime import pacing
from carrier.runtime.inbox import Inbox
from carrier.runtime.pacing import Pace
from carrier.testing.projects import SMALL, write
from carrier.testing.runtimes import little_host
from carrier.types.agents import AgentLimits

TWO_A_MINUTE = AgentLimits(messages=2, per=60.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_within_a_time_are_answered() -> None:
    clock = Clock()
    pace = Pace(clock)

    first = [pace.allows("tifa", "api:anna", TWO_A_MINUTE) for _ in range(4)]
    clock.now += 59.9
    too_soon = pace.allows("tifa", "api:anna", TWO_A_MINUTE)
    clock.now += 0.1
    later = [pace.allows("tifa", "api:anna", TWO_A_MINUTE) for _ in range(3)]

    assert (first, too_soon, later) == ([True, True, False, False], False, [True, True, False])


def test_people_and_agents_are_counted_apart() -> None:
    pace = Pace(Clock())

    asked = [("tifa", "api:anna"), ("tifa", "api:eve"), ("hello", "api:anna")]

    assert [pace.allows(*one, AgentLimits(messages=1)) for one in asked * 2] == [True] * 3 + [False] * 3


def test_without_a_limit_nobody_is_counted() -> None:
    pace = Pace(Clock())

    assert all(pace.allows("tifa", "api:anna", AgentLimits()) for _ in range(1000))


def test_who_was_quiet_for_the_longest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "PEOPLE", 2)
    pace, one = Pace(Clock()), AgentLimits(messages=1)

    heard = [pace.allows("tifa", sender, one) for sender in ("anna", "eve", "anna", "bob", "anna", "eve")]

    assert heard == [True, True, False, True, False, True]


async def test_a_door_that_can_refuse_does_and_elsewhere_it_is_heard(tmp_path: Path) -> None:
    async with little_host(tmp_path) as host:
        host.add()
        pace = Pace(Clock())
        host.inbox = Inbox(
            host.ledger, host.memories, lambda message: lambda known: {message.to: "waiting"}, host.agents.get, 8, 1000,
            lambda agent, message: pace.allows(agent, message.sender, AgentLimits(messages=1)),
        )  # fmt: skip
        first = await host.inbox.take_in(host.message("Hello"), may_refuse=True)

        with pytest.raises(Overloaded, match="no more messages of yours"):
            await host.inbox.take_in(host.message("Hello?"), may_refuse=True)
        heard = await host.inbox.take_in(host.message("Hello??", client="chat"))

        assert (len(first.turns), heard.turns) == (1, ())


def test_the_limit_comes_from_the_agent_s_file(tmp_path: Path) -> None:
    text = "character: { bio: x }\nlimits: { messages: 6/min, steps: 2 }\n"

    catalog = load(write(tmp_path, {**SMALL, "agents.d/tifa.yaml": text}), {})

    assert catalog.problems == ()
    assert catalog.agents["tifa"].limits == AgentLimits(2, 300.0, 6, 60.0)
