"""The project as it ships, for journeys through it."""

import shutil
from pathlib import Path

import pytest

from carrier.testing.projects import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shipped(tmp_path: Path) -> Project:
    """A copy of its own, on a free port."""
    project = Project(tmp_path / "project")
    for name in ("agents.d", "actions", "templates"):
        shutil.copytree(ROOT / name, project.folder / name)
    shutil.copy(ROOT / "carrier.yaml", project.config)
    project.edit("carrier.yaml", "port: 8000", "port: 0")
    return project
