"""What is wrong with a video, and what helps."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from carrier.errors import Unfit
from carrier.media import boxes
from carrier.media.boxes import Box, TooManyBoxes
from carrier.media.formats import MOV, MP4, Format
from carrier.media.limits import (
    COLUMNS,
    FRAMES,
    SOUND_BITS,
    SOUND_CHANNELS,
    SOUND_RATE,
    VIDEO_BITS,
    VideoLimits,
)
from carrier.media.opening import AGAIN, fault_of, sort_of
from carrier.types.posts import Fault

if TYPE_CHECKING:
    from av.container import InputContainer

REMAKE = "make it anew: MP4 with H.264 and AAC"
FAST_START = "save it with `fast start` (ffmpeg: -movflags +faststart)"
DELAY = 0.25
"""Seconds that a track may begin later without counting as cut."""
SEEN_ROWS = 8192
"""A picture with more is not decoded."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a video is like; its width and height as they are seen."""

    seconds: float
    bits: int
    """A second."""
    codec: str
    profile: str
    pixels: str
    interlaced: bool
    frames: float
    """A second."""
    columns: int
    """As they are stored."""
    width: int
    height: int
    streams: int
    sound: "Sound | None"


@dataclass(frozen=True, slots=True)
class Sound:
    codec: str
    rate: int
    channels: int
    bits: int


def video_faults(path: Path, limits: VideoLimits) -> tuple[Fault, ...]:
    """All that is wrong with it; without PyAV a warning says what was not looked at."""
    try:
        return tuple(replace(fault, where=path.name) for fault in _faults(path, sort_of(path), limits))
    except Unfit as error:
        return (fault_of(error),)


def _faults(path: Path, format: Format, limits: VideoLimits) -> Iterator[Fault]:
    if format.family != "video":
        remedy = "name a video; a picture is a post of `kind: image` or `story`"
        yield Fault(f"is {format.name}, and no video", remedy)
        return
    if (size := path.stat().st_size) > limits.bytes:
        what = f"weighs {size / 2**20:.0f} MiB, and Instagram takes {limits.bytes // 2**20} of {limits.what}"
        yield Fault(what, "save it shorter, or with a lower bit rate")
    if format not in (MP4, MOV):
        yield Fault(f"is {format.name}, and Instagram takes MP4 and MOV", REMAKE)
        return
    damage = list(_box_faults(path))
    yield from damage
    if not any(fault.remedy == AGAIN for fault in damage):
        yield from _looked_into(path, limits)


# --- the file's own order


def _box_faults(path: Path) -> Iterator[Fault]:
    try:
        with path.open("rb") as file:
            yield from _order_faults(file, path.stat().st_size)
    except (TooManyBoxes, struct.error):
        yield Fault("is damaged: its boxes make no sense", AGAIN)


def _order_faults(file: BinaryIO, size: int) -> Iterator[Fault]:
    found = list(boxes.boxes(file, 0, size))
    kinds = [box.kind for box in found]
    if found and found[-1].end > size:
        yield Fault(f"is cut short: {found[-1].end - size:,} bytes are missing", AGAIN)
    elif b"moov" not in kinds:
        yield Fault("was never finished: it has no table of contents (moov)", AGAIN)
    elif b"moof" in kinds:
        yield Fault("is in fragments, as for streaming", FAST_START)
    elif b"mdat" in kinds and kinds.index(b"moov") > kinds.index(b"mdat"):
        yield Fault("has its table of contents (moov) at its end, and Instagram wants it in front", FAST_START)
    for box in found:
        if box.kind == b"moov" and box.end <= size:
            yield from _edit_faults(file, box)


def _edit_faults(file: BinaryIO, moov: Box) -> Iterator[Fault]:
    """An edit list that makes up for an encoder's delay is in nearly every video, and goes through."""
    whole = _scale(file, moov, b"mvhd")
    for track in boxes.tracks(file, moov):
        own = _scale(file, track, b"mdia", b"mdhd")
        for box in boxes.inside(file, track, b"edts", b"elst"):
            edits = _edits(boxes.read(file, box))
            if edits and edits[0].start < 0 and edits[0].duration <= whole * DELAY:
                edits = edits[1:]
            if len(edits) > 1 or any(not 0 <= edit.start <= own * DELAY for edit in edits):
                what = "is cut together by an edit list, and Instagram takes none"
                yield Fault(what, "export it anew, so that the cuts are made for good")
                return


class _Edit(NamedTuple):
    duration: int
    """In the film's time."""
    start: int
    """In the track's time; below 0: nothing is shown."""


def _edits(elst: bytes) -> list[_Edit]:
    version, count = struct.unpack_from(">B3xI", elst)
    form = ">Qq4x" if version == 1 else ">Ii4x"
    size = struct.calcsize(form)
    most = min(count, (len(elst) - 8) // size)
    return [_Edit(*struct.unpack_from(form, elst, 8 + number * size)) for number in range(most)]


def _scale(file: BinaryIO, box: Box, *path: bytes) -> float:
    """How many units a second has, by the header at the end of this path."""
    for header in boxes.inside(file, box, *path):
        told = boxes.read(file, header)
        (version,) = struct.unpack_from(">B", told)
        return float(struct.unpack_from(">I", told, 20 if version == 1 else 12)[0])
    return 0.0


# --- what is in it


def _looked_into(path: Path, limits: VideoLimits) -> Iterator[Fault]:
    if find_spec("av") is None:
        what = "was looked at from outside only: length, codecs, frame rate and sound are not known"
        yield Fault(what, "pip install 'carrier-host[video]'", "warning")
        return
    seen = look(path)
    yield from _length_faults(seen, limits)
    yield from _codec_faults(seen)
    yield from _shape_faults(seen, limits)
    if seen.sound:
        yield from _sound_faults(seen.sound)


def look(path: Path) -> Look:
    """Raises Unfit where it cannot be opened, or its first picture cannot be seen."""
    import av

    try:
        # This demuxer alone: others read whatever other files or addresses a file names.
        with av.open(str(path), format="mov", metadata_errors="replace") as container:
            return _look(path, container)
    except Unfit:
        raise
    # A decoder may raise anything over the bytes of a stranger.
    except Exception as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise Unfit(path.name, f"is damaged ({said})", AGAIN) from error


def _look(path: Path, container: "InputContainer") -> Look:
    if not container.streams.video:
        what = "has sound and no picture" if container.streams.audio else "holds neither pictures nor sound"
        raise Unfit(path.name, what, "name a video")
    stream = container.streams.video[0]
    codec = stream.codec_context
    codec.thread_count = 1
    interlaced, turned = _first_picture(path, container) if codec.width <= COLUMNS else (False, False)
    seconds = float((container.duration or 0) / 1_000_000)
    width, height = (codec.height, codec.width) if turned else (codec.width, codec.height)
    return Look(
        seconds,
        container.bit_rate,
        codec.name,
        codec.profile or "",
        codec.pix_fmt or "",
        interlaced,
        float(stream.average_rate or stream.guessed_rate or Fraction(0)),
        codec.width,
        width,
        height,
        len(container.streams.video),
        _sound(container),
    )


def _first_picture(path: Path, container: "InputContainer") -> tuple[bool, bool]:
    """Whether it is interlaced, and whether it is shown turned to its side."""
    if container.streams.video[0].codec_context.height > SEEN_ROWS:
        return False, False
    for frame in container.decode(video=0):
        return frame.interlaced_frame, frame.rotation % 180 != 0
    raise Unfit(path.name, "holds no picture that can be seen", AGAIN)


def _sound(container: "InputContainer") -> Sound | None:
    if not container.streams.audio:
        return None
    codec: Any = container.streams.audio[0].codec_context
    return Sound(codec.name, codec.sample_rate, codec.channels, codec.bit_rate or 0)


def _length_faults(seen: Look, limits: VideoLimits) -> Iterator[Fault]:
    least, most = limits.seconds
    if seen.seconds < least:
        yield Fault(f"lasts {seen.seconds:.1f} s, and {limits.what} lasts {least} at least", "make it longer")
    if seen.seconds > most:
        yield Fault(f"lasts {seen.seconds:,.0f} s, and {limits.what} lasts {most} at most", "cut it")
    if seen.bits > VIDEO_BITS:
        what = f"has {seen.bits / 1e6:.0f} Mbit/s, and Instagram takes {VIDEO_BITS // 10**6}"
        yield Fault(what, "save it with a lower bit rate")


def _codec_faults(seen: Look) -> Iterator[Fault]:
    if seen.streams > 1:
        yield Fault(f"has {seen.streams} pictures at a time", "keep one video track")
    if seen.codec not in ("h264", "hevc"):
        yield Fault(f"is encoded as {seen.codec}, and Instagram takes H.264 and HEVC", REMAKE)
    elif seen.pixels == "yuv420p10le" and seen.codec == "hevc":
        what = "has 10 bits a colour (HDR), which Instagram may show pale"
        yield Fault(what, "save it in SDR with 8 bits", "warning")
    elif seen.pixels not in ("yuv420p", "yuvj420p"):
        what = f"has the pixel format {seen.pixels} ({seen.profile}), and Instagram takes 4:2:0 with 8 bits"
        yield Fault(what, "save it as yuv420p")
    if seen.interlaced:
        yield Fault("is interlaced", "save it progressive (ffmpeg: -vf yadif)")
    least, most = FRAMES
    if seen.frames and not least <= round(seen.frames) <= most:
        what = f"has {seen.frames:.4g} frames a second, and Instagram takes {least} to {most}"
        yield Fault(what, "save it with 30")


def _shape_faults(seen: Look, limits: VideoLimits) -> Iterator[Fault]:
    if seen.columns > COLUMNS:
        yield Fault(f"is {seen.columns} pixels wide, and Instagram takes {COLUMNS}", "save it as 1080 by 1920")
    if not limits.ratios.take(seen.width, seen.height):
        what = f"is {seen.width} by {seen.height}, and {limits.what} has a ratio of {limits.ratios.words}"
        yield Fault(what, "cut it to 9:16")
    elif limits.upright and abs(seen.width / seen.height * 16 / 9 - 1) > 0.01:
        what = f"is {seen.width} by {seen.height}; what is not 9:16 is shown with bars, or cut"
        yield Fault(what, "cut it to 9:16", "warning")


def _sound_faults(sound: Sound) -> Iterator[Fault]:
    if sound.codec != "aac":
        yield Fault(f"has sound as {sound.codec}, and Instagram takes AAC", REMAKE)
    if sound.rate > SOUND_RATE:
        yield Fault(f"has sound with {sound.rate / 1000:g} kHz, and Instagram takes {SOUND_RATE // 1000}", REMAKE)
    if sound.channels > SOUND_CHANNELS:
        yield Fault(f"has sound with {sound.channels} channels, and Instagram takes 1 or 2", "mix it down to stereo")
    if sound.bits > SOUND_BITS * 1.2:
        what = f"has sound with {sound.bits // 1000} kbit/s; Instagram wants {SOUND_BITS // 1000} and packs it again"
        yield Fault(what, "nothing has to be done", "warning")
