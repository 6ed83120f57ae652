"""Threads that Discord puts away when nothing is said in them for a while: it tells of them only who asks."""

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress

import discord

from carrier.clients.discord.moments import made_at

SOONEST = 3600.0
"""Seconds without a word after which a thread is put away at the earliest, but by hand."""

Parent = discord.TextChannel | discord.ForumChannel


def parents(guilds: Iterable[discord.Guild]) -> Iterator[Parent]:
    """Channels whose threads the bot may read."""
    for guild in guilds:
        held: list[Parent] = [*guild.text_channels, *guild.forums]
        for channel in held:
            may = channel.permissions_for(guild.me)
            if may.view_channel and may.read_message_history:
                yield channel


async def threads(parent: Parent, after: int) -> AsyncIterator[discord.Thread]:
    """Its public threads that were put away with something said in them after an id."""
    with suppress(discord.Forbidden, discord.NotFound):
        # The last first: before this one nothing was said after.
        async for thread in parent.archived_threads(limit=None):
            if thread.archive_timestamp.timestamp() * 1_000_000 < made_at(after):
                break
            if (thread.last_message_id or 0) > after:
                yield thread
