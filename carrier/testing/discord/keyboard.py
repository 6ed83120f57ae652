"""The lines that somebody types, while others appear above the one that is being typed."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress


class Keyboard:
    """Standard input and output; `prompt` says what stands before what is typed."""

    def __init__(self) -> None:
        self.prompt: Callable[[], str] = lambda: ""
        self._asking = False
        self._terminal = sys.stdin.isatty() and sys.stdout.isatty()

    def write(self, line: str) -> None:
        """Show a line; what is being typed stays below it."""
        if self._terminal and self._asking:
            sys.stdout.write(f"\r\x1b[K{line}\n{self.prompt()}{_half_typed()}")
            sys.stdout.flush()
        else:
            print(line, flush=True)

    async def lines(self) -> AsyncIterator[str]:
        """Until the input ends; the thread that waits for it holds up no end."""
        read: asyncio.Queue[str | None] = asyncio.Queue()
        wanted, loop = threading.Semaphore(0), asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(wanted, read, loop), daemon=True).start()
        while True:
            wanted.release()
            if (line := await read.get()) is None:
                return
            yield line

    def _read(
        self, wanted: threading.Semaphore, read: "asyncio.Queue[str | None]", loop: asyncio.AbstractEventLoop
    ) -> None:
        line: str | None = ""
        while line is not None:
            wanted.acquire()
            line = self._ask()
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(read.put_nowait, line)

    def _ask(self) -> str | None:
        self._asking = True
        try:
            return input(self.prompt() if self._terminal else "")
        except EOFError:
            return None
        finally:
            self._asking = False


def _half_typed() -> str:
    try:
        import readline
    except ImportError:  # not on Windows
        return ""
    return readline.get_line_buffer()
