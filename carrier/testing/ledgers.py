"""A ledger on a disk that is full when it is told to be."""

import asyncio
from pathlib import Path
from typing import TypeVar

from carrier.errors import LedgerError
from carrier.ledger.engine import Ledger, Transaction

T = TypeVar("T")


class FullLedger(Ledger):
    """While it is `full`, nothing can be written, as LedgerError says; what is there can be read."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.full = False
        self.refused = asyncio.Event()

    def submit(self, transaction: Transaction[T]) -> "asyncio.Future[T]":
        if not self.full:
            return super().submit(transaction)
        self.refused.set()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        done.set_exception(LedgerError(f"{self.path}: the disk is full"))
        return done
