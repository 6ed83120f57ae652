"""An embedder that knows words by their letters: small, quick, and held back or broken at will."""

import asyncio
from collections.abc import Sequence
from math import sqrt
from zlib import crc32


class WordEmbedder:
    """`interfaces.Embedder`: texts that share words are near each other."""

    def __init__(self, size: int = 32, space: str = "words"):
        self.size, self.space = size, f"{space}:{size}"
        self.open = asyncio.Event()
        """Cleared: whoever asks waits."""
        self.open.set()
        self.refused = ""
        """A text with this in it cannot be embedded."""
        self.seen: list[str] = []

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        await self.open.wait()
        self.seen += texts
        if self.refused and any(self.refused in text for text in texts):
            raise ValueError(f"{self.refused} is more than it can bear")
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> list[float]:
        vector = [1e-3] * self.size
        for word in text.casefold().split():
            vector[crc32(word.encode()) % self.size] += 1.0
        length = sqrt(sum(value * value for value in vector))
        return [value / length for value in vector]
