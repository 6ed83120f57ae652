"""Hosts that are killed again and again while people talk to their bot: each word is answered once, in its order."""

import time
from pathlib import Path

import pytest

from tests.discord_kill import GROWING, PROGRAM, begun, finished, killed, load_in, place


async def test_a_host_that_is_killed_loses_nothing_and_says_nothing_twice(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 1)
        await (await begun(load, project)).kill()
        await killed(load, project, 3, PROGRAM)
        await finished(load, project)

        assert await load.wrong() == []
        assert await there.do("breaches") == []


async def test_a_host_that_is_killed_while_answers_grow_leaves_no_half_one(tmp_path: Path) -> None:
    async with place() as there:
        load, project = await load_in(there, tmp_path, 3, GROWING, "stream: true\n")
        await (await begun(load, project)).kill()
        await killed(load, project, 3, PROGRAM)
        await finished(load, project)

        assert await load.wrong() == []
        assert await there.do("breaches") == []


@pytest.mark.torture
@pytest.mark.timeout(3600)
async def test_two_hundred_kills_lose_nothing_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    async with place() as there:
        load, project = await load_in(there, tmp_path, 2)
        await (await begun(load, project)).kill()
        await killed(load, project, 200, PROGRAM)
        await finished(load, project, 300)

        words, breaches = sum(map(len, load.said.values())), await there.do("breaches")
        with capsys.disabled():
            print(f"\n200 kills, {words} words, {len(breaches)} breaches, {time.monotonic() - start:.0f} s")
        assert await load.wrong() == []
        # What a killed host has used up of a limit, the next one is not told before it goes beyond it.
        assert len(breaches) <= 10
