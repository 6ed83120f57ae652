"""The providers and evaluators that an agent names: those in place, those of other documents, those built in."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from carrier.config import models
from carrier.config.definitions import Definition
from carrier.config.entrypoints import Code
from carrier.config.names import Names
from carrier.config.reading import Trail
from carrier.config.validating import validated
from carrier.types.parts import PartDefinition, PartUse

Part = models.Provider | models.Evaluator

FIXED = ("name", "kind", "type", "extends", "enabled", "entrypoint")
"""What an agent cannot say of a part that it only names."""


def uses(
    names: Names, entries: Iterable[models.Entry], kind: Mapping[str, str], noun: str, by: Definition, key: str
) -> tuple[PartUse, ...] | None:
    """What the entries name; None if one of them is not there."""
    found = [_use(names, entry, kind, noun, by, (key, number)) for number, entry in enumerate(entries)]
    whole = tuple(use for use in found if use)
    return whole if len(whole) == len(found) else None


def _use(
    names: Names, entry: models.Entry, kind: Mapping[str, str], noun: str, by: Definition, path: Trail
) -> PartUse | None:
    at = (*path, entry.name)
    for known in (f"{by.name}.{entry.name}", entry.name):
        if names.knows(noun, known):
            # What is known and broken stands in for nothing else.
            own = names.parts[noun].get(known)
            defined = _defined(names, *own, entry, by, at) if own else None
            return PartUse(entry.name, definition=defined) if defined else None
    part = names.part(kind, noun, entry.name, by, path)
    return PartUse(entry.name, names.settings(part, entry.settings, by, at)) if part else None


def _defined(
    names: Names, part: Definition, block: Part, entry: models.Entry, by: Definition, at: Trail
) -> PartDefinition | None:
    """The part as this agent has it; None if something about it is wrong."""
    names.rest(part)
    names.rest_on_files(by, names.rests[part.key])
    entrypoint = getattr(block, "entrypoint", "")
    code = names.code(part, entrypoint) if entrypoint else Code(part.file, "")
    laid = _laid(names, block, entry, by, at)
    if code is None or laid is None:
        return None
    names.rest(part, code.path)
    names.rest_on_files(by, names.rests[part.key])
    return _definition(names, entry.name, laid, code)


def _laid(names: Names, block: Part, entry: models.Entry, by: Definition, at: Trail) -> Part | None:
    """The part with the agent's own words over it."""
    written = {key: value for key, value in entry.settings.items() if value is not None and not key.startswith("x-")}
    fixed = [key for key in written if key in FIXED]
    for key in fixed:
        message, hint = f"{key!r} is said where {entry.name} is defined", "an agent may say how it is used"
        names.tell(by, by.document.problem_with_key((*at, key), "CAR011", message, hint))
    if fixed or not written:
        return None if fixed else block
    data = {**block.model_dump(by_alias=True, exclude_unset=True), **written}
    laid, problems = validated(type(block), data, by.document, by.missing, at)
    names.tell(by, *problems)
    return laid


def _definition(names: Names, name: str, block: Part, code: Code) -> PartDefinition:
    definition = PartDefinition(
        name=name,
        type=block.type,
        entrypoint=getattr(block, "entrypoint", ""),
        folder=names.around.project.root,
        timeout=block.timeout,
        digest=code.digest,
        code=code.text,
    )
    if isinstance(block, models.Provider):
        return definition
    return replace(
        definition,
        stage=block.stage,
        question=getattr(block, "question", ""),
        passes=getattr(block, "pass_from", 0.0),
        on_fail=block.on_fail,
        text=block.text,
        attempts=block.attempts,
        every=block.every,
    )
