"""A small project on disk, for tests that need files."""

from collections.abc import Mapping
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
