"""Where the requests of actions may go: to the hosts that are named, at public addresses, and nowhere else.

What is judged is what is connected to: a name is looked up once for each connection, every address it has is judged,
and the connection goes to one of just these. So a name that means something else a moment later gains nothing.
"""

import asyncio
import importlib
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from carrier.errors import CarrierError

if TYPE_CHECKING:
    import ssl

    import httpx

log = logging.getLogger(__name__)

REDIRECTS = 3
BYTES = 5 * 1024 * 1024
"""Of an answer, packed or unpacked."""
ADDRESSES = 4
"""Of a name, that are tried."""


class Forbidden(CarrierError):
    """Somewhere that may not be reached; nothing was sent there."""


class BadAnswer(CarrierError):
    """What came back cannot be taken."""


# --- which hosts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A host that may be spoken to; `*.` before it means all below it, no port the usual ones."""

    host: str
    port: int | None = None

    def holds(self, host: str, port: int, usual: frozenset[int]) -> bool:
        below = self.host.startswith("*.") and host.endswith(self.host[1:]) and len(host) >= len(self.host)
        return (below or host == self.host) and (port in usual if self.port is None else port == self.port)


@dataclass(frozen=True, slots=True)
class Network:
    """The hosts that an action may speak to."""

    places: tuple[Place, ...]
    named: bool
    """The operator has named them, which is not the same as writing an address that has to be reached."""
    usual: frozenset[int] = frozenset((80, 443))
    """Ports of a place that names none."""

    @classmethod
    def of(cls, names: Sequence[str], url: str = "") -> "Network":
        """What `network` names, else the host in the url; raises ValueError for what is no host."""
        written = _host_in(url)
        if names:
            ports = {written.port} if written and written.port else set()
            return cls(tuple(map(_place, names)), True, frozenset((80, 443, *ports)))
        return cls((written,) if written else (), False)

    def check(self, scheme: str, host: str, port: int | None, userinfo: bytes = b"") -> None:
        """Raises Forbidden for an address that may not be asked."""
        if scheme not in ("http", "https"):
            raise Forbidden(f"only https is spoken, not {scheme[:20]!r}")
        if userinfo:
            raise Forbidden("an address holds no user and password; they belong into a header")
        usual = 443 if scheme == "https" else 80
        place = self._place(host, usual if port is None else port)
        if scheme == "http" and not self._in_full(place):
            raise Forbidden(f"http without s is spoken only with hosts that `network` names in full, not with {host}")

    async def addresses(self, host: str, port: int, look_up: "LookUp") -> list[str]:
        """What a connection may be made to; raises Forbidden if one address of the host may not be reached."""
        place = self._place(host, port)
        found = [host] if _is_address(host) else list(dict.fromkeys(await look_up(host, port)))
        for address in found:
            if reason := self._refusal(address, place):
                log.warning("%s has the address %s, which is %s: nothing was sent", host, address, reason)
                raise Forbidden(f"{host} leads to an address that is {reason}")
        return found[:ADDRESSES]

    def _place(self, host: str, port: int) -> Place:
        for place in self.places:
            if place.holds(host.lower(), port, self.usual):
                return place
        raise Forbidden(f"{host[:100]}:{port} is none of the hosts it may speak to")

    def _in_full(self, place: Place) -> bool:
        return self.named and not place.host.startswith("*.")

    def _refusal(self, address: str, place: Place) -> str:
        judged = _plain(address)
        if judged is None or any(judged in network for network in _NEVER if network.version == judged.version):
            return "nobody's to reach"
        if _is_public(judged) or (self._in_full(place) and self._is_private_name(place.host, str(judged))):
            return ""
        return "not public; only a private name or an address that `network` names in full may lead there"

    def _is_private_name(self, host: str, address: str) -> bool:
        own = host == address or "." not in host or host.endswith(_PRIVATE_NAMES)
        return own or any(place.host == address for place in self.places)


_NAME = re.compile(r"(?:\*\.)?(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE)
_PRIVATE_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".private", ".test")


def _place(name: str) -> Place:
    found = _NAME.fullmatch(name)
    if not found or ".." in name or _is_odd_number(found["host"]):
        raise ValueError(f"{name!r} is no host, as in api.example.com, *.example.com or localhost:8080")
    return Place(name.lower().partition(":")[0], int(found["port"]) if found["port"] else None)


def _host_in(url: str) -> Place | None:
    """The host of a url that is known before it is asked for."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname and "{" not in parts.netloc:
            return Place(_ascii(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80))
    return None


def _ascii(host: str) -> str:
    """The host as it is sent: `bücher.example` is looked up as `xn--bcher-kva.example`."""
    import idna

    try:
        return host if host.isascii() else idna.encode(host).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{host!r} is no host") from error


def _is_odd_number(host: str) -> bool:
    """Whether a resolver would take it for an address that is not written as one: 2130706433, 0x7f.1, 127.1."""
    return re.fullmatch(r"[0-9]+|0x[0-9a-f]*", host.rpartition(".")[2], re.IGNORECASE) is not None and not _is_address(
        host
    )


def _is_address(host: str) -> bool:
    return ":" in host or _parsed(host) is not None


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    with suppress(ValueError):
        return ip_address(address)
    return None


# --- which addresses ---------------------------------------------------------------------------------------------


def _networks(*written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(IPv6Network(each) if ":" in each else IPv4Network(each) for each in written)


_NEVER = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",  # where clouds hand out their keys
    "168.63.129.16/32",
    "224.0.0.0/3",
    "::/128",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "fd00:ec2::/32",
)
"""Not even when it is named."""
_NOT_PUBLIC = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
)
"""Written out, for what `ipaddress` takes for global changes from one Python to the next."""
_PUBLIC_6 = IPv6Network("2000::/3")
_INSIDE_6 = _networks("::ffff:0:0/96", "64:ff9b::/96")
"""Networks in which the last four bytes are an address of the older kind, and mean just that."""


def _plain(address: str) -> IPv4Address | IPv6Address | None:
    """The address that is meant; None for what is none, or holds only within one machine's own link."""
    judged = _parsed(address)
    if isinstance(judged, IPv6Address):
        if judged.scope_id is not None:
            return None
        if any(judged in network for network in _INSIDE_6):
            return IPv4Address(judged.packed[-4:])
    return judged


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)


# --- the client --------------------------------------------------------------------------------------------------

LookUp = Callable[[str, int], Awaitable[Iterable[str]]]
"""The addresses of a host; raises OSError."""


async def look_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def client(
    network: Network, look_up: LookUp = look_up, backend: Any = None, library: str = "httpx"
) -> "httpx.AsyncClient":
    """A client that goes nowhere else, follows no redirect by itself and asks no proxy; make it in a thread.

    `library` is httpx, or another of the same make as `httpx2` is, whose client it then is. `backend` opens the
    connections in place of that library's own.
    """
    made: Any = importlib.import_module(library)
    core: Any = importlib.import_module(library.replace("httpx", "httpcore"))
    # The first connection would import it, and hold up the event loop for 20 ms.
    importlib.import_module("anyio._backends._asyncio")
    # It writes whole addresses down, and they may hold secrets.
    logging.getLogger(library).setLevel(logging.WARNING)
    door = _Door(network, look_up, backend or core.AnyIOBackend(), core)
    # Not made the usual way, which has no place for a door: without this pool it cannot connect at all.
    transport = object.__new__(made.AsyncHTTPTransport)
    transport._pool = core.AsyncConnectionPool(ssl_context=tls(library), network_backend=door)

    async def check(request: Any) -> None:
        url = request.url
        network.check(url.scheme, url.raw_host.decode("ascii", "replace").strip("[]"), url.port, url.userinfo)

    hooks = {"request": [check]}
    return cast("httpx.AsyncClient", made.AsyncClient(transport=transport, event_hooks=hooks, trust_env=False))


@lru_cache
def tls(library: str) -> "ssl.SSLContext":
    """What to trust, read once for all clients: it takes 20 ms of work each time."""
    return cast("ssl.SSLContext", importlib.import_module(library).create_ssl_context())


@dataclass(frozen=True, slots=True)
class _Door:
    """Opens connections in place of a library's own network backend, to addresses that were judged."""

    network: Network
    look_up: LookUp
    backend: Any
    core: Any

    # The parameter's name is the library's.
    async def connect_tcp(self, host: str, port: int, timeout: float | None = None, **options: Any) -> Any:  # noqa: ASYNC109
        try:
            async with asyncio.timeout(timeout):
                addresses = await self.network.addresses(host, port, self.look_up)
                return await self._first(host, addresses, port, timeout, options)
        except TimeoutError as error:
            raise self.core.ConnectTimeout(f"{host} does not answer") from error
        except OSError as error:
            raise self.core.ConnectError(f"{host} is not known") from error

    async def _first(
        self, host: str, addresses: Sequence[str], port: int, seconds: float | None, options: dict[str, Any]
    ) -> Any:
        share = seconds / len(addresses) if seconds and addresses else seconds
        failure: Exception = self.core.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self.backend.connect_tcp(address, port, timeout=share, **options)
            except (self.core.ConnectError, self.core.ConnectTimeout, OSError) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, path: str, *_: object, **__: object) -> Any:
        raise Forbidden("nothing but TCP is spoken")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# --- one request -------------------------------------------------------------------------------------------------


async def fetch(client: "httpx.AsyncClient", request: "httpx.Request", most: int = BYTES) -> "httpx.Response":
    """The answer with its whole body, from behind at most three redirects; raises Forbidden, BadAnswer or what
    httpx does."""
    for _ in range(REDIRECTS + 1):
        response = await client.send(request, stream=True)
        try:
            if response.next_request is None:
                return await _whole(response, most)
            request = _onward(request, response.next_request)
        finally:
            await response.aclose()
    raise Forbidden(f"it was sent on more than {REDIRECTS} times")


_TAKEN_ALONG = frozenset(("accept", "accept-encoding", "accept-language", "content-length", "host", "user-agent"))


def _onward(request: "httpx.Request", onward: "httpx.Request") -> "httpx.Request":
    """The request that a redirect asks for, without what was meant for the first host alone."""
    if (request.url.scheme, onward.url.scheme) == ("https", "http"):
        raise Forbidden("it was sent on from https to http")
    if _origin(request) == _origin(onward):
        return onward
    if onward.headers.get("content-length", "0") != "0" or "transfer-encoding" in onward.headers:
        raise Forbidden(f"it was sent on to {onward.url.host} with all that it said to {request.url.host}")
    for name in set(onward.headers) - _TAKEN_ALONG:
        del onward.headers[name]
    return onward


def _origin(request: "httpx.Request") -> tuple[str, str, int]:
    url = request.url
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


async def _whole(response: "httpx.Response", most: int) -> "httpx.Response":
    import httpx

    packed = bytearray()
    async for piece in response.aiter_raw():
        packed += piece
        if len(packed) > most:
            raise BadAnswer(f"the answer is longer than {most:,} bytes")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    body = await asyncio.to_thread(_unpacked, bytes(packed), encoding, most)
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_WIRE]
    return httpx.Response(response.status_code, headers=headers, content=body, request=response.request)


_OF_THE_WIRE = (b"content-encoding", b"content-length", b"transfer-encoding")


def _unpacked(packed: bytes, encoding: str, most: int) -> bytes:
    """Never longer than it may be, not even on the way: a few bytes can stand for very many."""
    if not packed or encoding == "identity":
        return packed
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadAnswer(f"the answer is packed as {encoding[:40]!r}, which was not asked for")
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise BadAnswer("the answer cannot be unpacked") from error
    if len(body) > most:
        raise BadAnswer(f"the answer is longer than {most:,} bytes")
    if not unpacking.eof:
        raise BadAnswer("the answer breaks off")
    return body
