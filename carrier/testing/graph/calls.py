"""A request to the Graph API as its handlers see it: who asks for what, with which parameters."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from carrier.testing.graph.errors import GraphError, wrong_parameter
from carrier.testing.graph.faults import Action
from carrier.testing.graph.fetching import Fetched
from carrier.testing.graph.fields import Field, parse
from carrier.testing.graph.objects import Account, Node
from carrier.testing.graph.parameters import Table, table
from carrier.testing.graph.world import World

ANYWHERE = {"access_token", "appsecret_proof", "fields"}
ON_LISTS = {"limit", "after", "before"}


@dataclass(frozen=True, slots=True)
class Call:
    world: World
    method: str
    node: Node
    edge: str
    parameters: Mapping[str, Any]
    account: Account
    token: str
    files: Mapping[str, Fetched] = field(default_factory=dict)
    """What was fetched, by the parameter that said from where."""
    effects: tuple[Action, ...] = ()
    """What a script adds to its work."""

    def text(self, name: str) -> str:
        return str(self.parameters.get(name, ""))

    def flag(self, name: str) -> bool:
        return bool(self._read(name, _flag, False))

    def number(self, name: str, otherwise: int) -> int:
        return int(self._read(name, _unsigned, otherwise))

    def listed(self, name: str) -> list[Any]:
        return list(self._read(name, _listed, []))

    def mapped(self, name: str) -> dict[str, Any]:
        return dict(self._read(name, _mapped, {}))

    def moment(self, name: str, otherwise: float) -> float:
        return float(self._read(name, _moment, otherwise))

    def _read(self, name: str, reader: Callable[[Any], Any], otherwise: Any) -> Any:
        try:
            return reader(self.parameters[name]) if name in self.parameters else otherwise
        except ValueError:
            raise GraphError(wrong_parameter(f"Param {name} makes no sense")) from None

    @property
    def fields(self) -> tuple[Field, ...]:
        return parse(self.text("fields"))

    def lag(self, do: str) -> float:
        """How many seconds a script adds to something."""
        return sum(effect.seconds or 0 for effect in self.effects if effect.do == do)


def check_parameters(call: Call) -> None:
    """Raises GraphError for what Meta's SDK knows nothing of, and for values of another type."""
    known = _table(call)
    types = known.parameters(call.method, call.edge) if known else None
    if types is None:
        return
    more = ANYWHERE | ON_LISTS if call.method == "GET" else ANYWHERE
    for name, value in call.parameters.items():
        if name in types:
            _check_type(name, value, types[name])
        elif name not in more:
            raise GraphError(wrong_parameter(f"Param {name} is not a valid parameter"))


def known_fields(call: Call, kind: str) -> frozenset[str]:
    """What the SDK says that objects of a kind have."""
    known = table(call.account.login, kind) if call.world.rules.strict else None
    return known.fields if known else frozenset()


def _table(call: Call) -> Table | None:
    return table(call.account.login, call.node.kind)


def _check_type(name: str, value: Any, wanted: str) -> None:
    try:
        _READERS.get(wanted.partition("<")[0], str)(value)
    except ValueError:
        raise GraphError(wrong_parameter(f"Param {name} must be of type {wanted}")) from None


def _flag(value: Any) -> bool:
    if (said := str(value).lower()) not in ("true", "false", "1", "0"):
        raise ValueError(value)
    return said in ("true", "1")


def _unsigned(value: Any) -> int:
    if not str(value).isdecimal():
        raise ValueError(value)
    return int(value)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = json.loads(value) if value.startswith("[") else [part.strip() for part in value.split(",") if part]
    if not isinstance(value, list):
        raise ValueError(value)
    return value


def _mapped(value: Any) -> dict[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        raise ValueError(value)
    return found


def _moment(value: Any) -> float:
    """Seconds since 1970, given so or as a date."""
    if str(value).isdecimal():
        return float(value)
    said = datetime.fromisoformat(str(value))
    return (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()


_READERS = {
    "bool": _flag,
    "unsigned int": _unsigned,
    "list": _listed,
    "map": _mapped,
    "datetime": _moment,
}
