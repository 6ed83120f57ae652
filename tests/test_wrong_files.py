"""Every mistake is told where it stands, with its code and with what helps."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from carrier.config.catalog import Catalog, Refused, load
from carrier.config.diagnostics import CODES, Problem
from carrier.testing.projects import write
from tests.wrong_files import BASE, WRONG, Wrong


def test_nothing_is_wrong_with_the_project_that_they_are_laid_over(tmp_path: Path) -> None:
    assert told(Wrong("", {}, ":0:0: ", ""), tmp_path) == []


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_a_mistake_is_told_at_its_place_with_what_helps_and_nothing_else_is(wrong: Wrong, tmp_path: Path) -> None:
    (problem,) = told(wrong, tmp_path)

    assert str(problem).startswith(f"{wrong.start} ")
    assert wrong.part in str(problem)


def test_each_mistake_is_there_once_and_each_code_at_least_once() -> None:
    names = Counter(wrong.name for wrong in WRONG)

    assert [name for name, count in names.items() if count > 1] == []
    assert {wrong.code for wrong in WRONG} == set(CODES)


def told(wrong: Wrong, folder: Path) -> Sequence[Problem]:
    """The problems; of what does not run yet only if that is the mistake."""
    found = loaded(wrong, folder).problems
    return [each for each in found if each.code != "CAR050" or (wrong.code == "CAR050" and each.file == wrong.file)]


def loaded(wrong: Wrong, folder: Path) -> Catalog:
    path = write(folder, {**BASE, **wrong.files})
    for name, to in wrong.links.items():
        (folder / name).symlink_to(to)
    overlay = {"CARRIER_ENV": "dev"} if "carrier.dev.yaml" in wrong.files else {}
    environment = {**wrong.environment, **overlay}
    catalog = load(path, environment)
    if not wrong.refused:
        return catalog
    file = folder / wrong.refused
    return load(path, environment, None, [Refused(file, catalog.digests[file], wrong.part)])
