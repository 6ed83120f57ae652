"""What was asked before the process was killed is granted after it, and runs exactly once."""

from pathlib import Path

from carrier.api.calling import calling
from carrier.testing.hosts import host_process, running_host, until
from carrier.testing.projects import Project, project

FILES = {
    "carrier.yaml": """\
name: demo
models: { large: scripted/tifa, small: scripted/tifa }
embeddings: { use: none }
memory: { type: carrier.testing.memories:in_a_list }
server: { port: 0 }
""",
    "agents.d/tifa.yaml": """\
character: { bio: Keeps the till. }
actions: [pay]
permissions: { ask: [pay] }
---
kind: script
name: tifa
rules:
  - { after: pay, say: "{{ result }}" }
  - { when: 'pay (?P<who>\\w+)', call: { pay: { to: "{{ who }}" } } }
  - say: Well?
""",
    "actions/pay.yaml": 'name: pay\ntype: python\nentrypoint: "actions/pay.py:pay"\n',
    "actions/pay.py": """\
from pathlib import Path


def pay(to: str) -> str:
    with (Path(__file__).parent.parent / "paid.txt").open("a") as paid:
        paid.write(f"{to}\\n")
    return f"I paid {to}."
""",
    "templates/chat.j2": "You are {{ agent.name }}.\n",
    "templates/facts.j2": "\n",
}


def paid(files: Project) -> list[str]:
    path = files.folder / "paid.txt"
    return path.read_text().split() if path.exists() else []


async def test_an_approval_asked_before_a_kill_is_granted_after_it_and_runs_once(tmp_path: Path) -> None:
    files = project(tmp_path / "demo", FILES)
    async with host_process(files) as host, host.call() as caller:
        pending = await caller.post("/tifa/message", {"text": "pay anna"})
        assert pending["actions"] == [{"name": "pay", "status": "pending"}]
        await host.kill()
    async with host_process(files) as host, host.call() as caller:
        (waiting,) = (await caller.get("/approvals"))["approvals"]
        decided = await caller.post(f"/approvals/{waiting['id']}", {"decision": "approve", "by": "Boss"})
        assert (decided["state"], decided["call"]) == ("approved", {"name": "pay", "arguments": {"to": "anna"}})
        await host.kill()
    async with running_host(files), calling(files.data) as caller:
        await until(lambda: bool(paid(files)))
        # The turn is through when the next message in its room is answered.
        await caller.post("/tifa/message", {"text": "And?"})
        lines = [line["text"] for line in (await caller.get("/tifa/history"))["lines"]]
        again = await caller.get("/approvals", all="1")

    assert paid(files) == ["anna"]
    assert "I paid anna." in lines
    assert [it["state"] for it in again["approvals"]] == ["used"]
