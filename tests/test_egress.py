"""Nothing is sent to a host that is not named, nor to an address that is not public: refused where connections open."""

import asyncio
import gzip
import ipaddress
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carrier.egress import BadAnswer, Forbidden, Network, client, fetch
from carrier.testing.http_server import http_server

PUBLIC = "93.184.216.34"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def to(url: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Onward\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Outside:
    """The world: names and what they lead to, and who was connected to. Nothing of it leaves the process."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=lambda: [OK])
    """What each connection says, one after the other; the last one for all that follow."""
    looked_up: list[str] = field(default_factory=list)
    opened: list[tuple[str, int]] = field(default_factory=list)
    streams: list["Stream"] = field(default_factory=list)

    async def look_up(self, host: str, port: int) -> list[str]:
        """As the system does, which takes 127.1 and 0x7f000001 for addresses."""
        self.looked_up.append(host)
        if host in self.names:
            return list(self.names[host])
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]
        except OSError:
            raise socket.gaierror(f"{host} is not known") from None

    async def connect_tcp(self, address: str, port: int, **options: Any) -> "Stream":
        self.opened.append((address, port))
        self.streams.append(Stream(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]))
        return self.streams[-1]

    @property
    def sent(self) -> bytes:
        return b"".join(stream.written for stream in self.streams)


class Stream(httpcore.AsyncMockStream):
    def __init__(self, answer: bytes):
        super().__init__([answer])
        self.written = b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.written += buffer


class Rebinding(Outside):
    """A name that is public when it is first looked up, and private from then on."""

    async def look_up(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        return [PUBLIC] if self.looked_up.count(host) == 1 else ["127.0.0.1"]


async def get(outside: Outside, network: Network, url: str, method: str = "GET", **words: Any) -> httpx.Response:
    async with client(network, outside.look_up, outside) as http:
        return await fetch(http, httpx.Request(method, url, **words))


# --- what an address may be ----------------------------------------------------------------------------------

SPELLINGS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7F.0.0.1",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "00000177.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "10.0.0.5",
    "012.0.0.5",
    "167772165",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "0xc0a80101",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:7f00:1::]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::a9fe:a9fe]",
    "[fec0::1]",
    "[ff02::1]",
    "[::ffff:100.64.0.1]",
]


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_an_address_that_is_not_public_is_connected_to(host: str) -> None:
    outside = Outside()
    url = f"https://{host}/latest/meta-data"

    with pytest.raises((Forbidden, httpx.InvalidURL)):
        await get(outside, Network.of((), url), url)

    assert outside.opened == []


class Naive(Network):
    """A network that asks whatever it is told to ask."""

    def check(self, scheme: str, host: str, port: int | None, userinfo: bytes = b"") -> None:
        pass

    async def addresses(self, host: str, port: int, look_up: Any) -> list[str]:
        found: list[str] = await look_up(host, port)
        return found


async def test_a_network_that_does_not_judge_connects_to_them() -> None:
    connected = 0
    for host in SPELLINGS:
        outside = Outside({host.strip("[]"): [host.strip("[]")]} if ":" in host else {})
        # Some are no URL at all for the library that asks.
        with suppress(httpx.InvalidURL):
            await get(outside, Naive((), True), f"http://{host}/")
        connected += len(outside.opened)

    assert len(set(SPELLINGS)) == len(SPELLINGS)
    assert connected >= 60


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["2606:2800:220:1::1%1"],
        ["169.254.169.254"],
        ["10.0.0.1", PUBLIC],
        [PUBLIC, "10.0.0.1"],
        [PUBLIC, "::ffff:192.168.0.1"],
        [PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC, "127.0.0.1"],
        ["not an address"],
        [""],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("names", [(), ("api.example.com",), ("*.example.com",)], ids=["url", "named", "below"])
async def test_a_public_name_with_one_address_that_is_not_is_refused_whole(
    addresses: list[str], names: tuple[str, ...]
) -> None:
    outside = Outside({"api.example.com": addresses})
    url = "https://api.example.com/"

    with pytest.raises(Forbidden, match="leads to an address"):
        await get(outside, Network.of(names, url), url)

    assert outside.opened == []


@pytest.mark.parametrize("address", [PUBLIC, "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"])
async def test_a_public_address_is_connected_to_as_it_was_judged(address: str) -> None:
    outside = Outside({"api.example.com": [address]})

    answer = await get(outside, Network.of((), "https://api.example.com/"), "https://api.example.com/now")

    assert (answer.text, outside.opened, outside.looked_up) == ("ok", [(address, 443)], ["api.example.com"])
    assert b"Host: api.example.com\r\n" in outside.sent


@given(st.ip_addresses())
def test_what_python_holds_for_private_is_not_reached(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    inside = address.version == 6 and address in ipaddress.ip_network("64:ff9b::/96")
    meant = ipaddress.IPv4Address(address.packed[-4:]) if inside else getattr(address, "ipv4_mapped", None) or address
    outside = Outside({"api.example.com": [str(address)]})

    if meant.is_private or meant.is_multicast or meant.is_link_local or meant.is_reserved:
        with pytest.raises(Forbidden):
            asyncio.run(BOTH.addresses("api.example.com", 443, outside.look_up))


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    class HalfDown(Outside):
        async def connect_tcp(self, address: str, port: int, **options: Any) -> Stream:
            stream = await super().connect_tcp(address, port, **options)
            if address == PUBLIC:
                raise httpcore.ConnectError("down")
            return stream

    outside = HalfDown({"api.example.com": [PUBLIC, "1.1.1.1"]})

    assert (await get(outside, Network.of(("api.example.com",)), "https://api.example.com/")).text == "ok"
    assert [address for address, _ in outside.opened] == [PUBLIC, "1.1.1.1"]


# --- which hosts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.test/",
        "https://api.example.com.evil.test/",
        "https://api.example.com@evil.test/",
        "https://evil.test#@api.example.com/",
        "https://evil.test\\@api.example.com/",
        "https://evil.test?.api.example.com/",
        "https://user:word@api.example.com/",
        "https://api.example.com./",
        "https://api.example.com../",
        "https://apiXexample.com/",
        "https://xapi.example.com/",
        "https://example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com:22/",
        "https://api.example.com:0/",
        "https://localhost/",
        "https://localhost./",
        "https://a\N{FULLWIDTH LATIN SMALL LETTER P}i.example.com/",
        "https://\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}7.0.0.1/",
        "https://\N{CIRCLED DIGIT ONE}27.0.0.1/",
        "https://\N{CYRILLIC SMALL LETTER A}pi.example.com/",
        "https://127.0.0.1%2f@api.example.com/",
        "https://api.example.com%00.evil.test/",
        "https://api.example.com%2eevil.test/",
        "https://[::1%25lo]/",
        "https://[api.example.com]/",
        "https:///api.example.com/",
        "https:api.example.com",
        "//api.example.com/",
        "file:///etc/passwd",
        "file://api.example.com/etc/passwd",
        "gopher://api.example.com/_x",
        "data:text/plain,hello",
        "ftp://api.example.com/",
        "ws://api.example.com/",
        "unix:///run/docker.sock",
        "dict://api.example.com:11211/",
        "javascript:alert(1)",
        "",
    ],
)
async def test_an_address_that_only_looks_like_the_named_one_is_not_asked(url: str) -> None:
    outside = Outside({name: [PUBLIC] for name in ("evil.test", "localhost", "example.com", "xapi.example.com")})

    with pytest.raises((Forbidden, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        await get(outside, Network.of(("api.example.com",)), url)

    assert outside.opened == []


@pytest.mark.parametrize(
    ("names", "url"),
    [
        (("api.example.com",), "https://API.Example.com/"),
        (("API.example.com",), "https://api.example.com/"),
        (("api.example.com:8443",), "https://api.example.com:8443/"),
        (("api.example.com",), "http://api.example.com/"),
        (("*.example.com",), "https://api.example.com/"),
        (("*.example.com",), "https://a.b.example.com/"),
        (("one.example", "api.example.com"), "https://api.example.com/"),
        (("xn--bcher-kva.example",), "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/"),
        ((), "https://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/"),
        ((), "https://api\N{IDEOGRAPHIC FULL STOP}example.com/"),
        ((), "https://api.example.com:8443/"),
        (("api.example.com",), "https://api.example.com:8443/"),
    ],
)
async def test_a_named_host_is_asked(names: tuple[str, ...], url: str) -> None:
    hosts = ("api.example.com", "a.b.example.com", "xn--bcher-kva.example")
    outside = Outside({name: [PUBLIC] for name in hosts})

    assert (await get(outside, Network.of(names, url), url)).text == "ok"


@pytest.mark.parametrize(
    ("names", "url"),
    [
        ((), "http://api.example.com/"),
        (("*.example.com",), "http://api.example.com/"),
        (("api.example.com:443",), "http://api.example.com/"),
    ],
    ids=["by its url", "below", "another port"],
)
async def test_http_is_spoken_only_with_a_host_that_is_named_in_full(names: tuple[str, ...], url: str) -> None:
    outside = Outside({"api.example.com": [PUBLIC]})

    with pytest.raises(Forbidden):
        await get(outside, Network.of(names, url), url)

    assert outside.opened == []


@pytest.mark.parametrize(
    "name", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3.999", "a..b", "-a", "http://a", "[::1]", "*", ""]
)
def test_a_name_that_is_no_host_is_refused_when_it_is_read(name: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        Network.of((name,))


@pytest.mark.parametrize(
    ("names", "host", "address"),
    [
        (("localhost",), "localhost", "127.0.0.1"),
        (("localhost",), "localhost", "::1"),
        (("127.0.0.1",), "127.0.0.1", "127.0.0.1"),
        (("192.168.1.20",), "192.168.1.20", "192.168.1.20"),
        (("ollama",), "ollama", "172.18.0.3"),
        (("wiki.internal",), "wiki.internal", "10.1.2.3"),
        (("wiki.example.com", "10.1.2.3"), "wiki.example.com", "10.1.2.3"),
    ],
)
async def test_a_private_host_is_reached_where_the_operator_names_it(
    names: tuple[str, ...], host: str, address: str
) -> None:
    outside = Outside({host: [address]})

    assert (await get(outside, Network.of(names), f"http://{host}/")).text == "ok"
    assert outside.opened == [(address, 80)]


@pytest.mark.parametrize(
    ("names", "host", "address"),
    [
        ((), "localhost", "127.0.0.1"),
        ((), "ollama", "172.18.0.3"),
        (("*.internal",), "wiki.internal", "10.1.2.3"),
        (("wiki.example.com", "10.1.2.3"), "wiki.example.com", "10.1.2.4"),
        (("localhost",), "localhost", "169.254.169.254"),
        (("metadata.internal",), "metadata.internal", "169.254.169.254"),
        (("169.254.169.254",), "169.254.169.254", "169.254.169.254"),
        (("0.0.0.0",), "0.0.0.0", "0.0.0.0"),
        (("wiki.internal",), "wiki.internal", "fd00:ec2::254"),
        (("wiki.internal",), "wiki.internal", "fe80::1%eth0"),
    ],
)
async def test_a_private_host_is_not_reached_by_less(names: tuple[str, ...], host: str, address: str) -> None:
    outside = Outside({host: [address]})

    with pytest.raises(Forbidden):
        await get(outside, Network.of(names, f"https://{host}/"), f"https://{host}/")

    assert outside.opened == []


# --- redirects and rebinding ---------------------------------------------------------------------------------

BOTH = Network.of(("api.example.com", "cdn.example.com"))
NAMES = {"api.example.com": [PUBLIC], "cdn.example.com": ["1.1.1.1"], "evil.test": ["8.8.8.8"], "localhost": ["::1"]}


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "//evil.test/",
        "https:\\\\evil.test/",
        "https://api.example.com@evil.test/",
        "https://api.example.com:8443/",
        "http://api.example.com/",
        "file:///etc/passwd",
        "gopher://api.example.com/",
        "data:text/plain,hi",
        "ftp://api.example.com/",
        "https://api.example.com./",
        "https://[",
    ],
)
@pytest.mark.parametrize("status", [301, 307])
async def test_a_redirect_is_judged_as_the_first_address_was(target: str, status: int) -> None:
    outside = Outside(NAMES, [to(target, status), OK])

    with pytest.raises((Forbidden, httpx.RemoteProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)):
        await get(outside, BOTH, "https://api.example.com/")

    assert outside.opened == [(PUBLIC, 443)]
    assert outside.sent.count(b"GET ") == 1


async def test_three_redirects_are_followed_and_no_more() -> None:
    here, there = "https://api.example.com/a", "https://cdn.example.com/b"

    three = Outside(NAMES, [to(there), to(here), to(there), OK])
    assert (await get(three, BOTH, here)).text == "ok"

    four = Outside(NAMES, [to(there), to(here), to(there), to(here), OK])
    with pytest.raises(Forbidden, match="more than 3 times"):
        await get(four, BOTH, here)
    assert four.sent.count(b"GET ") == 4


async def test_a_chain_that_ends_at_home_is_refused_at_its_last_step() -> None:
    chain = [to("https://cdn.example.com/1"), to("https://api.example.com/2"), to("https://127.0.0.1/3"), OK]
    outside = Outside(NAMES, chain)

    with pytest.raises(Forbidden):
        await get(outside, BOTH, "https://api.example.com/")

    assert {address for address, _ in outside.opened} == {PUBLIC, "1.1.1.1"}


async def test_credentials_stay_with_the_host_they_were_meant_for() -> None:
    outside = Outside(NAMES, [to("/again"), to("https://cdn.example.com/"), OK])
    headers = {"Authorization": "Bearer t0ken", "X-Api-Key": "k3y", "Cookie": "c=1", "Accept": "text/plain"}

    await get(outside, BOTH, "https://api.example.com/", headers=headers)

    home = b"".join(stream.written for stream in outside.streams[:-1])
    away = outside.streams[-1].written
    assert home.count(b"t0ken") == home.count(b"k3y") == 2
    assert b"accept: text/plain" in away.lower()
    assert not any(word in away for word in (b"t0ken", b"k3y", b"c=1"))


async def test_a_body_is_not_taken_to_another_host() -> None:
    outside = Outside(NAMES, [to("https://cdn.example.com/", 307), OK])

    with pytest.raises(Forbidden, match="with all that it said"):
        await get(outside, BOTH, "https://api.example.com/", "POST", content=b"password=x")

    assert outside.opened == [(PUBLIC, 443)]


async def test_a_name_that_changes_after_it_was_judged_gains_nothing() -> None:
    outside = Rebinding()

    await get(outside, BOTH, "https://api.example.com/")

    assert (outside.looked_up, outside.opened) == (["api.example.com"], [(PUBLIC, 443)])


async def test_a_name_that_changes_within_one_request_path_is_judged_again() -> None:
    closing = to("https://cdn.example.com/").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    outside = Rebinding(answers=[closing, to("https://api.example.com/2"), OK])

    with pytest.raises(Forbidden, match="leads to an address"):
        await get(outside, BOTH, "https://api.example.com/1")

    assert outside.looked_up == ["api.example.com", "cdn.example.com", "api.example.com"]
    assert all(address == PUBLIC for address, _ in outside.opened)


async def test_a_redirect_to_a_name_that_was_bound_anew_is_refused() -> None:
    outside = Outside({**NAMES, "cdn.example.com": ["127.0.0.1"]}, [to("https://cdn.example.com/"), OK])

    with pytest.raises(Forbidden):
        await get(outside, BOTH, "https://api.example.com/")

    assert outside.opened == [(PUBLIC, 443)]


# --- what comes back -----------------------------------------------------------------------------------------


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:1")
    outside = Outside(NAMES)

    await get(outside, BOTH, "https://api.example.com/")

    assert outside.opened == [(PUBLIC, 443)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/huge", "longer than"),
        ("/bomb", "longer than"),
        ("/bomb?times=2", "packed as 'gzip, gzip'"),
        ("/bomb?as=br", "packed as 'br'"),
        ("/bomb?as=deflate", "longer than"),
        ("/bomb?as=identity", ""),
    ],
)
async def test_an_answer_is_bounded_as_it_comes_and_as_it_is_unpacked(path: str, reason: str) -> None:
    async with http_server() as server, client(Network.of((server.address,))) as http:
        request = httpx.Request("GET", server.url + path)
        if reason:
            with pytest.raises(BadAnswer, match=reason):
                await fetch(http, request, most=1_000_000)
        else:
            assert len((await fetch(http, request, most=1_000_000)).content) < 1_000_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [(gzip.compress(b"whole" * 99, mtime=0)[:-12], "breaks off"), (b"no gzip", "cannot be unpacked")],
)
async def test_an_answer_that_is_not_packed_as_it_says_is_no_answer(body: bytes, reason: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    with pytest.raises(BadAnswer, match=reason):
        await get(Outside(NAMES, [head + body]), BOTH, "https://api.example.com/")


async def test_a_packed_answer_is_unpacked() -> None:
    body = gzip.compress(b"hello")
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    assert (await get(Outside(NAMES, [head + body]), BOTH, "https://api.example.com/")).text == "hello"


async def test_no_address_is_written_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("httpx").setLevel(logging.NOTSET)
    with caplog.at_level(logging.INFO):
        await get(Outside(NAMES), BOTH, "https://api.example.com/?key=hunter22")

    assert "hunter22" not in caplog.text


async def test_a_name_that_nobody_knows_is_a_failed_connection() -> None:
    with pytest.raises(httpx.ConnectError, match="is not known"):
        await get(Outside(), BOTH, "https://api.example.com/")


def test_what_a_connection_needs_is_imported_where_its_client_is_made() -> None:
    program = (
        "import asyncio, sys\n"
        "from carrier.egress import Network, client\n"
        "client(Network((), True))\n"
        "before = {*sys.modules}\n"
        "async def connect():\n"
        "    async with client(Network.of(['127.0.0.1:9'], 'http://127.0.0.1:9')) as web:\n"
        "        await web.get('http://127.0.0.1:9')\n"
        "try:\n"
        "    asyncio.run(connect())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, *sorted({*sys.modules} - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["ConnectError"]
