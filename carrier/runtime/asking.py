"""What is said of a call that somebody has to approve: to the model that wishes for it, and to those who may."""

from carrier.ledger.approvals import Asked
from carrier.quoting import clean
from carrier.types import Agent, Message

PENDING = "pending: #{number} waits for somebody to approve it. Do not call it again; say that it waits as #{number}."
TOO_MUCH_WAITS = "it was not run: too much waits to be approved here already"
MOST_SHOWN = 1500
"""Characters of arguments, where somebody is asked."""


def notice(agent: Agent, number: str, asked: Asked, cause: Message, shown: str) -> str:
    """What is said to those who may approve, with all that they decide about."""
    if len(shown) > MOST_SHOWN:
        shown = f"{shown[:MOST_SHOWN]} … (not all of it: `carrier-host approvals` shows the rest)"
    asker, reason = cause.sender_name or cause.sender or "nobody", f" It is asked because {asked.reason}."
    told = (
        f"#{number}: {agent.character.display_name} wants to run {asked.call.name} with {shown} for {asker} in "
        f"{asked.room}.{reason if asked.reason else ''} Answer `approve {number}` or `refuse {number}`."
    )
    return " ".join(clean(told).split())
