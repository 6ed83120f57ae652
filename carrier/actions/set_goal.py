"""The action with which an agent sets itself a goal, and notes how far it has got."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from carrier.errors import ActionError
from carrier.interfaces import Done, Given, Turn
from carrier.types.agents import ActionDefinition
from carrier.types.memory import Goal, GoalChange, Whose

CHANGES: Mapping[str, Literal["set", "progress", "done", "dropped"]] = MappingProxyType(
    {"set": "set", "progress": "progress", "done": "done", "drop": "dropped"}
)


class SetGoal:
    """Goals of the room and of who speaks; the agent's own, which every room is told of, only if its file says so."""

    name = "set_goal"
    description = (
        "Set a goal for this room or for who speaks; later note `progress` (a `step` by its words, or a `note`), or "
        "that it is `done`, or `drop` it."
    )
    # All that it does is written with its end: before that nothing has happened.
    repeat: Literal["never", "keyed", "safe"] = "keyed"

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        whose: tuple[Whose, ...] = ("room", "person")
        """Whose goals it may set and change."""

        @field_validator("whose")
        @classmethod
        def _somebody(cls, whose: tuple[Whose, ...]) -> tuple[Whose, ...]:
            if not whose:
                raise ValueError("name whose goals it may set: agent, room, person")
            return whose

    def __init__(self, definition: ActionDefinition, given: Given):
        self._whose = self.Settings.model_validate(definition.settings or {}).whose
        self._given = given
        self.parameters: Mapping[str, object] = _parameters(self._whose)

    async def __call__(self, turn: Turn, /, **arguments: Any) -> Done:
        change = CHANGES[arguments["do"]]
        if change == "set":
            return Done("It is set.", (self._new(turn, arguments),))
        known = await self._given.goals(turn.agent, turn.message.room, [turn.message.sender])
        goal = self._known(known, arguments["goal"])
        step, note = arguments.get("step", ""), arguments.get("note", "")
        if change == "progress" and not (step or note):
            raise ActionError("say what has come of it, by `step` or `note`")
        return Done("It is noted.", (GoalChange(goal.name, change, goal.whose, goal.subject, step=step, note=note),))

    def _new(self, turn: Turn, arguments: Mapping[str, Any]) -> GoalChange:
        if not arguments.get("description", "").strip():
            raise ActionError("`description` is missing: what is to be reached?")
        whose: Whose = arguments.get("whose", self._whose[0])
        return GoalChange(
            arguments["goal"],
            "set",
            whose,
            _subject(turn, whose),
            arguments["description"],
            tuple(arguments.get("steps", ())),
            note=arguments.get("note", ""),
        )

    def _known(self, known: Sequence[Goal], name: str) -> Goal:
        for goal in known:
            if goal.name == name and goal.whose in self._whose:
                return goal
        names = ", ".join(goal.name for goal in known if goal.whose in self._whose) or "none"
        raise ActionError(f"no goal {name!r} is open that you may change; there are {names}")


def _subject(turn: Turn, whose: Whose) -> str:
    match whose:
        case "agent":
            return ""
        case "room":
            return turn.message.room
        case "person":
            return turn.message.sender


def _parameters(whose: Sequence[Whose]) -> Mapping[str, object]:
    text = {"type": "string", "minLength": 1, "maxLength": 500}
    return {
        "type": "object",
        "properties": {
            "do": {"enum": list(CHANGES)},
            "goal": {"type": "string", "description": "Its short name.", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$"},
            "whose": {"enum": list(whose), "default": whose[0]},
            "description": {**text, "description": "What is to be reached; for a new goal."},
            "steps": {"type": "array", "items": text, "maxItems": 20, "description": "On the way; for a new goal."},
            "step": {**text, "description": "The step that is done now, by its words."},
            "note": {**text, "description": "How it stands."},
        },
        "required": ["do", "goal"],
        "additionalProperties": False,
    }
