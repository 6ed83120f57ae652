"""A bundle: one zip of an agent with all it rests on, from one project into another, its secrets left out."""

import json
import re
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from carrier.config import models
from carrier.config.cards.errors import CardError

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

BYTES = 64 * 1024 * 1024
"""Of all files together."""
FILES = 5000
MANIFEST = "bundle.json"
NEEDED = ".env.example"

_ENTRY = b"PK\x01\x02"
_YAML = (".yaml", ".yml")
_SECRET_KEY = re.compile(
    r"(?:token|secret|password|passphrase|credentials?|api_?key|access_?key|private_?key)$", re.IGNORECASE
)
_DEFAULT = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*):-[^{}]*\}")
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_]\w*)(?:\}|:[-?])")


@dataclass(frozen=True, slots=True)
class Bundle:
    """An agent's files by their paths in a project, and the variables that they need."""

    agent: str
    files: Mapping[str, bytes]
    variables: tuple[str, ...] = ()


def bundled(agent: str, files: Mapping[str, bytes], secrets: Mapping[str, str]) -> Bundle:
    """The bundle of an agent; `secrets` holds each value that may not go with it, and its variable's name if any."""
    kept = {path: _safe(path, content, secrets) for path, content in files.items() if not _is_secret(content, secrets)}
    texts = [content.decode() for path, content in kept.items() if path.endswith(_YAML)]
    variables = sorted({name for text in texts for name in _VARIABLE.findall(text)})
    return Bundle(agent, kept, tuple(variables))


def packed(bundle: Bundle) -> bytes:
    """The zip; the same bundle gives the same bytes."""
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    manifest = {"version": 1, "agent": bundle.agent, "variables": list(bundle.variables)}
    needed = "".join(f"{name}=\n" for name in bundle.variables)
    head = f"# What the agent {bundle.agent} needs: copy these lines into .env, and give each its value.\n"
    files = {MANIFEST: json.dumps(manifest, indent=2).encode(), NEEDED: (head + needed).encode(), **bundle.files}
    written = BytesIO()
    with ZipFile(written, "w", ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return written.getvalue()


def opened(content: bytes) -> Bundle | None:
    """The bundle in a zip, None for what is no bundle; raises CardError for one that cannot be trusted."""
    if not content.startswith(b"PK\x03\x04"):
        return None
    from zipfile import BadZipFile, ZipFile

    if content.count(_ENTRY) > FILES:
        raise CardError(f"this archive holds more than {FILES:,} files")
    try:
        with ZipFile(BytesIO(content)) as archive:
            return _bundle(archive) if MANIFEST in archive.namelist() else None
    # An archive can be wrong in every way that there is: cut off, encrypted, packed by means unknown.
    except (BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise CardError(f"this archive cannot be read: {error}") from error


# --- packing ---------------------------------------------------------------------------------------------------------


def _is_secret(content: bytes, secrets: Mapping[str, str]) -> bool:
    """Whether a file is nothing but a secret, as those of `${file:…}` are."""
    return content.strip().decode("utf-8", "replace") in secrets


def _safe(path: str, content: bytes, secrets: Mapping[str, str]) -> bytes:
    """The file without any secret in it; what is no text is left as it is."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    if path.endswith(_YAML):
        text = _with_variables(path, text, secrets)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text.encode()


def _with_variables(path: str, text: str, secrets: Mapping[str, str]) -> str:
    """YAML with a variable wherever a secret was written out."""
    written = [*_literals(text, secrets)]
    for start, end, key, value in reversed(written):
        name = re.sub(r"\W+", "_", f"{PurePosixPath(path).stem}_{key}").upper()
        safe = _DEFAULT.sub(r"${\1}", value) if _SECRET_KEY.search(key) else value
        for secret in sorted(secrets, key=len, reverse=True):
            safe = safe.replace(secret, f"${{{secrets[secret] or name}}}")
        if safe == value:
            safe = f"${{{name}}}"
        text = text[:start] + json.dumps(safe, ensure_ascii=False) + text[end:]
    return text


def _literals(text: str, secrets: Mapping[str, str]) -> Iterator[tuple[int, int, str, str]]:
    """Each scalar that holds a secret: where it begins and ends, its key, and what it says."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return
    for node in nodes:
        for key, scalar in _scalars(node, ""):
            value = str(scalar.value)
            named = value and _SECRET_KEY.search(key) and not _is_variable(value)
            if named or any(secret in value for secret in secrets):
                yield scalar.start_mark.index, scalar.end_mark.index, key, value


def _is_variable(value: str) -> bool:
    """Whether nothing is written out, not even as what holds where the variable is not set."""
    return "${" in value and not _DEFAULT.search(value)


def _scalars(node: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, yaml.ScalarNode):
        yield key, node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, key)
    elif isinstance(node, yaml.MappingNode):
        for name, item in node.value:
            yield from _scalars(item, str(name.value))


# --- unpacking -------------------------------------------------------------------------------------------------------


def _bundle(archive: "ZipFile") -> Bundle:
    manifest = _manifest(_content(archive, archive.getinfo(MANIFEST), 1024 * 1024))
    files: dict[str, bytes] = {}
    left = BYTES
    for member in archive.infolist():
        if member.is_dir() or member.filename in (MANIFEST, NEEDED):
            continue
        _refuse(member, files)
        files[member.filename] = _content(archive, member, left)
        left -= len(files[member.filename])
    return Bundle(manifest["agent"], files, tuple(manifest["variables"]))


def _manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CardError(f"the {MANIFEST} of this bundle is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("version") != 1 or not models.is_name(str(manifest.get("agent"))):
        raise CardError(f"the {MANIFEST} of this bundle is not one of version 1, with the agent's name")
    variables = manifest.get("variables")
    named = isinstance(variables, list) and all(re.fullmatch(r"[A-Za-z_]\w*", str(name)) for name in variables)
    return {"agent": manifest["agent"], "variables": [str(name) for name in variables] if named and variables else []}


def _content(archive: "ZipFile", member: "ZipInfo", limit: int) -> bytes:
    # What an archive says of its sizes is not to be relied on.
    with archive.open(member) as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise CardError(f"this bundle grows past {BYTES // 1024**2} MB at {member.filename!r}")
    return content


def _refuse(member: "ZipInfo", others: Mapping[str, bytes]) -> None:
    name = member.filename
    parts: Sequence[str] = name.split("/")
    if not models.is_inside(name) or ":" in name or not all(part.isprintable() and part.strip(" .") for part in parts):
        raise CardError(f"this bundle would write to {name!r}, which is no path inside of a project")
    if any(part.startswith(".") for part in parts) or len(parts) == 1:
        raise CardError(f"this bundle would write {name!r}: hidden files, and those of the project itself, are yours")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise CardError(f"this bundle holds a link, {name!r}")
    if name in others:
        raise CardError(f"this bundle holds {name!r} twice")
