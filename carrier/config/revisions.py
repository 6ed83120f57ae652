"""One short hash for a value and all it holds: equal values, equal hashes."""

import json
from dataclasses import fields, is_dataclass
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, SecretStr


def revision(value: object) -> str:
    """Twelve letters; a secret goes in as its own hash, a path not at all: where a project lies changes nothing."""
    return digest(json.dumps(value, default=_plain, sort_keys=True).encode())


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:12]


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return sha256(value.get_secret_value().encode("utf-8", "surrogateescape")).hexdigest()
    if isinstance(value, Path):
        return ""
    if isinstance(value, BaseModel):
        return {**{name: getattr(value, name) for name in type(value).model_fields}, **(value.model_extra or {})}
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return str(value)
