"""Wrong pictures, videos and words are refused before they are sent, each with what is wrong and what helps."""

import io
import json
import os
import random
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import av
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from carrier.errors import Unfit
from carrier.media.checks import file_faults, kind_of, post_faults
from carrier.media.limits import ratios
from carrier.media.mending import prepare
from carrier.media.pictures import picture_faults
from carrier.media.words import word_faults
from carrier.testing.films import Film
from carrier.testing.graph import local_graph
from carrier.testing.limited import Outcome, outcomes
from carrier.types.posts import PostKind

SECONDS, MEGABYTES = 1.0, 300
"""Of the processor's time, and of memory, that a look at a file may take."""
GPS = 0x8825
Make = Callable[[Path], object]


# --- pictures that tests make


def picture(
    size: tuple[int, int] = (400, 400), format: str = "JPEG", mode: str = "RGB", cut: float = 1, **options: Any
) -> Make:
    """A plain one; `cut`: so much of its bytes is there."""

    def make(path: Path) -> None:
        written = io.BytesIO()
        Image.new(mode, size).save(written, format, **options)
        path.write_bytes(written.getvalue()[: int(len(written.getvalue()) * cut)])

    return make


def noise(size: tuple[int, int], format: str = "JPEG", cut: float = 1, **options: Any) -> Make:
    """One that cannot be packed."""

    def make(path: Path) -> None:
        written = io.BytesIO()
        grey = Image.frombytes("L", size, random.Random(1).randbytes(size[0] * size[1]))
        grey.convert("RGB").save(written, format, **options)
        path.write_bytes(written.getvalue()[: int(len(written.getvalue()) * cut)])

    return make


def several(format: str, **options: Any) -> Make:
    def make(path: Path) -> None:
        frames = [Image.new("RGB", (400, 400), colour) for colour in ("red", "blue")]
        frames[0].save(path, format, save_all=True, append_images=frames[1:], **options)

    return make


def turned(size: tuple[int, int], orientation: int = 6) -> Make:
    """Stored with a note which way is up."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture(size, exif=exif)


def raw(body: bytes, padding: int = 0) -> Make:
    """These bytes, and then so many that are nothing."""

    def make(path: Path) -> None:
        with path.open("wb") as file:
            file.write(body)
            file.truncate(len(body) + padding)

    return make


def changed(make: Make, change: Callable[[bytes], bytes]) -> Make:
    def make_and_change(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return make_and_change


def png_header(width: int, height: int) -> bytes:
    from zlib import crc32

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = struct.pack(">I", 13) + header + struct.pack(">I", crc32(header)) + struct.pack(">I", 64) + b"IDAT"
    return b"\x89PNG\r\n\x1a\n" + data + bytes(64)


def jpeg_of(width: int, height: int) -> Make:
    """A small one that says it is this large."""

    def resized(data: bytes) -> bytes:
        place = data.index(b"\xff\xc0")
        return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]

    return changed(picture(), resized)


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


# --- videos that tests make


def padded(make: Make, size: int) -> Make:
    """With a box of nothing behind it, up to this size."""

    def make_and_pad(path: Path) -> None:
        make(path)
        with path.open("ab") as file:
            left = size - file.tell()
            file.write(struct.pack(">I4s", left, b"free"))
            file.truncate(size)

    return make_and_pad


def without(kind: bytes) -> Callable[[bytes], bytes]:
    """Leaves a box at the top out."""

    def change(data: bytes) -> bytes:
        kept, place = b"", 0
        while place < len(data):
            size = struct.unpack_from(">I", data, place)[0]
            kept += b"" if data[place + 4 : place + 8] == kind else data[place : place + size]
            place += size
        return kept

    return change


# --- what is wrong, and what is said of it


@dataclass(frozen=True)
class Wrong:
    name: str
    make: Make
    what: str
    """In what is said of it."""
    remedy: str
    kind: PostKind = "image"


def of_another_format() -> Iterator[Wrong]:
    """Each called a JPEG."""
    for name in ("PNG", "GIF", "WebP", "TIFF", "BMP", "AVIF"):
        yield Wrong(f"{name} called.jpg", picture(format=name.upper()), f"{name} though it is called .jpg", "fit: conv")
        yield Wrong(f"honest.{name.lower()}", picture(format=name.upper()), name, "fit: convert")
    yield Wrong("icon.jpg", picture((64, 64), "ICO"), "an icon", "save it as JPEG")
    yield Wrong("jpeg 2000.jpg", picture(format="JPEG2000"), "JPEG 2000", "save it as JPEG")
    for name, said, body in (
        ("heic.jpg", "HEIC", box(b"ftyp", b"heic" + bytes(12))),
        ("heic.heic", "HEIC", box(b"ftyp", b"mif1" + bytes(12))),
        ("photoshop.jpg", "Photoshop", b"8BPS\0\1" + bytes(20)),
        ("jpeg xl.jpg", "JPEG XL", b"\xff\x0a" + bytes(20)),
        ("boxed jpeg xl.jpg", "JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("drawing.jpg", "SVG", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("bare drawing.jpg", "SVG", b"<svg/>"),
    ):
        yield Wrong(name, raw(body), said, "save it as JPEG")
    for name, said, body in (
        ("letter.jpg", "a PDF", b"%PDF-1.7\n"),
        ("page.jpg", "web page", b"\n <!DOCTYPE html><html></html>"),
        ("error.jpg", "web page", b"<html><body>404</body></html>"),
        ("archive.jpg", "ZIP", b"PK\3\4" + bytes(26)),
        ("packed.jpg", "packed file", b"\x1f\x8b\x08" + bytes(9)),
        ("song.jpg", "a sound", b"ID3\4" + bytes(20)),
        ("song in mp4.jpg", "a sound", box(b"ftyp", b"M4A " + bytes(12))),
        ("wave.jpg", "a sound", b"RIFF\0\0\0\0WAVEfmt "),
        ("words.jpg", "no picture or video", b"hello"),
        ("random.jpg", "no picture or video", random.Random(3).randbytes(5000)),
        ("nothing.jpg", "empty", b""),
    ):
        yield Wrong(name, raw(body), said, "name a picture")
    for name, said, body in (
        ("mkv.jpg", "Matroska", b"\x1aE\xdf\xa3" + bytes(20)),
        ("avi.jpg", "AVI", b"RIFF\0\0\0\0AVI LIST"),
        ("flv.jpg", "Flash", b"FLV\1\5" + bytes(20)),
        ("mpeg.jpg", "MPEG video", b"\0\0\1\xba" + bytes(20)),
        ("wmv.jpg", "Windows Media", b"0&\xb2u\x8ef\xcf\x11" + bytes(20)),
        ("ogg.jpg", "Ogg", b"OggS" + bytes(20)),
        ("ts.jpg", "transport stream", (b"G" + bytes(187)) * 4),
        ("mp4.jpg", "MP4 video", box(b"ftyp", b"isom" + bytes(12))),
        ("mov.jpg", "QuickTime", box(b"ftyp", b"qt  " + bytes(12))),
    ):
        yield Wrong(name, raw(body), said, "kind: reel")


def of_several_pictures() -> Iterator[Wrong]:
    yield Wrong("animated.gif", several("GIF"), "is animated", "make a video of it")
    yield Wrong("animated.webp", several("WEBP"), "is animated", "make a video of it")
    yield Wrong("animated.png", several("PNG"), "is animated", "make a video of it")
    yield Wrong("stereo.jpg", several("MPO"), "several pictures in one", "save one of them")
    yield Wrong("stereo.jps", picture(), "several pictures in one", "save one of them")


def of_another_size() -> Iterator[Wrong]:
    yield Wrong("heavy.jpg", noise((2400, 2400), quality=100), "MiB, and Instagram takes 8", "lower quality")
    yield Wrong("padded.jpg", changed(picture(), lambda data: data + bytes(9 * 2**20)), "weighs 9.0 MiB", "lower")
    yield Wrong("heavy.png", noise((2000, 2000), "PNG", compress_level=0), "weighs", "lower quality")
    yield Wrong("heaviest.jpg", raw(b"\xff\xd8\xff\xe0", 65 * 2**20), "more than 64 MiB", "save it smaller")
    for width, height in ((400, 501), (500, 1000), (1080, 1920), (400, 4000), (386, 200), (800, 400), (3200, 320)):
        yield Wrong(f"{width} by {height}.jpg", picture((width, height)), "Instagram takes 4:5 to 1.91:1", "fit: crop")
    for width, height in ((319, 319), (100, 100), (1, 1), (310, 380)):
        yield Wrong(f"narrow {width}.jpg", picture((width, height)), f"is {width} pixels wide, less than", "a larger")
    for name, make in (
        ("40 megapixels.jpg", picture((8000, 5000), mode="L")),
        ("30 megapixels.png", picture((6000, 5000), "PNG", "1")),
        ("65500 by 65500.jpg", jpeg_of(65500, 65500)),
        ("12000 by 12000.jpg", jpeg_of(12000, 12000)),
        ("10000 by 10000.png", raw(png_header(10_000, 10_000))),
        ("2 billion by 2 billion.png", raw(png_header(2**31 - 1, 2**31 - 1))),
        ("65535 by 65535.gif", raw(b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2")),
        (
            "60000 by 60000.bmp",
            raw(b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60000, 60000, 1, 24, *[0] * 6)),
        ),
    ):
        yield Wrong(name, make, "pixels, more than", "scale it down")


def of_other_colours_or_ways_up() -> Iterator[Wrong]:
    yield Wrong("for print.jpg", picture(mode="CMYK"), "colours for print (CMYK)", "sRGB")
    yield Wrong("for print.tiff", picture(format="TIFF", mode="CMYK"), "colours for print (CMYK)", "sRGB")
    yield Wrong("for print too.jpg", picture(mode="CMYK", quality=95), "colours for print (CMYK)", "fit: convert")
    for orientation in (5, 6, 7, 8):
        make = turned((600, 400), orientation)
        yield Wrong(f"too tall when turned {orientation}.jpg", make, "is 400 by 600", "fit: crop")
    yield Wrong("too tall as stored.jpg", turned((400, 600)), "which way is up", "save it upright")


def of_damage() -> Iterator[Wrong]:
    for cut in (0.1, 0.5, 0.9, 0.99):
        yield Wrong(f"cut at {cut}.jpg", noise((400, 400), cut=cut), "cut short", "export it again")
        make = noise((400, 400), cut=cut, progressive=True)
        yield Wrong(f"progressive cut at {cut}.jpg", make, "cut short", "export it again")
    end = Wrong("without its end.jpg", changed(picture(), lambda data: data[:-2]), "cut short", "export it again")
    yield end
    yield Wrong("only a head.jpg", changed(picture(), lambda data: data[:20]), "", "export it again")
    yield Wrong("three bytes.jpg", raw(b"\xff\xd8\xff"), "", "export it again")
    yield Wrong("two pixels off.jpg", jpeg_of(0, 400), "", "export it again")
    zeros = changed(noise((400, 400)), lambda data: data[:300] + bytes(len(data) - 300))
    yield Wrong("zeros.jpg", zeros, "", "export it again")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def of_no_file() -> Iterator[Wrong]:
    yield Wrong("not there.jpg", lambda path: None, "is not there", "name a picture or a video")
    yield Wrong("folder.jpg", Path.mkdir, "is a folder", "name a picture or a video")
    yield Wrong("pipe.jpg", os.mkfifo, "is no file", "name a picture or a video")
    yield Wrong("link to itself.jpg", link_to_itself, "is not there", "name a picture or a video")


def of_another_kind() -> Iterator[Wrong]:
    yield Wrong("a film.mp4", Film(), "is an MP4 video, and no picture", "kind: reel")
    yield Wrong("a picture.jpg", picture(), "is a JPEG, and no video", "name a video", "reel")
    yield Wrong("a page.mp4", raw(b"<html></html>"), "is a web page, and no video", "name a video", "reel")
    yield Wrong("story.png", picture((900, 1600), "PNG"), "is a PNG", "save it as JPEG", "story")
    yield Wrong("story in print.jpg", picture((900, 1600), mode="CMYK"), "CMYK", "sRGB", "story")
    yield Wrong("carousel.gif", picture(format="GIF"), "is a GIF", "save it as JPEG", "carousel")


def of_wrong_films() -> Iterator[Wrong]:
    last = Film(flags="")
    films: tuple[tuple[str, Make, str, str], ...] = (
        ("short.mp4", Film(2.5), "lasts 2.5 s", "make it longer"),
        ("one picture.mp4", Film(0.05), "lasts 0.0 s", "make it longer"),
        ("sixteen minutes.mp4", Film(901, (16, 28)), "lasts 901 s", "cut it"),
        ("slow.mp4", Film(rate=15), "15 frames a second", "save it with 30"),
        ("a little slow.mp4", Film(rate=22), "22 frames a second", "save it with 30"),
        ("fast.mp4", Film(rate=120), "120 frames a second", "save it with 30"),
        ("mpeg4.mp4", Film(codec="mpeg4"), "encoded as mpeg4", "H.264"),
        ("mpeg2.mp4", Film(codec="mpeg2video"), "encoded as mpeg2video", "H.264"),
        ("vp9.mp4", Film(codec="libvpx-vp9"), "encoded as vp9", "H.264"),
        ("av1.mp4", Film(codec="libsvtav1"), "encoded as", "H.264"),
        ("mjpeg.mov", Film(codec="mjpeg", pixels="yuvj420p", format="mov"), "encoded as mjpeg", "H.264"),
        ("prores.mov", Film(codec="prores_ks", pixels="yuv422p10le", format="mov"), "encoded as prores", "H.264"),
        ("4 2 2.mp4", Film(pixels="yuv422p"), "pixel format yuv422p", "yuv420p"),
        ("4 4 4.mp4", Film(pixels="yuv444p"), "pixel format yuv444p", "yuv420p"),
        ("ten bits.mp4", Film(pixels="yuv420p10le"), "pixel format yuv420p10le", "yuv420p"),
        ("interlaced.mp4", Film(options=(("x264-params", "interlaced=1"),)), "interlaced", "progressive"),
        ("wide.mp4", Film(size=(1940, 400)), "is 1940 pixels wide", "1080 by 1920"),
        ("a ribbon.mp4", Film(size=(1000, 50)), "ratio of 0.01:1 to 10:1", "cut it to 9:16"),
        ("moov last.mp4", last, "at its end", "faststart"),
        ("moov last.mov", Film(flags="", format="mov"), "at its end", "faststart"),
        ("in fragments.mp4", Film(flags="+frag_keyframe+empty_moov"), "in fragments", "faststart"),
        ("delayed.mp4", Film(sound="aac", delay=1.5), "edit list", "export it anew"),
        ("mp3.mp4", Film(sound="libmp3lame"), "sound as mp3", "AAC"),
        ("ac3.mp4", Film(sound="ac3", sound_rate=48_000), "sound as ac3", "AAC"),
        ("pcm.mov", Film(sound="pcm_s16le", format="mov"), "sound as pcm_s16le", "AAC"),
        ("96 kHz.mp4", Film(sound="aac", sound_rate=96_000), "96 kHz", "AAC"),
        ("surround.mp4", Film(sound="aac", sound_layout="5.1"), "6 channels", "stereo"),
        ("sound alone.mp4", Film(codec="", sound="aac"), "sound and no picture", "name a video"),
        ("two at a time.mp4", Film(tracks=2), "2 pictures at a time", "keep one"),
        ("too many bits.mp4", padded(Film(), 14 * 2**20), "Mbit/s", "lower bit rate"),
        ("too large.mp4", padded(Film(), 301 * 2**20), "weighs 301 MiB", "save it shorter"),
        ("film.webm", Film(codec="libvpx-vp9", format="webm"), "WebM", "MP4"),
        ("film.mkv", Film(format="matroska"), "Matroska", "MP4"),
        ("film.avi", Film(format="avi"), "AVI", "MP4"),
        ("film.flv", Film(format="flv"), "Flash", "MP4"),
        ("film.ts", Film(format="mpegts"), "transport stream", "MP4"),
        ("film.mpg", Film(codec="mpeg2video", format="mpeg"), "MPEG video", "MP4"),
        ("film.wmv", Film(codec="wmv2", format="asf"), "Windows Media", "MP4"),
        ("half.mp4", changed(last, lambda data: data[: len(data) // 2]), "cut short", "export it again"),
        ("nine tenths.mp4", changed(Film(), lambda data: data[: len(data) * 9 // 10]), "cut short", "export it again"),
        ("a byte less.mp4", changed(Film(), lambda data: data[:-1]), "1 bytes are missing", "export it again"),
        ("never finished.mp4", changed(last, without(b"moov")), "never finished", "export it again"),
        ("a head.mp4", raw(box(b"ftyp", b"isom" + bytes(12))), "never finished", "export it again"),
        ("no film.mp4", raw(box(b"ftyp", b"isom" + bytes(12)) + box(b"moov")), "holds neither", "name a video"),
        ("zeros.mp4", raw(box(b"ftyp", b"isom" + bytes(12)) + box(b"moov", bytes(900))), "holds neither", "name"),
        ("10001 boxes.mp4", raw(box(b"ftyp", b"isom" + bytes(12)) + box(b"free") * 10_001), "make no sense", "again"),
        ("nothing to see.mp4", changed(Film(), blind), "", "export it again"),
    )  # fmt: skip
    for name, film, what, remedy in films:
        yield Wrong(name, film, what, remedy, "reel")
    yield Wrong("long story.mp4", Film(61, (36, 64)), "a story lasts 60 at most", "cut it", "story")
    yield Wrong("short story.mp4", Film(2), "a story lasts 3 at least", "make it longer", "story")
    yield Wrong("large story.mp4", padded(Film(), 101 * 2**20), "100 of a story", "save it shorter", "story")
    yield Wrong("short in a carousel.mp4", Film(1), "lasts 1.0 s", "make it longer", "carousel")


def blind(data: bytes) -> bytes:
    """With nothing but zeros where the pictures were."""
    place = data.index(b"mdat") + 4
    return data[:place] + bytes(len(data) - place)


WRONG = {
    wrong.name: wrong
    for group in (
        of_another_format,
        of_several_pictures,
        of_another_size,
        of_other_colours_or_ways_up,
        of_damage,
        of_no_file,
        of_another_kind,
        of_wrong_films,
    )
    for wrong in group()
}


def test_there_are_more_than_a_hundred_wrong_files() -> None:
    assert len(WRONG) >= 100


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """All of them, in a process with little memory."""
    folder = tmp_path_factory.mktemp("wrong")
    items = {name: json.dumps([wrong.kind, str(folder / name)]) for name, wrong in WRONG.items()}
    for name, wrong in WRONG.items():
        wrong.make(folder / name)
    done = outcomes(__file__, "faults_of", list(items.values()))
    return {name: done[item] for name, item in items.items()}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_what_helps(name: str, looked_at: dict[str, Outcome]) -> None:
    wrong, outcome = WRONG[name], looked_at[name]

    found = [(what, remedy) for severity, what, remedy in json.loads(outcome.result) if severity == "error"]
    assert [it for it in found if wrong.what in it[0] and wrong.remedy in it[1]], found
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES


def faults_of(item: str) -> str:
    kind, path = json.loads(item)
    return json.dumps([(fault.severity, fault.what, fault.remedy) for fault in file_faults(kind, Path(path))])


# --- what is right


def wide_gamut() -> bytes:
    """A profile of colours whose red is redder than that of sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    primaries = {
        b"rXYZ": (0.5151, 0.2412, -0.0011),
        b"gXYZ": (0.2919, 0.6922, 0.0419),
        b"bXYZ": (0.1572, 0.0666, 0.7841),
    }
    for tag, values in primaries.items():
        place = struct.unpack_from(">I", profile, profile.index(tag) + 4)[0] + 8
        packed = b"".join(round(value * 65536).to_bytes(4, "big", signed=True) for value in values)
        profile = profile[:place] + packed + profile[place + 12 :]
    return profile.replace("sRGB built-in".encode("utf-16-be"), "Wider than it".encode("utf-16-be"))


def with_position() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "A camera of Anna's"
    exif.get_ifd(GPS).update({1: "N", 2: (IFDRational(52), IFDRational(31), IFDRational(12))})
    return exif


HEVC = Film(codec="libx265", options=(("x265-params", "log-level=none"),))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF exif:GPSLatitude="52,31.2N"/></x:xmpmeta>'

RIGHT: dict[str, tuple[PostKind, Make]] = {
    "square.jpg": ("image", picture((1080, 1080))),
    "tallest.jpg": ("image", picture((1080, 1350))),
    "widest.jpg": ("image", picture((1337, 700))),
    "narrowest.jpeg": ("image", picture((320, 320))),
    "grey.jpg": ("image", picture(mode="L")),
    "progressive.JPG": ("carousel", picture(progressive=True)),
    "in sRGB.jpg": (
        "image",
        picture(icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
    ),
    "with words.jpg": ("image", picture(comment=b"hello", xmp=XMP)),
    "with a film behind it.jpg": ("image", changed(picture(), lambda data: data + box(b"ftyp", bytes(5000)))),
    "story.jpg": ("story", picture((1080, 1920))),
    "wide story.jpg": ("story", picture((1200, 400))),
    "reel.mp4": ("reel", Film(sound="aac")),
    "silent.mov": ("reel", Film(format="mov")),
    "hevc.mp4": ("reel", HEVC),
    "slow encoder.mp4": ("reel", Film(options=(("preset", "medium"), ("bf", "3")))),
    "sound a little late.mp4": ("reel", Film(sound="aac", delay=0.1)),
    "sixty frames.mp4": ("reel", Film(rate=60)),
    "story.mp4": ("story", Film(59, (36, 64))),
    "carousel.mp4": ("carousel", Film(size=(160, 160))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_passes(name: str, tmp_path: Path) -> None:
    kind, make = RIGHT[name]
    make(tmp_path / name)

    assert file_faults(kind, tmp_path / name) == ()


@pytest.mark.parametrize(
    ("name", "kind", "make", "what"),
    [
        ("where.jpg", "image", picture(exif=with_position()), "where it was taken"),
        ("turned.jpg", "image", turned((400, 400)), "which way is up"),
        ("wide gamut.jpg", "image", picture(icc_profile=wide_gamut()), "the colours of Wider than it"),
        ("odd colours.jpg", "image", picture(icc_profile=b"nonsense"), "the colours of a damaged profile"),
        ("large.jpg", "image", picture((3000, 3000)), "3000 pixels wide, more than the 1440"),
        ("called otherwise.png", "image", picture(), "a JPEG that is called .png"),
        ("hdr.mp4", "reel", replace(HEVC, pixels="yuv420p10le"), "10 bits"),
        ("square.mp4", "reel", Film(size=(160, 160)), "not 9:16"),
    ],
)  # fmt: skip
def test_what_goes_out_all_the_same_is_a_warning(
    name: str, kind: PostKind, make: Make, what: str, tmp_path: Path
) -> None:
    make(tmp_path / name)

    [fault] = file_faults(kind, tmp_path / name)

    assert what in fault.what
    assert (fault.severity, fault.where, bool(fault.remedy)) == ("warning", name, True)


def test_without_pyav_a_video_is_looked_at_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Film(1)(tmp_path / "a.mp4")
    Film(1, flags="")(tmp_path / "b.mp4")
    monkeypatch.setitem(sys.modules, "av", None)

    [unknown] = file_faults("reel", tmp_path / "a.mp4")
    order, _ = file_faults("reel", tmp_path / "b.mp4")

    assert (unknown.severity, unknown.remedy) == ("warning", "pip install 'carrier-host[video]'")
    assert (order.severity, "at its end" in order.what) == ("error", True)


@pytest.mark.parametrize(
    ("words", "where", "what", "remedy"),
    [
        ({"caption": "x" * 3000}, "caption", "3,000 characters", "shorten it by 800"),
        ({"caption": "#a " * 31}, "caption", "31 hashtags", "leave out 1"),
        ({"caption": "@a " * 22}, "caption", "22 mentions", "leave out 2"),
        ({"first_comment": "x" * 2201}, "first comment", "2,201 characters", "shorten it by 1"),
        ({"alt_text": "x" * 1001}, "alt text", "1,001 characters", "shorten it by 1"),
        ({"collaborators": ["@anna"]}, "collaborator", "begins with an @", "write 'anna'"),
        ({"collaborators": ["a", "b", "c", "d"]}, "collaborators", "4 are more than the 3", "keep 3"),
        ({"user_tags": ["anna b"]}, "tagged account", "no name of an account", "write the name"),
        ({"user_tags": [""]}, "tagged account", "no name of an account", "write the name"),
        ({"user_tags": ["a"] * 21}, "tagged accounts", "21 are more than the 20", "keep 20"),
    ],
)
def test_wrong_words_are_refused(words: dict[str, Any], where: str, what: str, remedy: str) -> None:
    [fault] = word_faults(**words)

    assert (fault.where, fault.severity) == (where, "error")
    assert what in fault.what
    assert remedy in fault.remedy


def test_words_within_the_limits_pass() -> None:
    words = word_faults("x" * 2180 + " #a #b @anna", "first! #c", "a bar", ["anna", "b.c_1"], ["d"])
    unwise = word_faults("#a #b #c #d #e #f")
    unsure = word_faults("😀" * 1101)

    assert words == ()
    assert [(fault.severity, fault.remedy) for fault in unwise] == [("warning", "keep the 5 that fit best")]
    assert [(fault.severity, fault.remedy) for fault in unsure] == [("warning", "shorten it by 2 to be sure")]


def test_a_post_is_looked_at_as_a_whole(tmp_path: Path) -> None:
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.mp4"]
    picture()(files[0])
    picture((500, 400))(files[1])
    Film(size=(160, 160))(files[2])
    picture(format="PNG")(tmp_path / "cover.jpg")

    carousel = post_faults("carousel", files)
    alone, many = post_faults("carousel", files[:1]), post_faults("carousel", files[:1] * 11)
    none, two = post_faults("image", []), post_faults("image", files[:2])
    reel = post_faults("reel", [], cover=tmp_path / "cover.jpg", caption="#a " * 31)

    assert [(fault.where, fault.severity, "1.25:1" in fault.what) for fault in carousel] == [("b.jpg", "warning", True)]
    assert [len(faults) for faults in (alone, many, none, two)] == [1, 1, 1, 1]
    assert [fault.where for fault in reel] == ["files", "cover.jpg", "caption"]
    assert (kind_of(files), kind_of(files[:1]), kind_of(files[2:])) == ("carousel", "image", "reel")


SEEDS: dict[str, Make] = {
    "a.jpg": picture((64, 64), xmp=XMP, icc_profile=wide_gamut(), exif=with_position()),
    "b.png": picture((64, 64), "PNG", "RGBA"),
    "c.gif": several("GIF"),
    "d.webp": picture((64, 64), "WEBP"),
    "e.tiff": picture((64, 64), "TIFF"),
    "f.mp4": Film(sound="aac", size=(32, 48)),
    "g.mov": Film(format="mov", size=(32, 48)),
}


@pytest.mark.parametrize("name", SEEDS)
def test_whatever_the_bytes_are_they_are_judged(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    SEEDS[name](file)
    data, chance = file.read_bytes(), random.Random(name)

    for _ in range(60):
        file.write_bytes(spoilt(data, chance))
        file_faults("image", file)
        file_faults("reel", file)
        for fit in ("convert", None):
            with suppress(Unfit):
                prepare(file, tmp_path / "out", "image", fit)


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """With some bytes changed, mostly at the beginning, and perhaps its end cut off."""
    body = bytearray(data)
    for _ in range(chance.choice((1, 2, 5, 30))):
        body[chance.randrange(min(len(body), chance.choice((800, len(body)))))] = chance.choice((0, 255, 90))
    return bytes(body[: chance.choice((len(body), len(body), chance.randrange(len(body))))])


# --- what is mended


@pytest.mark.parametrize(
    ("make", "fit", "size"),
    [
        (picture(format="PNG"), "convert", (400, 400)),
        (picture(format="WEBP"), "convert", (400, 400)),
        (picture(format="AVIF"), "convert", (400, 400)),
        (picture(format="TIFF", mode="CMYK"), "convert", (400, 400)),
        (picture(mode="CMYK"), "convert", (400, 400)),
        (picture(format="BMP"), "convert", (400, 400)),
        (several("MPO"), "convert", (400, 400)),
        (several("GIF"), "convert", (400, 400)),
        (picture(format="PNG", mode="RGBA"), "convert", (400, 400)),
        (picture(format="PNG", mode="LA"), "convert", (400, 400)),
        (picture(format="PNG", mode="P"), "convert", (400, 400)),
        (picture(format="PNG", mode="1"), "convert", (400, 400)),
        (picture(format="PNG", mode="I;16"), "convert", (400, 400)),
        (picture((100, 80)), "convert", (320, 256)),
        (picture((2880, 2000)), "convert", (1440, 1000)),
        (picture((2880, 2000), "PNG", "P"), "convert", (1440, 1000)),
        (turned((800, 1000)), "convert", (1000, 800)),
        (turned((1500, 2800)), "convert", (1440, 771)),
        (noise((2400, 2400), quality=100), "convert", (1440, 1440)),
        (picture((1000, 2000)), "crop", (1000, 1250)),
        (picture((2000, 500)), "crop", (955, 500)),
        (picture((3000, 500)), "crop", (955, 500)),
        (picture((1000, 2000)), "pad", (1440, 1800)),
        (picture((2000, 500)), "pad", (1440, 754)),
        (picture((1, 700)), "pad", (560, 700)),
        (picture((30, 700_000), "PNG", "1"), "crop", (320, 395)),
        (picture((2865, 1501), "PNG", "1"), "convert", (1440, 754)),
        (picture((3819, 2000), "PNG", "1"), "crop", (1440, 754)),
        (picture((2998, 3747), "PNG", "1"), "convert", (1440, 1800)),
        (picture((1441, 1802), "PNG", "1"), "crop", (1440, 1800)),
        (picture((30, 700_000), "PNG", "1"), "pad", (1440, 1800)),
        (picture((700_000, 30), "PNG", "1"), "pad", (1440, 754)),
        (picture((1000, 1250)), "crop", (1000, 1250)),
        (picture(exif=with_position(), xmp=XMP), "convert", (400, 400)),
        (picture(icc_profile=wide_gamut()), "convert", (400, 400)),
        (picture(icc_profile=b"nonsense"), "convert", (400, 400)),
    ],
)
def test_a_mended_picture_is_right(make: Make, fit: Any, size: tuple[int, int], tmp_path: Path) -> None:
    make(tmp_path / "source")

    done = prepare(tmp_path / "source", tmp_path / "mended.jpg", "image", fit)

    assert picture_faults(tmp_path / "mended.jpg", ratios("image")) == ()
    with Image.open(tmp_path / "mended.jpg") as mended:
        assert (mended.size, mended.mode, dict(mended.getexif())) == (size, "RGB", {})
    assert done[-1] == "left out its metadata"


def colour(path: Path, place: tuple[int, int]) -> tuple[int, ...]:
    with Image.open(path) as image:
        return tuple(round(value, -1) for value in cast(tuple[int, ...], image.getpixel(place)))


def striped(path: Path, size: tuple[int, int] = (1200, 400)) -> None:
    """Red, green and blue from left to right."""
    image = Image.new("RGB", size)
    for number, name in enumerate(("red", "lime", "blue")):
        image.paste(name, (number * size[0] // 3, 0, (number + 1) * size[0] // 3, size[1]))
    image.save(path, "PNG")


def test_a_crop_keeps_the_middle_and_a_pad_keeps_all(tmp_path: Path) -> None:
    striped(tmp_path / "stripes.png")

    prepare(tmp_path / "stripes.png", tmp_path / "crop.jpg", "image", "crop")
    prepare(tmp_path / "stripes.png", tmp_path / "pad.jpg", "image", "pad")

    with Image.open(tmp_path / "crop.jpg") as crop, Image.open(tmp_path / "pad.jpg") as pad:
        assert (crop.size, pad.size) == ((764, 400), (1200, 629))
    assert [colour(tmp_path / "crop.jpg", (x, 200)) for x in (40, 382, 720)] == [(250, 0, 0), (0, 260, 0), (0, 0, 250)]
    assert colour(tmp_path / "pad.jpg", (600, 20)) == (260, 260, 260)
    assert colour(tmp_path / "pad.jpg", (20, 314)) == (250, 0, 0)


def test_a_picture_is_set_upright_and_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (400, 400), "red")
    image.paste("blue", (0, 0, 400, 200))
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    Image.new("RGBA", (400, 400), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    Image.new("I;16", (400, 400), 32_000).save(tmp_path / "grey.png")

    for name in ("turned.jpg", "clear.png", "grey.png"):
        prepare(tmp_path / name, tmp_path / f"{name}.jpg", "image", "convert")

    assert colour(tmp_path / "turned.jpg.jpg", (350, 200)) == (0, 0, 250)
    assert colour(tmp_path / "turned.jpg.jpg", (50, 200)) == (250, 0, 0)
    assert colour(tmp_path / "clear.png.jpg", (200, 200)) == (260, 260, 260)
    assert colour(tmp_path / "grey.png.jpg", (200, 200)) == (120, 120, 120)


def test_colours_are_turned_into_those_of_screens(tmp_path: Path) -> None:
    image = Image.new("RGB", (400, 400), (200, 100, 100))
    image.save(tmp_path / "wide.jpg", icc_profile=wide_gamut(), quality=95)

    prepare(tmp_path / "wide.jpg", tmp_path / "screen.jpg", "image", "convert")

    red, green, _ = colour(tmp_path / "screen.jpg", (200, 200))
    assert (red > 200, green < 100) == (True, True)


def test_a_picture_is_packed_until_it_is_light_enough(tmp_path: Path) -> None:
    noise((1440, 9000), quality=90)(tmp_path / "noise.jpg")

    done = prepare(tmp_path / "noise.jpg", tmp_path / "packed.jpg", "story", "convert")

    assert (tmp_path / "packed.jpg").stat().st_size <= 8_000_000
    assert done[0] in ("packed it with quality 75", "packed it with quality 65", "packed it with quality 85")


def test_without_fit_a_jpeg_stays_bit_for_bit_but_for_what_is_written_beside_it(tmp_path: Path) -> None:
    exif = with_position()
    exif[0x0112] = 3
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    make = picture(exif=exif, xmp=XMP, comment=b"by Anna", icc_profile=wide_gamut())
    changed(make, lambda data: data + box(b"ftyp", b"a film with a GPS position"))(source)

    done = prepare(source, target, "image")

    data = target.read_bytes()
    assert done == ("left out its metadata",)
    assert not [word for word in (b"Anna", b"GPS", b"xmpmeta", b"ftyp") if word in data]
    with Image.open(source) as before, Image.open(target) as after:
        assert after.tobytes() == before.tobytes()
        assert dict(after.getexif()) == {0x0112: 3}
        assert after.info["icc_profile"] == wide_gamut()
    assert prepare(target, tmp_path / "c.jpg", "image") == ()


@pytest.mark.parametrize(
    ("make", "fit", "what"),
    [
        (picture(format="PNG"), None, "is a PNG"),
        (noise((400, 400), cut=0.5), None, "cut short"),
        (noise((400, 400), cut=0.5), "convert", "cut short"),
        (picture(format="PNG", cut=0.5), "convert", "cut short"),
        (raw(box(b"ftyp", b"heic" + bytes(12))), "convert", "is a HEIC"),
        (raw(b"hello"), "crop", "no picture or video"),
        (picture((6000, 5000), "PNG", "1"), "pad", "pixels, more than"),
        (picture((30, 700_000), "PNG", "1"), "convert", "too tall to be shown"),
        (lambda path: None, "pad", "is not there"),
    ],
)
def test_what_cannot_be_mended_is_refused(make: Make, fit: Any, what: str, tmp_path: Path) -> None:
    make(tmp_path / "source.jpg")

    with pytest.raises(Unfit, match=what) as refused:
        prepare(tmp_path / "source.jpg", tmp_path / "mended.jpg", "image", fit)

    assert refused.value.remedy
    assert not (tmp_path / "mended.jpg").exists()


FAST = {"movflags": "+faststart"}


def test_a_video_tells_nothing_beside_its_pictures(tmp_path: Path) -> None:
    source, target = tmp_path / "a.mov", tmp_path / "b.mov"
    Film(sound="aac")(tmp_path / "plain.mp4")
    with av.open(str(tmp_path / "plain.mp4")) as plain, av.open(str(source), "w", options=FAST) as told:
        streams = {stream: told.add_stream_from_template(stream) for stream in plain.streams}
        told.metadata.update({"location": "+52.5200+013.4050/", "comment": "by Anna"})
        for packet in plain.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream]
                told.mux(packet)

    done = prepare(source, target, "reel")

    assert b"+52.5200" in source.read_bytes()
    assert not [word for word in (b"+52.5200", b"Anna") if word in target.read_bytes()]
    assert done == ("left out its metadata",)
    assert file_faults("reel", target) == ()
    assert [bytes(packet) for packet in packets(target)] == [bytes(packet) for packet in packets(source)]
    assert prepare(target, tmp_path / "c.mp4", "reel") == ()


def packets(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from container.demux()


LARGE: dict[str, Make] = {
    "36 megapixels.jpg": noise((6000, 5900), quality=30),
    "36 progressive megapixels.jpg": picture((6000, 5900), progressive=True),
    "25 clear megapixels.png": picture((5000, 4900), "PNG", "RGBA", compress_level=1),
    "25 megapixels.png": picture((5000, 4900), "PNG", compress_level=1),
    "25 palette megapixels.png": picture((5000, 4900), "PNG", "P", compress_level=1),
    "25 megapixels for print.tiff": picture((5000, 4900), "TIFF", "CMYK", compression="tiff_lzw"),
}


def test_large_pictures_are_mended_with_little_memory(tmp_path: Path) -> None:
    for name, make in LARGE.items():
        make(tmp_path / name)

    done = outcomes(__file__, "mended", [str(tmp_path / name) for name in LARGE])

    assert {outcome.result.partition(" ")[0] for outcome in done.values()} == {"made", "turned"}, done
    assert max(outcome.megabytes for outcome in done.values()) < MEGABYTES


def mended(item: str) -> str:
    return "; ".join(prepare(Path(item), Path(item).with_suffix(".out"), "image", "convert"))


async def test_what_is_prepared_is_taken_by_the_local_instagram(tmp_path: Path) -> None:
    import httpx

    striped(tmp_path / "stripes.png")
    prepare(tmp_path / "stripes.png", tmp_path / "a.jpg", "image", "pad")
    Film(sound="aac")(tmp_path / "film.mp4")
    prepare(tmp_path / "film.mp4", tmp_path / "a.mp4", "reel")
    async with local_graph(media=tmp_path, standing=True) as graph, httpx.AsyncClient(base_url=graph.url) as http:
        headers = {"Authorization": f"Bearer {graph.account.token}"}
        forms = (
            {"image_url": f"{graph.url}/media/a.jpg"},
            {"media_type": "REELS", "video_url": f"{graph.url}/media/a.mp4"},
        )
        answers = [await http.post(f"/{graph.account.id}/media", json=form, headers=headers) for form in forms]
        graph.advance(60)

        assert [answer.status_code for answer in answers] == [200, 200]
        assert [each.status(graph.world.now) for each in graph.containers()] == ["FINISHED", "FINISHED"]


# --- the command


def test_the_command_tells_what_is_wrong_and_what_helps(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from carrier.cli import app

    picture()(tmp_path / "good.jpg")
    picture(format="PNG")(tmp_path / "bad.jpg")
    good, bad = str(tmp_path / "good.jpg"), str(tmp_path / "bad.jpg")

    fine = CliRunner().invoke(app, ["instagram", "check", good, "--caption", "hello"])
    wrong = CliRunner().invoke(app, ["instagram", "check", good, bad, "--caption", "#a " * 31])
    for_scripts = CliRunner().invoke(app, ["instagram", "check", bad, "--kind", "reel", "--json"])

    assert (fine.exit_code, fine.output) == (0, "ok       good.jpg\n")
    assert wrong.exit_code == 1
    assert wrong.output.splitlines() == [
        "problem  bad.jpg: is a PNG though it is called .jpg, and Instagram takes JPEG alone",
        "         save it as JPEG, or set `fit: convert`",
        "problem  caption: 31 hashtags are more than the 30 that Instagram takes",
        "         leave out 1",
        "ok       good.jpg",
    ]
    assert [fault["where"] for fault in json.loads(for_scripts.output)] == ["bad.jpg"]
