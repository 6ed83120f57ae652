"""What an action leaves to be written: each deed as the transaction that does it, and what follows once it is done."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from carrier.errors import ActionError
from carrier.interfaces import Deed, HandOver, SayIn, SayLater, Unsay
from carrier.ledger import goals, handovers, later
from carrier.ledger import turns as rows
from carrier.ledger.intake import Intake
from carrier.runtime.closing import pass_on
from carrier.runtime.journal import Write
from carrier.runtime.speaking import speech
from carrier.runtime.turns import OpenTurn
from carrier.types.memory import GoalChange
from carrier.types.models import ActionResult


def writes(turn: OpenTurn, name: str, result: ActionResult, deeds: Sequence[Deed]) -> list[Write]:
    """`name` is the action's place in the journal. Raises ActionError for what cannot be done at all."""
    return [_write(turn, f"{name}/deed/{n:02}", result, deed) for n, deed in enumerate(deeds)]


def _write(turn: OpenTurn, place: str, result: ActionResult, deed: Deed) -> Write:
    match deed:
        case SayIn():
            return _say_in(turn, place, deed)
        case SayLater():
            return _say_later(turn, deed)
        case Unsay():
            return _unsay(turn, deed)
        case HandOver():
            return _hand_over(turn, result, deed)
        case GoalChange():
            return _change_goal(turn, place, deed)


def _say_in(turn: OpenTurn, place: str, deed: SayIn) -> Write:
    now, split = turn.turns.ledger.clock.tick(), turn.turns.abilities.split
    said = speech(turn.agent, f"{turn.id}/{place}", deed.room, deed.text, now, split)

    def sent(_: object) -> None:
        turn.turns.memories.put([said.memory])
        for outgoing in said.outgoing:
            turn.turns.more_to_send(outgoing.client)

    return Write(partial(rows.say_unasked, speech=said), sent)


def _say_later(turn: OpenTurn, deed: SayLater) -> Write:
    if turn.message.kind == "ask":
        raise ActionError("a colleague asked you this: there is no room here to say something in later")
    plan = partial(later.plan, said=deed, agent=turn.agent.name, room=turn.message.room, turn=turn.id)
    return Write(plan, lambda _: turn.turns.later_waits())


def _unsay(turn: OpenTurn, deed: Unsay) -> Write:
    def transaction(connection: Any, clock: Any) -> None:
        if not later.cancel(connection, deed.id, turn.agent.name, turn.message.room):
            raise ActionError(f"nothing of the id {deed.id!r} waits for this room")

    return Write(transaction)


def _hand_over(turn: OpenTurn, result: ActionResult, deed: HandOver) -> Write:
    if turn.message.kind not in ("chat", "api", "approval"):
        raise ActionError("this is no conversation that could be handed over; answer it yourself")
    if rows.handed_to(turn.results):
        raise ActionError("the conversation is handed over already")
    known = turn.turns.handovers
    if not known.here(deed.to):
        raise ActionError(f"{deed.to} is not here now")
    handover = known.given(turn.message.room, turn.agent.name, deed.to, deed.summary)

    if turn.message.kind == "approval":
        # The message it was about is answered long since.
        return Write(partial(handovers.begin, handover=handover), lambda _: known.took(handover))

    def taken(intakes: list[Intake]) -> None:
        known.took(handover)
        behind = intakes[len(turn.message.gathered) + 1 :]
        pass_on(turn, deed.to, result, [intake.message.id for intake in behind])
        for intake in intakes:
            turn.turns.queue(intake)

    return Write(partial(handovers.hand_over, handover=handover, message=turn.message), taken)


def _change_goal(turn: OpenTurn, place: str, deed: GoalChange) -> Write:
    changed = goals.Changed(f"{turn.id}/{place}", turn.agent.name, deed, turn.message.room, turn.message.id)
    return Write(partial(goals.change, changed=changed, of_file=turn.agent.goals))


async def through_gates(deeds: Sequence[Deed], check: Callable[[str, int], Awaitable[str]]) -> list[Deed]:
    """The deeds with the words that may be said; raises ActionError where none may."""
    found: list[Deed] = []
    for number, deed in enumerate(deeds):
        if isinstance(deed, SayIn | SayLater):
            text = await check(deed.text, number)
            if not text:
                raise ActionError("these words may not be said; nothing was sent")
            deed = replace(deed, text=text)
        found.append(deed)
    return found
