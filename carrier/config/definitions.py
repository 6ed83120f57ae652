"""Documents held against the models: what each of them defines, or what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from carrier import registry
from carrier.config import layers, models
from carrier.config.diagnostics import Problem, suggestion
from carrier.config.not_yet import not_yet
from carrier.config.reading import Document, Trail
from carrier.config.validating import breaks, validated, without_what_is_wrong
from carrier.config.values import Missing, Variables

Key = tuple[str, str]
"""A kind and a name."""


@dataclass(frozen=True, slots=True)
class Written:
    """A document as its file has it, or a part that is written in place within one."""

    kind: str
    name: str
    document: Document
    file: Path
    owner: str = ""
    """The agent that it is written in."""

    @property
    def key(self) -> Key:
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class Definition:
    """A valid document: its block is what it says with all that lies under it, and the variables filled in."""

    kind: str
    name: str
    block: models.Described
    document: Document
    file: Path
    owner: str = ""
    under: tuple[Path, ...] = ()
    """The files of what lies under it."""
    missing: tuple[Missing, ...] = ()
    """Of a client or an action only: what it waits for."""
    draft: bool = False
    """Something in it is wrong and left out: good for finding what else is wrong, and for nothing more."""

    @property
    def key(self) -> Key:
        return self.kind, self.name

    def problem(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        return self.document.problem(path, code, message, hint)

    def warning(self, path: Trail, code: str, message: str, hint: str = "") -> Problem:
        return replace(self.document.problem(path, code, message, hint), severity="warning")


def written(documents: Sequence[Document], file: Path, kind: str) -> tuple[list[Written], list[Problem]]:
    """The documents of a file with their kinds and names; `kind` is that of one that does not say its own."""
    found, problems = [], []
    for number, document in enumerate(documents):
        each = Written(*_called(document, kind, "" if number else file.stem), document, file)
        wrong = list(_misplaced(each))
        problems += wrong
        if not wrong:
            found.append(each)
    return found, problems


def _called(document: Document, kind: str, name: str) -> Key:
    return str(document.data.get("kind") or kind), str(document.data.get("name") or name)


def _misplaced(each: Written) -> Iterator[Problem]:
    document, hint = each.document, "write `name:`"
    if each.kind not in models.KINDS:
        kinds = suggestion(each.kind, list(models.KINDS))
        yield document.problem(("kind",), "CAR014", f"{each.kind!r} is no kind of document for this place", kinds)
    elif not each.name:
        yield document.problem((), "CAR016", "only the first document of a file may go without a name", hint)
    elif not models.is_name(each.name) and "name" not in document.data:
        yield document.problem((), "CAR016", f"the file's name {each.name!r} is no name", hint)
    elif each.key == ("client", "api"):
        yield document.problem(("name",), "CAR016", "'api' is the name of the HTTP door; choose another")
    elif each.key == ("client", "schedule"):
        yield document.problem(("name",), "CAR016", "'schedule' is where tasks have their rooms; choose another")


# --- what it defines ------------------------------------------------------------------------------------------------


def define(
    each: Written, document: Document, under: tuple[Path, ...], variables: Variables
) -> tuple[Definition | None, list[Problem]]:
    """What a document means with all that lies under it, or a draft of it with what is wrong."""
    type_ = str(document.data.get("type") or "")
    model = models.model_for(each.kind, type_)
    if model is None and each.kind == "client" and type_ in registry.CLIENTS:
        model = models.Client
    if model is None:
        hint = suggestion(type_, _types_of(each.kind))
        return None, [document.problem(("type",), "CAR028", f"unknown type of {each.kind} {type_!r}", hint)]
    filled = variables.fill(document)
    waits = tuple(missing for missing in filled.missing if _may_wait(each.kind, missing))
    unset = [missing for missing in filled.missing if missing not in waits]
    block, wrong = validated(model, filled.document.data, filled.document, filled.missing)
    partial = _is_off(document)
    problems = [
        *filled.problems,
        *(document.problem(it.path, "CAR010", it.reason) for it in unset if not partial),
        *(it for it in wrong if not (partial and it.code == "CAR012")),
        *_named_twice(each),
    ]
    whole = block or without_what_is_wrong(model, filled.document.data)
    if whole is None and waits:
        whole = without_what_is_wrong(models.KINDS[each.kind], filled.document.data)
    if whole is None:
        return None, problems
    problems += _not_yet(each, whole, filled.document)
    draft = breaks(problems) or (block is None and not waits)
    return (
        Definition(each.kind, each.name, whole, filled.document, each.file, each.owner, under, waits, draft),
        problems,
    )


def _types_of(kind: str) -> list[str]:
    return list(dict.fromkeys([*models.types_of(kind), *(registry.CLIENTS if kind == "client" else ())]))


def _named_twice(each: Written) -> Iterator[Problem]:
    if each.owner and "name" in each.document.data:
        hint = "leave `name` out, or write a document of its own"
        yield each.document.problem(("name",), "CAR016", f"what stands in place here is called {each.name!r}", hint)


_SAID_BY_ALL = frozenset({"name", "kind", "type", "agent", "extends", "formerly", "description", "enabled"})


def _may_wait(kind: str, missing: Missing) -> bool:
    return kind in ("client", "action") and missing.path[0] not in _SAID_BY_ALL


def _is_off(document: Document) -> bool:
    return str(document.data.get("enabled")).lower() == "false"


def _not_yet(each: Written, block: models.Described, document: Document) -> Iterator[Problem]:
    for path, message, severity in not_yet(each.kind, block):
        yield replace(document.problem(path, "CAR050", message), severity=severity)


def host(document: Document, file: Path, variables: Variables) -> tuple[Definition | None, list[Problem]]:
    """What carrier.yaml says, or a draft of it with what is wrong."""
    kind = str(document.data.get("kind") or "host")
    if kind != "host":
        message = f"{file.name} holds the host, not a document of kind {kind!r}"
        return None, [document.problem(("kind",), "CAR014", message)]
    found, problems = define(Written("host", "host", document, file), document, (), variables)
    return found, [*problems, *_wrong_defaults(document)]


def _wrong_defaults(document: Document) -> Iterator[Problem]:
    """What could be right of no document of its kind."""
    defaults = document.data.get("defaults")
    for kind in defaults if isinstance(defaults, Mapping) else ():
        if kind in models.KINDS and isinstance(document.data["defaults"][kind], Mapping):  # type: ignore[index]
            part = layers.within(document, ("defaults", kind))
            model = models.model_for(kind, str(part.data.get("type") or "")) or models.KINDS[kind]
            yield from (it for it in validated(model, part.data, part)[1] if it.code in ("CAR011", "CAR013"))
