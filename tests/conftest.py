"""Keeps the tests away from the world outside: no model on the network, and no key that could pay for one."""

import gc
import os
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from carrier.testing.discord import Discord

os.environ["CARRIER_NETWORK_MODELS"] = "0"
# Otherwise each worker, and each host in a process of its own, compiles every module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
for name in [name for name in os.environ if name.endswith("_API_KEY")]:
    del os.environ[name]


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are cores: much of what is tested is waited for."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """What was collected stays to the end, and is not looked through for garbage after every few tests."""
    gc.collect()
    gc.freeze()


PAUSES: Mapping[str, object] = {
    "carrier.clients.discord.pacing.IDENTIFY_EVERY": 0.0,
    "carrier.clients.discord.pacing.START_EVERY": 0.01,
    "carrier.clients.discord.connection.GUILDS_SECONDS": 0.05,
    "carrier.clients.discord.connection.ANEW": (0.1, 0.2),
    "carrier.clients.discord.catching_up.FIRST_PAUSE": 0.2,
    "carrier.runtime.supervisor.FIRST_PAUSE": 0.2,
    "carrier.runtime.outbox.FIRST_PAUSE": 0.2,
}
"""What a client of Discord waits for the sake of others, who are not there in a test."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client of Discord does not wait for as long as the real one wants it to."""
    from discord.backoff import ExponentialBackoff

    monkeypatch.setattr("discord.client.ExponentialBackoff", partial(ExponentialBackoff, 0.1))  # type: ignore[arg-type]
    for name, pause in PAUSES.items():
        monkeypatch.setattr(name, pause)


@pytest.fixture
async def discord(hurried: None) -> AsyncIterator["Discord"]:
    """A Discord on loopback, for a client that hurries."""
    from carrier.testing.discord import local_discord

    async with local_discord(identify_every=0.0) as discord:
        yield discord
