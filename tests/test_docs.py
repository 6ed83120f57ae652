"""What the docs say is so: each code block is run or checked, each file named is there, each dependency is told of."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, dropwhile, groupby, takewhile
from pathlib import Path
from textwrap import dedent

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")))
FENCE = re.compile(r"^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block, and where it stands."""

    where: str
    language: str
    text: str
    beside: Mapping[str, str] = field(default_factory=dict)
    """The code of its page that says in its first line which file it is, by the file's name."""


def blocks(where: str, page: str) -> Iterator[Block]:
    files = named(page)
    for fence in FENCE.finditer(page):
        line = page.count("\n", 0, fence.start()) + 1
        yield Block(f"{where}:{line}", fence[3].strip(), dedent(fence[4]), files)


def named(page: str) -> dict[str, str]:
    """The Python files of a page: a first line such as `# actions/coin.py` says which one a block is."""
    code = (dedent(fence[4]) for fence in FENCE.finditer(page) if fence[3].strip() == "python")
    return {found[1]: text for text in code if (found := re.match(r"# (\S+\.py)\n", text))}


GENERATED = ROOT / "docs/problems.md"
"""Most of its blocks are wrong, as they should be: tests/test_explanations.py looks at them."""
BLOCKS = [
    block for page in PAGES if page != GENERATED for block in blocks(str(page.relative_to(ROOT)), page.read_text())
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.where)
def test_a_code_block_of_the_docs_holds(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert problems(block, tmp_path) == []


@pytest.mark.parametrize(
    ("language", "text", "problem"),
    [
        ("", "anything", "no check for blocks of ''"),
        ("cobol", "STOP RUN.", "no check for blocks of 'cobol'"),
        ("sh", "make nonsense", "No rule to make target"),
        ("sh", "CARRIER=1 make test && frobnicate", "no check for the command 'frobnicate'"),
        ("console", "the output alone", "no command"),
        ("console", "$ frobnicate \\\n    --all\nfrobnicated", "no check for the command 'frobnicate'"),
        ("sh", "carrier-host schedules dance", "has no command 'dance'"),
        ("sh", "carrier-host schedules skip --now", "has no option --now"),
        ("sh", "curl https://example.org/health", "not an address of the host"),
        ("sh", "curl http://127.0.0.1:8000/nothing", "no such address"),
        ("python", "assert 1 + 1 == 3", "AssertionError"),
        ("json", "{", "JSONDecodeError"),
        ("toml", "a = ", "TOMLDecodeError"),
        ("text", "carrier/nonsense.py", "no file nonsense.py"),
        ("text", "a drawing of nothing", "names no part of Carrier"),
        ("yaml", "kind: agent\nnmae: tifa", "nmae"),
    ],
)
def test_a_block_that_does_not_hold_is_found(
    language: str, text: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = problems(Block("made-up.md:1", language, text), tmp_path)

    assert [line for line in found if problem in line]


def test_each_file_that_the_docs_name_is_there() -> None:
    named = {
        f"{page.name}: {name}"
        for page in PAGES
        for name in re.findall(r"`((?:carrier|tests|benchmarks|docs)/[\w./-]+)`", page.read_text())
        if not (ROOT / name).exists()
    }

    assert sorted(named) == []


def test_each_dependency_is_told_of_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]

    rows = re.findall(r"^\| `([^`]+)`", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)

    assert sorted(rows) == sorted({Requirement(line).name for line in declared})


def problems(block: Block, folder: Path) -> list[str]:
    """What does not hold in a block; `folder` is a place to work in."""
    check = CHECKS.get(block.language)
    if check is None:
        return [f"there is no check for blocks of {block.language!r}; there are {', '.join(CHECKS)}"]
    for name, text in block.beside.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return check(block.text, folder)


def check_yaml(text: str, folder: Path) -> list[str]:
    """The block, put into a copy of the shipped project with a picture and the code of its page, is loaded without a
    problem.

    A first line such as `# agents.d/hello.yaml` says which file it is.
    """
    from carrier.config.catalog import load

    comment = re.match(r"# (\S+\.yaml)\n", text)
    place = folder / (comment[1] if comment else "agents.d/example.yaml")
    copy_project(folder)
    (folder / "media").mkdir()
    (folder / "media" / "harbour.jpg").touch()
    place.parent.mkdir(exist_ok=True)
    place.write_text(text)
    variables = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "something")
    return [str(problem) for problem in load(folder / "carrier.yaml", variables).problems]


def copy_project(folder: Path) -> None:
    shutil.copy(ROOT / "carrier.yaml", folder)
    for part in ("agents.d", "templates", "actions"):
        shutil.copytree(ROOT / part, folder / part, dirs_exist_ok=True)


def check_python(text: str, folder: Path) -> list[str]:
    try:
        exec(compile(text, "block", "exec"), {"__name__": "block"})
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]
    return []


def check_json(text: str, folder: Path) -> list[str]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return [f"JSONDecodeError: {error}"]
    return []


def check_toml(text: str, folder: Path) -> list[str]:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [f"TOMLDecodeError: {error}"]
    return []


def check_drawing(text: str, folder: Path) -> list[str]:
    """A drawing is of Carrier's parts: the files it names are there."""
    files = {path.name for path in (ROOT / "carrier").glob("**/*.py")}
    parts = {name.removesuffix(".py") for name in files} | {path.parent.name for path in ROOT.glob("carrier/*/*.py")}
    missing = [f"there is no file {name} in carrier" for name in re.findall(r"\w+\.py\b", text) if name not in files]
    return missing if parts & set(re.findall(r"\w+", text)) else [*missing, "it names no part of Carrier"]


def check_console(text: str, folder: Path) -> list[str]:
    """What stands behind `$ ` is a command, the rest is what it prints."""
    commands = re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    return check_sh("\n".join(commands), folder) if commands else ["there is no command, a line that begins with $"]


def check_sh(text: str, folder: Path) -> list[str]:
    return [problem for command in commands(text) for problem in check_command(command)]


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text as words, without variables set for them and without redirections."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        for between, command in groupby(words, {"&&", "||", "|", ";", "&"}.__contains__):
            if not between:
                unset = dropwhile(re.compile(r"\w+=").match, command)
                yield list(takewhile(lambda word: word[0] not in "<>", unset))


def check_command(words: Sequence[str]) -> list[str]:
    name = Path(words[0]).name
    check = COMMANDS.get(name)
    return (
        check(words[1:]) if check else [f"there is no check for the command {name!r}; there are {', '.join(COMMANDS)}"]
    )


def check_make(arguments: Sequence[str]) -> list[str]:
    """The target exists: make says what it would do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return [done.stderr] if done.returncode else []


def check_carrier_host(arguments: Sequence[str]) -> list[str]:
    """The command has a help page, and the options stand in it or in a page above it."""
    options = [word.partition("=")[0] for word in arguments if word.startswith("-")]
    words = [word for word in arguments if not word.startswith("-")]
    command = next(([word] for word in words if help_page([word])), [])
    if arguments and arguments[0] in words and [arguments[0]] != command:
        return [f"carrier-host has no command {arguments[0]!r}"]
    within = [*command, *words[words.index(command[0]) + 1 :][:1]] if command else []
    pages = [help_page(page) for page in ([], command, within)]
    if "Commands:" in pages[1] and within != command and not pages[2]:
        return [f"carrier-host {command[0]} has no command {within[-1]!r}"]
    return [f"carrier-host {' '.join(within)} has no option {it}" for it in options if f"{it} " not in "".join(pages)]


def help_page(command: Sequence[str]) -> str:
    """What `--help` prints; empty: there is no such command."""
    from typer.testing import CliRunner

    from carrier.cli import app

    result = CliRunner().invoke(app, [*command, "--help"], env={"TERMINAL_WIDTH": "200"})
    return result.output if result.exit_code == 0 else ""


def check_curl(arguments: Sequence[str]) -> list[str]:
    """The address is one that the host answers at."""
    address = next((word for word in arguments if re.match(r"\w+://", word)), "")
    path = re.fullmatch(r"http://(?:127\.0\.0\.1|localhost):\d+(/[^?]*)(?:\?.*)?", address)
    if path is None:
        return [f"{address!r} is not an address of the host"]
    found = [pattern for pattern in ADDRESSES if re.fullmatch(pattern, path[1])]
    return [] if found else [f"there is no such address as {path[1]}; there are {', '.join(ADDRESSES)}"]


def check_git(arguments: Sequence[str]) -> list[str]:
    return [] if arguments[0] == "clone" else [f"git {arguments[0]} is nothing that Carrier needs"]


def check_cd(arguments: Sequence[str]) -> list[str]:
    return [] if arguments == ["carrier"] else [f"cd {arguments[0]} leads elsewhere than into a clone of Carrier"]


CHECKS: Mapping[str, Callable[[str, Path], list[str]]] = {
    "yaml": check_yaml,
    "python": check_python,
    "json": check_json,
    "toml": check_toml,
    "sh": check_sh,
    "console": check_console,
    "text": check_drawing,
}

COMMANDS: Mapping[str, Callable[[Sequence[str]], list[str]]] = {
    "make": check_make,
    "carrier-host": check_carrier_host,
    "curl": check_curl,
    "git": check_git,
    "cd": check_cd,
}

ADDRESSES = ("/health", "/status", "/agents", "/turns/.+", "/[^/]+/message", "/[^/]+/render", "/[^/]+/history")
