"""Every code is explained, and truly: its wrong files are wrong in that way, and its right ones are right."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from carrier.config.diagnostics import CODES, Problem
from carrier.config.explanations import EXPLANATIONS, PROJECT, Explanation, page, problems, section

PAGE = Path(__file__).parent.parent / "docs/problems.md"
NOT_YET = "CAR050"


def test_every_code_is_explained() -> None:
    assert list(EXPLANATIONS) == list(CODES)


def test_nothing_is_wrong_with_the_project_that_examples_are_laid_over() -> None:
    assert problems(PROJECT) == ()


@pytest.mark.parametrize("explanation", EXPLANATIONS.values(), ids=lambda explanation: explanation.code)
def test_a_wrong_example_has_its_problem_and_no_other(explanation: Explanation) -> None:
    found = problems(explanation.wrong, explanation.links, explanation.refused)

    (problem,) = without_others_that_do_not_run(found, explanation)
    assert problem.code == explanation.code
    assert problem.file in {*explanation.wrong, *explanation.links, *(name.split("/")[0] for name in explanation.wrong)}


@pytest.mark.parametrize("explanation", EXPLANATIONS.values(), ids=lambda explanation: explanation.code)
def test_a_right_example_has_no_problem(explanation: Explanation) -> None:
    assert without_others_that_do_not_run(problems(explanation.right), explanation) == []


def without_others_that_do_not_run(found: Sequence[Problem], explanation: Explanation) -> list[Problem]:
    """An example may show what runs in a later version, if that is not what it is about."""
    return [each for each in found if explanation.code == NOT_YET or each.code != NOT_YET]


@pytest.mark.parametrize("explanation", EXPLANATIONS.values(), ids=lambda explanation: explanation.code)
def test_an_explanation_is_one_to_five_sentences(explanation: Explanation) -> None:
    sentences = re.findall(r"[.:](?=\s|$)", explanation.text)

    assert explanation.text.endswith(".")
    assert 1 <= len(sentences) <= 6


def test_a_section_shows_the_wrong_file_its_problem_and_the_right_one() -> None:
    assert section(EXPLANATIONS["CAR013"]).partition("Wrong:")[2] == SECTION


SECTION = """

`agents.d/hello.yaml`

```yaml
character: { bio: Hei. }
limits: { turn: 90 }
```

```text
agents.d/hello.yaml:2:17: CAR013 turn: a duration is a number and its unit, as in 90s, 10m, 2h, 365d
   2 | limits: { turn: 90 }
     |                 ^
```

Right:

`agents.d/hello.yaml`

```yaml
character: { bio: Hei. }
limits: { turn: 90s }
```
"""


def test_the_page_in_the_repository_is_the_one_that_the_explanations_make() -> None:
    assert PAGE.read_text() == page(), "run python -m carrier.config.explanations > docs/problems.md"
