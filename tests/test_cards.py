"""Characters from elsewhere come in, run, and go out again with nothing lost; what is no card is refused."""

import base64
import io
import json
import os
import struct
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from carrier.api.calling import calling
from carrier.cli import cards as commands
from carrier.cli.project import Project as Context
from carrier.config import cards, models
from carrier.config.cards import bundle
from carrier.config.cards.containers import PNG, as_picture, unpacked
from carrier.config.cards.document import document, name_from
from carrier.config.cards.forms import can_be_said
from carrier.config.catalog import Catalog, load
from carrier.config.characters import vocabulary
from carrier.config.reading import natural, read
from carrier.config.values import Variables
from carrier.testing.hosts import running_host
from carrier.testing.projects import SMALL, Project, project

DATA = Path(__file__).parent / "data/cards"
FILES = sorted(DATA.glob("*.json"))


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(*between: bytes) -> bytes:
    """A dot, with these chunks beside it."""
    header, dot = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), zlib.compress(b"\0\0")
    return PNG + chunk(b"IHDR", header) + b"".join(between) + chunk(b"IDAT", dot) + chunk(b"IEND", b"")


PICTURE = picture(chunk(b"tEXt", b"Comment\0kept"))
LARGE = picture(chunk(b"prVt", bytes(3_000_000)))
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Nia", "description": "d", "first_mes": "hi"}}

app = typer.Typer()
app.command("import")(commands.import_)
app.command("export")(commands.export)


@pytest.fixture
def demo(tmp_path: Path) -> Project:
    return project(tmp_path / "demo", {**SMALL, "agents.d/tifa.yaml": SMALL["agents.d/hello.yaml"]})


def run(demo: Project, *arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    context = Context(demo.config, environment or {})
    return CliRunner().invoke(app, [str(each) for each in arguments], obj=context)


def done(demo: Project, *arguments: object, environment: Mapping[str, str] | None = None) -> Result:
    result = run(demo, *arguments, environment=environment)
    assert result.exit_code == 0, result.exception
    return result


def errors(catalog: Catalog) -> list[str]:
    return [str(problem) for problem in catalog.problems if problem.severity == "error"]


def without_secrets(data: dict[str, Any]) -> dict[str, Any]:
    """The fixture as it should come back: those secrets that it has are known here."""
    kept = {key: value for key, value in data.items() if key != "secrets"}
    if isinstance(kept.get("settings"), dict):
        gone = ("secrets", "DISCORD_API_TOKEN")
        kept["settings"] = {key: value for key, value in kept["settings"].items() if key not in gone}
    return kept


def format_of(path: Path) -> cards.Format:
    return next(format for format in cards.FORMATS if path.name.startswith(format))


def exact(value: object) -> str:
    return json.dumps(value, sort_keys=True)


# --- in, and out again -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_character_from_elsewhere_loads_and_goes_out_again_with_nothing_lost(path: Path, demo: Project) -> None:
    done(demo, "import", path, "--name", "guest")

    catalog = load(demo.config, {})
    out = done(demo, "export", "guest", "--format", format_of(path)).stdout

    assert errors(catalog) == []
    assert catalog.agents["guest"].character.display_name
    assert exact(json.loads(out)) == exact(without_secrets(json.loads(path.read_text())))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_edited_field_is_all_that_differs_in_what_goes_out(path: Path) -> None:
    card = cards.read(path.read_bytes())
    before = cards.write(card.fields, card.format).data
    field = {"eliza": "system", "card-v1": "scenario"}.get(card.format, "system")
    key = {"eliza": "system", "card-v1": "scenario"}.get(card.format, "system_prompt")

    after = cards.write({**card.fields, field: "Rewritten."}, card.format).data

    where = ("data",) if card.format in ("card-v2", "card-v3") else ()
    assert inner(after, where)[key] == "Rewritten."
    assert exact({**inner(after, where), key: 0}) == exact({**inner(before, where), key: 0})


def inner(data: Mapping[str, Any], where: tuple[str, ...]) -> Mapping[str, Any]:
    for key in where:
        data = data[key]
    return data


def test_an_edited_conversation_leaves_the_others_as_they_were() -> None:
    path = DATA / "eliza-v0-actions.json"
    card = cards.read(path.read_bytes())
    drawn, thanked = card.fields["message_examples"]

    edited = {**card.fields, "message_examples": [[{"user": "hey", "agent": "ho"}], drawn, thanked]}
    new, *others = cards.write(edited, "eliza").data["messageExamples"]

    assert new == [{"user": "{{user1}}", "content": {"text": "hey"}}, {"user": "Bruno", "content": {"text": "ho"}}]
    assert others == json.loads(path.read_text())["messageExamples"]


def test_an_edited_entry_leaves_the_rest_of_the_book_as_it_was() -> None:
    path = DATA / "card-v2-book.json"
    card = cards.read(path.read_bytes())
    fields = json.loads(json.dumps(card.fields))
    fields["lorebook"]["entries"][0]["content"] = "It broke."
    wanted = json.loads(path.read_text())
    wanted["data"]["character_book"]["entries"][0]["content"] = "It broke."

    assert exact(cards.write(fields, "card-v2").data) == exact(wanted)


@pytest.mark.parametrize("into", ["eliza", "card-v2", "card-v3"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_another_format_has_no_field_for_comes_back_from_it(path: Path, into: cards.Format) -> None:
    fields = {key: value for key, value in cards.read(path.read_bytes()).fields.items() if key != "extensions"}

    written = cards.write(fields, into)
    back = cards.read(json.dumps(written.data).encode()).fields

    assert written.left_out == ()
    assert {key: back.get(key) for key in fields if key not in TOLD_OTHERWISE} == {
        key: value for key, value in fields.items() if key not in TOLD_OTHERWISE
    }


TOLD_OTHERWISE = ("bio", "lorebook", "message_examples", "post_examples", "system", "style", "lore")
"""Fields whose texts another format joins, or whose places for names it writes in its own way."""


def test_a_card_of_the_first_version_says_what_it_has_no_place_for() -> None:
    fields = {"display_name": "Nia", "topics": ["tea"], "greetings": ["Hi.", "Ho."]}

    written = cards.write(fields, "card-v1")

    assert written.left_out == ("topics", "greetings, all but the first")
    assert written.data["first_mes"] == "Hi."


@pytest.mark.parametrize(
    ("name", "format", "left_out"),
    [
        ("card-v2-book", "card-v3", ()),
        ("card-v3-plain", "card-v2", ()),
        ("card-v2-book", "card-v1", ("lorebook", "extensions", "what only card-v2 says")),
        ("card-v2-book", "eliza", ("extensions", "what only card-v2 says")),
        ("eliza-v0-plain", "card-v2", ("what only eliza says",)),
        ("eliza-v0-plain", "eliza", ()),
    ],
)
def test_an_export_says_what_does_not_go_along(name: str, format: cards.Format, left_out: tuple[str, ...]) -> None:
    fields = cards.read((DATA / f"{name}.json").read_bytes()).fields

    assert cards.write(fields, format).left_out == left_out


def test_what_a_card_says_becomes_the_fields_of_a_character() -> None:
    fields = cards.read((DATA / "card-v2-book.json").read_bytes()).fields

    sword, fire, hot = fields["lorebook"]["entries"]

    assert (fields["display_name"], fields["bio"], fields["scenario"]) == ("Rurik", ["A smith."], "The forge")
    assert fields["greetings"] == ["Hm."]
    assert fields["message_examples"] == [[{"user": "A sword?", "agent": "*nods*\nTomorrow."}, {"agent": "Or later."}]]
    assert (fields["lorebook"]["depth"], fields["lorebook"]["characters"]) == (2, 2048)
    assert (sword["keys"], sword["secondary_keys"], sword["order"]) == (["sword", "blade"], ["steel"], 10)
    assert (fire["enabled"], fire["position"], "secondary_keys" in fire) == (False, "after", False)
    assert hot["constant"]


def test_what_an_eliza_character_says_becomes_the_fields_of_a_character() -> None:
    fields = cards.read((DATA / "eliza-v1-agentname.json").read_bytes()).fields
    wire = cards.read((DATA / "eliza-v0-twitter.json").read_bytes()).fields

    assert fields["system"] == "You are {{char}}. Talk to {{user}}."
    assert fields["message_examples"] == [[{"user": "who?", "agent": "{{char}}, {{user}}."}]]
    assert wire["knowledge"] == [{"text": "STOP means full stop"}, "wire/history.md"]
    assert wire["username"] == "wire_bot"


def test_no_secret_is_taken_over_and_each_is_named() -> None:
    card = cards.read((DATA / "eliza-v0-actions.json").read_bytes())
    stored = cards.read((DATA / "eliza-v1-agent.json").read_bytes())

    assert card.left_out == (
        "settings.secrets.DISCORD_API_TOKEN is a secret, and belongs into .env",
        "settings.secrets.TWITTER_PASSWORD is a secret, and belongs into .env",
    )
    assert [line.split()[0] for line in stored.left_out] == ["settings.DISCORD_API_TOKEN", "secrets.A"]
    assert "abc.def" not in exact(card.fields)
    assert "xyz" not in exact(stored.fields)


def test_an_entry_whose_pattern_could_hang_is_there_and_not_enabled() -> None:
    card = cards.read((DATA / "card-v3-book.json").read_bytes())

    assert [entry.get("enabled") for entry in card.fields["lorebook"]["entries"]] == [None, False, None]
    assert card.left_out[0].startswith("entry 2 of the lorebook is not enabled: the pattern '(a+)+$' is not taken")


# --- pictures and archives -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["card-v1-plain", "card-v2-book", "card-v3-book"])
def test_a_card_in_a_picture_comes_in_and_goes_out_with_its_picture(name: str, demo: Project, tmp_path: Path) -> None:
    data = json.loads((DATA / f"{name}.json").read_text())
    (tmp_path / "in.png").write_bytes(cards.packed(data, PICTURE))

    done(demo, "import", tmp_path / "in.png", "--name", "guest")
    done(demo, "export", "guest", "--format", name[:7], "--png", demo.folder / "cards/guest.png", "--to",
         tmp_path / "out.png")  # fmt: skip

    assert (demo.folder / "cards/guest.png").read_bytes() == (tmp_path / "in.png").read_bytes()
    assert b"Comment\0kept" in (tmp_path / "out.png").read_bytes()
    assert exact(unpacked((tmp_path / "out.png").read_bytes())) == exact(data)


def test_of_two_cards_in_a_picture_the_newer_counts() -> None:
    newer = json.loads((DATA / "card-v3-plain.json").read_text())
    content = as_picture(PICTURE, {"chara": V2, "ccv3": newer})

    assert cards.read(content).format == "card-v3"
    assert b"Comment\0kept" in content


def test_an_archive_holds_a_card_too(demo: Project, tmp_path: Path) -> None:
    data = json.loads((DATA / "card-v3-plain.json").read_text())
    (tmp_path / "in.charx").write_bytes(cards.packed(data, archive=True))

    done(demo, "import", tmp_path / "in.charx")
    done(demo, "export", "lumen", "--format", "card-v3", "--to", tmp_path / "out.charx")

    assert exact(unpacked((tmp_path / "out.charx").read_bytes())) == exact(data)


@pytest.mark.parametrize("name", ["card-v3-plain.json", "nia.png"])
def test_a_card_that_a_character_names_gives_every_field_and_a_field_beside_it_wins(name: str, demo: Project) -> None:
    (demo.folder / "cards").mkdir()
    content = cards.packed(V2, LARGE) if name.endswith("png") else (DATA / name).read_bytes()
    (demo.folder / "cards" / name).write_bytes(content)
    demo.write("agents.d/guest.yaml", f"character:\n  card: cards/{name}\n  personality: Changed.\n")

    catalog = load(demo.config, {})

    guest = catalog.agents["guest"].character
    assert errors(catalog) == []
    assert guest.display_name == ("Nia" if name.endswith("png") else "Lumen")
    assert (guest.greetings, guest.personality) == (("hi",) if name.endswith("png") else ("Click.",), "Changed.")


# --- the file --------------------------------------------------------------------------------------------------------


def test_an_imported_file_names_its_schema_teaches_and_reads_well(demo: Project) -> None:
    done(demo, "import", DATA / "card-v2-plain.json")

    text = (demo.folder / "agents.d/nia.yaml").read_text()

    assert text.startswith("# yaml-language-server: $schema=../schemas/document.schema.json\n# The agent nia.")
    assert "# from card-v2" not in text
    assert "\n# Who it is: the first line follows its name.\nbio:\n- '{{char}} keeps a shop.'\n" in text


def test_a_character_comes_in_without_an_agent_where_that_is_asked_for(demo: Project) -> None:
    done(demo, "import", DATA / "card-v2-plain.json", "--kind", "character", "--to", demo.folder / "agents.d/people")

    catalog = load(demo.config, {})

    assert errors(catalog) == []
    assert "nia" not in catalog.agents
    assert ("character", "nia") in catalog.definitions
    assert "../../schemas/document" in (demo.folder / "agents.d/people/nia.yaml").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--name", "hello"), "agents.d/hello.yaml is there already"),
        (("--name", "No"), "'No' is no name"),
        (("--kind", "client"), "'client' is no kind to import"),
        (("--name", "hello", "--to", "OTHER"), "another agent is called 'hello'"),
    ],
)
def test_an_import_that_would_harm_is_refused(arguments: tuple[str, ...], said: str, demo: Project) -> None:
    before = {path: path.read_bytes() for path in demo.folder.rglob("*") if path.is_file()}
    words = [str(demo.folder / "agents.d/other") if word == "OTHER" else word for word in arguments]

    result = run(demo, "import", DATA / "card-v2-plain.json", *words)

    assert said in str(result.exception)
    assert {path: path.read_bytes() for path in demo.folder.rglob("*") if path.is_file()} == before


def test_an_import_overwrites_where_it_is_forced_to(demo: Project) -> None:
    done(demo, "import", DATA / "card-v2-plain.json", "--name", "hello", "--force")

    assert load(demo.config, {}).agents["hello"].character.display_name == "Nia"


@pytest.mark.parametrize(
    ("written", "name"),
    [("Älva the 2nd", "alva-the-2nd"), ("狐狸", ""), ("  --x--  ", "x"), ("A" * 99, "a" * 64), ("Old_Tom", "old_tom")],
)
def test_a_name_for_files_is_made_of_the_one_for_people(written: str, name: str) -> None:
    assert name_from(written) == name


@pytest.mark.parametrize(("name", "said"), [("nobody", "nobody is called 'nobody'"), ("tifa", "is no format")])
def test_an_export_of_what_is_not_there_is_refused(name: str, said: str, demo: Project) -> None:
    format = "card-v2" if name == "nobody" else "card-v9"

    assert said in str(run(demo, "export", name, "--format", format).exception)


def test_a_character_written_here_goes_out_with_its_texts_from_files(demo: Project) -> None:
    demo.write("texts/system.md", "Be {{char}}.\n")
    demo.write("agents.d/own.yaml", "character: { system: { file: texts/system.md }, bio: [One., Two.] }\n")

    card = json.loads(done(demo, "export", "own", "--format", "card-v2").stdout)

    assert card["data"]["name"] == "Own"
    assert card["data"]["system_prompt"].strip() == "Be {{char}}."
    assert card["data"]["description"] == "One.\nTwo."
    assert card["data"]["alternate_greetings"] == []


async def test_every_character_from_elsewhere_answers(demo: Project) -> None:
    names = sorted(path.stem for path in DATA.glob("*.json"))
    for name in names:
        done(demo, "import", DATA / f"{name}.json", "--name", name)

    async with running_host(demo) as opened, calling(demo.data) as caller:
        answers = {name: await caller.post(f"/{name}/message", {"text": "hello"}) for name in names}
        prompt = (await caller.post("/eliza-v0-unicode/render", {"text": "hi"}))["prompt"]
        broken = [str(each) for each in opened.host.catalog.problems if each.severity == "error"]

    assert broken == []
    assert len(names) >= 28
    assert {answer["outcome"] for answer in answers.values()} == {"answered"}
    assert "You are Ålva 🦊." in prompt


# --- what is no card -------------------------------------------------------------------------------------------------


def archived(name: str, content: bytes, times: int = 1) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(times):
            archive.writestr(name if number == 0 else f"{number}", content)
    return written.getvalue()


def encrypted(archive: bytes) -> bytes:
    """The archive with the flag that says so."""
    at = archive.index(b"PK\x01\x02") + 8
    return archive[:at] + b"\x01" + archive[at + 1 :]


def damaged(picture: bytes) -> bytes:
    at = picture.index(b"chara\0") + 20
    return picture[:at] + b"A" + picture[at + 1 :]


def with_text(text: bytes) -> bytes:
    return picture(chunk(b"tEXt", b"chara\0" + text))


HOSTILE: Mapping[str, tuple[bytes | Callable[[], bytes], str]] = {
    "empty": (b"", "this is not JSON"),
    "no JSON": (b"name: Nia", "this is not JSON: Expecting value in line 1, column 1"),
    "not UTF-8": (b'{"name": "\xff"}', "this is not UTF-8 text: byte 10"),
    "UTF-16": ('{"name": "Nia"}'.encode("utf-16"), "this is not UTF-8 text"),
    "a list": (b"[]", "this is no character"),
    "nobody": (b"{}", "neither an ElizaOS character nor a Tavern card"),
    "no name": (b'{"bio": []}', "this character has no name"),
    "a lorebook": (b'{"spec": "lorebook_v3", "data": {}}', "'lorebook_v3' is no card that can be read"),
    "no data": (b'{"spec": "chara_card_v2"}', "data: this has to be a map"),
    "wrong bio": (b'{"name": "a", "bio": 7}', "bio: this has to be a list of texts"),
    "wrong topics": (b'{"name": "a", "topics": [1]}', "topics: this has to be a list of texts"),
    "wrong style": (b'{"name": "a", "style": "short"}', "style: this has to be a map"),
    "wrong examples": (b'{"name": "a", "messageExamples": ["hi"]}', "messageExamples: this has to be"),
    "wrong line": (b'{"name": "a", "messageExamples": [[1]]}', "messageExamples: this has to be"),
    "wrong speaker": (b'{"name": "a", "messageExamples": [[{"name": 1}]]}', "this has to be a text"),
    "wrong name": (json.dumps({**V2, "data": {"name": ["x"]}}).encode(), "name: this has to be a text"),
    "wrong book": (json.dumps({**V2, "data": {"name": "x", "character_book": 1}}).encode(), "has to be a map"),
    "wrong entry": (
        json.dumps({**V2, "data": {"name": "x", "character_book": {"entries": [1]}}}).encode(),
        "entries: this has to be a list of entries",
    ),
    "wrong flag": (
        json.dumps({**V2, "data": {"name": "x", "character_book": {"entries": [{"enabled": "yes"}]}}}).encode(),
        "enabled: this has to be true or false",
    ),
    "deep": (b'{"name":' + b"[" * 100_000, "nested too deeply"),
    "rather deep": (b'{"name": "a", "bio": [], "x":' + b"[" * 30 + b"]" * 30 + b"}", "levels deep"),
    "many": (b'{"name": "a", "bio": [], "x": [' + b"0," * 60_000 + b"0]}", "more than 40,000 values"),
    "50 MB": (b'{"name": "' + b"a" * 50_000_000 + b'"}', "larger than 32 MB"),
    "5 MB of JSON": (b'{"name": "' + b"a" * 5_000_000 + b'"}', "larger than 4 MB"),
    "NaN": (b'{"name": "a", "bio": [], "x": NaN}', "NaN is no number"),
    "1e999": (b'{"name": "a", "bio": [], "x": 1e999}', "is too large"),
    "digits": (b'{"name": "a", "bio": [], "x": ' + b"9" * 100_000 + b"}", "is too large"),
    "no card in a picture": (PICTURE, "this picture holds no card"),
    "half a picture": (cards.packed(V2, PICTURE)[:-30], "cut off"),
    "a picture's beginning": (PNG + b"\xff", "cut off"),
    "a chunk without end": (PNG + b"\xff\xff\xff\xfftEXt", "cut off"),
    "wrong checksum": (damaged(cards.packed(V2, PICTURE)), "checksum"),
    "no base64": (with_text(b"{not base64}"), "not base64"),
    "half of base64": (with_text(b"QUJ"), "not base64"),
    "base64 of nothing": (with_text(base64.b64encode(b"nothing")), "this is not JSON"),
    "no card in an archive": (archived("other.json", b"{}"), "this archive holds no card.json"),
    "half an archive": (archived("card.json", b"{}")[:40], "this archive cannot be read"),
    "a zip bomb": (lambda: archived("card.json", b" " * 200_000_000), "larger than 4 MB"),
    "a crowded archive": (lambda: archived("card.json", b"{}", 10_001), "more than 10,000 files"),
    "an encrypted archive": (encrypted(archived("card.json", b"{}")), "is encrypted"),
}
"""What is large is made by its own test: each worker collects them all."""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_card_is_refused_with_a_sentence_in_bounded_time_and_memory(name: str) -> None:
    made, said = HOSTILE[name]
    content = made() if callable(made) else made
    started = time.perf_counter()
    tracemalloc.start()

    with pytest.raises(cards.CardError, match=said.replace("(", r"\(")):
        cards.read(content)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.perf_counter() - started < 2
    assert peak < 64_000_000


def test_a_card_that_is_too_large_for_a_file_of_ours_says_where_to_put_it(demo: Project, tmp_path: Path) -> None:
    (tmp_path / "big.json").write_text(json.dumps({"name": "Big", "bio": ["a" * 1_200_000]}))

    result = run(demo, "import", tmp_path / "big.json")

    assert "put it into cards/" in str(result.exception)
    assert not (demo.folder / "agents.d/big.yaml").exists()


# --- whatever a card says --------------------------------------------------------------------------------------------

TEXT = st.text(st.characters() | st.sampled_from("\x00\x85\u2028\ud83e"), max_size=20) | st.sampled_from(
    [
        "{{user}}: hi",
        "{{char}}: a\n<START>\nb",
        "${A}",
        "$${",
        "{{user1}}",
        "{{agentName}} {{char}}",
        "a\n b\n",
        " #x",
        "1e5",
    ]
)
KEYS = TEXT | st.just("<<")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
TEXTS = st.lists(TEXT, max_size=3)
OPEN = st.dictionaries(KEYS | st.just("imported") | st.just("carrier"), JSON, max_size=2)


def shaped(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of these keys, and perhaps others."""
    known = st.fixed_dictionaries({}, optional=keys)
    return st.builds(lambda more, data: {**more, **data}, st.dictionaries(KEYS, JSON, max_size=2), known)


FLAG = st.none() | st.booleans()
ENTRY = shaped(
    keys=TEXTS | TEXT,
    content=TEXT,
    extensions=OPEN,
    enabled=st.booleans(),
    insertion_order=st.integers(-9, 9) | st.just(1.5),
    use_regex=st.booleans(),
    constant=FLAG,
    case_sensitive=FLAG,
    selective=FLAG,
    secondary_keys=TEXTS,
    position=st.sampled_from(["before_char", "after_char", "", 1]),
    name=TEXT,
    comment=TEXT | st.none(),
    id=JSON,
    priority=JSON,
)
BOOK = st.none() | shaped(
    entries=st.lists(ENTRY, max_size=3),
    extensions=OPEN,
    scan_depth=st.integers(-5, 500),
    token_budget=st.integers(0, 10**9),
)
CARD = shaped(
    description=TEXT | st.none(), nickname=TEXT, personality=TEXT, scenario=TEXT, first_mes=TEXT, mes_example=TEXT,
    system_prompt=TEXT, alternate_greetings=TEXTS, character_book=BOOK, extensions=OPEN, tags=TEXTS,
)  # fmt: skip
LINE = st.fixed_dictionaries(
    {"content": TEXT | st.fixed_dictionaries({"text": TEXT}, optional={"action": TEXT})},
    optional={
        "name": st.sampled_from(["A", "{{user1}}", "{{agentName}}"]),
        "user": st.sampled_from(["A", "{{user1}}"]),
    },
)
LINES = st.lists(LINE, max_size=3)
ELIZA = shaped(
    bio=TEXT | TEXTS, lore=TEXTS, system=TEXT | st.none(), username=TEXT, topics=TEXTS, adjectives=TEXTS,
    postExamples=TEXTS, style=st.none() | st.dictionaries(st.sampled_from(["all", "chat", "more"]), TEXTS),
    knowledge=st.lists(TEXT | st.dictionaries(st.sampled_from(["path", "directory", "shared"]), TEXT), max_size=3),
    messageExamples=st.lists(LINES | st.fixed_dictionaries({"examples": LINES}), max_size=3),
)  # fmt: skip


def there_and_back(data: dict[str, Any]) -> object:
    """In, into a file of ours, read and validated as the host does it, and out again."""
    card = cards.read(json.dumps(data).encode())
    text = document("x", "character", card.fields, card.format, "a test", "x.json")
    (written,) = read(text.encode(), "x.yaml").documents
    block = models.Character.model_validate(Variables({}, Path()).fill(written).document.data)
    return cards.write(vocabulary(block), card.format).data


@settings(max_examples=150, deadline=None)
@given(ELIZA)
def test_any_eliza_character_comes_back_as_it_was(data: dict[str, Any]) -> None:
    character = {
        key: value for key, value in data.items() if "ecret" not in key and "oken" not in key and "ey" not in key
    }
    character |= {"name": "A", "style": data.get("style")}

    assert exact(there_and_back(character)) == exact(character)


@settings(max_examples=150, deadline=None)
@given(
    CARD, st.sampled_from(["chara_card_v2", "chara_card_v3"]), st.dictionaries(KEYS, JSON, max_size=2), st.booleans()
)
def test_any_card_comes_back_as_it_was(data: dict[str, Any], spec: str, top: dict[str, Any], repeats: bool) -> None:
    inner = {**data, "name": "A"}
    card = {**top, **(inner if repeats else {}), "spec": spec, "data": inner}

    assert exact(there_and_back(card)) == exact(card)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries({}, optional={"personality": TEXT, "scenario": TEXT, "mes_example": TEXT, "first_mes": TEXT})
)
def test_any_card_of_the_first_version_comes_back_as_it_was(data: dict[str, Any]) -> None:
    card = {**data, "name": "A", "description": "d"}

    assert exact(there_and_back(card)) == exact(card)


def test_a_text_that_ends_in_empty_lines_stands_in_the_middle_of_a_file() -> None:
    card = {"name": "A", "bio": ["a\nb\n\n"], "lore": ["c"]}

    assert there_and_back(card) == card


@settings(max_examples=150, deadline=None)
@given(JSON.filter(can_be_said))
def test_whatever_a_card_keeps_stands_in_yaml_as_it_was(value: object) -> None:
    (written,) = read(document("x", "character", {"extensions": {"a": value}}, "", "", "").encode(), "x.yaml").documents

    assert exact(natural(Variables({}, Path()).fill(written).document.data["extensions"])) == exact({"a": value})


# --- bundles ---------------------------------------------------------------------------------------------------------

GARDEN: Mapping[str, str | bytes] = {
    **SMALL,
    ".env": "RIVER_TOKEN=river-secret-1\n",
    "agents.d/rose.yaml": (
        "character: { card: cards/rose.json, system: { file: texts/rose.md } }\n"
        "actions: [roll_dice]\n"
        "x-note: { api_key: written-out-1, token: '${RIVER_TOKEN:-fallback-1}' }   # mind river-secret-1\n"
        "description: 'has river-secret-1 in it'\n"
    ),
    "cards/rose.json": json.dumps({"name": "Rose", "bio": ["grows"]}),
    "texts/rose.md": "Be kind.\n",
}


@pytest.fixture
def garden(tmp_path: Path) -> Project:
    return project(tmp_path / "garden", GARDEN)


def packed(garden: Project, to: Path) -> bytes:
    done(garden, "export", "agent:rose", "--format", "bundle", "--to", to)
    return to.read_bytes()


def test_a_bundle_carries_an_agent_into_another_project_as_it_is(
    garden: Project, demo: Project, tmp_path: Path
) -> None:
    packed(garden, tmp_path / "rose.zip")
    before = load(garden.config, {}).agents["rose"]
    (demo.folder / "actions/dice.yaml").unlink()

    result = done(demo, "import", tmp_path / "rose.zip")
    after = load(demo.config, {"RIVER_TOKEN": "x", "ROSE_API_KEY": "y"})

    assert errors(after) == []
    assert after.agents["rose"].character == before.character
    assert after.agents["rose"].sources == before.sources
    assert [action.digest for action in after.agents["rose"].actions] == [before.actions[0].digest]
    assert "set in .env: RIVER_TOKEN, ROSE_API_KEY" in result.stderr


def test_a_bundle_holds_what_the_agent_rests_on_and_no_secret(garden: Project, tmp_path: Path) -> None:
    content = packed(garden, tmp_path / "rose.zip")

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}

    assert sorted(files) == [
        ".env.example", "actions/dice.py", "actions/dice.yaml", "agents.d/rose.yaml", "bundle.json",
        "cards/rose.json", "templates/chat.j2", "templates/time.j2", "texts/rose.md",
    ]  # fmt: skip
    assert files[".env.example"].endswith("\nRIVER_TOKEN=\nROSE_API_KEY=\n")
    assert 'api_key: "${ROSE_API_KEY}", token: "${RIVER_TOKEN}" }   # mind ***' in files["agents.d/rose.yaml"]
    assert 'description: "has ${RIVER_TOKEN} in it"' in files["agents.d/rose.yaml"]
    assert not [
        name for name, text in files.items() if "secret-1" in text or "written-out" in text or "fallback" in text
    ]
    assert packed(garden, tmp_path / "again.zip") == content


def test_a_bundle_overwrites_nothing(garden: Project, demo: Project, tmp_path: Path) -> None:
    packed(garden, tmp_path / "rose.zip")
    demo.write("texts/rose.md", "Mine.\n")

    result = run(demo, "import", tmp_path / "rose.zip")

    assert "texts/rose.md is there already" in str(result.exception)
    assert not (demo.folder / "agents.d/rose.yaml").exists()
    assert (demo.folder / "texts/rose.md").read_text() == "Mine.\n"


def test_a_bundle_brings_no_second_agent_of_a_name(garden: Project, demo: Project, tmp_path: Path) -> None:
    packed(garden, tmp_path / "rose.zip")
    demo.write("agents.d/mine.yaml", "name: rose\ncharacter: { bio: Was here first. }\n")

    assert "another agent is called 'rose'" in str(run(demo, "import", tmp_path / "rose.zip", "--force").exception)


def zipped(files: Mapping[str, bytes], manifest: object = None, mode: int = 0) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(bundle.MANIFEST, json.dumps(manifest or {"version": 1, "agent": "x", "variables": []}))
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return written.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped({"../evil.yaml": b""}), "no path inside"),
        (zipped({"agents.d/../../evil.yaml": b""}), "no path inside"),
        (zipped({"/etc/evil": b""}), "no path inside"),
        (zipped({"agents.d\\evil.yaml": b""}), "no path inside"),
        (zipped({"c:/evil.yaml": b""}), "no path inside"),
        (zipped({"agents.d/ /x.yaml": b""}), "no path inside"),
        (zipped({"agents.d//x.yaml": b""}), "no path inside"),
        (zipped({".env": b""}), "hidden files"),
        (zipped({".git/hooks/post-checkout": b""}), "hidden files"),
        (zipped({"carrier.yaml": b""}), "hidden files"),
        (zipped({"agents.d/link.yaml": b"/etc/passwd"}, mode=0o120777), "a link"),
        (zipped({}, {"version": 2, "agent": "x"}), "not one of version 1"),
        (zipped({}, {"version": 1, "agent": "../x"}), "not one of version 1"),
        (zipped({}, ["x"]), "not one of version 1"),
        (zipped({"agents.d/x.yaml": b"x"})[:-30], "cannot be read"),
    ],
)
def test_a_bundle_that_would_harm_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(cards.CardError, match=said):
        bundle.opened(content)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (lambda: {"agents.d/x.yaml": b" " * 80_000_000}, "grows past 64 MB"),
        (lambda: {f"agents.d/{number}.yaml": b"" for number in range(5001)}, "more than 5,000 files"),
    ],
    ids=["large", "crowded"],
)
def test_a_bundle_that_would_fill_the_disk_is_refused(files: Callable[[], Mapping[str, bytes]], said: str) -> None:
    with pytest.raises(cards.CardError, match=said):
        bundle.opened(zipped(files()))


def test_a_bundle_writes_through_no_link_and_not_into_the_data(demo: Project, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", demo.folder / "linked")

    for path in ("linked/x.yaml", "var/ledger.db"):
        (tmp_path / "b.zip").write_bytes(zipped({path: b""}))
        assert "none of its places" in str(run(demo, "import", tmp_path / "b.zip").exception)
    assert list((tmp_path / "outside").iterdir()) == []


def test_an_archive_that_is_no_bundle_may_be_a_card() -> None:
    assert bundle.opened(cards.packed(V2, archive=True)) is None
    assert bundle.opened(b"{}") is None
