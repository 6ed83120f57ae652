"""Pictures that are opened within limits, whatever their bytes say."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carrier.errors import Unfit
from carrier.media import formats
from carrier.media.formats import JPEG, Format
from carrier.media.limits import PICTURE_FILE, PIXELS, PIXELS_OF_OTHERS
from carrier.types.posts import Fault

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION, GPS = 0x0112, 0x8825
SIDEWAYS = (5, 6, 7, 8)
JPEGS = ("JPEG", "MPO")
AGAIN = "export it again, or copy it again from where it came"


@dataclass(frozen=True, slots=True)
class Look:
    """What a picture is like; its width and height as it is seen, not as it is stored."""

    width: int
    height: int
    colours: str
    """As Pillow calls them."""
    profile: str
    """Of its colours; empty: none is named, which means sRGB."""
    orientation: int
    has_position: bool
    is_animated: bool
    is_several: bool
    """Several pictures in one file, as stereo cameras make."""


def fault_of(error: Unfit) -> Fault:
    return Fault(error.what, error.remedy, where=error.where)


def sort_of(path: Path) -> Format:
    """What a file is; raises Unfit where that cannot be found out."""
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no file" if path.exists() else "is not there"
            raise Unfit(path.name, what, "name a picture or a video")
        return formats.recognise(path)
    except OSError as error:
        raise Unfit(path.name, f"cannot be read: {error.strerror}", "let the user that runs Carrier read it") from error


def look(path: Path, format: Format) -> Look:
    """Raises Unfit where it cannot be opened; a JPEG is read to its end."""
    with opened(path, format) as image:
        width, height = size_upright(image)
        found = Look(
            width,
            height,
            image.mode,
            _profile(image),
            orientation(image),
            _has_position(image),
            bool(getattr(image, "is_animated", False)),
            image.format == "MPO",
        )
        if format is JPEG:
            # It can be decoded to an eighth: the same bytes are read in a fraction of time and memory.
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
            image.load()
    return found


def size_upright(image: "Image") -> tuple[int, int]:
    """Width and height as it is seen."""
    return (image.height, image.width) if orientation(image) in SIDEWAYS else image.size


def orientation(image: "Image") -> int:
    """Which way is up, from 1 to 8."""
    # Others keep this note at their end, if at all, and would be read whole for it.
    return int(image.getexif().get(ORIENTATION, 1)) if image.format in JPEGS else 1


def _has_position(image: "Image") -> bool:
    return image.format in JPEGS and bool(image.getexif().get_ifd(GPS))


@contextmanager
def opened(path: Path, format: Format) -> "Iterator[Image]":
    """A picture that is small enough for its pixels to be read; raises Unfit, also for what is raised within."""
    from PIL import Image, UnidentifiedImageError

    if path.stat().st_size > PICTURE_FILE:
        raise Unfit(path.name, f"weighs more than {PICTURE_FILE // 2**20} MiB", "save it smaller")
    try:
        with Image.open(path, formats=[format.pillow]) as image:
            _check_pixels(path, *image.size, PIXELS if format is JPEG else PIXELS_OF_OTHERS)
            yield image
    except Unfit:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels(path, "hundreds of millions of pixels, more than those") from error
    except UnidentifiedImageError as error:
        raise Unfit(path.name, f"begins as {format.name} and is none", AGAIN) from error
    # A decoder may raise anything over the bytes of a stranger.
    except Exception as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise Unfit(path.name, f"is {format.name} that is damaged or cut short ({said})", AGAIN) from error


def _check_pixels(path: Path, width: int, height: int, most: int) -> None:
    if width < 1 or height < 1:
        raise Unfit(path.name, f"has {width} by {height} pixels", AGAIN)
    if width * height > most:
        raise _too_many_pixels(path, f"{width} by {height} pixels, more than the {most // 10**6} million")


def _too_many_pixels(path: Path, how_many: str) -> Unfit:
    return Unfit(path.name, f"has {how_many} that are opened at most", "scale it down: Instagram shows 1440 across")


def _profile(image: "Image") -> str:
    from PIL import ImageCms

    if not (profile := image.info.get("icc_profile")):
        return ""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip() or "no name"
    except (ImageCms.PyCMSError, OSError):
        return "a damaged profile"
