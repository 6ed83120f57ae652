"""The commands `import` and `export`: characters from elsewhere and back, and an agent with all it rests on."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carrier.errors import CarrierError

if TYPE_CHECKING:
    from carrier.config.cards import Card
    from carrier.config.cards.bundle import Bundle
    from carrier.config.catalog import Catalog

Force = Annotated[bool, typer.Option("--force", help="Write over what is there.")]
FORMATS = "eliza, card-v1, card-v2, card-v3, or bundle for agent:NAME"


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="An ElizaOS character, a Tavern card (JSON, PNG, CHARX), or a bundle.")],
    name: Annotated[str, typer.Option(help="Its name here; else made of the name it has.")] = "",
    kind: Annotated[str, typer.Option(help="agent, or character: without an agent of its own.")] = "agent",
    to: Annotated[Path | None, typer.Option(help="The folder to write to; else the one of the agents.")] = None,
    force: Force = False,
) -> None:
    """Bring a character along, or unpack a bundle. Says what was left out; nothing is overwritten."""
    from carrier.config.cards import bundle

    catalog = context.obj.load()
    content = _content(file)
    found = bundle.opened(content)
    if found:
        _write(unpacked(catalog, found), force)
        _say_what_it_needs(found, catalog)
    else:
        _import_card(catalog, file.name, content, name, kind, to or catalog.host.folders.agents[0], force)


def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A character's name, or an agent's; agent:NAME for a bundle.")],
    format: Annotated[str, typer.Option(help=FORMATS)],
    png: Annotated[Path | None, typer.Option(help="A PNG to put the card into.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="The file to write; .charx for an archive. Else it is printed.")
    ] = None,
    force: Force = False,
) -> None:
    """Write a character in another format, or an agent with all it rests on as one bundle without its secrets."""
    catalog = context.obj.load()
    name = name.removeprefix("agent:")
    if format == "bundle":
        _write({to or Path(f"{name}.zip"): packed_agent(catalog, name)}, force)
        return
    content = _exported(catalog, name, format, png, to)
    if to or png:
        _write({to or Path(f"{name}.card.png"): content}, force)
    else:
        typer.echo(content, nl=False)


# --- cards in --------------------------------------------------------------------------------------------------------


def _import_card(
    catalog: "Catalog", source: str, content: bytes, name: str, kind: str, folder: Path, force: bool
) -> None:
    from carrier.config import cards

    card = cards.read(content)
    files = card_files(catalog, card, source, name, kind, folder)
    if cards.is_picture(content):
        files[catalog.root / "cards" / f"{next(iter(files)).stem}.png"] = content
    _write(files, force)
    for sentence in card.left_out:
        print(f"left out: {sentence}", file=sys.stderr)


def card_files(catalog: "Catalog", card: "Card", source: str, name: str, kind: str, folder: Path) -> dict[Path, bytes]:
    """The file that a card becomes."""
    from carrier.config.cards.document import document, name_from
    from carrier.config.models import is_name

    name = name or name_from(str(card.fields["display_name"])) or name_from(source.partition(".")[0])
    if not is_name(name):
        raise CarrierError(f"{name!r} is no name: give one with --name, of lower-case letters, digits, - and _")
    if kind not in ("agent", "character"):
        raise CarrierError(f"{kind!r} is no kind to import; there are agent, character")
    path = folder / f"{name}.yaml"
    for each in dict.fromkeys((kind, "character")):
        _refuse_a_second(catalog, each, name, [path])
    schema = Path(os.path.relpath(catalog.root / "schemas", folder)).as_posix() + "/document.schema.json"
    text = document(name, "agent" if kind == "agent" else "character", card.fields, card.format, source, schema)
    return {path: text.encode()}


def _refuse_a_second(catalog: "Catalog", kind: str, name: str, places: Iterable[Path]) -> None:
    """Where it would stand in another file than those."""
    definition = catalog.definitions.get((kind, name))
    if definition and definition.file.resolve() not in [place.resolve() for place in places]:
        raise CarrierError(f"another {kind} is called {name!r}, in {os.path.relpath(definition.file)}")


# --- cards out -------------------------------------------------------------------------------------------------------


def _exported(catalog: "Catalog", name: str, format: str, png: Path | None, to: Path | None) -> bytes:
    from carrier.config import cards

    if format not in cards.FORMATS:
        raise CarrierError(f"{format!r} is no format; there are {FORMATS}")
    written = cards.write(words_of(catalog, name), format)
    for each in written.left_out:
        print(f"left out: {each}, for which {format} has no place", file=sys.stderr)
    picture = _content(png) if png else b""
    return cards.packed(written.data, picture, archive=bool(to and to.suffix == ".charx"))


def words_of(catalog: "Catalog", name: str) -> dict[str, object]:
    """What the character of that name, or of the agent of that name, says of itself."""
    from carrier.config import models
    from carrier.config.characters import files_of, titled, vocabulary

    block = _character(catalog, name)
    if block is None:
        known = sorted({each for kind, each in catalog.definitions if kind in ("agent", "character")})
        raise CarrierError(f"nobody is called {name!r}; there are {', '.join(known) or 'none yet'}")
    assert isinstance(block, models.Character)
    files = {path: _content(catalog.root / path).decode("utf-8", "replace") for _, path in files_of(block)}
    return {"display_name": titled(name.partition(".")[0]), **vocabulary(block, files)}


def _character(catalog: "Catalog", name: str) -> object | None:
    """The character itself, the one within an agent, or the one that an agent names."""
    agent = catalog.definitions.get(("agent", name))
    named = str(getattr(agent.block, "character", None) or name) if agent else name
    for key in (f"{name}.character", named, name):
        if found := catalog.definitions.get(("character", key)):
            return found.block
    return None


# --- bundles ---------------------------------------------------------------------------------------------------------


def packed_agent(catalog: "Catalog", name: str) -> bytes:
    """The bundle of an agent; raises CarrierError for one that is not there, or rests on a broken file."""
    from carrier.config.cards import bundle

    if name not in catalog.agents:
        raise CarrierError(f"no agent is called {name!r}; there are {', '.join(sorted(catalog.agents)) or 'none yet'}")
    if catalog.stale("agent", name):
        raise CarrierError(f"the files of {name!r} are broken: see carrier-host check")
    files = bundled_files(catalog.root, catalog.rests["agent", name], (catalog.path, catalog.host.env_file))
    names = {value: variable for variable, value in catalog.environment.items()}
    secrets = {secret: names.get(secret, "") for secret in catalog.secrets}
    return bundle.packed(bundle.bundled(name, files, secrets))


def bundled_files(root: Path, files: Iterable[Path], without: Iterable[Path]) -> dict[str, bytes]:
    """Those of the files that lie in a folder of the project, and are no files of the project itself."""
    others = set(without)
    inside = (file for file in files if file.is_relative_to(root) and file not in others)
    paths = {file.relative_to(root): file for file in inside}
    return {
        path.as_posix(): file.read_bytes()
        for path, file in sorted(paths.items())
        if len(path.parts) > 1 and not any(part.startswith(".") for part in path.parts)
    }


def unpacked(catalog: "Catalog", bundle: "Bundle") -> dict[Path, bytes]:
    """Where the bundle's files go; those that are there already, letter for letter, are left alone."""
    root = catalog.root.resolve()
    places = {root / path: content for path, content in bundle.files.items()}
    _refuse_a_second(catalog, "agent", bundle.agent, places)
    for place in places:
        if not place.resolve().is_relative_to(root) or place.resolve().is_relative_to(catalog.host.data.resolve()):
            raise CarrierError(f"this bundle would write to {place}, which is none of its places")
    return {place: content for place, content in places.items() if not _holds(place, content)}


def _holds(place: Path, content: bytes) -> bool:
    return place.is_file() and place.stat().st_size == len(content) and place.read_bytes() == content


def _say_what_it_needs(bundle: "Bundle", catalog: "Catalog") -> None:
    code = [path for path in bundle.files if path.endswith(".py")]
    unset = [name for name in bundle.variables if not catalog.environment.get(name)]
    if code:
        print(f"code that came with it, and runs as yours: {', '.join(sorted(code))}", file=sys.stderr)
    if unset:
        print(f"set in .env: {', '.join(unset)}", file=sys.stderr)


# --- files -----------------------------------------------------------------------------------------------------------


def _content(file: Path) -> bytes:
    """A file's bytes, one more than any card or bundle may have."""
    from carrier.config.cards.bundle import BYTES

    try:
        with file.open("rb") as opened:
            content = opened.read(BYTES + 1)
    except OSError as error:
        raise CarrierError(f"{file} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(content) > BYTES:
        raise CarrierError(f"{file} is larger than {BYTES // 1024**2} MB")
    return content


def _write(files: Mapping[Path, bytes], force: bool) -> None:
    """All of them, or none if one is there."""
    if not force and (existing := [os.path.relpath(path) for path in files if path.exists()]):
        raise CarrierError(f"{', '.join(existing)} is there already, and stays as it is; write over it with --force")
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        print(os.path.relpath(path), file=sys.stderr)
