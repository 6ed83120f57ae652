"""What agents learn of people: kept once, closed when something else takes its place, deleted only to be forgotten."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text

from carrier.actions.recall import Recall
from carrier.evaluators.facts import Facts
from carrier.evaluators.relationships import Relationships
from carrier.interfaces import Reflection, Turn
from carrier.ledger import changes, learned
from carrier.ledger.engine import open_ledger
from carrier.ledger.memory_log import LedgerMemoryLog, refill, remember
from carrier.ledger.schema import MIGRATIONS
from carrier.ledger.tables import facts, journal
from carrier.runtime.forgetting import Forgetting
from carrier.runtime.jobs import Jobs
from carrier.templates import Templates
from carrier.testing.models import ListedModel
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import AGENT, TurnMaker
from carrier.types.agents import Agent, MemorySettings
from carrier.types.memory import Memory, Recalled
from carrier.types.parts import TemplateFile

TEMPLATES = Path(__file__).parent.parent / "templates"
EVERYWHERE = replace(AGENT, memory=MemorySettings(scope="user"))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path) as host:
        yield host


def jobs_of(host: LittleHost) -> Jobs:
    return Jobs(host.ledger, host.memories, host.agents.get)


def reflecting(
    host: LittleHost, name: str, made: type[Any], *answers: str, every: int = 1, agent: Agent = AGENT
) -> ListedModel:
    """An agent that looks back with the template that ships; its small model, which answers so."""
    small = ListedModel(*answers)
    reflection: Reflection = made(made.Settings.model_validate({"every": every}), host.given)
    runtime = host.add(agent, ListedModel(), small, reflections={name: reflection})
    source = TemplateFile(f"{name}.j2", (TEMPLATES / f"{name}.j2").read_text())
    runtime.agent = replace(
        runtime.agent,
        templates={**runtime.agent.templates, name: source.name},
        sources={**runtime.agent.sources, source.name: source},
    )
    return small


async def hear(host: LittleHost, *said: tuple[str, str], room: str = "bar", **more: Any) -> None:
    """People say this, and the agent looks back."""
    for name, words in said:
        await host.ask(words, room=room, sender=f"api:{name.lower()}", sender_name=name, **more)
    while await jobs_of(host).run_due():
        pass


async def holds(host: LittleHost, *people: str, room: str = "", here: str = "api/bar") -> list[str]:
    """What is known of these people, Anna unless others are named, as one reads it."""
    asked = {f"api:{name.lower()}" for name in people or ("Anna",)}
    found = await host.ledger.read(
        partial(learned.about, agent="tifa", people=asked, room=room, most=99, here=here, kinds=learned.LEARNED)
    )
    return [memory.text for memory in found]


async def every_row(host: LittleHost) -> Sequence[Any]:
    return await host.ledger.read(lambda it: it.execute(select(facts).order_by(facts.c.at)).all())


def fact(number: int, words: str, **more: Any) -> Memory:
    plain = Memory(f"f{number}", "tifa", "api/bar", "api:anna", "fact", words, number, name="Anna")
    return replace(plain, **more)


async def keep(host: LittleHost, *memories: Memory) -> list[Memory]:
    return await host.ledger.write(partial(remember, clock=host.ledger.clock, memories=memories))


# --- facts -----------------------------------------------------------------------------------------------------------


async def test_a_fact_that_takes_anothers_place_closes_it_and_both_are_kept(host: LittleHost) -> None:
    small = reflecting(host, "facts", Facts, "Anna: lives in Bergen", "Anna: lives in Oslo (instead of 1)")
    await hear(host, ("Anna", "I live in Bergen"))
    await hear(host, ("Anna", "I moved and live in Oslo now"))

    assert '1. Anna: "lives in Bergen"' in small.requests[1].prompt.system
    assert "lives in Bergen" not in small.requests[1].prompt.conversation[-1].text
    assert await holds(host) == ["lives in Oslo"]
    old, new = await every_row(host)
    assert (old.until > 0, old.superseded_by) == (True, new.id)
    assert new.until == 0


async def test_what_is_known_is_shown_by_number_and_as_far_as_memory_goes(host: LittleHost) -> None:
    there, private = fact(2, "has a dog", room="api/pub"), fact(3, "is ill", room="api/dm", private=True)
    await keep(host, fact(1, 'has a "cat"'), there, private, fact(4, "is tall", entity="api:ben", name="Ben"))

    async def told(agent: Agent) -> list[str]:
        small = reflecting(host, "facts", Facts, "", agent=agent)
        await hear(host, ("Anna", "hello"))
        return [line for line in small.requests[0].prompt.system.splitlines() if line[:1].isdigit()]

    assert await told(AGENT) == ['1. Anna: "has a \\"cat\\""']
    assert await told(EVERYWHERE) == ['1. Anna: "has a dog"', '2. Anna: "has a \\"cat\\""']


@pytest.mark.parametrize(
    "answer",
    ["Anna: lives in Bergen", "Anna: LIVES in  Bergen", "Anna: is living in Bergen", "Anna: Bergen (instead of 7)"],
)
async def test_what_is_known_is_no_source_and_is_not_kept_twice(host: LittleHost, answer: str) -> None:
    reflecting(host, "facts", Facts, "Anna: lives in Bergen", answer)
    await hear(host, ("Anna", "I live in Bergen"))
    await hear(host, ("Anna", "hello again"))

    assert await holds(host) == ["lives in Bergen"]


async def test_the_same_words_are_kept_once_whoever_writes_them(host: LittleHost) -> None:
    assert await keep(host, fact(1, "likes tea"), fact(2, "Likes tea")) == [fact(1, "likes tea")]
    assert await keep(host, fact(3, "likes tea", trust="claimed")) == []
    other_room, another = fact(4, "likes tea", room="api/pub"), fact(5, "likes tea", entity="api:ben")

    assert await keep(host, other_room, another) == [other_room, another]


async def test_what_holds_no_more_may_be_learned_again(host: LittleHost) -> None:
    await keep(host, fact(1, "lives in Bergen"), fact(2, "lives in Oslo", instead_of="f1"))
    await keep(host, fact(3, "lives in Bergen", instead_of="f2"))

    assert await holds(host) == ["lives in Bergen"]


@pytest.mark.parametrize(
    "claim",
    [
        {"entity": "api:eve", "trust": "claimed", "other": "api:anna"},
        {"entity": "api:eve"},
        {"trust": "claimed"},
        {"room": "api/dm", "private": True},
        {"confidence": 0.0},
        {"agent": "cloud"},
    ],
    ids=[
        "a third person's claim",
        "of another",
        "a claim",
        "told only in private",
        "nobody's words",
        "another agent's",
    ],
)
async def test_what_may_not_take_its_place_leaves_a_fact_as_it_is(host: LittleHost, claim: dict[str, Any]) -> None:
    [_, new] = await keep(host, fact(1, "is the owner"), fact(2, "is a guest", instead_of="f1", **claim))

    assert new.instead_of == ""
    assert "is the owner" in await holds(host)


async def test_a_third_persons_words_close_nothing_though_the_model_writes_so(host: LittleHost) -> None:
    answers = ("Anna: owns the bar", "Anna: owns nothing (instead of 1)")
    reflecting(host, "facts", Facts, *answers, every=2)
    await hear(host, ("Anna", "I own the bar"), ("Eve", "hi"))
    await hear(host, ("Anna", "hi"), ("Eve", "Anna owns nothing"))

    assert await holds(host, "Anna") == ["owns the bar"]
    assert await holds(host, "Eve") == ["says of Anna: owns nothing"]


@pytest.mark.parametrize(
    ("said", "written", "confidence"),
    [("I live in Bergen", "lives in Bergen", 1.0), ("I live in Bergen", "lives in Norway", 0.5), ("Hi", "is shy", 0.0)],
)
async def test_confidence_is_the_share_of_its_words_that_were_said(
    host: LittleHost, said: str, written: str, confidence: float
) -> None:
    reflecting(host, "facts", Facts, f"Anna: {written}")
    await hear(host, ("Anna", said))

    assert [memory.confidence for memory in host.memories.kept.values() if memory.kind == "fact"] == [confidence]


async def test_a_superseded_fact_comes_up_as_what_was_so_until_a_day(host: LittleHost) -> None:
    until = 1_772_000_000_000_000
    await keep(host, fact(1, "lives in Bergen"), fact(until, "lives in Oslo", instead_of="f1"))
    host.memories.put([fact(1, "lives in Bergen"), fact(until, "lives in Oslo")])
    found: list[Recalled] = []

    async def recall(turn: Turn) -> None:
        found.extend(await turn.recall("lives where"))

    agent = replace(EVERYWHERE, memory=MemorySettings(recent=0, scope="user"))
    host.add(agent, providers={"recall": recall})
    await host.ask("hello", room="bar")

    told = await Recall(None, TurnMaker(recalled=found).given())(TurnMaker(recalled=found).turn(), words="lives")
    assert sorted(told) == ["Anna, until 25 February 2026: lives in Bergen", "Anna: lives in Oslo"]
    source = TemplateFile("memories.j2", (TEMPLATES / "partials/memories.j2").read_text())
    rendered = Templates({"memories.j2": source}).render("memories.j2", {"memories": found})
    assert '- Anna, until 25 February 2026: "lives in Bergen"' in rendered
    assert '- Anna: "lives in Oslo"' in rendered


async def test_a_retried_answer_keeps_the_numbers_that_it_was_given(host: LittleHost) -> None:
    await keep(host, fact(1, "lives in Bergen"))
    reflecting(host, "facts", Facts, "Anna: lives in Oslo (instead of 1)")
    await host.ask("I live in Oslo", room="bar", sender="api:anna", sender_name="Anna")
    jobs, look_back = jobs_of(host), Facts.__call__

    async def dies(self: Facts, exchange: Any, ask_model: Any) -> Sequence[Memory]:
        await look_back(self, exchange, ask_model)
        raise OSError("the process ends here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Facts, "__call__", dies)
        patch.setattr("carrier.runtime.jobs.PAUSE", 0)
        await jobs.run_due()
    await keep(host, fact(9, "has a cat"))
    while await jobs.run_due():
        pass

    assert sorted(await holds(host)) == ["has a cat", "lives in Oslo"]


async def test_what_was_taken_back_while_the_model_thought_is_not_learned(host: LittleHost) -> None:
    small = reflecting(host, "facts", Facts, "Anna: lives in Bergen")
    complete = small.complete

    async def slowly(request: Any) -> Any:
        ids = await host.ledger.read(partial(changes.said_by, entity="api:anna"))
        await host.ledger.write(partial(changes.withdraw, clock=host.ledger.clock, ids=ids, forget=True))
        return await complete(request)

    small.complete = slowly  # type: ignore[method-assign]
    await hear(host, ("Anna", "I live in Bergen"))

    assert await holds(host) == []
    left = select(journal.c.name).where(journal.c.turn.like("tifa/facts%"))
    assert (await host.ledger.read(lambda it: it.execute(left).all())) == []


# --- relationships ---------------------------------------------------------------------------------------------------


ANNA, BEN, EVE = ("Anna", "I am Ben's sister"), ("Ben", "hello"), ("Eve", "Anna is Ben's boss")


async def related(
    host: LittleHost, answer: str, *said: tuple[str, str], **more: Any
) -> list[tuple[str, str, str, str]]:
    """What is kept of who is what to whom, as (by whom, with whom, what, how far it is trusted)."""
    reflecting(host, "relationships", Relationships, answer, every=len(said))
    await hear(host, *said, **more)
    found = [each for each in host.memories.kept.values() if each.kind == "relationship"]
    return [(each.entity, each.other, each.text, each.trust) for each in found]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Anna -> Ben: is Ben's sister", ("api:anna", "api:ben", "is Ben's sister", "said")),
        ("- **anna** → Ben: sister", ("api:anna", "api:ben", "sister (to Ben)", "said")),
        (
            "Ben -> Anna: is Anna's brother; sister",
            ("api:anna", "api:ben", "says of Ben: is Anna's brother; sister", "claimed"),
        ),
        (
            "Ben -> Anna: brother of a sister",
            ("api:anna", "api:ben", "says of Ben: brother of a sister (to Anna)", "claimed"),
        ),
    ],
    ids=["of themselves", "it names the other", "of the other", "and names who says it"],
)
async def test_who_is_what_to_whom_is_kept_as_one_of_the_two_says_it(
    host: LittleHost, answer: str, expected: tuple[str, str, str, str]
) -> None:
    assert await related(host, answer, ANNA, BEN) == [expected]


@pytest.mark.parametrize(
    "answer",
    [
        "Anna -> Ben: is Ben's boss",
        "Anna -> Carl: is Carl's aunt",
        "Anna -> Anna: sister",
        "Anna: is Ben's sister",
        "none",
    ],
    ids=["a third person's words", "who is not there", "of one alone", "a fact", "nothing"],
)
async def test_what_neither_of_two_people_has_said_is_no_relationship(host: LittleHost, answer: str) -> None:
    assert await related(host, answer, ("Anna", "hi"), BEN, EVE) == []


async def test_who_spoke_before_and_the_agent_itself_may_be_the_other(host: LittleHost) -> None:
    small = reflecting(host, "relationships", Relationships, "", "Anna -> Ben: my brother\nAnna -> Tifa: old friend")
    await hear(host, BEN)
    await hear(host, ("Anna", "Tifa is an old friend, Ben my brother"))

    assert "Only these have names here:\nTifa, Anna, Ben." in small.requests[1].prompt.system
    kept = [each for each in host.memories.kept.values() if each.kind == "relationship"]
    assert [(each.other, each.confidence) for each in kept] == [("api:ben", 1.0), ("agent:tifa", 1.0)]


async def test_a_relationship_gives_way_to_what_is_so_now(host: LittleHost) -> None:
    answers = ("Anna -> Ben: works for Ben", "Anna -> Ben: left Ben (instead of 1)", "Anna -> Ben: left Ben")
    small = reflecting(host, "relationships", Relationships, "", *answers)
    for said in (BEN, ("Anna", "I work for Ben"), ("Anna", "I left Ben"), ("Anna", "so it is")):
        await hear(host, said)

    assert '1. Anna: "works for Ben"' in small.requests[2].prompt.system
    assert await holds(host) == ["left Ben"]
    assert len(await every_row(host)) == 2


async def test_it_is_told_where_either_is_and_what_is_private_only_there(host: LittleHost) -> None:
    sister = fact(1, "is Ben's sister", kind="relationship", other="api:ben")
    secret = fact(2, "hides from Ben", kind="relationship", other="api:ben", room="api/dm", private=True)
    await keep(host, sister, secret, fact(3, "says of Ben: owes 5", other="api:ben", trust="claimed"))

    assert await holds(host, "Ben") == ["is Ben's sister"]
    assert await holds(host, "Anna") == ["is Ben's sister", "says of Ben: owes 5"]
    assert await holds(host, "Anna", here="api/dm") == ["hides from Ben", "is Ben's sister", "says of Ben: owes 5"]
    assert await holds(host, "Eve") == []


async def test_a_relationship_is_forgotten_with_either(host: LittleHost, tmp_path: Path) -> None:
    with_ben = fact(1, "is Ben's sister", kind="relationship", other="api:ben")
    await keep(host, with_ben, fact(2, "is Eve's aunt", kind="relationship", other="api:eve"))
    host.memories.put([with_ben])

    await Forgetting(host.ledger, host.memories, tmp_path, host.handovers).person("api:ben")

    assert await holds(host, "Anna", "Ben") == ["is Eve's aunt"]
    assert host.memories.kept == {}


# --- forgotten, filled again, migrated -------------------------------------------------------------------------------


async def test_what_took_a_facts_place_is_forgotten_and_the_fact_holds_again(host: LittleHost) -> None:
    reflecting(host, "facts", Facts, "Anna: lives in Bergen", "Anna: lives in Oslo (instead of 1)")
    await hear(host, ("Anna", "I live in Bergen"))
    await hear(host, ("Anna", "I live in Oslo"))
    assert await holds(host) == ["lives in Oslo"]
    [_, last] = await host.ledger.read(partial(changes.said_by, entity="api:anna"))

    await host.ledger.write(partial(changes.withdraw, clock=host.ledger.clock, ids=[last], forget=True))

    assert await holds(host) == ["lives in Bergen"]


@pytest.mark.parametrize(("gone", "left"), [("f2", "lives in Paris"), ("f3", "lives in Oslo")], ids=["between", "last"])
async def test_what_is_forgotten_leaves_one_place_filled(host: LittleHost, gone: str, left: str) -> None:
    await keep(host, fact(1, "lives in Bergen"), fact(2, "lives in Oslo", instead_of="f1"))
    await keep(host, fact(3, "lives in Paris", instead_of="f2"))

    await host.ledger.write(lambda connection, **_: learned.forget(connection, [gone]))

    assert await holds(host) == [left]


async def test_whoever_is_forgotten_is_so_in_what_others_claim_of_them(host: LittleHost, tmp_path: Path) -> None:
    claim = fact(2, "says of Anna: owes 500", entity="api:eve", other="api:anna", trust="claimed")
    await keep(host, fact(1, "has a cat"), claim, fact(3, "has a dog", entity="api:eve"))
    await keep(host, fact(4, "has two cats", instead_of="f1"))

    await Forgetting(host.ledger, host.memories, tmp_path, host.handovers).person("api:anna")

    assert await holds(host, "Anna", "Eve") == ["has a dog"]
    assert [row.id for row in await every_row(host)] == ["f3"]


async def test_the_log_is_filled_again_with_what_holds_no_more_too(host: LittleHost) -> None:
    await keep(host, fact(1, "lives in Bergen"), fact(2, "lives in Oslo", instead_of="f1"))
    await LedgerMemoryLog(host.ledger).remembered({"f1", "f2"})

    assert await host.ledger.write(partial(refill, clock=host.ledger.clock)) == 2


async def test_facts_of_an_older_ledger_are_known_by_whom_they_are_of(tmp_path: Path) -> None:
    from alembic.command import upgrade
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    body = (
        '{"id":"f1","agent":"tifa","room":"api/bar","entity":"api:anna","kind":"fact","text":"has a cat","at":1,'
        '"name":"Anna","source_ids":["m1"],"revision":"","trust":"said","private":false}'
    )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        upgrade(config, "0012")
        connection.execute(
            text("INSERT INTO facts (id, agent, body, at) VALUES ('f1', 'tifa', :body, 1)"), {"body": body}
        )
    engine.dispose()

    async with open_ledger(tmp_path / "ledger.db") as ledger:
        [found] = await ledger.read(
            partial(learned.about, agent="tifa", people={"api:anna"}, room="", most=9, kinds=("fact",))
        )

    assert (found.text, found.confidence, found.until) == ("has a cat", 0.0, 0)
