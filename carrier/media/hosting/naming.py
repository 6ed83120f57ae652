"""What files are called where everybody can fetch them: nobody guesses it, and the sweeper knows its own."""

import re
import secrets

_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "video/mp4": ".mp4", "video/quicktime": ".mov"}

_OURS = re.compile(r"carrier-[0-9a-f]{32}\.[a-z0-9]{1,5}(?:\.part)?")

PART = ".part"
"""Stands after a name until the file is whole."""


def new_name(media_type: str) -> str:
    """One that was never used, of plain ASCII; raises KeyError for what is no picture or video."""
    return f"carrier-{secrets.token_hex(16)}{_ENDINGS[media_type]}"


def is_ours(name: str) -> bool:
    """Whether Carrier has put a file of this name there."""
    return _OURS.fullmatch(name) is not None
