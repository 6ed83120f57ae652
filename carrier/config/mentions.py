"""What documents name beside their actions and parts: other agents, clients, rooms, budgets, files, words in Jinja."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import SecretStr

from carrier import templates
from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.reading import Trail
from carrier.errors import TemplateError

Noun = Literal[
    "agent",
    "client",
    "room",
    "budget",
    "media host",
    "model",
    "template",
    "action",
    "call",
    "file",
    "files",
    "folder",
    "command",
    "code",
]


@dataclass(frozen=True, slots=True)
class Mention:
    """A name, and where it stands."""

    noun: Noun
    name: str
    path: Trail


def mentions(block: models.Described) -> Iterator[Mention]:
    """Everything of these kinds that a document names."""
    match block:
        case models.Agent():
            yield from _of_agent(block)
        case models.Client():
            yield from _of_client(block)
        case models.Schedule():
            yield from _of_schedule(block)
        case models.Action():
            yield from _of_action(block)
        case models.Test():
            yield from _of_test(block)
        case models.Evaluator() | models.Provider():
            yield from _one("code", getattr(block, "entrypoint", ""), ("entrypoint",))
        case models.Host():
            yield from _of_host(block)


def _of_agent(agent: models.Agent) -> Iterator[Mention]:
    for key in ("delegates", "handoffs"):
        yield from _all("agent", getattr(agent, key), (key,))
    for number, entry in enumerate(agent.actions):
        rooms = entry.settings.get("rooms")
        for place, room in enumerate(rooms if isinstance(rooms, list | tuple) else ()):
            # What has no client before it is told of with the action's settings.
            yield from _one("room", room if "/" in str(room) else "", ("actions", number, entry.name, "rooms", place))
    yield from _all("budget", agent.budgets, ("budgets",))
    yield from _all("files", agent.knowledge, ("knowledge",))
    yield from _one("room", agent.notify, ("notify",))
    yield from _fallbacks(agent.model, ("model",))
    if agent.permissions:
        for key in ("allow", "ask", "deny"):
            names = [permitted.action for permitted in getattr(agent.permissions, key)]
            yield from _all("action", names, ("permissions", key))
    if agent.approvals:
        yield from _one("room", agent.approvals.room, ("approvals", "room"))


def _of_client(client: models.Client) -> Iterator[Mention]:
    for number, route in enumerate(client.routes):
        yield from _one("agent", route.agent, ("routes", number, "agent"))
        yield from _all("agent", route.agents or (), ("routes", number, "agents"))
        yield from _all("action", route.actions or (), ("routes", number, "actions"))
    if client.type == "discord":
        yield from _offered(getattr(client, "commands", None) or ())
    yield from _one("room", getattr(client, "answer_in", ""), ("answer_in",))
    yield from _one("media host", getattr(client, "media_host", ""), ("media_host",))
    yield from _writing(getattr(client, "text", ""), ("text",))


def _offered(commands: Sequence[str]) -> Iterator[Mention]:
    from carrier.config.models.discord import COMMANDS

    for number, command in enumerate(commands):
        yield from _one("action", "" if command in COMMANDS else command, ("commands", number))


def _of_schedule(schedule: models.Schedule) -> Iterator[Mention]:
    yield from _one("client", schedule.client, ("client",))
    yield from _one("room", schedule.notify, ("notify",))
    yield from _writing(schedule.task, ("task",))
    if schedule.say:
        yield from _one("room", schedule.say.room, ("say", "room"))
        yield from _writing(schedule.say.text, ("say", "text"))
    if schedule.post:
        post = schedule.post
        yield from _all("file", [path if "://" not in path else "" for path in post.media], ("post", "media"))
        yield from _one("file", post.cover, ("post", "cover"))
        yield from _one("files", post.pick.source if post.pick else "", ("post", "pick", "from"))
        if post.make:
            yield from _one("call", post.make.action, ("post", "make", "action"))
            for name, text in post.make.arguments.items():
                yield from _writing(text, ("post", "make", "arguments", name))
        for key in ("caption", "first_comment", "alt_text"):
            yield from _writing(getattr(post, key), ("post", key))


def _of_action(action: models.Action) -> Iterator[Mention]:
    yield from _one("command", next(iter(getattr(action, "command", ())), ""), ("command", 0))
    yield from _one("file", getattr(action, "document", ""), ("document",))


def _of_test(test: models.Test) -> Iterator[Mention]:
    if test.model and test.model != models.OWN and models.is_name(test.model):
        yield Mention("model", test.model, ("model",))
    for case, each in test.cases.items():
        for number, turn in enumerate(each.turns):
            for position, call in enumerate(turn.expect.actions or ()):
                yield Mention("call", next(iter(call)), ("cases", case, "turns", number, "expect", "actions", position))


def _of_host(host: models.Host) -> Iterator[Mention]:
    yield from _one("room", host.notify, ("notify",))
    for key in host.folders.model_fields_set:
        yield from _all("folder", getattr(host.folders, key), ("folders", key))
    for name, token in host.tokens.items():
        yield from _all("agent", token.agents or (), ("tokens", name, "agents"))
    for name, budget in host.budgets.items():
        if models.is_name(budget.when_spent) and budget.when_spent != "stop":
            yield Mention("model", budget.when_spent, ("budgets", name, "when_spent"))
    for name, model in host.models.items():
        yield from _fallbacks(model, ("models", name))


def _fallbacks(model: object, path: Trail) -> Iterator[Mention]:
    for number, other in enumerate(model.fallback if isinstance(model, models.Model) else ()):
        yield from _one("model", other if models.is_name(other) else "", (*path, "fallback", number))


def _one(noun: Noun, name: object, path: Trail) -> Iterator[Mention]:
    if isinstance(name, str) and name:
        yield Mention(noun, name, path)


def _all(noun: Noun, names: Sequence[object], path: Trail) -> Iterator[Mention]:
    for number, name in enumerate(names):
        yield from _one(noun, name, (*path, number))


def _writing(written: object, path: Trail) -> Iterator[Mention]:
    """The template that words stand in."""
    generated = getattr(written, "generate", None)
    if generated is not None:
        yield from _writing(generated, (*path, "generate"))
    yield from _one("template", getattr(written, "file", ""), (*path, "file"))


# --- words in Jinja -------------------------------------------------------------------------------------------------


def wrong_words(definition: Definition) -> Iterator[Problem]:
    """What is no Jinja among the words that are some, and what is not given to them."""
    for text, path, given in _words(definition.block):
        try:
            needed = templates.variables(text)
        except TemplateError as error:
            yield definition.problem(path, "CAR030", f"this is not Jinja: {templates.reason(error)}")
            continue
        for name in sorted(needed - (needed if given is None else given)):
            hint = suggestion(name, sorted(given or ()))
            yield definition.problem(path, "CAR031", f"nothing is called {name!r} here", hint)


Words = Iterator[tuple[str, Trail, frozenset[str] | None]]
"""A text, where it stands, and what it is given; None: that is known when it is told."""


WORDS_OF_A_SCHEDULE = frozenset({"agent", "schedule", "slot"})
"""What the words of a schedule are given."""


def _words(block: models.Described) -> Words:
    match block:
        case models.Schedule():
            yield from _told(block.task, ("task",), WORDS_OF_A_SCHEDULE)
            if block.say:
                yield from _told(block.say.text, ("say", "text"), WORDS_OF_A_SCHEDULE)
            for key in ("caption", "first_comment", "alt_text") if block.post else ():
                yield from _told(getattr(block.post, key), ("post", key), WORDS_OF_A_SCHEDULE)
        case models.Client(type="webhook"):
            given = frozenset({"body", "headers"})
            yield from _told(getattr(block, "text", ""), ("text",), given)
            yield from _told(getattr(block, "accept", ""), ("accept",), given)
        case models.Action(type="http"):
            given = frozenset(getattr(block, "parameters", ()))
            request = block.model_dump(by_alias=True, exclude_unset=True).get("request", {})
            for key in ("url", "query", "headers", "json", "form", "body"):
                yield from _strings(request.get(key), ("request", key), given)


def _told(written: object, path: Trail, given: frozenset[str] | None) -> Words:
    if isinstance(written, str) and written:
        yield written, path, given
    elif (generated := getattr(written, "generate", None)) is not None:
        yield from _told(generated, (*path, "generate"), given)


def _strings(value: object, path: Trail, given: frozenset[str]) -> Words:
    if isinstance(value, str):
        yield value, path, given
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _strings(item, (*path, str(key)), given)
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _strings(item, (*path, number), given)


# --- what only one may have -----------------------------------------------------------------------------------------


def clashes(definitions: Sequence[Definition]) -> Iterator[tuple[Definition, Problem]]:
    """What two documents claim that only one of them can have; the later one is told of."""
    first: dict[tuple[object, ...], Definition] = {}
    for definition in definitions:
        for claim, path, code, message in _claims(definition):
            other = first.setdefault(claim, definition)
            if other is not definition:
                where = f"{other.document.file}:{other.document.values[()].line}"
                yield definition, definition.problem(path, code, f"{message} {other.name!r} ({where})")


def _claims(definition: Definition) -> Iterator[tuple[tuple[object, ...], Trail, str, str]]:
    """What a client wants for itself alone, and what is said where two do."""
    block = definition.block
    if not isinstance(block, models.Client):
        return
    token = getattr(block, "token", None)
    if secret := token.get_secret_value() if isinstance(token, SecretStr) else token:
        yield ("token", secret), ("token",), "CAR041", "one token cannot be for two clients; this is also that of"
    account = getattr(block, "account_id", "")
    if account:
        yield ("account", account), ("account_id",), "CAR042", "this account is already that of"
    if block.type == "console":
        yield ("terminal",), ("type",), "CAR042", "the host has one terminal, and it is already that of"
    for number, route in enumerate(block.routes):
        for agent in route.answering or (block.agent or definition.owner,):
            claim = ("route", block.type, *route.place, agent)
            yield claim, ("routes", number), "CAR042", f"this {route.place[0]} already has that agent, at the client"


# --- what may not mean what it seems to -----------------------------------------------------------------------------


def open_doors(definition: Definition) -> Iterator[Problem]:
    """A bot that answers in whatever server somebody invites it into."""
    block = definition.block
    if definition.draft or not isinstance(block, models.Client) or block.type != "discord":
        return
    if not block.access or block.access.guilds is None:
        path: Trail = ("access",) if block.access else ()
        message, hint = "every server that invites this bot is answered", "name yours: access: { guilds: [ID] }"
        yield definition.warning(path, "CAR048", message, hint)


def doubtful_cron(definition: Definition) -> Iterator[Problem]:
    """A cron line with a day of the month and a weekday: cron takes either, not both."""
    block = definition.block
    if not isinstance(block, models.Schedule) or not block.cron:
        return
    from carrier.config.models.times import cron_line
    from carrier.config.timing import told

    fields = cron_line(block.cron).split()
    if not fields[2].startswith("*") and not fields[4].startswith("*"):
        message = f"cron takes the day of the month or the weekday, whichever comes: {told(block.cron)}"
        yield definition.warning(("cron",), "CAR047", message, "write * for the one you do not mean")
