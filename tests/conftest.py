"""Keeps the tests away from the world outside: no model on the network, and no key that could pay for one."""

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from carrier.testing.discord import Discord

os.environ["CARRIER_NETWORK_MODELS"] = "0"
for name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[name]


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["Discord"]:
    """A Discord on loopback, where nothing waits for as long as the real one wants it to."""
    from carrier.testing.discord import local_discord

    monkeypatch.setattr("carrier.clients.discord.pacing.IDENTIFY_EVERY", 0.0)
    monkeypatch.setattr("carrier.clients.discord.connection.GUILDS_SECONDS", 0.05)
    async with local_discord(identify_every=0.0) as discord:
        yield discord
