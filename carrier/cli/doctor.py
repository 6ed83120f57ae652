"""The command `doctor`: is this machine ready for a host, and what helps where it is not."""

import asyncio
import json
import locale
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

import typer

from carrier.cli.project import AsJson, Project

if TYPE_CHECKING:
    from carrier.config.catalog import Catalog
    from carrier.types.models import Choice, ModelProfile

DISK_LITTLE, DISK_NONE = 1_000_000_000, 100_000_000
"""Bytes that should be free, and that have to be."""
DESCRIPTORS = 1024
STEP_SECONDS = 0.5
"""By how much the wall clock may leave the other one while the command runs."""
LONG_AGO = 1_760_000_000
"""Seconds since 1970 at which there was no Carrier yet."""
CONNECT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what helps."""

    state: Literal["ok", "warning", "problem"]
    about: str
    says: str
    remedy: str = ""


def doctor(
    context: typer.Context,
    online: Annotated[bool, typer.Option("--online", help="Also connect to the vendors of the models.")] = False,
    as_json: AsJson = False,
) -> None:
    """Is this machine ready: versions, keys, port, disk, limits, clock, models. Exit code 1: something is not."""
    from carrier.cli.printing import Table, put

    findings = list(examine(context.obj, online))
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        put(Table([(it.state, it.about, f"{it.says}; {it.remedy}" if it.remedy else it.says) for it in findings]))
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def examine(project: Project, online: bool = False) -> Iterator[Finding]:
    wall, other = time.time(), time.monotonic()
    catalog = project.load()
    yield from versions()
    yield configuration(catalog)
    yield from keys(catalog, project.environment)
    yield from place(catalog)
    yield data_folder(catalog.host.data)
    yield disk(catalog.host.data)
    yield from limits(catalog)
    yield text()
    yield from asyncio.run(models(catalog, online))
    yield schemas(catalog.root / "schemas")
    yield clock(catalog.host.timezone, time.time() - wall, time.monotonic() - other)


# --- what is installed ------------------------------------------------------------------------------------------------


def versions() -> Iterator[Finding]:
    """Python and the packages, against what Carrier was made for."""
    from importlib.metadata import PackageNotFoundError, metadata, requires

    try:
        needed, python = requires("carrier-host") or [], metadata("carrier-host")["Requires-Python"]
    except PackageNotFoundError:
        yield Finding("warning", "packages", "Carrier is not installed as a package", "install it: pip install -e .")
        return
    wrong = list(unsuitable([f"python{python}", *needed]))
    here = ".".join(map(str, sys.version_info[:3]))
    yield from wrong
    if not wrong:
        yield Finding("ok", "packages", f"Python {here} and every package are of a version that suits")


def unsuitable(needed: Sequence[str]) -> Iterator[Finding]:
    """Those of these requirements that are not met; `python` is one like any other."""
    from packaging.requirements import Requirement

    for need in map(Requirement, needed):
        if need.marker and not need.marker.evaluate({"extra": ""}):
            continue
        found = _version(need.name)
        if not need.specifier.contains(found, prereleases=True):
            says = f"{found or 'not installed'}, and Carrier needs {need.specifier}"
            yield Finding("problem", need.name, says, f"pip install '{need.name}{need.specifier}'")


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    if name == "python":
        return ".".join(map(str, sys.version_info[:3]))
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


# --- the files and their keys -----------------------------------------------------------------------------------------


def configuration(catalog: "Catalog") -> Finding:
    errors = sum(problem.severity == "error" for problem in catalog.problems)
    warnings = len(catalog.problems) - errors
    if not catalog.problems:
        return Finding("ok", "files", f"{catalog.path.name} and what it leads to have no mistakes")
    says = f"{errors} errors and {warnings} warnings"
    return Finding("problem" if errors else "warning", "files", says, "see carrier-host check")


def keys(catalog: "Catalog", environment: Mapping[str, str]) -> Iterator[Finding]:
    """Each variable that a file names, and the keys of vendors that are set: where from, and never what."""
    named = {name: has_default for file in catalog.files for name, has_default in _variables(file)}
    set_keys = {key for key, _ in VENDORS.values() if catalog.environment.get(key)}
    for name in sorted({*named, *set_keys}):
        if environment.get(name):
            yield Finding("ok", name, "set in the environment")
        elif catalog.environment.get(name):
            yield Finding("ok", name, f"set in {catalog.host.env_file.name}")
        elif named[name]:
            yield Finding("ok", name, "not set; its file has a value for that")
        else:
            yield Finding("warning", name, "not set", f"set it in {catalog.host.env_file.name}, or in the environment")


def _variables(file: Path) -> Iterator[tuple[str, bool]]:
    """The variables of a YAML file, and whether it says what counts without them."""
    if file.suffix in (".yaml", ".yml") and file.is_file():
        uncommented = re.sub(r"^\s*#.*$", "", file.read_text("utf-8", "replace"), flags=re.MULTILINE)
        for found in re.finditer(r"(?<!\$)\$\{([A-Za-z_]\w*)(:-)?", uncommented):
            yield found[1], bool(found[2])


# --- port and lock ----------------------------------------------------------------------------------------------------


def place(catalog: "Catalog") -> Iterator[Finding]:
    """Whether a host runs already, and whether the port is free for one."""
    from carrier.lock import FILE, is_locked

    data, server = catalog.host.data, catalog.host.server
    if is_locked(data):
        pid = (data / FILE).read_text().strip()
        yield Finding("ok", "lock", f"a host runs here (pid {pid})")
        return
    yield Finding("ok", "lock", "no host runs here")
    yield port(server.host, server.port)


def port(host: str, number: int) -> Finding:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((host, number))
        except OSError as error:
            says = f"{host}:{number}: {(error.strerror or str(error)).lower()}{holder(number)}"
            return Finding("problem", "port", says, "end that program, or set another `server: { port: … }`")
    return Finding("ok", "port", f"{host}:{number} is free")


def holder(number: int) -> str:
    """The program that listens on a port, as Linux tells it; empty where that cannot be seen."""
    sockets = {f"socket:[{inode}]" for inode in _listening(number)}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with suppress(OSError):
            if os.readlink(descriptor) in sockets:
                process = descriptor.parent.parent
                return f", held by {(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def _listening(number: int) -> Iterator[str]:
    """The inodes of the sockets that listen on a port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for row in Path(table).read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == number:
                    yield fields[9]


# --- disk and limits --------------------------------------------------------------------------------------------------


def data_folder(data: Path) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=_existing(data)) as file:
            file.write(b"carrier")
    except OSError as error:
        says = f"{data} cannot be written to: {(error.strerror or str(error)).lower()}"
        return Finding("problem", "data", says, "give this user the folder, or set another `data:` in carrier.yaml")
    return Finding("ok", "data", f"{data} can be written to")


def disk(data: Path) -> Finding:
    free = shutil.disk_usage(_existing(data)).free
    says = f"{free / 1e9:.1f} GB are free where the data is"
    if free >= DISK_LITTLE:
        return Finding("ok", "disk", says)
    remedy = "free some: with a full disk no message is acknowledged"
    return Finding("problem" if free < DISK_NONE else "warning", "disk", says, remedy)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def limits(catalog: "Catalog") -> Iterator[Finding]:
    """What the system grants: watches on files, and files that are open at once."""
    folders = sum(1 for path in catalog.watched for _ in os.walk(path))
    with suppress(OSError, ValueError):
        yield watches(folders, int(Path("/proc/sys/fs/inotify/max_user_watches").read_text()))
    with suppress(ImportError):  # not on Windows
        import resource

        yield descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE))


def watches(folders: int, granted: int) -> Finding:
    says = f"{folders} folders to watch, {granted} watches granted to this user"
    if folders * 2 <= granted:
        return Finding("ok", "watches", says)
    return Finding("warning", "watches", says, "raise it: sysctl fs.inotify.max_user_watches=524288")


def descriptors(soft: int, hard: int) -> Finding:
    says = f"{soft} files and connections may be open at once"
    if soft < 0 or soft >= DESCRIPTORS:
        return Finding("ok", "descriptors", says)
    return Finding("warning", "descriptors", says, f"raise it: ulimit -n {hard if 0 < hard < 65536 else 65536}")


# --- clock and text ---------------------------------------------------------------------------------------------------


def clock(zone: str, wall: float, other: float) -> Finding:
    """The time of day, and what it gained while another clock ran; nobody on the network is asked."""
    from zoneinfo import ZoneInfo

    says = f"{datetime.now(ZoneInfo(zone)):%Y-%m-%d %H:%M} in {zone}"
    if time.time() < LONG_AGO:
        return Finding("problem", "clock", f"{says}, which is long past", "set the machine's clock")
    if abs(wall - other) > STEP_SECONDS:
        return Finding("warning", "clock", f"{says}; it jumped by {wall - other:+.1f} s just now", "see who sets it")
    return Finding("ok", "clock", says)


def text() -> Finding:
    names = {sys.getfilesystemencoding(), locale.getpreferredencoding(False), sys.stdout.encoding or "utf-8"}
    other = sorted(name for name in names if name.lower().replace("-", "") != "utf8")
    if other:
        return Finding("warning", "text", f"this terminal or locale is {', '.join(other)}", "set LANG=C.UTF-8")
    return Finding("ok", "text", "UTF-8 throughout")


# --- models -----------------------------------------------------------------------------------------------------------


VENDORS: Mapping[str, tuple[str, str]] = {
    "anthropic": ("ANTHROPIC_API_KEY", "api.anthropic.com"),
    "openai": ("OPENAI_API_KEY", "api.openai.com"),
    "gemini": ("GEMINI_API_KEY", "generativelanguage.googleapis.com"),
    "mistral": ("MISTRAL_API_KEY", "api.mistral.ai"),
    "groq": ("GROQ_API_KEY", "api.groq.com"),
    "openrouter": ("OPENROUTER_API_KEY", "openrouter.ai"),
    "xai": ("XAI_API_KEY", "api.x.ai"),
    "deepseek": ("DEEPSEEK_API_KEY", "api.deepseek.com"),
}
"""Where the key of a vendor is looked for, and where its models answer."""
OWN = ("scripted", "replay")
"""Models that need nobody."""


async def models(catalog: "Catalog", online: bool) -> list[Finding]:
    """Each model that agents use, and whether it can be reached."""
    from carrier.assemble import choose_model

    found = []
    for profile, agent in _profiles(catalog):
        choice = await choose_model(profile, agent, catalog.environment, catalog.host.server.port)
        finding = await model(choice, profile.api_key is not None, catalog.environment, online)
        found.append(replace(finding, about=f"model {profile.name}"))
    return found


def _profiles(catalog: "Catalog") -> "Iterable[tuple[ModelProfile, str]]":
    """Each profile once, with an agent that uses it."""
    used = [(profile, agent.name) for agent in catalog.agents.values() for profile in (agent.model, agent.small)]
    return {(profile.name, profile.use, profile.base_url): (profile, name) for profile, name in reversed(used)}.values()


async def model(choice: "Choice", has_key: bool, environment: Mapping[str, str], online: bool) -> Finding:
    """Whether a model that was chosen is there; one on this machine is always looked for, a vendor's if `online`."""
    provider = choice.use.partition("/")[0]
    says = f"{choice.use}: {choice.why}"
    key, vendor = VENDORS.get(provider, ("", ""))
    server = choice.base_url or (environment.get("OLLAMA_HOST", "127.0.0.1:11434") if provider == "ollama" else "")
    if provider in OWN:
        return Finding("ok", "model", says)
    if server:
        return await _at(_host_and_port(server), says, online)
    if key and not has_key and not environment.get(key):
        return Finding("problem", "model", f"{says}; {key} is not set", f"set {key} in .env or in the environment")
    return await _at((vendor, 443), says, online) if vendor else Finding("ok", "model", says)


async def _at(address: tuple[str, int], says: str, online: bool) -> Finding:
    host, number = address
    if not online and host not in ("127.0.0.1", "localhost", "::1"):
        return Finding("ok", "model", f"{says}; {host} was not asked, --online does")
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, number)
        writer.close()
    except OSError:
        return Finding(
            "problem", "model", f"{says}; nothing answers at {host}:{number}", "start it, or see the network"
        )
    return Finding("ok", "model", f"{says}; {host}:{number} answers")


def _host_and_port(address: str) -> tuple[str, int]:
    parts = urlsplit(address if "//" in address else f"http://{address}")
    return parts.hostname or "127.0.0.1", parts.port or (443 if parts.scheme == "https" else 80)


# --- schemas ----------------------------------------------------------------------------------------------------------


def schemas(folder: Path) -> Finding:
    """Whether an editor is told what this version of Carrier reads."""
    from carrier.config.schema import texts

    remedy = "carrier-host schema --write schemas"
    if not folder.is_dir():
        return Finding("ok", "schemas", f"editors are told nothing; {remedy} changes that")
    old = [name for name, text in texts().items() if not _is(folder / name, text)]
    if old:
        return Finding("warning", "schemas", f"{len(old)} of {folder.name}/ are of another version", remedy)
    return Finding("ok", "schemas", f"{folder.name}/ is of this version")


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text("utf-8") == text
