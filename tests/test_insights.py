"""What became of posts: asked at certain ages, once each, and counted among the events."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from carrier.analytics import EventLog, stats
from carrier.insights import Insights
from carrier.ledger import events
from carrier.testing.graph.faults import Action
from carrier.testing.posting import CLIENT, Trial, trial

HOUR = 3600.0


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Trial]:
    async with trial(tmp_path) as made:
        await made.add()
        await made.until_over()
        yield made


def insights(here: Trial) -> Insights:
    """As after a start."""
    publisher = here.publisher()
    return Insights(here.ledger, lambda name: publisher if name == CLIENT else None, lambda: None)


async def told(here: Trial) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in await here.ledger.read(events.waiting)]


async def test_a_post_is_asked_about_at_each_age_once_also_after_a_restart(here: Trial) -> None:
    here.graph.feed()[0].insights.update(views=12, reach=7)
    for hours in (0.5, 1, 10, 20, 48, 90, 7 * 24):
        here.graph.advance(hours * HOUR)
        await insights(here).look()
        await insights(here).look()

    found = await told(here)
    assert [event["hours"] for event in found] == [1.5, 31.5, 79.5, 169.5]
    assert found[0]["counts"] == {"views": 12, "reach": 7, "likes": 0, "comments": 0}
    assert (found[0]["agent"], found[0]["post"]) == ("tifa", "morning@1")


async def test_what_is_not_told_now_is_asked_again_and_what_never_will_be_is_not(here: Trial) -> None:
    here.graph.advance(2 * HOUR)
    here.graph.script(Action(do="error", http=500, code=2, is_transient=True), "GET", "/insights$")
    await insights(here).look()
    await insights(here).look()
    here.graph.advance(48 * HOUR)
    here.graph.script(Action(do="error", http=400, code=10), "GET", "/insights$")
    for _ in range(3):
        await insights(here).look()

    assert len(await told(here)) == 1
    assert len(here.graph.journal.find("GET", "/insights")) == 3


async def test_a_post_of_a_client_that_is_not_here_waits(here: Trial) -> None:
    here.graph.advance(2 * HOUR)
    await Insights(here.ledger, lambda name: None, lambda: None).look()
    await insights(here).look()

    assert len(await told(here)) == 1


async def test_an_answer_that_makes_no_sense_ends_nothing_but_itself(here: Trial) -> None:
    class Odd:
        async def insights(self, id: str, kind: str) -> dict[str, int]:
            raise KeyError("data")

    here.graph.advance(2 * HOUR)
    await Insights(here.ledger, lambda name: Odd(), lambda: None).look()  # type: ignore[arg-type,return-value]
    await insights(here).look()

    assert len(await told(here)) == 1


async def test_the_latest_counts_are_told_and_no_post_is_taken_for_a_turn(here: Trial, tmp_path: Path) -> None:
    for hours, views in ((2, 5), (48, 50)):
        here.graph.advance(hours * HOUR)
        here.graph.feed()[0].insights["views"] = views
        await insights(here).look()
    log = EventLog(tmp_path / "events")
    log.append(await told(here))
    counted = stats(tmp_path / "events", now=datetime.fromtimestamp(here.graph.world.clock.now(), UTC))

    assert [(each.post, each.hours, each.counts["views"]) for each in counted.posts] == [("morning@1", 50.0, 50)]
    assert counted.days == ()
