"""The link by which somebody invites a bot into a server, with what it needs there and no more."""

import base64
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from carrier.config.models.discord import DiscordSettings

LINK = "https://discord.com/oauth2/authorize"

PERMISSIONS = {
    "Add Reactions": 1 << 6,
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Manage Messages": 1 << 13,
    "Embed Links": 1 << 14,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Manage Roles": 1 << 28,
    "Manage Webhooks": 1 << 29,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
    "Pin Messages": 1 << 51,
}
"""By the name that Discord's own app gives them."""

ALWAYS = ("View Channels", "Send Messages", "Send Messages in Threads", "Embed Links", "Read Message History")
OF_ACTIONS = {
    "discord/react": ("Add Reactions",),
    "discord/pin": ("Manage Messages", "Pin Messages"),
    "discord/start_thread": ("Create Public Threads",),
    "discord/add_role": ("Manage Roles",),
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """The link, and what has to be known beside it."""

    link: str
    permissions: tuple[str, ...]
    intents: tuple[str, ...]
    """To be switched on in the developer portal."""


def invitation(settings: DiscordSettings, actions: Collection[str]) -> Invitation:
    """What a client of these settings needs, whose agents may use these actions; raises ValueError for its token."""
    needed = [*ALWAYS, *(name for action in actions for name in OF_ACTIONS.get(action, ()))]
    needed += ["Add Reactions"] if settings.acknowledge else []
    needed += ["Manage Webhooks"] if settings.persona == "webhook" else []
    needed += ["Attach Files"] if settings.long.as_ == "file" else []
    needed += ["Create Public Threads"] if settings.long.as_ == "thread" else []
    names = tuple(name for name in PERMISSIONS if name in needed)
    query = {
        "client_id": application_id(settings.token.get_secret_value()),
        "scope": "bot applications.commands",
        "permissions": sum(PERMISSIONS[name] for name in names),
    }
    intents = ("Message Content Intent",) if settings.hear == "all" else ()
    return Invitation(f"{LINK}?{urlencode(query)}", names, intents)


def application_id(token: str) -> str:
    """Whose token it is, which stands in its first part; raises ValueError for what is no token of a bot's."""
    first = token.partition(".")[0]
    try:
        id = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode("ascii")
    except ValueError:
        id = ""
    if not id.isdigit():
        raise ValueError("this is no token of a bot: such a token begins with the bot's id")
    return id
