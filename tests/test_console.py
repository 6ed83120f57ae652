"""The host's own terminal, read and written through a pipe."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from typing import TextIO

import pytest

from carrier.clients.console import Console, ConsoleSettings
from carrier.errors import CannotLook
from carrier.testing.clients import Delivered
from carrier.testing.turns import TurnMaker
from carrier.types.talk import Message, Outgoing


class Terminal:
    """Both ends of a terminal."""

    def __init__(self) -> None:
        reads, writes = os.pipe()
        self.reads: TextIO = os.fdopen(reads, "r")
        self.types: TextIO = os.fdopen(writes, "w")
        self.screen = io.StringIO()
        self.delivered = Delivered()
        self.heard = self.delivered.messages
        self.console = Console("here", ConsoleSettings(), TurnMaker().given(), self.reads, self.screen)

    def enter(self, *lines: str) -> None:
        for line in lines:
            self.types.write(line + "\n")
        self.types.flush()

    @property
    def all(self) -> list[Message]:
        return self.delivered.all


@pytest.fixture
async def terminal() -> AsyncIterator[Terminal]:
    terminal = Terminal()
    with terminal.reads, terminal.types:
        yield terminal


async def live(terminal: Terminal) -> None:
    """Until its input ends."""
    terminal.types.close()
    async with asyncio.timeout(5):
        await terminal.console.run(terminal.delivered)


async def test_each_line_is_a_message_of_one_room_until_the_input_ends(terminal: Terminal) -> None:
    terminal.enter("Hello", "", "  How are you?  ")
    await live(terminal)

    assert [message.text for message in terminal.all] == ["Hello", "How are you?"]
    assert {message.room for message in terminal.all} == {"here/console"}
    assert {message.client for message in terminal.all} == {"here"}
    assert len({message.id for message in terminal.all}) == 2


async def test_a_console_that_was_stopped_leaves_the_terminal_to_the_next(terminal: Terminal) -> None:
    terminal.enter("one")
    life = asyncio.create_task(terminal.console.run(terminal.delivered))
    async with asyncio.timeout(5):
        await terminal.heard.get()
    life.cancel()
    await asyncio.wait([life])

    terminal.enter("two")
    await live(terminal)

    assert [message.text for message in terminal.all] == ["one", "two"]


async def test_a_line_that_is_no_text_and_one_that_is_very_long_are_lines_all_the_same(terminal: Terminal) -> None:
    os.write(terminal.types.fileno(), b"caf\xff\n")
    terminal.enter("x" * 60_000)
    await live(terminal)

    assert [message.text for message in terminal.all] == ["caf\N{REPLACEMENT CHARACTER}", "x" * 60_000]


async def test_an_answer_is_printed_with_who_said_it_and_the_prompt(terminal: Terminal) -> None:
    key = await terminal.console.send(Outgoing("k", "here", "here/console", "Evening.", agent="tifa"))

    assert key == "k"
    assert terminal.screen.getvalue() == "tifa: Evening.\n> "


async def test_what_was_printed_before_cannot_be_looked_for(terminal: Terminal) -> None:
    with pytest.raises(CannotLook):
        await terminal.console.find(Outgoing("k", "here", "here/console", "Evening."))
