"""The commands about rooms of the host that runs."""

import time
from typing import Annotated

import typer

Room = Annotated[str, typer.Argument(help="CLIENT/ROOM: an id, or a name from the client's `rooms`.", metavar="ROOM")]
For = Annotated[str, typer.Option("--for", help="How long, as in 2h; else until it is unmuted.")]
By = Annotated[str, typer.Option(help="Who says so.")]


def mute(context: typer.Context, room: Room, duration: For = "0", by: By = "the operator") -> None:
    """Have nobody answer in a room; what is said there is heard."""
    body = {"room": room, "for": duration, "by": by}
    muted = context.obj.ask(lambda caller: caller.post("/rooms/mute", body))
    until = muted["until"] and time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(muted["until"]))
    print(f"{muted['room']} is muted until {until or 'it is unmuted'}")


def unmute(context: typer.Context, room: Room) -> None:
    """Have a room answered again."""
    done = context.obj.ask(lambda caller: caller.post("/rooms/unmute", {"room": room}))
    print(f"{done['room']} {'is answered again' if done['was_muted'] else 'was not muted'}")
