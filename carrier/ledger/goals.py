"""What agents are after, as far as it does not stand in their files, and how far they have got; each change is kept."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from carrier.errors import ActionError
from carrier.ledger.engine import Clock
from carrier.ledger.forms import dump, load
from carrier.ledger.tables import goal_changes, goals
from carrier.types.memory import Goal, GoalChange

MOST = 20
"""Goals of one agent for one room or person that may be open at once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A goal as it is kept, whether it is still open, and the room where it was last changed."""

    goal: Goal
    open: bool
    room: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A change with where it came from."""

    id: str
    """Its place in the turn or the job: the same change is made once."""
    agent: str
    change: GoalChange
    room: str
    source: str
    """The message that led to it."""


def change(connection: Connection, clock: Clock, changed: Changed, of_file: Sequence[Goal] = ()) -> None:
    """Set a goal, or note what became of one; raises ActionError when that cannot be.

    `of_file` are the goals of the agent's file, whose progress is kept here too.
    """
    if connection.execute(select(goal_changes.c.id).where(goal_changes.c.id == changed.id)).first():
        return
    kept = get(connection, changed.agent, changed.change)
    goal = _set(connection, changed, kept) if changed.change.change == "set" else _moved(changed, kept, of_file)
    _keep(connection, clock, changed, goal, new=kept is None)
    _note(connection, clock, changed)


def _set(connection: Connection, changed: Changed, kept: Kept | None) -> Goal:
    wish = changed.change
    if kept and kept.open:
        raise ActionError(f"there is a goal {wish.name!r} already; note its progress, or choose another name")
    if _count_open(connection, changed.agent, wish) >= MOST:
        raise ActionError(f"{MOST} goals are open already; one has to be done or dropped first")
    return Goal(wish.name, wish.description, wish.steps, note=wish.note, whose=wish.whose, subject=wish.subject)


def _moved(changed: Changed, kept: Kept | None, of_file: Sequence[Goal]) -> Goal:
    wish = changed.change
    goal = together(of_file, [kept] if kept else []).get((wish.whose, wish.subject, wish.name))
    if goal is None:
        raise ActionError(f"no goal {wish.name!r} is open")
    if wish.step and wish.step not in goal.steps:
        raise ActionError(f"{wish.name} has no step {wish.step!r}; its steps are {', '.join(goal.steps) or 'none'}")
    done = tuple(step for step in goal.steps if step in goal.done or step == wish.step)
    # What was noted in one room is no note of another's.
    note = goal.note if kept and kept.room == changed.room else ""
    return replace(goal, done=done, note=wish.note or note)


def together(of_file: Sequence[Goal], kept: Sequence[Kept]) -> dict[tuple[str, str, str], Goal]:
    """The open goals: those of a file as far as they have got, and those that were set besides.

    What was noted of a goal whose words in the file are others since then counts no more.
    """
    found = {_key(each.goal): each for each in kept}
    goals: dict[tuple[str, str, str], Goal] = {}
    for goal in of_file:
        known = found.pop(_key(goal), None)
        if known is None or (known.goal.description, known.goal.steps) != (goal.description, goal.steps):
            goals[_key(goal)] = goal
        elif known.open:
            goals[_key(goal)] = known.goal
    return goals | {key: each.goal for key, each in found.items() if each.open}


def told_in(room: str, kept: Sequence[Kept]) -> list[Kept]:
    """What a room may know: people's goals that were spoken of there, and of the agent's own no other room's notes."""
    here = [each for each in kept if each.goal.whose == "agent" or each.room == room]
    return [each if each.room == room else replace(each, goal=replace(each.goal, note="")) for each in here]


def _key(goal: Goal | GoalChange) -> tuple[str, str, str]:
    return goal.whose, goal.subject, goal.name


STATES = {"done": "done", "dropped": "dropped"}
"""What a goal is after a change; after any other it is open."""


def _keep(connection: Connection, clock: Clock, changed: Changed, goal: Goal, new: bool) -> None:
    values = {
        "description": goal.description,
        "steps": dump(tuple[str, ...], goal.steps),
        "done": dump(tuple[str, ...], goal.done),
        "note": goal.note,
        "state": STATES.get(changed.change.change, "active"),
        "room": changed.room,
    }
    if new:
        identity = {"agent": changed.agent, "whose": goal.whose, "subject": goal.subject, "name": goal.name}
        connection.execute(insert(goals), {**identity, **values, "at": clock.tick()})
    else:
        connection.execute(update(goals).where(_is(changed.agent, goal)).values(**values))


def _note(connection: Connection, clock: Clock, changed: Changed) -> None:
    whose, subject, name = _key(changed.change)
    row = {"id": changed.id, "agent": changed.agent, "whose": whose, "subject": subject, "name": name}
    body = dump(GoalChange, changed.change)
    connection.execute(insert(goal_changes), {**row, "body": body, "source": changed.source, "at": clock.tick()})


# --- asked ----------------------------------------------------------------------------------------------------------


def get(connection: Connection, agent: str, goal: Goal | GoalChange) -> Kept | None:
    row = connection.execute(select(goals).where(_is(agent, goal))).one_or_none()
    return _to_kept(row) if row else None


def about(connection: Connection, agent: str, room: str, people: Collection[str]) -> list[Kept]:
    """What is kept of an agent's own goals, of the room's and of these people's, the oldest first."""
    concerned = or_(
        goals.c.whose == "agent",
        and_(goals.c.whose == "room", goals.c.subject == room),
        and_(goals.c.whose == "person", goals.c.subject.in_(people)),
    )
    rows = connection.execute(select(goals).where(goals.c.agent == agent, concerned).order_by(goals.c.at))
    return [_to_kept(row) for row in rows]


def _count_open(connection: Connection, agent: str, wish: GoalChange) -> int:
    of_it = (goals.c.agent == agent, goals.c.whose == wish.whose, goals.c.subject == wish.subject)
    query = select(func.count()).select_from(goals).where(*of_it, goals.c.state == "active")
    return connection.execute(query).scalar_one()


def _is(agent: str, goal: Goal | GoalChange) -> Any:
    whose, subject, name = _key(goal)
    return and_(goals.c.agent == agent, goals.c.whose == whose, goals.c.subject == subject, goals.c.name == name)


def _to_kept(row: Row[Any]) -> Kept:
    steps, done = load(tuple[str, ...], row.steps), load(tuple[str, ...], row.done)
    goal = Goal(row.name, row.description, steps, done, row.note, row.whose, row.subject)
    return Kept(goal, row.state == "active", row.room)
