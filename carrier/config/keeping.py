"""The last good content of every file, in the data folder: a host that starts again comes up as it was."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from carrier.config.revisions import digest

FOLDER = "last-good"
_INDEX = "index.json"


def kept(data: Path, root: Path) -> dict[Path, bytes]:
    """What was kept, by the files' paths; nothing where nothing was, or where it cannot be read."""
    folder = data / FOLDER
    try:
        index = json.loads((folder / _INDEX).read_text("utf-8"))
        found = {root / name: (folder / str(number)).read_bytes() for name, number in index.items()}
    except (OSError, ValueError, AttributeError):
        return {}
    return {path: content for path, content in found.items() if digest(content) == index[_name(path, root)]}


def keep(contents: Mapping[Path, bytes], data: Path, root: Path) -> None:
    """Write down these contents and no others; raises OSError. What was kept before stays until all is written."""
    folder = data / FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    index = {_name(path, root): digest(content) for path, content in contents.items() if path.is_relative_to(root)}
    known = {entry.name for entry in os.scandir(folder)}
    for path, content in contents.items():
        number = digest(content)
        if number not in known and path.is_relative_to(root):
            _write(folder / number, content)
            known.add(number)
    _write(folder / _INDEX, json.dumps(index).encode())
    for name in known - {*index.values(), _INDEX}:
        with suppress(OSError):
            (folder / name).unlink()


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _write(path: Path, content: bytes) -> None:
    """In one step, for this user alone: what an operator wrote into a file may be secret.

    What a power failure leaves half written has another digest, and is not read.
    """
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    new.replace(path)
