"""A small project on disk, for tests that need files."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL: Mapping[str, str | bytes] = {
    "carrier.yaml": "version: 1\nname: demo\ntimezone: Europe/Oslo\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar and the peace. }\nactions: [ignore, roll_dice]\n",
    "agents.d/hello.yaml": "character: { bio: Greets everyone and keeps it short. }\n",
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": "def roll(sides: int = 6) -> int:\n    return 4\n",
    "templates/chat.j2": 'You are {{ character.display_name }}.\n{% include "time.j2" %}\n',
    "templates/time.j2": "It is {{ time }}.\n",
    "templates/facts.j2": "{{ agent.name }}: {{ lines }}\n",
}
"""Two agents, one of which may roll dice."""


def write(folder: Path, files: Mapping[str, str | bytes] = SMALL) -> Path:
    """Put the files into the folder, and give back where its carrier.yaml is."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "carrier.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with a carrier.yaml, whose files change as an operator changes them."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "carrier.yaml"

    @property
    def data(self) -> Path:
        return self.folder / "var"

    def write(self, name: str, text: str) -> None:
        """Save a file in one step, as editors do."""
        path, new = self.folder / name, self.folder / f"{name}.new"
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text)
        os.replace(new, path)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        assert old in text, f"{name} has no {old!r}"
        self.write(name, text.replace(old, new))

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()


def project(folder: Path, files: Mapping[str, str | bytes]) -> Project:
    """A project of these files."""
    write(folder, files)
    return Project(folder)
