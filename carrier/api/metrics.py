"""How a host stands, in numbers: Prometheus' text format."""

from collections import Counter
from collections.abc import Iterator, Mapping

from carrier.api.status import Status

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
SCHEDULE_STATES = ("runs", "paused")
CLIENT_STATES = ("starting", "running", "waiting", "unauthorized", "ended", "parked")


def exposition(now: Status, last_success: float) -> str:
    return "".join(f"{line}\n" for line in _lines(now, last_success))


def _lines(now: Status, last_success: float) -> Iterator[str]:
    success, at = "carrier_config_last_reload_successful", "carrier_config_last_reload_success_timestamp_seconds"
    yield from _gauge(success, "Whether all that runs is what the files say.", {"": int(now.last_reload.ok)})
    yield from _gauge(at, "When it last was.", {"": last_success})
    yield from _gauge("carrier_agents", "Agents that answer.", {"": len(now.agents)})
    states = Counter([*(client.state for client in now.clients), *("parked" for _ in now.parked)])
    clients = {f'{{state="{state}"}}': states[state] for state in CLIENT_STATES}
    yield from _gauge("carrier_clients", "Clients by state.", clients)
    schedules = Counter(schedule.state.partition(" ")[0] for schedule in now.schedules)
    by_state = {f'{{state="{state}"}}': schedules[state] for state in SCHEDULE_STATES}
    yield from _gauge("carrier_schedules", "Schedules by state.", by_state)
    troubled = sum(schedule.troubled for schedule in now.schedules)
    yield from _gauge("carrier_troubled_schedules", "Schedules whose last slot failed or was missed.", {"": troubled})
    unapproved = sum(schedule.waiting for schedule in now.schedules)
    yield from _gauge("carrier_waiting_slots", "Slots that wait for approval.", {"": unapproved})
    yield from _gauge("carrier_schedules_held", "Whether the clock seems wrong.", {"": int(bool(now.held))})
    waiting = sum(agent.waiting for agent in now.agents) + sum(now.absent.values())
    yield from _gauge("carrier_waiting_messages", "Messages that wait for an answer.", {"": waiting})
    old = "What runs in an older version than its files say."
    yield from _gauge("carrier_degraded_objects", old, {"": len(now.degraded)})


def _gauge(name: str, about: str, values: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} gauge"
    for labels, value in values.items():
        yield f"{name}{labels} {value}"
