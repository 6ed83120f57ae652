"""What each code of a problem means: why it is told, what to do, a wrong file and a right one.

`python -m carrier.config.explanations` prints them as a page, `docs/problems.md`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from carrier.config.diagnostics import CODES, Problem, rendering

Files = Mapping[str, str]
"""Texts by their paths in a project."""


@dataclass(frozen=True, slots=True)
class Explanation:
    code: str
    text: str
    wrong: Files
    right: Files
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links beside the wrong files, and where they lead."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Of the wrong files those that a host could not bring to life, and why."""

    @property
    def title(self) -> str:
        return CODES[self.code]


# --- as a page --------------------------------------------------------------------------------------------------------

_HEAD = """\
# Problems

What `carrier-host check`, a start, a reload and the API say is wrong with the files: a place, a code, a sentence and
a hint. A code never changes its meaning. `carrier-host explain CAR021` prints one of these sections.

An error keeps what stands in the file from being taken: what it defined before lives on. A warning changes nothing,
and `check --strict` counts it as an error. Each example lies in a small project with the agents `tifa` and `hello`,
the action `roll_dice`, and the templates `chat.j2`, `time.j2` and `facts.j2`.
"""


def page() -> str:
    """All of them, as Markdown."""
    return "\n".join([_HEAD, *(section(each) for each in EXPLANATIONS.values())])


def section(explanation: Explanation) -> str:
    """One of them, as Markdown."""
    return "\n".join(_lines(explanation))


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"## {explanation.code}: {explanation.title}\n\n{explanation.text}\n\nWrong:\n"
    yield from (_block(name, text) for name, text in explanation.wrong.items())
    yield from (_block(f"{name} -> {to}", "") for name, to in explanation.links.items())
    yield f"```text\n{_told(explanation)}\n```\n\nRight:\n"
    yield from (_block(name, text) for name, text in explanation.right.items())


_LANGUAGES = {".yaml": "yaml", ".j2": "jinja", ".py": "python"}


def _block(name: str, text: str) -> str:
    if not text:
        return f"`{name}`\n"
    return f"`{name}`\n\n```{_LANGUAGES.get(Path(name).suffix, 'text')}\n{_shortened(text)}```\n"


_MOST = 12
"""Lines of an example that are shown."""


def _shortened(text: str) -> str:
    lines = text.splitlines(keepends=True)
    return _visible("".join(islice(lines, _MOST)) + ("…\n" if len(lines) > _MOST else ""))


def _told(explanation: Explanation) -> str:
    """The problem as `check` prints it."""
    found = problems(explanation.wrong, explanation.links, explanation.refused)
    told = [each for each in found if each.code == explanation.code]
    return _visible(rendering(told, partial(_text, explanation.wrong)))


def _text(files: Files, file: str) -> str:
    """The file's text; raises OSError where there is none to show."""
    if file not in files:
        raise FileNotFoundError(file)
    return files[file]


def _visible(text: str) -> str:
    return "".join(
        chr(0x2400 + ord(character)) if ord(character) < 32 and character != "\n" else character for character in text
    )


def problems(
    files: Files, links: Mapping[str, str] | None = None, refused: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """What is told of the small project with these files laid over it."""
    from carrier.config.catalog import Refused, load

    with TemporaryDirectory() as name:
        folder = Path(name).resolve()
        _lay(folder, {**PROJECT, **files}, links or {})
        found = load(folder, {})
        if not refused:
            return found.problems
        refusals = [Refused(folder / file, found.digests[folder / file], why) for file, why in refused.items()]
        return load(folder, {}, None, refusals).problems


def _lay(folder: Path, files: Files, links: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for name, to in links.items():
        (folder / name).symlink_to(to)


# --- the project and the explanations ---------------------------------------------------------------------------------

PROJECT: Files = {
    "carrier.yaml": "name: demo\ntimezone: Europe/Oslo\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar and the peace. }\nactions: [ignore, roll_dice]\n",
    "agents.d/hello.yaml": "character: { bio: Greets everyone and keeps it short. }\n",
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll(sides: int = 6) -> int:\n    return 4\n",
    "templates/chat.j2": 'You are {{ character.display_name }}.\n{% include "time.j2" %}\n',
    "templates/time.j2": "It is {{ time }}.\n",
    "templates/facts.j2": "{{ agent.name }}: {{ lines }}\n",
}
"""A small project without a problem, over which the examples are laid."""

_GRAM = """\
kind: client
type: instagram
account_id: ${ACCOUNT_ID}
access_token: ${ACCESS_TOKEN}
media_host: cdn
"""

_POSTED = """\
kind: schedule
agent: tifa
cron: "@daily"
client: gram
post: { kind: image, media: media/ferry.jpg, hashtags: sea }
---
kind: client
name: gram
type: instagram
agent: tifa
account_id: ${ACCOUNT_ID}
access_token: ${ACCESS_TOKEN}
"""
_ALL = (
    Explanation(
        "CAR001",
        """\
A file or folder that Carrier has to read is not there, is not a file, or may not be read by the user that Carrier
runs as. What it defined before lives on. Look at the reason behind the colon: put the file in its place, or give
Carrier's user the right to read it.""",
        wrong={".env/pyvenv.cfg": "home = /usr/bin\n"},
        right={".env": "BAR_NAME=Seventh Heaven\n", ".venv/pyvenv.cfg": "home = /usr/bin\n"},
    ),
    Explanation(
        "CAR002",
        """\
Carrier reads UTF-8 and nothing else, so that a name looks the same on every machine. This file is in another
encoding, or is no text at all; here it was saved as UTF-16. Save it as UTF-8.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }".encode("utf-16-le").decode() + "\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\n"},
    ),
    Explanation(
        "CAR003",
        """\
A file of the configuration is at most one MiB; what is larger was most likely put here by mistake, and reading it
would hold everything else up. Split it, or move what an agent should know into files of its `knowledge`.""",
        wrong={"agents.d/hello.yaml": "character:\n  bio: Greets everyone.\n  lore: |\n" + "    Hi.\n" * 140_000},
        right={"agents.d/hello.yaml": "character:\n  bio: Greets everyone.\n  lore: |\n    Hi.\n"},
    ),
    Explanation(
        "CAR004",
        """\
This is not YAML, so nobody can say what it means; what stands in the whole file is left as it was. Most often a line
is indented differently from its neighbours, a quote or bracket is not closed, or a value holds a colon and a space.
The place is where reading failed: the mistake stands there or shortly before.""",
        wrong={"agents.d/hello.yaml": "character:\n  bio: Open today: all day.\n"},
        right={"agents.d/hello.yaml": 'character:\n  bio: "Open today: all day."\n'},
    ),
    Explanation(
        "CAR005",
        """\
A YAML file without a document is most likely one that an editor has not finished writing, so it is not taken for an
order to remove what stood in it. Write a document, or remove the file.""",
        wrong={"agents.d/barret.yaml": "# Barret comes in spring.\n"},
        right={"agents.d/barret.yaml": "enabled: false # He comes in spring.\ncharacter: { bio: Runs the yard. }\n"},
    ),
    Explanation(
        "CAR006",
        """\
YAML would silently take the last of two equal keys, and drop what stands at the first. Keep one of them, or put what
both say into one value.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Greets everyone. }\nmodel: large\nmodel: small\n"},
        right={"agents.d/hello.yaml": "character: { bio: Greets everyone. }\nmodel: small\n"},
    ),
    Explanation(
        "CAR007",
        """\
An alias (`*name`) may repeat a value that an anchor (`&name`) has named before it in the same document. Merge keys
(`<<`), tags (`!name`), aliases of nothing and aliases within their own value are not followed. To say something once
for several documents, use `extends` or the host's `defaults`.""",
        wrong={
            "agents.d/hello.yaml": "x-all: &all { bio: Greets everyone. }\ncharacter:\n  <<: *all\n  topics: [tea]\n"
        },
        right={"agents.d/hello.yaml": "character:\n  bio: Greets everyone.\n  topics: [tea]\n"},
    ),
    Explanation(
        "CAR008",
        """\
A document may be 32 levels deep, and a file may hold 50,000 values, those that aliases repeat counted again. Without
these limits a few lines could take all memory. No configuration comes near them: look for a bracket that is not
closed, or for aliases of aliases.""",
        wrong={"agents.d/hello.yaml": f"character: {{ bio: Hei. }}\nx-plan: {'[' * 40}{']' * 40}\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nx-plan: []\n"},
    ),
    Explanation(
        "CAR009",
        """\
In YAML a `#` after a space begins a comment, so a hashtag in a caption would be lost without a word. Where a word
follows the `#` at once, Carrier asks which one is meant: quote the value, or write `# ` with a space for a comment.""",
        wrong={"agents.d/hello.yaml": "description: Good day #bergen\ncharacter: { bio: Hei. }\n"},
        right={"agents.d/hello.yaml": 'description: "Good day #bergen" # on all posts\ncharacter: { bio: Hei. }\n'},
    ),
    Explanation(
        "CAR010",
        """\
`${NAME}` stands for a variable of the environment or of `.env`, and `${file:…}` for a file; here there is none. A
client or an action waits until it is set, everything else cannot be made without it. Set it in `.env`, or give a
default as in `${NAME:-something}`.""",
        wrong={"agents.d/hello.yaml": "description: Greets at ${BAR_NAME}\ncharacter: { bio: Hei. }\n"},
        right={
            "agents.d/hello.yaml": "description: Greets at ${BAR_NAME}\ncharacter: { bio: Hei. }\n",
            ".env": "BAR_NAME=Seventh Heaven\n",
        },
    ),
    Explanation(
        "CAR011",
        """\
Nothing is called so in this place. Carrier refuses it, because a limit or a permission that is misspelt would
otherwise not hold, and nobody would know. The hint has the key that was probably meant; what is yours alone may stand
under any key that starts with `x-`.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nmemory: { recnet: 16 }\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nmemory: { recent: 16 }\nx-owner: Tifa\n"},
    ),
    Explanation(
        "CAR012",
        """\
What is written here cannot be without this key; `~`, or a key with nothing behind it, is as if it were not there.
The hint says what belongs there.""",
        wrong={"agents.d/terminal.yaml": "kind: client\nagent: tifa\n"},
        right={"agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tifa\n"},
    ),
    Explanation(
        "CAR013",
        """\
The key is known, and does not take this value: another kind of value belongs there, it is out of range, or two keys
contradict each other. The message says what it has to be. A duration always has its unit, `true` and `false` are the
only yes and no, and a list stands in brackets or has a `-` before each entry.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nlimits: { turn: 90 }\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nlimits: { turn: 90s }\n"},
    ),
    Explanation(
        "CAR014",
        """\
A document says with `kind` what it is; without one it is an agent in `agents.d`, an action in `actions`, and the host
in `carrier.yaml`, which holds nothing else. This kind does not exist, or not in this place.""",
        wrong={"agents.d/dicer.yaml": "kind: bot\ncharacter: { bio: Rolls dice. }\n"},
        right={"agents.d/dicer.yaml": "kind: agent\ncharacter: { bio: Rolls dice. }\n"},
    ),
    Explanation(
        "CAR015",
        """\
`${` begins a variable, and what follows is none: it is not closed, or its name holds more than letters, digits and
`_`. To write a plain `${`, write `$${`.""",
        wrong={"agents.d/hello.yaml": "description: Greets at ${BAR NAME}\ncharacter: { bio: Hei. }\n"},
        right={"agents.d/hello.yaml": "description: Greets at ${BAR_NAME:-the bar}\ncharacter: { bio: Hei. }\n"},
    ),
    Explanation(
        "CAR016",
        """\
A name is lower-case letters, digits, `-` and `_`, and unique among all documents of its kind. The first document of a
file may leave it to the file's name, each further one has to say its own, and what stands in place is called by its
key. Of two with one name the one that was there before stays.""",
        wrong={"agents.d/upstairs.yaml": "name: tifa\ncharacter: { bio: Lets the rooms. }\n"},
        right={"agents.d/upstairs.yaml": "name: tifa-upstairs\ncharacter: { bio: Lets the rooms. }\n"},
    ),
    Explanation(
        "CAR017",
        """\
A password, token or key stands in a file that others may read, copy or commit. Carrier takes it and keeps it out of
its logs and answers, yet it belongs into the environment or `.env`: write `${NAME}` here. If the file was ever
shared, have the secret replaced.""",
        wrong={"carrier.yaml": "models:\n  large: { use: openai/gpt-5, api_key: sk-proj-1234567890 }\n"},
        right={
            "carrier.yaml": "models:\n  large: { use: openai/gpt-5, api_key: '${OPENAI_API_KEY}' }\n",
            ".env": "OPENAI_API_KEY=sk-proj-1234567890\n",
        },
    ),
    Explanation(
        "CAR018",
        """\
The file's name looks as if it should be read, and ends in something else: only `.yaml`, `.yml` and `.j2` count. Some
editors and mail programs add an ending of their own. Rename the file, or move it elsewhere.""",
        wrong={"agents.d/barret.yaml.txt": "character: { bio: Runs the yard. }\n"},
        right={"agents.d/barret.yaml": "character: { bio: Runs the yard. }\n"},
    ),
    Explanation(
        "CAR019",
        """\
The variables' file has one `NAME=value` a line; empty lines and those that start with `#` do not count. Quotes have
to be closed in the same line. The other lines are taken.""",
        wrong={".env": "BAR_NAME: Seventh Heaven\n"},
        right={".env": 'BAR_NAME="Seventh Heaven"\n'},
    ),
    Explanation(
        "CAR020",
        """\
An agent is somebody: it has a character in place, names one, or there is a document of kind `character` with the
agent's own name. Here there is none of that name.""",
        wrong={"agents.d/cloud.yaml": "character: could\n---\nkind: character\nname: cloud\nbio: Says little.\n"},
        right={"agents.d/cloud.yaml": "character: cloud\n---\nkind: character\nname: cloud\nbio: Says little.\n"},
    ),
    Explanation(
        "CAR021",
        """\
No action of that name is built in or defined in `actions`. An agent goes on without it. The hint has the name that
was probably meant; note that names differ by `-` and `_`.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nactions: [ignore, roll-dice]\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nactions: [ignore, roll_dice]\n"},
    ),
    Explanation(
        "CAR022",
        """\
A model is a name from the host's `models`, where `large` and `small` always are, or `provider/model` as in
`openai/gpt-5`. Nothing is called so.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nmodel: quick\n"},
        right={
            "agents.d/hello.yaml": "character: { bio: Hei. }\nmodel: quick\n",
            "carrier.yaml": "models: { quick: openai/gpt-5-mini }\n",
        },
    ),
    Explanation(
        "CAR023",
        """\
An evaluator judges what an agent says. No such one is built in or defined, and without it the agent might say what
you wanted held, so the agent stays as it was.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nevaluators: [no_secret]\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nevaluators: [no_secrets]\n"},
    ),
    Explanation(
        "CAR024",
        """\
A provider gives the templates something to tell. No such one is built in or defined, or its code cannot be imported;
the message says which.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\ncontext: [character, tiem]\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\ncontext: [character, time]\n"},
    ),
    Explanation(
        "CAR025",
        """\
No agent has that name, or it is not enabled. A client, a route or a schedule without its agent does nothing; nothing
is given to another agent instead.""",
        wrong={"agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tyfa\n"},
        right={"agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tifa\n"},
    ),
    Explanation(
        "CAR026",
        """\
No template of that name stands in the folder `templates`. Its name is its path within that folder, as in
`posts/morning.j2`, in a document as well as in an `include`.""",
        wrong={"templates/chat.j2": 'You are {{ character.display_name }}.\n{% include "tiem.j2" %}\n'},
        right={"templates/chat.j2": 'You are {{ character.display_name }}.\n{% include "time.j2" %}\n'},
    ),
    Explanation(
        "CAR027",
        """\
`scripted/NAME` is a model that says what a document of kind `script` has it say. There is no script of that name.""",
        wrong={"carrier.yaml": "models: { large: scripted/evening }\n"},
        right={
            "carrier.yaml": "models: { large: scripted/evening }\n",
            "agents.d/evening.yaml": "kind: script\nrules:\n  - say: Good evening.\n",
        },
    ),
    Explanation(
        "CAR028",
        """\
A client, an action, an evaluator or a provider says with `type` which one it is, and there is none of that type. A
type of your own is written as `package.module:Name`, and has to be installed.""",
        wrong={"agents.d/terminal.yaml": "kind: client\ntype: cosnole\nagent: tifa\n"},
        right={"agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tifa\n"},
    ),
    Explanation(
        "CAR029",
        """\
All that Carrier reads stands in the project's folder, so that a configuration from elsewhere cannot make it read what
is none of its business. A symbolic link may lead to another place of the project, and nowhere else. Move the file
here, or copy it.""",
        wrong={},
        right={"agents.d/barret.yaml": "character: { bio: Runs the yard. }\n"},
        links={"agents.d/barret.yaml": "/srv/agents/barret.yaml"},
    ),
    Explanation(
        "CAR030",
        """\
A text in Jinja cannot be read as such: an expression or block is not closed, a filter does not exist, or an `include`
does not write out its name. The agents that use the template keep the last good one.""",
        wrong={"templates/time.j2": "It is {{ time }.\n"},
        right={"templates/time.j2": "It is {{ time }}.\n"},
    ),
    Explanation(
        "CAR031",
        """\
The text asks for something that it is not given, and would fail when it is told. A chat template is given `agent`,
`message`, `actions` and what the agent's `context` names; other texts have their own, which the message lists.""",
        wrong={"templates/time.j2": "It is {{ tiem }}.\n"},
        right={"templates/time.j2": "It is {{ time }}.\n"},
    ),
    Explanation(
        "CAR032",
        """\
An entry point is `path/file.py:function`, from the project's folder, or `package.module:function` of what is
installed. The file, the module or the function is not there, or the code is not Python. It is only looked at.""",
        wrong={"actions/dice.yaml": "name: roll_dice\nentrypoint: dice.py:roll\n"},
        right={"actions/dice.yaml": "name: roll_dice\nentrypoint: actions/dice.py:roll\n"},
    ),
    Explanation(
        "CAR033",
        """\
Nothing was wrong with the file as such, but when the host made what it describes, that failed: code raised while it
was imported, a client could not start, a port was taken. The version before serves on. The file is tried again when
it changes, and when the host starts.""",
        wrong={"actions/dice.py": "import dicelib\n\n\ndef roll() -> int:\n    return dicelib.roll(6)\n"},
        right={"actions/dice.py": "import random\n\n\ndef roll() -> int:\n    return random.randint(1, 6)\n"},
        refused={"actions/dice.py": "agent tifa: ModuleNotFoundError: No module named 'dicelib'"},
    ),
    Explanation(
        "CAR034",
        """\
`extends` names another document of the same kind, whose words hold where this one says nothing. There is none of that
name; one that is only a base says `enabled: false`, and is found all the same.""",
        wrong={"agents.d/evening.yaml": "extends: tiffa\ncharacter: { topics: [music] }\n"},
        right={"agents.d/evening.yaml": "extends: tifa\ncharacter: { topics: [music] }\n"},
    ),
    Explanation(
        "CAR035",
        """\
Following `extends` from one document to the next leads back to where it began, so there is no first one to start
with. Take `extends` out of one of them.""",
        wrong={"agents.d/evening.yaml": "extends: evening\ncharacter: { bio: Keeps the bar in the evening. }\n"},
        right={"agents.d/evening.yaml": "extends: tifa\ncharacter: { bio: Keeps the bar in the evening. }\n"},
    ),
    Explanation(
        "CAR036",
        """\
The character's `card` is not there, or is no card: Carrier reads Tavern cards (V1 to V3) as PNG, JSON or CHARX, and
ElizaOS characters as JSON. A picture that a web site has saved anew has often lost its card; get the original file.""",
        wrong={
            "agents.d/rose.yaml": "character: { card: cards/rose.json }\n",
            "cards/rose.json": '{"name": "Rose", "description": "Sells flowers."\n',
        },
        right={
            "agents.d/rose.yaml": "character: { card: cards/rose.json }\n",
            "cards/rose.json": '{"name": "Rose", "description": "Sells flowers."}\n',
        },
    ),
    Explanation(
        "CAR037",
        """\
A room is `client/room`, and a post names the client that publishes it. No client has that name. One that is written in
place within an agent is called `agent.client`, and within that agent just by its key.""",
        wrong={
            "carrier.yaml": "notify: baar/1180000000000000001\n",
            "agents.d/bar.yaml": "kind: client\ntype: console\n",
        },
        right={
            "carrier.yaml": "notify: bar/1180000000000000001\n",
            "agents.d/bar.yaml": "kind: client\ntype: console\n",
        },
    ),
    Explanation(
        "CAR038",
        """\
The file that is named here is not there, or cannot be read. Paths start at the project's folder, not at the file that
names them.""",
        wrong={
            "agents.d/rose.yaml": "character: { system: { file: rose.md } }\n",
            "agents.d/rose.md": "You sell flowers.\n",
        },
        right={
            "agents.d/rose.yaml": "character: { system: { file: agents.d/rose.md } }\n",
            "agents.d/rose.md": "You sell flowers.\n",
        },
    ),
    Explanation(
        "CAR039",
        """\
A budget is a name from the host's `budgets`, or written in place with its `cost` or `tokens`. The host has none of
that name, and an agent without its budget could spend without an end.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nbudgets: [team]\n"},
        right={
            "agents.d/hello.yaml": "character: { bio: Hei. }\nbudgets: [team]\n",
            "carrier.yaml": "budgets: { team: { cost: 20 USD/month } }\n",
        },
    ),
    Explanation(
        "CAR040",
        """\
Instagram fetches pictures and videos from an address on the web. `media_host` names one of the host's `media_hosts`,
where they are put, and the host has none of that name.""",
        wrong={
            "agents.d/gram.yaml": _GRAM,
        },
        right={
            "agents.d/gram.yaml": _GRAM,
            "carrier.yaml": "media_hosts: { cdn: { type: folder, folder: media, public_url: https://example.com } }\n",
        },
    ),
    Explanation(
        "CAR041",
        """\
A platform allows one connection for a token; a second one would throw the first one out, again and again. Let one
client serve several agents by its `routes`, or get a token for each.""",
        wrong={
            "agents.d/doors.yaml": """\
{ kind: client, name: bar, type: discord, agent: tifa, token: "${BOT_TOKEN}", access: { guilds: [117] } }
---
{ kind: client, name: garden, type: discord, agent: hello, token: "${BOT_TOKEN}", access: { guilds: [117] } }
""",
            ".env": "BOT_TOKEN=a-token-of-discord\n",
        },
        right={
            "agents.d/doors.yaml": """\
kind: client
name: bar
type: discord
token: ${BOT_TOKEN}
agent: tifa
access: { guilds: [1170000000000000001] }
rooms: { garden: 1180000000000000002 }
routes: [{ room: garden, agent: hello }]
""",
            ".env": "BOT_TOKEN=a-token-of-discord\n",
        },
    ),
    Explanation(
        "CAR042",
        """\
Two clients claim what only one can have: the terminal, an account, or the same place for the same agent, which would
then answer twice. Take it away from one of them.""",
        wrong={
            "agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tifa\n",
            "agents.d/window.yaml": "kind: client\ntype: console\nagent: hello\n",
        },
        right={
            "agents.d/terminal.yaml": "kind: client\ntype: console\nagent: tifa\n",
            "agents.d/window.yaml": "kind: client\ntype: console\nagent: hello\nenabled: false\n",
        },
    ),
    Explanation(
        "CAR043",
        """\
An MCP server is started by its `command`, and no program of that name is on the path of the user that Carrier runs
as. Install it, or write its whole path.""",
        wrong={"actions/weather.yaml": "type: mcp\ncommand: [weather-mcp-server, stdio]\n"},
        right={"actions/weather.yaml": "type: mcp\ncommand: [python3, -m, weather_mcp_server]\n"},
    ),
    Explanation(
        "CAR044",
        """\
A pattern matches nothing that there is now. Compare it with the names and paths that you meant. Where it only grants or
collects something it is a warning, for what comes later will count; among what is asked for or denied it is an error,
for a misspelt pattern there would let everything pass.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nknowledge: [knowledge/**/*.md]\n"},
        right={
            "agents.d/hello.yaml": "character: { bio: Hei. }\nknowledge: [knowledge/**/*.md]\n",
            "knowledge/bar/hours.md": "Open from six.\n",
        },
    ),
    Explanation(
        "CAR045",
        """\
The client has names for rooms in its `rooms`, and this is none of them. Write one of these, a room's id, or `@` and a
user's id for a direct message.""",
        wrong={
            "carrier.yaml": "notify: bar/opps\n",
            "agents.d/bar.yaml": (
                "kind: client\ntype: discord\ntoken: ${TOKEN}\naccess: { guilds: [117] }\n"
                "rooms: { ops: 1180000000000000001 }\n"
            ),
        },
        right={
            "carrier.yaml": "notify: bar/ops\n",
            "agents.d/bar.yaml": (
                "kind: client\ntype: discord\ntoken: ${TOKEN}\naccess: { guilds: [117] }\n"
                "rooms: { ops: 1180000000000000001 }\n"
            ),
        },
    ),
    Explanation(
        "CAR046",
        """\
An agent that asks or hands over to itself could go on without an end while nobody answers. Let it name another one.""",
        wrong={"agents.d/hello.yaml": "character: { bio: Hei. }\nhandoffs: [hello]\n"},
        right={"agents.d/hello.yaml": "character: { bio: Hei. }\nhandoffs: [tifa]\n"},
    ),
    Explanation(
        "CAR047",
        """\
The cron line is right, and may not mean what its writer thought. Where both a day of the month and a weekday are
given, cron takes either: this is not only Friday the 13th, but every 13th and every Friday. `carrier-host plan` shows
the next three times.""",
        wrong={"agents.d/luck.yaml": "kind: schedule\nagent: tifa\ncron: 0 9 13 * fri\ntask: Wish yourself luck.\n"},
        right={"agents.d/luck.yaml": "kind: schedule\nagent: tifa\ncron: 0 9 13 * *\ntask: Wish yourself luck.\n"},
    ),
    Explanation(
        "CAR048",
        """\
Whoever knows a bot's link can invite it into a server of theirs, where it then answers at your expense. Name the
servers that it is for; their ids are copied with a right click, once Discord's Developer Mode is on. A bot that is
meant for all of them goes on as it is: this is a warning.""",
        wrong={
            "agents.d/bar.yaml": "kind: client\ntype: discord\nagent: tifa\ntoken: ${BOT_TOKEN}\n",
            ".env": "BOT_TOKEN=a-token-of-discord\n",
        },
        right={
            "agents.d/bar.yaml": (
                "kind: client\ntype: discord\nagent: tifa\ntoken: ${BOT_TOKEN}\n"
                "access: { guilds: [1170000000000000001] }\n"
            ),
            ".env": "BOT_TOKEN=a-token-of-discord\n",
        },
    ),
    Explanation(
        "CAR049",
        """\
`hashtags` of a post names groups that stand under `hashtags` in carrier.yaml, and none of them is called so. A single
hashtag is written into the caption or the first comment itself.""",
        wrong={"agents.d/gram.yaml": _POSTED, "media/ferry.jpg": "A picture.\n"},
        right={
            "agents.d/gram.yaml": _POSTED,
            "media/ferry.jpg": "A picture.\n",
            "carrier.yaml": "hashtags: { sea: [harbour, ferry] }\n",
        },
    ),
    Explanation(
        "CAR050",
        """\
The language has a word for it, and this version of Carrier does nothing with it yet. It is a warning where it is only
missing, and an error where running without it would do what its writer does not want. Leave it out, or say
`enabled: false` for a while.""",
        wrong={"carrier.yaml": "embeddings: { use: openai/text-embedding-3-small }\n"},
        right={"carrier.yaml": "embeddings: { use: builtin }\n"},
    ),
)

EXPLANATIONS: Mapping[str, Explanation] = {each.code: each for each in _ALL}
"""For every code there is."""


if __name__ == "__main__":
    print(page(), end="")
