"""Telling an app by webhook what happened, in Meta's two forms and under its signature."""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from carrier.testing.graph.world import APP_SECRET, Event, World


@dataclass
class Delivery:
    """What was sent, byte for byte, and what each attempt was answered."""

    body: bytes
    signature: str
    answers: list[int] = field(default_factory=list)
    """HTTP status; 0: nobody was there."""

    @property
    def payload(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told


@dataclass
class Hooks:
    """Where an app listens, and what it was told."""

    world: World
    session: aiohttp.ClientSession
    callback_url: str = ""
    secret: str = APP_SECRET
    deliveries: list[Delivery] = field(default_factory=list)

    async def subscribe(self, callback_url: str, verify_token: str) -> bool:
        """Ask the app whether the address is its own; from then on it is told there."""
        challenge = secrets.token_hex(8)
        question = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        try:
            async with self.session.get(callback_url, params=question, timeout=_PATIENCE) as answer:
                agreed = answer.status == 200 and await answer.text() == challenge
        except (aiohttp.ClientError, TimeoutError):
            agreed = False
        if agreed:
            self.callback_url = callback_url
        return agreed

    async def deliver_waiting(self) -> None:
        """Tell what happened since; what nobody listens to is told to nobody."""
        waiting, self.world.events[:] = list(self.world.events), []
        for event in waiting:
            if self.callback_url and event.field in event.account.subscribed:
                await self.deliver(payload(event))

    async def deliver(self, payload: dict[str, Any], secret: str = "") -> Delivery:
        """Tell something, signed with the app's secret or with another one."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        delivery = Delivery(body, signature(body, secret or self.secret))
        self.deliveries.append(delivery)
        return await self.replay(delivery)

    async def replay(self, delivery: Delivery, signature: str | None = None) -> Delivery:
        """The same bytes once more, under the same signature unless another one is given."""
        headers = {"Content-Type": "application/json", "User-Agent": "Webhooks/1.0 (https://fb.me/webhooks)"}
        headers["X-Hub-Signature-256"] = delivery.signature if signature is None else signature
        try:
            async with self.session.post(
                self.callback_url, data=delivery.body, headers=headers, timeout=_PATIENCE
            ) as answer:
                delivery.answers.append(answer.status)
        except (aiohttp.ClientError, TimeoutError):
            delivery.answers.append(0)
        return delivery

    async def redeliver(self) -> None:
        """Once more what nobody has taken yet, as Meta does for 36 hours."""
        for delivery in self.deliveries:
            if 200 not in delivery.answers:
                await self.replay(delivery)


_PATIENCE = aiohttp.ClientTimeout(total=20)


def payload(event: Event, at: float | None = None) -> dict[str, Any]:
    """What an app is told of it, in the form of the account's login."""
    moment = event.at if at is None else at
    entry: dict[str, Any] = {"id": event.account.id, "time": int(moment)}
    if event.field == "messages":
        entry |= {"time": int(moment * 1000), "messaging": [{**event.value, "timestamp": int(moment * 1000)}]}
    elif event.account.login == "facebook":
        entry["changes"] = [{"field": event.field, "value": event.value}]
    else:
        entry |= {"field": event.field, "value": event.value}
    return {"object": "instagram", "entry": [entry]}


def signature(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
