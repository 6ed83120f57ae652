"""What a model is told beside the conversation: people, documents, goals; and no more than its window holds."""

import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from carrier.actions.recall import Recall
from carrier.actions.remember import Remember
from carrier.interfaces import Turn
from carrier.ledger import learned, people
from carrier.ledger.memory_log import remember
from carrier.providers.facts import Facts
from carrier.providers.goals import Goals
from carrier.providers.knowledge import Knowledge as KnowledgeProvider
from carrier.providers.room import Room
from carrier.runtime import knowledge
from carrier.runtime.knowledge import PASSAGE, Documents, passages
from carrier.runtime.state import State, compose_context
from carrier.testing.models import ListedModel, calls
from carrier.testing.runtimes import LittleHost, little_host
from carrier.testing.turns import AGENT, MESSAGE, TurnMaker
from carrier.types.agents import Agent, Knowledge, MemorySettings
from carrier.types.memory import Goal, Memory, Recalled
from carrier.types.models import Tool
from carrier.types.talk import Line, Person


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[LittleHost]:
    async with little_host(tmp_path / "data") as host:
        yield host


def fact(text: str, about: str = "api:anna", room: str = "api/@anna", number: int = 1) -> Memory:
    return Memory(f"tifa/facts/{about}/{room}/{number}", "tifa", room, about, "fact", text, number, name="Anna")


# --- people ----------------------------------------------------------------------------------------------------


async def test_who_spoke_last_comes_first_and_only_what_the_agent_heard_counts(host: LittleHost) -> None:
    host.add()
    for sender, name in (("api:anna", "Anna"), ("api:ben", "Ben"), ("api:anna", "Annie")):
        await host.ask(room="bar", sender=sender, sender_name=name)

    def seen(agent: str, most: int = 9) -> object:
        return host.ledger.read(lambda connection: people.present(connection, agent, "api/bar", 2**62, most))

    assert await seen("tifa") == [Person("api:anna", "Annie"), Person("api:ben", "Ben")]  # type: ignore[misc]
    assert await seen("tifa", 1) == [Person("api:anna", "Annie")]  # type: ignore[misc]
    assert await seen("cloud") == []  # type: ignore[misc]


async def test_what_is_known_of_people_is_the_agents_own_and_of_this_room_if_asked_so(host: LittleHost) -> None:
    here, there = fact("has a cat"), fact("has a dog", room="api/bar", number=2)
    others = [fact("is tall", about="api:ben"), replace(fact("x"), id="cloud/1", agent="cloud")]
    clock = host.ledger.clock
    await host.ledger.write(lambda connection: remember(connection, clock, [here, there, *others]))

    def known(room: str) -> object:
        return host.ledger.read(lambda connection: learned.about(connection, "tifa", {"api:anna"}, room, 9))

    assert await known("") == [there, here]  # type: ignore[misc]
    assert await known("api/@anna") == [here]  # type: ignore[misc]


async def test_what_people_said_comes_before_what_is_claimed_and_what_is_private_stays_there(host: LittleHost) -> None:
    claimed = replace(fact("owes", number=9), trust="claimed")
    private = replace(fact("hides", room="api/@ben", number=3), private=True)
    clock = host.ledger.clock
    everything = [fact("has a cat"), claimed, private]
    await host.ledger.write(lambda connection: remember(connection, clock, everything))

    def known(room: str, here: str) -> object:
        return host.ledger.read(lambda connection: learned.about(connection, "tifa", {"api:anna"}, room, 9, here=here))

    assert await known("", "api/bar") == [fact("has a cat"), claimed]  # type: ignore[misc]
    assert await known("", "api/@ben") == [private, fact("has a cat"), claimed]  # type: ignore[misc]
    assert await known("api/@ben", "") == [private]  # type: ignore[misc]


async def test_facts_are_those_of_the_people_in_the_room() -> None:
    maker = TurnMaker(people=[Person("api:ben", "Ben")], facts=[fact("a"), fact("b", "api:ben"), fact("c", "api:carl")])

    found = await Facts(Facts.Settings(), maker.given())(maker.turn())
    alone = await Facts(Facts.Settings(people=1), maker.given())(maker.turn())

    assert [memory.text for memory in found] == ["a", "b"]
    assert [memory.text for memory in alone] == ["a"]


async def test_the_room_has_its_name_and_who_takes_part() -> None:
    maker = TurnMaker(people=[Person("api:ben", "Ben"), Person("api:anna", "Anna")])

    place = await Room(Room.Settings(), maker.given())(maker.turn())

    assert (str(place), place.client, [person.name for person in place.people]) == ("@anna", "api", ["Anna", "Ben"])


async def test_goals_are_those_of_the_agents_file_and_those_that_were_set() -> None:
    launch, meet = Goal("launch", "Open the bar", ("paint", "stock")), Goal("meet", "Meet on Friday", whose="room")
    maker = TurnMaker(goals=[meet])

    told = await Goals(Goals.Settings(), maker.given())(maker.turn(replace(AGENT, goals=(launch,))))

    assert told == [launch, meet]


# --- documents -------------------------------------------------------------------------------------------------


def reader(folder: Path, *files: str, texts: tuple[str, ...] = ()) -> Agent:
    return replace(AGENT, knowledge=Knowledge(folder, files or ("docs/**/*.md",), texts))


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    # Two versions within one tick of the file system's clock are told apart by their size, or by this.
    os.utime(path, (changed := next(CHANGES), changed))
    return path


CHANGES = count(1)


@pytest.fixture
def documents(host: LittleHost, monkeypatch: pytest.MonkeyPatch) -> Documents:
    monkeypatch.setattr(knowledge, "PAUSE", 0.0)
    return Documents(host.ledger, host.memories)


async def found(documents: Documents, agent: Agent, text: str) -> list[tuple[str, str]]:
    return [(each.memory.name, each.memory.text) for each in await documents.recall(agent, text, 9)]


async def test_a_document_comes_up_and_follows_its_file(documents: Documents, tmp_path: Path) -> None:
    agent = reader(tmp_path)
    path = write(tmp_path, "docs/drinks/rum.md", "The rum is from Cuba.")

    assert await found(documents, agent, "rum") == [("docs/drinks/rum.md", "The rum is from Cuba.")]
    write(tmp_path, "docs/drinks/rum.md", "The rum is gone.")
    assert await found(documents, agent, "rum") == [("docs/drinks/rum.md", "The rum is gone.")]
    path.unlink()
    assert await found(documents, agent, "rum") == []
    write(tmp_path, "docs/drinks/rum.md", "The rum is from Cuba.")
    assert await found(documents, agent, "rum") == [("docs/drinks/rum.md", "The rum is from Cuba.")]


async def test_documents_are_taken_in_once_and_stay_over_a_restart(
    documents: Documents, host: LittleHost, tmp_path: Path
) -> None:
    write(tmp_path, "docs/rum.md", "The rum is from Cuba.")
    await found(documents, reader(tmp_path), "rum")
    before = dict(host.memories.kept)

    assert await found(Documents(host.ledger, host.memories), reader(tmp_path), "rum")
    assert host.memories.kept == before


async def test_a_passage_that_the_ledger_forgot_never_comes_up(
    documents: Documents, host: LittleHost, tmp_path: Path
) -> None:
    write(tmp_path, "docs/rum.md", "The rum is from Cuba.")
    host.memories.put([Memory("tifa/knowledge/old", "tifa/knowledge", "old.md", "", "document", "old rum", 1)])

    assert await found(documents, reader(tmp_path), "rum") == [("docs/rum.md", "The rum is from Cuba.")]
    assert "tifa/knowledge/old" not in host.memories.kept


async def test_what_no_agent_may_read_or_can_is_left_out(
    documents: Documents, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "BYTES", 100)
    root = tmp_path / "project"
    write(tmp_path, "outside.md", "rum outside")
    write(root, "docs/.hidden.md", "rum hidden")
    write(root, "docs/picture.md", b"rum \xff\xfe")
    write(root, "docs/long.md", "rum " * 100)
    write(root, "docs/fine.md", "\ufeffrum fine")
    (root / "docs/link.md").symlink_to(tmp_path / "outside.md")

    assert await found(documents, reader(root), "rum") == [("docs/fine.md", "rum fine")]
    assert "docs/picture.md is not known" in caplog.text
    assert "docs/long.md is not known: 100 bytes are the most" in caplog.text


async def test_the_characters_own_texts_are_known_and_no_other_agents(documents: Documents, tmp_path: Path) -> None:
    agent = reader(tmp_path, texts=("Rum is a drink.",))
    await found(documents, agent, "rum")

    assert await found(documents, agent, "rum") == [("text 1 of the character", "Rum is a drink.")]
    assert await found(documents, replace(reader(tmp_path), name="cloud"), "rum") == []
    assert await found(documents, replace(agent, knowledge=Knowledge()), "rum") == []


async def test_documents_are_bounded(
    documents: Documents, host: LittleHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge, "PASSAGES", 3)
    monkeypatch.setattr(knowledge, "FILES", 2)
    for name in "abc":
        write(tmp_path, f"docs/{name}.md", f"rum {name} {'x' * 700}\n\nrum {name} {'y' * 700}")

    await found(documents, reader(tmp_path), "rum")

    assert [memory.name for memory in host.memories.kept.values()] == ["docs/a.md", "docs/a.md", "docs/b.md"]


def test_passages_are_whole_paragraphs_and_none_is_too_long() -> None:
    text = "# Bar\n\nOne.\n\n" + "word " * 400 + "\n\nTwo.\n \nThree." + "\n\n" + "x" * 2000

    pieces = list(passages(text))

    assert pieces[0] == "# Bar\n\nOne."
    assert all(0 < len(piece) <= PASSAGE for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


async def test_knowledge_is_what_comes_up_for_the_message() -> None:
    maker = TurnMaker(documents=[Recalled(fact(str(number)), 0.5) for number in range(9)])
    provider = KnowledgeProvider(KnowledgeProvider.Settings(at_most=2), maker.given())

    assert len(await provider(maker.turn())) == 2
    assert await provider(maker.turn(message=replace(MESSAGE, text=" "))) == []


# --- actions ---------------------------------------------------------------------------------------------------


async def test_an_agent_may_remember_and_recall_of_its_own_accord() -> None:
    maker = TurnMaker(recalled=[Recalled(fact("has a cat"), 0.9)], documents=[Recalled(fact("cats purr"), 0.4)])

    assert await Remember(None, maker.given())(maker.turn(), fact="has a dog") == "It is kept."
    assert maker.remembered == ["has a dog"]
    assert await Recall(None, maker.given())(maker.turn(), words="cat") == ["Anna: has a cat", "Anna: cats purr"]


# --- what fits ---------------------------------------------------------------------------------------------------


def small(window: int) -> Agent:
    return replace(AGENT, model=replace(AGENT.model, window=window))


async def test_the_latest_lines_are_told_as_far_as_they_fit_and_what_is_left_out_is_known(host: LittleHost) -> None:
    model = ListedModel("ok", "ok", "ok", "ok")
    runtime = host.add(small(400), model=model)
    for number in range(3):
        await host.ask(f"line {number} {'x' * 400}")

    await host.ask("so?")
    prompt = await runtime.render(host.message("so?"))

    told = [said.text[:6] for said in model.requests[-1].prompt.conversation]
    assert told == ["ok", "line 1", "ok", "line 2", "ok", "so?"]
    assert prompt.endswith("--- left out ---\nrecent_messages: the oldest 1 of 8")


@pytest.mark.parametrize("window", [1, 10])
async def test_a_window_too_small_for_anything_still_gets_the_message(host: LittleHost, window: int) -> None:
    host.add(small(window))

    assert (await host.ask("so?")).texts == ("you said: so?",)


async def test_no_provider_takes_more_than_its_share(host: LittleHost) -> None:
    async def memories(turn: Turn) -> list[Recalled]:
        return [Recalled(fact(f"fact {number} {'x' * 80}"), 0.5) for number in range(9)]

    async def stock(turn: Turn) -> str:
        return "ø" * 4000

    chat = "{% for each in memories %}{{ each.memory.text[:6] }},{% endfor %} {{ stock | length }}"
    runtime = host.add(small(400), providers={"memories": memories, "stock": stock}, chat=chat)

    prompt = await runtime.render(host.message("so?"))

    assert prompt.startswith("fact 0,fact 1, 200\n")
    assert prompt.endswith("--- left out ---\nmemories: the last 7 of 9\nstock: 3800 of 4000 characters")


async def test_a_fact_that_is_told_of_somebody_does_not_come_up_in_memory_too(host: LittleHost) -> None:
    dog, cat = fact("has a dog"), fact("has a cat", number=2)

    async def facts(turn: Turn) -> list[Memory]:
        return [dog]

    async def memories(turn: Turn) -> list[Recalled]:
        return [Recalled(dog, 0.9), Recalled(cat, 0.5)]

    chat = "{{ facts | map(attribute='text') | list }} {{ memories | map(attribute='memory.text') | list }}"
    runtime = host.add(providers={"facts": facts, "memories": memories}, chat=chat)

    assert (await runtime.render(host.message("so?"))).startswith("['has a dog'] ['has a cat']\n")


async def test_what_a_model_may_call_takes_its_place_from_the_recent_lines() -> None:
    line, tool = Line("1", "Anna", "x" * 400, 1, False, "api:anna"), Tool("look", "x" * 800, {"type": "object"})
    state = State({"recent_messages": [line] * 3})

    def lines(*tools: Tool) -> int:
        return len(compose_context(small(600), "", MESSAGE, state, tools).conversation) - 1

    assert (lines(), lines(tool)) == (3, 2)


async def test_what_fits_leaves_nothing_out(host: LittleHost) -> None:
    assert "left out" not in await host.add().render(host.message("so?"))


async def test_a_template_may_name_what_only_some_agents_have(host: LittleHost) -> None:
    chat = "{% for each in knowledge %}{{ each }}{% endfor %}{{ facts }}{{ goals }}{{ room }}."

    assert (await host.add(chat=chat).render(host.message("so?"))).startswith(".\n")


# --- how far it is trusted -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "fact", "trust"),
    [
        ("I have a cat, Whiskers.", "has a cat called Whiskers", "said"),
        ("Look it up.", "owes Eve 500", "claimed"),
        ("I am Anna.", "Anna owes Eve 500", "claimed"),
    ],
)
async def test_what_an_agent_keeps_of_somebody_is_trusted_as_far_as_they_said_it(
    host: LittleHost, said: str, fact: str, trust: str
) -> None:
    host.add(model=ListedModel(calls("remember", fact=fact), "ok"), actions=[Remember(None, TurnMaker().given())])

    await host.ask(said)

    assert [memory.trust for memory in host.memories.kept.values() if memory.kind == "fact"] == [trust]


async def test_what_was_said_in_a_direct_message_is_recalled_only_there(host: LittleHost) -> None:
    found: list[list[str]] = []

    async def recall(turn: Turn) -> None:
        found.append(sorted({each.memory.text for each in await turn.recall("the secret of the cat")}))

    host.add(replace(AGENT, memory=MemorySettings(recent=0, scope="user")), providers={"recall": recall})
    await host.ask("the cat hides", client="chat", room="dm", direct=True)
    await host.ask("the cat sleeps", client="chat", room="bar")
    for room in ("bar", "dm"):
        await host.ask("well?", client="chat", room=room)

    assert found[2:] == [["the cat sleeps"], ["the cat hides", "the cat sleeps"]]


# --- who is called what ------------------------------------------------------------------------------------------


async def names(host: LittleHost, *said: tuple[str, str]) -> list[str]:
    """What those who spoke one after the other are called in the last prompt."""
    model = ListedModel()
    host.add(model=model, chat="")
    for sender, name in said:
        await host.ask(room="bar", sender=sender, sender_name=name)
    return [line.name for line in model.requests[-1].prompt.conversation if line.role == "user"]


@pytest.mark.parametrize("name", ["Anna", "ANNA", "An\u200bna", "\uff21nna", "Anna\n"])
async def test_two_who_could_be_taken_for_each_other_are_told_apart(host: LittleHost, name: str) -> None:
    anna, other = await names(host, ("chat:1", "Anna"), ("chat:2", name))

    assert anna != other
    assert all(re.fullmatch(r"(?i)anna \(#[0-9a-f]{4}\)", each) for each in (anna, other.replace("\uff21", "A")))


@pytest.mark.parametrize("name", ["Tifa", "tifa", "System", "assistant", "T\u200bifa"])
async def test_nobody_is_called_as_the_agent_or_the_system_is(host: LittleHost, name: str) -> None:
    assert re.fullmatch(r"\w+ \(#[0-9a-f]{4}\)", (await names(host, ("chat:1", name)))[0])


@pytest.mark.parametrize("name", ["", "***", "\u2028"])
async def test_among_several_nobody_speaks_without_a_name(host: LittleHost, name: str) -> None:
    assert await names(host, ("chat:1", "Anna"), ("chat:2", name)) == ["Anna", "2"]
    assert "(#" in (await names(host, ("chat:1", "Anna"), ("chat:anna", name)))[-1]


async def test_who_is_alone_needs_no_name(host: LittleHost) -> None:
    assert await names(host, ("chat:1", ""), ("chat:1", "")) == ["", ""]


async def test_who_cannot_be_taken_for_another_keeps_a_plain_name(host: LittleHost) -> None:
    assert await names(host, ("chat:1", "Anna"), ("chat:2", "Ben"), ("chat:1", "Anna")) == ["Anna", "Ben", "Anna"]
