"""A Discord on loopback: REST and gateway in version 10, written from Discord's own documentation.

    from carrier.testing.discord import local_discord

    async with local_discord() as discord:
        world = discord.world
        bar = world.guild("Seventh Heaven")
        general = world.text(bar, "general")
        anna = world.user("anna", "Anna", guilds=[bar])
        tifa = world.bot("Tifa", guilds=[bar])
        # discord.api, discord.gateway_url and tifa.token are what a client needs
        discord.say(anna, general, "hello", mentions=[tifa])
        await discord.until(lambda: discord.said(general, tifa))

`world` makes users, bots, guilds, roles, channels and direct messages; on `discord` people act (`say`, `edit`,
`delete`, `react`, `type`), and what came of it is read (`feed`, `said`, `until`, `journal`, `breaches`, `typed`).
`gateway` does to connections what Discord does (`close`, `abort`, `reconnect`, `invalidate`, `silence`, `deafen`,
`dispatch`, `send_raw`), `faults.add(match, fault)` lets the n-th request or frame go wrong, `limits` and
`gateway.starts` hold the rates, `clock` the time, `down` and `up` an outage.
"""

from carrier.testing.discord.local import Discord, local_discord
from carrier.testing.discord.things import Bot, Channel, File, Guild, Message, Role, User

__all__ = ["Bot", "Channel", "Discord", "File", "Guild", "Message", "Role", "User", "local_discord"]
