"""A model server of the OpenAI chat API, in a process of its own: it answers with the moment at which it says it.

All processes of a machine read the same clock, so whoever reads the moment knows how long it was on its way.
"""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TOKENS, PAUSE = 5, 0.02
"""Of a stream: how many, and the seconds between two."""


@asynccontextmanager
async def model_server() -> AsyncIterator[str]:
    """Its address."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, stdout=PIPE)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}/v1"
    finally:
        process.kill()
        await process.wait()


def since(moment: str) -> float:
    """Milliseconds from a moment that the server told to now."""
    return (time.monotonic_ns() - int(moment)) / 1e6


async def serve() -> None:
    server = await asyncio.start_server(answer_all, "127.0.0.1")
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            asked = json.loads(await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n", 1)[0])))
            await (stream if asked.get("stream") else answer)(writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def answer(writer: asyncio.StreamWriter) -> None:
    message = {"role": "assistant", "content": str(time.monotonic_ns())}
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = json.dumps(head("chat.completion") | {"choices": [choice], "usage": usage}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()


async def stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number in range(TOKENS):
        # The space ends the word, which a gate might else wait for.
        event(writer, {"content": f"{time.monotonic_ns()} "} | ({} if number else {"role": "assistant"}), None)
        await writer.drain()
        await asyncio.sleep(PAUSE)
    event(writer, {}, "stop")
    chunk(writer, b"data: [DONE]\n\n")
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def event(writer: asyncio.StreamWriter, delta: dict[str, str], reason: str | None) -> None:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    chunk(writer, b"data: %s\n\n" % json.dumps(head("chat.completion.chunk") | {"choices": [choice]}).encode())


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def head(kind: str) -> dict[str, object]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1_700_000_000, "model": "tiny"}


if __name__ == "__main__":
    asyncio.run(serve())
