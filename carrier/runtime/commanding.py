"""What people ask of the host itself, by commands and buttons of their platform."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from carrier.config.models.values import Duration
from carrier.runtime.decisions import Decisions
from carrier.runtime.forgetting import Forgetting
from carrier.types.talk import Lane, Message, Told

NOBODY_S_BUSINESS = Told("This is not for you to decide.", done=False)


@dataclass(frozen=True)
class Commands:
    """`do` says what came of a command."""

    decisions: Decisions
    forgetting: Forgetting
    pause: Callable[[str, float, str], Awaitable[object]]
    """Answer nothing in a room, for so many seconds, by whom; 0: until somebody says otherwise."""
    admits: Callable[[Message], bool]
    """Whether somebody has access there."""
    answering: Callable[[Message], Sequence[str]]
    """Who answers in the room of a message now."""
    waiting: Callable[[Lane], int]
    """How much waits there for one of them."""

    async def do(self, name: str, message: Message) -> Told:
        if not self.admits(message):
            return Told("You have no access here.", done=False)
        match name:
            case "approve" | "refuse":
                came = await self.decisions.heard(replace(message, text=f"{name} {message.text}"))
                return Told(came) if came else NOBODY_S_BUSINESS
            case "status":
                return Told(self._about(message))
            case "pause":
                return await self._pause(message)
            case "forget-me":
                count = await self.forgetting.person(message.sender)
                return Told(f"{count} messages of yours are forgotten, and what was learned from them.")
        return Told(f"There is no command {name}.", done=False)

    def _about(self, message: Message) -> str:
        names = self.answering(message)
        waiting = sum(self.waiting(Lane(name, message.room)) for name in names)
        answer = "answers" if len(names) == 1 else "answer"
        return f"{', '.join(names)} {answer} here; {waiting} messages wait." if names else "Nobody answers here now."

    async def _pause(self, message: Message) -> Told:
        try:
            seconds = TypeAdapter(Duration).validate_python(message.text or "1h")
        except ValidationError:
            return Told(f"{message.text!r} is no time; write it as in 30m or 2h.", done=False)
        await self.pause(message.room, seconds, message.sender_name or message.sender)
        return Told(f"Nobody answers here for {message.text or '1h'}.")
