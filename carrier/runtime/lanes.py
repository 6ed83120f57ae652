"""Which message is answered next: in order within a lane, round robin over agents, then over their lanes."""

from collections import deque
from collections.abc import Callable, Collection

from carrier.types.talk import Lane


class Lanes:
    """Ids that wait, and who is being served. It decides; it runs nothing."""

    def __init__(self, at_once: int, here: Callable[[str], bool] = lambda agent: True):
        """The lanes of an agent that is not `here` wait until it comes back."""
        self.at_once, self._here = at_once, here
        self._waiting: dict[Lane, deque[str]] = {}
        self._ready: dict[str, deque[Lane]] = {}
        self._busy: dict[str, int] = {}
        self._turns = 0
        self._count: dict[str, int] = {}
        self._holds = 0
        self._closed: set[Lane] = set()

    def put(self, lane: Lane, message_id: str) -> None:
        """Last in its lane."""
        if lane not in self._waiting:
            self._waiting[lane] = deque()
            self._ready.setdefault(lane.agent, deque()).append(lane)
        self._waiting[lane].append(message_id)
        self._count[lane.agent] = self._count.get(lane.agent, 0) + 1

    def next(self) -> tuple[Lane, str] | None:
        """Take the next message to answer, if another turn may run; its lane is busy until `done`."""
        if self._turns >= self.at_once or self._holds:
            return None
        for agent in list(self._ready):
            if not self._here(agent) or self._busy.get(agent, 0) >= self._most_of_one():
                continue
            lane = self._ready[agent].popleft()
            self._to_the_back(agent)
            self._turns += 1
            self._count[agent] -= 1
            self._busy[agent] = self._busy.get(agent, 0) + 1
            return lane, self._waiting[lane].popleft()
        return None

    def done(self, lane: Lane) -> None:
        """The lane's turn has ended: it is ready again, behind the agent's other lanes, if more waits in it."""
        self._turns -= 1
        self._busy[lane.agent] -= 1
        if lane in self._closed:
            return
        if self._waiting[lane]:
            self._ready.setdefault(lane.agent, deque()).append(lane)
        else:
            del self._waiting[lane]

    def close(self, lane: Lane, message_id: str) -> None:
        """The message that was taken from a lane stays its first, and nothing is taken from it until it is opened."""
        self._waiting[lane].appendleft(message_id)
        self._count[lane.agent] += 1
        self._closed.add(lane)

    def open(self, lane: Lane) -> None:
        self._closed.remove(lane)
        self._ready.setdefault(lane.agent, deque()).append(lane)

    def hold(self) -> None:
        """Start nothing until as many `release` as `hold` were called."""
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1

    def length(self, lane: Lane) -> int:
        """How many wait in a lane, without the one that is being answered."""
        return len(self._waiting.get(lane, ()))

    def waiting_for(self, agent: str) -> int:
        return self._count.get(agent, 0)

    def agents(self) -> Collection[str]:
        """All that something waits for."""
        return {agent for agent, count in self._count.items() if count}

    @property
    def running(self) -> int:
        return self._turns

    def _most_of_one(self) -> int:
        """No agent has more than half of the turns, so that a busy one leaves room for the others."""
        return max(1, self.at_once // 2)

    def _to_the_back(self, agent: str) -> None:
        """Round robin: the agent just served comes last; one with nothing more to do leaves the round."""
        lanes = self._ready.pop(agent)
        if lanes:
            self._ready[agent] = lanes
