"""The state manager: asks every provider at once, each with a time limit, and composes a prompt that fits its model."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import ChainableUndefined

from carrier.interfaces import Provider, Turn
from carrier.marking import marked
from carrier.quoting import clean_name, folded, quoted_lines
from carrier.templates import MAY_BE_LEFT_OUT
from carrier.types.agents import Agent
from carrier.types.memory import Memory, Recalled
from carrier.types.models import Image, Prompt, Said, Tool
from carrier.types.talk import Line, Message

log = logging.getLogger(__name__)

SECONDS = 5.0
WINDOW = 32_000
"""Tokens that a model reads, where its `params: { max_input_tokens }` does not say."""
ANSWER = 0.125
"""What of them is left for the answer."""
SHARES = {"memories": 0.2, "knowledge": 0.2, "facts": 0.1, "recent_actions": 0.1, "goals": 0.05, "summary": 0.05}
"""What of them a provider may take."""
SHARE = 0.25
"""And any other."""
MOST_PICTURES = 8
"""Of one message."""
PICTURE = 1500
"""Tokens that one is taken to be."""


@dataclass(frozen=True, slots=True)
class State:
    """What the providers said, by their names, as far as it fits; and what does not, in words."""

    said: Mapping[str, object]
    left_out: tuple[str, ...] = ()


async def compose_state(agent: Agent, providers: Mapping[str, Provider], view: Callable[[str], Turn]) -> State:
    """What each provider says of its own view of the turn. One that fails or takes too long is empty in templates."""
    answers = await asyncio.gather(*(_ask(name, provider, view(name)) for name, provider in providers.items()))
    said = dict(zip(providers, answers, strict=True))
    facts, _ = _fitted("facts", said.get("facts"), window(agent))
    once = {name: _beside(facts, each) if name == "memories" else each for name, each in said.items()}
    fitted = {name: _fitted(name, each, window(agent)) for name, each in once.items()}
    nothing = {name: ChainableUndefined(name=name) for name in MAY_BE_LEFT_OUT}
    found = {name: each for name, (each, _) in fitted.items()}
    return State({**nothing, **found}, tuple(left_out for _, left_out in fitted.values() if left_out))


async def _ask(name: str, provider: Provider, turn: Turn) -> object:
    seconds: float = getattr(provider, "seconds", SECONDS)
    try:
        async with asyncio.timeout(seconds):
            return await provider(turn)
    except TimeoutError:
        log.warning("%s: the provider %s took over %g s; the turn goes on without it", turn.agent.name, name, seconds)
    except Exception as error:
        log.warning("%s: the provider %s failed; the turn goes on without it: %s", turn.agent.name, name, error)
    return ChainableUndefined(name=name)


def _beside(facts: object, memories: object) -> object:
    """What comes up in memory, without the facts that are told anyway."""
    if not (isinstance(facts, list | tuple) and isinstance(memories, list | tuple)):
        return memories
    told = {fact.id for fact in facts if isinstance(fact, Memory)}
    return [each for each in memories if not (isinstance(each, Recalled) and each.memory.id in told)]


def _fitted(name: str, said: object, window: int) -> tuple[object, str]:
    """As much as the provider's share holds, and what that leaves out; the conversation is fitted by itself."""
    space = int(SHARES.get(name, SHARE) * window)
    if name == "recent_messages" or not isinstance(said, str | list | tuple):
        return said, ""
    if isinstance(said, str):
        kept = said.encode()[: 4 * space].decode(errors="ignore")
        return kept, f"{name}: {len(said) - len(kept)} of {len(said)} characters" if len(kept) < len(said) else ""
    count = _first_that_fit([tokens(each) for each in said], space)
    left_out = f"{name}: the last {len(said) - count} of {len(said)}" if count < len(said) else ""
    return said[:count], left_out


def _first_that_fit(sizes: Sequence[int], space: int) -> int:
    for count, size in enumerate(sizes):
        space -= size
        if space < 0:
            return count
    return len(sizes)


def tokens(value: object) -> int:
    """About how many a model counts."""
    match value:
        case Recalled():
            value = value.memory.text
        case Memory() | Line() | Said():
            value = value.text
        case Tool():
            value = value.description + json.dumps(dict(value.parameters))
    return len(str(value).encode(errors="replace")) // 4 + 8


def window(agent: Agent) -> int:
    """The tokens that the agent's model reads."""
    return agent.model.window or WINDOW


def compose_context(
    agent: Agent, system: str, message: Message, state: State, tools: Sequence[Tool] = (), files: Path = Path()
) -> Prompt:
    """The rendered template, and the conversation: of the recent lines as many as fit, the latest, then the message.

    The tools go along with it. The pictures that came with the message lie in the folder `files`.
    """
    recent = state.said.get("recent_messages")
    lines: Sequence[Line] = recent if isinstance(recent, list) else []
    names = _names(agent, [*lines, message])
    system, shown = system.strip(), pictures(message, files)
    asked = Said("user", spoken(message), names[message.sender], images=shown)
    taken = sum(map(tokens, [system, asked, *tools])) + PICTURE * len(shown)
    space = int(window(agent) * (1 - ANSWER)) - taken
    count = _first_that_fit([tokens(line) for line in reversed(lines)], space)
    left_out = list(state.left_out)
    if count < len(lines):
        left_out.append(f"recent_messages: the oldest {len(lines) - count} of {len(lines)}")
    said = (_said(line, names) for line in lines[len(lines) - count :])
    return Prompt(system, (*said, asked), tuple(left_out))


def _said(line: Line, names: Mapping[str, str]) -> Said:
    return Said("assistant", line.text) if line.own else Said("user", line.text, names[line.sender])


SPEAKERS = ("system", "assistant", "developer", "tool", "operator", "admin")
"""What nobody is called in a prompt."""


def _names(agent: Agent, said: Sequence[Line | Message]) -> Mapping[str, str]:
    """What everybody is called, by sender: where a name could be taken for another's, something of theirs beside it."""
    people = {each.sender: clean_name(each.sender_name) for each in said if not getattr(each, "own", False)}
    if len(people) > 1:
        # Who had no name among them could begin a line with another's.
        people = {sender: name or clean_name(sender.partition(":")[2]) for sender, name in people.items()}
    called = Counter(folded(name) for name in people.values())
    called.update(map(folded, (agent.name, agent.character.display_name, agent.character.username, *SPEAKERS)))
    return {
        sender: f"{name} (#{sha256(sender.encode()).hexdigest()[:4]})" if name and called[folded(name)] > 1 else name
        for sender, name in people.items()
    }


def spoken(message: Message) -> str:
    """A message as a model reads it: its text, and behind a `>` each line of what came with it."""
    files = [f"[file {clean_name(file.name)}]\n{quoted_lines(file.text)}".rstrip() for file in message.attachments]
    return "\n\n".join([message.text, *files]) if files else message.text


def pictures(message: Message, files: Path) -> tuple[Image, ...]:
    """The first of what came with a message that a model may look at."""
    found = [it for it in message.attachments if it.path and it.media_type.startswith("image/")]
    return tuple(Image(it.media_type, str(files / it.path)) for it in found[:MOST_PICTURES])


def written(prompt: Prompt) -> str:
    """A prompt as a person reads it, with the marks that it gets for a model."""
    prompt = marked(prompt)
    conversation = [f"{said.name or said.role}: {said.text}{_shown(said)}" for said in prompt.conversation]
    left_out = ["", "--- left out ---", *prompt.left_out] if prompt.left_out else []
    return "\n".join([prompt.system, "", "--- conversation ---", *conversation, *left_out])


def _shown(said: Said) -> str:
    return "".join(f"\n[picture {image.path}]" for image in said.images)
