"""The conditions of memory's queries: every value is quoted here and nowhere else."""

from collections.abc import Iterable

from carrier.types.memory import Scope


def quoted(value: str) -> str:
    """A text as a literal that cannot end early."""
    return "'" + value.replace("'", "''") + "'"


def one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(map(quoted, values))})"


def within(scope: Scope) -> str:
    places = {"agent": scope.agent, "room": scope.room, "entity": scope.entity}
    return " AND ".join(f"{column} = {quoted(value)}" for column, value in places.items() if value or column == "agent")
