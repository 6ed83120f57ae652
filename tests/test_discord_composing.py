"""The sign at a message whose answer is written: there meanwhile, and never afterwards."""

from pathlib import Path

from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Rest, delay
from tests.discord_scene import scene


async def test_a_sign_stands_at_a_message_while_its_answer_is_written(discord: Discord, tmp_path: Path) -> None:
    slow = "kind: script\nname: tifa\nrules: [{ say: done, delay: 0.5s }]\n"
    bar = scene(discord, tmp_path, "acknowledge: 👀", files={"agents.d/script.yaml": slow})

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await discord.until(lambda: asked.reactions.get("👀") == [bar.tifa.id])
        await bar.answered("done")
        await discord.until(lambda: not asked.reactions.get("👀"))


async def test_a_sign_that_comes_late_does_not_stay(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "acknowledge: 👀")
    discord.faults.add(Rest("PUT", "/reactions/"), delay(0.5))

    def changed() -> list[int]:
        return sorted(request.status for request in discord.journal.of(path="/reactions/"))

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")
        await discord.until(lambda: changed() == [204, 204])

    assert not asked.reactions.get("👀")
