"""The local Discord's REST API, by the bare wire: answers, errors, rate limits and faults as Discord has them."""

import asyncio
import io
import json

import aiohttp
import pytest

from carrier.testing.discord import Channel, File, faults
from carrier.testing.discord.faults import Rest
from carrier.testing.discord.limits import Rate
from carrier.testing.discord.permissions import MENTION_EVERYONE, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL
from tests.local_discord import CONTENT, Place, Wire, a_place, wire

MESSAGES = r"/messages$"


def at(channel: Channel) -> str:
    return f"/channels/{channel.id}/messages"


async def test_a_token_that_nobody_has_is_unauthorized() -> None:
    async with a_place() as place, wire(place.discord) as anybody:
        refused = await anybody.ask("GET", "/users/@me", headers={"Authorization": "Bot nonsense"})

    assert (refused.status, refused.body) == (401, {"message": "401: Unauthorized", "code": 0})
    assert "nonsense" not in repr(place.discord.journal)


async def test_an_answer_is_plain_json_with_its_limits() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = await bot.say(place.general, "hello")

    assert said.headers["Content-Type"] == "application/json"
    assert said.headers["X-RateLimit-Limit"] == "5"
    assert said.headers["X-RateLimit-Remaining"] == "4"
    assert 0 < float(said.headers["X-RateLimit-Reset-After"]) <= 5
    assert len(said.headers["X-RateLimit-Bucket"]) == 32


async def test_a_bucket_that_is_used_up_answers_429_and_is_a_breach() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        other = place.discord.world.text(place.guild, "other")
        said = [(await bot.say(place.general, str(it))).status for it in range(5)]
        refused = await bot.say(place.general, "too much")
        elsewhere = await bot.say(other, "its own bucket")
        place.discord.clock.advance(5)
        later = await bot.say(place.general, "again")

    assert (said, elsewhere.status, later.status) == ([200] * 5, 200, 200)
    assert (refused.status, refused.headers["X-RateLimit-Scope"], refused.body["global"]) == (429, "user", False)
    assert 0 < refused.body["retry_after"] <= 5
    assert refused.headers["Via"]
    assert [(it.who, it.scope) for it in place.discord.breaches] == [("Tifa", "user")]


async def test_all_that_a_bot_asks_has_a_limit_of_its_own() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.limits.everything = Rate(2, 1.0)
        asked = [await bot.ask("GET", f"/users/{place.anna.id}") for _ in range(3)]

    assert [it.status for it in asked] == [200, 200, 429]
    assert (asked[2].headers["X-RateLimit-Scope"], asked[2].body["global"]) == ("global", True)


async def test_windows_pass_faster_where_the_clock_does() -> None:
    async with a_place(speed=50) as place, wire(place.discord, place.tifa) as bot:
        said = await bot.say(place.general, "hello")

    assert float(said.headers["X-RateLimit-Reset-After"]) <= 0.1


async def test_too_many_invalid_requests_end_with_cloudflare() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.limits.invalid = Rate(2, 600.0)
        place.discord.world.deny(place.general, place.tifa, SEND_MESSAGES)
        refused = [await bot.say(place.general, "hello") for _ in range(3)]

    assert [it.status for it in refused] == [403, 403, 429]
    assert "Via" not in refused[2].headers
    assert "cloudflare" in refused[2].body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/channels/1", 404, 10003),
        ("GET", "/channels/nonsense", 400, 50035),
        ("GET", "/channels/GENERAL/messages/1", 404, 10008),
        ("GET", "/guilds/1", 404, 10004),
        ("GET", "/users/1", 404, 10013),
        ("GET", "/guilds/GUILD/members/1", 404, 10007),
        ("PUT", "/guilds/GUILD/members/ANNA/roles/1", 404, 10011),
        ("GET", "/webhooks/1", 404, 10015),
        ("GET", "/channels/GENERAL/messages?limit=101", 400, 50035),
        ("PUT", "/channels/GENERAL/typing", 405, 0),
        ("GET", "/nothing", 404, 0),
        ("POST", "/interactions/1/x/callback", 404, 10062),
    ],
)
async def test_what_is_not_there_has_its_code(method: str, path: str, status: int, code: int) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        for word, thing in (("GENERAL", place.general), ("GUILD", place.guild), ("ANNA", place.anna)):
            path = path.replace(word, str(thing.id))
        answer = await bot.ask(method, path)

    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    ("form", "code", "said"),
    [
        ({"content": "x" * 2001}, 50035, "BASE_TYPE_MAX_LENGTH"),
        ({"content": ""}, 50006, "empty"),
        ({"content": " \n "}, 50006, "empty"),
        ({"content": 7}, 50035, "BASE_TYPE_STRING"),
        ({"content": "x", "nonce": "n" * 26}, 50035, "nonce"),
        ({"content": "x", "embeds": [{}] * 11}, 50035, "embeds"),
        ({"content": "x", "embeds": [{"description": "d" * 4097}]}, 50035, "description"),
        ({"content": "x", "allowed_mentions": {"parse": ["all"]}}, 50035, "allowed_mentions"),
        ({"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}}, 50035, "mutually exclusive"),
        ({"content": "x", "message_reference": {"message_id": "1"}}, 50035, "REPLIES_UNKNOWN_MESSAGE"),
    ],
)
async def test_a_message_that_cannot_be_is_refused(form: object, code: int, said: str) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        refused = await bot.ask("POST", at(place.general), form)

    assert (refused.status, refused.code) == (400, code)
    assert said in json.dumps(refused.body)
    assert not place.discord.feed(place.general)


async def test_2000_code_points_are_not_too_many() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = await bot.say(place.general, "🍸" * 2000)

    assert said.status == 200


@pytest.mark.parametrize("body", [b'{"content": "half', b'{"content": "\\ud83d alone"}', b"\xff"])
async def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        refused = await bot.ask("POST", at(place.general), headers={"Content-Type": "application/json"}, data=body)

    assert (refused.status, refused.code) == (400, 50109)


async def test_white_space_around_a_message_is_dropped() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = await bot.say(place.general, "  hello \n")

    assert said.body["content"] == "hello"


async def test_a_nonce_is_honoured_for_a_while() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        first, again = [await bot.say(place.general, "once", nonce="n1", enforce_nonce=True) for _ in range(2)]
        place.discord.clock.advance(181)
        late = await bot.say(place.general, "once", nonce="n1", enforce_nonce=True)
        unforced = await bot.say(place.general, "once", nonce="n1")
        listed = await bot.ask("GET", at(place.general))

    assert first.body["id"] == again.body["id"]
    assert (first.body["nonce"], len({first.body["id"], late.body["id"], unforced.body["id"]})) == ("n1", 3)
    assert [it.get("nonce") for it in listed.body] == [None, None, None]


async def test_history_is_read_in_windows_the_newest_first() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        ids = [place.discord.say(place.anna, place.general, str(it)).id for it in range(6)]

        async def texts(query: str) -> str:
            return "".join(it["content"] for it in (await bot.ask("GET", f"{at(place.general)}?{query}")).body)

        assert await texts("limit=2") == "54"
        assert await texts(f"before={ids[3]}&limit=2") == "21"
        assert await texts(f"after={ids[1]}&limit=2") == "32"
        assert await texts(f"around={ids[3]}&limit=3") == "432"
        place.discord.clock.advance(5)
        assert await texts("after=0&limit=100") == "543210"


async def test_without_the_permission_history_is_empty_and_a_hidden_channel_no_place() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.say(place.anna, place.general, "hello")
        place.discord.world.deny(place.general, place.tifa, READ_MESSAGE_HISTORY)
        blind = await bot.ask("GET", at(place.general))
        place.discord.world.deny(place.general, place.tifa, VIEW_CHANNEL)
        hidden = await bot.say(place.general, "hello")

    assert blind.body == []
    assert (hidden.status, hidden.code) == (403, 50001)


async def test_content_is_hidden_over_rest_too_without_the_intent() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.tifa.intents &= ~CONTENT
        place.discord.say(place.anna, place.general, "a secret")
        place.discord.say(place.anna, place.general, "hello", mentions=[place.tifa])
        listed = await bot.ask("GET", at(place.general))

    assert [it["content"] for it in listed.body] == [f"{place.tifa.mention} hello", ""]


async def test_a_bot_speaks_only_where_it_may() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.world.deny(place.general, place.guild.everyone, SEND_MESSAGES)
        refused = await bot.say(place.general, "hello")
        place.discord.world.allow(place.general, place.tifa, SEND_MESSAGES)
        said = await bot.say(place.general, "hello")
        place.discord.world.delete_channel(place.general)
        gone = await bot.say(place.general, "hello")

    assert [(it.status, it.body.get("code")) for it in (refused, said, gone)] == (
        [(403, 50013), (200, None), (404, 10003)]
    )


async def test_direct_messages_may_be_closed() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        channel = await bot.ask("POST", "/users/@me/channels", {"recipient_id": str(place.anna.id)})
        said = await bot.ask("POST", f"/channels/{channel.body['id']}/messages", {"content": "hello"})
        place.anna.dms_closed = True
        refused = await bot.ask("POST", f"/channels/{channel.body['id']}/messages", {"content": "hello"})

    assert (said.status, "guild_id" in said.body) == (200, False)
    assert (refused.status, refused.code) == (403, 50007)


@pytest.mark.parametrize(
    ("allowed", "users", "roles", "everyone"),
    [
        (None, True, True, True),
        ({"parse": []}, False, False, False),
        ({"parse": ["users"]}, True, False, False),
        ({"parse": ["roles", "everyone"]}, False, True, True),
        ({"users": ["ANNA"]}, True, False, False),
        ({"roles": ["STAFF"]}, False, True, False),
    ],
)
async def test_only_who_is_allowed_is_pinged(allowed: object, users: bool, roles: bool, everyone: bool) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        staff = place.discord.world.role(place.guild, "staff", mentionable=True)
        told = json.dumps(allowed).replace("ANNA", str(place.anna.id)).replace("STAFF", str(staff.id))
        more = {} if allowed is None else {"allowed_mentions": json.loads(told)}
        said = await bot.say(place.general, f"{place.anna.mention} {staff.mention} @everyone", **more)
        [message] = place.discord.feed(place.general)

    assert message.pinged.users == ({place.anna.id} if users else set())
    assert message.pinged.roles == ({staff.id} if roles else set())
    assert message.pinged.everyone is said.body["mention_everyone"] is everyone
    assert len(said.body["mentions"]) == users


async def test_code_pings_nobody_and_everyone_needs_a_permission() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        await bot.say(place.general, f"`{place.anna.mention}` ```\n@everyone\n```")
        place.discord.world.deny(place.general, place.tifa, MENTION_EVERYONE)
        await bot.say(place.general, "@everyone")

    assert not any(it.pinged for it in place.discord.feed(place.general))


async def test_a_reply_pings_unless_it_is_quiet_and_stands_alone_if_what_it_answers_is_gone() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        asked = place.discord.say(place.anna, place.general, "hello")
        to = {"message_reference": {"message_id": str(asked.id)}}
        loud = await bot.say(place.general, "hi", **to)
        quiet = await bot.say(place.general, "hi", allowed_mentions={"parse": []}, **to)
        place.discord.delete(asked)
        to["message_reference"]["fail_if_not_exists"] = False  # type: ignore[assignment]
        alone = await bot.say(place.general, "hi", **to)
        _, second, third = place.discord.feed(place.general)

    assert loud.body["type"] == 19
    assert loud.body["referenced_message"]["content"] == "hello"
    assert [it["id"] for it in loud.body["mentions"]] == [str(place.anna.id)]
    assert (quiet.body["mentions"], second.pinged.users) == ([], frozenset())
    assert (alone.body["type"], "message_reference" in alone.body, third.referenced) == (0, False, None)


async def test_files_come_with_the_message_and_are_fetched_by_an_address_that_runs_out() -> None:
    form = aiohttp.FormData(quote_fields=False)
    told = {"content": "see", "attachments": [{"id": 0, "filename": "menu.txt", "description": "the menu"}]}
    form.add_field("payload_json", json.dumps(told), content_type="application/json")
    form.add_field("files[0]", b"martini", filename="x.txt", content_type="text/plain")
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = await bot.ask("POST", at(place.general), data=form)
        [file] = said.body["attachments"]
        async with bot.session.get(file["url"]) as fetched:
            assert await fetched.read() == b"martini"
        async with bot.session.get(file["url"].replace("hm=", "hm=0")) as forged:
            assert forged.status == 404
        place.discord.clock.advance(24 * 60 * 60)
        async with bot.session.get(file["url"]) as late:
            assert late.status == 404

    assert (file["filename"], file["size"], file["description"]) == ("menu.txt", 7, "the menu")
    assert place.discord.journal.of("POST")[0].files == ("x.txt",)


async def test_an_edit_adds_files_beside_those_it_keeps() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = await bot.say(place.general, "see")
        one = f"{at(place.general)}/{said.body['id']}"
        for name, kept in (("menu.txt", []), ("wine.txt", [0])):
            ids = [it.id for it in place.discord.feed(place.general)[0].attachments if kept]
            told = {"attachments": [*({"id": str(id)} for id in ids), {"id": 0, "filename": name}]}
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("payload_json", json.dumps(told), content_type="application/json")
            form.add_field("files[0]", b"martini", filename=name, content_type="text/plain")
            changed = await bot.ask("PATCH", one, data=form)

    assert [it["filename"] for it in changed.body["attachments"]] == ["menu.txt", "wine.txt"]


async def test_a_file_may_be_larger_than_anybody_would_fetch() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.say(place.anna, place.general, files=[File("film.mp4", size=500_000_000)])
        [message] = (await bot.ask("GET", at(place.general))).body
        async with bot.session.get(message["attachments"][0]["url"]) as fetched:
            assert fetched.content_length == message["attachments"][0]["size"] == 500_000_000
            assert await fetched.content.readexactly(1000) == bytes(1000)


async def test_a_file_of_a_bot_that_is_too_large_is_refused() -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", '{"content": "see"}', content_type="application/json")
    form.add_field("files[0]", io.BytesIO(bytes(10 * 1024 * 1024 + 1)), filename="x.bin")
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        refused = await bot.ask("POST", at(place.general), data=form)

    assert (refused.status, refused.code) == (413, 40005)


async def test_a_long_text_of_a_person_becomes_a_file() -> None:
    async with a_place() as place:
        said = place.discord.say(place.anna, place.general, "x" * 2001)

    assert (said.content, said.attachments[0].file.name, said.attachments[0].size) == ("", "message.txt", 2001)


async def test_messages_are_changed_by_their_author_and_deleted_by_moderators() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = (await bot.say(place.general, "one")).body["id"]
        other = place.discord.say(place.anna, place.general, "hello")
        changed = await bot.ask("PATCH", f"{at(place.general)}/{said}", {"content": "two"})
        emptied = await bot.ask("PATCH", f"{at(place.general)}/{said}", {"content": ""})
        foreign = await bot.ask("PATCH", f"{at(place.general)}/{other.id}", {"content": "two"})
        removed = await bot.ask("DELETE", f"{at(place.general)}/{other.id}")

    [left] = place.discord.feed(place.general)
    assert (changed.body["content"], changed.body["edited_timestamp"] is None, left.edits) == ("two", False, ["one"])
    assert (emptied.code, foreign.code, removed.status) == (50006, 50005, 204)


async def test_many_messages_are_deleted_at_once() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        ids = [str(place.discord.say(place.anna, place.general, str(it)).id) for it in range(3)]
        few = await bot.ask("POST", f"{at(place.general)}/bulk-delete", {"messages": ids[:1]})
        place.discord.clock.advance(3)
        done = await bot.ask("POST", f"{at(place.general)}/bulk-delete", {"messages": ids[:2]})

    assert (few.code, done.status, place.discord.said(place.general)) == (50016, 204, ["2"])


async def test_a_thread_that_is_locked_or_archived_is_held_to_its_rules() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        plain = place.discord.world.bot("Cloud", guilds=[place.guild], may=0)
        thread = place.discord.thread(place.anna, place.general, "aside")
        async with wire(place.discord, plain) as cloud:
            said = await cloud.say(thread, "before")
            place.discord.archive(thread)
            late = await cloud.ask("PATCH", f"{at(thread)}/{said.body['id']}", {"content": "after"})
            opened = await cloud.say(thread, "opens it")
            assert thread.thread
            assert not thread.thread.archived
            place.discord.archive(thread, locked=True)
            locked = await cloud.say(thread, "knock")
            unlocks = await cloud.ask("PATCH", f"/channels/{thread.id}", {"archived": False})
            moderator = await bot.say(thread, "I may")

    assert (late.code, opened.status, locked.code, unlocks.code, moderator.status) == (50083, 200, 160005, 50013, 200)


async def test_a_forum_takes_posts_only() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        forum = place.discord.world.forum(place.guild, "questions", tags=["help"])
        refused = await bot.say(forum, "hello")
        form = {"name": "How?", "message": {"content": "So?"}, "applied_tags": [forum.tags[0]["id"]]}
        posted = await bot.ask("POST", f"/channels/{forum.id}/threads", form)
        strange = await bot.ask("POST", f"/channels/{forum.id}/threads", form | {"applied_tags": ["1"]})

    assert (refused.code, strange.code) == (50008, 10087)
    assert posted.body["id"] == posted.body["message"]["id"]
    assert (posted.body["parent_id"], posted.body["applied_tags"]) == (str(forum.id), [forum.tags[0]["id"]])


async def test_a_message_has_one_thread_at_most() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        said = place.discord.say(place.anna, place.general, "let us talk")
        made, again = [await bot.ask("POST", f"{at(place.general)}/{said.id}/threads", {"name": "talk"}) for _ in "ab"]
        thread = place.discord.world.channels[int(made.body["id"])]
        listed = await bot.ask("GET", f"/guilds/{place.guild.id}/threads/active")

    assert (made.body["id"], again.code) == (str(said.id), 160004)
    assert [it.kind for it in place.discord.feed(thread)] == [21]
    assert [it["id"] for it in listed.body["threads"]] == [made.body["id"]]


async def test_roles_are_given_below_ones_own() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        above = place.discord.world.role(place.guild, "boss")
        own = place.guild.members[place.tifa.id].roles[0]
        guest = place.discord.world.role(place.guild, "guest")
        guest.position, own.position = own.position, guest.position
        roles = f"/guilds/{place.guild.id}/members/{place.anna.id}/roles"
        given = await bot.ask("PUT", f"{roles}/{guest.id}")
        above.position = 10
        refused = await bot.ask("PUT", f"{roles}/{above.id}")
        member = await bot.ask("GET", f"/guilds/{place.guild.id}/members/{place.anna.id}")

    assert (given.status, refused.code, member.body["roles"]) == (204, 50013, [str(guest.id)])


async def test_the_gateway_tells_how_many_sessions_may_be_started() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        told = await bot.ask("GET", "/gateway/bot")

    assert told.body["url"] == place.discord.gateway_url
    assert told.body["shards"] == 1
    assert told.body["session_start_limit"] == {
        "total": 1000,
        "remaining": 1000,
        "reset_after": 0,
        "max_concurrency": 1,
    }


async def test_the_application_tells_which_privileges_its_portal_allows() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.tifa.intents = CONTENT
        told = await bot.ask("GET", "/oauth2/applications/@me")

    assert told.body["flags"] == 1 << 19


# Faults


@pytest.mark.parametrize("code", [500, 502, 503])
@pytest.mark.parametrize(("after", "made"), [(False, 0), (True, 1)])
async def test_an_error_comes_before_or_after_the_message_was_made(code: int, after: bool, made: int) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.faults.add(Rest("POST", MESSAGES), faults.status(code, after=after))
        failed = await bot.say(place.general, "hello")

        assert (failed.status, len(place.discord.feed(place.general))) == (code, made)
        assert (await bot.say(place.general, "again")).status == 200


@pytest.mark.parametrize(("after", "made"), [(False, 0), (True, 1)])
async def test_a_connection_is_reset_before_or_after(after: bool, made: int) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.faults.add(Rest("POST", MESSAGES), faults.reset(after=after))
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await bot.say(place.general, "hello")

        assert len(place.discord.feed(place.general)) == made


async def test_an_answer_may_never_come_although_the_message_was_made() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.faults.add(Rest("POST", MESSAGES), faults.hang(after=True))
        asking = asyncio.create_task(bot.say(place.general, "hello"))
        await place.discord.until(lambda: place.discord.feed(place.general))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    assert place.discord.journal.requests[0].status == 0


async def told(bot: Wire, place: Place, fault: faults.Fault) -> tuple[int, bool, str, object]:
    place.discord.faults.add(Rest("POST", MESSAGES), fault)
    answer = await bot.say(place.general, "hello")
    body = answer.body
    return answer.status, "Via" in answer.headers, answer.headers["Content-Type"], isinstance(body, dict) and body


async def test_429_comes_of_a_bucket_of_everything_or_of_cloudflare() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        message = "You are being rate limited."
        plain = {"message": message, "retry_after": 0.2, "global": False}

        assert await told(bot, place, faults.rate_limited(0.2)) == (429, True, "application/json", plain)
        everything = await told(bot, place, faults.rate_limited(0.2, scope="global"))
        assert everything == (429, True, "application/json", plain | {"global": True})
        assert await told(bot, place, faults.rate_limited(0.2, via=False)) == (429, False, "application/json", plain)
        assert await told(bot, place, faults.page(429)) == (429, False, "text/html", False)


async def test_only_the_request_that_a_script_names_goes_wrong() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        rule = place.discord.faults.add(Rest("POST", MESSAGES, nth=2, times=2), faults.status(503))
        await bot.ask("GET", at(place.general))
        statuses = [(await bot.say(place.general, "hello")).status for _ in range(4)]

    assert (statuses, rule.seen, rule.hits) == ([200, 503, 503, 200], 4, 2)


async def test_what_always_goes_wrong_does_so_until_it_is_removed() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        rule = place.discord.faults.always(Rest(path="/users"), faults.status(500))
        wrong = [(await bot.ask("GET", "/users/@me")).status for _ in range(3)]
        place.discord.faults.remove(rule)

        assert wrong == [500, 500, 500]
        assert (await bot.ask("GET", "/users/@me")).status == 200


async def test_an_answer_that_is_late_is_right() -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        place.discord.faults.add(Rest("POST", MESSAGES), faults.delay(0.05))

        assert (await bot.say(place.general, "hello")).status == 200


@pytest.mark.parametrize("form", [{"content": "x", "embeds": ["no"]}, {"content": "x", "flags": "many"}, ["x"]])
async def test_a_form_of_another_shape_is_refused(form: object) -> None:
    async with a_place() as place, wire(place.discord, place.tifa) as bot:
        refused = await bot.ask("POST", at(place.general), form)

    assert (refused.status, refused.code) == (400, 50035)
