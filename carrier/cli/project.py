"""The project that a command is about: its files, its environment, and the host that runs on it."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from carrier.api.calling import Caller
    from carrier.config.catalog import Catalog

HERE = Path("carrier.yaml")


@dataclass(frozen=True, slots=True)
class Project:
    """Where the files are, and what `${…}` in them is filled in from."""

    config: Path
    environment: Mapping[str, str]
    last_good: bool = False
    """Whether a host may start with the last good carrier.yaml where the present one is broken."""

    def load(self) -> "Catalog":
        from carrier.config.catalog import load

        return load(self.config, self.environment)

    def ask(self, question: Callable[["Caller"], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """What the host that runs answers; raises NobodyThere."""
        from carrier.api.calling import calling

        async def asked() -> dict[str, Any]:
            async with calling(self.load().host.data) as caller:
                return await question(caller)

        return asyncio.run(asked())


def project(config: Path, env: str, last_good: bool) -> Project:
    environment = {**os.environ, "CARRIER_ENV": env} if env else os.environ
    return Project(config, environment, last_good)


def agent_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names for the shell to complete: found by a look at the files, for reading them all would take too long."""
    config = Path(context.find_root().params.get("config") or HERE)
    folder = (config if config.is_dir() else config.parent) / "agents.d"
    files = [*folder.rglob("*.yaml"), *folder.rglob("*.yml")]
    return sorted({name for file in files for name in _agents_in(file) if name.startswith(incomplete)})


def _agents_in(file: Path) -> Iterator[str]:
    text = file.read_text("utf-8", "replace")
    for number, document in enumerate(re.split(r"^---.*$", text.removeprefix("---"), flags=re.MULTILINE)):
        kind = _value_of("kind", document)
        if (not kind or kind == "agent") and (name := _value_of("name", document) or ("" if number else file.stem)):
            yield name


def _value_of(key: str, document: str) -> str:
    found = re.search(rf"^{key}:\s*[\"']?([\w-]+)", document, re.MULTILINE)
    return found[1] if found else ""


AgentName = Annotated[str, typer.Argument(help="The agent's name.", autocompletion=agent_names)]
AsJson = Annotated[bool, typer.Option("--json", help="For a script to read.")]
