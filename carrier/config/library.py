"""The project's templates: which of them there are, what each includes, and what it is not given."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from carrier import templates
from carrier.config.diagnostics import Problem, closest, suggestion
from carrier.errors import TemplateError
from carrier.types.parts import TemplateFile


@dataclass(frozen=True, slots=True)
class Source:
    """A template, or None where its file holds no text, and the file as problems name it."""

    path: Path
    file: str
    template: TemplateFile | None


@dataclass(frozen=True, slots=True)
class Checked:
    """A template with all it includes, and what is wrong with any of them."""

    sources: Mapping[str, TemplateFile]
    problems: Sequence[Problem]
    whole: bool
    """Each of them could be read."""
    files: tuple[Path, ...]


class Library:
    """The project's templates; each is looked at once for each set of variables it is given."""

    def __init__(self, sources: Mapping[str, Source]):
        self.sources = sources
        self._checked: dict[tuple[str, frozenset[str]], Checked] = {}

    def checked(self, name: str, given: frozenset[str]) -> Checked:
        if (name, given) not in self._checked:
            self._checked[name, given] = self._check(name, given)
        return self._checked[name, given]

    def _check(self, name: str, given: frozenset[str]) -> Checked:
        found: dict[str, TemplateFile | None] = {}
        problems = list(self._collect(name, found))
        files = tuple(self.sources[each].path for each in found)
        readable = {each: template for each, template in found.items() if template}
        whole = not problems and readable.keys() == found.keys()
        if whole:
            problems = list(self._undeclared(name, readable, given))
        return Checked(readable, problems, whole, files)

    def _undeclared(self, name: str, found: Mapping[str, TemplateFile], given: frozenset[str]) -> Iterator[Problem]:
        for variable, template, line in templates.Templates(found).undeclared(name):
            if variable not in given:
                hint = closest(variable, sorted(given))
                message = f"nothing is called {variable!r} here; there are {', '.join(sorted(given))}"
                yield self._problem(template, line, "CAR031", message, variable, hint)

    def _collect(self, name: str, found: dict[str, TemplateFile | None]) -> Iterator[Problem]:
        """Put the template and what it includes into `found`, and tell what is missing."""
        source = self.sources[name]
        found[name] = source.template
        if source.template is None:
            return
        try:
            included = sorted(templates.includes(source.template.source, name))
        except TemplateError as error:
            yield self._problem(name, error.line, "CAR030", templates.reason(error))
            return
        for part in included:
            if part not in self.sources:
                line = _line_of(part, source.template.source)
                hint = suggestion(part, sorted(self.sources))
                yield self._problem(name, line, "CAR026", f"unknown template {part!r}", part, hint)
            elif part not in found:
                yield from self._collect(part, found)

    def _problem(self, name: str, line: int, code: str, message: str, about: str = "", hint: str = "") -> Problem:
        source = self.sources[name]
        text = source.template.source if source.template else ""
        return Problem(source.file, line, _column_of(about, text, line), code, message, hint)


def _line_of(text: str, source: str) -> int:
    return source.count("\n", 0, max(source.find(text), 0)) + 1


def _column_of(text: str, source: str, line: int) -> int:
    lines = source.split("\n")[line - 1 : line]
    found = re.search(rf"(?<!\w){re.escape(text)}(?!\w)", lines[0]) if text and lines else None
    return found.start() + 1 if found else 1
