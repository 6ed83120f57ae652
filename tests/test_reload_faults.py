"""A change that does not come to life leaves the old version serving, at every moment."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio

from carrier.config.catalog import Catalog, load
from carrier.host import Host, running
from carrier.living.swapping import Living
from carrier.runtime import supervisor
from carrier.runtime.supervisor import LivingClient
from carrier.testing.clients import MadeClient
from carrier.testing.hosts import until
from carrier.testing.projects import Project, project
from carrier.types.talk import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = "kind: client\nname: chat\ntype: carrier.testing.clients:ReadyClient\nagent: tifa\n"
LONELY = "kind: client\nname: lonely\ntype: carrier.testing.clients:LonelyClient\nagent: hello\n"
DICE = "def roll() -> int:\n    return 4\n"
HOST = "name: demo\nembeddings: { use: none }\nmodels: { large: scripted/tifa, small: scripted/tifa }\n"
FILES = {
    "carrier.yaml": HOST + "server: { port: 0 }\n",
    "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\nactions: [roll_dice]\n",
    "agents.d/hello.yaml": "character: { bio: Greets everyone. }\n",
    "agents.d/script.yaml": 'kind: script\nname: tifa\nrules: [{ say: "you said: {{ text }}" }]\n',
    "agents.d/chat.yaml": CHAT + "---\nname: clerk\ncharacter: { bio: Files it. }\n",
    "agents.d/lonely.yaml": LONELY,
    "actions/dice.yaml": 'name: roll_dice\ntype: python\nentrypoint: "actions/dice.py:roll"\n',
    "actions/dice.py": DICE,
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


@dataclass(frozen=True)
class Fault:
    """An edit that does not come to life."""

    file: str
    content: str
    told: str
    """What is said of it."""
    pauses: str = ""
    """The client that cannot be tried without a pause of the old one."""


FAULTS = {
    "an action that raises at import": Fault("actions/dice.py", "raise RuntimeError('a bug')\n" + DICE, "a bug"),
    "an action that ends the process": Fault("actions/dice.py", "raise SystemExit(3)\n" + DICE, "SystemExit"),
    "a template that breaks": Fault("templates/chat.j2", "You are {{ agent.name.\n", "chat.j2"),
    "a model that cannot be opened": Fault("carrier.yaml", FILES["carrier.yaml"].replace("tifa", "nobody"), "nobody"),
    "a client that cannot be made": Fault("agents.d/chat.yaml", CHAT + "breaks: true\n", "as told"),
    "a client that cannot connect": Fault("agents.d/chat.yaml", CHAT + "fails: true\n", "as told"),
    "a client that takes too long": Fault("agents.d/chat.yaml", CHAT + "hangs: true\n", "not connected"),
    "a client with an agent in its file": Fault(
        "agents.d/chat.yaml", CHAT + "fails: true\n---\nname: clerk\ncharacter: { bio: Loses it. }\n", "as told"
    ),
    "a lonely client that cannot be made": Fault("agents.d/lonely.yaml", LONELY + "breaks: true\n", "as told"),
    "a lonely client that cannot connect": Fault("agents.d/lonely.yaml", LONELY + "fails: true\n", "as told", "lonely"),
    "a lonely client that takes too long": Fault(
        "agents.d/lonely.yaml", LONELY + "hangs: true\n", "not connected", "lonely"
    ),
}


@dataclass(frozen=True)
class Bar:
    """A host, and its files."""

    host: Host
    files: Project


@asynccontextmanager
async def living(folder: Path) -> AsyncIterator[Bar]:
    MadeClient.living.clear()
    files = project(folder, FILES)
    async with running(load(files.config, os.environ)) as host:
        await until(lambda: all(map(_works, host.clients.values())))
        yield Bar(host, files)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bar(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bar]:
    """One for all faults: none of them may do it any harm."""
    async with living(tmp_path_factory.mktemp("faults") / "demo") as bar:
        yield bar


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "READY_SECONDS", 0.1)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_the_old_version_serves_throughout(bar: Bar, fault: Fault) -> None:
    assert await withdrawn(bar, fault) == set()

    assert bar.host.last_reload.ok is False
    assert fault.told in bar.host.last_reload.reason
    for agent in ("tifa", "hello", "clerk"):
        assert await ask(bar.host, agent) == "you said: Hello"
    for client in bar.host.clients.values():
        await hears_and_answers(client)
    bar.files.write(fault.file, FILES[fault.file])
    assert (await bar.host.reload()).ok


NOTICED = (
    "an action that raises at import",
    "a client that cannot connect",
    "a client that takes too long",
    "a client with an agent in its file",
    "a lonely client that cannot be made",
    "a lonely client that cannot connect",
)


@pytest.mark.parametrize("name", NOTICED)
async def test_a_host_that_withdraws_the_old_first_is_noticed(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(tmp_path / "demo") as bar:
        monkeypatch.setattr(Living, "become", withdrawing_first(Living.become))
        assert await withdrawn(bar, FAULTS[name])


Become = Callable[[Living, Catalog, Callable[[], Awaitable[Catalog]], Callable[[], None]], Awaitable[None]]


def withdrawing_first(become: Become) -> Become:
    """What a naive host does: it takes away what changed, and only then makes the new."""

    async def naive(
        living: Living, catalog: Catalog, again: Callable[[], Awaitable[Catalog]], swapped: Callable[[], None]
    ) -> None:
        for name in [name for name, it in living.agents.items() if catalog.agents.get(name) != it.agent]:
            del living.agents[name]
        for name in [name for name, it in living.clients.living.items() if catalog.clients.get(name) != it.definition]:
            await living.clients.remove(name)
        await become(living, catalog, again, swapped)

    return naive


async def withdrawn(bar: Bar, fault: Fault) -> set[str]:
    """What was gone, or another, at some moment of a reload of this edit, or does not work at its end."""
    host, gone = bar.host, set[str]()
    agents, clients = dict(host.agents), dict(host.clients)

    def look(but: str = "") -> None:
        gone.update(name for name in agents if host.agents.get(name) is not agents[name])
        found = {name: host.clients.get(name) for name in clients if name != but}
        gone.update(name for name, it in found.items() if it is not clients[name] or not _works(it))

    async def look_always() -> None:
        while True:
            look(but=fault.pauses)
            await asyncio.sleep(0.001)

    looking = asyncio.create_task(look_always())
    bar.files.write(fault.file, fault.content)
    await host.reload()
    looking.cancel()
    await asyncio.wait([looking])
    with suppress(TimeoutError):
        await until(lambda: all(map(_works, host.clients.values())), seconds=0.3)
    look()
    return gone


def _works(living: LivingClient) -> bool:
    assert isinstance(living.client, MadeClient)
    return living.client.connected


NUMBERS = count(1)


async def ask(host: Host, agent: str) -> str:
    message = Message("api", f"m{next(NUMBERS)}", "api/a", "api:a", "Hello", to=agent)
    with host.watchers.watch(f"{message.id}@{agent}") as watcher:
        await host.inbox.take_in(message)
        async with asyncio.timeout(5):
            return "".join((await watcher.ended).texts)


async def hears_and_answers(living: LivingClient) -> None:
    client, name = living.client, living.definition.name
    assert isinstance(client, MadeClient)
    before = len(client.sent)
    client.heard.put_nowait(Message(name, f"m{next(NUMBERS)}", f"{name}/a", f"{name}:anna", "Hello"))
    await client.until(sent=before + 1)
    assert client.texts[before:] == ["you said: Hello"]
