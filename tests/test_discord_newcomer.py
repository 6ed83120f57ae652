"""What docs/discord.md tells a newcomer to do is done, step by step, and the bot answers."""

import os
import re
from contextlib import suppress
from pathlib import Path

import pytest

from carrier.cli import main
from carrier.config.catalog import load
from carrier.host import running
from carrier.testing.discord import Discord
from carrier.testing.hosts import until
from tests.test_docs import ROOT, Block, blocks, copy_project

PAGE = list(blocks("docs/discord.md", (ROOT / "docs/discord.md").read_text()))


def first(language: str) -> Block:
    return next(block for block in PAGE if block.language == language)


def printed(capsys: pytest.CaptureFixture[str], config: Path, *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr("sys.argv", [words[0], "--config", str(config), *words[1:]])
        main()
    return capsys.readouterr().out


async def test_from_the_portal_to_an_answering_bot(
    discord: Discord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = discord.world
    guild = world.guild("Seventh Heaven", id=1170000000000000001)
    general = world.text(guild, "general")
    anna, bot = world.user("anna", "Anna", guilds=[guild]), world.bot("Tifa")
    copy_project(tmp_path)
    config = tmp_path / "carrier.yaml"
    config.write_text(f"{config.read_text()}\nembeddings: {{ use: none }}\n".replace("port: 8000", "port: 0"))
    client = tmp_path / "agents.d/bar.yaml"

    # 2. and 3.: the token, and a client that is parked until it is there
    client.write_text(first("yaml").text)
    assert load(config, {}).parked == {"bar": "DISCORD_API_TOKEN is not set"}
    (tmp_path / ".env").write_text(f"DISCORD_API_TOKEN={bot.token}\n")

    # 4.: the link, as the page shows it
    command, told = first("console").text.split("\n", 1)
    assert printed(capsys, config, *command.removeprefix("$ ").split()) == told.replace("118…", str(bot.id))
    link = told.partition("\n")[0]
    may = int(re.findall(r"permissions=(\d+)", link)[0])
    world.invite(guild, bot, may)

    # 5.: the host, here with a Discord of its own
    client.write_text(f"{client.read_text()}\nendpoint: {{ api: '{discord.api}', gateway: '{discord.gateway_url}' }}\n")
    async with running(load(config, os.environ), watch=False) as host:
        await until(lambda: host.clients["bar"].client.ready.is_set())  # type: ignore[attr-defined]
        asked = discord.say(anna, general, "hello", mentions=[bot])
        await discord.until(lambda: discord.said(general, bot))

        assert host.clients["bar"].state == "running"
    assert discord.feed(general)[-1].referenced is asked
