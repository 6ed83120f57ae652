"""A newcomer's first two minutes: the line the banner prints, and a conversation in the terminal."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Sequence

import pytest

from carrier.testing.hosts import HostProcess, host_process
from carrier.testing.projects import Project

CURL = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl on this machine")


async def run(command: Sequence[str], said: str = "") -> tuple[str, str]:
    """What a command prints, as (output, errors)."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    output, errors = await process.communicate(said.encode())
    assert process.returncode == 0, errors.decode()
    return output.decode(), errors.decode()


def curl_line(host: HostProcess) -> str:
    [line] = [line.strip() for line in host.printed.splitlines() if line.strip().startswith("curl ")]
    return line


@CURL
async def test_the_printed_curl_line_gets_an_answer_in_character(shipped: Project) -> None:
    for shown in ("Bearer carrier_", "Bearer $(cat "):
        async with host_process(shipped) as host:
            line = curl_line(host)
            output, _ = await run(["sh", "-c", line])
            assert await host.stop() == 0

        assert shown in line
        answer = json.loads(output)
        assert answer["agent"] == "tifa"
        assert answer["text"] in (
            "Evening. Take the stool that does not wobble. What is your name?",
            "You again. Good. What will it be?",
        )


CONVERSATION = """\
Hello!
Roll 2 dice, please.
My name is Cloud.
What is my name?
/quit
"""


def chat(project: Project) -> list[str]:
    return [sys.executable, "-m", "carrier", "--config", str(project.config), "chat", "tifa"]


def greets_rolls_and_remembers(output: str) -> None:
    hello, roll, name, asked = output.splitlines()
    assert hello == "Tifa: Evening. Take the stool that does not wobble. What is your name?"
    assert re.search(r"The 2 dice with 6 sides show \d, \d: \d+ in all\.", roll)
    assert name.startswith("Tifa: Cloud. Good,")
    assert asked == "Tifa: Cloud. I keep the names; the coats I lose."


async def test_a_conversation_with_the_host_that_runs_is_told_again_at_the_next(shipped: Project) -> None:
    async with host_process(shipped):
        first, _ = await run(chat(shipped), CONVERSATION)
        again, _ = await run(chat(shipped), "Bye!\n")

    greets_rolls_and_remembers(first)
    assert "you: What is my name?\nTifa: Cloud. I keep the names; the coats I lose.\n" in again
    assert again.endswith("Tifa: Mind the step on your way out. It minds nobody.\n")


async def test_a_conversation_where_no_host_runs_starts_one_for_itself(shipped: Project) -> None:
    output, errors = await run(chat(shipped), CONVERSATION)

    greets_rolls_and_remembers(output)
    assert "no host runs here" in errors
