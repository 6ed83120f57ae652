"""What is put on a media host is there whole, is seen by everybody, and goes away again; all else is told in words."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import RedirectResponse, Response

from carrier import registry
from carrier.config.models.media_hosts import S3, Folder, Ftp, MediaHost, Sftp
from carrier.errors import ClientError, Passing, Refused
from carrier.interfaces import MediaHost as Host
from carrier.media.hosting import ftp, public_shelf
from carrier.testing.buckets import s3_server
from carrier.testing.http_server import http_server
from carrier.testing.media_hosts import (
    PASSWORD,
    USER,
    ftp_server,
    sftp_server,
    shown,
    vsftpd,
    vsftpd_program,
)

PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 800
needs_vsftpd = pytest.mark.skipif(
    vsftpd_program() is None or os.geteuid() != 0, reason="vsftpd is not installed, or nobody but root may start it"
)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    file = tmp_path / "picture.jpg"
    file.write_bytes(PICTURE)
    return file


def opened(settings: MediaHost) -> Host:
    make: Any = registry.find(registry.MEDIA_HOSTS, settings.type)
    host: Host = make(settings)
    return host


def ftp_settings(port: int, url: str = "http://localhost", **more: Any) -> Ftp:
    login = {"username": USER, "password": SecretStr(PASSWORD), "tls": "none"}
    return Ftp.model_validate({"type": "ftp", "server": "127.0.0.1", "port": port, "public_url": url, **login, **more})


@asynccontextmanager
async def a_folder(tmp_path: Path) -> AsyncIterator[tuple[Host, Path]]:
    home = tmp_path / "shown"
    home.mkdir()
    async with shown(home) as url:
        yield opened(Folder(type="folder", folder=str(home), public_url=url)), home


@asynccontextmanager
async def an_ftp_server(tmp_path: Path, tls: str) -> AsyncIterator[tuple[Host, Path]]:
    with ftp_server(tmp_path, tls) as server:
        async with shown(server.folder) as url:
            yield opened(ftp_settings(server.port, url, tls=tls, ca=server.certificate)), server.folder


@asynccontextmanager
async def a_vsftpd(tmp_path: Path, tls: str) -> AsyncIterator[tuple[Host, Path]]:
    async with vsftpd(tmp_path, tls=tls == "explicit") as server, shown(server.folder) as url:
        login = {"username": "anonymous", "password": SecretStr("anna@example.com")}
        yield (
            opened(ftp_settings(server.port, url, tls=tls, ca=server.certificate, folder=server.inside, **login)),
            server.folder,
        )


@asynccontextmanager
async def an_sftp_server(tmp_path: Path) -> AsyncIterator[tuple[Host, Path]]:
    async with sftp_server(tmp_path) as server, shown(server.folder) as url:
        yield opened(sftp_settings(server.port, server.host_key, url)), server.folder


def sftp_settings(port: int, host_key: str, url: str = "http://localhost", password: str = PASSWORD) -> Sftp:
    login = {"username": USER, "password": SecretStr(password), "host_key": host_key}
    return Sftp.model_validate({"type": "sftp", "server": "127.0.0.1", "port": port, "public_url": url, **login})


@asynccontextmanager
async def a_bucket(tmp_path: Path) -> AsyncIterator[tuple[Host, Path]]:
    async with s3_server(tmp_path) as endpoint, shown(tmp_path / "s3") as url:
        yield opened(bucket_settings(endpoint, url)), tmp_path / "s3"


def bucket_settings(endpoint: str, url: str = "http://localhost") -> S3:
    login = {"access_key_id": "anna", "secret_access_key": SecretStr(PASSWORD), "region": "north"}
    return S3.model_validate({"type": "s3", "bucket": "pictures", "endpoint": endpoint, "public_url": url, **login})


EVERYWHERE = [
    pytest.param(a_folder, id="folder"),
    pytest.param(lambda at: an_ftp_server(at, "none"), id="ftp"),
    pytest.param(lambda at: an_ftp_server(at, "explicit"), id="ftps"),
    pytest.param(lambda at: an_ftp_server(at, "implicit"), id="ftps implicit"),
    pytest.param(lambda at: a_vsftpd(at, "none"), id="vsftpd", marks=needs_vsftpd),
    pytest.param(lambda at: a_vsftpd(at, "explicit"), id="vsftpd TLS", marks=needs_vsftpd),
    pytest.param(an_sftp_server, id="sftp"),
    pytest.param(a_bucket, id="s3"),
]


@pytest.mark.parametrize("place", EVERYWHERE)
async def test_what_is_put_there_is_there_whole_and_goes_away_again(place: Any, tmp_path: Path, picture: Path) -> None:
    async with place(tmp_path) as (host, folder):
        hosted = await host.put(picture, "image/jpeg")

        assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [(hosted.name, PICTURE)]
        assert hosted.size == len(PICTURE)
        assert hosted.url.endswith(f"/{hosted.name}")

        await host.remove(hosted.name)
        await host.remove(hosted.name)

        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("place", EVERYWHERE)
async def test_the_sweeper_takes_only_what_carrier_left_there_long_ago(
    place: Any, tmp_path: Path, picture: Path
) -> None:
    async with place(tmp_path) as (host, folder):
        new = await host.put(picture, "image/jpeg")
        old = folder / f"carrier-{'0' * 32}.jpg"
        torn = folder / f"carrier-{'1' * 32}.mp4.part"
        others = folder / "holiday.jpg"
        for file in (old, torn, others):
            file.write_bytes(PICTURE)
            os.utime(file, (time.time() - 7200, time.time() - 7200))

        swept = await host.sweep(older=3600)

        assert sorted(swept) == [old.name, torn.name]
        assert {file.name for file in folder.iterdir()} == {new.name, others.name}


async def test_nothing_but_its_own_is_ever_removed(tmp_path: Path) -> None:
    async with a_folder(tmp_path) as (host, folder):
        (folder / "holiday.jpg").write_bytes(PICTURE)

        for name in ("holiday.jpg", "../picture.jpg", f"carrier-{'0' * 32}.jpg/../holiday.jpg"):
            with pytest.raises(ValueError, match="not put there by Carrier"):
                await host.remove(name)


# --- servers that do not do as they should


async def refusal(host: Host, picture: Path) -> ClientError:
    with pytest.raises(ClientError) as told:
        await host.put(picture, "image/jpeg")
    assert PASSWORD not in str(told.value)
    return told.value


@pytest.mark.parametrize(
    ("fault", "tls", "kind", "words"),
    [
        ("is full", "none", Passing, "it is full: 552 Disk full."),
        ("drops half-way", "none", Passing, "the FTP server 127.0.0.1"),
        ("drops half-way", "explicit", Passing, "the FTP server 127.0.0.1"),
        ("loses bytes", "none", Passing, f"only 10 of {len(PICTURE)} bytes arrived"),
        ("refuses TLS", "explicit", Refused, "offers TLS, or write `tls: none`"),
    ],
)
async def test_a_server_at_fault_leaves_nothing_there_and_is_told_of(
    fault: Any, tls: str, kind: type[ClientError], words: str, tmp_path: Path, picture: Path
) -> None:
    with ftp_server(tmp_path, tls, fault) as server:
        told = await refusal(opened(ftp_settings(server.port, tls=tls, ca=server.certificate)), picture)

        assert isinstance(told, kind)
        assert words in str(told)
        assert list(server.folder.iterdir()) == []


async def test_a_server_that_hangs_is_given_up_in_time(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_shelf, "MOMENT", 0.3)
    with ftp_server(tmp_path, fault="hangs") as server:
        told = await refusal(opened(ftp_settings(server.port)), picture)

    assert isinstance(told, Passing)
    assert "the server hangs or is slow" in str(told)


@pytest.mark.parametrize("work", ["remove", "sweep"])
async def test_what_hangs_when_something_is_taken_away_keeps_nobody_waiting(
    work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hangs:
        async def write(self, file: Path, name: str, media_type: str) -> int:
            return 0

        async def delete(self, names: Sequence[str]) -> None:
            await asyncio.Event().wait()

        async def listing(self) -> Sequence[public_shelf.Left]:
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr(public_shelf, "MOMENT", 0.01)
    host = public_shelf.PublicShelf(Hangs(), "https://media.example.com")
    with pytest.raises(Passing, match="hangs or is slow"):
        await (host.remove(f"carrier-{'0' * 32}.jpg") if work == "remove" else host.sweep(1.0))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"password": SecretStr("four")}, "see `username` and `password`"),
        ({"folder": "nowhere"}, "see that its folder nowhere is there"),
        ({"tls": "explicit"}, "offers TLS, or write `tls: none`"),
        ({"folder": "a\r\nDELE b"}, "illegal newline character"),
    ],
)
async def test_what_an_ftp_server_refuses_names_the_setting_to_look_at(
    wrong: dict[str, Any], words: str, tmp_path: Path, picture: Path
) -> None:
    with ftp_server(tmp_path) as server:
        told = await refusal(opened(ftp_settings(server.port, **wrong)), picture)

    assert isinstance(told, Refused)
    assert words in str(told)


async def test_a_certificate_that_nobody_trusts_is_refused_and_says_what_helps(tmp_path: Path, picture: Path) -> None:
    with ftp_server(tmp_path, "explicit") as server:
        told = await refusal(opened(ftp_settings(server.port, tls="explicit")), picture)

    assert isinstance(told, Refused)
    assert "name it in `ca`" in str(told)


async def test_a_server_that_is_not_there_is_tried_again(picture: Path) -> None:
    told = await refusal(opened(ftp_settings(1)), picture)

    assert isinstance(told, Passing)
    assert "the FTP server 127.0.0.1:1" in str(told)


async def test_an_ssh_server_is_known_by_its_key_and_refuses_a_wrong_password(tmp_path: Path, picture: Path) -> None:
    async with sftp_server(tmp_path) as server, sftp_server(tmp_path) as other:
        stranger = await refusal(opened(sftp_settings(server.port, other.host_key)), picture)
        wrong = await refusal(opened(sftp_settings(server.port, server.host_key, password="four")), picture)

    assert "name it in `host_key`" in str(stranger)
    assert "see `username` and `password`" in str(wrong)


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path, picture: Path) -> None:
    folder = tmp_path / "nowhere"
    told = await refusal(opened(Folder(type="folder", folder=str(folder), public_url="http://localhost")), picture)

    assert str(told).startswith(f"the media folder {folder}: No such file or directory")


# --- what the world sees


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Response(PICTURE, 404, media_type="image/jpeg"), Passing, "is not there (404)"),
        (Response(PICTURE, 403, media_type="image/jpeg"), Refused, "not shown to everybody (403)"),
        (Response("oops", 500), Passing, "answers 500"),
        (RedirectResponse("/elsewhere"), Refused, "leads on to another address"),
        (Response(PICTURE, media_type="text/html"), Refused, "is shown as text/html, not image/jpeg"),
        (Response(PICTURE[:-1], media_type="image/jpeg"), Passing, f"has {len(PICTURE) - 1} bytes there"),
        (Response(PICTURE[::-1], media_type="image/jpeg"), Refused, "shows something else"),
    ],
    ids=["404", "403", "500", "redirect", "type", "length", "content"],
)
async def test_what_the_world_would_not_see_as_it_is_is_taken_back(
    answer: Response, kind: type[ClientError], words: str, tmp_path: Path, picture: Path
) -> None:
    home = tmp_path / "hidden"
    home.mkdir()
    async with http_server() as web:
        host = public_shelf.PublicShelf(
            opened(Folder(type="folder", folder=str(home), public_url=web.url))._shelf,  # type: ignore[attr-defined]
            f"{web.url}/shown",
            pauses=(),
        )
        web.everything = answer

        told = await refusal(host, picture)

    assert isinstance(told, kind)
    assert words in str(told)
    assert list(home.iterdir()) == []


async def test_the_loop_goes_on_while_much_is_put_there(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(20_000_000))
    turned = 0

    async def turn() -> None:
        nonlocal turned
        while True:
            await asyncio.sleep(0)
            turned += 1

    async with an_ftp_server(tmp_path, "explicit") as (host, _):
        turning = asyncio.create_task(turn())
        await host.put(film, "video/mp4")
        turning.cancel()

    assert turned > 100


async def test_connections_that_hang_are_cut_so_that_others_find_a_thread(
    tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_shelf, "MOMENT", 0.3)
    with ftp_server(tmp_path, fault="hangs") as server:
        host = opened(ftp_settings(server.port))
        await asyncio.gather(*(refusal(host, picture) for _ in range(ftp.AT_ONCE * 2)))
    monkeypatch.undo()
    async with an_ftp_server(tmp_path, "none") as (host, folder):
        hosted = await host.put(picture, "image/jpeg")

        assert (folder / hosted.name).exists()
