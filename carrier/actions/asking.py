"""One request of an action: sent within its network and its time, tried again where that is allowed."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from carrier import __version__
from carrier.actions.answers import Hide, complaint
from carrier.egress import BadAnswer, Forbidden, Network, client, fetch
from carrier.errors import ActionError, InDoubt

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.25
"""Seconds before the second attempt; doubled before each further one."""

SENT_WITH_ALL = {"user-agent": f"carrier-host/{__version__}", "accept-encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Asking:
    """How one action asks; whatever goes wrong, the model is told in words, and no secret is among them."""

    name: str
    network: Network
    hide: Hide
    repeat: Literal["never", "keyed", "safe"] = "never"
    timeout: float = 30.0
    """For all attempts together."""
    attempt: float = 30.0
    """For one."""
    attempts: int = 1
    statuses: tuple[str, ...] = ()
    """After which it is tried again, as in 429 and 5xx."""
    client: Callable[[Network], "httpx.AsyncClient"] = client

    async def ask(self, request: "httpx.Request") -> "httpx.Response":
        """A success; raises ActionError, and InDoubt where it may have taken effect unseen."""
        sending = _Sending()
        request.extensions = {**request.extensions, "trace": sending.note, "timeout": _phases(self.attempt)}
        try:
            async with asyncio.timeout(self.timeout), await asyncio.to_thread(self.client, self.network) as http:
                answer = await self._tried(http, request, sending)
        except TimeoutError as error:
            raise self._lost(f"it took longer than {self.timeout:g} s", sending) from error
        except _NoAnswer as error:
            raise self._lost(error.reason, sending) from error
        if answer.is_success:
            return answer
        raise ActionError(f"{self.name} answered {await asyncio.to_thread(complaint, answer, self.hide)}")

    async def _tried(
        self, http: "httpx.AsyncClient", request: "httpx.Request", sending: "_Sending"
    ) -> "httpx.Response":
        clock = asyncio.get_running_loop().time
        end = clock() + self.timeout
        for number in range(self.attempts - 1):
            pause = FIRST_PAUSE * 2**number * random.uniform(0.8, 1.2)
            try:
                answer = await self._attempt(http, request)
            except _NoAnswer:
                if sending.began and self.repeat == "never":
                    raise
            else:
                pause = _asked_for(answer, pause)
                if not self._is_worth_another(answer) or clock() + pause > end:
                    return answer
                sending.began = False
            await asyncio.sleep(pause)
        return await self._attempt(http, request)

    async def _attempt(self, http: "httpx.AsyncClient", request: "httpx.Request") -> "httpx.Response":
        import httpx

        try:
            async with asyncio.timeout(self.attempt):
                return await fetch(http, request)
        except Forbidden as error:
            log.warning("%s: %s", self.name, self.hide(str(error)))
            raise ActionError(f"{self.name} was stopped: {self.hide(str(error))}") from error
        except (BadAnswer, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ActionError(f"{self.name} failed: {self.hide(str(error))}") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _NoAnswer(f"no answer within {self.attempt:g} s") from error
        except httpx.ConnectError as error:
            raise _NoAnswer("it cannot be reached") from error
        except httpx.TransportError as error:
            raise _NoAnswer("the connection broke off") from error

    def _is_worth_another(self, answer: "httpx.Response") -> bool:
        return any(fnmatchcase(str(answer.status_code), status.replace("x", "?")) for status in self.statuses)

    def _lost(self, reason: str, sending: "_Sending") -> ActionError:
        if sending.began and self.repeat != "safe":
            return InDoubt(
                f"{self.name} was asked and did not answer: {reason}. It may have taken effect all the same."
            )
        return ActionError(f"{self.name} failed: {reason}")


class _NoAnswer(Exception):
    """Whether it had an effect is not known, and what may be done about it not decided."""

    def __init__(self, reason: str):
        self.reason = reason
        super().__init__(reason)


@dataclass
class _Sending:
    """Whether anything of a request has left, and was not answered."""

    began: bool = False

    async def note(self, event: str, details: object) -> None:
        self.began = self.began or event.endswith("send_request_headers.started")


def _phases(seconds: float) -> dict[str, float]:
    return dict.fromkeys(("connect", "read", "write", "pool"), seconds)


def _asked_for(answer: "httpx.Response", usual: float) -> float:
    """Seconds until the next attempt, as the other side wishes."""
    wished = answer.headers.get("retry-after", "")
    return float(wished) if wished.isascii() and wished.isdigit() and len(wished) < 10 else usual
