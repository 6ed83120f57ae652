"""What a client's file says that is the host's business: who answers there, and when."""

from carrier.config import models
from carrier.config.models.doors import Access as AccessBlock
from carrier.config.models.doors import ClientLimits
from carrier.config.models.doors import Route as RouteBlock
from carrier.types.clients import Access, ClientRules, RoomRules, Route


def client_rules(block: models.Client) -> ClientRules:
    """With the ids of the rooms that it names."""
    limits = block.limits or ClientLimits()
    return ClientRules(
        routes=tuple(_route(block, route) for route in block.routes),
        rooms=dict(block.rooms),
        access=_access(block, block.access or AccessBlock()),
        gather=block.gather,
        max_age=block.max_age,
        bot_turns=limits.bot_turns,
        dry_run=block.dry_run,
    )


def _route(block: models.Client, route: RouteBlock) -> Route:
    kind, id = route.place
    place = f"{kind}:{block.rooms.get(id, id) if kind == 'room' else id}"
    return Route(place, RoomRules(route.answering, route.respond, route.actions, route.prompt.strip()))


def _access(block: models.Client, access: AccessBlock) -> Access:
    rooms = access.rooms and tuple(block.rooms.get(id, id) for id in access.rooms)
    return Access(access.guilds, rooms, access.users, access.roles, access.deny_users, access.dms, access.bots)
