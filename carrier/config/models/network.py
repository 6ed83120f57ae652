"""Where an action may reach, and what it shows there."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

_URL = r"https?://\S.*"
_HOST = r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_SECRET = re.compile("authorization|cookie|token|secret|password|credential|key$|key[-_]", re.IGNORECASE)


def _url(value: str) -> str:
    if not re.fullmatch(_URL, value):
        raise ValueError("this is an address that starts with https:// or http://")
    return value


def _host(value: str) -> str:
    if not re.fullmatch(_HOST, value):
        raise ValueError("this is a host, as in api.example.com, *.example.com or localhost:8080")
    return value


def _hidden(value: object) -> object:
    """The same, with what is called like a secret being one."""
    if not isinstance(value, Mapping):
        return value
    return {key: SecretStr(item) if _is_secret(key, item) else item for key, item in value.items()}


def _is_secret(key: object, item: object) -> bool:
    return isinstance(item, str) and _SECRET.search(str(key)) is not None


Url = Annotated[str, AfterValidator(_url), WithJsonSchema({"type": "string", "pattern": f"^{_URL}$"})]
NetworkName = Annotated[str, AfterValidator(_host), WithJsonSchema({"type": "string", "pattern": f"^{_HOST}$"})]
Shown = Annotated[
    dict[str, Annotated[str | SecretStr, Field(union_mode="left_to_right")]],
    BeforeValidator(_hidden, json_schema_input_type=dict[str, str]),
]
"""Headers or variables; what is called authorization, token, key and the like is a secret."""
