"""Parts of installed packages: found by name when somebody names them, and no harm done by those that are broken."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from carrier import registry
from carrier.config.catalog import Catalog, load
from carrier.errors import CarrierError, ConfigError
from carrier.host import running, usable
from carrier.testing.projects import SMALL, write
from carrier.trying import trials, tried

CODE = '''\
"""A shop's parts for its agents."""

from carrier.interfaces import Verdict
from carrier.types.models import Completion
from pydantic import BaseModel


class Stock:
    class Settings(BaseModel, extra="forbid"):
        limes: int = 3

    def __init__(self, settings, given):
        self.limes = settings.limes

    async def __call__(self, turn):
        return f"{self.limes} limes"


class Polite:
    def __init__(self, settings, given):
        pass

    class Settings(BaseModel):
        pass

    async def __call__(self, turn, text):
        return Verdict(f"{text}, please")

    def preview(self, growing):
        return None


class Order:
    name, description, repeat = "order", "Order something.", "safe"
    parameters = {"type": "object", "properties": {"what": {"type": "string"}}}

    def __init__(self, definition, given):
        pass

    async def __call__(self, turn, what):
        return f"{what} is on its way"


class Till:
    class Settings(BaseModel):
        drawer: int = 1

    def __init__(self, name, settings, given):
        pass

    async def run(self, deliver): ...
    async def send(self, outgoing): ...
    async def find(self, outgoing): ...


class Parrot:
    def __init__(self, profile, environment):
        self.name = profile.use

    async def complete(self, request):
        return Completion(request.prompt.system.strip(), model=self.name)

    async def stream(self, request):
        yield await self.complete(request)
'''

ENTRY_POINTS = """\
[carrier.providers]
stock = shop.parts:Stock
time = shop.parts:Stock

[carrier.evaluators]
polite = shop.parts:Polite

[carrier.actions]
order = shop.parts:Order [extra]

[carrier.clients]
till = shop.parts:Till

[carrier.models]
parrot = shop.parts:Parrot

[console_scripts]
shop = shop.parts:main
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a package where this Python finds it."""
    place = tmp_path / "site-packages"
    monkeypatch.syspath_prepend(str(place))

    def put(name: str, entry_points: str, files: Mapping[str, str]) -> None:
        about = {"METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", "entry_points.txt": entry_points}
        write(place, {**{f"{name}-1.dist-info/{file}": text for file, text in about.items()}, **files})
        for module in [module for module in sys.modules if module.partition(".")[0] == name]:
            monkeypatch.delitem(sys.modules, module)
        registry._installed.cache_clear()

    return put


@pytest.fixture
def shop(install: Install) -> None:
    install("shop", ENTRY_POINTS, {"shop/__init__.py": "", "shop/parts.py": CODE})


def of(tmp_path: Path, **files: str) -> Catalog:
    return load(
        write(tmp_path / "demo", {**SMALL, **{f"agents.d/{name}.yaml": text for name, text in files.items()}}), {}
    )


def problems(catalog: Catalog) -> list[str]:
    return [f"{each.code} {each.message}; {each.hint}" for each in catalog.problems]


@pytest.mark.usefixtures("shop")
async def test_an_agent_uses_the_parts_of_an_installed_package_by_their_names(tmp_path: Path) -> None:
    agent = """\
character: { bio: Sells. }
model: parrot/loud
context: [character, recent_messages, { stock: { limes: 5 } }]
evaluators: [polite]
actions: [order]
templates: { chat: shop.j2 }
---
kind: test
name: seller
model: own
cases: { sells: { turns: [{ say: hi, expect: { text: '^5 limes order, please$' } }] } }
"""
    write(tmp_path / "demo", {"templates/shop.j2": "{{ stock }} {{ actions[0].name }}\n"})
    catalog = of(tmp_path, seller=agent)
    assert problems(catalog) == []

    (found,) = await tried(trials(catalog, ["seller"]), lambda each: None)

    assert (found.ok, found.model) == (True, "parrot/loud")


@pytest.mark.usefixtures("shop")
def test_a_client_may_be_of_a_type_that_a_package_brings(tmp_path: Path) -> None:
    right = of(tmp_path, till="kind: client\ntype: till\nagent: tifa\ndrawer: 3\n")

    assert problems(right) == []
    assert (right.clients["till"].type, right.clients["till"].settings) == ("till", {"drawer": 3})


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("context: [stok]", "CAR024 unknown provider 'stok'; did you mean 'stock'?"),
        ("evaluators: [polit]", "CAR023 unknown evaluator 'polit'; did you mean 'polite'?"),
        ("actions: [ordre]", "CAR021 unknown action 'ordre'; did you mean 'order'?"),
        ("kind: client\ntype: til\nagent: tifa", "CAR028 unknown type of client 'til'; did you mean 'till'?"),
        ("context: [{ stock: { lines: 5 } }]", "CAR011 unknown key 'lines'; did you mean 'limes'?"),
    ],
)
def test_hints_know_what_packages_bring(tmp_path: Path, text: str, told: str) -> None:
    character = "" if "kind" in text else "\ncharacter: { bio: x }"

    assert told in problems(of(tmp_path, x=f"{text}{character}\n"))


@pytest.mark.usefixtures("shop")
def test_no_package_takes_a_name_of_carrier_s_own() -> None:
    assert registry.PROVIDERS["time"] == "carrier.providers.time:Time"
    assert "stock" in set(registry.PROVIDERS)
    assert len(registry.PROVIDERS) == len(list(registry.PROVIDERS))


@pytest.mark.parametrize(
    ("code", "value", "reason"),
    [
        ("import nowhere_to_be_found\n", "bad:Part", "bad:Part cannot be imported: No module named"),
        ("def half(:\n", "bad:Part", "bad:Part cannot be imported: SyntaxError: "),
        ("raise RuntimeError('no licence')\n", "bad:Part", "bad:Part cannot be imported: RuntimeError: no licence"),
        ("import sys\nsys.exit(3)\n", "bad:Part", "bad:Part cannot be imported: SystemExit: 3"),
        ("", "bad:Part", "bad has no 'Part'"),
        ("", "bad", "the package that brings it says 'bad', which is no package.module:Name"),
    ],
)
@pytest.mark.parametrize(
    ("group", "key", "code_of"),
    [
        ("providers", "context", "CAR024 provider"),
        ("evaluators", "evaluators", "CAR023 evaluator"),
        ("actions", "actions", "CAR021 action"),
    ],
)
def test_a_broken_package_is_a_problem_of_who_names_its_part(
    install: Install, tmp_path: Path, code: str, value: str, reason: str, group: str, key: str, code_of: str
) -> None:
    install("bad", f"[carrier.{group}]\npart = {value}\n", {"bad.py": code})

    catalog = of(tmp_path, x=f"character: {{ bio: x }}\n{key}: [part]\n")

    (problem,) = problems(catalog)
    assert problem.startswith(f"{code_of} 'part': {reason}")
    assert {"tifa", "hello"} <= catalog.agents.keys()


def test_a_client_s_broken_package_is_a_problem_of_its_file(install: Install, tmp_path: Path) -> None:
    install("bad", "[carrier.clients]\nline = bad:Line\n", {"bad.py": "raise RuntimeError('no licence')\n"})

    catalog = of(tmp_path, line="kind: client\ntype: line\nagent: tifa\n")

    (problem,) = problems(catalog)
    assert problem.startswith("CAR028 type of client 'line': bad:Line cannot be imported: RuntimeError: no licence")
    assert catalog.clients == {}


@pytest.mark.parametrize(
    ("memory", "told"),
    [
        ("lancdb", "CAR028 unknown type of memory 'lancdb'; did you mean 'lancedb'?"),
        (
            "bad",
            "CAR028 type of memory 'bad': bad:Store cannot be imported: No module named 'gone'; ",
        ),
        ("stores/none.py:Store", "CAR032 there is no file stores/none.py; a path starts at the project's folder"),
        ("x.py:Store", "CAR032 x.py defines no 'Store'; there are none yet"),
    ],
)
async def test_a_host_says_what_is_wrong_with_its_memory_store_and_does_not_start(
    install: Install, tmp_path: Path, memory: str, told: str
) -> None:
    install("bad", "[carrier.memories]\nbad = bad:Store\n", {"bad.py": "import gone\n"})
    write(tmp_path / "demo", {"x.py": ""})
    config = write(tmp_path / "demo", {**SMALL, "carrier.yaml": f"name: demo\nmemory: {{ type: '{memory}' }}\n"})

    catalog = load(config, {})

    assert problems(catalog) == [told]
    with pytest.raises(ConfigError):
        usable(catalog)


async def test_a_memory_store_that_cannot_be_made_says_so(install: Install, tmp_path: Path) -> None:
    code = "class Store:\n    def __init__(self, settings, given):\n        raise OSError('no server answers')\n"
    install("bad", "[carrier.memories]\nbad = bad:Store\n", {"bad.py": code})
    config = write(tmp_path / "demo", {**SMALL, "carrier.yaml": "name: demo\nmemory: { type: bad }\n"})

    with pytest.raises(CarrierError, match="memory: bad cannot be made: OSError: no server answers"):
        async with running(load(config, {}), {}):
            pass


async def test_a_model_s_broken_package_ends_no_host(install: Install, tmp_path: Path) -> None:
    install("bad", "[carrier.models]\nbad = bad:Model\n", {"bad.py": "raise RuntimeError('no licence')\n"})
    case = "cases: { a: { turns: [{ say: hi }] } }"
    agent = f"character: {{ bio: x }}\nmodel: bad/one\n---\nkind: test\nname: x\nmodel: own\n{case}\n"

    (found,) = await tried(trials(of(tmp_path, x=agent)), lambda each: None)

    assert "agent x: UnknownPart: bad:Model cannot be imported: RuntimeError: no licence" in found.error


@pytest.mark.usefixtures("shop")
def test_a_package_whose_entry_points_cannot_be_read_hides_no_other(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("odd", "[carrier.providers]\nno value at all\n", {})

    assert "stock" in registry.PROVIDERS
    assert "what a package brings cannot be read" in caplog.text


@pytest.mark.usefixtures("shop")
def test_packages_are_looked_through_only_when_somebody_names_what_is_not_carrier_s_own(tmp_path: Path) -> None:
    catalog = of(tmp_path)
    registry.find(registry.PROVIDERS, "time")

    assert problems(catalog) == []
    assert registry._installed.cache_info().misses == 0


def test_what_nobody_brings_is_unknown_with_what_there_is() -> None:
    with pytest.raises(registry.UnknownPart, match=r"there is no 'tim'; there are .*time, or package.module:Name"):
        registry.find(registry.PROVIDERS, "tim")
