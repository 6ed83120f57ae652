"""Files as operators get them wrong, each with the problem it gives: laid over a small project that has none."""

# A mistake is one row, however long.
# ruff: noqa: E501

from collections.abc import Mapping
from dataclasses import dataclass, field

from carrier.testing.projects import SMALL

Files = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A mistake: the files that hold it, and the one problem that is told."""

    name: str
    files: Files
    start: str
    """How the problem starts: `agents.d/x.yaml:2:10: CAR013`, and `warning` if it is one."""
    part: str
    """Of the problem: what helps."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links, and where they lead."""
    environment: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    """A file that could be read, and not be brought to life."""

    @property
    def file(self) -> str:
        return self.start.split(":")[0]

    @property
    def code(self) -> str:
        return self.start.removesuffix(" warning:")[-len("CAR000") :]


BASE: Files = {
    **SMALL,
    "agents.d/bar.yaml": "kind: client\ntype: discord\ntoken: ${BAR_TOKEN}\nagent: tifa\naccess: { guilds: [117] }\nrooms: { ops: 1180000000000000001 }\n",
    "media/xmas.jpg": b"\xff\xd8",
}

Row = tuple[str, str | bytes, str, str]
"""A name, the text of the file, where in it and with which code the problem starts, and a part of it."""


def _in(file: str, *rows: Row, start: str = "", beside: Files | None = None) -> tuple[Wrong, ...]:
    """Mistakes in one file; `start` stands before each text."""
    return tuple(
        Wrong(name, {**(beside or {}), file: start + text if isinstance(text, str) else text}, f"{file}:{place}", part)
        for name, text, place, part in rows
    )


_ALIASES = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

_YAML = _in(
    "agents.d/x.yaml",
    ("a tab", "character:\n\tbio: x\n", "2:1: CAR004", "indent with spaces"),
    ("too little indentation", "character:\n    bio: x\n  lore: y\n", "3:3: CAR004", "indent keys alike"),
    ("too much indentation", "character: { bio: x }\n  model: large\n", "2:3: CAR004", "indent keys alike"),
    (
        "no space after a colon",
        "character: { bio: x }\nmodel:large\n",
        "2:1: CAR004",
        "a colon and a space behind a key",
    ),
    ("no space after the only colon", "model:large\n", "1:1: CAR013", "a map of keys to values"),
    ("a colon in a value", "description: Note: closed\n", "1:18: CAR004", "quote a value that holds a colon"),
    ("a quote that is not closed", 'character: { bio: "Keeps the bar }\n', "1:19: CAR004", "this quote is not closed"),
    (
        "a bracket that is not closed",
        "actions: [ignore, roll_dice\nmodel: large\n",
        "2:6: CAR004",
        "a bracket before this is not closed",
    ),
    ("a brace that is not closed", "character: { bio: x\n", "1:12: CAR004", "this bracket is not closed"),
    ("a brace too many", "character: { bio: x }}\n", "1:22: CAR004", "this belongs to no key"),
    ("an unquoted at sign", "description: @tifa keeps the bar\n", "1:14: CAR004", "quote what starts with *, @"),
    ("an unquoted star", "description: *very* friendly\n", "1:14: CAR004", "quote what starts with *, @"),
    ("an unquoted star in a list", "actions: [*]\n", "1:11: CAR004", "quote what starts with *, @"),
    ("an unquoted percent sign", "description: %name%\n", "1:14: CAR004", "quote what starts with"),
    ("an unquoted backtick", "description: `tifa`\n", "1:14: CAR004", "quote what starts with"),
    ("an unquoted expression", "description: {{ name }}\n", "1:15: CAR004", "{{…}}"),
    ("an unquoted variable in braces", "memory: { recent: ${RECENT} }\n", "1:20: CAR004", "${…}"),
    ("a backslash in double quotes", 'description: "C:\\media"\n', "1:17: CAR004", "quote with ' instead"),
    ("a text after a quoted one", "description: 'x' y\n", "1:18: CAR004", "quote a value as a whole"),
    (
        "a hash sign without quotes",
        "character: { bio: x }\ndescription: Good day #bergen\n",
        "2:22: CAR009",
        "quote the value",
    ),
    (
        "a room with its hash sign",
        "kind: client\ntype: console\nrooms:\n  ops: #ops\n",
        "4:7: CAR009",
        "quote the value",
    ),
    ("a key twice", "character: { bio: x }\nmodel: large\nmodel: small\n", "3:1: CAR006", "first in line 2"),
    ("a key twice in a map", "character:\n  bio: x\n  bio: y\n", "3:3: CAR006", "first in line 2"),
    ("a merge key", "x-a: &a { bio: x }\ncharacter:\n  <<: *a\n", "3:3: CAR007", "repeat the keys"),
    ("a tag", "character: !include tifa.yaml\n", "1:12: CAR007", "the key decides the type"),
    ("a tag that runs code", "x-a: !!python/object/apply:os.system [id]\n", "1:6: CAR007", "tags"),
    ("an alias of nothing", "character: *tifa\n", "1:12: CAR007", "nothing is called &tifa"),
    ("an alias of itself", "x-a: &a [*a]\n", "1:10: CAR007", "would hold itself"),
    ("aliases that grow", _ALIASES, "5:17: CAR008", "50,000 values"),
    ("brackets that never end", "x-a: " + "[" * 100 + "]" * 100 + "\n", "1:38: CAR008", "32 levels"),
    ("a list for a key", "? [a, b]\n: c\n", "1:3: CAR004", "a single word or text"),
    ("a list for a document", "- character: { bio: x }\n", "1:1: CAR013", "a map of keys to values"),
    ("words for a document", "Keeps the bar.\n", "1:1: CAR013", "a map of keys to values"),
    ("nothing at all", "", "1:1: CAR005", "the file is empty"),
    ("only a comment", "# character: tifa\n", "1:1: CAR005", "the file is empty"),
    ("latin-1", "character: { bio: Bj\xf8rn }\n".encode("latin-1"), "1:1: CAR002", "UTF-8"),
    ("utf-16", "character: { bio: x }\n".encode("utf-16"), "1:1: CAR002", "UTF-8"),
    ("a picture", b"\x89PNG\r\n\x1a\n\x00\x00", "1:1: CAR002", "UTF-8"),
    ("a null byte", "description: a\0b\n", "1:15: CAR002", "U+0000"),
    ("a file without an end", "# " + "x" * 1_048_576, "1:1: CAR003", "1,048,576 bytes"),
    (
        "a mistake in the second document",
        "character: { bio: x }\n---\nname: y\ncharacter: }\n",
        "4:12: CAR004",
        "a value is missing here",
    ),
)

_AGENT = _in(
    "agents.d/x.yaml",
    ("a key misspelt", "charcter: { bio: x }\n", "1:1: CAR011", "did you mean 'character'?"),
    ("a plural for a singular", "character: { bio: x }\nmodels: large\n", "2:1: CAR011", "did you mean 'model'?"),
    ("a singular for a plural", "character: { bio: x }\naction: [ignore]\n", "2:1: CAR011", "did you mean 'actions'?"),
    ("a hyphen for an underscore", "character: { bio: x }\nwhen-down: wait\n", "2:1: CAR011", "did you mean 'when_down'?"),
    ("camel case", "character: { bio: x }\nwhenDown: wait\n", "2:1: CAR011", "did you mean 'when_down'?"),
    ("a key in capitals", "character: { bio: x }\nModel: large\n", "2:1: CAR011", "did you mean 'model'?"),
    ("no-break spaces", "character:\n\u00a0\u00a0bio: x\n", "2:1: CAR011", "'\\xa0\\xa0bio'"),
    ("a list begun behind its key", "actions: - ignore\n", "1:10: CAR004", "begin it in the next line"),
    ("an entry outdented", "character: { bio: x }\nactions:\n  - ignore\n - roll_dice\n", "4:2: CAR004", "indent keys alike"),
    ("a part's key at the top", "character: { bio: x }\nrecent: 20\n", "2:1: CAR011", "unknown key 'recent'"),
    ("a part's key misspelt", "character: { bio: x }\nmemory: { recnet: 3 }\n", "2:11: CAR011", "did you mean 'recent'?"),
    ("an unknown choice", "character: { bio: x }\nrespond: sometimes\n", "2:10: CAR013", "'always', 'decide' or 'never'"),
    ("a choice in capitals", "character: { bio: x }\nrespond: Always\n", "2:10: CAR013", "'always'"),
    ("German quotes", "character: { bio: x }\nrespond: „always“\n", "2:10: CAR013", "is no quotation mark in YAML"),
    ("Norwegian quotes", "character: { bio: x }\nmodel: «large»\n", "2:8: CAR013", "is no quotation mark in YAML"),
    ("yes for true", "character: { bio: x }\nenabled: yes\n", "2:10: CAR013", "true or false"),
    ("on for true", "character: { bio: x }\nenabled: on\n", "2:10: CAR013", "true or false"),
    ("a number for a duration", "character: { bio: x }\nlimits: { turn: 90 }\n", "2:17: CAR013", "90s, 10m"),
    ("a duration in words", "character: { bio: x }\nlimits: { turn: 5 minutes }\n", "2:17: CAR013", "90s, 10m"),
    ("a duration in capitals", "character: { bio: x }\nlimits: { turn: 5M }\n", "2:17: CAR013", "90s, 10m"),
    ("a negative duration", "character: { bio: x }\nlimits: { turn: -5m }\n", "2:17: CAR013", "90s, 10m"),
    ("a word for a number", "character: { bio: x }\nlimits: { steps: six }\n", "2:18: CAR013", "steps: "),
    ("a fraction for a whole number", "character: { bio: x }\nlimits: { steps: 2.5 }\n", "2:18: CAR013", "whole number"),
    ("a number too small", "character: { bio: x }\nlimits: { steps: 0 }\n", "2:18: CAR013", "at least 1"),
    ("a number too large", "character: { bio: x }\nmemory: { recall: 500 }\n", "2:19: CAR013", "at most 100"),
    ("a rate without its time", "character: { bio: x }\nlimits: { messages: 6 }\n", "2:21: CAR013", "6/min"),
    ("a rate of a time there is not", "character: { bio: x }\nlimits: { messages: 6/minute }\n", "2:21: CAR013", "s min h day"),
    ("a number for a map", "character: { bio: x }\nmemory: 5\n", "2:9: CAR013", "a map of keys to values"),
    ("a list for a map", "character: { bio: x }\nwords:\n  - failed: Oh.\n", "3:3: CAR013", "a map of keys to values"),
    ("a word for a list", "character: { bio: x }\nactions: roll_dice\n", "2:10: CAR013", "this has to be a list"),
    ("a map for a list", "character: { bio: x }\nactions: { roll_dice: }\n", "2:10: CAR013", "this has to be a list"),
    ("a map for a word", "character: { bio: x }\ndescription: { en: Keeps the bar }\n", "2:14: CAR013", "this has to be text"),
    ("a list for a word", "character: { bio: x }\ndescription: [a, b]\n", "2:14: CAR013", "this has to be text"),
    ("an entry that is a list", "character: { bio: x }\nactions: [[ignore]]\n", "2:11: CAR013", "a name, or a name with settings"),
    ("an entry that is empty", "character: { bio: x }\nactions:\n  - ignore\n  -\n", "4:4: CAR013", "a name, or a name with settings"),
    ("two entries in one", "character: { bio: x }\nevaluators: [{ no_secrets: , facts: }]\n", "2:14: CAR013", "a name with settings"),
    ("settings that are none", "character: { bio: x }\nevaluators: [facts: 4]\n", "2:14: CAR013", "a name with settings"),
    ("a setting misspelt", "character: { bio: x }\nevaluators: [facts: { evry: 4 }]\n", "2:23: CAR011", "did you mean 'every'?"),
    ("a setting out of range", "character: { bio: x }\nevaluators: [facts: { every: 0 }]\n", "2:30: CAR013", "every: "),
    ("capitals in a name", "name: Tifa\ncharacter: { bio: x }\n", "1:7: CAR013", "lower-case letters"),
    ("a space in a name", "name: tifa lockhart\ncharacter: { bio: x }\n", "1:7: CAR013", "lower-case letters"),
    ("an umlaut in a name", "name: jürgen\ncharacter: { bio: x }\n", "1:7: CAR013", "lower-case letters"),
    ("a name that is too long", f"name: {'a' * 65}\ncharacter: {{ bio: x }}\n", "1:7: CAR013", "at most 64"),
    ("a name that is taken", "name: tifa\ncharacter: { bio: x }\n", "1:7: CAR016", "agents.d/tifa.yaml"),
    ("two documents of one name", "name: y\ncharacter: { bio: x }\n---\nname: y\ncharacter: { bio: x }\n", "4:7: CAR016", "agents.d/x.yaml"),
    ("a second document without a name", "character: { bio: x }\n---\ncharacter: { bio: y }\n", "3:1: CAR016", "write `name:`"),
    ("a kind misspelt", "kind: agnet\ncharacter: { bio: x }\n", "1:7: CAR014", "did you mean 'agent'?"),
    ("a kind there is not", "kind: tool\nname: y\n", "1:7: CAR014", "there are action, agent"),
    ("a host among the agents", "kind: host\nname: y\n", "1:7: CAR014", "no kind of document for this place"),
    ("no character", "actions: [ignore]\n", "1:1: CAR020", "write `character:"),
    ("an empty character", "character:\nactions: [ignore]\n", "1:1: CAR020", "has no character"),
    ("an unknown character", "character: tyfa\n---\nkind: character\nname: tifa\n", "1:12: CAR020", "did you mean 'tifa'?"),
    ("a character's name in capitals", "character: Tifa\n", "1:12: CAR013", "lower-case letters"),
    ("an unknown action", "character: { bio: x }\nactions:\n  - rol_dice\n", "3:5: CAR021", "did you mean 'roll_dice'?"),
    ("an action with a hyphen", "character: { bio: x }\nactions: [roll-dice]\n", "2:11: CAR021", "did you mean 'roll_dice'?"),
    ("a pattern of actions there are not", "character: { bio: x }\nactions: [github/*]\n", "2:11: CAR044 warning:", "there are discord/add_role, "),
    ("an unknown model", "character: { bio: x }\nmodel: larg\n", "2:8: CAR022", "did you mean 'large'?"),
    ("a model without its provider", "character: { bio: x }\nmodel: gpt-5\n", "2:8: CAR022", "there are large, small"),
    ("an unknown evaluator", "character: { bio: x }\nevaluators: [no_secret]\n", "2:14: CAR023", "did you mean 'no_secrets'?"),
    ("an unknown provider", "character: { bio: x }\ncontext: [character, tiem]\n", "2:22: CAR024", "did you mean 'time'?"),
    ("a provider's module there is not", 'character: { bio: x }\ncontext: ["no.such.module:Part"]\n', "2:11: CAR024", "cannot be imported"),
    ("an unknown template", "character: { bio: x }\ntemplates: { chat: chta.j2 }\n", "2:20: CAR026", "did you mean 'chat.j2'?"),
    ("a template for posts there is not", "character: { bio: x }\ntemplates: { post: pst.j2 }\n", "2:20: CAR026", "unknown template 'pst.j2'"),
    ("a template out of the folder", "character: { bio: x }\ntemplates: { chat: ../chat.j2 }\n", "2:20: CAR013", "stays inside"),
    ("a variable that is not set", "character: { bio: x }\ndescription: ${BAR_NAME}\n", "2:14: CAR010", "BAR_NAME is not set"),
    ("a variable with its own message", "character: { bio: x }\ndescription: ${BAR_NAME:?ask Tifa}\n", "2:14: CAR010", "ask Tifa"),
    ("a file of a secret there is not", "character: { bio: x }\ndescription: ${file:secrets/none}\n", "2:14: CAR010", "no such file"),
    ("a variable that is not closed", "character: { bio: x }\ndescription: ${BAR_NAME\n", "2:14: CAR015", "write ${NAME}"),
    ("a variable with a space", "character: { bio: x }\ndescription: ${BAR NAME}\n", "2:14: CAR015", "write ${NAME}"),
    ("a variable without a name", "character: { bio: x }\ndescription: ${}\n", "2:14: CAR015", "$${ is a plain ${"),
    ("it extends nothing", "extends: tiffa\ncharacter: { bio: x }\n", "1:10: CAR034", "did you mean 'tifa'?"),
    ("it extends itself", "extends: x\ncharacter: { bio: x }\n", "1:10: CAR035", "'x' would extend itself"),
    ("it extends another kind", "extends: roll_dice\ncharacter: { bio: x }\n", "1:10: CAR034", "no agent to extend"),
    ("a list of what to extend", "extends: [tifa]\ncharacter: { bio: x }\n", "1:10: CAR013", "this has to be text"),
    ("a base that is wrong", "enabled: false\nmemory: { recnet: 5 }\n---\nname: one\nextends: x\ncharacter: { bio: x }\n", "2:11: CAR011", "'recent'"),
    ("permissions that are a list", "character: { bio: x }\npermissions: [deny]\n", "2:14: CAR013", "a map of keys to values"),
    ("permissions otherwise", "character: { bio: x }\npermissions: { otherwise: forbid }\n", "2:27: CAR013", "'allow', 'ask' or 'deny'"),
    ("a permission of nothing", 'character: { bio: x }\npermissions: { deny: [""] }\n', "2:23: CAR013", "as in github/*"),
    ("an argument's bracket", "character: { bio: x }\npermissions: { ask: [{ action: a, where: { repo: 'ac[me' } }] }\n", "2:44: CAR013", "not closed"),
    ("approvals without a room's client", "character: { bio: x }\napprovals: { room: ops }\n", "2:20: CAR013", "client/room"),
    ("approvals that never expire", "character: { bio: x }\napprovals: { expire: 0 }\n", "2:22: CAR013", "more than 0"),
    ("a goal without its description", "character: { bio: x }\ngoals: { launch: { steps: [a] } }\n", "2:18: CAR012", "'description' is missing"),
    ("a budget in euros", "character: { bio: x }\nbudgets: [{ cost: 2 EUR/day }]\n", "2:19: CAR013", "2 USD/day"),
    ("a budget of nothing", "character: { bio: x }\nbudgets: [{ when_spent: stop }]\n", "2:11: CAR013", "`cost`, as in 2 USD/day"),
    ("knowledge out of the folder", "character: { bio: x }\nknowledge: [../notes/*.md]\n", "2:13: CAR013", "stays inside"),
    ("a room of no client", "character: { bio: x }\nnotify: ops\n", "2:9: CAR013", "as in tifa-discord/ops"),
    ("words that are a list", "character: { bio: x }\nwords: { failed: [Oh, no] }\n", "2:18: CAR013", "this has to be text"),
    ("clients as a list", "character: { bio: x }\nclients: [{ type: console }]\n", "2:10: CAR013", "a map of keys to values"),
    ("a client in place of no type", "character: { bio: x }\nclients: { door: { token: x } }\n", "2:18: CAR012", "'type' is missing"),
    ("a client in place of a type there is not", "character: { bio: x }\nclients: { door: { type: slack } }\n", "2:26: CAR028", "discord"),
    ("a client in place with a name", "character: { bio: x }\nclients: { door: { name: y, type: console } }\n", "2:26: CAR016", "leave `name` out"),
    ("an action in place of a type there is not", "character: { bio: x }\nactions: [{ w: { type: htpp } }]\n", "2:24: CAR028", "did you mean 'http'?"),
    ("an action in place that is wrong", "character: { bio: x }\nactions: [{ w: { type: http, request: { ulr: x } } }]\n", "2:41: CAR011", "did you mean 'url'?"),
    ("a schedule in place that is wrong", "character: { bio: x }\nschedules: { hi: { evry: 6h, task: Look. } }\n", "2:20: CAR011", "did you mean 'every'?"),
    ("a character in place that is wrong", "character: { boi: x }\n", "1:14: CAR011", "did you mean 'bio'?"),
)  # fmt: skip

_CHARACTER = _in(
    "agents.d/x.yaml",
    ("an unknown field of a character", "kind: character\nsystem_prompt: x\n", "2:1: CAR011", "did you mean 'system'?"),
    ("style as words", "kind: character\nstyle: short\n", "2:8: CAR013", "a map of keys to values"),
    ("an unknown style", "kind: character\nstyle: { chats: [short] }\n", "2:10: CAR011", "did you mean 'chat'?"),
    ("a topic that is a map", "kind: character\ntopics: [{ name: stairs }]\n", "2:10: CAR013", "this has to be text"),
    ("examples that are no lists", "kind: character\nmessage_examples: [{ user: Hi, agent: Hello }]\n", "2:20: CAR013", "this has to be a list"),
    ("an example of somebody else", "kind: character\nmessage_examples: [[{ usr: Hi }]]\n", "2:23: CAR011", "did you mean 'user'?"),
    ("a file of its own that is not there", "character: { bio: x, system: { file: system.md } }\n", "1:38: CAR038", "cannot be read"),
    ("a file of its own outside", "kind: character\nsystem: { file: /etc/passwd }\n", "2:17: CAR013", "stays inside"),
    ("a card that is not there", "kind: character\ncard: cards/tifa.png\n", "2:7: CAR036", "cards/tifa.png cannot be read"),
    ("a card outside", "kind: character\ncard: ../tifa.png\n", "2:7: CAR013", "stays inside"),
    ("a pattern of lore that takes long", "kind: character\nlorebook: { entries: [{ keys: ['(a+)+b'], regex: true, content: x }] }\n", "2:23: CAR013", "too many ways"),
    ("an order of lore in words", "kind: character\nlorebook: { entries: [{ keys: [a], content: x, order: first }] }\n", "2:55: CAR013", "order: "),
    ("a place of lore there is not", "kind: character\nlorebook: { entries: [{ keys: [a], content: x, position: top }] }\n", "2:58: CAR013", "'before' or 'after'"),
    ("a piece of knowledge in a file", "kind: character\nknowledge: [{ file: a.md, text: x }]\n", "2:15: CAR011", "there are text"),
)  # fmt: skip

_CARDS = (
    Wrong("a card that is no card", {"agents.d/x.yaml": "character: { card: cards/x.json }\n", "cards/x.json": "[]"}, "agents.d/x.yaml:1:20: CAR036", "a map of keys to values"),
    Wrong("a card that is no JSON", {"agents.d/x.yaml": "character: { card: cards/x.json }\n", "cards/x.json": "{"}, "agents.d/x.yaml:1:20: CAR036", "this is not JSON"),
    Wrong("a picture without a card", {"agents.d/x.yaml": "character: { card: cards/x.png }\n", "cards/x.png": b"\x89PNG\r\n\x1a\n"}, "agents.d/x.yaml:1:20: CAR036", "called chara or ccv3"),
)  # fmt: skip

_DISCORD = "kind: client\ntype: discord\nagent: hello\n"
_INSTAGRAM = "kind: client\ntype: instagram\nagent: hello\naccount_id: ${ACCOUNT}\naccess_token: ${TOKEN}\n"
_WEBHOOK = "kind: client\ntype: webhook\nagent: hello\nsignature: { type: github, secret: '${HOOK_SECRET}' }\n"

_CLIENT = _in(
    "agents.d/x.yaml",
    ("a client of no type", "kind: client\nagent: tifa\n", "1:1: CAR012", "'type' is missing"),
    ("a client's type misspelt", "kind: client\ntype: discrod\n", "2:7: CAR028", "did you mean 'discord'?"),
    ("a client's type in capitals", "kind: client\ntype: Discord\n", "2:7: CAR028", "did you mean 'discord'?"),
    ("a client's type of a stranger", "kind: client\ntype: no.such.module:Door\n", "2:7: CAR028", "cannot be imported"),
    ("a client's unknown key", "kind: client\ntype: console\nagnet: tifa\n", "3:1: CAR011", "did you mean 'agent'?"),
    ("a client's unknown agent", "kind: client\ntype: console\nagent: tyfa\n", "3:8: CAR025", "did you mean 'tifa'?"),
    ("two agents for a client", "kind: client\ntype: console\nagent: [tifa, hello]\n", "3:8: CAR013", "this has to be text"),
    ("a client that gathers for a number", "kind: client\ntype: console\ngather: 2\n", "3:9: CAR013", "90s, 10m"),
    ("a client's age of nothing", "kind: client\ntype: console\nmax_age: old\n", "3:10: CAR013", "90s, 10m"),
    ("a dry run in words", "kind: client\ntype: console\ndry_run: 'yes'\n", "3:10: CAR013", "true or false"),
    ("Discord without its token", _DISCORD, "1:1: CAR012", "'token' is missing"),
    ("Discord with an empty token", _DISCORD + "token: ~\n", "1:1: CAR012", "'token' is missing"),
    ("Discord's token under another name", _DISCORD + "api_token: ${TOKEN}\n", "4:1: CAR011", "did you mean 'token'?"),
    ("Discord's token written out", _DISCORD + "token: MTE4MDAwMDAw.GhIjKl\naccess: { guilds: [117] }\n", "4:8: CAR017 warning:", "put it into .env"),
    ("Discord's persona", _DISCORD + "token: ${TOKEN}\npersona: agent\n", "5:10: CAR013", "'bot' or 'webhook'"),
    ("Discord's guild among the keys", _DISCORD + "token: ${TOKEN}\nguilds: [1170000000000000001]\n", "5:1: CAR011", "unknown key 'guilds'"),
    ("Discord's guild as a number", _DISCORD + "token: ${TOKEN}\naccess: { guilds: 1170000000000000001 }\n", "5:19: CAR013", "this has to be a list"),
    ("Discord in every server", _DISCORD + "token: ${TOKEN}\n", "1:1: CAR048 warning:", "name yours"),
    ("Discord's bots", _DISCORD + "token: ${TOKEN}\naccess: { bots: true }\n", "5:17: CAR013", "'addressed' or 'all'"),
    ("rooms as a list", _DISCORD + "token: ${TOKEN}\nrooms: [1180000000000000001]\n", "5:8: CAR013", "a map of keys to values"),
    ("a room's name in capitals", _DISCORD + "token: ${TOKEN}\nrooms: { Ops: 1180000000000000001 }\n", "5:10: CAR013", "lower-case letters"),
    ("a room's id with spaces", _DISCORD + "token: ${TOKEN}\nrooms: { ops: 118 000 }\n", "5:15: CAR013", "without spaces"),
    ("a route to nowhere", _DISCORD + "token: ${TOKEN}\nroutes: [{ agent: tifa }]\n", "5:10: CAR013", "exactly one of room, category, guild"),
    ("a route to two places", _DISCORD + "token: ${TOKEN}\nroutes: [{ room: a, guild: b, agent: tifa }]\n", "5:21: CAR013", "room and guild"),
    ("a route that says nothing", _DISCORD + "token: ${TOKEN}\nroutes: [{ room: a }]\n", "5:10: CAR013", "something of the place: agent"),
    ("two routes for one room", _DISCORD + "token: ${TOKEN}\nroutes: [{ room: a, agent: tifa }, { room: a, respond: never }]\n", "5:9: CAR013", "two routes are for the room a"),
    ("a route as a map", _DISCORD + "token: ${TOKEN}\nroutes: { room: a, agent: tifa }\n", "5:9: CAR013", "this has to be a list"),
    ("a route to an unknown agent", _DISCORD + "token: ${TOKEN}\nroutes: [{ room: a, agent: tyfa }]\naccess: { guilds: [117] }\n", "5:28: CAR025", "did you mean 'tifa'?"),
    ("Instagram without its account", "kind: client\ntype: instagram\naccess_token: ${TOKEN}\n", "1:1: CAR012", "'account_id' is missing"),
    ("Instagram's login", _INSTAGRAM + "login: password\n", "6:8: CAR013", "'facebook' or 'instagram'"),
    ("Instagram's version", _INSTAGRAM + "graph_version: 25\n", "6:16: CAR013", "as in v25.0"),
    ("what Instagram listens to", _INSTAGRAM + "listen: [likes]\n", "6:10: CAR013", "'comments', 'messages' or 'mentions'"),
    ("Instagram's media host of no type", _INSTAGRAM + "media_host: { public_url: https://example.com }\n", "6:13: CAR012", "'type' is missing"),
    ("Instagram's unknown media host", _INSTAGRAM + "media_host: cdn\n", "6:13: CAR040", "unknown media host 'cdn'"),
    ("a webhook without a signature", "kind: client\ntype: webhook\nagent: hello\n", "1:1: CAR012", "'signature' is missing"),
    ("a webhook's signature", "kind: client\ntype: webhook\nsignature: { type: sha1, secret: '${S}' }\n", "3:20: CAR013", "'github', 'hmac' or 'token'"),
    ("a header of GitHub's", "kind: client\ntype: webhook\nsignature: { type: github, secret: '${S}', header: x }\n", "3:44: CAR013", "signs in a header of its own"),
    ("a webhook's variable", _WEBHOOK + "text: '{{ payload }}'\n", "5:7: CAR031", "nothing is called 'payload'"),
    ("a webhook's Jinja", _WEBHOOK + "accept: '{{ body.action == }}'\n", "5:9: CAR030", "not Jinja"),
    ("a webhook's template there is not", _WEBHOOK + "text: { file: hooks/release.j2 }\n", "5:15: CAR026", "there are chat.j2"),
    ("a webhook that answers in no room", _WEBHOOK + "answer_in: ops\n", "5:12: CAR013", "as in tifa-discord/ops"),
)  # fmt: skip

_HTTP = "name: weather\ntype: http\n"

_ACTION = _in(
    "actions/x.yaml",
    ("an action's type misspelt", "type: pyhton\n", "1:7: CAR028", "did you mean 'python'?"),
    ("an action without its entry point", "type: python\n", "1:1: CAR012", "'entrypoint' is missing"),
    ("an entry point with a hyphen", "entry-point: actions/dice.py:roll\n", "1:1: CAR011", "did you mean 'entrypoint'?"),
    ("an entry point without a function", "entrypoint: actions/dice.py\n", "1:13: CAR032", "write actions/dice.py:roll"),
    ("an entry point without a file", "entrypoint: actions/dcie.py:roll\n", "1:13: CAR032", "there is no file actions/dcie.py"),
    ("an entry point from its own folder", "entrypoint: dice.py:roll\n", "1:13: CAR032", "starts at the project's folder"),
    ("an entry point to no function", "entrypoint: actions/dice.py:rol\n", "1:13: CAR032", "did you mean 'roll'?"),
    ("an entry point of no module", "entrypoint: no_such_module.at_all:f\n", "1:13: CAR032", "there is no module no_such_module"),
    ("an entry point to nothing of a module", "entrypoint: json:dupms\n", "1:13: CAR032", "did you mean 'dumps'?"),
    ("an entry point outside", "entrypoint: ../dice.py:roll\n", "1:13: CAR032", "leads out of the project"),
    ("an action that repeats", "entrypoint: actions/dice.py:roll\nrepeat: always\n", "2:9: CAR013", "'never', 'keyed' or 'safe'"),
    ("an action without time", "entrypoint: actions/dice.py:roll\ntimeout: 0s\n", "2:10: CAR013", "more than 0"),
    ("an action's name that is taken", "name: roll_dice\nentrypoint: actions/dice.py:roll\n", "1:7: CAR016", "another action is called 'roll_dice'"),
    ("an example without a call", "entrypoint: actions/dice.py:roll\nexamples: [{ user: Roll! }]\n", "2:12: CAR012", "'call' is missing"),
    ("a request without a url", _HTTP + "request: { method: GET }\n", "3:10: CAR012", "'url' is missing"),
    ("a request without a protocol", _HTTP + "request: { url: api.example.com }\n", "3:17: CAR013", "https://"),
    ("a method in small letters", _HTTP + "request: { method: post, url: https://example.com }\n", "3:20: CAR013", "'POST'"),
    ("an example of a call that its parameters do not allow", _HTTP + "parameters: { days: { type: integer } }\nexamples: [{ user: Rain?, call: { days: soon } }]\nrequest: { url: https://example.com }\n", "4:33: CAR013", "examples: wrong arguments: days: 'soon' is not of type 'integer'"),
    ("an example of what stands for many actions", "name: clock\ntype: mcp\nurl: https://example.com/mcp\nexamples: []\n", "4:1: CAR011", "unknown key 'examples'"),
    ("two bodies", _HTTP + "request: { method: POST, url: https://example.com, json: {}, body: x }\n", "3:62: CAR013", "one body"),
    ("headers as a list", _HTTP + "request: { url: https://example.com, headers: ['a: b'] }\n", "3:47: CAR013", "a map of keys to values"),
    ("a header's secret written out", _HTTP + "request: { url: https://example.com, headers: { Authorization: Bearer abcdef } }\n", "3:64: CAR017 warning:", "put it into .env"),
    ("a status that is none", _HTTP + "request: { url: https://example.com, retry: { statuses: [5x] } }\n", "3:58: CAR013", "as 429"),
    ("a url that nobody can know", _HTTP + "request: { url: 'https://{{ host }}/x' }\nparameters: { host: {} }\n", "1:1: CAR013", "`network` has to name the hosts"),
    ("a network that is an address", _HTTP + "request: { url: https://example.com }\nnetwork: [https://example.com]\n", "4:11: CAR013", "api.example.com"),
    ("a parameter of a type there is not", _HTTP + "request: { url: https://example.com }\nparameters: { city: { type: text } }\n", "4:29: CAR013", "'string'"),
    ("a parameter in one word", _HTTP + "request: { url: https://example.com }\nparameters: { city: string }\n", "4:21: CAR013", "a map of keys to values"),
    ("a parameter's name", _HTTP + "request: { url: https://example.com }\nparameters: { city-name: {} }\n", "4:15: CAR013", "letters, digits and _"),
    ("a parameter's JSON Schema in snake case", _HTTP + "request: { url: https://example.com }\nparameters: { city: { min_length: 1 } }\n", "4:23: CAR011", "did you mean 'minLength'?"),
    ("required, which is the rule", _HTTP + "request: { url: https://example.com }\nparameters: { city: { required: true } }\n", "4:23: CAR011", "unknown key 'required'"),
    ("a default out of its choices", _HTTP + "request: { url: https://example.com }\nparameters: { unit: { enum: [c, f], default: k } }\n", "4:23: CAR013", "none of its `enum`"),
    ("a parameter that the request misspells", _HTTP + "request: { url: 'https://example.com/{{ ctiy }}' }\nparameters: { city: {} }\n", "3:17: CAR031", "'city'"),
    ("Jinja in a query", _HTTP + "request: { url: https://example.com, query: { q: '{{ city' } }\nparameters: { city: {} }\n", "3:50: CAR030", "not Jinja"),
    ("an MCP server of nothing", "name: gh\ntype: mcp\n", "1:1: CAR013", "exactly one of command, url"),
    ("an MCP server twice", "name: gh\ntype: mcp\ncommand: [true]\nurl: https://example.com\n", "4:1: CAR013", "command and url"),
    ("an MCP command in one string", "name: gh\ntype: mcp\ncommand: npx server\n", "3:10: CAR013", "a list of its words"),
    ("an MCP command there is not", "name: gh\ntype: mcp\ncommand: [no-such-server, stdio]\n", "3:11: CAR043", "this machine has no command"),
    ("MCP headers for a command", "name: gh\ntype: mcp\ncommand: [sh]\nheaders: { a: b }\n", "4:1: CAR013", "`headers` belong to a `url`"),
    ("MCP tools with a space", "name: gh\ntype: mcp\ncommand: [sh]\ntools: [get all]\n", "4:9: CAR013", "as in github/*"),
    ("an OpenAPI document of none", "name: pets\ntype: openapi\n", "1:1: CAR012", "'document' is missing"),
    ("an OpenAPI document outside", "name: pets\ntype: openapi\ndocument: ../pets.yaml\n", "3:11: CAR013", "stays inside"),
    ("an OpenAPI document there is not", "name: pets\ntype: openapi\ndocument: actions/pets.json\n", "3:11: CAR038", "there is no file actions/pets.json"),
    ("an evaluator of no type", "kind: evaluator\nquestion: Warm?\n", "1:1: CAR012", "'type' is missing"),
    ("an evaluator's type", "kind: evaluator\ntype: llm\n", "2:7: CAR028", "there are judge, python"),
    ("a judge without a question", "kind: evaluator\ntype: judge\n", "1:1: CAR012", "'question' is missing"),
    ("a judge's score in percent", "kind: evaluator\ntype: judge\nquestion: Warm?\npass: 70\n", "4:7: CAR013", "at most 1"),
    ("a stage there is not", "kind: evaluator\ntype: judge\nquestion: Warm?\nstage: before\n", "4:8: CAR013", "'message', 'reply' or 'after'"),
    ("a reflection that blocks", "kind: evaluator\ntype: judge\nquestion: Warm?\nstage: after\non_fail: block\n", "4:1: CAR013", "what was sent stays sent"),
    ("a replacement without its text", "kind: evaluator\ntype: judge\nquestion: Warm?\non_fail: replace\n", "4:1: CAR013", "`text` belong together"),
    ("an evaluator without its entry point", "kind: evaluator\ntype: python\n", "1:1: CAR012", "'entrypoint' is missing"),
    ("a provider's type", "kind: provider\ntype: http\n", "2:7: CAR028", "there are python"),
    ("a provider without its entry point", "kind: provider\ntype: python\n", "1:1: CAR012", "'entrypoint' is missing"),
)  # fmt: skip

_SCHEDULE = _in(
    "agents.d/x.yaml",
    ("a schedule without a time", "task: Look.\n", "1:1: CAR013", "exactly one of cron, at, every"),
    ("a schedule with two times", "cron: '@daily'\nevery: 6h\ntask: Look.\n", "5:1: CAR013", "cron and every"),
    ("a schedule of nothing", "every: 6h\n", "1:1: CAR013", "exactly one of post, say, task"),
    ("a cron line of six fields", "cron: 0 30 8 * * mon-fri\ntask: Look.\n", "4:7: CAR013", "five fields"),
    ("a cron line of four fields", "cron: 30 8 * *\ntask: Look.\n", "4:7: CAR013", "five fields"),
    ("a cron line's hour", "cron: 0 24 * * *\ntask: Look.\n", "4:7: CAR013", "the hour '24' is not made of 0-23"),
    ("a cron line's weekday", "cron: 0 8 * * monday\ntask: Look.\n", "4:7: CAR013", "the weekday 'monday'"),
    ("a cron line that never comes", "cron: 0 8 30 2 *\ntask: Look.\n", "4:7: CAR013", "that day never comes"),
    ("a cron line that starts with a star", "cron: * * * * *\ntask: Look.\n", "4:7: CAR004", "quote what starts with *"),
    ("a cron line that means more", "cron: 0 8 13 * fri\ntask: Look.\n", "4:7: CAR047 warning:", "day of the month or the weekday"),
    ("a short form there is not", "cron: '@reboot'\ntask: Look.\n", "4:7: CAR013", "there are @yearly"),
    ("a short form without quotes", "cron: @daily\ntask: Look.\n", "4:7: CAR004", "quote what starts with *, @"),
    ("a date that is none", "at: 2026-02-30T09:00\ntask: Look.\n", "4:5: CAR013", "no such day or time"),
    ("a date without a time", "at: 2026-12-24\ntask: Look.\n", "4:5: CAR013", "2026-12-24T09:00"),
    ("a date the German way", "at: 24.12.2026 09:00\ntask: Look.\n", "4:5: CAR013", "2026-12-24T09:00"),
    ("a date with its zone", "at: 2026-12-24T09:00Z\ntask: Look.\n", "4:5: CAR013", "`timezone` says"),
    ("a number for an interval", "every: 6\ntask: Look.\n", "4:8: CAR013", "90s, 10m"),
    ("an interval of nothing", "every: 0s\ntask: Look.\n", "4:8: CAR013", "more than 0"),
    ("a time zone there is not", "every: 6h\ntask: Look.\ntimezone: Europe/Olso\n", "6:11: CAR013", "did you mean 'Europe/Oslo'?"),
    ("a time zone in short", "every: 6h\ntask: Look.\ntimezone: PDT\n", "6:11: CAR013", "no time zone is called 'PDT'"),
    ("a jitter that is too long", "every: 1h\njitter: 2h\ntask: Look.\n", "4:1: CAR013", "`jitter` has to be shorter"),
    ("an approval of a task", "every: 6h\ntask: Look.\napproval: required\n", "5:1: CAR013", "nobody can approve"),
    ("what was missed", "every: 6h\ntask: Look.\ncatch_up: 'yes'\n", "6:11: CAR013", "'skip', 'once' or 'all'"),
    ("a task's Jinja", "every: 6h\ntask: 'Look {% if %}'\n", "5:7: CAR030", "not Jinja"),
    ("a task's template there is not", "every: 6h\ntask: { file: tasks/look.j2 }\n", "5:15: CAR026", "there are chat.j2"),
    ("a task that is a list of maps", "every: 6h\ntask: [{ look: here }]\n", "5:7: CAR013", "this has to be text"),
    ("something said in no room", "every: 6h\nsay: { text: Hi }\n", "5:6: CAR012", "'room' is missing"),
    ("something said to a room of no client", "every: 6h\nsay: { room: garden, text: Hi }\n", "5:14: CAR013", "client/room"),
    ("something said at an unknown client", "every: 6h\nsay: { room: baar/ops, text: Hi }\n", "5:14: CAR037", "did you mean 'bar'?"),
    ("something said in an unknown room", "every: 6h\nsay: { room: bar/opps, text: Hi }\n", "5:14: CAR045", "did you mean 'ops'?"),
    ("something said and generated", "every: 6h\nsay: { room: bar/ops, text: { generate: Hi, file: x.j2 } }\n", "5:45: CAR011", "unknown key 'file'"),
    ("a post without a client", "every: 6h\npost: { kind: image, media: media/xmas.jpg }\n", "5:1: CAR013", "needs the `client`"),
    ("a client without a post", "every: 6h\ntask: Look.\nclient: bar\n", "5:1: CAR013", "`client` belongs to a post"),
    ("a post by an unknown client", "every: 6h\nclient: insta\npost: { kind: image, media: media/xmas.jpg }\n", "5:9: CAR037", "unknown client 'insta'"),
    ("a post of no kind", "every: 6h\nclient: bar\npost: { media: media/xmas.jpg }\n", "6:7: CAR012", "'kind' is missing"),
    ("a post of a kind there is not", "every: 6h\nclient: bar\npost: { kind: video, media: media/xmas.jpg }\n", "6:15: CAR013", "'image', 'carousel'"),
    ("a post of nothing", "every: 6h\nclient: bar\npost: { kind: image, caption: Hi }\n", "6:7: CAR013", "exactly one of pick, media"),
    ("a post's media that is not there", "every: 6h\nclient: bar\npost: { kind: image, media: media/yule.jpg }\n", "6:29: CAR038", "there is no file media/yule.jpg"),
    ("a post's hashtags", "every: 6h\nclient: bar\npost: { kind: image, media: media/xmas.jpg, hashtags: sea }\n", "6:55: CAR049", "unknown group of hashtags 'sea'"),
    ("a post's media outside", "every: 6h\nclient: bar\npost: { kind: image, media: /srv/yule.jpg }\n", "6:29: CAR013", "stays inside"),
    ("a post made by an action there is not", "every: 6h\nclient: bar\npost: { kind: image, make: { action: rol_dice } }\n", "6:38: CAR021", "unknown action 'rol_dice'"),
    ("a post's text for an action", "every: 6h\nclient: bar\npost: { kind: image, make: { action: roll_dice, arguments: { of: { file: of.j2 } } } }\n", "6:74: CAR026", "unknown template 'of.j2'"),
    ("a carousel of one", "every: 6h\nclient: bar\npost: { kind: carousel, media: [media/xmas.jpg] }\n", "6:7: CAR013", "2 to 10 pictures"),
    ("an image of two", "every: 6h\nclient: bar\npost: { kind: image, media: [media/xmas.jpg, media/xmas.jpg] }\n", "6:9: CAR013", "`kind: carousel` has several"),
    ("a story with a caption", "every: 6h\nclient: bar\npost: { kind: story, media: media/xmas.jpg, caption: Hi }\n", "6:45: CAR013", "has no caption"),
    ("a folder of nothing", "every: 6h\nclient: bar\npost: { kind: image, pick: { from: media/none/*.jpg } }\n", "6:36: CAR044 warning:", "no file is called"),
    ("a pick without a folder", "every: 6h\nclient: bar\npost: { kind: image, pick: { order: name } }\n", "6:28: CAR012", "'from' is missing"),
    ("a caption that loses its hashtag", "every: 6h\nclient: bar\npost:\n  kind: image\n  media: media/xmas.jpg\n  caption: Good day #bergen\n", "9:20: CAR009", "quote the value"),
    ("a collaborator with its at sign", "every: 6h\nclient: bar\npost: { kind: image, media: media/xmas.jpg, collaborators: ['@aerith'] }\n", "6:61: CAR013", "without its @"),
    ("somebody half placed", "every: 6h\nclient: bar\npost: { kind: image, media: media/xmas.jpg, user_tags: [{ username: a, x: 0.5 }] }\n", "6:72: CAR013", "`x` and `y` belong together"),
    ("somebody placed in percent", "every: 6h\nclient: bar\npost: { kind: image, media: media/xmas.jpg, user_tags: [{ username: a, x: 50, y: 0.5 }] }\n", "6:75: CAR013", "at most 1"),
    start="kind: schedule\nname: evening\nagent: hello\n",
)  # fmt: skip

_SCRIPT = _in(
    "agents.d/x.yaml",
    ("a script without rules", "rules: []\n", "2:8: CAR013", "at least one rule"),
    ("a script's rules misspelt", "rule:\n  - say: x\n", "2:1: CAR011", "did you mean 'rules'?"),
    ("a rule that is words", "rules: [Hello]\n", "2:9: CAR013", "a map of keys to values"),
    ("a rule that does nothing", "rules:\n  - when: x\n", "3:5: CAR013", "not none"),
    ("a rule that does two things", "rules:\n  - say: x\n    call: { ignore: }\n", "4:5: CAR013", "say and call"),
    ("a rule's pattern", "rules:\n  - when: (oops\n    say: x\n", "3:11: CAR013", "no regular expression"),
    ("a rule's failure", "rules:\n  - fail: badly\n", "3:11: CAR013", "'rate_limit'"),
    ("a rule's unknown action", "rules:\n  - call: { rol_dice: }\n", "3:13: CAR021", "did you mean 'roll_dice'?"),
    ("a rule's call of two", "rules:\n  - call: { roll_dice: , ignore: }\n", "3:11: CAR013", "one action with its arguments"),
    ("a rule's variable", "rules:\n  - say: 'Hello {{ usr }}'\n", "3:10: CAR031", "did you mean 'user'?"),
    ("a rule's Jinja", "rules:\n  - say: '{{ text '\n", "3:10: CAR030", "not Jinja"),
    ("a rule's delay", "rules:\n  - say: x\n    delay: 1\n", "4:12: CAR013", "90s, 10m"),
    ("a step that does two things", "rules:\n  - sequence: [{ say: x, fail: timeout }]\n", "3:26: CAR013", "exactly one of say, call, fail"),
    start="kind: script\n",
)  # fmt: skip

_HOST = _in(
    "carrier.yaml",
    ("the host's key misspelt", "timezne: Europe/Oslo\n", "1:1: CAR011", "did you mean 'timezone'?"),
    ("a version to come", "version: 2\n", "1:10: CAR013", "at most 1"),
    ("the host's time zone", "timezone: Oslo\n", "1:11: CAR013", "no time zone is called 'Oslo'"),
    ("the host as an agent", "kind: agent\n", "1:7: CAR014", "not a document of kind 'agent'"),
    ("two hosts", "name: demo\n---\nname: other\n", "3:1: CAR014", "only one document"),
    ("a host that extends", "extends: base\n", "1:10: CAR013", "the host extends nothing"),
    ("the host's model without a provider", "models: { large: gpt-5 }\n", "1:18: CAR013", "openai/gpt-5"),
    ("the host's model as a list", "models: [openai/gpt-5]\n", "1:9: CAR013", "a map of keys to values"),
    ("a model's key misspelt", "models: { large: { use: auto, tiemout: 5s } }\n", "1:31: CAR011", "did you mean 'timeout'?"),
    ("a model's name in capitals", "models: { Large: auto }\n", "1:11: CAR013", "lower-case letters"),
    ("a model's key written out", "models: { large: { use: openai/gpt-5, api_key: sk-123456 } }\n", "1:48: CAR017 warning:", "put it into .env"),
    ("a model's unknown script", "models: { large: scripted/nobody }\n", "1:18: CAR027", "unknown script 'nobody'"),
    ("a model to fall back on", "models: { large: { use: auto, fallback: [smal] } }\n", "1:42: CAR022", "did you mean 'small'?"),
    ("a model's limit over a turn", "models: { large: { use: auto, limits: { requests: 6/turn } } }\n", "1:51: CAR013", "not over a turn"),
    ("a model's limit of nothing", "models: { large: { use: auto, limits: { at_once: 0 } } }\n", "1:50: CAR013", "at least 1"),
    ("a port there is not", "server: { port: 80000 }\n", "1:17: CAR013", "at most 65535"),
    ("a port in words", "server: { port: http }\n", "1:17: CAR013", "port: "),
    ("a port in one line", "server: 127.0.0.1:8000\n", "1:9: CAR013", "a map of keys to values"),
    ("a size without a unit", "limits: { upload: 10 }\n", "1:19: CAR013", "20MB"),
    ("a size in mebibytes", "limits: { upload: 10 MiB }\n", "1:19: CAR013", "20MB"),
    ("a folder outside", "folders: { agents: [../agents] }\n", "1:21: CAR013", "stays inside"),
    ("a folder from the root", "folders: { templates: /srv/templates }\n", "1:23: CAR013", "stays inside"),
    ("variables outside", "env_file: ../.env\n", "1:11: CAR013", "stays inside"),
    ("embeddings in one word", "embeddings: { use: minilm }\n", "1:20: CAR013", "auto, or provider/model"),
    ("a budget without a window", "budgets: { team: { cost: 20 USD } }\n", "1:26: CAR013", "2 USD/day"),
    ("a budget with a dollar sign", "budgets: { team: { cost: $20/day } }\n", "1:26: CAR013", "2 USD/day"),
    ("a budget of half a token", "budgets: { team: { tokens: 0.5/day } }\n", "1:28: CAR013", "60k/turn"),
    ("a budget that goes on with nothing", "budgets: { team: { cost: 2 USD/day, when_spent: smal } }\n", "1:49: CAR022", "did you mean 'small'?"),
    ("a token written out", "tokens: { ci: { secret: abcdefgh } }\n", "1:25: CAR017 warning:", "put it into .env"),
    ("a token without its secret", "tokens: { ci: { role: user } }\n", "1:15: CAR012", "'secret' is missing"),
    ("a token's role", "tokens: { ci: { secret: '${CI_TOKEN:-abcdefgh}', role: root } }\n", "1:56: CAR013", "'operator' or 'admin'"),
    ("a token that is not set", "tokens: { ci: { secret: '${CI_TOKEN}' } }\n", "1:25: CAR010", "CI_TOKEN is not set"),
    ("a media host of no type", "media_hosts: { cdn: { public_url: https://example.com } }\n", "1:21: CAR012", "'type' is missing"),
    ("a hashtag with its #", "hashtags: { sea: ['#ferry'] }\n", "1:19: CAR013", "without its #"),
    ("a media host's type", "media_hosts: { cdn: { type: http, public_url: https://example.com } }\n", "1:29: CAR013", "ftp, sftp, s3, folder"),
    ("a media host's login", "media_hosts: { cdn: { type: sftp, server: a, username: b, public_url: https://example.com } }\n", "1:21: CAR013", "`password` or a `private_key`"),
    ("half a key", "media_hosts: { cdn: { type: s3, bucket: a, access_key_id: b, public_url: https://example.com } }\n", "1:44: CAR013", "belong together"),
    ("defaults of no kind", "defaults: { agents: { respond: always } }\n", "1:13: CAR013", "'agent', 'character'"),
    ("defaults with a key misspelt", "defaults: { agent: { memroy: { recent: 5 } } }\n", "1:22: CAR011", "did you mean 'memory'?"),
    ("defaults that are wrong", "defaults: { agent: { respond: sometimes } }\n", "1:31: CAR013", "'always'"),
    ("defaults of a wrong client", "defaults: { client: { dry_run: maybe } }\n", "1:32: CAR013", "true or false"),
    ("defaults that are a list", "defaults: [agent]\n", "1:11: CAR013", "a map of keys to values"),
    ("a host that tells nobody", "notify: nowhere/ops\n", "1:9: CAR037", "unknown client 'nowhere'"),
    ("a host that keeps for a number", "retention: { messages: 365 }\n", "1:24: CAR013", "365d"),
    ("no turns at once", "limits: { turns_at_once: 0 }\n", "1:26: CAR013", "at least 1"),
    ("a host with a tab", "server:\n\tport: 8000\n", "2:1: CAR004", "indent with spaces"),
    ("an empty host", "", "1:1: CAR005", "the file is empty"),
)  # fmt: skip

_OVERLAY = _in(
    "carrier.dev.yaml",
    ("an overlay's key misspelt", "servr: { port: 9000 }\n", "1:1: CAR011", "did you mean 'server'?"),
    ("an overlay's value", "server: { port: many }\n", "1:17: CAR013", "port: "),
    ("an overlay's defaults", "defaults: { client: { dry_run: maybe } }\n", "1:32: CAR013", "true or false"),
    ("an overlay in two documents", "name: dev\n---\nname: more\n", "3:1: CAR014", "only one document"),
    ("an overlay that is not YAML", "name: [dev\n", "1:7: CAR004", "this bracket is not closed"),
)

_TEMPLATES = (
    *_in(
        "templates/chat.j2",
        ("a template's variable misspelt", "You are\n{{ charcter.display_name }}.\n", "2:4: CAR031", "did you mean 'character'?"),
        ("a template's variable of another place", "{{ schedule }}\n", "1:4: CAR031", "there are actions, agent"),
        ("a template's expression that is not closed", "Hi {{ agent.name }\n", "1:1: CAR030", "unexpected '}'"),
        ("a template's condition of nothing", "hi\n{% if %}x{% endif %}\n", "2:1: CAR030", "Expected an expression"),
        ("a template's condition without an end", "hi\n{% if agent %}\nx\n", "3:1: CAR030", "endif"),
        ("a template's filter there is not", "{{ agent.name|shout }}\n", "1:1: CAR030", "shout"),
        ("a template's part that is not there", "\n{% include 'tme.j2' %}\n", "2:13: CAR026", "did you mean 'time.j2'?"),
        ("a template's part outside", "{% include '../secrets.j2' %}\n", "1:13: CAR026", "there are chat.j2"),
        ("a template's part by a variable", "{% include agent.name %}\n", "1:1: CAR030", "write out the name"),
        ("a template that is no text", b"\xff\xfe\x00", "1:1: CAR002", "UTF-8"),
    ),
    *_in(
        "templates/time.j2",
        ("a part's variable misspelt", "\n\nIt is {{ tiem }}", "3:10: CAR031", "did you mean 'time'?"),
        ("a part that includes itself", "{% include 'tim.j2' %}", "1:13: CAR026", "did you mean 'time.j2'?"),
    ),
)  # fmt: skip

_CODE = _in(
    "actions/dice.py",
    ("Python that is none", "x = 1\ndef roll(:\n", "2:1: CAR032", "not Python"),
    ("Python that is indented wrongly", "def roll() -> int:\nreturn 4\n", "2:1: CAR032", "expected an indented block"),
)

_VARIABLES = _in(
    ".env",
    ("a line that is no variable", "A=1\nwhat is this\n", "2:1: CAR019", "NAME=value"),
    ("a variable as in YAML", "TOKEN: abc\n", "1:1: CAR019", "NAME=value"),
    ("a variable's quotes", 'A="1\n', "1:1: CAR019", "NAME=value"),
    ("variables that are no text", b"A=\xe4\n", "1:1: CAR002", "UTF-8"),
)

_TWO = "kind: client\ntype: discord\nagent: hello\ntoken: ${TOKEN}\naccess: { guilds: [117] }\n"

_PLACES = (
    Wrong("a file with two endings", {"agents.d/y.yaml.txt": "character: { bio: x }\n"}, "agents.d/y.yaml.txt:1:1: CAR018 warning:", "ends in .yaml or .yml"),
    Wrong("a template's copy", {"templates/chat.j2.bak": ""}, "templates/chat.j2.bak:1:1: CAR018 warning:", "ends in .j2"),
    Wrong("a file's ending in capitals", {"agents.d/y.YAML": "character: { bio: x }\n"}, "agents.d/y.YAML:1:1: CAR018 warning:", "ends in .yaml or .yml"),
    Wrong("a file's name that is none", {"agents.d/My Bot.yaml": "character: { bio: x }\n"}, "agents.d/My Bot.yaml:1:1: CAR016", "write `name:`"),
    Wrong("a link out of the project", {}, "agents.d/evil.yaml:1:1: CAR029", "leads out", {"agents.d/evil.yaml": "../../outside.yaml"}),
    Wrong("a link to nothing", {}, "agents.d/gone.yaml:1:1: CAR001", "cannot be read", {"agents.d/gone.yaml": "gone.txt"}),
    Wrong("a folder for the variables", {".env/pyvenv.cfg": "home = /usr/bin\n"}, ".env:1:1: CAR001", "cannot be read"),
    Wrong("no template for chats", {"carrier.yaml": "name: demo\nfolders: { templates: words }\n", "words/x.txt": "", "agents.d/hello.yaml": "enabled: false\n"}, "agents.d/tifa.yaml:1:1: CAR026", "there are none yet"),
    Wrong("one token for two clients", {"agents.d/x.yaml": _TWO, "agents.d/y.yaml": _TWO}, "agents.d/y.yaml:4:8: CAR041", "'x' (agents.d/x.yaml:1)", environment={"TOKEN": "a-token"}),
    Wrong("one account for two clients", {"agents.d/x.yaml": _INSTAGRAM, "agents.d/y.yaml": _INSTAGRAM}, "agents.d/y.yaml:4:13: CAR042", "'x' (agents.d/x.yaml:1)", environment={"TOKEN": "a-token", "ACCOUNT": "178"}),
    Wrong("one terminal for two clients", {"agents.d/x.yaml": "kind: client\ntype: console\n---\nname: y\nkind: client\ntype: console\n"}, "agents.d/x.yaml:6:7: CAR042", "one terminal"),
    Wrong("an agent that hands to itself", {"agents.d/x.yaml": "character: { bio: x }\nhandoffs: [x]\n"}, "agents.d/x.yaml:2:12: CAR046", "names itself"),
    Wrong("an agent that asks nobody", {"agents.d/x.yaml": "character: { bio: x }\ndelegates: [tyfa]\n"}, "agents.d/x.yaml:2:13: CAR025", "did you mean 'tifa'?"),
    Wrong("an agent's unknown budget", {"agents.d/x.yaml": "character: { bio: x }\nbudgets: [team]\n"}, "agents.d/x.yaml:2:11: CAR039", "unknown budget 'team'"),
    Wrong("knowledge that is not there", {"agents.d/x.yaml": "character: { bio: x }\nknowledge: [knowledge/**/*.md]\n"}, "agents.d/x.yaml:2:13: CAR044 warning:", "no file is called"),
    Wrong("a folder that is not there", {"carrier.yaml": "folders: { agents: [agents.d, people] }\n"}, "carrier.yaml:1:31: CAR038 warning:", "make it"),
    Wrong("a denied action that is none", {"agents.d/x.yaml": "character: { bio: x }\npermissions: { deny: [rol_dice] }\n"}, "agents.d/x.yaml:2:23: CAR044", "did you mean 'roll_dice'?"),
    Wrong("a token for an unknown agent", {"carrier.yaml": "tokens: { ci: { secret: '${CI_TOKEN:-abcdefgh}', agents: [tyfa] } }\n"}, "carrier.yaml:1:59: CAR025", "did you mean 'tifa'?"),
    Wrong("what cannot be brought to life", {"actions/dice.py": "raise ValueError\ndef roll() -> int: ...\n"}, "actions/dice.py:1:1: CAR033", "ValueError", refused="actions/dice.py"),
    Wrong("what does not run yet", {"carrier.yaml": "embeddings: { use: openai/text-embedding-3-small }\n"}, "carrier.yaml:1:20: CAR050", "does not run yet"),
)  # fmt: skip

WRONG: tuple[Wrong, ...] = (
    *_YAML,
    *_AGENT,
    *_CHARACTER,
    *_CARDS,
    *_CLIENT,
    *_ACTION,
    *_SCHEDULE,
    *_SCRIPT,
    *_HOST,
    *_OVERLAY,
    *_TEMPLATES,
    *_CODE,
    *_VARIABLES,
    *_PLACES,
)
