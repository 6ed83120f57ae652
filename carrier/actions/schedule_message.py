"""The action with which an agent says something in the same room later."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from carrier.errors import ActionError
from carrier.interfaces import Done, Given, SayLater, Turn, Unsay
from carrier.types.agents import ActionDefinition

FARTHEST = timedelta(days=366)
ID_LETTERS = 10


class ScheduleMessage:
    """Plans words for later, lists what waits, and takes back what waits."""

    name = "schedule_message"
    description = (
        "Say something in this room later, such as a reminder: `in` so much time, or `at` a local time. "
        "With `do: list` you see what waits, with `do: cancel` and its `id` you take it back."
    )
    parameters: Mapping[str, object] = MappingProxyType(
        {
            "type": "object",
            "properties": {
                "do": {"enum": ["plan", "list", "cancel"], "default": "plan"},
                "text": {"type": "string", "description": "What to say then.", "minLength": 1, "maxLength": 4000},
                "in": {"type": "string", "description": "As in 20m, 2h, 3d", "pattern": "^[0-9]+ *[smhd]$"},
                "at": {"type": "string", "description": "A local time, as in 2026-12-24T09:00"},
                "id": {"type": "string"},
            },
            "additionalProperties": False,
        }
    )
    # All that it does is written with its end: before that nothing has happened.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        most: int = Field(20, ge=1, le=200)
        """So many may wait for one room."""

    def __init__(self, definition: ActionDefinition, given: Given):
        self._most = self.Settings.model_validate(definition.settings or {}).most
        self._given = given

    async def __call__(self, turn: Turn, /, **arguments: Any) -> object:
        match arguments.get("do", "plan"):
            case "list":
                return await self._listed(turn)
            case "cancel":
                return self._cancelled(str(arguments.get("id", "")))
            case _:
                return self._planned(turn, arguments)

    def _planned(self, turn: Turn, arguments: Mapping[str, str]) -> Done:
        if not arguments.get("text", "").strip():
            raise ActionError("`text` is missing: what is to be said?")
        at = self._moment(turn, arguments.get("in", ""), arguments.get("at", ""))
        # The same after a crash, and no two in a room are alike.
        id = sha256(turn.once.key.encode()).hexdigest()[:ID_LETTERS]
        said = SayLater(id, arguments["text"], int(at.timestamp() * 1_000_000), self._most)
        return Done(f"It is said at {_local(at, turn)}; its id is {id}.", (said,))

    def _moment(self, turn: Turn, delay: str, local: str) -> datetime:
        if bool(delay) == bool(local):
            raise ActionError("say when, by one of `in` and `at`")
        now = self._given.now()
        at = now + _span(delay) if delay else _read(local, turn)
        if not now < at <= now + FARTHEST:
            raise ActionError(f"that is not within the coming {FARTHEST.days} days; now it is {_local(now, turn)}")
        return at

    async def _listed(self, turn: Turn) -> str:
        waiting = [
            {"id": each.id, "at": _local(datetime.fromtimestamp(each.at / 1_000_000, UTC), turn), "text": each.text}
            for each in await self._given.waiting(turn)
        ]
        return json.dumps(waiting, ensure_ascii=False) if waiting else "Nothing waits."

    def _cancelled(self, id: str) -> Done:
        return Done("It is taken back.", (Unsay(id),))


def _span(text: str) -> timedelta:
    try:
        return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    except OverflowError as error:
        raise ActionError(f"{text} is too long") from error


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _read(text: str, turn: Turn) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ActionError(f"`at` is a local time as in 2026-12-24T09:00, and {text!r} is none") from error
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(turn.agent.timezone))


def _local(at: datetime, turn: Turn) -> str:
    return at.astimezone(ZoneInfo(turn.agent.timezone)).strftime("%Y-%m-%dT%H:%M:%S")
