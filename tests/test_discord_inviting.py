"""The link that invites a bot: with what its configuration needs, and no more."""

import base64
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from carrier.cli import main
from carrier.clients.discord.inviting import PERMISSIONS, application_id, invitation
from carrier.config.models.discord import DiscordSettings
from carrier.testing.projects import SMALL, write

TOKEN = base64.urlsafe_b64encode(b"1180000000000000001").decode().rstrip("=") + ".a.secret-part"
ALWAYS = {"View Channels", "Send Messages", "Send Messages in Threads", "Embed Links", "Read Message History"}


def permissions(actions: Collection[str] = (), **settings: object) -> set[str]:
    link = invitation(DiscordSettings.model_validate({"token": TOKEN, **settings}), actions).link
    bits = int(parse_qs(urlsplit(link).query)["permissions"][0])
    return {name for name, bit in PERMISSIONS.items() if bits & bit}


@pytest.mark.parametrize(
    ("actions", "settings", "more"),
    [
        ([], {}, set()),
        (["discord/react", "weather"], {}, {"Add Reactions"}),
        (["discord/add_role"], {}, {"Manage Roles"}),
        ([], {"persona": "webhook"}, {"Manage Webhooks"}),
        ([], {"long": {"as": "thread"}}, {"Create Public Threads"}),
        ([], {"long": {"as": "file"}, "acknowledge": "👀"}, {"Attach Files", "Add Reactions"}),
    ],
)
def test_a_bot_gets_what_it_needs(actions: list[str], settings: dict[str, object], more: set[str]) -> None:
    assert permissions(actions, **settings) == ALWAYS | more


def test_the_privileged_intent_is_named_where_it_is_needed() -> None:
    assert invitation(DiscordSettings.model_validate({"token": TOKEN}), ()).intents == ("Message Content Intent",)
    assert invitation(DiscordSettings.model_validate({"token": TOKEN, "hear": "addressed"}), ()).intents == ()


@pytest.mark.parametrize("token", ["", "x", "ü.b.c", "aGVsbG8.b.c", "!!!"])
def test_what_is_no_token_is_said_to_be_none(token: str) -> None:
    with pytest.raises(ValueError, match="no token"):
        application_id(token)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    bar = "kind: client\ntype: discord\nagent: tifa\ntoken: ${BOT_TOKEN}\n"
    react = "character: { bio: Keeps the bar. }\nactions: [discord/react]\n"
    return write(tmp_path, {**SMALL, "agents.d/bar.yaml": bar, "agents.d/tifa.yaml": react})


def run(monkeypatch: pytest.MonkeyPatch, config: Path, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["carrier-host", "--config", str(config), "discord", "invite", *arguments])
    with suppress(SystemExit):
        main()


def test_the_command_prints_the_link_and_what_it_allows(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    run(monkeypatch, files)
    printed = capsys.readouterr().out

    assert "client_id=1180000000000000001&" in printed
    assert "Add Reactions" in printed
    assert "Message Content Intent" in printed
    assert "secret-part" not in printed


def test_the_command_says_what_a_client_waits_for(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, files, "bar")

    assert "bar waits: BOT_TOKEN is not set" in capsys.readouterr().err
