"""The command `new`: a file to start from, which says beside each key what it is for."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carrier.errors import CarrierError

if TYPE_CHECKING:
    from carrier.config.catalog import Catalog

Files = Iterator[tuple[Path, str]]
"""Where each file goes, from the project's folder, and what it says."""


def new(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="agent, character, client or action.")],
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits, - and _.")],
    of_type: Annotated[str, typer.Option("--type", help="Of a client or an action; a wrong one lists them.")] = "",
) -> None:
    """Write a file to start from. It teaches its reader, and nothing is overwritten."""
    catalog = context.obj.load()
    made = _with_schemas(dict(_made(kind, name, of_type, catalog)), catalog.root)
    _refuse_what_is_there(made, kind, name, catalog)
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        print(os.path.relpath(path))


def _made(kind: str, name: str, of_type: str, catalog: "Catalog") -> Iterator[tuple[Path, str]]:
    from carrier.config.models import is_name

    if not is_name(name):
        raise CarrierError(f"{name!r} is no name: a name is lower-case letters, digits, - and _, at most 64")
    if kind not in MAKERS:
        raise CarrierError(f"{kind!r} is no kind to make; there are {', '.join(MAKERS)}")
    types = MAKERS[kind]
    of_type = of_type or next(iter(types))
    if of_type not in types:
        raise CarrierError(f"no {kind} is of type {of_type!r}; there are {', '.join(filter(None, types))}")
    return types[of_type](name, catalog)


def _with_schemas(made: Mapping[Path, str], root: Path) -> dict[Path, str]:
    """Each YAML file names its schema; a project without schemas gets them too."""
    from carrier.config.schema import texts

    folder = root / "schemas"
    schemas = {} if folder.is_dir() else {folder / name: text for name, text in texts().items()}
    return {**{path: text.replace("SCHEMAS", _near(folder, path)) for path, text in made.items()}, **schemas}


def _near(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(folder, path.parent)).as_posix()


def _refuse_what_is_there(made: Mapping[Path, str], kind: str, name: str, catalog: "Catalog") -> None:
    if existing := next((path for path in made if path.exists()), None):
        raise CarrierError(f"{os.path.relpath(existing)} is there already, and stays as it is")
    others: Mapping[str, object] = getattr(catalog, f"{kind}s", {})
    if name in others:
        raise CarrierError(f"another {kind} is called {name!r}; see carrier-host show {kind} {name}")


# --- agents and characters --------------------------------------------------------------------------------------------


def _agent(name: str, catalog: "Catalog") -> Files:
    yield catalog.host.folders.agents[0] / f"{name}.yaml", AGENT.replace("NAME", name)


def _character(name: str, catalog: "Catalog") -> Files:
    yield catalog.host.folders.agents[0] / "characters" / f"{name}.yaml", CHARACTER.replace("NAME", name)


AGENT = """\
# yaml-language-server: $schema=SCHEMAS/document.schema.json
# The agent NAME. It is live as soon as this is saved: carrier-host chat NAME
# A key behind `# ` is one you may use; it shows what counts without it, or an example.
name: NAME
# display_name: Somebody              # what people see
# description: What it is good for    # what others are told of it
character:                            # who it is; or the name of a character in a file of its own
  bio:
    - A helper who answers in as few words as the matter allows.
  personality: Friendly, exact, calm. Says when it does not know.
  # scenario: A weekday evening behind the counter.
  # topics: [the weather, old films]
  # style: { all: [Short sentences.], chat: [Ask one thing back now and then.] }
  # message_examples:                 # conversations, each a list of exchanges
  #   - - { user: What time is it?, agent: Late. Go to bed. }
# model: large                        # one of `models` in carrier.yaml
# respond: addressed                  # when it is spoken to; or always, decide (its model says), never
# context: [character, recent_messages, recent_actions, memories, knowledge, goals, time]  # what it is told
# actions: [ignore]                   # what it may do: names of actions/
# evaluators: [no_secrets, facts: { every: 6 }]            # what looks at an answer before, and at a talk after
# memory: { recent: 32, recall: 8, scope: room }           # last lines told, memories looked up; room | user | agent
# limits: { steps: 6, turn: 5m }      # how often its model is asked in one turn, and how long a turn may take
# words: { failed: Please say that again., held: I would rather not say that. }    # for when it cannot answer
"""

CHARACTER = """\
# yaml-language-server: $schema=SCHEMAS/character.schema.json
# The character NAME: who an agent is. The agent of the same name takes it; another one says `character: NAME`.
# Only {{char}} and {{user}} are filled in, with its name and that of whoever speaks.
kind: character
name: NAME
# display_name: Somebody              # what people see
# system: You are {{char}}.           # the first thing it is told, before all below
bio:
  - A helper who answers in as few words as the matter allows.
# lore: [The house drink is stronger than it looks.]       # always told
personality: Friendly, exact, calm. Says when it does not know.
# scenario: A weekday evening behind the counter.
# topics: [the weather, old films]
# adjectives: [warm, direct]
# style: { all: [Short sentences.], chat: [Ask one thing back now and then.], post: [No hashtags.] }
# greetings: [Evening. What will it be?]
# message_examples:                   # conversations, each a list of exchanges
#   - - { user: What time is it?, agent: Late. Go to bed. }
# post_examples: [New on the menu. Come early.]
"""


# --- clients ----------------------------------------------------------------------------------------------------------


def _client(template: str) -> Callable[[str, "Catalog"], Files]:
    def make(name: str, catalog: "Catalog") -> Files:
        agents = sorted(catalog.agents)
        agent = f"agent: {name if name in agents else agents[0]}" if agents else "# agent: somebody"
        text = CLIENT + template.replace("AGENT", agent.ljust(37))
        yield catalog.host.folders.agents[0] / "clients" / f"{name}.yaml", text.replace("NAME", name)

    return make


CLIENT = """\
# yaml-language-server: $schema=SCHEMAS/client.schema.json
"""

DISCORD = """\
# A door to Discord. It waits, and the host runs, until its token is set in .env: DISCORD_API_TOKEN=…
# The token is made at https://discord.com/developers/applications, under Bot; turn on Message Content there too.
kind: client
name: NAME
type: discord
AGENT # who answers
token: ${DISCORD_API_TOKEN}
# persona: bot                        # or webhook: each agent's own name and picture
# rooms: { garden: "1180000000000000002" }                 # your names for ids
# routes: [{ room: garden, respond: always }]              # by room, category or guild: another agent, other manners
access:
  guilds: []                          # ids of the servers where it answers; without this line, all it is asked to
  dms: true                           # direct messages
  # bots: none                        # or addressed, or all
# gather: 1.5s                        # what one person says in a burst is answered once
# max_age: 24h                        # older messages that come in late are heard, not answered
"""

INSTAGRAM = """\
# A door to Instagram. It waits, and the host runs, until both variables are set in .env.
# It takes a professional account; id and token come from https://developers.facebook.com/apps.
kind: client
name: NAME
type: instagram
AGENT # who answers
login: facebook                       # or instagram: where the token comes from
account_id: ${INSTAGRAM_ACCOUNT_ID}
access_token: ${INSTAGRAM_ACCESS_TOKEN}
# media_host: cdn                     # one of `media_hosts` in carrier.yaml, where Instagram fetches what is posted
# listen: [comments, messages, mentions]
"""

WEBHOOK = """\
# A door for other programs: what is sent to POST /hooks/NAME is told to the agent.
# It waits, and the host runs, until its secret is set in .env: WEBHOOK_SECRET=…
kind: client
name: NAME
type: webhook
AGENT # who is told
signature: { type: hmac, secret: "${WEBHOOK_SECRET}" }     # or github, or token
text: "{{ body }}"                    # what it is told: Jinja, given body and headers
# accept: "{{ headers['x-github-event'] == 'release' }}"   # what else is sent is left aside
# answer_in: tifa-discord/ops         # the room where its answer goes
"""

CONSOLE = """\
# The host's own terminal: what is typed there is said to the agent.
kind: client
name: NAME
type: console
AGENT # who answers
# prompt: "> "
"""


# --- actions ----------------------------------------------------------------------------------------------------------


def _python(name: str, catalog: "Catalog") -> Files:
    folder = catalog.host.folders.actions[0]
    code = folder / f"{name}.py"
    where = code.relative_to(catalog.root).as_posix()
    yield folder / f"{name}.yaml", PYTHON.replace("NAME", name).replace("CODE", where)
    yield code, CODE


def _http(name: str, catalog: "Catalog") -> Files:
    yield catalog.host.folders.actions[0] / f"{name}.yaml", HTTP.replace("NAME", name)


PYTHON = """\
# yaml-language-server: $schema=SCHEMAS/action.schema.json
# The action NAME. An agent may use it once its file says: actions: [NAME]
name: NAME
type: python
description: Count the letters of a word      # what a model is told; when is it worth a call?
entrypoint: "CODE:run"
# timeout: 30s
# repeat: never                       # after a crash: never | keyed (it can tell a repetition) | safe (it only reads)
"""

CODE = '''\
"""An action: the type hints of its function are what a model fills in."""

from typing import Annotated

from pydantic import Field


def run(
    word: Annotated[str, Field(min_length=1, description="The word to look at.")],
    letter: Annotated[str, Field(max_length=1, description="Count only this letter.")] = "",
) -> str:
    """Count the letters of a word."""
    # `raise ActionError("why not")`, from carrier.errors, tells the model why it did not work.
    found = word.count(letter) if letter else len(word)
    return f"{word} has {found}."
'''

HTTP = """\
# yaml-language-server: $schema=SCHEMAS/action.schema.json
# The action NAME. An agent may use it once its file says: actions: [NAME]
name: NAME
type: http
description: The forecast for a city          # what a model is told; when is it worth a call?
parameters:                           # what a model fills in: JSON Schema
  city: { type: string, minLength: 1 }
  days: { type: integer, default: 3 }         # not required, for it has a default
request:
  # method: GET
  url: https://api.example.com/forecast
  query: { place: "{{ city }}", days: "{{ days }}" }
  # headers: { Authorization: "Bearer ${WEATHER_TOKEN:-none}" }
# result: { select: now.summary, max_chars: 4000 }         # what of the answer the model is told
# timeout: 30s
# repeat: safe                        # after a crash: never | keyed | safe
"""

MAKERS: Mapping[str, Mapping[str, Callable[[str, "Catalog"], Files]]] = {
    "agent": {"": _agent},
    "character": {"": _character},
    "client": {
        "console": _client(CONSOLE),
        "discord": _client(DISCORD),
        "instagram": _client(INSTAGRAM),
        "webhook": _client(WEBHOOK),
    },
    "action": {"python": _python, "http": _http},
}
"""By kind and type; the first type counts where none is named."""
