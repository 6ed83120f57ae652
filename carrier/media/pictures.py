"""What is wrong with a picture, and what helps."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from carrier.errors import Unfit
from carrier.media import jpeg
from carrier.media.formats import HEIC, JPEG, Format
from carrier.media.limits import NARROWEST, PICTURE_BYTES, WIDEST, Ratios
from carrier.media.opening import AGAIN, SIDEWAYS, Look, fault_of, look, sort_of
from carrier.types.posts import Fault


def picture_faults(path: Path, ratios: Ratios) -> tuple[Fault, ...]:
    """All that is wrong with it; reads it, and holds little of it at a time."""
    try:
        return tuple(replace(fault, where=path.name) for fault in _faults(path, sort_of(path), ratios))
    except Unfit as error:
        return (fault_of(error),)


def _faults(path: Path, format: Format, ratios: Ratios) -> Iterator[Fault]:
    if format.family != "picture":
        remedy = "a video is a post of `kind: reel` or `story`" if format.family == "video" else "name a picture"
        yield Fault(f"is {format.name}, and no picture", remedy)
        return
    yield from _format_faults(path, format)
    size = path.stat().st_size
    yield from _weight_faults(size)
    if not format.pillow:
        return
    yield from _looked_into(path, format, ratios)
    if format is JPEG and size <= PICTURE_BYTES and not jpeg.is_whole(path):
        yield Fault("is a JPEG that is cut short", AGAIN)


def _looked_into(path: Path, format: Format, ratios: Ratios) -> Iterator[Fault]:
    try:
        seen = look(path, format)
    except Unfit as error:
        yield fault_of(error)
        return
    yield from _several_faults(path, seen)
    yield from _shape_faults(seen, ratios)
    yield from _colour_faults(seen)
    if seen.has_position:
        yield Fault("says where it was taken (GPS)", "nothing has to be done: that is left out", "warning")


def _format_faults(path: Path, format: Format) -> Iterator[Fault]:
    suffix = path.suffix.lower()
    if format is JPEG:
        if suffix not in format.suffixes:
            yield Fault(f"is {format.name} that is called {suffix or 'nothing'}", "call it .jpg", "warning")
        return
    lies = f" though it is called {suffix}" if suffix in JPEG.suffixes else ""
    yield Fault(f"is {format.name}{lies}, and Instagram takes JPEG alone", to_jpeg(format))


def to_jpeg(format: Format) -> str:
    """What helps where a picture is none."""
    if format is HEIC:
        return "save it as JPEG; an iPhone takes such with Settings, Camera, Formats, Most Compatible"
    return "save it as JPEG, or set `fit: convert`" if format.pillow else "save it as JPEG"


def _weight_faults(size: int) -> Iterator[Fault]:
    if size > PICTURE_BYTES:
        what = f"weighs {size / 2**20:.1f} MiB, and Instagram takes {PICTURE_BYTES // 2**20}"
        yield Fault(what, "save it with a lower quality, or set `fit: convert`")


def _several_faults(path: Path, seen: Look) -> Iterator[Fault]:
    if seen.is_several or path.suffix.lower() in (".jps", ".mpo"):
        yield Fault("holds several pictures in one (MPO, JPS)", "save one of them as JPEG, or set `fit: convert`")
    elif seen.is_animated:
        yield Fault("is animated", "make a video of it, or save one of its pictures as JPEG")


def _shape_faults(seen: Look, ratios: Ratios) -> Iterator[Fault]:
    if not ratios.take(seen.width, seen.height):
        what = f"is {seen.width} by {seen.height}, {seen.width / seen.height:.2f}:1; Instagram takes {ratios.words}"
        yield Fault(what, "cut it, or set `fit: crop` or `fit: pad`")
    if seen.orientation != 1:
        # Whether Instagram turns a picture by this note is documented nowhere; one that is turned for good needs none.
        unsure = seen.orientation in SIDEWAYS and not ratios.take(seen.height, seen.width)
        what = "lies on its side or its head, with a note which way is up (EXIF orientation)"
        yield Fault(what, "save it upright, or set `fit: convert`", "error" if unsure else "warning")
    if seen.width < NARROWEST:
        what = f"is {seen.width} pixels wide, less than the {NARROWEST} that Instagram shows at least"
        yield Fault(what, "take a larger one, or set `fit: convert` to have it enlarged")
    elif seen.width > WIDEST:
        what = f"is {seen.width} pixels wide, more than the {WIDEST} that Instagram shows at most"
        yield Fault(what, "set `fit: convert` to have it scaled down well", "warning")


def _colour_faults(seen: Look) -> Iterator[Fault]:
    if seen.colours in ("CMYK", "YCCK", "LAB"):
        yield Fault(
            f"has colours for print ({seen.colours}), and Instagram takes sRGB",
            "save it in sRGB, or set `fit: convert`",
        )
    elif seen.profile and "srgb" not in seen.profile.lower():
        what = f"has the colours of {seen.profile}, which Instagram turns into sRGB as it likes"
        yield Fault(what, "save it in sRGB, or set `fit: convert`", "warning")
