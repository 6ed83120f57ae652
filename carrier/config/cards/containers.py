"""The files that cards come in: JSON, a PNG with text chunks, a CHARX archive; each is read within bounds."""

import base64
import binascii
import json
import math
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, NoReturn

from carrier.config.cards.errors import CardError
from carrier.config.files import CARD_BYTES

JSON_BYTES = 4 * 1024 * 1024
NODES = 40_000
DEPTH = 20
MEMBERS = 10_000
"""Files in an archive."""

PNG = b"\x89PNG\r\n\x1a\n"
_ARCHIVE = b"PK\x03\x04"
_ENTRY = b"PK\x01\x02"
_KEYWORDS = ("ccv3", "chara")
"""The chunks that hold a card; the first that is there counts."""


def unpacked(content: bytes) -> Any:
    """What a file of any of the three kinds says; raises CardError."""
    if len(content) > CARD_BYTES:
        raise CardError(f"this file is larger than {CARD_BYTES // 1024**2} MB")
    if content.startswith(PNG):
        return parsed(_in_picture(content))
    return parsed(_in_archive(content) if content.startswith(_ARCHIVE) else content)


def is_picture(content: bytes) -> bool:
    return content.startswith(PNG)


# --- JSON ------------------------------------------------------------------------------------------------------------


def parsed(content: bytes) -> Any:
    """JSON that YAML can hold as well; raises CardError."""
    if len(content) > JSON_BYTES:
        raise CardError(f"the card in this file is larger than {JSON_BYTES // 1024**2} MB")
    try:
        data = json.loads(content.decode("utf-8-sig"), parse_constant=_refuse, parse_float=_float, parse_int=_whole)
    except UnicodeDecodeError as error:
        raise CardError(f"this is not UTF-8 text: byte {error.start} cannot be read") from error
    except RecursionError as error:
        raise CardError("the card is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise CardError(f"this is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    _check(data)
    return data


def _refuse(written: str) -> NoReturn:
    raise CardError(f"{written} is no number of JSON")


def _float(written: str) -> float:
    if len(written) > 400 or math.isinf(number := float(written)):
        raise CardError(f"the number {written[:20]}… is too large")
    return number


def _whole(written: str) -> int:
    if len(written) > 400:
        raise CardError(f"the number {written[:20]}… is too large")
    return int(written)


def _check(data: object) -> None:
    """That it is no larger or deeper than a file of ours may be."""
    for count, depth in enumerate(_depths(data, 1)):
        if count > NODES or depth > DEPTH:
            raise CardError(f"the card holds more than {NODES:,} values, or is more than {DEPTH} levels deep")


def _depths(value: object, depth: int) -> Iterator[int]:
    """How deep each value stands; what is too deep is not gone into."""
    yield depth
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in inner if depth <= DEPTH else ():
        yield from _depths(item, depth + 1)


def as_json(data: object, indent: int | None = 2) -> bytes:
    # Half a character is no UTF-8, and goes as the escape that it came in as.
    return (json.dumps(data, ensure_ascii=False, indent=indent) + "\n").encode("utf-8", "backslashreplace")


# --- PNG -------------------------------------------------------------------------------------------------------------


def _in_picture(content: bytes) -> bytes:
    """The card in a PNG, out of its base64."""
    found = {keyword: text for keyword, text in _texts(content) if keyword in _KEYWORDS}
    for keyword in _KEYWORDS:
        if keyword in found:
            return _decoded(found[keyword], keyword)
    raise CardError("this picture holds no card: it has no text chunk that is called chara or ccv3")


def _decoded(text: bytes, keyword: str) -> bytes:
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except binascii.Error as error:
        raise CardError(f"the chunk {keyword} of this picture is not base64: {error}") from error


def _texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    for kind, start, end in _chunks(content):
        if kind != b"tEXt":
            continue
        keyword, _, text = content[start:end].partition(b"\0")
        if keyword.decode("latin-1") in _KEYWORDS and zlib.crc32(content[start - 4 : end]) != _number(content, end):
            raise CardError("this picture is damaged: the checksum of its card is wrong")
        yield keyword.decode("latin-1"), text


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Each chunk's kind, and where its data begins and ends; raises CardError for a picture that is cut off."""
    at = len(PNG)
    while at < len(content):
        length = _number(content, at)
        kind, start = content[at + 4 : at + 8], at + 8
        if start + length + 4 > len(content):
            raise CardError("this picture is cut off")
        yield kind, start, start + length
        if kind == b"IEND":
            return
        at = start + length + 4


def _number(content: bytes, at: int) -> int:
    if at + 4 > len(content):
        raise CardError("this picture is cut off")
    return int(struct.unpack(">I", content[at : at + 4])[0])


def as_picture(picture: bytes, cards: Mapping[str, object]) -> bytes:
    """The picture with these cards, by the name of their chunk, in place of any it held."""
    if not picture.startswith(PNG):
        raise CardError("this picture is no PNG")
    written = [PNG]
    for kind, start, end in _chunks(picture):
        if kind == b"IEND":
            written += [_text_chunk(keyword, card) for keyword, card in cards.items()]
        if kind != b"tEXt" or picture[start:end].partition(b"\0")[0].decode("latin-1") not in _KEYWORDS:
            written.append(picture[start - 8 : end + 4])
    return b"".join(written)


def _text_chunk(keyword: str, card: object) -> bytes:
    text = base64.b64encode(as_json(card, indent=None))
    body = b"tEXt" + keyword.encode() + b"\0" + text
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


# --- CHARX -----------------------------------------------------------------------------------------------------------


def _in_archive(content: bytes) -> bytes:
    """The card.json of a CHARX archive."""
    import zipfile

    if content.count(_ENTRY) > MEMBERS:
        raise CardError(f"this archive holds more than {MEMBERS:,} files")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive, archive.open("card.json") as opened:
            return opened.read(JSON_BYTES + 1)
    except KeyError as error:
        raise CardError("this archive holds no card.json") from error
    # An archive can be wrong in every way that there is: cut off, encrypted, packed by means unknown.
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        raise CardError(f"this archive cannot be read: {error}") from error


def as_archive(card: object) -> bytes:
    """A CHARX archive with nothing but the card."""
    import zipfile

    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("card.json"), as_json(card))
    return written.getvalue()
