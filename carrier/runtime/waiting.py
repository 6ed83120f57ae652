"""Lanes that wait for a model: closed until it may answer again, their first message first."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from carrier.errors import NotNow
from carrier.runtime.lanes import Lanes
from carrier.types.talk import Lane

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wait:
    """What a lane waits for, and when that is looked at again, in seconds since 1970."""

    reason: str
    until: float


class Waits:
    """Closes lanes, and opens each when its time has come. A restart begins anew: its first turn finds out again."""

    def __init__(self, lanes: Lanes, opened: Callable[[], None]):
        """`opened` is called when something can be taken from the lanes again."""
        self._lanes, self._opened = lanes, opened
        self._by_lane: dict[Lane, Wait] = {}
        self._alarms: dict[Lane, asyncio.TimerHandle] = {}

    @property
    def by_lane(self) -> Mapping[Lane, Wait]:
        return self._by_lane

    def begin(self, lane: Lane, message_id: str, error: NotNow) -> None:
        """Close a lane whose turn cannot end now; called before the lane is done."""
        if lane not in self._by_lane:
            log.warning("%s: %s waits: %s", lane.agent, lane.room, error)
        self._by_lane[lane] = Wait(str(error), time.time() + error.seconds)
        self._lanes.close(lane, message_id)
        self._alarms[lane] = asyncio.get_running_loop().call_later(error.seconds, self._open, lane)

    def end(self, lane: Lane) -> None:
        """Its turn has ended."""
        if self._by_lane.pop(lane, None):
            log.info("%s: %s is answered again", lane.agent, lane.room)

    def look_again(self) -> None:
        """Something else is here that may answer: nobody waits for a time any more."""
        for lane in list(self._alarms):
            self._open(lane)

    def _open(self, lane: Lane) -> None:
        self._alarms.pop(lane).cancel()
        self._lanes.open(lane)
        self._opened()
