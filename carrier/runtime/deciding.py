"""Who answers a message: from what was said, what the client's routes say of the place, and what is known there."""

import logging
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from carrier.ledger.intake import Place
from carrier.ledger.known import Known
from carrier.types.agents import Agent
from carrier.types.clients import Access, ClientDefinition, RoomRules
from carrier.types.talk import Message, Respond

log = logging.getLogger(__name__)

# --- the place ---------------------------------------------------------------------------------------------


def rules_in(client: ClientDefinition, message: Message) -> RoomRules:
    """What the client's routes say of a message's room: each thing as the nearest place says it that says it at all."""
    routes = {route.place: route.rules for route in client.rules.routes}
    found = [routes[place] for place in _places(message) if place in routes]
    return RoomRules(
        agents=next((each.agents for each in found if each.agents), (client.agent,) if client.agent else ()),
        respond=next((each.respond for each in found if each.respond), None),
        actions=next((each.actions for each in found if each.actions is not None), None),
        prompt=next((each.prompt for each in found if each.prompt), ""),
    )


def _places(message: Message) -> tuple[str, ...]:
    """The room and all that holds it, the nearest first."""
    return (f"room:{message.room.partition('/')[2]}", *message.within)


def offered(rules: RoomRules, action: str) -> bool:
    """Whether an action is offered there."""
    return rules.actions is None or any(fnmatchcase(action, pattern) for pattern in rules.actions)


def admits(access: Access, message: Message) -> bool:
    """Whether a message is heard at all."""
    user = message.sender.partition(":")[2]
    return user not in access.deny_users and _knows(access, user, message.roles) and _reaches(access, message)


def _knows(access: Access, user: str, roles: Collection[str]) -> bool:
    if access.users is None and access.roles is None:
        return True
    return user in (access.users or ()) or not set(roles).isdisjoint(access.roles or ())


def _reaches(access: Access, message: Message) -> bool:
    if message.direct:
        return access.dms
    places, wanted = _places(message), (("room", access.rooms), ("guild", access.guilds))
    return all(ids is None or any(f"{kind}:{id}" in places for id in ids) for kind, ids in wanted)


# --- who is meant --------------------------------------------------------------------------------------------


def meant(message: Message, names: Sequence[str], agents: Mapping[str, Agent], replied_to: str = "") -> set[str]:
    """Which of the agents of a place a message is for: those it names, and the one it replies to.

    What is said to the client, or in a direct message, and names none of them, is for the first.
    """
    words = _words(message.text)
    found = {name for name in names if name == replied_to or (name in agents and _is_named(agents[name], words))}
    if not found and (message.addressed or message.direct):
        found = set(names[:1])
    return found


def _is_named(agent: Agent, words: str) -> bool:
    names = (agent.name, agent.character.display_name, agent.character.username)
    return any(name in words for name in map(_words, names) if name.strip())


ASCII_WORD = re.compile(r"\w+", re.ASCII)
MOST_CHARS = 16_000
"""Characters that are looked through: some grow to many when they are spelt alike."""


def _words(text: str) -> str:
    """The words of a text in one spelling, a space before and after each; not what it quotes or links to."""
    own = [line for line in text.splitlines() if not line.lstrip().startswith(">")]
    said = " ".join(word for line in own for word in line.split() if not _is_address(word))
    if said.isascii():
        return f" {' '.join(ASCII_WORD.findall(said.lower()))} "
    return f" {' '.join(_split(unicodedata.normalize('NFKC', said)[:MOST_CHARS].casefold()))} "


def _is_address(word: str) -> bool:
    before, at, after = word.partition("@")
    return "://" in word or bool(before and at and "." in after)


def _split(text: str) -> Iterator[str]:
    word = ""
    for character in text:
        if not (character.isalnum() or character == "_" or unicodedata.category(character).startswith("M")):
            character = " "
        if word and not _goes_on(word, character):
            yield word
            word = ""
        word += character.strip()
    if word:
        yield word


def _goes_on(word: str, character: str) -> bool:
    """Whether a character belongs to the word before it; in scripts that put no spaces, each stands for itself."""
    if unicodedata.category(character).startswith("M"):
        return True
    return character != " " and not SPACELESS.match(character) and _is_katakana(word[-1]) == _is_katakana(character)


SPACELESS = re.compile(
    "[\u2e80-\u309f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han and Hiragana
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"  # Thai, Lao, Myanmar, Khmer
)


def _is_katakana(character: str) -> bool:
    return "\u30a0" <= character <= "\u30ff"


# --- what it is to each ----------------------------------------------------------------------------------------


def decide(
    message: Message,
    client: ClientDefinition,
    rules: RoomRules,
    agents: Mapping[str, Agent],
    handed_over: Mapping[str, str],
    known: Known,
) -> dict[str, Place]:
    """What a message is to each agent of its place; `agents` are those that are here.

    Where a conversation is handed over, the other agent has the place, and the one whose it was goes on hearing.
    """
    places = _by_routes(message, client, rules, agents, known)
    for name, holder in handed_over.items():
        if places.get(name, "heard") != "heard" and holder != name:
            places |= {holder: places[name], name: "heard"}
    return places


def _by_routes(
    message: Message, client: ClientDefinition, rules: RoomRules, agents: Mapping[str, Agent], known: Known
) -> dict[str, Place]:
    if message.to:
        return {message.to: standing(agents[message.to], message, rules, "away")}
    if is_too_old(message, client, known.now):
        return dict.fromkeys(rules.agents, "heard")
    called = meant(message, rules.agents, agents, known.replied_to)
    bot = message.bot
    may = {name for name in rules.agents if not bot or _answers_bot(name, message, client, called, known)}
    return {
        name: _place(agents.get(name), name, rules.respond, called) if name in may else "heard" for name in rules.agents
    }


def is_too_old(message: Message, client: ClientDefinition, now: int) -> bool:
    """Whether a message was said too long ago to be answered; `now` is the ledger's clock."""
    return bool(message.created_at) and now - message.created_at > client.rules.max_age * 1_000_000


def _answers_bot(name: str, message: Message, client: ClientDefinition, called: Collection[str], known: Known) -> bool:
    rules = client.rules
    if rules.access.bots == "none" or (rules.access.bots == "addressed" and name not in called):
        return False
    if enough := known.has_answered(name, rules.bot_turns):
        log.info("%s: has answered %s in %s enough until a person speaks", name, message.sender, message.room)
    return not enough


def _place(agent: Agent | None, name: str, there: Respond | None, called: Collection[str]) -> Place:
    respond = there or (agent.respond if agent else None)
    if respond == "never":
        return "heard"
    if respond == "always" or name in called:
        return "waiting"
    if agent is None:
        return "away"
    return "asks" if respond == "decide" and not called else "heard"


def standing(agent: Agent, message: Message, rules: RoomRules, unsure: str = "") -> Place:
    """What a message is to an agent that is here now; `unsure` is what it was taken for, where that was not certain.

    Its file or its place may say something else by then.
    """
    if message.kind in ("approval", "ask", "schedule"):
        return "waiting"
    if (rules.respond or agent.respond) == "never":
        return "heard"
    if unsure == "away":
        return _place(agent, agent.name, rules.respond, meant(message, (agent.name,), {agent.name: agent}))
    return "asks" if unsure else "waiting"


YES = re.compile(r"\W*yes\b", re.IGNORECASE)


def says_yes(answer: str) -> bool:
    """Whether a model wants its agent to answer; what is not clear is no."""
    return YES.match(answer) is not None
