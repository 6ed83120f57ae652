"""An account on Instagram: it publishes, answers comments and messages, and keeps its token good."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from carrier.clients.instagram.graph import Graph
from carrier.clients.instagram.hooks import Ear, Unsigned
from carrier.clients.instagram.publisher import Publisher
from carrier.clients.instagram.tokens import DAY, Token, TokenFile
from carrier.config.models.instagram import InstagramSettings
from carrier.errors import CannotLook, Passing, PostError, Refused, Unauthorized
from carrier.interfaces import Deliver, Given
from carrier.types import Message, Outgoing

log = logging.getLogger(__name__)

HOSTS = {"facebook": "https://graph.facebook.com", "instagram": "https://graph.instagram.com"}
TOLD_DAYS = 14
"""How long before a token ends it is said each day that it could not be renewed."""
AGAIN_SECONDS = 60.0
"""Until a comment that may have been written is surely listed."""
COMMENTS, MESSAGES = "media", "messages"
"""What rooms are called: `NAME/media:ID` below a post, `NAME/messages:ID` with a person."""


class Instagram:
    """`publisher` is what posts go out by, `media_host` the block of where its files are fetched."""

    Settings = InstagramSettings

    def __init__(self, name: str, settings: InstagramSettings, given: Given):
        self._name, self._settings, self.media_host = name, settings, settings.media_host
        self._tokens = TokenFile(given.data / "tokens", name, settings.access_token.get_secret_value())
        url = settings.endpoint.graph or HOSTS[settings.login]
        self._graph = Graph(f"{url}/{settings.graph_version}", lambda: self._tokens.token.value)
        self.publisher = Publisher(self._graph, str(settings.account_id))
        self.ready = asyncio.Event()
        self._ear = Ear(
            client=name,
            account=str(settings.account_id),
            app_secret=_told(settings.app_secret),
            verify_token=_told(settings.verify_token),
            listens=frozenset(settings.listen),
            now=lambda: given.now().timestamp(),
        )
        self._unsure: set[str] = set()
        """Keys of what was sent and may have arrived, though nobody said so."""

    async def run(self, deliver: Deliver) -> None:
        """Until cancelled; raises Unauthorized when its token is good for nothing."""
        await asyncio.to_thread(self._tokens.open)
        try:
            await self._ask_who()
            self.ready.set()
            await self._subscribe()
            while True:
                await self._keep_good()
                await asyncio.sleep(DAY)
        finally:
            await self._graph.close()

    # --- its token

    async def token(self) -> Mapping[str, Any]:
        """Whose it is and how long it is good, for a person; never the token itself."""
        who, token = await self._ask_who(), self._tokens.token
        return {"account": who, "login": self._settings.login, "got": token.got, "expires": token.expires}

    async def _ask_who(self) -> str:
        of_instagram = self._settings.login == "instagram"
        path = "me" if of_instagram else str(self._settings.account_id)
        try:
            told = await self._graph.get(path, fields="user_id,username" if of_instagram else "id,username")
        except PostError as error:
            raise _as_client_error(error) from error
        return str(told.get("username", ""))

    async def _subscribe(self) -> None:
        """Have it told here what is listened to."""
        if self._settings.listen:
            fields = ",".join(self._settings.listen)
            try:
                await self._graph.post(f"{self._settings.account_id}/subscribed_apps", {"subscribed_fields": fields})
            except PostError as error:
                raise _as_client_error(error) from error

    async def _keep_good(self) -> None:
        """A token of Instagram's own is renewed in time; one of Facebook's for a page does not end by itself."""
        if self._settings.login == "instagram" and self._tokens.token.is_due(time.time()):
            try:
                await self._renew()
            except PostError as error:
                self._tell_of(self._tokens.token, error)

    async def _renew(self) -> None:
        """The old one stays until the new one was accepted."""
        told = await self._graph.get("refresh_access_token", grant_type="ig_refresh_token")
        old, now = self._tokens.token, time.time()
        self._tokens.token = new = self._tokens.renewed(str(told["access_token"]), now, float(told["expires_in"]))
        try:
            await self._ask_who()
        except (Passing, Refused, Unauthorized) as error:
            self._tokens.token = old
            log.warning("%s: the renewed token is not accepted: %s", self._name, error)
            return
        await asyncio.to_thread(self._tokens.keep, new)
        log.info("%s: the access token was renewed and is good for %.0f days", self._name, (new.expires - now) / DAY)

    def _tell_of(self, token: Token, error: PostError) -> None:
        left = (token.expires - time.time()) / DAY
        level = logging.ERROR if token.expires and left < TOLD_DAYS else logging.WARNING
        log.log(level, "%s: the access token could not be renewed, which is tried daily: %s", self._name, error)

    # --- what it is told

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return self._ear.challenge(query)

    def hear(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Message]:
        try:
            return self._ear.messages(body, headers.get("x-hub-signature-256", ""))
        except Unsigned as error:
            raise Refused(str(error)) from error

    # --- what it is sent

    async def send(self, outgoing: Outgoing) -> str:
        if outgoing.key in self._unsure and (found := await self.find(outgoing)):
            self._unsure.discard(outgoing.key)
            return found
        try:
            sent = await self._send(outgoing)
        except PostError as error:
            if error.remedy == "look":
                self._unsure.add(outgoing.key)
            raise _as_client_error(error) from error
        self._unsure.discard(outgoing.key)
        return sent

    async def _send(self, outgoing: Outgoing) -> str:
        place, id = _place(outgoing)
        if place == MESSAGES:
            body = {"recipient": {"id": id}, "message": {"text": outgoing.text}}
            told = await self._graph.post("me/messages", body, publishing=True)
            return str(told.get("message_id", ""))
        edge = f"{outgoing.reply_to}/replies" if outgoing.reply_to else f"{id}/comments"
        return str((await self._graph.post(edge, {"message": outgoing.text}, publishing=True)).get("id", ""))

    async def find(self, outgoing: Outgoing) -> str | None:
        """Among the answers that stand there; raises CannotLook for a direct message."""
        place, id = _place(outgoing)
        if place == MESSAGES:
            raise CannotLook("Instagram does not list what was sent to a person under a key")
        above, edge = (outgoing.reply_to, "replies") if outgoing.reply_to else (id, "comments")
        try:
            there = await self.publisher.own_comments(above, edge)
        except PostError as error:
            raise _as_client_error(error) from error
        return _lone(there, outgoing.text)


def _told(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _place(outgoing: Outgoing) -> Sequence[str]:
    place, _, id = outgoing.room.partition("/")[2].partition(":")
    if place not in (COMMENTS, MESSAGES) or not id:
        raise Refused(f"{outgoing.room} is no room of Instagram's: a post is media:ID, a person messages:ID")
    return place, id


def _lone(there: Sequence[tuple[str, str]], text: str) -> str | None:
    return next((id for id, said in there if said == text), None)


def _as_client_error(error: PostError) -> Passing | Refused | Unauthorized:
    match error.remedy:
        case "sign in":
            return Unauthorized(str(error))
        case "fix":
            return Refused(str(error))
    return Passing(str(error), error.wait or AGAIN_SECONDS)
