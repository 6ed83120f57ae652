"""The local Discord as a process with its control, and the terminal to talk in it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import yarl

from carrier.testing.discord import Discord
from carrier.testing.discord.example import example
from carrier.testing.discord.local import local_discord
from carrier.testing.discord.terminal import Terminal
from tests.local_discord import Client, connected, library


async def each(lines: Iterable[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


async def typed(local: Discord, *lines: str) -> list[str]:
    """What is shown to somebody who types this in the example's world."""
    made, shown = example(local, ["Tifa"], "you"), list[str]()
    await Terminal(local, made.guild, made.user, made.general, shown.append).run(each(lines))
    return shown


async def test_a_line_is_said_with_the_mentions_it_means() -> None:
    async with local_discord() as local:
        await typed(local, "hello @tifa", "/as anna", "me too", "/quit", "never")
        [room] = [it for it in local.world.channels.values() if it.name == "general"]

    texts = [(it.author.name, it.content) for it in local.feed(room)]
    assert texts == [("you", "hello <@1000000000000000010>"), ("anna", "me too")]


async def test_what_cannot_be_is_told_and_nothing_ends() -> None:
    async with local_discord() as local:
        shown = await typed(
            local, "/dance", "/join nowhere", "/press x", "/edit x", "/dm nobody", "/run Tifa ask", "/who"
        )

    assert [line.split(";")[0] for line in shown] == [
        "(there is no /dance",
        "(no channel is called 'nowhere'",
        "(nothing here has buttons)",
        "(there is nothing yet that could be meant)",
        "(no bot is called 'nobody'",
        "(Tifa has no command /ask here",
        "owner",
        "you",
        "Tifa (not connected)",
    ]


async def test_what_others_do_appears() -> None:
    async with local_discord() as local:
        made, shown = example(local, ["Tifa"], "you"), list[str]()
        terminal = Terminal(local, made.guild, made.user, made.general, shown.append)
        async with connected(local, made.bots[0]) as client:
            terminal.obey("hello")
            await local.until(lambda: client.messages)
            async with client.messages[0].channel.typing():
                answer = await client.messages[0].reply("hi", view=Buttons())
            await answer.edit(content=f"hi {made.user.mention}")
            await client.messages[0].add_reaction("🎉")
            terminal.obey("/join random")
            await answer.delete()
            terminal.obey("/dm tifa")
            terminal.obey("psst")
            await local.until(lambda: len(client.messages) == 3)
            await client.messages[2].channel.send("yes?")
            terminal.obey("/join general")

    assert shown == [
        "(Tifa types …)",
        "Tifa: hi [Dance]",
        "Tifa (edited): hi @you [Dance]",
        "(Tifa reacts 🎉)",
        "[#general] (a message was deleted)",
        "Tifa: yes?",
        "you: hello",
    ]


class Buttons(discord.ui.View):
    @discord.ui.button(label="Dance", custom_id="dance")
    async def dance(self, interaction: discord.Interaction, button: discord.ui.Button["Buttons"]) -> None:
        await interaction.response.send_message("only with you", ephemeral=True)


async def test_a_button_is_pressed_and_its_answer_shown() -> None:
    async with local_discord() as local:
        made, shown = example(local, ["Tifa"], "you"), list[str]()
        terminal = Terminal(local, made.guild, made.user, made.general, shown.append)
        async with connected(local, made.bots[0]) as client:
            await client.text_channel(made.general).send("shall we?", view=Buttons())
            terminal.obey("/press Dance")
            await local.until(lambda: len(shown) == 2)

    assert shown == ["Tifa: shall we? [Dance]", "Tifa (only you see this): only with you"]


async def test_threads_and_posts_are_begun() -> None:
    async with local_discord() as local:
        made, shown = example(local, ["Tifa"], "you"), list[str]()
        terminal = Terminal(local, made.guild, made.user, made.general, shown.append)
        local.say(made.bots[0], made.general, "let us talk")
        for line in ("/thread aside", "here", "/post How?: So?", "and?", "/reply oops"):
            terminal.obey(line)
        said = {it.name: local.said(it) for it in local.world.channels.values() if it.thread}

    assert said == {"aside": ["", "here"], "How?": ["So?", "and?"]}
    assert terminal.prompt == "you in #How?: "


# As a process


@asynccontextmanager
async def process(*arguments: str) -> AsyncIterator[tuple[Process, dict[str, str]]]:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carrier.testing.discord", *arguments, stdout=PIPE, stderr=PIPE
    )
    assert started.stdout
    try:
        yield started, json.loads(await started.stdout.readline())
    finally:
        started.terminate()
        assert await started.wait() == 0


async def test_a_process_is_filled_and_watched_through_its_control() -> None:
    async with process() as (_, where), aiohttp.ClientSession() as session:

        async def do(deed: str, **arguments: Any) -> Any:
            async with session.post(f"{where['control']}/{deed}", json=arguments) as answer:
                return await answer.json()

        await do("guild", name="Bar")
        await do("text", guild="Bar", name="general")
        await do("user", name="anna", guilds=["Bar"])
        bot = await do("bot", name="Tifa", guilds=["Bar"])
        headers = {"Authorization": f"Bot {bot['token']}"}
        said = await do("say", user="anna", channel="general", text="hello", mentions=["Tifa"])
        async with session.get(f"{where['api']}/channels/{said['channel_id']}/messages", headers=headers) as history:
            assert [it["content"] for it in await history.json()] == [f"<@{bot['id']}> hello"]
        await do("fault", on="rest", do="status", match={"method": "GET"}, how={"code": 503})
        async with session.get(f"{where['api']}/users/@me", headers=headers) as broken:
            assert broken.status == 503

        assert said["pinged"]["users"] == [bot["id"]]
        assert [it["status"] for it in await do("journal")] == [200, 503]
        assert [it["content"] for it in await do("feed", channel="#general")] == [f"<@{bot['id']}> hello"]
        assert (await do("world"))["bots"][0]["connected"] is False
        assert "no deed is called 'dance'; there are world" in (await do("dance"))["error"]
        assert "0 users are called 'nobody'; there are" in (await do("dm", user="nobody", bot="Tifa"))["error"]
        assert "unexpected keyword argument 'louder'" in (await do("breaches", louder=1))["error"]


async def test_a_process_goes_and_comes_back_with_all_that_was_said() -> None:
    async with process("--bot", "Tifa") as (_, where), aiohttp.ClientSession() as session:
        async with session.post(f"{where['control']}/say", json={"user": "you", "channel": "general", "text": "hm"}):
            pass
        async with session.post(f"{where['control']}/outage", json={"seconds": 0.2}):
            pass
        while await listens(where["api"]):
            pass
        while not await listens(where["api"]):
            pass
        async with session.post(f"{where['control']}/feed", json={"channel": "general"}) as feed:
            assert [it["content"] for it in await feed.json()] == ["hm"]


async def listens(address: str) -> bool:
    try:
        _, writer = await asyncio.open_connection(yarl.URL(address).host, yarl.URL(address).port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def test_the_command_opens_one_and_says_how_a_client_finds_it() -> None:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "carrier", "dev-discord", "--port", "0", "--bot", "Tifa",
        stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    out, err = await started.communicate(b"hello\n/who\n")

    assert started.returncode == 0, err.decode()
    assert "token: ${LOCAL_TIFA_TOKEN}\nendpoint: { api: http://127.0.0.1:" in out.decode()
    assert "\nLOCAL_TIFA_TOKEN=local-tifa\n" in out.decode()
    assert out.decode().endswith("owner\nyou\nTifa (not connected)\n")


async def test_the_example_s_bot_logs_in_with_the_token_it_is_told() -> None:
    async with local_discord() as local, library(local), Client() as client:
        example(local, ["Tifa"], "you")
        await client.login("local-tifa")

        assert client.user
        assert client.user.name == "Tifa"
