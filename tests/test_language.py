"""The words of the language: what is right is read as meant, what is wrong is refused with what helps."""

from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr, ValidationError
from referencing import Registry, Resource

from carrier.config.models import KINDS, Described, Entry, model_for, parts, types_of
from carrier.config.models.discord import Discord
from carrier.config.models.http import HttpAction
from carrier.config.models.rates import Cost, Rate
from carrier.config.models.text import Generated, TextFile
from carrier.config.models.times import cron_line
from carrier.config.not_yet import not_yet
from carrier.config.reading import natural, read
from carrier.config.schema import schemas


@cache
def validator(kind: str) -> Draft202012Validator:
    files: Any = [(f"{name}.schema.json", Resource.from_contents(schema)) for name, schema in schemas().items()]
    return Draft202012Validator(schemas()[kind], registry=Registry().with_resources(files))


def written(text: str) -> dict[str, Any]:
    (document,) = read(text.encode(), "some.yaml").documents
    return dict(document.data)


def block(kind: str, text: str) -> Any:
    data = written(text)
    model = model_for(kind, str(data.get("type") or ""))
    assert model is not None, f"there is no such type of {kind}"
    return model.model_validate(data)


def editor_takes(kind: str, text: str) -> bool:
    return validator(kind).is_valid(natural(written(text)))


RIGHT = {
    "the smallest agent": ("agent", "character: { bio: Greets everyone and keeps it short. }"),
    "a base": (
        "agent",
        """
        enabled: false
        actions: [weather, maps/*]
        permissions: { deny: [maps/delete_*] }
        """,
    ),
    "one of a family": ("agent", "{ name: guide-bergen, extends: guide, actions: [inherited, ferry] }"),
    "a host": (
        "host",
        """
        version: 1
        name: demo
        timezone: Europe/Oslo
        env_file: .env
        data: var
        folders: { agents: [agents.d], actions: actions, templates: [templates] }
        models:
          large:
            use: auto
            fallback: [small, openai/gpt-5]
            timeout: 60s
            params: { temperature: 0.2 }
            limits: { requests: 60/min, at_once: 8 }
          small: ollama/llama3.2
        embeddings: { use: builtin }
        budgets: { team: { cost: 20 USD/month, when_spent: stop }, hers: { tokens: 1M/day, when_spent: small } }
        media_hosts:
          cdn: { type: ftp, server: "${FTP_SERVER}", username: "${FTP_USERNAME}", password: "${FTP_PASSWORD}",
                 tls: explicit, public_url: "${HTTP_SERVER}" }
          other: { type: sftp, server: a.example.com, username: me, password: "${P}", public_url: https://a.no }
          bucket: { type: s3, bucket: b, region: eu-north-1, public_url: https://b.example.com }
          here: { type: folder, folder: /srv/www, public_url: https://c.example.com }
        server: { host: 127.0.0.1, port: 8000 }
        tokens: { ci: { secret: "${CI_TOKEN}", role: user, agents: [reporter] } }
        defaults: { agent: { budgets: [team] }, client: { dry_run: false } }
        notify: tifa-discord/ops
        limits: { turns_at_once: 64 }
        retention: { messages: 365d, events: 90d }
        """,
    ),
    "an agent": (
        "agent",
        """
        name: tifa
        description: Keeps the bar and the peace
        character: tifa
        model: large
        templates: { chat: chat.j2, post: post.j2 }
        respond: addressed
        context: [character, recent_messages, facts, knowledge, time, goals]
        actions: [weather, roll_dice, github/*]
        permissions:
          otherwise: allow
          ask: [publish_post, { action: github/create_issue, where: { repo: acme/* } }]
          deny: [github/delete_*]
        approvals: { room: tifa-discord/ops, by: { users: [], roles: [1180000000000000003] }, expire: 24h }
        evaluators: [no_secrets, tone: { pass: 0.8 }, facts]
        memory: { recent: 32, recall: 8, scope: room }
        knowledge: [knowledge/tifa/**/*.md]
        goals: { launch: { description: Open on Friday, steps: [Buy limes] } }
        delegates: [researcher]
        handoffs: [billing]
        limits: { messages: 6/min, steps: 6, turn: 5m }
        when_down: say
        words: { failed: I lost my thread; please ask again., held: ~ }
        budgets: [team, { cost: 2 USD/day, tokens: 60k/turn }]
        """,
    ),
    "an agent with everything in place": (
        "agent",
        """
        character: { bio: x }
        model: { use: openai/gpt-5, timeout: 90s }
        actions:
          - ignore
          - ferry: { type: http, request: { url: https://ferry.example.com } }
        evaluators: [{ kind_words: { type: judge, question: Is it kind? } }]
        context: [{ stock: { type: python, entrypoint: "shop.stock:levels" } }]
        clients:
          discord: { type: discord, token: "${TOKEN}", rooms: { garden: 1180000000000000002 } }
          gone: ~
          x-note: mine
        schedules:
          goals: { every: 6h, task: Read the goals and take the next step. }
        """,
    ),
    "a weekly carousel": (
        "schedule",
        """
        agent: tifa
        cron: 30 8 * * mon-fri
        client: tifa-instagram
        post:
          kind: carousel
          pick: { from: media/carousels/*/, order: name, reuse: never, when_empty: notify }
          caption: { generate: { file: posts/carousel.j2 } }
          first_comment: "#bergen"
        approval: required
        prepare: 12h
        jitter: 10m
        """,
    ),
    "a picture at Christmas": (
        "schedule",
        """
        at: 2026-12-24T09:00
        client: tifa.instagram
        post: { kind: image, media: media/xmas.jpg, caption: God jul!, user_tags: [a, { username: b, x: 0.1, y: 1 }] }
        """,
    ),
    "a hello in the evening": (
        "schedule",
        """
        cron: "@daily"
        say: { room: tifa-discord/garden, text: { generate: Wish the channel a good night. } }
        catch_up: once
        grace: 2h
        timezone: Asia/Tokyo
        """,
    ),
    "a base of schedules": ("schedule", "{ enabled: false, timezone: UTC, catch_up: all }"),
    "Discord": (
        "client",
        """
        kind: client
        name: tifa-discord
        type: discord
        token: ${DISCORD_API_TOKEN}
        agent: tifa
        persona: bot
        rooms: { ops: 1180000000000000001, garden: 1180000000000000002 }
        routes:
          - { room: garden, agent: aerith, respond: always }
          - { category: 7, agents: [tifa, aerith], actions: [weather, github/get_*], prompt: Keep it short. }
        access: { guilds: [1170000000000000001], dms: true, deny_users: [], bots: none }
        limits: { bot_turns: 6 }
        gather: 1.5s
        max_age: 24h
        """,
    ),
    "Instagram": (
        "client",
        """
        type: instagram
        agent: tifa
        login: facebook
        account_id: ${INSTAGRAM_ACCOUNT_ID}
        access_token: ${INSTAGRAM_ACCESS_TOKEN}
        media_host: cdn
        listen: [comments, messages, mentions]
        """,
    ),
    "a webhook": (
        "client",
        """
        type: webhook
        agent: tifa
        signature: { type: github, secret: "${GITHUB_WEBHOOK_SECRET}" }
        accept: "{{ headers['x-github-event'] == 'release' }}"
        text: { file: hooks/release.j2 }
        answer_in: tifa-discord/ops
        """,
    ),
    "a client of one's own": ("client", "{ type: 'shop.till:Till', agent: tifa, drawer: 3 }"),
    "the terminal": ("client", "{ type: console, agent: tifa, prompt: '? ' }"),
    "an HTTP action": (
        "action",
        """
        name: weather
        type: http
        description: The forecast for a city
        examples: [{ user: "Will it rain in Bergen?", call: { city: Bergen } }]
        parameters: { city: { type: string, minLength: 1 }, days: { type: integer, default: 3 } }
        request:
          method: POST
          url: https://api.example.com/forecast
          headers: { Authorization: "Bearer ${WEATHER_TOKEN}", Accept: application/json }
          json: { place: "{{ city }}", days: "{{ days }}" }
          retry: { attempts: 2, statuses: [429, 5xx] }
        result: { select: now.summary, max_chars: 4000 }
        network: [api.example.com]
        repeat: keyed
        """,
    ),
    "a Python action": ("action", '{ name: roll_dice, entrypoint: "actions/dice.py:roll", timeout: 5s }'),
    "an MCP server": (
        "action",
        """
        name: github
        type: mcp
        command: [github-mcp-server, stdio]
        env: { GITHUB_TOKEN: "${GITHUB_TOKEN}" }
        tools: [get_*, list_*]
        """,
    ),
    "an MCP server elsewhere": ("action", "{ type: mcp, url: https://mcp.example.com, headers: { X-Key: '${KEY}' } }"),
    "an API": ("action", "{ name: petstore, type: openapi, document: petstore.yaml }"),
    "a judge": (
        "evaluator",
        """
        name: tone
        type: judge
        stage: reply
        question: Is the reply warm, and free of sarcasm?
        pass: 0.7
        on_fail: revise
        """,
    ),
    "a gate of one's own": (
        "evaluator",
        '{ type: python, entrypoint: "checks/tone.py:judge", on_fail: replace, text: No. }',
    ),
    "a provider": ("provider", '{ kind: provider, name: stock, type: python, entrypoint: "shop.stock:levels" }'),
    "words that look like numbers": ("agent", "{ name: 007, display_name: 1.10, description: true, character: 42 }"),
    "variables for every kind of word": (
        "agent",
        '{ memory: { recent: "${RECENT:-32}" }, model: "${MODEL}", limits: { turn: "${TURN}" } }',
    ),
    "nothing where a word could stand": ("agent", "{ memory: ~, actions: ~, schedules: ~, description: ~ }"),
}

ONLY_FOR_EDITORS = {"variables for every kind of word"}
"""What is right before the variables are filled in."""


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_taken_by_the_models_and_by_an_editor(name: str) -> None:
    kind, text = RIGHT[name]

    assert name in ONLY_FOR_EDITORS or isinstance(block(kind, text), Described)
    assert editor_takes(kind, text)


AT = "client: a\npost: { kind: image, media: x.jpg }\n"
POST = "every: 1h\nclient: a\npost: "
HTTP = "type: http\nrequest: { url: https://example.com }\n"
SAY = "say: { room: a/b, text: Hi }\n"
DISCORD = "type: discord\ntoken: x\n"
SFTP = "{ server: s, username: u, type: sftp, public_url: p }"

WRONG = [
    # names, ids, rooms
    ("agent", "name: Tifa", "a name is lower-case letters"),
    ("agent", "extends: some thing", "a name is lower-case letters"),
    ("agent", "notify: ops", "a room is client/room"),
    ("agent", "delegates: [Researcher]", "a name is lower-case letters"),
    ("agent", "colour: red", "Extra inputs"),
    ("schedule", "client: a b\n", "owner.key"),
    ("client", DISCORD + "rooms: { ops: 'a b' }", "an id is a word without spaces"),
    ("client", DISCORD + "rooms: { 'my room': 1 }", "a name is lower-case letters"),
    # the host
    ("host", "extends: other", "the host extends nothing"),
    ("host", "version: 2", "less than or equal to 1"),
    ("host", "models: { large: gpt-5 }", "a model is auto, or provider/model"),
    ("host", "models: { Large: auto }", "a name is lower-case letters"),
    ("host", "models: { large: { limits: { requests: 60 } } }", "6/min or 60k/turn"),
    ("host", "models: { large: { limits: { requests: 6/turn } } }", "not over a turn"),
    ("host", "models: { large: { limits: { requests: 0/min } } }", "at least 1"),
    ("host", "models: { large: { fallback: [GPT] } }", "a model is auto, or provider/model"),
    ("host", "embeddings: { use: minilm }", "a model is auto, or provider/model"),
    ("host", "budgets: { team: {} }", "a budget says `cost`"),
    ("host", "budgets: { team: { cost: 20 EUR/month } }", "2 USD/day"),
    ("host", "budgets: { team: { cost: 20 USD/week } }", "s min h day month turn"),
    ("host", "budgets: { team: { cost: 20 USD/month, when_spent: Stop } }", "a model is auto, or provider/model"),
    ("host", "media_hosts: { cdn: { type: gopher, public_url: x } }", "there are ftp, sftp, s3, folder"),
    ("host", "media_hosts: { cdn: { type: folder, public_url: x } }", "Field required"),
    ("host", "media_hosts: { cdn: " + SFTP + " }", "a `password` or a `private_key`"),
    ("host", "media_hosts: { c: { type: s3, bucket: b, public_url: p, access_key_id: i } }", "belong together"),
    ("host", "tokens: { ci: { role: user } }", "Field required"),
    ("host", "tokens: { ci: { secret: x, role: king } }", "'viewer', 'user', 'approver', 'operator' or 'admin'"),
    ("host", "defaults: { agents: { model: large } }", "'agent', 'character', 'client'"),
    ("host", "retention: { messages: forever }", "90s, 10m, 2h, 365d"),
    ("host", "limits: { upload: 20 }", "500KB, 20MB, 1GB"),
    ("host", "timezone: Europe/Olso", "did you mean 'Europe/Oslo'?"),
    # agents
    ("agent", "respond: sometimes", "'addressed', 'always', 'decide' or 'never'"),
    ("agent", "model: GPT", "a name is lower-case letters"),
    ("agent", "actions: [{ a: {}, b: {} }]", "an entry is a name, or a name with settings"),
    ("agent", "actions: [{ a: 4 }]", "an entry is a name, or a name with settings"),
    ("agent", "actions: [[a]]", "an entry is a name, or a name with settings"),
    ("agent", "actions: [{ a: { type: telepathy } }]", "there is no action of type 'telepathy'"),
    ("agent", "actions: [{ a: { type: http } }]", "Field required"),
    ("agent", "permissions: { otherwise: maybe }", "'allow', 'ask' or 'deny'"),
    ("agent", "permissions: { deny: [a b] }", "a pattern of names as in github/*"),
    ("agent", "permissions: { ask: [{ where: { repo: x } }] }", "Field required"),
    ("agent", "permissions: { ask: [{ action: a, where: { repo: '' } }] }", "'repo' has an empty pattern"),
    ("agent", "permissions: { ask: [{ action: a, where: { repo: '[a' } }] }", "a bracket that is not closed"),
    ("agent", "approvals: { expire: 0s }", "greater than 0"),
    ("agent", "approvals: { room: ops }", "a room is client/room"),
    ("agent", "approvals: { by: { user: [1] } }", "Extra inputs"),
    ("agent", "knowledge: ../secrets/*.md", "stays inside it"),
    ("agent", "goals: { launch: {} }", "Field required"),
    ("agent", "limits: { messages: 6 }", "6/min or 60k/turn"),
    ("agent", "limits: { messages: 6/turn }", "not over a turn"),
    ("agent", "limits: { messages: 1.5/min }", "6/min or 60k/turn"),
    ("agent", "limits: { turn: 90 }", "90s, 10m, 2h, 365d"),
    ("agent", "when_down: cry", "'say' or 'wait'"),
    ("agent", "budgets: [{ cost: 2/day }]", "2 USD/day"),
    ("agent", "budgets: [{ tokens: many/turn }]", "6/min or 60k/turn"),
    ("agent", "clients: { discord: { type: discrod } }", "there are console, discord, instagram, webhook"),
    ("agent", "clients: { discord: { token: x } }", "Field required"),
    ("agent", "clients: { discord: { type: discord, token: x, name: y } }", "is called by its key"),
    ("agent", "schedules: { hello: { every: 1h } }", "exactly one of post, say, task"),
    ("agent", "schedules: { Hello: { every: 1h, task: x } }", "a name is lower-case letters"),
    # schedules
    ("schedule", SAY, "exactly one of cron, at, every belongs here, not none"),
    ("schedule", "every: 1h\nat: 2026-12-24T09:00\n" + SAY, "exactly one of cron, at, every belongs here, not at and"),
    ("schedule", "every: 1h\ntask: x\n" + SAY, "exactly one of post, say, task belongs here"),
    ("schedule", "every: 0s\n" + SAY, "greater than 0"),
    ("schedule", "every: 1m\njitter: 1m\n" + SAY, "`jitter` has to be shorter than `every`"),
    ("schedule", "cron: 30 25 * * *\n" + SAY, "the hour '25' is not made of 0-23"),
    ("schedule", "cron: 61 8 * * *\n" + SAY, "the minute '61' is not made of 0-59"),
    ("schedule", "cron: 0 8 * * monday\n" + SAY, "the weekday 'monday' is not made of 0-7 or sun-sat"),
    ("schedule", "cron: 0 8 * *\n" + SAY, "five fields, minute hour day month weekday"),
    ("schedule", "cron: 0 0 8 * * *\n" + SAY, "five fields, minute hour day month weekday"),
    ("schedule", "cron: 0 0 30 2 *\n" + SAY, "that day never comes"),
    ("schedule", 'cron: "@often"\n' + SAY, "@daily"),
    ("schedule", "at: 2026-12-24\n" + SAY, "2026-12-24T09:00"),
    ("schedule", "at: 2026-02-30T09:00\n" + SAY, "there is no such day or time"),
    ("schedule", "at: 2026-12-24T09:00+01:00\n" + SAY, "`timezone` says by which clock"),
    ("schedule", "every: 1h\npost: { kind: image, media: x.jpg }", "a post needs the `client`"),
    ("schedule", "every: 1h\nclient: a\n" + SAY, "`client` belongs to a post"),
    ("schedule", "every: 1h\ntask: x\napproval: required", "nobody can approve it"),
    ("schedule", "every: 1h\nsay: { room: garden, text: Hi }", "a room is client/room"),
    ("schedule", "every: 1h\nsay: { room: a/b, text: { fiel: x } }", "Field required"),
    ("schedule", "every: 1h\ntask: { generate: x }", "Field required"),
    ("schedule", POST + "{ kind: image }", "exactly one of pick, media"),
    ("schedule", POST + "{ kind: poll, media: x.jpg }", "'image', 'carousel', 'reel' or 'story'"),
    ("schedule", POST + "{ kind: image, media: [a.jpg, b.jpg] }", "has one file, not 2"),
    ("schedule", POST + "{ kind: carousel, media: a.jpg }", "a carousel has 2 to 10 pictures, not 1"),
    ("schedule", POST + "{ kind: carousel, pick: { from: m/*.jpg, count: 11 } }", "less than or equal to 10"),
    ("schedule", POST + "{ kind: carousel, pick: { from: m/*.jpg, count: 1 } }", "a carousel has 2 to 10 pictures"),
    ("schedule", POST + "{ kind: image, media: ../x.jpg }", "stays inside it"),
    ("schedule", POST + "{ kind: story, media: x.jpg, caption: Hi }", "a post of kind story has no caption"),
    ("schedule", POST + "{ kind: image, media: x.jpg, cover: y.jpg }", "a post of kind image has no cover"),
    ("schedule", POST + "{ kind: image, media: x.jpg, collaborators: ['@a'] }", "written without its @"),
    ("schedule", POST + "{ kind: image, media: x.jpg, collaborators: [a, b, c, d] }", "at most 3"),
    (
        "schedule",
        POST + "{ kind: image, media: x.jpg, user_tags: [{ username: a, x: 2, y: 1 }] }",
        "less than or equal",
    ),
    ("schedule", POST + "{ kind: image, media: x.jpg, user_tags: [{ username: a, x: 1 }] }", "`x` and `y` belong"),
    # clients
    ("client", "agent: tifa", "Field required"),
    ("client", "type: discord", "Field required"),
    ("client", DISCORD + "guilds: [1]", "Extra inputs"),
    ("client", DISCORD + "persona: robot", "'bot' or 'webhook'"),
    ("client", DISCORD + "routes: [{ agent: a }]", "exactly one of room, category, guild"),
    ("client", DISCORD + "routes: [{ room: a, guild: 1, agent: a }]", "exactly one of room, category, guild"),
    ("client", DISCORD + "routes: [{ room: a }]", "a route says something of the place"),
    ("client", DISCORD + "routes: [{ room: a, agent: b, agents: [c] }]", "`agent` or `agents`, not both"),
    ("client", DISCORD + "rooms: { a: 1 }\nroutes: [{ room: a, agent: b }, { room: 1, agent: c }]", "for the room 1"),
    ("client", DISCORD + "routes: [{ room: a, agent: b }, { room: a, agent: c }]", "two routes are for the room a"),
    ("client", DISCORD + "access: { bots: some }", "'none', 'addressed' or 'all'"),
    ("client", DISCORD + "gather: 1.5", "90s, 10m, 2h, 365d"),
    ("client", DISCORD + "dry_run: maybe", "this is true or false"),
    ("client", "type: instagram\naccount_id: 1\naccess_token: x\nlisten: [likes]", "'comments', 'messages' or"),
    ("client", "type: instagram\naccount_id: 1\naccess_token: x\nlogin: google", "'facebook' or 'instagram'"),
    ("client", "type: webhook", "Field required"),
    ("client", "type: webhook\nsignature: { type: magic, secret: x }", "'github', 'hmac' or 'token'"),
    ("client", "type: webhook\nsignature: { type: github, secret: x, header: y }", "github signs in a header of its"),
    # actions, evaluators, providers
    ("action", "type: python", "Field required"),
    ("action", "entrypoint: x\nrepeat: often", "'never', 'keyed' or 'safe'"),
    ("action", "entrypoint: x\ntimeout: 0s", "greater than 0"),
    ("action", "type: http\nrequest: { url: example.com }", "starts with https://"),
    ("action", "type: http\nrequest: { url: 'https://x', method: FETCH }", "'GET', 'HEAD', 'POST'"),
    ("action", "type: http\nrequest: { url: 'https://x', json: {}, body: x }", "a request has one body"),
    ("action", "type: http\nrequest: { url: 'https://{{ host }}/x' }", "`network` has to name the hosts"),
    ("action", "type: http\nrequest: { url: 'https://x', retry: { statuses: [6xx] } }", "429"),
    ("action", HTTP + "network: [https://x]", "this is a host"),
    ("action", HTTP + "parameters: { my city: {} }", "a parameter's name"),
    ("action", HTTP + "parameters: { city: { type: text } }", "'string', 'integer'"),
    ("action", HTTP + "parameters: { city: { minlength: 1 } }", "Extra inputs"),
    ("action", HTTP + "parameters: { city: { enum: [a, b], default: c } }", "none of its `enum`"),
    ("action", HTTP + "parameters: { city: { items: {} } }", "`items` belongs to a parameter of type array"),
    ("action", HTTP + "parameters: { city: { properties: { a: {} } } }", "of type object"),
    ("action", "type: mcp", "exactly one of command, url"),
    ("action", "type: mcp\ncommand: a server", "a command is a list of its words"),
    ("action", "type: mcp\nurl: https://x\nenv: { A: b }", "`env` belongs to a `command`"),
    ("action", "type: mcp\ncommand: [a]\nheaders: { A: b }", "`headers` belong to a `url`"),
    ("action", "type: openapi\ndocument: /etc/passwd", "stays inside it"),
    ("evaluator", "question: Is it?", "Field required"),
    ("evaluator", "type: judge", "Field required"),
    ("evaluator", "type: judge\nquestion: q\npass: 2", "less than or equal to 1"),
    ("evaluator", "type: judge\nquestion: q\nthreshold: 0.2", "Extra inputs"),
    ("evaluator", "type: judge\nquestion: q\non_fail: replace", "`on_fail: replace` and `text` belong together"),
    ("evaluator", "type: judge\nquestion: q\nstage: message\non_fail: revise", "there is replace or block"),
    ("evaluator", "type: judge\nquestion: q\nstage: after\non_fail: block", "what was sent stays sent"),
    ("evaluator", "type: judge\nquestion: q\nevery: 4", "`every` belongs to `stage: after`"),
    ("provider", "type: python", "Field required"),
    ("script", "rules: [{ say: x, fail: timeout }]", "exactly one of say, call, sequence, fail"),
    ("script", "rules: [{ purpose: facts, say: x }]", "Extra inputs"),
]
"""A kind, a document, and what its reader is told."""

NO_SCHEMA_SAYS = (
    "a bracket that is not closed",
    "has an empty pattern",
    "is called by its key",
    "`jitter` has to be shorter than `every`",
    "is not made of",
    "that day never comes",
    "there is no such day or time",
    "two routes are for",
    "for the room 1",
    "none of its `enum`",
    "did you mean 'Europe/Oslo'?",
    "at least 1",
)
"""Rules that the schemas leave to the models."""


@pytest.mark.parametrize(("kind", "text", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_what_is_wrong_is_refused_with_what_helps(kind: str, text: str, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        block(kind, text)

    assert message in "; ".join(error["msg"] for error in refused.value.errors())
    assert editor_takes(kind, text) is any(rule in message for rule in NO_SCHEMA_SAYS)


# --- what it then means -----------------------------------------------------------------------------------------------


def agent(text: str) -> Any:
    return block("agent", text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("6/min", Rate(6, "min")), ("60k/turn", Rate(60_000, "turn")), ("1.5M / month", Rate(1_500_000, "month"))],
)
def test_a_rate_is_a_number_for_a_time(text: str, rate: Rate) -> None:
    assert agent(f"budgets: [{{ tokens: {text} }}]").budgets[0].tokens == rate


def test_a_cost_is_dollars_for_a_time() -> None:
    assert agent("budgets: [{ cost: 0.50 USD/turn }]").budgets[0].cost == Cost(0.5, "turn")


def test_an_id_stays_what_was_written() -> None:
    rooms = block("client", DISCORD + "rooms: { ops: 1180000000000000001, old: 007 }").rooms

    assert rooms == {"ops": "1180000000000000001", "old": "007"}


def test_a_cron_line_stays_what_was_written_and_means_five_fields() -> None:
    assert block("schedule", 'cron: "@daily"\n' + SAY).cron == "@daily"
    assert cron_line("@daily") == "0 0 * * *"
    assert cron_line("30 8 * * mon-fri") == "30 8 * * mon-fri"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Good day", "Good day"),
        ("[Good, day]", "Good\nday"),
        ("{ file: a.j2 }", TextFile(file="a.j2")),
        ("{ generate: Greet }", Generated(generate="Greet")),
        ("{ generate: { file: a.j2 } }", Generated(generate=TextFile(file="a.j2"))),
    ],
)
def test_words_stand_here_or_in_a_file_or_are_generated(text: str, meant: object) -> None:
    assert block("schedule", f"every: 1h\nsay: {{ room: a/b, text: {text} }}").say.text == meant


def test_an_entry_is_a_name_a_name_with_settings_or_the_whole_of_it() -> None:
    named, settings, whole = agent(
        "evaluators: [a, b: { pass: 0.8 }, c: { type: judge, question: q, pass: 0.2 }]"
    ).evaluators

    assert (named, settings) == (Entry(name="a"), Entry(name="b", settings={"pass": "0.8"}))
    assert (whole.name, whole.definition.question, whole.definition.pass_from) == ("c", "q", 0.2)


def test_a_model_is_a_name_or_stands_in_place() -> None:
    assert agent("{}").model == agent("model: large").model == "large"
    assert agent("model: openai/gpt-5").model == agent("model: { use: openai/gpt-5 }").model


def test_a_part_in_place_is_of_its_type() -> None:
    discord = agent("clients: { discord: { type: discord, token: t } }").clients["discord"]

    assert isinstance(discord, Discord)
    assert discord.token.get_secret_value() == "t"


def test_what_is_wrong_in_place_is_told_by_its_path() -> None:
    with pytest.raises(ValidationError) as refused:
        agent("clients: { discord: { type: discord, token: t, access: { bots: some } } }")

    assert [error["loc"] for error in refused.value.errors()] == [("clients", "discord", "access", "bots")]


def test_what_is_called_like_a_secret_is_one() -> None:
    action = block("action", "type: mcp\nurl: https://x\nheaders: { X-Api-Key: abc, Accept: text/plain }")

    assert action.headers == {"X-Api-Key": SecretStr("abc"), "Accept": "text/plain"}


def test_what_only_reads_may_run_again_unless_it_says_otherwise() -> None:
    post = "type: http\nrequest: { url: 'https://x', method: POST }\n"

    assert isinstance(reads := block("action", HTTP), HttpAction)
    assert [reads.repeat, block("action", HTTP + "repeat: never").repeat] == ["safe", "never"]
    assert [block("action", post).repeat, block("action", post + "repeat: keyed").repeat] == ["never", "keyed"]


def test_every_kind_has_its_words_and_its_types() -> None:
    assert all(model_for(kind) is not None for kind in ("host", *KINDS))
    assert types_of("client") == ("console", "discord", "instagram", "webhook")
    assert types_of("agent") == ()
    assert all(model_for(kind, type) for kind in KINDS for type in types_of(kind))
    assert model_for("action", "telepathy") is None
    assert model_for("media_host", "ftp") is None


def test_the_keys_of_what_stands_in_place_are_known() -> None:
    model = model_for("agent")
    assert model is not None

    assert Discord in [*parts(model.model_fields["clients"])]
    assert "otherwise" in next(parts(model.model_fields["permissions"])).model_fields


# --- what does not run yet --------------------------------------------------------------------------------------------


def said(kind: str, text: str) -> list[tuple[str, str]]:
    return [(".".join(map(str, trail)), severity) for trail, _, severity in not_yet(kind, block(kind, text))]


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("agent", "{ character: { bio: x }, actions: [roll_dice], respond: always, words: { held: ~ } }", []),
        ("agent", "{ respond: decide, formerly: other }", ["formerly error"]),
        ("agent", "{ limits: { messages: 6/min, steps: 2 } }", []),
        ("agent", "{ enabled: false, formerly: other }", []),
        ("agent", "{ schedules: { a: { every: 1h, task: x } }, when_down: say, notify: a/b }", []),
        ("agent", "schedules: { a: { every: 1h, client: c, post: { kind: story, media: x.jpg } } }", []),
        ("agent", "clients: { c: { type: discord, token: x, formerly: d } }", ["clients.c.formerly error"]),
        ("agent", "clients: { c: { type: console, gather: 1s, formerly: d } }", ["clients.c.formerly error"]),
        ("agent", "actions: [a, b: { type: mcp, command: [c] }]", []),
        ("agent", "evaluators: [a: { type: judge, question: q }]", []),
        ("client", "{ type: 'shop.till:Till', routes: [{ room: 1, respond: decide }], dry_run: true }", []),
        ("action", "{ type: python, entrypoint: 'a:b' }", []),
        ("schedule", "{ every: 1h, task: x }", []),
        ("schedule", "{ every: 1h, client: c, post: { kind: story, media: x.jpg } }", []),
        ("host", "{ embeddings: { use: openai/small } }", ["embeddings.use error"]),
        ("host", "{ embeddings: { use: none }, models: { a: { fallback: [b] } }, notify: a/b }", []),
    ],
)  # fmt: skip
def test_what_does_not_run_yet_is_said_where_it_is_written(kind: str, text: str, expected: list[str]) -> None:
    assert sorted(" ".join(each) for each in said(kind, text)) == expected


def test_what_does_not_run_yet_is_said_in_words() -> None:
    (found,) = not_yet("agent", agent("formerly: other"))

    assert found == (("formerly",), "`formerly: other` is read and checked, and does not run yet", "error")
