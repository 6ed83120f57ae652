"""discord.py talks to the local Discord as it talks to the real one."""

import asyncio
import io

import discord
import pytest
from discord import app_commands

from carrier.testing.discord import Message, faults
from carrier.testing.discord.faults import Rest
from carrier.testing.discord.things import GUILD_MEMBERS, MESSAGE_CONTENT
from tests.local_discord import Client, Place, a_place, connected, library


async def test_a_client_is_ready_and_knows_its_guild() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        [guild] = client.guilds

        assert (guild.name, guild.me.name, guild.member_count) == ("Seventh Heaven", "Tifa", 3)
        assert client.text_channel(place.general).topic == "drinks"
        assert guild.me.guild_permissions.send_messages


async def test_a_message_arrives_with_who_said_it_where() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.world.join(place.guild, place.anna, "Annie", [place.discord.world.role(place.guild, "guest")])
        before = place.discord.say(place.tifa, place.general, "evening")
        said = place.discord.say(place.anna, place.general, "hello", mentions=[place.tifa], reply_to=before)
        await place.discord.until(lambda: len(client.messages) == 2)

    message = client.messages[1]
    assert isinstance(message.author, discord.Member)
    assert (message.id, message.author.display_name, message.clean_content) == (said.id, "Annie", "@Tifa hello")
    assert [it.name for it in message.author.roles] == ["@everyone", "guest"]
    assert (message.type, message.reference and message.reference.message_id) == (discord.MessageType.reply, before.id)
    assert client.user in message.mentions
    assert message.jump_url == said.link


async def test_a_client_answers_changes_and_deletes() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.say(place.anna, place.general, "hello")
        await place.discord.until(lambda: client.messages)
        async with client.messages[0].channel.typing():
            answer = await client.messages[0].reply("hi", mention_author=False, nonce="n1")
        await answer.edit(content="hi there")
        _, kept = place.discord.feed(place.general)
        assert (kept.content, kept.edits, kept.nonce) == ("hi there", ["hi"], "n1")
        assert not kept.pinged
        assert [channel for _, _, channel in place.discord.typed] == [place.general.id]
        await answer.delete()

    assert place.discord.said(place.general) == ["hello"]


async def test_changes_and_deletions_of_others_arrive() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        said = place.discord.say(place.anna, place.general, "helo")
        await place.discord.until(lambda: client.messages)
        place.discord.edit(said, "hello")
        place.discord.delete(said)
        await place.discord.until(lambda: client.events("message_delete"))

    [(before, after)] = client.events("message_edit")
    assert (before.content, after.content, after.edited_at is None) == ("helo", "hello", False)


async def test_history_is_read_forwards_from_a_message() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        first = place.discord.say(place.anna, place.general, "0")
        for number in range(1, 151):
            place.discord.say(place.anna, place.general, str(number))
        after = discord.Object(first.id)
        read = client.text_channel(place.general).history(after=after, oldest_first=True, limit=None)

        assert [message.content async for message in read] == [str(number) for number in range(1, 151)]


async def test_direct_messages_go_both_ways() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        room = place.discord.world.dm(place.anna, place.tifa)
        place.discord.say(place.anna, room, "psst")
        await place.discord.until(lambda: client.messages)
        assert isinstance(client.messages[0].channel, discord.DMChannel)
        await client.messages[0].reply("yes?")
        await (await client.fetch_user(place.anna.id)).send("listen")
        place.anna.dms_closed = True
        with pytest.raises(discord.Forbidden, match="50007"):
            await client.messages[0].channel.send("hello?")

    assert place.discord.said(room) == ["psst", "yes?", "listen"]


async def test_nobody_is_pinged_whom_the_client_does_not_allow() -> None:
    quiet = discord.AllowedMentions(everyone=False, roles=False, users=False, replied_user=True)
    async with a_place() as place, connected(place.discord, place.tifa, allowed_mentions=quiet) as client:
        place.discord.say(place.anna, place.general, "hello")
        await place.discord.until(lambda: client.messages)
        await client.messages[0].reply(f"@everyone {place.anna.mention}")
        await client.text_channel(place.general).send("@everyone")

    _, replied, sent = place.discord.feed(place.general)
    assert replied.pinged.users == {place.anna.id}
    assert not replied.pinged.everyone
    assert not sent.pinged


async def test_files_go_both_ways() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        sent = await client.text_channel(place.general).send("see", file=discord.File(io.BytesIO(b"gin"), "menu.txt"))

        assert await sent.attachments[0].read() == b"gin"
        assert place.discord.feed(place.general)[0].attachments[0].file.content == b"gin"


async def test_reactions_and_pins_go_both_ways() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        said = place.discord.say(place.anna, place.general, "hello")
        await place.discord.until(lambda: client.messages)
        await client.messages[0].add_reaction("👀")
        assert said.reactions == {"👀": [place.tifa.id]}
        await client.messages[0].remove_reaction("👀", discord.Object(place.tifa.id))
        place.discord.react(place.anna, said, "🎉")
        await client.messages[0].pin()
        pins = [it.content async for it in client.text_channel(place.general).pins()]
        await place.discord.until(lambda: len(client.messages) == 2)

    assert (said.reactions, pins, said.pinned_at is None) == ({"🎉": [place.anna.id]}, ["hello"], False)
    assert client.messages[1].type is discord.MessageType.pins_add
    assert [(str(it.emoji), who.name) for it, who in client.events("reaction_add")][-1] == ("🎉", "anna")


async def test_a_thread_begins_at_a_message() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.say(place.anna, place.general, "let us talk")
        await place.discord.until(lambda: client.messages)
        thread = await client.messages[0].create_thread(name="talk")
        await thread.send("here?")
        aside = place.discord.world.channels[thread.id]
        place.discord.say(place.anna, aside, "here.")
        await place.discord.until(lambda: len(client.messages) == 4)
        await thread.edit(archived=True)

    assert thread.id == client.messages[0].id
    assert [it.type.value for it in client.messages] == [0, 21, 0, 0]
    assert isinstance(client.messages[3].channel, discord.Thread)
    assert client.messages[3].channel.parent_id == place.general.id
    assert aside.thread
    assert aside.thread.archived


async def test_a_post_of_a_forum_is_a_thread() -> None:
    async with a_place() as place:
        questions = place.discord.world.forum(place.guild, "questions", tags=["help"])
        async with connected(place.discord, place.tifa) as client:
            forum = client.get_channel(questions.id)
            assert isinstance(forum, discord.ForumChannel)
            made = await forum.create_thread(name="How?", content="So?", applied_tags=[forum.available_tags[0]])
            theirs = place.discord.post(place.anna, questions, "Why?", "Tell me")
            await place.discord.until(lambda: len(client.messages) == 2)

    assert (made.thread.id, made.message.content) == (made.message.id, "So?")
    assert (client.messages[1].channel.id, client.messages[1].id) == (theirs.id, theirs.id)


async def test_what_a_bot_may_not_do_is_refused_with_its_code() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        channel = client.text_channel(place.general)
        with pytest.raises(discord.HTTPException, match="2000 or fewer") as refused:
            await channel.send("x" * 6000)
        assert (refused.value.status, refused.value.code) == (400, 50035)
        with pytest.raises(discord.HTTPException, match="50006"):
            await channel.send("  ")
        place.discord.world.delete_channel(place.general)
        with pytest.raises(discord.NotFound, match="10003"):
            await channel.send("hello")


async def test_channels_members_and_guilds_come_and_go() -> None:
    intents = discord.Intents(guilds=True, members=True)
    async with a_place() as place, connected(place.discord, place.tifa, intents=intents) as client:
        other = place.discord.world.text(place.guild, "other")
        place.discord.world.user("barret", guilds=[place.guild])
        second = place.discord.world.guild("Shinra")
        place.discord.world.invite(second, place.tifa)
        await place.discord.until(lambda: client.get_guild(second.id))
        assert client.get_channel(other.id)
        assert [it.name for it in client.guilds[0].members] == ["owner", "anna", "Tifa", "barret"]
        place.discord.world.delete_channel(other)
        place.discord.world.leave(second, place.tifa)
        await place.discord.until(lambda: not client.get_guild(second.id))

        assert client.get_channel(other.id) is None


async def test_roles_are_given_and_taken() -> None:
    async with a_place() as place:
        guest = place.discord.world.role(place.guild, "guest")
        place.guild.members[place.tifa.id].roles[0].position = 5
        async with connected(place.discord, place.tifa) as client:
            member = await client.guilds[0].fetch_member(place.anna.id)
            await member.add_roles(discord.Object(guest.id))
            assert place.guild.members[place.anna.id].roles == [guest]
            await member.remove_roles(discord.Object(guest.id))

    assert place.guild.members[place.anna.id].roles == []


async def test_a_webhook_speaks_as_whom_it_likes() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        webhook = await client.text_channel(place.general).create_webhook(name="Personas")
        sent = await webhook.send("bring it on", username="Barret", avatar_url="https://example.org/b.png", wait=True)
        await webhook.edit_message(sent.id, content="bring it")
        await place.discord.until(lambda: client.messages)
        assert [it.id for it in await client.text_channel(place.general).webhooks()] == [webhook.id]
        with pytest.raises(discord.HTTPException, match="cannot contain"):
            await webhook.send("hello", username="Discord")

    [message] = place.discord.feed(place.general)
    assert (message.author.name, message.content, message.webhook_id) == ("Barret", "bring it", webhook.id)
    assert (client.messages[0].author.name, client.messages[0].webhook_id) == ("Barret", webhook.id)


# Commands and buttons


async def with_command(client: Client) -> None:
    tree = app_commands.CommandTree(client)

    @tree.command(description="Ask something")
    async def ask(interaction: discord.Interaction, question: str, whom: discord.Member | None = None) -> None:
        await interaction.response.defer()
        await interaction.followup.send(f"{question}, {whom.name if whom else 'nobody'}")
        await interaction.followup.send("and more", ephemeral=True)

    @tree.command(description="Say hello")
    async def hello(interaction: discord.Interaction) -> None:
        done = await interaction.response.send_message("hello", ephemeral=True)
        assert isinstance(done.resource, discord.InteractionMessage)
        await interaction.edit_original_response(content="hello you")

    await tree.sync()


async def test_a_command_is_answered_late_and_further() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        await with_command(client)
        one = place.discord.command(
            place.anna, place.general, place.tifa, "ask", question="gin or rum", whom=place.guild.owner
        )
        await place.discord.until(lambda: len(one.texts) == 2)
        hidden = place.discord.command(place.anna, place.general, place.tifa, "hello")
        await place.discord.until(lambda: hidden.texts == ["hello you"])
        with pytest.raises(ValueError, match="missing"):
            place.discord.command(place.anna, place.general, place.tifa, "ask")
        with pytest.raises(ValueError, match="no command /dance"):
            place.discord.command(place.anna, place.general, place.tifa, "dance")

    assert one.texts == ["gin or rum, owner", "and more"]
    assert place.discord.said(place.general) == ["gin or rum, owner"]
    assert place.discord.feed(place.general)[0].kind == 20


async def test_commands_keep_their_ids_when_they_are_set_again() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        await with_command(client)
        first = [it["id"] for it in place.tifa.commands[None]]
        tree = client._connection._command_tree
        assert tree is not None
        await tree.sync()
        await tree.sync(guild=discord.Object(place.guild.id))

    assert [it["id"] for it in place.tifa.commands[None]] == first
    assert place.tifa.commands[place.guild.id] == []


class Approval(discord.ui.View):
    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Approve", custom_id="approve:17")
    async def approve(self, interaction: discord.Interaction, button: discord.ui.Button["Approval"]) -> None:
        assert isinstance(interaction.user, discord.Member)
        if not interaction.user.get_role(ROLE[0]):
            await interaction.response.send_message("not you", ephemeral=True)
        else:
            await interaction.response.edit_message(content=f"approved by {interaction.user.name}", view=None)


ROLE = [0]


async def asked(place: Place, client: Client) -> Message:
    await client.text_channel(place.general).send("May I?", view=Approval())
    return place.discord.feed(place.general)[-1]


async def test_a_button_is_pressed_by_whom_it_is_for() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        barkeeper = place.discord.world.role(place.guild, "barkeeper")
        ROLE[0] = barkeeper.id
        message = await asked(place, client)
        refused = place.discord.press(place.anna, message, "approve:17")
        await place.discord.until(lambda: refused.texts)
        place.discord.world.give(place.guild, place.anna, barkeeper)
        place.discord.press(place.anna, message, "Approve")
        await place.discord.until(lambda: message.content != "May I?")
        with pytest.raises(ValueError, match="there is no 'Approve'"):
            place.discord.press(place.anna, message, "Approve")

    assert (refused.texts, message.content) == (["not you"], "approved by anna")


async def test_an_interaction_can_be_answered_for_three_seconds_and_once() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        message = await asked(place, client)
        seen: list[discord.Interaction] = []

        async def on_interaction(interaction: discord.Interaction) -> None:
            seen.append(interaction)

        client.event(on_interaction)
        client._connection._view_store.remove_view(client.persistent_views[0])
        place.discord.press(place.anna, message, "approve:17")
        await place.discord.until(lambda: seen)
        place.discord.clock.advance(4)
        with pytest.raises(discord.NotFound, match="10062"):
            await seen[0].response.defer()
        place.discord.press(place.anna, message, "approve:17")
        await place.discord.until(lambda: len(seen) == 2)
        await seen[1].response.defer()
        place.discord.clock.advance(15 * 60)
        with pytest.raises(discord.HTTPException, match="50027"):
            await seen[1].edit_original_response(content="too late")


# The library's own ways with faults


@pytest.mark.parametrize("code", [1000, 1001, 4000, 4008, 4009])
async def test_a_close_is_resumed_and_nothing_is_missed(code: int) -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.gateway.close(code)
        place.discord.say(place.anna, place.general, "meanwhile")
        await place.discord.until(lambda: client.messages)

    assert [it.content for it in client.messages] == ["meanwhile"]
    assert (place.discord.gateway.resumes, place.discord.gateway.identifies(place.tifa)) == (1, 1)


async def test_a_reconnect_that_is_asked_for_is_resumed() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.gateway.reconnect()
        await place.discord.until(lambda: client.events("resumed"))

    assert place.discord.gateway.resumes == 1


async def start(place: Place, **options: object) -> None:
    async with library(place.discord), Client(**options) as client:
        await client.start(place.tifa.token)


async def test_a_token_that_is_wrong_is_a_login_failure() -> None:
    async with a_place() as place:
        place.tifa.token, given = "another", place.tifa.token
        with pytest.raises(discord.LoginFailure):
            async with library(place.discord), Client() as client:
                await client.start(given)


@pytest.mark.parametrize("missing", [GUILD_MEMBERS, MESSAGE_CONTENT], ids=["members", "content"])
async def test_an_intent_that_is_not_allowed_is_explained(missing: int) -> None:
    async with a_place() as place:
        place.tifa.intents &= ~missing
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await start(place, intents=discord.Intents(value=1 | GUILD_MEMBERS | MESSAGE_CONTENT))


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013])
async def test_what_is_fatal_ends_the_client(code: int) -> None:
    async with a_place() as place, library(place.discord), Client() as client:
        living = asyncio.create_task(client.start(place.tifa.token))
        await place.discord.until(client.is_ready)
        place.discord.gateway.close(code)
        with pytest.raises(discord.ConnectionClosed) as closed:
            await living

    assert closed.value.code == code


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.status(503), discord.DiscordServerError),
        (faults.rate_limited(1, via=False), discord.HTTPException),
        (faults.page(429), discord.HTTPException),
    ],
    ids=["503", "no via", "html"],
)
async def test_what_the_library_does_not_try_again_is_raised(fault: faults.Fault, error: type[Exception]) -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.faults.add(Rest("POST", "/messages$"), fault)
        with pytest.raises(error):
            await client.text_channel(place.general).send("hello")


async def test_a_rate_limit_is_waited_for() -> None:
    async with a_place(speed=20) as place, connected(place.discord, place.tifa) as client:
        place.discord.faults.add(Rest("POST", "/messages$"), faults.rate_limited(0.05))
        for number in range(8):
            await client.text_channel(place.general).send(str(number))

    assert place.discord.said(place.general) == [str(number) for number in range(8)]
    assert place.discord.breaches == []


async def test_an_error_after_the_message_was_made_makes_it_once() -> None:
    async with a_place() as place, connected(place.discord, place.tifa) as client:
        place.discord.faults.add(Rest("POST", "/messages$"), faults.status(503, after=True))
        with pytest.raises(discord.DiscordServerError):
            await client.text_channel(place.general).send("hello", nonce="n1")
        again = await client.text_channel(place.general).send("hello", nonce="n1")

    [once] = place.discord.feed(place.general)
    assert (again.id, again.content) == (once.id, "hello")


class Sharded(discord.AutoShardedClient):
    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The library would wait five seconds."""


async def test_shards_that_the_gateway_recommends_are_started() -> None:
    async with a_place(identify_every=0.0) as place, library(place.discord):
        place.discord.gateway.starts.guilds_a_shard = 1
        other = place.discord.world.guild("Shinra", id=place.guild.id ^ 1 << 22)
        place.discord.world.invite(other, place.tifa)
        client = Sharded(intents=discord.Intents(guilds=True), guild_ready_timeout=0.02)
        living = asyncio.create_task(client.start(place.tifa.token))
        await place.discord.until(lambda: client.is_ready() or living.done())
        shards, guilds = client.shard_count, {it.shard_id for it in client.guilds}
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        await client.close()

    assert (shards, guilds) == (2, {0, 1})
