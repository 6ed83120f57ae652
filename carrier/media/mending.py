"""Pictures and videos as they go out: mended where that is asked for, and without what tells where they were taken."""

import io
import shutil
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from carrier.errors import Unfit
from carrier.media import boxes
from carrier.media.boxes import Box, TooManyBoxes
from carrier.media.formats import JPEG, Format
from carrier.media.jpeg import without_metadata
from carrier.media.limits import MENDED_BYTES, NARROWEST, WIDEST, Ratios, ratios
from carrier.media.opening import AGAIN, opened, orientation, size_upright, sort_of
from carrier.media.pictures import to_jpeg
from carrier.types.posts import Fit, PostKind

if TYPE_CHECKING:
    from PIL.Image import Image

QUALITIES = (92, 85, 75, 65, 50)
BACKGROUND = (255, 255, 255)
LONGEST = 25_000
"""Pixels from top to bottom: no more fit into its memory, and a JPEG has 65,500 at most."""


def prepare(source: Path, target: Path, kind: PostKind, fit: Fit | None = None) -> tuple[str, ...]:
    """Write what goes out, and tell in words what was done to it; for a thread.

    Without `fit` a picture stays as it is, bit for bit, but for its metadata, and so does a video always.
    Raises Unfit where it cannot be read.
    """
    format = sort_of(source)
    if format.family == "video":
        return _video(source, target)
    if fit is None and format is JPEG:
        return _copied(source, target)
    if fit is None or not format.pillow:
        raise Unfit(source.name, f"is {format.name}", to_jpeg(format))
    return _mended(source, target, format, ratios(kind), fit)


# --- pictures


def _copied(source: Path, target: Path) -> tuple[str, ...]:
    with opened(source, JPEG) as image:
        up = orientation(image)
    data = source.read_bytes()
    try:
        clean = without_metadata(data, up)
    except ValueError as error:
        raise Unfit(source.name, "is a JPEG that is cut short", AGAIN) from error
    target.write_bytes(clean)
    return ("left out its metadata",) if clean != data else ()


def _mended(source: Path, target: Path, format: Format, allowed: Ratios, fit: Fit) -> tuple[str, ...]:
    with opened(source, format) as image:
        before, kind = image.size, image.format
        # The order matters: a large picture is made small before anything copies it.
        seen = _in_srgb(_upright(_small(image, allowed, fit)))
    shaped = _wide_enough(source, _framed(seen, allowed, fit))
    data, quality = _packed(shaped)
    target.write_bytes(data)
    done = [f"turned it from {kind} into JPEG"] if kind != "JPEG" else []
    if shaped.size != before:
        done.append(f"made it {shaped.width} by {shaped.height}")
    return (*done, f"packed it with quality {quality}", "left out its metadata")


def _small(image: "Image", allowed: Ratios, fit: Fit) -> "Image":
    """With no more than will be shown, also where it lies on its side."""
    from PIL import Image

    shown, _ = _frame(*size_upright(image), allowed, fit)
    if shown > WIDEST:
        size = (max(1, round(image.width * WIDEST / shown)), max(1, round(image.height * WIDEST / shown)))
        image.draft(None, size)
        return _resizable(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return _resizable(image)


def _resizable(image: "Image") -> "Image":
    """In colours that can be mixed."""
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("RGB", "RGBA", "L", "LA", "CMYK"):
        return image
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * (1 / 256)).convert("L")
    return image.convert("RGB")


def _upright(image: "Image") -> "Image":
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _in_srgb(image: "Image") -> "Image":
    """Without transparency, in the colours of screens."""
    from PIL import Image

    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        return _converted(Image.alpha_composite(ground, image).convert("RGB"), image.info.get("icc_profile"))
    return _converted(image, image.info.get("icc_profile"))


def _converted(image: "Image", profile: bytes | None) -> "Image":
    from PIL import ImageCms

    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            done = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
            assert done is not None
            return done
        # A profile that is damaged, or for other colours than these: as if it had none.
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert("RGB")


def _frame(width: int, height: int, allowed: Ratios, fit: Fit) -> tuple[int, int]:
    """How large it is once it is cut, or set on a ground, to a ratio that is taken."""
    if fit == "convert" or allowed.take(width, height):
        return width, height
    is_wide = Fraction(width, height) > allowed.widest
    if fit == "crop":
        return (floor(allowed.widest * height), height) if is_wide else (width, floor(width / allowed.tallest))
    return (width, ceil(width / allowed.widest)) if is_wide else (ceil(allowed.tallest * height), height)


def _framed(image: "Image", allowed: Ratios, fit: Fit) -> "Image":
    """Its middle, or all of it on white."""
    from PIL import Image

    width, height = _frame(*image.size, allowed, fit)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    if fit == "crop":
        return image.crop((left, top, left + width, top + height))
    ground = Image.new("RGB", (width, height), BACKGROUND)
    ground.paste(image, (-left, -top))
    return ground


def _wide_enough(source: Path, image: "Image") -> "Image":
    """As wide as Instagram shows at least, and at most."""
    from PIL import Image

    width = min(max(image.width, NARROWEST), WIDEST)
    height = max(1, round(image.height * width / image.width))
    if height > LONGEST:
        raise Unfit(
            source.name, f"is {image.width} by {image.height}, too tall to be shown", "cut it, or set `fit: crop`"
        )
    return image.resize((width, height), Image.Resampling.LANCZOS) if width != image.width else image


def _packed(image: "Image") -> tuple[bytes, int]:
    """As a JPEG that is light enough: with less and less quality, then smaller and smaller."""
    while True:
        for quality in QUALITIES:
            written = io.BytesIO()
            image.save(written, "JPEG", quality=quality)
            if written.tell() <= MENDED_BYTES:
                return written.getvalue(), quality
        image = image.resize((max(1, image.width * 3 // 4), max(1, image.height * 3 // 4)))


# --- videos


def _video(source: Path, target: Path) -> tuple[str, ...]:
    """The same bytes; what is written beside picture and sound becomes empty space."""
    shutil.copyfile(source, target)
    try:
        with target.open("r+b") as file:
            found = _notes(file, target.stat().st_size)
            for box in found:
                _empty(file, box)
    except TooManyBoxes as error:
        raise Unfit(source.name, "is damaged: its boxes make no sense", AGAIN) from error
    return ("left out its metadata",) if found else ()


def _notes(file: BinaryIO, size: int) -> list[Box]:
    """What programs and cameras wrote beside the film, such as where it was taken."""
    whole = Box(b"", 0, 0, size)
    films = [box for box in boxes.inside(file, whole, b"moov") if box.end <= size]
    holders = [whole, *films, *(track for film in films for track in boxes.tracks(file, film))]
    inner = [box for holder in holders for box in boxes.boxes(file, holder.body, holder.end)]
    return [box for box in inner if box.kind in (b"udta", b"meta", b"uuid") and box.end <= size]


def _empty(file: BinaryIO, box: Box) -> None:
    """Its place stays, so that nothing behind it moves."""
    file.seek(box.start + 4)
    file.write(b"free")
    file.seek(box.body)
    left = box.end - box.body
    while left > 0:
        left -= file.write(bytes(min(left, 2**20)))
