"""What carrier.yaml says, with what an environment lays over it, and the variables that everything may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from carrier.config import definitions, layers, models
from carrier.config.definitions import Definition
from carrier.config.diagnostics import Problem
from carrier.config.reader import Reader
from carrier.config.reading import Document, Unreadable, decoded
from carrier.config.values import Variables, variables_in
from carrier.errors import CarrierError


@dataclass(frozen=True, slots=True)
class HostReading:
    """The host's own files, as one reading found them."""

    definition: Definition | None
    """None where something is wrong with it."""
    block: models.Host
    """What of it can be used in any case."""
    variables: Variables
    files: tuple[Path, ...]


def read_host(reader: Reader, path: Path, environment: Mapping[str, str], env_file: Path | None) -> HostReading:
    """Reads carrier.yaml; `env_file` is that of the last reading, should this one say nothing."""
    over = _overlay(reader, path, environment)
    documents = reader.documents(path)
    more = reader.documents(over) if over else ()
    variables = _all_variables(reader, [*documents, *more], environment, env_file)
    files = (path, *([over] if over else []))
    for file, several in ((path, documents), (over, more)):
        if file and len(several) > 1:
            reader.tell(file, several[1].problem((), "CAR014", "only one document belongs here, the host"))
    found = _defined(reader, files, [*documents[:1], *more[:1]], variables) if documents else None
    block = found.block if found and isinstance(found.block, models.Host) else models.Host()
    return HostReading(found if found and not found.draft else None, block, variables, files)


def _defined(
    reader: Reader, files: Sequence[Path], documents: Sequence[Document], variables: Variables
) -> Definition | None:
    def define() -> tuple[Definition | None, list[Problem]]:
        return definitions.host(layers.settled(layers.laid(documents)), files[0], variables)

    there = [file for file in files if file in reader.contents.digests]
    digests = tuple(reader.contents.digests[file] for file in there)
    # What stands in further files is read again each time.
    again = object() if any(b"${file:" in reader.contents.get(file) for file in there) else None
    found, problems = reader.memo.of(("host", digests, variables.fingerprint, again), define)
    reader.tell(files[0], *problems)
    return found


def _overlay(reader: Reader, path: Path, environment: Mapping[str, str]) -> Path | None:
    name = environment.get("CARRIER_ENV", "")
    if not name:
        return None
    if not models.is_name(name):
        raise CarrierError(f"{name!r} is no name of an environment; write lower-case letters, digits, - and _")
    over = path.with_name(f"{path.stem}.{name}{path.suffix}")
    if over.exists() or over in reader.instead:
        return over
    reader.files.append(over)
    if not reader.project.root.joinpath(f".env.{name}").exists():
        raise CarrierError(f"there is neither {over.name} nor .env.{name} for the environment {name!r}")
    return None


def _all_variables(
    reader: Reader, documents: Sequence[Document], environment: Mapping[str, str], env_file: Path | None
) -> Variables:
    """The environment over what the variables' files set."""
    name = environment.get("CARRIER_ENV", "")
    path = env_file if env_file and not documents else reader.project.root / _env_file(documents)
    found: dict[str, str] = {}
    for file in (path, *([path.with_name(f"{path.name}.{name}")] if name else [])):
        found |= _variables_in(reader, file)
    return Variables({**found, **environment}, reader.project.root)


def _env_file(documents: Sequence[Document]) -> str:
    written = next((it.data["env_file"] for it in reversed(documents) if it.data.get("env_file")), None)
    return written if isinstance(written, str) and models.is_inside(written) else ".env"


def _variables_in(reader: Reader, path: Path) -> dict[str, str]:
    reader.files.append(path)
    reader.outside.add(path)
    try:
        content = reader.contents.get(path) if path.exists() else b""
        text = decoded(content, reader.project.shown(path))
    except (OSError, Unreadable) as error:
        reader.note(path, error)
        return {}
    found, problems = variables_in(text, reader.project.shown(path))
    reader.tell(path, *problems)
    return found
