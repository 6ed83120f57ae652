"""Pictures as models are shown them, or told of them."""

from base64 import b64encode
from pathlib import Path

from carrier.types.models import Image

SHOWN = {"image/png", "image/jpeg", "image/webp", "image/gif"}
MOST_BYTES = 10_000_000


def data_url(image: Image) -> str:
    """The picture itself; empty for one that is of no kind a model reads, too large, or gone."""
    data = content(image) if image.media_type in SHOWN else None
    return f"data:{image.media_type};base64,{b64encode(data).decode()}" if data else ""


def content(image: Image) -> bytes | None:
    if image.data or not image.path:
        return image.data if 0 < len(image.data) <= MOST_BYTES else None
    try:
        file = Path(image.path)
        return file.read_bytes() if file.stat().st_size <= MOST_BYTES else None
    except OSError:
        return None


def in_words(image: Image) -> str:
    return f"[here is a picture ({image.media_type}), which you cannot see]"
