"""In whose words a call is made: what has consequences may be told only what somebody with a say in it has said."""

import json
import re
from collections.abc import Iterator, Mapping

from carrier.quoting import folded
from carrier.types.agents import Agent
from carrier.types.models import ActionCall

_AROUND = ".,;:!?\u2026'\"`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb()[]{}"
"""Signs of a sentence, which are no part of a word."""
_SCHEME = re.compile(r"\bhttps?://")


def weighed(call: ActionCall, rule: bool | tuple[str, ...]) -> Mapping[str, object]:
    """The arguments whose words count."""
    if isinstance(rule, bool):
        return call.arguments if rule else {}
    return {name: value for name, value in call.arguments.items() if name in rule}


def foreign(arguments: Mapping[str, object], said: str, defaults: Mapping[str, object]) -> dict[str, str]:
    """The first word of each argument that is not among the words that were said; yes and no are no words."""
    own = _plain(said)
    found = {
        name: next((word for text in _texts(value) for word in _words(text) if not _is_in(word, own)), "")
        for name, value in arguments.items()
        if name not in defaults or value != defaults[name]
    }
    return {name: word for name, word in found.items() if word}


def written(agent: Agent) -> str:
    """What the operator has written about an agent: its character, its goals, and what it is told for an answer."""
    goals = [text for goal in agent.goals for text in (goal.description, *goal.steps)]
    templates = [source.source for source in agent.sources.values()]
    return "\n".join([*_texts(_fields(agent)), *goals, *templates])


def _fields(agent: Agent) -> list[object]:
    who = agent.character
    lore = [entry.content for entry in who.lorebook.entries]
    texts = [who.name, who.display_name, who.username, who.system, who.personality, who.scenario, agent.description]
    return [texts, who.bio, who.lore, who.topics, who.adjectives, who.greetings, who.style, lore]


def _texts(value: object) -> Iterator[str]:
    """Every text and number in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value).removesuffix(".0")


def _words(text: str) -> Iterator[str]:
    """The words of a text; of one that has none, as `*` or `..`, the signs."""
    pieces = _plain(text).split()
    words = [piece.strip(_AROUND) for piece in pieces]
    yield from [word for word in words if any(map(str.isalnum, word))] or pieces


def _is_in(word: str, said: str) -> bool:
    """Whether a word was said, whole: `eve` is not in `evening`, and is in `eve@example.com`."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said) is not None


def _plain(text: str) -> str:
    return _SCHEME.sub("", folded(text))
