"""A load client light enough not to measure itself: one kept-alive connection a room, raw HTTP/1.1."""

import asyncio
import json
import random
import re
import time
from dataclasses import dataclass, field
from functools import cache
from pydoc_data.topics import topics
from urllib.parse import urlsplit


@cache
def prose() -> list[str]:
    """Real English that every Python brings along: its own manual, word by word."""
    return re.findall(r"[a-z]{2,}", " ".join(topics.values()).lower())


def sentence(number: int, words: int = 10) -> str:
    """Something to say: always the same for a number, and hardly ever twice."""
    start = random.Random(number).randrange(len(prose()) - words)
    return " ".join(prose()[start : start + words])


@dataclass
class Talker:
    """Says one thing after the other in a room, and takes the time of each answer in ms."""

    address: str
    token: str
    agent: str
    room: str
    pause: float = 0.0
    """Seconds between an answer and the next thing to say."""
    times: list[float] = field(default_factory=list)

    async def say_all(self, numbers: range) -> None:
        where = urlsplit(self.address)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            for number in numbers:
                begun = time.perf_counter()
                answer = await self._say(reader, writer, sentence(number))
                self.times.append((time.perf_counter() - begun) * 1000)
                if answer["outcome"] != "answered":
                    raise RuntimeError(f"message {number} got no answer: {answer}")
                await asyncio.sleep(self.pause)
        finally:
            writer.close()
            await writer.wait_closed()

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> dict[str, str]:
        writer.write(question(self.token, f"/{self.agent}/message", text, self.room))
        return await answer(reader)


def question(token: str, path: str, text: str, room: str) -> bytes:
    body = json.dumps({"text": text, "roomId": room, "userId": room}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> dict[str, str]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
    found: dict[str, str] = json.loads(await reader.readexactly(length))
    return found


def percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
