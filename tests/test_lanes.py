"""Who is served next."""

from carrier.runtime.lanes import Lanes
from carrier.types.talk import Lane

A1, A2, B1 = Lane("a", "1"), Lane("a", "2"), Lane("b", "1")


def served(lanes: Lanes) -> list[tuple[Lane, str]]:
    """All that may start now."""
    taken = []
    while ready := lanes.next():
        taken.append(ready)
    return taken


def test_a_lane_is_served_in_order_one_at_a_time() -> None:
    lanes = Lanes(at_once=8)
    for id in ("m1", "m2", "m3"):
        lanes.put(A1, id)

    order = []
    while ready := lanes.next():
        assert lanes.next() is None
        order.append(ready[1])
        lanes.done(A1)

    assert order == ["m1", "m2", "m3"]


def test_rooms_run_side_by_side() -> None:
    lanes = Lanes(at_once=8)
    lanes.put(A1, "m1")
    lanes.put(A2, "m2")

    assert served(lanes) == [(A1, "m1"), (A2, "m2")]


def test_no_more_turns_run_than_may() -> None:
    lanes = Lanes(at_once=4)
    for room in "abcdefgh":
        lanes.put(Lane(f"agent-{room}", room), room)

    assert len(served(lanes)) == 4
    lanes.done(Lane("agent-a", "a"))
    assert len(served(lanes)) == 1


def test_a_busy_agent_leaves_half_of_the_turns_to_others() -> None:
    lanes = Lanes(at_once=4)
    for room in "abcdefgh":
        lanes.put(Lane("busy", room), room)
    lanes.put(B1, "m")

    agents = [lane.agent for lane, _ in served(lanes)]

    assert sorted(agents) == ["b", "busy", "busy"]


def test_agents_take_turns_and_so_do_the_lanes_of_one() -> None:
    lanes = Lanes(at_once=2)
    for id in ("1", "2"):
        lanes.put(A1, f"a1-{id}")
        lanes.put(A2, f"a2-{id}")
        lanes.put(B1, f"b1-{id}")

    order = []
    while ready := lanes.next():
        order.append(ready[1])
        lanes.done(ready[0])

    assert order == ["a1-1", "b1-1", "a2-1", "b1-2", "a1-2", "a2-2"]


def test_the_lanes_of_an_absent_agent_wait_until_it_is_back() -> None:
    here = {"b"}
    lanes = Lanes(at_once=4, here=here.__contains__)
    lanes.put(A1, "m1")

    assert served(lanes) == []
    assert list(lanes.agents()) == ["a"]
    here.add("a")
    assert served(lanes) == [(A1, "m1")]


def test_nothing_starts_while_it_is_held() -> None:
    lanes = Lanes(at_once=4)
    lanes.put(A1, "m1")
    lanes.hold()

    assert served(lanes) == []
    lanes.release()
    assert served(lanes) == [(A1, "m1")]


def test_it_counts_what_waits_without_what_is_being_answered() -> None:
    lanes = Lanes(at_once=4)
    for id in ("m1", "m2", "m3"):
        lanes.put(A1, id)
    lanes.next()

    assert lanes.length(A1) == 2
    assert lanes.waiting_for("a") == 2
