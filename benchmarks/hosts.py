"""A host in a process of its own, as an operator starts it."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen


@dataclass(frozen=True)
class Running:
    """A host in a process of its own."""

    address: str
    token: str
    pid: int
    listening: float
    began: float
    log: Path

    def get(self, path: str) -> dict[str, Any]:
        request = Request(self.address + path, headers={"Authorization": f"Bearer {self.token}"})
        with urlopen(request, timeout=10) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def megabytes(self) -> int:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 2**20

    def memory(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/status")["memory"]
        return found


@asynccontextmanager
async def host(folder: Path) -> AsyncIterator[Running]:
    """Started as an operator would; ready for calls."""
    address, token = folder / "var" / "address", folder / "var" / "token"
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "carrier",
        "--config",
        folder / "carrier.yaml",
        stdout=(folder / "log").open("w"),
        stderr=asyncio.subprocess.STDOUT,
        # As installed: its modules are compiled once, not at each start.
        env={name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    )
    while not (address.exists() and address.read_text()):
        if process.returncode is not None:
            raise RuntimeError((folder / "log").read_text())
        await asyncio.sleep(0.002)
    listening = time.perf_counter() - began
    yield Running(address.read_text(), token.read_text().strip(), process.pid, listening, began, folder / "log")
    process.terminate()
    await process.wait()
