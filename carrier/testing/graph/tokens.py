"""Tokens: whom they are of, how long they hold, and how one gets the next."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from carrier.testing.graph.errors import (
    NO_TOKEN,
    GraphError,
    invalid_token,
    wrong_method,
    wrong_parameter,
)
from carrier.testing.graph.objects import DAY, Account, Token
from carrier.testing.graph.world import APP_ID, APP_SECRET, World

Parameters = Mapping[str, Any]
LONG = 60 * DAY
PREFIX = {"instagram": "IGAA", "facebook": "EAA"}


def issue(world: World, account: Account, seconds: float | None = LONG, value: str = "") -> Token:
    value = value or PREFIX[account.login] + secrets.token_hex(24)
    token = Token(value, account, world.now, None if seconds is None else world.now + seconds)
    world.tokens[value] = token
    account.token = value
    return token


def holder(world: World, value: str, proof: str = "") -> Account:
    """Who has a token; raises GraphError where it is good for nothing."""
    if not value:
        raise GraphError(NO_TOKEN)
    if proof and not hmac.compare_digest(proof, _proof(value)):
        raise GraphError(wrong_parameter("Invalid appsecret_proof provided in the API argument"))
    return _good(world, value).account


def _good(world: World, value: str) -> Token:
    token = world.tokens.get(value)
    if token is None:
        raise GraphError(invalid_token())
    if trouble := _trouble(world, token):
        raise GraphError(invalid_token(trouble))
    return token


def _trouble(world: World, token: Token) -> int:
    expired = token.expires is not None and world.now >= token.expires
    return token.trouble or (463 if expired else 0)


def _proof(value: str) -> str:
    return hmac.new(APP_SECRET.encode(), value.encode(), hashlib.sha256).hexdigest()


# --- where one asks for tokens


def answer(world: World, method: str, path: str, parameters: Parameters) -> dict[str, Any]:
    if method != "GET":
        raise GraphError(wrong_method(method))
    return DOORS[path](world, parameters)


def _exchange(world: World, parameters: Parameters) -> dict[str, Any]:
    """A token of an hour for one of sixty days; with the Instagram login."""
    _expect(parameters, grant_type="ig_exchange_token", client_secret=APP_SECRET)
    old = _good(world, str(parameters.get("access_token", "")))
    return _told(world, issue(world, old.account))


def _refresh(world: World, parameters: Parameters) -> dict[str, Any]:
    _expect(parameters, grant_type="ig_refresh_token")
    old = _good(world, str(parameters.get("access_token", "")))
    if world.now - old.issued < DAY:
        raise GraphError(wrong_parameter("The access token is less than 24 hours old and cannot be refreshed yet"))
    return {**_told(world, issue(world, old.account)), "permissions": ",".join(sorted(old.account.permissions))}


def _facebook(world: World, parameters: Parameters) -> dict[str, Any]:
    _expect(parameters, grant_type="fb_exchange_token", client_id=APP_ID, client_secret=APP_SECRET)
    old = _good(world, str(parameters.get("fb_exchange_token", "")))
    return _told(world, issue(world, old.account))


def _debug(world: World, parameters: Parameters) -> dict[str, Any]:
    if parameters.get("access_token") != f"{APP_ID}|{APP_SECRET}":
        raise GraphError(wrong_parameter("You must provide an app access token, or a user access token of an owner"))
    token = world.tokens.get(str(parameters.get("input_token", "")))
    if token is None:
        error = {"code": 190, "message": "Invalid OAuth access token."}
        return {"data": {"is_valid": False, "scopes": [], "error": error}}
    return {"data": _described(world, token)}


def _described(world: World, token: Token) -> dict[str, Any]:
    return {
        "app_id": APP_ID,
        "type": "PAGE" if token.account.login == "facebook" else "USER",
        "is_valid": not _trouble(world, token),
        "issued_at": int(token.issued),
        "expires_at": int(token.expires or 0),
        "scopes": sorted(token.account.permissions),
        "user_id": token.account.id,
    }


def _expect(parameters: Parameters, **values: str) -> None:
    for name, value in values.items():
        if parameters.get(name) != value:
            raise GraphError(wrong_parameter(f"Invalid parameter {name}"))


def _told(world: World, token: Token) -> dict[str, Any]:
    seconds = int((token.expires or world.now) - world.now)
    return {"access_token": token.value, "token_type": "bearer", "expires_in": seconds}


DOORS: Mapping[str, Callable[[World, Parameters], dict[str, Any]]] = {
    "access_token": _exchange,
    "refresh_access_token": _refresh,
    "oauth/access_token": _facebook,
    "debug_token": _debug,
}
