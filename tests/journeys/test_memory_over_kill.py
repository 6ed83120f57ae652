"""What an agent was told is there after the process was killed, though it left the recent window long ago."""

import pytest

from carrier.api.calling import calling
from carrier.testing.hosts import host_process, running_host
from carrier.testing.projects import Project

CHATTER = ["I am thirsty.", "Do you fight?", "What a terrible day.", "Who are you?", "Thanks!", "It rains again."]


@pytest.mark.parametrize("recent", [6, 32])
async def test_a_name_told_before_a_kill_is_recalled_past_the_recent_window(shipped: Project, recent: int) -> None:
    shipped.edit("agents.d/tifa.yaml", "actions: [ignore", f"memory: {{ recent: {recent} }}\nactions: [ignore")
    here = {"userId": "cloud", "roomId": "bar"}

    async with host_process(shipped) as host, host.call() as caller:
        await caller.post("/tifa/message", {"text": "My name is Cloud.", **here})
        await host.kill()
    async with running_host(shipped), calling(shipped.data) as caller:
        # The first of these come while the memories are still being loaded.
        for number in range(recent // 2 + 1):
            await caller.post("/tifa/message", {"text": CHATTER[number % len(CHATTER)], **here})
        prompt = (await caller.post("/tifa/render", {"text": "What is my name?", **here}))["prompt"]
        answer = (await caller.post("/tifa/message", {"text": "What is my name?", **here}))["text"]

    told, _, conversation = prompt.partition("--- conversation ---")
    assert "My name is Cloud" not in conversation
    assert "My name is Cloud" in told
    assert answer == "Cloud. I keep the names; the coats I lose."
