"""JPEG files as segments: whether one is whole, and a copy that tells nothing beside the picture."""

from pathlib import Path

_EXIF = b"Exif\0\0"
_UPRIGHT = 1


def is_whole(path: Path) -> bool:
    """Whether the picture goes on to its end."""
    data = path.read_bytes()
    _, scan = _segments(data)
    return _end(data, scan) > 0


def without_metadata(data: bytes, orientation: int = _UPRIGHT) -> bytes:
    """The same picture, bit for bit, without what was written beside it; only which way is up is kept.

    Raises ValueError where it is no whole JPEG.
    """
    segments, scan = _segments(data)
    if not (end := _end(data, scan)):
        raise ValueError("no whole JPEG")
    up = b"" if orientation == _UPRIGHT else _orientation(orientation)
    # Whatever follows the end, such as a phone's short film, stays here as well.
    return b"\xff\xd8" + up + b"".join(segment for segment in segments if _belongs(segment)) + data[scan:end]


def _segments(data: bytes) -> tuple[list[bytes], int]:
    """Those before the picture itself, each with its marker in front, and where that begins."""
    found, place = [], 2
    while data[place : place + 1] == b"\xff" and place + 4 <= len(data) and data[place + 1] != 0xDA:
        # Any number of such bytes may stand before a marker.
        if data[place + 1] == 0xFF:
            place += 1
            continue
        end = place + 2 + max(2, int.from_bytes(data[place + 2 : place + 4]))
        found.append(data[place:end])
        place = end
    return found, place


def _end(data: bytes, scan: int) -> int:
    """Behind the picture; 0: it is cut short."""
    # Within a picture 255 is never followed by this byte.
    found = data.find(b"\xff\xd9", scan) if data.startswith(b"\xff\xda", scan) else -1
    return found + 2 if found > 0 else 0


def _belongs(segment: bytes) -> bool:
    """To the picture: its tables, and of what programs add JFIF, the colours and Adobe's transform."""
    marker = segment[1]
    if marker == 0xE2:
        return segment[4:].startswith(b"ICC_PROFILE\0")
    return marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _orientation(value: int) -> bytes:
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + value.to_bytes(2) + bytes(6)
    return b"\xff\xe1" + (2 + len(_EXIF) + len(tiff)).to_bytes(2) + _EXIF + tiff
