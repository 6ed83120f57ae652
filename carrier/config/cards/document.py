"""The file that an imported character becomes: YAML that reads back as exactly the same, with comments that teach."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import yaml

from carrier.config import models
from carrier.config.cards.errors import CardError
from carrier.config.reading import Plain, natural, read

Kind = Literal["agent", "character"]

AGENT = """\
# The agent NAME. It is live as soon as this is saved: carrier-host chat NAME
name: NAME
# model: large                        # one of `models` in carrier.yaml
# actions: [ignore]                   # what it may do: names of actions/
# evaluators: [no_secrets, facts: { every: 6 }]            # what looks at an answer before, and at a talk after
---
"""

CHARACTER = """\
# Who it is, from SOURCE. Every line may be edited; `carrier-host export NAME --format FORMAT` writes it back.
# Only {{char}} and {{user}} are filled in, with its name and that of whoever speaks.
kind: character
name: NAME
"""

COMMENTS = {
    "display_name": "What people see, and what {{char}} stands for.",
    "username": "Its handle on platforms.",
    "system": "What the model is told beside who it is.",
    "bio": "Who it is: the first line follows its name.",
    "lore": "Always told; what is told only when it comes up belongs into a lorebook.",
    "greetings": "How it may open a conversation; the first is the usual one.",
    "message_examples": "Conversations, each a list of exchanges.",
    "lorebook": "Entries that are told when one of their keys comes up in the last lines, or always if `constant`.",
    "knowledge": "What can be recalled: paths of files, or a text.",
    "extensions": "What other programs keep here. Under `imported` stands what an export needs to lose nothing.",
}


def name_from(text: str) -> str:
    """A name for files out of one for people: Älva the 2nd is `alva-the-2nd`; empty where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:64]
    return name if models.is_name(name) else ""


def document(name: str, kind: Kind, fields: Mapping[str, Any], format: str, source: str, schema: str) -> str:
    """The text of the file; raises CardError where it would be more than a file of ours may hold."""
    filled = {"NAME": name, "FORMAT": format, "SOURCE": " ".join(source.split())}
    head = (AGENT if kind == "agent" else "") + CHARACTER
    for place, value in filled.items():
        head = head.replace(place, value)
    text = f"# yaml-language-server: $schema={schema}\n{head}{''.join(_body(fields))}"
    if problems := read(text.encode(), f"{name}.yaml").problems:
        raise CardError(
            f"this card cannot stand in a file of ours ({problems[0].message}): put it into cards/, and write"
            f" `character: {{ card: cards/{name}… }}`"
        )
    return text


def _body(fields: Mapping[str, Any]) -> Iterator[str]:
    for field in models.Character.model_fields:
        if field in fields:
            yield f"# {COMMENTS[field]}\n" if field in COMMENTS else ""
            yield _yaml({field: _escaped(fields[field])})


def _escaped(value: Any) -> Any:
    """The value as YAML has to say it: `${` is the beginning of a variable there."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    return [_escaped(item) for item in value] if isinstance(value, list) else value


# --- YAML ------------------------------------------------------------------------------------------------------------

_BLOCK = re.compile("[\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
"""Characters that a text over several lines keeps as they are."""

# Without libyaml the same text comes slower, out of Python.
_SafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: Any, text: str) -> Any:
    # Empty lines at the end of a block would end the document.
    if "\n" in text.strip("\n") and not text.endswith("\n\n") and _BLOCK.fullmatch(text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    quoted = not text or natural(Plain(text)) != text or "\n" in text
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def _yaml(value: object) -> str:
    return str(yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110))
