"""What Meta's own SDK says may be sent and asked for: the tables of the package facebook-business, v26.0."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

Login = Literal["facebook", "instagram"]

MODULES: Mapping[Login, Mapping[str, str]] = {
    "facebook": {
        "account": "iguser",
        "page": "page",
        "container": "shadowigmediabuilder",
        "post": "igmedia",
        "comment": "igcomment",
    },
    "instagram": {
        "account": "iguserforigonlyapi",
        "container": "shadowigmediabuilder",
        "post": "igmediaforigonlyapi",
        "comment": "igcomment",
    },
}


@dataclass(frozen=True, slots=True)
class Table:
    """What one kind of object takes."""

    edges: Mapping[tuple[str, str], Mapping[str, str]]
    """By method and edge (without underscores: the SDK spells media_publish both ways): parameters and their types."""
    fields: frozenset[str]

    def parameters(self, method: str, edge: str) -> Mapping[str, str] | None:
        """None: the SDK knows no such edge."""
        return self.edges.get((method, edge.replace("_", "")))


def installed() -> bool:
    try:
        return version("facebook-business").startswith("26.")
    except PackageNotFoundError:
        return False


@cache
def table(login: Login, kind: str) -> Table | None:
    """The SDK's table for a kind of object; None: it has none, as for conversations."""
    if (module := MODULES[login].get(kind)) is None:
        return None
    [described] = [node for node in ast.parse(_source(module)).body if isinstance(node, ast.ClassDef)]
    return Table(dict(_edges(described)), frozenset(_fields(described)))


def _source(module: str) -> str:
    # Read, not imported: the package takes a tenth of a second, and its tables stand inside its functions.
    found = find_spec("facebook_business")
    assert found is not None
    assert found.origin is not None
    return (Path(found.origin).parent / "adobjects" / f"{module}.py").read_text()


def _edges(described: ast.ClassDef) -> Iterator[tuple[tuple[str, str], Mapping[str, str]]]:
    for function in described.body:
        if isinstance(function, ast.FunctionDef) and (named := dict(_named(function))).keys() >= {"method", "endpoint"}:
            edge = named["endpoint"].strip("/").replace("_", "")
            yield (named["method"], edge), named["param_types"]


def _named(function: ast.FunctionDef) -> Iterator[tuple[str, Any]]:
    """The request's method and endpoint, and the types of its parameters."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name("param_types")], value=value):
                yield "param_types", ast.literal_eval(value)
            case ast.keyword(arg="method" | "endpoint" as name, value=ast.Constant(value)):
                yield name, value


def _fields(described: ast.ClassDef) -> Iterator[str]:
    for inner in described.body:
        if isinstance(inner, ast.ClassDef) and inner.name == "Field":
            yield from (ast.literal_eval(node.value) for node in inner.body if isinstance(node, ast.Assign))
