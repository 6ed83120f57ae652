"""No place at all: for a client whose videos are sent to the platform, and that has named no media host."""

from pathlib import Path

from carrier.errors import Refused
from carrier.types.posts import Hosted


class Nowhere:
    """Takes nothing, and says what would."""

    def __init__(self, settings: None = None):
        pass

    async def put(self, file: Path, media_type: str) -> Hosted:
        raise Refused("pictures are fetched from somewhere: name a `media_host` for the client")

    async def remove(self, name: str) -> None:
        pass

    async def sweep(self, older: float) -> list[str]:
        return []
