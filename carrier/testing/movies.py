"""Videos that are no more than their boxes: enough for whoever looks no deeper."""

import struct


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def mp4(seconds: float = 10, moov_first: bool = True) -> bytes:
    header = box(b"mvhd", bytes(12) + struct.pack(">II", 1000, int(seconds * 1000)) + bytes(80))
    moov, mdat = box(b"moov", header), box(b"mdat", bytes(100))
    return box(b"ftyp", b"isom" + bytes(4)) + (moov + mdat if moov_first else mdat + moov)
