"""What went wrong at Discord, in Carrier's words, with what helps."""

from json import JSONDecodeError

import aiohttp
import discord

from carrier.errors import ClientError, Passing, Refused, Unauthorized

CLOUDFLARE_SECONDS = 300.0
"""How long is waited where the proxies before Discord take no more."""

PORTAL = "https://discord.com/developers/applications"

_CLOSED = {
    4004: f"Discord does not accept the token; make a new one at {PORTAL}, under Bot, and set it",
    4010: "Discord says that this shard does not exist; leave `connection: { shards: … }` out",
    4011: "Discord wants this bot to have several connections; set `connection: { shards: … }`, or leave it out",
    4012: "Discord does not speak this version of its gateway any more; a newer Carrier is needed",
    4013: "Discord does not know what the bot asks to be told; a newer Carrier is needed",
    4014: (
        f"the bot may not read messages: switch on Message Content Intent at {PORTAL}, under Bot, "
        "or write `hear: addressed`; then run `carrier-host reload`"
    ),
}
"""Ends of a connection that no second try changes."""


def why_it_ended(error: Exception) -> Exception:
    """Why a connection ended: Unauthorized for what only the operator can mend."""
    match error:
        case discord.LoginFailure():
            return Unauthorized(_CLOSED[4004])
        case discord.PrivilegedIntentsRequired():
            return Unauthorized(_CLOSED[4014])
        case discord.ConnectionClosed() if error.code in _CLOSED:
            return Unauthorized(_CLOSED[error.code])
        case discord.HTTPException() if _is_proxy(error):
            return Passing(f"Discord takes no more requests from here ({error.status})", CLOUDFLARE_SECONDS)
        case discord.RateLimited():
            return Passing("Discord takes no more requests for now", error.retry_after)
        case AttributeError() | TimeoutError() | OSError() | aiohttp.ClientError() | discord.GatewayNotFound():
            # discord.py raises AttributeError where its first connection fails.
            return ClientError(f"Discord cannot be reached: {_told(error)}")
    return error


def why_not_sent(error: Exception) -> Exception:
    """Why something was not taken: Refused for good, Passing for now; an OSError where nobody knows."""
    match error:
        case discord.RateLimited():
            return Passing("Discord takes no more for now", error.retry_after)
        case discord.HTTPException() if _is_proxy(error):
            return Passing(f"Discord takes no more requests from here ({error.status})", CLOUDFLARE_SECONDS)
        case discord.HTTPException() if error.status >= 500:
            return ConnectionError(f"Discord has trouble ({error.status})")
        case discord.HTTPException(status=429 | 401):
            return Passing(f"Discord takes nothing now: {error.text or error.status}", 10.0)
        case discord.HTTPException():
            return Refused(_REFUSED.get(error.code) or f"Discord refuses it: {error.text or error.status}")
        case aiohttp.ClientConnectorError():
            return Passing(f"Discord cannot be reached: {_told(error)}")
        case aiohttp.ClientError() | TimeoutError() | OSError():
            return ConnectionError(f"the connection broke off: {_told(error)}")
        case JSONDecodeError() | UnicodeDecodeError():
            return ConnectionError(f"what Discord answered cannot be read: {error}")
    return error


_REFUSED = {
    10003: "the channel is gone",
    10004: "the server is gone",
    10008: "the message is gone",
    10013: "there is no such user",
    50001: "the bot does not see this channel",
    50006: "there is nothing to say",
    50007: "this user takes no direct messages from the bot",
    50008: "nobody can say anything in this kind of channel",
    50013: "the bot may not do this here; give its role the permission, as `carrier-host discord invite` does",
    50083: "the thread is closed",
    160005: "the thread is locked",
}
"""What Discord's own codes mean to an operator."""


def _is_proxy(error: discord.HTTPException) -> bool:
    """Whether it was not Discord that answered but what stands before it: no JSON, or a limit without its mark."""
    headers = {name.lower(): value for name, value in error.response.headers.items()}
    page = not headers.get("content-type", "").startswith("application/json")
    return (error.status == 403 and page) or (error.status == 429 and (page or "via" not in headers))


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
