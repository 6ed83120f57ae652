"""An account on Instagram: it publishes, answers comments and messages, and keeps its token good."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from carrier.clients.instagram.graph import Graph
from carrier.clients.instagram.hooks import Ear, Mention, Unsigned
from carrier.clients.instagram.polling import Lookout
from carrier.clients.instagram.publisher import Publisher
from carrier.clients.instagram.rooms import Self
from carrier.clients.instagram.talk import Talk
from carrier.clients.instagram.tokens import DAY, TokenFile
from carrier.clients.instagram.versions import trouble
from carrier.config.models.instagram import InstagramSettings
from carrier.errors import Passing, PostError, Refused, Unauthorized
from carrier.interfaces import Deliver, Given
from carrier.types.talk import Message, Outgoing

log = logging.getLogger(__name__)

HOSTS = {"facebook": "https://graph.facebook.com", "instagram": "https://graph.instagram.com"}
RUPLOAD = "https://rupload.facebook.com"
TOLD_DAYS = (14, 7, 3, 1)
"""So long before a token ends its operator is told that it could not be renewed; the log says it each day."""
AGAIN_SECONDS = 60.0
"""Until a comment that may have been written is surely listed."""
OVERLAP = 3600.0
"""Seconds that are looked through once more: what was said may be listed late."""
ACCOUNT_CODES = frozenset(("25", "102", "104", "190"))
"""Of errors that only who owns the account can mend; others say what the app may not do."""


class Instagram:
    """`publisher` is what posts go out by, `media_host` the block of where its files are fetched, `slots` when;
    `resend` as `Outlet` says."""

    Settings = InstagramSettings

    def __init__(self, name: str, settings: InstagramSettings, given: Given):
        self._name, self._settings = name, settings
        self.media_host, self.slots, self.resend = settings.media_host, settings.slots, settings.resend
        self._given = given
        token = settings.access_token.get_secret_value()
        self._tokens = TokenFile(given.data / "tokens", name, token, self._now)
        url = settings.endpoint.graph or HOSTS[settings.login]
        self._graph = Graph(url, settings.graph_version, lambda: self._tokens.token.value)
        self._self = Self(name, str(settings.account_id))
        self.publisher = Publisher(self._graph, self._self.account, _rupload(settings))
        self.ready = asyncio.Event()
        self._talk = Talk(self._graph, self._self, self.publisher)
        listens = frozenset(settings.listen)
        self._lookout = Lookout(self._graph, self._self, listens)
        app_secret, verify_token = _told(settings.app_secret), _told(settings.verify_token)
        self._ear = Ear(self._self, app_secret, verify_token, listens, self._now)
        self._told: set[str] = set()
        """What the operator was told, each once."""
        self._unsure: dict[str, float] = {}
        """Keys of what was sent and may have arrived, though nobody said so; and from when on it can be looked for."""

    async def run(self, deliver: Deliver) -> None:
        """Until cancelled; raises Unauthorized when its token is good for nothing."""
        await asyncio.to_thread(self._tokens.open)
        self._graph.open()
        try:
            self._self.username = await self._ask_who()
            self.ready.set()
            await self._subscribe()
            async with asyncio.TaskGroup() as lives:
                lives.create_task(self._stay())
                if self._settings.poll and self._settings.listen:
                    lives.create_task(self._poll(deliver))
        finally:
            await self._graph.close()

    def _now(self) -> float:
        return self._given.now().timestamp()

    async def _stay(self) -> None:
        """See to the token each day; raises Unauthorized once it is good for nothing."""
        while True:
            if self._settings.login == "instagram" and self._tokens.token.is_due(self._now()):
                await self._try(self._renew)
            await self._look_at_version()
            await asyncio.sleep(DAY)
            await self._try(self._ask_who)

    async def _try(self, work: Callable[[], Awaitable[object]]) -> None:
        """What passes is tried again the next day, long before the token ends."""
        try:
            await work()
        except (Passing, Refused) as error:
            ends = self._tokens.token.expires
            left = (ends - self._now()) / DAY
            days = min((days for days in TOLD_DAYS if ends > 0 and left < days), default=0)
            level = logging.ERROR if days else logging.WARNING
            log.log(level, "%s: the access token cannot be seen to, which is tried daily: %s", self._name, error)
            if days:
                ends_soon = f"the access token of {self._name} ends in {max(0.0, left):.0f} days, and cannot be renewed"
                await self._tell(f"{ends}/{days}", f"{ends_soon}: {error}; get a new one for `access_token`")

    async def _look_at_version(self) -> None:
        """Before a version ends, while there is time to write another one."""
        version = self._settings.graph_version
        if wrong := trouble(version, self._graph.served, self._given.now().date()):
            log.warning("%s: %s", self._name, wrong)
            await self._tell(version, f"{self._name}: {wrong}")

    async def _tell(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            await self._given.tell(self._name, text)

    # --- its token

    async def token(self) -> Mapping[str, Any]:
        """Whose it is and how long it is good, for a person; never the token itself."""
        who, token = await self._ask_who(), self._tokens.token
        return {"account": who, "login": self._settings.login, "got": token.got, "expires": token.expires}

    async def _ask_who(self) -> str:
        of_instagram = self._settings.login == "instagram"
        path = "me" if of_instagram else str(self._settings.account_id)
        with _as_client():
            told = await self._graph.get(path, fields="user_id,username" if of_instagram else "id,username")
        return str(told.get("username", ""))

    async def _subscribe(self) -> None:
        """Have it told here what is listened to."""
        if self._settings.listen:
            fields = ",".join(self._settings.listen)
            with _as_client():
                await self._graph.post(f"{self._settings.account_id}/subscribed_apps", {"subscribed_fields": fields})

    async def _renew(self) -> None:
        """A token of Instagram's own ends; one of Facebook's for a page does not. The old one stays until the new one
        was accepted."""
        old, now = self._tokens.token, self._now()
        with _as_client():
            # The one call that takes the token from the address alone.
            told = await self._graph.get("/refresh_access_token", grant_type="ig_refresh_token", access_token=old.value)
        if not told.get("access_token"):
            raise Passing("the Graph API has named no new token")
        self._tokens.token = new = self._tokens.renewed(
            str(told["access_token"]), now, float(told.get("expires_in", 0))
        )
        try:
            await self._ask_who()
        except (Passing, Refused, Unauthorized) as error:
            self._tokens.token = old
            log.warning("%s: the renewed token is not accepted: %s", self._name, error)
            return
        await asyncio.to_thread(self._tokens.keep, new)
        log.info("%s: the access token was renewed and is good for %.0f days", self._name, (new.expires - now) / DAY)

    # --- what it is told

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return self._ear.challenge(query)

    async def hear(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Message]:
        try:
            heard = self._ear.heard(body, headers.get("x-hub-signature-256", ""))
        except Unsigned as error:
            raise Refused(str(error)) from error
        found = [await self._of(each) if isinstance(each, Mention) else each for each in heard]
        return [message for message in found if message]

    async def _of(self, mention: Mention) -> Message | None:
        """None: it is gone again, or may not be read; it cannot be answered."""
        try:
            return await self._talk.of(mention)
        except PostError as error:
            if error.remedy == "wait" or (error.remedy == "retry" and error.code != "100/33"):
                raise _as_client_error(error) from error
            log.warning("%s: a mention below %s cannot be read: %s", self._name, mention.media, error)
            return None

    async def _poll(self, deliver: Deliver) -> None:
        """Look every so often; the first time nothing is old enough to be answered."""
        place = f"{self._name}/polled"
        since = float((await deliver.cursors()).get(place, 0)) or self._now()
        while True:
            began = self._now()
            try:
                for message in await self._lookout.look(since):
                    await deliver(message)
                self._lookout.taken_in()
                since = max(since, began - OVERLAP)
                await deliver.move({place: str(since)})
            except PostError as error:
                if error.remedy == "sign in":
                    raise _as_client_error(error) from error
                log.warning("%s: what was said cannot be looked for now: %s", self._name, error)
            await asyncio.sleep(self._settings.poll)

    # --- what it is sent

    async def send(self, outgoing: Outgoing) -> str:
        try:
            return await self._talk.say(outgoing)
        except PostError as error:
            if error.remedy != "look":
                raise _as_client_error(error) from error
            self._unsure[outgoing.key] = time.monotonic() + AGAIN_SECONDS
            # Nobody knows whether it arrived, so that it is looked for before it is sent again.
            raise ConnectionError(str(error)) from error

    async def find(self, outgoing: Outgoing) -> str | None:
        """Among the answers that stand there; raises CannotLook where there is no list."""
        if (left := self._unsure.get(outgoing.key, 0.0) - time.monotonic()) > 0:
            raise Passing("what was sent a moment ago may not be listed yet", left)
        self._unsure.pop(outgoing.key, None)
        with _as_client():
            return await self._talk.find(outgoing)

    async def act(self, action: str, message: Message, arguments: Mapping[str, Any]) -> str:
        """Hide or delete the comment that is answered; raises ActionError."""
        return await self._talk.act(action, message)


def _rupload(settings: InstagramSettings) -> str:
    """Where videos are uploaded: the login of Instagram has no such place, a local Graph API has it beside itself."""
    if settings.login == "instagram":
        return ""
    return settings.endpoint.rupload or settings.endpoint.graph or RUPLOAD


def _told(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


@contextmanager
def _as_client() -> Iterator[None]:
    """What the Graph API says of a call, as clients say it."""
    try:
        yield
    except PostError as error:
        raise _as_client_error(error) from error


def _as_client_error(error: PostError) -> Passing | Refused | Unauthorized:
    match error.remedy:
        case "sign in" if error.code.partition("/")[0] in ACCOUNT_CODES:
            return Unauthorized(f"{error}; sign in anew and give it the new `access_token`")
        case "sign in" | "fix":
            return Refused(str(error))
    return Passing(str(error), error.wait or AGAIN_SECONDS)
