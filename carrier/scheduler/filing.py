"""A slot as the ledger takes it in: its record, and the message that has an agent do its work."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from zoneinfo import ZoneInfo

from carrier.config.timing import begins, slot_id
from carrier.errors import TemplateError
from carrier.ledger.forms import storable
from carrier.ledger.slots import Filed, Slot, State, Work
from carrier.scheduler.due import Due, patience
from carrier.templates import Templates
from carrier.types.agents import Agent
from carrier.types.schedules import Schedule
from carrier.types.talk import Message

CLIENT = "schedule"
"""Where tasks have their rooms; no client is called so."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """As the ledger keeps it."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    return _EPOCH + at * _MICROSECOND


def timing(schedule: Schedule) -> str:
    """When it comes up, to tell whether that has changed."""
    return " ".join(filter(None, (schedule.cron, schedule.at, f"{schedule.every or ''}", schedule.timezone)))


def filed(schedule: Schedule, agent: Agent, due: Due) -> Filed:
    """What has come up: with its work, unless it was missed or is skipped."""
    if due.fate == "runs":
        return ordered(schedule, agent, due.slot)
    return recorded(schedule, due)


def recorded(schedule: Schedule, due: Due) -> Filed:
    """A slot that comes to nothing, and why."""
    state: State = "missed" if due.fate == "missed" else "skipped"
    return Filed(replace(_row(schedule, due.slot), state=state, reason=due.reason, covers=due.covers))


def ordered(schedule: Schedule, agent: Agent, slot: datetime) -> Filed:
    """A slot with its work. One whose words cannot be rendered has failed; one that has no words is skipped."""
    row = _row(schedule, slot)
    try:
        text = _rendered(schedule, agent, slot)
    except TemplateError as error:
        return Filed(replace(row, state="failed", reason=str(error)))
    if not text and not schedule.post:
        return Filed(replace(row, state="skipped", reason="it has no words this time"))
    return Filed(row, message(row, schedule.room, text))


def _row(schedule: Schedule, slot: datetime) -> Slot:
    begin = begins(schedule, slot)
    return Slot(
        id=slot_id(schedule.name, slot),
        schedule=schedule.name,
        agent=schedule.agent,
        state="preparing" if schedule.approval else "due",
        due_at=micros(slot),
        begins_at=micros(begin),
        until=micros(begin + patience(schedule)),
        work=_work(schedule),
    )


def planned(schedule: Schedule, slot: datetime, text: str, by: str) -> Slot:
    """A slot that is yet to come, with words of its own."""
    row = _row(schedule, slot)
    return replace(row, state="planned", work="say", text=storable(text), reason=f"written by {by}")


def _work(schedule: Schedule) -> Work:
    generated = bool(schedule.wording and schedule.wording.generated)
    if schedule.post:
        return "caption" if generated else "post"
    if not schedule.room:
        return "task"
    return "generate" if generated else "say"


def _rendered(schedule: Schedule, agent: Agent, slot: datetime) -> str:
    """The words for this slot; raises TemplateError."""
    assert schedule.wording, "there is something to do"
    values = {"agent": agent, "schedule": schedule.name, "slot": slot.astimezone(ZoneInfo(schedule.timezone))}
    return storable(Templates(schedule.wording.sources).render(schedule.wording.template, values)).strip()


def message(slot: Slot, room: str, text: str) -> Message:
    """The order for a slot's work: in the room where it is said, or in one of the schedule's own."""
    room = room or f"{CLIENT}/{slot.schedule}"
    return Message(
        client=room.partition("/")[0],
        # Nobody can have sent a message under this id beforehand, in whose place the order would then be lost.
        platform_id=f"{slot.id}:{token_hex(8)}",
        room=room,
        sender=f"{CLIENT}:{slot.schedule}",
        text=text,
        kind="schedule",
        to=slot.agent,
    )
