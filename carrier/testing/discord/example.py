"""A small world to begin with, the same in each start: a guild with its channels, somebody, and the bots."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carrier.testing.discord.local import Discord
from carrier.testing.discord.things import Bot, Channel, Guild, User

FIRST = 1_000_000_000_000_000_000
"""The ids count from here, so that what is configured by them is good the next time too."""


@dataclass(frozen=True, slots=True)
class Example:
    guild: Guild
    general: Channel
    user: User
    bots: tuple[Bot, ...]


def token(name: str) -> str:
    """The same in each start."""
    return "local-" + re.sub(r"[^a-z0-9]+", "-", name.lower())


def example(discord: Discord, bots: Sequence[str], user: str) -> Example:
    """`Local` with #general, #random and the forum #questions; a bot's token is `local-` and its name."""
    world = discord.world
    guild = world.guild("Local", world.user("owner", id=FIRST), id=FIRST + 1)
    category = world.category(guild, "Rooms", id=FIRST + 2)
    general = world.text(guild, "general", category, id=FIRST + 3)
    world.text(guild, "random", category, id=FIRST + 4)
    world.forum(guild, "questions", category, id=FIRST + 5)
    you = world.user(user, guilds=[guild], id=FIRST + 6)
    made = [
        world.bot(name, guilds=[guild], token=token(name), id=FIRST + number) for number, name in enumerate(bots, 10)
    ]
    return Example(guild, general, you, tuple(made))
