"""The state manager: asks every provider at once, each with a time limit, and composes the prompt from their words."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from jinja2 import ChainableUndefined

from carrier.interfaces import Provider, Turn
from carrier.types import Line, Message, Prompt, Said

log = logging.getLogger(__name__)

SECONDS = 5.0


async def compose_state(providers: Mapping[str, Provider], view: Callable[[str], Turn]) -> dict[str, object]:
    """What each provider says of its own view of the turn. One that fails or takes too long is empty in templates."""
    said = await asyncio.gather(*(_ask(name, provider, view(name)) for name, provider in providers.items()))
    return dict(zip(providers, said, strict=True))


async def _ask(name: str, provider: Provider, turn: Turn) -> object:
    try:
        async with asyncio.timeout(SECONDS):
            return await provider(turn)
    except TimeoutError:
        log.warning("%s: the provider %s took over %g s; the turn goes on without it", turn.agent.name, name, SECONDS)
    except Exception as error:
        log.warning("%s: the provider %s failed; the turn goes on without it: %s", turn.agent.name, name, error)
    return ChainableUndefined(name=name)


def compose_context(system: str, message: Message, state: Mapping[str, object]) -> Prompt:
    """The rendered template, and the conversation: the recent window if the context has it, then the message."""
    recent = state.get("recent_messages")
    lines: Sequence[Line] = recent if isinstance(recent, list) else []
    return Prompt(system.strip(), (*map(_said, lines), Said("user", spoken(message), message.sender_name)))


def _said(line: Line) -> Said:
    return Said("assistant" if line.own else "user", line.text, "" if line.own else line.sender_name)


def spoken(message: Message) -> str:
    """A message as a model reads it: its text, and the text of what came with it."""
    files = [f"[file {file.name}]\n{file.text}" if file.text else f"[file {file.name}]" for file in message.attachments]
    return "\n\n".join([message.text, *files]) if files else message.text


def written(prompt: Prompt) -> str:
    """A prompt as a person reads it."""
    conversation = [f"{said.name or said.role}: {said.text}" for said in prompt.conversation]
    return "\n".join([prompt.system, "", "--- conversation ---", *conversation])
