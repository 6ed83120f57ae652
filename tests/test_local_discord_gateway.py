"""The local Discord's gateway, by the bare wire: sessions, faults of every kind, intents, shards."""

import json

import aiohttp
import pytest

from carrier.testing.discord import faults
from carrier.testing.discord.faults import Connect, Received, Sent
from carrier.testing.discord.permissions import VIEW_CHANNEL
from carrier.testing.discord.things import GUILD_MEMBERS
from tests.local_discord import CHAT, CONTENT, DIRECT, GUILDS, MESSAGES, a_place, identified, line


async def test_hello_names_the_heartbeat_and_a_heartbeat_is_acknowledged() -> None:
    async with a_place() as place, line(place.discord) as one:
        hello = await one.frame(10)
        await one.send(1, None)

        assert (await one.frame(11))["d"] is None
    assert hello["d"]["heartbeat_interval"] == 41250


@pytest.mark.parametrize(("compress", "kind"), [("zlib-stream", "bytes"), ("", "text")])
async def test_frames_come_compressed_or_plain_as_asked_for(compress: str, kind: str) -> None:
    async with a_place() as place, identified(place.discord, place.tifa, compress=compress) as one:
        await one.event("GUILD_CREATE")

        assert set(one.kinds) == {kind}


async def test_a_large_frame_comes_compressed_where_identify_says_so() -> None:
    async with a_place() as place, line(place.discord) as one:
        await one.identify(place.tifa, compress=True)
        await one.event("GUILD_CREATE")

        assert set(one.kinds) == {"text", "bytes"}


async def test_ready_names_the_guilds_which_come_whole_afterwards() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        guild = await one.event("GUILD_CREATE")

    ready = one.data("READY")[0]
    assert ready["guilds"] == [{"id": str(place.guild.id), "unavailable": True}]
    assert ready["resume_gateway_url"].startswith("ws://127.0.0.1:")
    assert [it["name"] for it in guild["channels"]] == ["general"]
    assert [it["user"]["id"] for it in guild["members"]] == [str(place.tifa.id)]
    assert [it["name"] for it in guild["roles"]] == ["@everyone", "Tifa"]


async def test_a_resumed_session_is_told_what_it_missed_and_nothing_twice() -> None:
    async with a_place() as place:
        async with identified(place.discord, place.tifa) as one:
            place.discord.say(place.anna, place.general, "before")
            await one.event("MESSAGE_CREATE")
            place.discord.gateway.abort(place.tifa)
            await one.end()
        place.discord.say(place.anna, place.general, "meanwhile")

        async with line(place.discord, "resume") as again:
            session = one.data("READY")[0]["session_id"]
            await again.send(6, {"token": place.tifa.token, "session_id": session, "seq": one.seq})
            await again.event("RESUMED")

            assert [it["content"] for it in again.data("MESSAGE_CREATE")] == ["meanwhile"]
            assert [it["s"] for it in again.frames if it["s"]] == [one.seq + 1, one.seq + 2]
    assert place.discord.gateway.resumes == 1


@pytest.mark.parametrize("code", [4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009, 1012, 1006])
async def test_a_session_outlives_a_close_of_discords(code: int) -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        if code == 1006:
            place.discord.gateway.abort()
        else:
            place.discord.gateway.close(code)

        assert await one.end() == code
        await place.discord.until(lambda: not place.discord.gateway.connections)
        assert len(place.discord.gateway.sessions) == 1


@pytest.mark.parametrize(("code", "left"), [(1000, 0), (1001, 0), (4000, 1)])
async def test_a_goodbye_of_the_bot_ends_its_session(code: int, left: int) -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        await one.socket.close(code=code)
        await place.discord.until(lambda: not place.discord.gateway.connections)

        assert len(place.discord.gateway.sessions) == left


async def test_a_session_cannot_be_resumed_for_ever() -> None:
    async with a_place() as place:
        async with identified(place.discord, place.tifa) as one:
            await one.socket.close(code=4000)
            await place.discord.until(lambda: not place.discord.gateway.connections)
        place.discord.clock.advance(181)

        async with line(place.discord) as again:
            session = one.data("READY")[0]["session_id"]
            await again.send(6, {"token": place.tifa.token, "session_id": session, "seq": one.seq})

            assert (await again.frame(9))["d"] is False


async def test_a_sequence_from_the_future_is_refused() -> None:
    async with a_place() as place:
        async with identified(place.discord, place.tifa) as one:
            await one.socket.close(code=4000)

        async with line(place.discord) as again:
            session = one.data("READY")[0]["session_id"]
            await again.send(6, {"token": place.tifa.token, "session_id": session, "seq": 1000})

            assert await again.end() == 4007


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"op": 2, "d"', 4002),
        ("[]", 4002),
        ('{"op": 99, "d": null}', 4001),
        ('{"op": 3, "d": {}}', 4003),
        ('{"op": 2, "d": null}', 4002),
        (json.dumps({"op": 1, "d": "x" * 5000}), 4002),
        ('{"op": 2, "d": {"token": "wrong", "intents": 1}}', 4004),
        ('{"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}', 4004),
        ('{"op": 2, "d": {"token": "TOKEN"}}', 4013),
        ('{"op": 2, "d": {"token": "TOKEN", "intents": 134217728}}', 4013),
        ('{"op": 2, "d": {"token": "TOKEN", "intents": 1, "shard": [2, 2]}}', 4010),
    ],
)
async def test_what_a_bot_sends_wrongly_ends_with_its_close_code(frame: str, code: int) -> None:
    async with a_place() as place, line(place.discord) as one:
        await one.socket.send_str(frame.replace("TOKEN", place.tifa.token))

        assert await one.end() == code


async def test_a_second_identify_is_too_many() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        await one.identify(place.tifa)

        assert await one.end() == 4005


async def test_another_version_is_refused() -> None:
    async with a_place() as place, line(place.discord, version="6") as one:
        assert await one.end() == 4012


async def test_a_bot_in_too_many_guilds_has_to_shard() -> None:
    async with a_place() as place, line(place.discord) as one:
        place.discord.gateway.starts.guilds_a_shard = 0
        await one.identify(place.tifa)

        assert await one.end() == 4011


async def test_an_intent_that_the_portal_does_not_allow_is_refused() -> None:
    async with a_place() as place, line(place.discord) as one:
        place.tifa.intents = 0
        await one.identify(place.tifa, CHAT)

        assert await one.end() == 4014


async def test_without_the_intent_only_what_concerns_the_bot_can_be_read() -> None:
    async with a_place() as place, identified(place.discord, place.tifa, CHAT & ~CONTENT) as one:
        place.discord.say(place.anna, place.general, "a secret")
        place.discord.say(place.anna, place.general, "for you", mentions=[place.tifa])
        place.discord.say(place.tifa, place.general, "my own")
        place.discord.say(place.anna, place.discord.world.dm(place.anna, place.tifa), "between us")
        await one.until(lambda: len(one.data("MESSAGE_CREATE")) == 4)

        texts = [it["content"] for it in one.data("MESSAGE_CREATE")]
    assert texts == ["", f"{place.tifa.mention} for you", "my own", "between us"]


@pytest.mark.parametrize(
    ("intents", "told"),
    [(GUILDS, []), (GUILDS | MESSAGES, ["aloud"]), (GUILDS | DIRECT, ["aside"])],
    ids=["none", "guild", "direct"],
)
async def test_a_session_hears_only_what_its_intents_ask_for(intents: int, told: list[str]) -> None:
    async with a_place() as place, identified(place.discord, place.tifa, intents | CONTENT) as one:
        place.discord.say(place.anna, place.general, "aloud")
        place.discord.say(place.anna, place.discord.world.dm(place.anna, place.tifa), "aside")
        place.discord.gateway.dispatch("THE_END", {})
        await one.event("THE_END")

        assert [it["content"] for it in one.data("MESSAGE_CREATE")] == told


async def test_members_are_told_of_with_their_intent_alone() -> None:
    async with a_place() as place, identified(place.discord, place.tifa, CHAT | GUILD_MEMBERS) as one:
        assert len((await one.event("GUILD_CREATE"))["members"]) == 3
        barret = place.discord.world.user("barret", guilds=[place.guild])

        assert (await one.event("GUILD_MEMBER_ADD"))["user"]["id"] == str(barret.id)


async def test_members_can_be_asked_for() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        ids = [str(place.anna.id), "1"]
        await one.send(8, {"guild_id": str(place.guild.id), "user_ids": ids, "nonce": "n"})
        told = await one.event("GUILD_MEMBERS_CHUNK")

    assert [it["user"]["username"] for it in told["members"]] == ["anna"]
    assert (told["not_found"], told["nonce"]) == (["1"], "n")


async def test_a_channel_that_a_bot_does_not_see_is_silent_to_it() -> None:
    async with a_place() as place:
        secret = place.discord.world.text(place.guild, "secret")
        place.discord.world.deny(secret, place.guild.everyone, VIEW_CHANNEL)
        async with identified(place.discord, place.tifa) as one:
            place.discord.world.deny(secret, place.tifa, VIEW_CHANNEL)
            place.discord.say(place.guild.owner, secret, "psst")
            place.discord.say(place.anna, place.general, "hello")
            guild = await one.event("GUILD_CREATE")
            await one.event("MESSAGE_CREATE")

            assert [it["content"] for it in one.data("MESSAGE_CREATE")] == ["hello"]
            assert [it["name"] for it in guild["channels"]] == ["general"]


async def test_guilds_are_shared_among_shards_and_direct_messages_are_the_firsts() -> None:
    async with a_place(identify_every=0.0) as place:
        shard = (place.guild.id >> 22) % 2
        async with line(place.discord) as first, line(place.discord) as second:
            await first.identify(place.tifa, shard=[0, 2])
            await second.identify(place.tifa, shard=[1, 2])
            await first.event("READY")
            await second.event("READY")
            place.discord.say(place.anna, place.general, "aloud")
            place.discord.say(place.anna, place.discord.world.dm(place.anna, place.tifa), "aside")
            heard = {0: first, 1: second}
            await first.until(lambda: "aside" in [it["content"] for it in first.data("MESSAGE_CREATE")])
            await heard[shard].until(lambda: "aloud" in [it["content"] for it in heard[shard].data("MESSAGE_CREATE")])

            assert len(heard[1 - shard].data("READY")[0]["guilds"]) == 0
            assert first.data("READY")[0]["shard"] == [0, 2]


async def test_sessions_started_too_fast_are_refused_and_counted() -> None:
    async with a_place() as place, identified(place.discord, place.tifa), line(place.discord) as soon:
        await soon.identify(place.tifa)

        assert (await soon.frame(9))["d"] is False
        assert place.discord.gateway.identifies(place.tifa) == 2
        assert [it.method for it in place.discord.breaches] == ["IDENTIFY"]


async def test_who_identifies_too_often_in_a_day_loses_the_token() -> None:
    async with a_place(identify_every=0.0) as place:
        place.discord.gateway.starts.total = 1
        async with identified(place.discord, place.tifa) as one, line(place.discord) as more:
            token = place.tifa.token
            await more.identify(place.tifa)

            assert await more.end() == await one.end() == 4004
    assert place.tifa.token != token


async def test_a_token_that_is_revoked_ends_the_sessions() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.revoke(place.tifa)

        assert await one.end() == 4004
    assert not place.discord.gateway.sessions


@pytest.mark.parametrize("resumable", [True, False])
async def test_a_session_is_called_invalid(resumable: bool) -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.invalidate(resumable=resumable)

        assert (await one.frame(9))["d"] is resumable
        assert len(place.discord.gateway.sessions) == resumable


async def test_a_reconnect_and_a_heartbeat_are_asked_for() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.beat()
        place.discord.gateway.reconnect()

        assert (await one.frame(1))["d"] is None
        assert (await one.frame(7))["d"] is None


async def test_a_deaf_gateway_acknowledges_nothing_and_still_talks() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.deafen()
        await one.send(1, one.seq)
        await place.discord.until(lambda: [it for it in place.discord.gateway.heard if it.op == 1])
        place.discord.say(place.anna, place.general, "hello")
        await one.event("MESSAGE_CREATE")

        assert 11 not in [it["op"] for it in one.frames]


async def test_a_silent_gateway_says_nothing_any_more() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.silence()
        place.discord.say(place.anna, place.general, "hello")
        await one.send(1, one.seq)
        await place.discord.until(lambda: [it for it in place.discord.gateway.heard if it.op == 1])
        place.discord.gateway.close(4000)
        await one.end()

        assert not one.data("MESSAGE_CREATE")
        assert 11 not in [it["op"] for it in one.frames]


async def test_a_bot_without_heartbeats_is_given_up() -> None:
    async with a_place() as place:
        place.discord.gateway.heartbeat = 0.1
        async with line(place.discord) as one:
            assert await one.end() == 4009


async def test_too_many_frames_end_the_connection() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        for _ in range(120):
            await one.send(1, None)

        assert await one.end() == 4008


async def test_anything_can_be_sent_broken() -> None:
    async with a_place() as place, identified(place.discord, place.tifa) as one:
        place.discord.gateway.send_raw('{"op": 0, "d')
        place.discord.gateway.send(42, {"of": "nothing"})
        place.discord.gateway.dispatch("MESSAGE_CREATE", {"id": None})
        place.discord.gateway.dispatch("NEVER_HEARD_OF", {})
        await one.event("NEVER_HEARD_OF")

        assert '{"op": 0, "d' in one.frames
        assert {"id": None} in one.data("MESSAGE_CREATE")


async def test_the_frame_that_a_script_names_goes_wrong() -> None:
    async with a_place() as place:
        place.discord.faults.add(Sent(event="MESSAGE_CREATE", nth=2), faults.lost())
        place.discord.faults.add(Sent(event="MESSAGE_CREATE", nth=4), faults.close(4000))
        async with identified(place.discord, place.tifa) as one:
            for text in ("one", "two", "three", "four"):
                place.discord.say(place.anna, place.general, text)

            assert await one.end() == 4000
            assert [it["content"] for it in one.data("MESSAGE_CREATE")] == ["one", "three"]


async def test_a_heartbeat_that_a_script_loses_is_not_acknowledged() -> None:
    async with a_place() as place:
        rule = place.discord.faults.add(Received(op=1), faults.lost())
        async with identified(place.discord, place.tifa) as one:
            await one.send(1, None)
            await one.send(1, None)
            await one.frame(11)

            assert [it["op"] for it in one.frames].count(11) == 1
    assert rule.hits == 1


async def test_a_handshake_can_be_refused() -> None:
    async with a_place() as place:
        place.discord.faults.add(Connect(), faults.status(503))
        # aiohttp tries a GET whose connection breaks once more.
        place.discord.faults.add(Connect(nth=2, times=2), faults.reset())
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await line(place.discord).__aenter__()
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await line(place.discord).__aenter__()
        async with line(place.discord) as one:
            await one.frame(10)


async def test_an_outage_cuts_everything_and_forgets_nothing() -> None:
    async with a_place() as place:
        async with identified(place.discord, place.tifa) as one:
            await place.discord.down()
            assert await one.end() == 1006
        with pytest.raises(aiohttp.ClientConnectorError):
            await line(place.discord).__aenter__()
        place.discord.say(place.anna, place.general, "anybody?")
        await place.discord.up()

        async with line(place.discord) as again:
            session = one.data("READY")[0]["session_id"]
            await again.send(6, {"token": place.tifa.token, "session_id": session, "seq": one.seq})

            assert (await again.event("MESSAGE_CREATE"))["content"] == "anybody?"


async def test_the_journal_of_frames_holds_no_token() -> None:
    async with a_place() as place, identified(place.discord, place.tifa):
        assert place.tifa.token not in repr(place.discord.gateway.heard)
        assert place.discord.gateway.heard[0].data["intents"] == CHAT


async def test_a_session_that_nobody_resumed_in_time_is_forgotten_when_something_is_said() -> None:
    async with a_place(identify_every=0.0) as place:
        async with identified(place.discord, place.tifa):
            place.discord.gateway.abort()
            await place.discord.until(lambda: not place.discord.gateway.connections)
        async with identified(place.discord, place.tifa) as line:
            place.discord.clock.advance(place.discord.gateway.resumable + 1)
            place.discord.say(place.anna, place.general, "hello")
            await line.event("MESSAGE_CREATE")

            assert len(place.discord.gateway.sessions) == 1
