"""What an agent does on Discord beside speaking: by the bot that heard the message it answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from carrier.interfaces import Done, Given, SayIn, Turn


def _words(**words: str) -> Mapping[str, object]:
    """Parameters that are all texts, with what each is."""
    properties = {name: {"type": "string", "minLength": 1, "description": about} for name, about in words.items()}
    return MappingProxyType(
        {"type": "object", "properties": properties, "required": list(words), "additionalProperties": False}
    )


class _OnDiscord:
    """Asks the client for what the action is called."""

    name: str

    def __init__(self, settings: object, given: Given):
        self._act = given.act

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        return await self._act(self.name, turn.message, arguments)


class React(_OnDiscord):
    name = "discord/react"
    description = "Put an emoji to the message that you answer."
    parameters = _words(emoji="One emoji, such as 👍, or name:id of one of the server's own.")
    # Done twice it is done once.
    repeat: Literal["never", "keyed", "safe"] = "keyed"


class Pin(_OnDiscord):
    name = "discord/pin"
    description = "Pin the message that you answer, so that everybody in the channel finds it again."
    parameters = _words()
    repeat: Literal["never", "keyed", "safe"] = "keyed"


class StartThread(_OnDiscord):
    name = "discord/start_thread"
    description = "Begin a thread at the message that you answer, and say something there first."
    parameters = _words(name="What the thread is called.", text="What you say there first.")
    repeat: Literal["never", "keyed", "safe"] = "never"

    async def __call__(self, turn: Turn, /, **arguments: Any) -> Done:
        name, text = arguments["name"], arguments["text"]
        room = str(await self._act(self.name, turn.message, {"name": name}))
        # Said as all else is: past the gates, on disk, and once.
        return Done(f"The thread {name} is there, and it is said.", (SayIn(room, text),))


class AddRole(_OnDiscord):
    name = "discord/add_role"
    description = "Give a role of the server to the person whom you answer."
    parameters = _words(role="The role's name or id.")
    # A role may open doors: nobody gets one because somebody else has spoken of it.
    consequential = ("role",)
    repeat: Literal["never", "keyed", "safe"] = "keyed"
