"""The connection to Discord: what ends it for good says why, everything else passes, and nothing is hurried."""

import asyncio
from pathlib import Path

import pytest

from carrier.clients.discord import client, pacing
from carrier.clients.discord.client import Discord as Client
from carrier.clients.discord.connection import Bot
from carrier.clients.discord.pacing import Identifies
from carrier.errors import Passing
from carrier.host import Host
from carrier.testing.discord import Discord, local_discord
from carrier.testing.discord.faults import Connect, Fault, Received, Rest, Sent, close, lost, reset, status
from carrier.testing.discord.things import MESSAGE_CONTENT, PRIVILEGED
from carrier.testing.hosts import until
from tests.discord_scene import Scene, scene

QUICK = "connection: { ready: 3s, silence: 2s }"


async def ended(bar: Scene, files: bool = True) -> tuple[str, str]:
    """How the client of a host stands that does not come to connect."""
    async with bar.host(connected=False) as host:
        living = host.clients["bar"]
        await until(lambda: living.state != "running", 15)
        return living.state, living.problem


async def answers(bar: Scene, word: str, seconds: float = 20.0) -> None:
    """Somebody says a word, and it is answered once."""
    bar.discord.say(bar.anna, bar.general, word, mentions=[bar.tifa])
    answer = f"you said: @Tifa {word}"
    await bar.discord.until(lambda: answer in bar.discord.said(bar.general, bar.tifa), seconds)
    assert bar.discord.said(bar.general, bar.tifa).count(answer) == 1


def connected(host: Host) -> bool:
    client = host.clients["bar"].client
    return isinstance(client, Client) and client.ready.is_set()


# --- for good ------------------------------------------------------------------------------------------------------


async def test_a_wrong_token_ends_the_client_and_says_what_to_do(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.world.reset_token(bar.tifa)

    state, problem = await ended(bar)

    assert state == "unauthorized"
    assert "does not accept the token" in problem
    assert len(discord.journal.of("GET", "/users/@me")) == 1


async def test_a_missing_intent_ends_the_client_and_is_explained(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    bar.tifa.intents = PRIVILEGED & ~MESSAGE_CONTENT

    state, problem = await ended(bar)

    assert state == "unauthorized"
    assert "Message Content Intent" in problem
    assert "hear: addressed" in problem
    assert len(discord.journal.of("GET", "/gateway/bot")) == 1


async def test_once_its_operator_has_mended_it_a_reload_tries_again(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    bar.tifa.intents = PRIVILEGED & ~MESSAGE_CONTENT

    async with bar.host(connected=False) as host:
        await until(lambda: host.clients["bar"].state == "unauthorized")
        bar.tifa.intents = PRIVILEGED
        await host.reload()
        await until(lambda: connected(host))
        await answers(bar, "hello")


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_what_discord_means_for_good_is_not_tried_again(discord: Discord, tmp_path: Path, code: int) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.add(Sent(event="READY"), close(code))

    state, problem = await ended(bar)

    assert state == "unauthorized"
    assert problem
    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_a_token_that_is_revoked_ends_that_client_alone(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    other = discord.world.bot("Barret", guilds=[bar.guild])
    bar.files.write("agents.d/other.yaml", bar.client(bot=other, name="other"))

    async with bar.host() as host:
        discord.world.reset_token(bar.tifa)
        discord.gateway.close(4004, bar.tifa)
        await until(lambda: host.clients["bar"].state == "unauthorized")
        discord.say(bar.anna, bar.general, "hello", mentions=[other])
        await discord.until(lambda: discord.said(bar.general, other))

        assert host.clients["other"].state == "running"


# --- what passes ---------------------------------------------------------------------------------------------------


async def test_a_connection_that_is_cut_goes_on(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, QUICK)

    async with bar.host():
        await answers(bar, "one")
        discord.gateway.abort()
        await answers(bar, "two")

    assert discord.gateway.resumes
    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_a_session_that_discord_takes_back_for_a_moment_goes_on(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, QUICK)

    async with bar.host():
        discord.gateway.invalidate(resumable=True)
        await answers(bar, "one")

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


@pytest.mark.parametrize(
    "fault", [status(503), status(500), reset(), close(1011)], ids=["503", "500", "reset", "closed"]
)
async def test_a_gateway_that_is_not_there_at_first_is_tried_again(
    discord: Discord, tmp_path: Path, fault: Fault
) -> None:
    bar = scene(discord, tmp_path, QUICK)
    discord.faults.add(Connect(), fault)

    async with bar.host():
        await answers(bar, "hello")


@pytest.mark.parametrize("fault", [status(503), status(429, {"message": "no"}), reset()], ids=["503", "429", "reset"])
async def test_a_login_that_fails_is_tried_again(discord: Discord, tmp_path: Path, fault: Fault) -> None:
    bar = scene(discord, tmp_path)
    discord.faults.add(Rest("GET", "/users/@me$", times=2), fault)

    async with bar.host(connected=False) as host:
        await until(lambda: host.clients["bar"].state == "waiting")

        assert "Discord" in host.clients["bar"].problem


async def test_without_an_answer_to_its_heartbeats_it_connects_anew(discord: Discord, tmp_path: Path) -> None:
    discord.gateway.heartbeat = 0.4
    bar = scene(discord, tmp_path, "connection: { ready: 3s, silence: 60s }")

    async with bar.host():
        rule = discord.faults.always(Received(1), lost())
        await discord.until(lambda: discord.gateway.resumes >= 1)
        discord.faults.remove(rule)
        await answers(bar, "hello")


async def test_silence_is_noticed(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "connection: { ready: 3s, silence: 1s }")

    async with bar.host():
        discord.gateway.silence()
        await discord.until(lambda: discord.gateway.resumes >= 1)
        await answers(bar, "hello")


# --- not hurried ---------------------------------------------------------------------------------------------------


async def test_a_client_begins_no_more_sessions_than_it_may(discord: Discord) -> None:
    sessions = Identifies("token", 2, "h")
    await sessions.next()
    await sessions.next()

    with pytest.raises(Passing) as passing:
        await sessions.next()

    assert passing.value.retry_after > 3000


async def test_what_discord_leaves_for_today_is_left_to_the_operator(discord: Discord, tmp_path: Path) -> None:
    discord.gateway.starts.total = 3
    bar = scene(discord, tmp_path)

    state, problem = await ended(bar)

    assert state == "waiting"
    assert "no more sessions" in problem
    assert discord.gateway.starts.identifies[bar.tifa.id] == []


# --- how it comes and goes -----------------------------------------------------------------------------------------


async def test_a_bot_that_stops_says_goodbye_and_leaves_nothing_behind(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        pass
    await discord.until(lambda: not discord.gateway.sessions)

    assert not [task for task in asyncio.all_tasks() if "discord" in task.get_name()]


async def test_what_a_bot_hears_while_it_stops_is_handed_on_before_it_has_stopped(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar, hears, heard = scene(discord, tmp_path), asyncio.Event(), []

    async def hear(bot: Bot, message: object) -> None:
        hears.set()
        await asyncio.sleep(0.1)
        heard.append(message)

    monkeypatch.setattr(Bot, "on_message", hear)
    async with bar.host():
        discord.say(bar.anna, bar.general, "last orders?")
        await hears.wait()

    assert len(heard) == 1
    assert not [task for task in asyncio.all_tasks() if "discord" in task.get_name()]


async def test_clients_of_one_host_may_be_of_different_discords(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with local_discord() as elsewhere:
        there = elsewhere.world
        inn = there.guild("Inn")
        lobby = there.text(inn, "lobby")
        guest, keeper = there.user("guest", guilds=[inn]), there.bot("Keeper", guilds=[inn])
        here, bar.discord = bar.discord, elsewhere
        bar.files.write("agents.d/inn.yaml", bar.client(bot=keeper, name="inn"))
        bar.discord = here

        async with bar.host():
            elsewhere.say(guest, lobby, "hello", mentions=[keeper])
            await elsewhere.until(lambda: elsewhere.said(lobby, keeper))
            await answers(bar, "hello")


@pytest.mark.parametrize("client", ["connection: { shards: 2 }", ""], ids=["configured", "recommended"])
async def test_a_large_bot_has_several_connections(discord: Discord, tmp_path: Path, client: str) -> None:
    discord.gateway.starts.every = 0.0
    bar = scene(discord, tmp_path, client)
    guilds = [bar.guild]
    # Discord goes by the milliseconds of an id: each connection gets some of them.
    while len(guilds) < 4 or len({(guild.id >> 22) % 2 for guild in guilds}) < 2:
        discord.clock.advance(0.001)
        guilds.append(discord.world.guild(f"g{len(guilds)}"))
    rooms = [discord.world.text(guild, "hall") for guild in guilds]
    for guild in guilds[1:]:
        discord.world.join(guild, bar.anna)
        discord.world.invite(guild, bar.tifa)
    if not client:
        discord.gateway.starts.guilds_a_shard = len(guilds) - 1
    direct = discord.world.dm(bar.anna, bar.tifa)

    async with bar.host():
        for room in rooms:
            discord.say(bar.anna, room, "hello", mentions=[bar.tifa])
        discord.say(bar.anna, direct, "psst")
        for room in rooms:
            await bar.answered("you said: @Tifa hello", channel=room)
        await bar.answered("you said: psst", channel=direct)

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 2


async def test_a_large_bot_has_time_for_each_of_its_connections(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "IDENTIFY_EVERY", 1.0)
    bar = scene(discord, tmp_path, "connection: { shards: 3, ready: 1.5s, identifies: 1/h }")

    async with bar.host():
        await answers(bar, "hello")

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 3


async def test_a_large_bot_that_cannot_learn_how_large_it_is_asks_again(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    discord.gateway.starts.guilds_a_shard = 1
    inn = bar.guild
    # Of two connections the other one gets it.
    while not (inn.id ^ bar.guild.id) >> 22 & 1:
        discord.clock.advance(0.001)
        inn = discord.world.guild("inn")
    discord.world.invite(inn, bar.tifa)
    discord.faults.add(Rest("GET", "/gateway/bot$"), status(503))

    async with bar.host():
        await answers(bar, "hello")


async def connections(host: Host) -> dict[str, object]:
    return {name: living.client for name, living in host.clients.items()}


async def test_a_reload_of_an_agent_does_not_touch_the_connection(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host() as host:
        before = await connections(host)
        bar.files.write("agents.d/tifa.yaml", "character: { bio: Keeps another bar. }\n")
        bar.files.write("templates/chat.j2", "You are {{ agent.name }}!\n")
        bar.files.write("agents.d/hello.yaml", "character: { bio: Greets. }\nmodel: scripted/tifa\n")
        bar.files.edit("agents.d/bar.yaml", "agent: tifa", "agent: hello")
        bar.files.edit("agents.d/bar.yaml", "gather: 0", "gather: 0\nroutes: [{ room: 7, agent: tifa, prompt: Sing. }]")
        assert (await host.reload()).ok

        assert await connections(host) == before
        assert host.clients["bar"].definition.agent == "hello"
        await answers(bar, "hello")

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_a_new_token_has_time_for_each_of_several_connections(
    discord: Discord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar = scene(discord, tmp_path)
    large = discord.world.bot("Barret", guilds=[bar.guild])

    async with bar.host() as host:
        monkeypatch.setattr(client, "READY_SECONDS", 0.5)
        monkeypatch.setattr(pacing, "IDENTIFY_EVERY", 0.4)
        bar.files.write("agents.d/bar.yaml", bar.client("connection: { shards: 3 }", bot=large))
        assert (await host.reload()).ok

    assert len(discord.gateway.starts.identifies[large.id]) == 3


async def test_a_new_token_reconnects_that_bot_only(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    other, third = discord.world.bot("Barret", guilds=[bar.guild]), discord.world.bot("Cid", guilds=[bar.guild])
    bar.files.write("agents.d/other.yaml", bar.client(bot=other, name="other"))

    async with bar.host() as host:
        before = await connections(host)
        bar.files.write("agents.d/other.yaml", bar.client(bot=third, name="other"))
        assert (await host.reload()).ok

        after = await connections(host)
        assert after["bar"] is before["bar"]
        assert after["other"] is not before["other"]
        await answers(bar, "hello")

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1
    assert len(discord.gateway.starts.identifies[third.id]) == 1
