"""What a file is, by what is in it; its name may say anything."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HEAD = 4096


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    """With its article, for sentences."""
    family: Literal["picture", "video", "other"]
    suffixes: tuple[str, ...] = ()
    pillow: str = ""
    """What Pillow calls it, if it is to open it."""


JPEG = Format("a JPEG", "picture", (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".jps"), "JPEG")
PNG = Format("a PNG", "picture", (".png", ".apng"), "PNG")
GIF = Format("a GIF", "picture", (".gif",), "GIF")
WEBP = Format("a WebP", "picture", (".webp",), "WEBP")
TIFF = Format("a TIFF", "picture", (".tif", ".tiff"), "TIFF")
BMP = Format("a BMP", "picture", (".bmp", ".dib"), "BMP")
AVIF = Format("an AVIF", "picture", (".avif",), "AVIF")
HEIC = Format("a HEIC", "picture", (".heic", ".heif"))
MP4 = Format("an MP4 video", "video", (".mp4", ".m4v", ".3gp"))
MOV = Format("a QuickTime video", "video", (".mov", ".qt"))
EMPTY = Format("empty", "other")
UNKNOWN = Format("no picture or video that is known", "other")

_SIGNATURES: tuple[tuple[int, bytes, Format], ...] = (
    (0, b"\xff\xd8\xff", JPEG),
    (0, b"\x89PNG\r\n\x1a\n", PNG),
    (0, b"GIF87a", GIF),
    (0, b"GIF89a", GIF),
    (8, b"WEBP", WEBP),
    (0, b"II*\0", TIFF),
    (0, b"MM\0*", TIFF),
    (0, b"BM", BMP),
    (0, b"8BPS", Format("a Photoshop file", "picture", (".psd",))),
    (0, b"\0\0\1\0", Format("an icon", "picture", (".ico",))),
    (0, b"\0\0\0\x0cjP  ", Format("a JPEG 2000", "picture", (".jp2",))),
    (0, b"\xff\x0a", Format("a JPEG XL", "picture", (".jxl",))),
    (0, b"\0\0\0\x0cJXL ", Format("a JPEG XL", "picture", (".jxl",))),
    (0, b"\x1aE\xdf\xa3", Format("a Matroska or WebM video", "video", (".mkv", ".webm"))),
    (8, b"AVI ", Format("an AVI video", "video", (".avi",))),
    (0, b"FLV\1", Format("a Flash video", "video", (".flv",))),
    (0, b"\0\0\1\xba", Format("an MPEG video", "video", (".mpg", ".mpeg", ".vob"))),
    (0, b"\0\0\1\xb3", Format("an MPEG video", "video", (".mpg", ".mpeg"))),
    (0, b"0&\xb2u\x8ef\xcf\x11", Format("a Windows Media video", "video", (".wmv", ".asf"))),
    (0, b"OggS", Format("an Ogg file", "video", (".ogg", ".ogv"))),
    (8, b"WAVE", Format("a sound", "other", (".wav",))),
    (0, b"ID3", Format("a sound", "other", (".mp3",))),
    (0, b"%PDF", Format("a PDF", "other", (".pdf",))),
    (0, b"PK\3\4", Format("a ZIP archive", "other", (".zip",))),
    (0, b"\x1f\x8b", Format("a packed file", "other", (".gz",))),
)
_BRANDS: dict[bytes, Format] = {
    b"avif": AVIF,
    b"avis": AVIF,
    b"qt  ": MOV,
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), HEIC),
    **dict.fromkeys((b"M4A ", b"M4B ", b"F4A "), Format("a sound", "other", (".m4a",))),
}
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml")


def recognise(path: Path) -> Format:
    """Raises OSError where the file cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    return next(_candidates(head), UNKNOWN) if head else EMPTY


def _candidates(head: bytes) -> Iterator[Format]:
    if head[4:8] == b"ftyp":
        yield _BRANDS.get(head[8:12], MP4)
    # As old QuickTime files begin.
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip"):
        yield MOV
    for place, signature, format in _SIGNATURES:
        if head.startswith(signature, place):
            yield format
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in start):
        yield Format("an SVG drawing", "picture", (".svg",))
    if start.startswith(_PAGES):
        yield Format("a web page", "other", (".html", ".htm"))
    if head[:1] == b"G" and head[188:189] == b"G":
        yield Format("an MPEG transport stream", "video", (".ts", ".mts", ".m2ts"))
