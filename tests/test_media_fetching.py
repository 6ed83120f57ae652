"""Pictures that stand on the web: fetched where the operator said so, and from strangers only in public."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from carrier.errors import Unfit
from carrier.media.darkroom import Darkroom
from carrier.testing.graph import local_graph
from carrier.types.posts import Fit, PostKind


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("http://127.0.0.1:1/a.jpg", "cannot be fetched"),
        ("https://127.0.0.1:1/a.jpg", "not public"),
        ("https://user:word@example.com/a.jpg", "cannot be fetched"),
        ("/etc/passwd", "no file in the project's folder"),
        ("../a.jpg", "no file in the project's folder"),
        ("media/*.jpg", "no file in the project's folder"),
        ("link.jpg", "no file in the project's folder"),
        ("", "no file in the project's folder"),
        ("a\0b", "no file in the project's folder"),
        ("Here you are: " + 5000 * "x", "no file in the project's folder"),
    ],
)
async def test_what_somebody_else_names_leads_nowhere_else(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "project" / "media").mkdir(parents=True)
    (tmp_path / "a.jpg").write_bytes(b"private")
    (tmp_path / "project" / "link.jpg").symlink_to(tmp_path / "a.jpg")

    with pytest.raises(Unfit, match=reason):
        await Darkroom(tmp_path / "project", tmp_path / "data").told(name)


async def test_what_the_operator_names_is_fetched_and_known_by_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "a.jpg").write_bytes(b"a picture")
    darkroom = Darkroom(tmp_path, tmp_path / "data")
    async with local_graph(media=tmp_path / "shown") as graph:
        [[file]] = await darkroom.found([f"{graph.url}/media/a.jpg"])
        with pytest.raises(Unfit, match="answers 404"):
            await darkroom.found([f"{graph.url}/media/b.jpg"])

    assert file.path == f"{graph.url}/media/a.jpg"
    assert (tmp_path / "data" / "posts" / file.digest).read_bytes() == b"a picture"


async def test_one_picture_is_made_ready_for_several_at_a_time(tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((2400, 400), 90).convert("RGB").save(tmp_path / "a.jpg")
    darkroom = Darkroom(tmp_path, tmp_path / "data")
    [files] = await darkroom.found(["a.jpg"])
    wanted: list[tuple[PostKind, Fit]] = [("image", "crop"), ("image", "pad"), ("story", "convert")]

    async def made() -> list[str]:
        found = await asyncio.gather(*(darkroom.develop(files, *each) for each in wanted), return_exceptions=True)
        return [str(each) for each in found]

    alone = [str(await darkroom.develop(files, *each)) for each in wanted]
    assert [await made() for _ in range(5)] == [alone] * 5
    assert list((tmp_path / "data" / "posts").glob("*.part")) == []


async def test_what_a_post_waits_with_is_kept_however_long(tmp_path: Path) -> None:
    from PIL import Image

    for name, colour in (("a.jpg", "teal"), ("b.jpg", "plum")):
        Image.new("RGB", (400, 400), colour).save(tmp_path / name)
    darkroom = Darkroom(tmp_path, tmp_path / "data")
    files, others = await darkroom.found(["a.jpg", "b.jpg"])
    [made] = await darkroom.develop(files, "image", None)
    [other] = await darkroom.develop(files, "image", "pad")
    for each in (made, other):
        os.utime(tmp_path / "data" / each.path, (0, 0))
    await darkroom.keep_until([made], time.time() + 300 * 86400)
    await darkroom.develop(files, "image", None)
    await darkroom.develop(others, "image", None)

    assert (tmp_path / "data" / made.path).exists()
    assert not (tmp_path / "data" / other.path).exists()


async def test_what_is_kept_is_found_by_its_name_alone(tmp_path: Path) -> None:
    darkroom = Darkroom(tmp_path, tmp_path / "data")
    name = await darkroom.keep("../../harbour.jpg", b"a picture")

    assert name.endswith("/harbour.jpg")
    assert [file.path for [file] in await darkroom.found([name])] == [name]
    assert await darkroom.found(["kept:../../key", f"kept:{'0' * 64}/a.jpg"]) == []
