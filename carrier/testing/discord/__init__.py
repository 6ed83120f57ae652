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

What there is, in `world`: `guild category text forum role user bot dm` make; `join leave invite give take allow deny
delete_channel reset_token` change. Whoever is connected is told.

What people do, in `discord`: `say edit delete react unreact type thread post archive`, and `command press choose`,
which give an `Interaction` with what was answered to it (`answered original followups texts`).

What came of it: `feed(channel)` (messages, with `pinged`, `nonce`, `edits`, `reactions`), `said(channel, author)`,
`until(holds, seconds)`, `typed`, `journal.of(method, path, bot)`, `gateway.heard`, `breaches` of rate limits.

What goes wrong: `gateway.close(4000) abort reconnect invalidate silence deafen beat send send_raw dispatch revoke`,
each for one bot or all; `down()` and `up()`; and by script

    from carrier.testing.discord.faults import Connect, Received, Rest, Sent, reset, status
    discord.faults.add(Rest("POST", r"/messages$", nth=2), status(503, after=True))   # made, and not said so
    discord.faults.always(Connect("/resume"), reset())

How fast it goes: `local_discord(speed=20)`, `clock.advance(seconds)`, `limits.routes["POST /channels/…"]`,
`limits.everything`, `gateway.heartbeat`, `gateway.starts`, `gateway.resumable`, `nonces.lasts`, `world.cdn.lasts`.

`python -m carrier.testing.discord` is the same as a process, with a control over HTTP (see `control`).
"""

from carrier.testing.discord.interactions import Interaction
from carrier.testing.discord.local import Discord, local_discord
from carrier.testing.discord.things import Bot, Channel, File, Guild, Message, Role, User

__all__ = ["Bot", "Channel", "Discord", "File", "Guild", "Interaction", "Message", "Role", "User", "local_discord"]
