"""A character as its file has it, resolved into the value that an agent is made with."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from carrier.config import models
from carrier.config.models.character import LoreEntry, PassageFile
from carrier.config.models.patterns import bare
from carrier.config.reading import Trail, natural
from carrier.types import characters

_DECORATORS = r"\s*(?:^@@@?\w.*(?:\n|\Z)\s*)+"
"""Lines such as `@@depth 4`, which some programs read at the top of an entry."""


def character(
    block: models.Character,
    name: str,
    display_name: str = "",
    card: Mapping[str, object] | None = None,
    files: Mapping[str, str] | None = None,
) -> characters.Character:
    """The character of that name; a card gives every field, and a field beside it wins.

    `files` holds the texts of the files that the block and the card name, by their paths; see `files_of`.
    """
    whole = laid_over(block, card)
    texts = _Texts(files or {})
    styles = {"all": whole.style.all, "chat": whole.style.chat, "post": whole.style.post}
    return characters.Character(
        name=name,
        display_name=display_name or whole.display_name or titled(name),
        username=whole.username,
        system=texts.one(whole.system),
        bio=texts.all(whole.bio),
        lore=texts.all(whole.lore),
        personality=texts.one(whole.personality),
        scenario=texts.one(whole.scenario),
        topics=whole.topics,
        adjectives=whole.adjectives,
        style={key: lines for key, lines in styles.items() if lines},
        greetings=texts.all(whole.greetings),
        message_examples=tuple(
            tuple(characters.Example(each.user, each.agent) for each in exchanges)
            for exchanges in whole.message_examples
        ),
        post_examples=texts.all(whole.post_examples),
        lorebook=_lorebook(whole, texts),
    )


def laid_over(block: models.Character, card: Mapping[str, object] | None) -> models.Character:
    """The character as it is with its card under it."""
    if not card:
        return block
    return models.Character.model_validate({**card, **block.model_dump(exclude_unset=True)})


def titled(name: str) -> str:
    """A name for people out of one for files: `old-tom` is Old Tom."""
    return " ".join(word.capitalize() for word in re.split("[-_]", name) if word)


def files_of(block: models.Character) -> Iterator[tuple[Trail, str]]:
    """The files that hold texts of the character, and where each is named."""
    return _files(block, ())


def vocabulary(block: models.Character, files: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the character says of itself, as plain JSON values: the fields that are written, and no others."""
    written = block.model_dump(exclude_unset=True, exclude={*models.Described.model_fields, "kind", "card"})
    plain = natural(_with_texts(written, files or {}))
    return plain if isinstance(plain, dict) else {}


def _files(value: object, at: Trail) -> Iterator[tuple[Trail, str]]:
    match value:
        case PassageFile():
            yield at, value.file
        case models.Block():
            for name in value.model_fields_set:
                yield from _files(getattr(value, name), (*at, name))
        case tuple():
            for number, item in enumerate(value):
                yield from _files(item, (*at, number))


def _with_texts(value: Any, files: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        if value.keys() == {"file"} and value["file"] in files:
            return files[value["file"]]
        return {key: item if key == "extensions" else _with_texts(item, files) for key, item in value.items()}
    return [_with_texts(item, files) for item in value] if isinstance(value, tuple) else value


class _Texts:
    """Texts as they stand, or out of their files."""

    def __init__(self, files: Mapping[str, str]):
        self._files = files

    def one(self, passage: str | PassageFile) -> str:
        return self._files.get(passage.file, "").strip("\n") if isinstance(passage, PassageFile) else passage

    def all(self, passages: Sequence[str | PassageFile]) -> tuple[str, ...]:
        return tuple(self.one(passage) for passage in passages)


def _lorebook(block: models.Character, texts: _Texts) -> characters.Lorebook:
    book = block.lorebook
    entries = tuple(_entry(entry, texts) for entry in book.entries if entry.enabled)
    return characters.Lorebook(entries, book.depth, book.characters)


def _entry(entry: LoreEntry, texts: _Texts) -> characters.LoreEntry:
    return characters.LoreEntry(
        content=_without_decorators(texts.one(entry.content)),
        keys=tuple(bare(key) for key in entry.keys) if entry.regex else entry.keys,
        secondary_keys=() if entry.regex else entry.secondary_keys,
        constant=entry.constant,
        case_sensitive=entry.case_sensitive,
        regex=entry.regex,
        order=entry.order,
        after=entry.position == "after",
    )


def _without_decorators(content: str) -> str:
    found = re.match(_DECORATORS, content, re.MULTILINE)
    return content[found.end() :] if found else content
