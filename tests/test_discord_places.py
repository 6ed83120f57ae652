"""Two bots, three agents, two guilds: whoever is asked anywhere answers once, in its place, by its own bot."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from carrier.testing.discord import Bot, Channel, Discord, Message
from tests.discord_scene import Scene, scene

AGENTS = ("tifa", "cid", "yuffie")
FILES: Mapping[str, str] = {
    **{f"agents.d/{name}.yaml": "character: { bio: Is here. }\n" for name in AGENTS},
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "{{ agent }} here" }]\n',
}
ROUTES = """\
routes:
  - { guild: %(inn)s, agent: yuffie }
  - { category: %(kitchen)s, agent: yuffie }
  - { room: %(oven)s, agent: tifa }
  - { room: %(cellar)s, agent: yuffie }
  - { room: %(corner)s, agent: tifa }
  - { room: %(help)s, agent: yuffie }
  - { room: %(square)s, agents: [tifa, yuffie] }
  - { room: %(stage)s, respond: always }
  - { room: %(vault)s, respond: never }
"""


@dataclass
class Town:
    """What was asked, and who is to answer it by which bot."""

    bar: Scene
    cid: Bot
    asked: list[tuple[Message, Bot, str]] = field(default_factory=list)

    def ask(self, place: Channel, answers: str, text: str = "hello", by: Bot | None = None, named: bool = True) -> None:
        bot = by or self.bar.tifa
        said = self.bar.discord.say(self.bar.anna, place, text, mentions=[bot] if named else [])
        self.asked.append((said, bot, answers))

    async def answered(self) -> None:
        """Each has exactly one answer, which refers to it where it was asked, and nothing else is said."""
        world = self.bar.discord.world
        bots = {self.bar.tifa.id, self.cid.id}

        def answers() -> list[Message]:
            channels = list(world.channels.values())
            return [it for channel in channels for it in channel.messages.values() if it.author.id in bots]

        try:
            await self.bar.discord.until(lambda: len(answers()) >= len(self.asked))
        finally:
            found = {(it.channel.id, it.referenced and it.referenced.id, it.author.id, it.content) for it in answers()}
            assert found == {(asked.channel.id, asked.id, bot.id, f"{agent} here") for asked, bot, agent in self.asked}
        assert len(answers()) == len(self.asked)


async def test_who_is_asked_answers_once_in_its_place(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, files=FILES)
    world, guild = discord.world, bar.guild
    inn = world.guild("Inn")
    world.join(inn, bar.anna)
    world.invite(inn, bar.tifa)
    cid = world.bot("Cid", guilds=[guild, inn])
    kitchen = world.category(guild, "kitchen")
    places = {name: world.text(guild, name) for name in ("cellar", "square", "stage", "vault")}
    places |= {name: world.text(guild, name, parent=kitchen) for name in ("stove", "oven")}
    places |= {"lobby": world.text(inn, "lobby"), "help": world.forum(guild, "help")}
    places |= {name: discord.thread(bar.anna, places["cellar"], name) for name in ("corner", "shelf")}
    ids = {name: place.id for name, place in places.items()} | {"inn": inn.id, "kitchen": kitchen.id}
    bar.files.write("agents.d/bar.yaml", bar.client(ROUTES % ids))
    bar.files.write("agents.d/other.yaml", bar.client(bot=cid, name="other", agent="cid"))
    town = Town(bar, cid)

    async with bar.host():
        town.ask(bar.general, "tifa")
        town.ask(places["stove"], "yuffie")
        town.ask(places["oven"], "tifa")
        town.ask(places["cellar"], "yuffie")
        town.ask(places["shelf"], "yuffie")
        town.ask(places["corner"], "tifa")
        town.ask(discord.post(bar.anna, places["help"], "soup", "I have a question"), "yuffie")
        town.ask(places["lobby"], "yuffie")
        town.ask(places["square"], "tifa")
        town.ask(places["square"], "yuffie", "Yuffie, what is up?", named=False)
        town.ask(places["stage"], "tifa", named=False)
        town.ask(world.dm(bar.anna, bar.tifa), "tifa", named=False)
        town.ask(bar.general, "cid", by=cid)
        town.ask(places["lobby"], "cid", by=cid)
        town.ask(world.dm(bar.anna, cid), "cid", named=False, by=cid)
        discord.say(bar.anna, places["vault"], "hello", mentions=[bar.tifa])
        discord.say(bar.anna, bar.general, "nobody is meant")
        await town.answered()

    assert discord.breaches == []
