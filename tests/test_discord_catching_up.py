"""What was said while nobody listened is answered afterwards: once, in its order, as far as it is not too old."""

from pathlib import Path

from carrier.testing.discord import Discord
from carrier.testing.discord.faults import Rest, delay, status
from tests.discord_scene import heard, scene, until_heard


async def test_what_was_said_while_the_host_was_down_is_answered_in_order(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host():
        discord.say(bar.anna, bar.general, "zero", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa zero")

    for word in ("one", "two", "three"):
        discord.say(bar.anna, bar.general, word, mentions=[bar.tifa])

    async with bar.host():
        await bar.answered(*(f"you said: @Tifa {word}" for word in ("zero", "one", "two", "three")))


async def test_direct_messages_of_the_meantime_are_answered(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)
    async with bar.host():
        discord.say(bar.anna, direct, "one")
        await bar.answered("you said: one", channel=direct)

    discord.say(bar.anna, direct, "two")

    async with bar.host():
        await bar.answered("you said: one", "you said: two", channel=direct)


async def test_a_room_where_nothing_was_heard_before_is_looked_through_too(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        await discord.until(lambda: True)
        while not await host.ledger.read(lambda it: it.exec_driver_sql("SELECT * FROM cursors").first()):
            pass

    discord.clock.now()
    discord.say(bar.anna, bar.general, "first words", mentions=[bar.tifa])

    async with bar.host():
        await bar.answered("you said: @Tifa first words")


async def test_what_was_said_before_the_first_start_is_no_concern_of_the_bot(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.say(bar.anna, bar.general, "long ago", mentions=[bar.tifa])

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "now", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa now")

        assert len(await heard(host)) == 1


async def test_only_the_latest_are_looked_for(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "backfill: { messages: 2 }")
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    for word in ("one", "two", "three"):
        discord.say(bar.anna, bar.general, word)

    async with bar.host() as host:
        assert [message.text for message in await until_heard(host, 3)] == ["zero", "two", "three"]


async def test_nothing_is_looked_for_where_that_is_not_wanted(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "backfill: { age: 0 }")
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "one")

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "two")
        assert [message.text for message in await until_heard(host, 2)] == ["zero", "two"]


async def test_what_is_said_now_waits_for_what_was_said_before(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "before")
    discord.faults.add(Rest("GET", "/messages$"), delay(1.0))

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "now")
        assert [message.text for message in await until_heard(host, 3)] == ["zero", "before", "now"]


async def test_a_look_that_fails_is_repeated(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "zero")
        await until_heard(host, 1)

    discord.say(bar.anna, bar.general, "before")
    discord.faults.add(Rest("GET", "/messages$"), status(503))

    async with bar.host() as host:
        assert [message.text for message in await until_heard(host, 2)] == ["zero", "before"]


async def test_a_session_that_is_lost_loses_no_message(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")
        discord.gateway.invalidate(bar.tifa)
        discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one", "you said: @Tifa two", seconds=20)


async def test_a_session_that_goes_on_needs_no_look(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.say(bar.anna, bar.general, "one", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one")
        discord.gateway.reconnect(bar.tifa)
        discord.say(bar.anna, bar.general, "two", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa one", "you said: @Tifa two")

    assert discord.gateway.resumes == 1
    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1
