"""A message in the form that Discord takes it in."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import discord

from carrier.clients.discord.interactions import buttons
from carrier.config.models.discord import DiscordSettings
from carrier.types.talk import Attachment, Outgoing

PARSED = ("users", "roles", "everyone")


def body(outgoing: Outgoing, settings: DiscordSettings) -> dict[str, Any]:
    """What is said, and whom it may ping: nobody, unless the configuration says so."""
    pings = settings.pings
    said: dict[str, Any] = {
        "content": outgoing.text,
        "allowed_mentions": {"parse": [it for it in PARSED if it in pings], "replied_user": "replied" in pings},
    }
    return said | ({"components": buttons(outgoing.asks)} if outgoing.asks else {})


def request(said: Mapping[str, Any], attachments: Sequence[Attachment]) -> dict[str, Any]:
    """The arguments of a request that says it, with files where there are some."""
    if not attachments:
        return {"json": dict(said)}
    files = [discord.File(io.BytesIO(it.text.encode(errors="replace")), it.name) for it in attachments]
    named = [{"id": number, "filename": file.filename} for number, file in enumerate(files)]
    form = [{"name": "payload_json", "value": json.dumps({**said, "attachments": named})}]
    for number, file in enumerate(files):
        form.append({"name": f"files[{number}]", "value": file.fp, "filename": file.filename})  # type: ignore[dict-item]
    return {"form": form, "files": files}
