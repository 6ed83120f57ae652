"""A bar on a local Discord, and a host with a bot in it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from carrier.config.catalog import load
from carrier.host import Host, running
from carrier.ledger.forms import to_message
from carrier.ledger.tables import messages
from carrier.testing.discord import Bot, Channel, Discord, Guild, User
from carrier.testing.hosts import MOMENT, until
from carrier.testing.projects import Project, project
from carrier.types.talk import Message

FILES: Mapping[str, str | bytes] = {
    "carrier.yaml": "name: demo\nembeddings: { use: none }\nmodels: { large: scripted/tifa, small: scripted/tifa }\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\n",
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "you said: {{ text }}" }]\n',
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@dataclass
class Scene:
    """Anna and the bot Tifa in a guild with one channel, `general`."""

    discord: Discord
    files: Project
    guild: Guild
    general: Channel
    anna: User
    tifa: Bot

    def client(self, *more: str, bot: Bot | None = None, name: str = "bar", agent: str = "tifa") -> str:
        """The file of a client, with further lines; its name is its path at the gateway."""
        endpoint = f"{{ api: '{self.discord.api}', gateway: '{self.discord.gateway_url}{name}' }}"
        token = (bot or self.tifa).token
        lines = ["kind: client", f"name: {name}", "type: discord", f"agent: {agent}", f"token: '{token}'"]
        return "\n".join([*lines, f"endpoint: {endpoint}", "gather: 0", *more, ""])

    @asynccontextmanager
    async def host(self, connected: bool = True) -> AsyncIterator[Host]:
        """A host whose clients are all connected, if that is waited for."""
        async with running(load(self.files.config, os.environ), watch=False) as host:
            for living in host.clients.values() if connected else ():
                await until(lambda living=living: living.client.ready.is_set())  # type: ignore[misc]
            yield host

    async def answered(self, *texts: str, channel: Channel | None = None, seconds: float = 10.0) -> None:
        """Wait until the bot has said exactly this."""
        place = channel or self.general
        try:
            await self.discord.until(lambda: len(self.discord.said(place, self.tifa)) >= len(texts), seconds)
        finally:
            assert self.discord.said(place, self.tifa) == list(texts)


def scene(discord: Discord, folder: Path, *client: str, files: Mapping[str, str | bytes] = {}) -> Scene:
    anna = discord.world.user("anna", "Anna")
    made = _scene(discord, project(folder / "demo", {**FILES, **files}), anna)
    made.files.write("agents.d/bar.yaml", made.client(*client))
    return made


def another(bar: Scene, name: str, *client: str) -> Scene:
    """The same in a guild of its own, with a bot and a client of its own in the same host."""
    made = _scene(bar.discord, bar.files, bar.anna)
    made.files.write(f"agents.d/{name}.yaml", made.client(*client, name=name))
    return made


def _scene(discord: Discord, files: Project, anna: User) -> Scene:
    world = discord.world
    guild = world.guild("Seventh Heaven")
    general = world.text(guild, "general", topic="All that happens here")
    world.join(guild, anna)
    return Scene(discord, files, guild, general, anna, world.bot("Tifa", guilds=[guild]))


async def heard(host: Host) -> list[Message]:
    """What people said, as the host has it, in its order."""
    rows = await host.ledger.read(
        lambda it: it.execute(select(messages).where(messages.c.agent == "").order_by(messages.c.at)).all()
    )
    return [to_message(row) for row in rows]


async def until_heard(host: Host, count: int, seconds: float = 10.0) -> list[Message]:
    """The same, once there are so many; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while len(found := await heard(host)) < count:  # noqa: ASYNC110
            await asyncio.sleep(MOMENT)
    return found
