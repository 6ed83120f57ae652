"""A conversation in the terminal: what was said before, then line by line, each answer as it grows."""

import asyncio
import sys
from contextlib import suppress

from carrier.api.calling import Caller, Refusal

LINES_BEFORE = 6


async def converse(caller: Caller, agent: str, user: str, room: str) -> None:
    """Until the input ends, or `/quit`."""
    name = await _name(caller, agent)
    who = {"userId": user, **({"roomId": room} if room else {})}
    for line in (await caller.get(f"/{agent}/history", limit=str(LINES_BEFORE), **who))["lines"]:
        print(f"{name if line['own'] else 'you'}: {line['text']}")
    if sys.stdin.isatty():
        _keep_typed_lines()
        print(f"({name} listens; Ctrl-D or /quit ends the conversation)")
    while (text := await asyncio.to_thread(_ask)) is not None and text.strip() != "/quit":
        if text.strip():
            await _exchange(caller, agent, name, {**who, "text": text})


async def _name(caller: Caller, agent: str) -> str:
    """What people see; raises Refusal for an agent that is not there."""
    agents = (await caller.get("/agents"))["agents"]
    names = {it["name"]: it["display_name"] for it in agents}
    if agent not in names:
        raise Refusal(f"no agent is called {agent!r}; there are {', '.join(names) or 'none yet'}")
    return str(names[agent])


def _keep_typed_lines() -> None:
    """Arrow keys bring back what was typed."""
    with suppress(ImportError):  # not on Windows
        import readline  # noqa: F401


def _ask() -> str | None:
    try:
        return input("you: " if sys.stdin.isatty() else "")
    except EOFError:
        return None


async def _exchange(caller: Caller, agent: str, name: str, body: dict[str, str]) -> None:
    """Say something and show the answer as it grows; the final text is what counts."""
    shown = ""
    _write(f"{name}: ")
    try:
        async for event, data in caller.stream(f"/{agent}/message", body):
            match event:
                case "delta":
                    shown += data["text"]
                    _write(data["text"])
                case "replace":
                    shown = _again(name, data["text"])
                case "final":
                    _complete(name, shown, data["text"] or f"({data['outcome']})")
                case "pending":
                    _write(f"(takes longer; the answer will be at {data['url']})")
    except Refusal as error:
        _write(f"({error})")
    _write("\n")


def _complete(name: str, shown: str, text: str) -> None:
    """What was shown becomes what was said."""
    if text.startswith(shown):
        _write(text[len(shown) :])
    elif text != shown.strip():
        _again(name, text)


def _again(name: str, text: str) -> str:
    """Write the line anew: over itself on a terminal, below elsewhere."""
    start = "\r\x1b[K" if sys.stdout.isatty() else "\n"
    _write(f"{start}{name}: {text}")
    return text


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
