"""Mutants of every file that is shipped, and of the YAML test suite: none stops a host, and what was good stays."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from shutil import copytree
from traceback import format_exc

import pytest

from carrier.config.catalog import Catalog, load
from carrier.config.diagnostics import rendering
from carrier.errors import TemplateError
from carrier.templates import Templates
from carrier.testing.limited import Outcome, outcomes

ROOT = Path(__file__).parent.parent
SUITE = ROOT / "tests/data/yaml-test-suite.json"
FOLDERS = ("agents.d", "actions", "templates")
SECONDS = 2
MEGABYTES = 256


def test_three_hundred_mutants_leave_the_good_agents_alone(tmp_path: Path) -> None:
    check(outcomes(__file__, "survive", [f"{n} {tmp_path}" for n in range(300)]))


@pytest.mark.torture
def test_ten_thousand_mutants_leave_the_good_agents_alone(tmp_path: Path) -> None:
    check(outcomes(__file__, "survive", [f"{n} {tmp_path}" for n in range(10_000)]))


def check(found: dict[str, Outcome]) -> None:
    seconds, megabytes = (max(found.values(), key=key) for key in (by_seconds, by_megabytes))
    codes = Counter(code for outcome in found.values() for code in outcome.result.split())
    print(f"\n{len(found):,} mutants; slowest {seconds.seconds:.2f} s, largest {megabytes.megabytes:.0f} MB")
    print(", ".join(f"{code}: {count:,}" for code, count in sorted(codes.items()) if code.startswith("CAR")))
    wrong = {item: outcome.result for item, outcome in found.items() if not outcome.result.startswith("fine")}

    assert wrong == {}
    assert seconds.seconds < SECONDS
    assert megabytes.megabytes < MEGABYTES


def by_seconds(outcome: Outcome) -> float:
    return outcome.seconds


def by_megabytes(outcome: Outcome) -> float:
    return outcome.megabytes


# --- in a process of its own -----------------------------------------------------------------------------------


def survive(item: str) -> str:
    """Save a mutant in the project, read it, and put back what was there; `fine`, and the problems' codes."""
    number, _, folder = item.partition(" ")
    name, mutant = made(int(number))
    before = good(folder)
    path = before.root / name
    was = path.read_bytes() if path.exists() else None
    path.write_bytes(mutant)
    try:
        return judged(load(before.path, {}, before), before, name)
    except Exception:
        return f"{name}: {format_exc()}"
    finally:
        path.unlink() if was is None else path.write_bytes(was)


@cache
def good(folder: str) -> Catalog:
    """What is shipped, as a project of this process alone: the one before it may have ended over a mutant."""
    root = Path(folder) / str(os.getpid())
    for name in FOLDERS:
        copytree(ROOT / name, root / name)
    (root / "carrier.yaml").write_bytes((ROOT / "carrier.yaml").read_bytes())
    catalog = load(root, {})
    assert [each for each in catalog.problems if each.severity == "error"] == []
    return catalog


def judged(catalog: Catalog, before: Catalog, name: str) -> str:
    """Whether the agents are all there; one that a file takes away in plain words has to go."""
    codes = sorted(each.code for each in catalog.problems)
    missing = before.agents.keys() - catalog.agents.keys()
    if missing and any(each.severity == "error" for each in catalog.problems):
        return f"{name}: {', '.join(missing)} went away with {' '.join(codes)}"
    if len(rendering(catalog.problems, catalog.text)) > 100_000:
        return f"{name}: too much is said: {len(codes)} problems"
    for agent in catalog.agents.values():
        with suppress(TemplateError):
            Templates(agent.sources).render(agent.templates["chat"], {"agent": agent, "actions": ()})
    return f"fine {' '.join(codes)}"


# --- mutants -----------------------------------------------------------------------------------------------------


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Files by the name under which a mutant of them is saved, and their content."""
    shipped = [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*")) if path.suffix in (".yaml", ".j2")]
    files = [(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in [ROOT / "carrier.yaml", *shipped]]
    suite = [text.encode("utf-8", "surrogatepass") for text in json.loads(SUITE.read_text()).values()]
    names = [name for name, _ in files if name.endswith(".yaml")] + ["agents.d/more.yaml"]
    return (*files * 20, *((names[n % len(names)], text) for n, text in enumerate(suite)))


def made(number: int) -> tuple[str, bytes]:
    """The mutant of that number, and the name of its file."""
    chance = Random(number)
    name, content = chance.choice(seeds())
    for _ in range(chance.choice((0, 1, 1, 2, 3, 5))):
        content = chance.choice(MUTATIONS)(content, chance)
    return name, content


def flipped(content: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def swapped(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def deleted(content: bytes, chance: Random) -> bytes:
    begin = chance.randrange(len(content) + 1)
    return content[:begin] + content[begin + chance.choice((1, 1, 3, 10, 100)) :]


def line_deleted(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def doubled(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    begin = chance.randrange(len(lines))
    part = lines[begin : begin + chance.choice((1, 1, 2, 10))]
    times = chance.choice((2, 2, 3, 1000 if len(content) < 10_000 else 10))
    return b"\n".join([*lines[:begin], *part * times, *lines[begin + len(part) :]])


def spliced(content: bytes, chance: Random) -> bytes:
    _, other = chance.choice(seeds())
    return content[: chance.randrange(len(content) + 1)] + other[chance.randrange(len(other) + 1) :]


def indented(content: bytes, chance: Random) -> bytes:
    lines = content.split(b"\n")
    place = chance.randrange(len(lines))
    lines[place] = chance.choice((b" ", b"  ", b"\t")) + lines[place]
    return b"\n".join(lines)


def cut(content: bytes, chance: Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


TOKENS: Sequence[bytes] = (
    *(b"&a ", b"*a ", b"&a [*a]", b"<<: ", b"<<: *a\n", b"{{", b"}}", b"{%", b"%}", b"{#", b"${", b"${X}", b"${X:-y}"),
    *(
        b"${file:/etc/passwd}",
        b"\t",
        b"[" * 100,
        b"{" * 100,
        b"]" * 100,
        b"(" * 1000,
        b"9" * 5000,
        b"1e999",
        b"0x" + b"f" * 99,
    ),
    *(
        b"---\n",
        b"...\n",
        b"- ",
        b"? ",
        b": ",
        b", ",
        b"!!python/object:os.system ",
        b"!x ",
        b"%YAML 1.1\n",
        b"|\n",
        b">-\n",
    ),
    *(
        b"'",
        b'"',
        b"#",
        b" #x",
        b"\\",
        b"\0",
        b"\r",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xed\xa0\x80",
        "\u2028".encode(),
        "ß".encode(),
    ),
    *(
        b"null",
        b"~",
        b"true",
        b"NO",
        b"22:22",
        b"2024-13-45",
        b".nan",
        b"-.inf",
        b"name: ",
        b"kind: agent\n",
        b"kind: x\n",
    ),
    *(
        b"extends: ",
        b"../",
        b"/etc/passwd",
        b"{% include 'chat.j2' %}",
        b"{% for i in range(99999) %}",
        b"{% endfor %}",
    ),
    *(
        b"{{ 'a' * 10**9 }}",
        b"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        b"{{ x.y.z }}",
        b"|upper",
        b"x" * 100_000,
    ),
)


def inserted(content: bytes, chance: Random) -> bytes:
    place = chance.randrange(len(content) + 1)
    return content[:place] + chance.choice(TOKENS) + content[place:]


MUTATIONS = (flipped, swapped, deleted, line_deleted, doubled, spliced, indented, cut, inserted, inserted, inserted)
