"""What people say on Discord reaches the agent as text, with who said it and where."""

from dataclasses import replace
from pathlib import Path

import pytest

from carrier.testing.discord import Discord, File, posting
from carrier.testing.discord.posting import Draft
from carrier.testing.discord.things import MESSAGE_CONTENT, PRIVILEGED
from tests.discord_scene import heard, scene, until_heard


async def test_who_mentions_the_bot_gets_one_answer_in_reply(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        asked = discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

    answer = discord.feed(bar.general)[-1]
    assert answer.referenced is asked
    assert not answer.pinged


async def test_what_is_said_to_others_is_heard_and_not_answered(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "hello everyone")
        discord.say(bar.anna, bar.general, "and you?", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa and you?")

        assert [message.text for message in await heard(host)] == ["hello everyone", "@Tifa and you?"]


async def test_a_direct_message_is_answered_there(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)

    async with bar.host() as host:
        discord.say(bar.anna, direct, "psst")
        await bar.answered("you said: psst", channel=direct)

        (message,) = await heard(host)
        assert (message.room, message.direct, message.addressed) == (f"bar/@{bar.anna.id}", True, True)


async def test_a_message_says_who_where_and_to_what(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    category = discord.world.category(bar.guild, "downstairs")
    cellar = discord.world.text(bar.guild, "cellar", category)
    guest = discord.world.role(bar.guild, "guest")
    discord.world.give(bar.guild, bar.anna, guest)

    async with bar.host() as host:
        first = discord.say(bar.anna, cellar, "first")
        discord.say(bar.anna, cellar, "second", reply_to=first)
        thread = discord.thread(bar.anna, first, "about the first")
        discord.say(bar.anna, thread, "in there")
        _, second, third = await until_heard(host, 3)

    assert second.sender == f"discord:{bar.anna.id}"
    assert second.sender_name == "Anna"
    assert second.roles == (str(guest.id),)
    assert second.room == f"bar/{cellar.id}"
    assert second.within == (f"category:{category.id}", f"guild:{bar.guild.id}")
    assert second.reply_to == str(first.id)
    assert (second.addressed, second.direct, second.bot) == (False, False, False)
    assert abs(second.created_at / 1e6 - first.sent_at) < 10
    assert third.room == f"bar/{thread.id}"
    assert third.within == (f"room:{cellar.id}", f"category:{category.id}", f"guild:{bar.guild.id}")


async def test_the_bot_s_own_role_is_a_name_of_it(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    (own,) = [role for role in bar.guild.roles.values() if role.managed_by == bar.tifa.id]

    async with bar.host():
        discord.say(bar.anna, bar.general, "hello", mentions=[own])
        await bar.answered("you said: @Tifa hello")


async def test_ids_in_a_text_become_names(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    barret = discord.world.user("barret", "Barret", guilds=[bar.guild])
    guest = discord.world.role(bar.guild, "guest", mentionable=True)

    async with bar.host() as host:
        discord.say(
            bar.anna,
            bar.general,
            f"{barret.mention} of {guest.mention} in {bar.general.mention} <:cheers:12> <t:0:R> <x>",
        )
        (message,) = await until_heard(host, 1)

    assert message.text == "@Barret of @guest in #general :cheers: 1970-01-01 00:00 UTC <x>"


@pytest.mark.parametrize(
    ("nick", "name"),
    [
        ("**Anna**", "Anna"),
        ("A\u200bn\u202en\u00ada", "Anna"),
        ("An\nna  the\tGreat", "An na the Great"),
        ("\u200b\u200b", "anna"),
        ("x" * 200, "x" * 64),
    ],
)
async def test_a_name_is_what_one_can_see_of_it(discord: Discord, tmp_path: Path, nick: str, name: str) -> None:
    bar = scene(discord, tmp_path)
    discord.world.join(bar.guild, bar.anna, nick)

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "hello")
        (message,) = await until_heard(host, 1)

    assert message.sender_name == name


async def test_what_is_not_text_is_told_in_words(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    embed = {"type": "rich", "title": "Menu", "description": "Soup", "fields": [{"name": "Price", "value": "3"}]}
    poll = {
        "question": {"text": "Soup?"},
        "answers": [{"answer_id": 1, "poll_media": {"text": "Yes"}}, {"answer_id": 2, "poll_media": {"text": "No"}}],
        "expiry": "2030-01-01T00:00:00+00:00",
        "allow_multiselect": False,
        "layout_type": 1,
    }

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, stickers=({"id": "1", "name": "Wave", "format_type": 1},))
        discord.say(bar.anna, bar.general, "look", embeds=(embed,))
        discord.say(bar.anna, bar.general, poll=poll)
        texts = [message.text for message in await until_heard(host, 3)]

    assert texts == ["[sticker: Wave]", "look\n[embed: Menu\nSoup\nPrice: 3]", "[poll: Soup? 1) Yes; 2) No]"]


async def test_what_discord_says_itself_and_what_the_bot_says_is_not_heard(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host() as host:
        posting.post(discord.world, bar.general, bar.anna, Draft("joined", kind=7))
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

        assert [message.text for message in await heard(host)] == ["@Tifa hello"]


async def test_another_bot_is_known_as_one(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    other = discord.world.bot("Barret", guilds=[bar.guild])

    async with bar.host() as host:
        discord.say(other.user, bar.general, "beep")
        (message,) = await until_heard(host, 1)

    assert message.bot


async def test_without_the_privileged_intent_mentions_are_heard(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path, "hear: addressed")
    bar.tifa.intents = PRIVILEGED & ~MESSAGE_CONTENT

    async with bar.host() as host:
        discord.say(bar.anna, bar.general, "hello")
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

        assert len(await heard(host)) == 1


async def test_a_text_file_is_read_a_large_one_only_named(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    menu, film = File("menu.txt", b"Soup\n", "text/plain"), File("film.mp4", size=500_000_000, type="video/mp4")

    async with bar.host():
        discord.say(bar.anna, bar.general, "what is this?", mentions=[bar.tifa], files=[menu, film])
        await bar.answered("you said: @Tifa what is this?\n\n[file menu.txt]\n> Soup\n\n[file film.mp4]")


async def test_a_long_paste_arrives_whole(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    direct = discord.world.dm(bar.anna, bar.tifa)

    async with bar.host():
        discord.say(bar.anna, direct, "word " * 500)
        await discord.until(lambda: discord.said(direct, bar.tifa))

    assert discord.said(direct, bar.tifa)[0].startswith("you said: \n\n[file message.txt]\n> word word")


async def test_a_picture_is_kept_for_models_that_see(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host() as host:
        discord.say(
            bar.anna, bar.general, "see?", mentions=[bar.tifa], files=[File("cat.png", b"\x89PNG", "image/png")]
        )
        await bar.answered("you said: @Tifa see?\n\n[file cat.png]")
        (message,) = await heard(host)

    (picture,) = message.attachments
    assert (bar.files.data / picture.path).read_bytes() == b"\x89PNG"


async def test_a_message_that_makes_no_sense_costs_nothing_but_itself(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)

    async with bar.host():
        discord.gateway.dispatch("MESSAGE_CREATE", {"id": "x", "channel_id": None})
        discord.gateway.dispatch("NEVER_HEARD_OF", {"x": 1})
        discord.say(bar.anna, bar.general, "hello", mentions=[bar.tifa])
        await bar.answered("you said: @Tifa hello")

    assert len(discord.gateway.starts.identifies[bar.tifa.id]) == 1


async def test_the_room_is_told_as_people_see_it(discord: Discord, tmp_path: Path) -> None:
    told = "{{ room }}/{{ room.kind }}/{{ room.topic }}/{{ room.within | join(' in ') }}"
    files = {
        "agents.d/tifa.yaml": "character: { bio: Keeps the bar. }\ncontext: [room]\n",
        "templates/chat.j2": told,
    }
    bar = scene(discord, tmp_path, files=files)
    first = discord.say(bar.anna, bar.general, "first")
    thread = discord.thread(bar.anna, first, "about it")

    async with bar.host() as host:
        for room in (bar.general, thread):
            discord.say(bar.anna, room, "hello", mentions=[bar.tifa])
        general, in_thread = await until_heard(host, 2)
        agent = host.agents["tifa"].runtime

        assert (await agent.render(general)).startswith("#general/channel/All that happens here/Seventh Heaven")
        expected = "about it/thread/All that happens here/#general in Seventh Heaven"
        assert (await agent.render(in_thread)).startswith(expected)


async def test_an_address_that_has_expired_is_asked_for_anew(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    async with bar.host() as host:
        said = discord.say(bar.anna, bar.general, files=[File("menu.txt", b"Soup", "text/plain")])
        (message,) = await until_heard(host, 1)
        (file,) = message.attachments
        session = host.clients["bar"].client._session  # type: ignore[attr-defined]
        expired = replace(message, attachments=(replace(file, url=file.url.replace("hm=", "hm=0")),))
        (fetched,) = await session.fetch(expired, tmp_path)

    assert str(said.id) == message.platform_id
    assert fetched.text == "Soup"


async def test_the_files_of_a_burst_are_all_read(discord: Discord, tmp_path: Path) -> None:
    bar = scene(discord, tmp_path)
    bar.files.edit("agents.d/bar.yaml", "gather: 0", "gather: 0.3s")

    async with bar.host() as host:
        for number in (1, 2):
            menu = File(f"{number}.txt", f"Soup {number}".encode(), "text/plain")
            discord.say(bar.anna, bar.general, f"file {number}", mentions=[bar.tifa], files=[menu])
        await discord.until(lambda: discord.said(bar.general, bar.tifa))
        texts = [file.text for message in await heard(host) for file in message.attachments]

    (answer,) = discord.said(bar.general, bar.tifa)
    assert "Soup 1" in answer
    assert "Soup 2" in answer
    assert texts == ["Soup 1", "Soup 2"]
