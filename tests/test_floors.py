"""The floors of Carrier, top to bottom: the living diagram, and the proof that imports only go down."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

FLOORS = (
    {"carrier.__main__"},
    {"carrier.cli"},
    {"carrier.trying"},
    {"carrier.api"},
    {"carrier.host"},
    {"carrier.living"},
    {"carrier.assemble"},
    {"carrier.runtime.runtime", "carrier.scheduler", "carrier.posting", "carrier.insights"},
    {"carrier.runtime"},
    {"carrier.ledger", "carrier.config", "carrier.apart"},
    {
        "carrier.clients",
        "carrier.actions",
        "carrier.providers",
        "carrier.evaluators",
        "carrier.memory",
        "carrier.models",
        "carrier.media",
        "carrier.analytics",
    },
    {"carrier.functions"},
    {
        "carrier.interfaces",
        "carrier.registry",
        "carrier.marking",
        "carrier.metering",
        "carrier.templates",
        "carrier.egress",
        "carrier.lock",
        "carrier.config.models",
    },
    {"carrier.types", "carrier.errors", "carrier.log", "carrier.sandbox", "carrier.threads", "carrier.arguments"},
    {"carrier.quoting", "carrier.dates"},
    {"carrier"},
)
"""A floor is a set of parts; a part is a module or a package, and the longest name that fits a module is its part."""

IMPLEMENTATIONS = next(names for names in FLOORS if "carrier.models" in names)
NAMED = IMPLEMENTATIONS - {"carrier.memory"}
"""All but the memory system, which opens in a thread of its own once the host listens."""

LATE = ("carrier.clients.discord.", "carrier.actions.mcp.careful")
"""What the first bot that connects imports in a thread, and the first server of tools that has a url."""

OUTSIDE = "carrier.testing"
"""May import all; nobody imports it."""

FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names} | {OUTSIDE: -1}
SPREAD = {name for name in FLOOR_OF if any(other.startswith(f"{name}.") for other in FLOOR_OF)}
"""Packages whose modules stand on several floors."""

HEAVY = (
    *("litellm", "lancedb", "pyarrow", "duckdb", "onnxruntime", "tokenizers", "alembic", "httpx", "numpy", "mcp"),
    *("apscheduler", "discord", "aiohttp", "asyncssh", "obstore", "PIL", "av"),
)
"""Costs too much to be imported before the host listens."""

ROOT = Path(__file__).parent.parent


def test_imports_go_down_only() -> None:
    assert violations(read_modules(ROOT)) == []


@pytest.mark.parametrize(
    ("importer", "line", "rule"),
    [
        ("carrier.types", "import carrier.errors", "a neighbour"),
        ("carrier.models.scripted", "from carrier.memory.recall import strongest", "a neighbour"),
        ("carrier.ledger.engine", "from carrier.config import catalog", "a neighbour"),
        ("carrier.runtime.inbox", "from carrier.runtime.runtime import AgentRuntime", "upward"),
        ("carrier.templates", "from carrier import cli", "upward"),
        ("carrier.clients.console", "from carrier.ledger import intake", "upward"),
        ("carrier.models.scripted", "def lazily():\n    import carrier.host", "upward"),
        ("carrier.ledger.engine", "if TYPE_CHECKING:\n    from carrier.api.app import app", "upward"),
        ("carrier.host", "from carrier.memory.lance import LanceMemories", "only carrier.assemble imports"),
        ("carrier.runtime.state", "from carrier import providers", "only carrier.assemble imports"),
        ("carrier.cli", "from carrier.testing import running_host", "nobody imports"),
        ("carrier.config", "from carrier.config import catalog", "imports nothing"),
        ("carrier.utils", "", "no floor"),
    ],
)
def test_an_import_against_the_rules_is_found(importer: str, line: str, rule: str) -> None:
    found = violations({**EMPTY, importer: line})

    assert len(found) == 1
    assert found[0].startswith(f"{importer}: ")
    assert rule in found[0]


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("carrier.assemble", "from carrier.memory.lance import LanceMemories"),
        ("carrier.models.choosing", "from carrier.models import scripted"),
        ("carrier.clients.console", "from carrier.config.models import Settings"),
        ("carrier.testing", "from carrier import host, memory"),
        ("carrier.cli", "from carrier import __version__"),
    ],
)
def test_an_import_by_the_rules_is_left_alone(importer: str, line: str) -> None:
    assert violations({**EMPTY, importer: line}) == []


def test_a_circle_within_a_package_is_found() -> None:
    circle = {"carrier.models.a": "from carrier.models import b", "carrier.models.b": "import carrier.models.a"}

    assert "circle" in violations(circle)[0]


def test_what_a_host_imports_at_its_start_is_light() -> None:
    assert heavy_imports(at_the_start(read_modules(ROOT))) == ""


def test_a_heavy_import_is_found() -> None:
    assert heavy_imports(["json", "numpy"]) == "numpy imports numpy"


EMPTY = {
    "carrier": "__version__ = ''",
    **dict.fromkeys(
        (
            "carrier.api.app",
            "carrier.assemble",
            "carrier.cli",
            "carrier.config",
            "carrier.config.catalog",
            "carrier.config.models",
            "carrier.errors",
            "carrier.host",
            "carrier.ledger",
            "carrier.ledger.intake",
            "carrier.memory",
            "carrier.memory.lance",
            "carrier.memory.recall",
            "carrier.models",
            "carrier.models.scripted",
            "carrier.providers",
            "carrier.runtime.runtime",
            "carrier.testing",
        ),
        "",
    ),
}
"""Modules for the made-up imports to find."""


def read_modules(root: Path) -> dict[str, str]:
    """Each module of Carrier by name, with its text."""
    return {dotted(path.relative_to(root)): path.read_text() for path in sorted(root.glob("carrier/**/*.py"))}


def dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def violations(modules: Mapping[str, str]) -> list[str]:
    """What is against the rules, a line each that begins with the importing module."""
    graph = {name: set(imports(text, modules)) for name, text in modules.items()}
    homeless = [f"{name}: has no floor; give it one in FLOORS" for name in graph if part(name) == "carrier" != name]
    wrong = [
        f"{importer}: imports {imported}: {reason}"
        for importer, targets in graph.items()
        for imported in sorted(targets)
        if (reason := objection(importer, imported))
    ]
    return homeless + wrong + circles(graph)


def imports(text: str, modules: Mapping[str, str]) -> Iterator[str]:
    """The modules of Carrier that a text imports, wherever in it the import stands; ruff sees to it that all are
    absolute."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            named = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from named & modules.keys() or {node.module or ""} & modules.keys()


def objection(importer: str, imported: str) -> str:
    """Why one module may not import another; empty: it may."""
    above, below = part(importer), part(imported)
    if OUTSIDE in (above, below):
        return "" if above == OUTSIDE else f"nobody imports {OUTSIDE}"
    if importer in SPREAD:
        return "the __init__ of a package that spans floors imports nothing"
    if above == below:
        return ""
    if FLOOR_OF[above] == FLOOR_OF[below]:
        return "a neighbour on its floor"
    if FLOOR_OF[above] > FLOOR_OF[below]:
        return "upward"
    if below in IMPLEMENTATIONS and above != "carrier.assemble":
        return "only carrier.assemble imports the implementations"
    return ""


def part(module: str) -> str:
    """The longest name in the table that is the module itself or a package around it."""
    return max((name for name in FLOOR_OF if f"{module}.".startswith(f"{name}.")), key=len)


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [f"{error.args[1][0]}: a circle: {' <- '.join(error.args[1])}"]
    return []


def at_the_start(modules: Mapping[str, str]) -> list[str]:
    """What a host imports before it listens: where it begins, and each part that a file can name."""
    named = (name for name in modules if part(name) in NAMED and not name.startswith(LATE))
    return ["carrier.cli", "carrier.host", "carrier.api.serving", "carrier.clients.discord.client", *named]


def heavy_imports(modules: list[str]) -> str:
    """Import the modules in a fresh interpreter, one after the other, and say which brings the first heavy one."""
    script = (
        "import importlib, sys\n"
        f"for module in {modules!r}:\n"
        "    importlib.import_module(module)\n"
        f"    if heavy := [name for name in {HEAVY!r} if name in sys.modules]:\n"
        "        sys.exit(f'{module} imports {\", \".join(heavy)}')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]
