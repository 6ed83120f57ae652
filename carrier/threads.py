"""Runs code that blocks, a few calls at a time."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread


class Pool:
    """A few threads for code that blocks; daemons, for a call that never ends must not keep the process from ending."""

    def __init__(self, size: int):
        self._idle_places = size
        self._calls: SimpleQueue[tuple[Future[object], Callable[[], object]]] = SimpleQueue()

    def submit(self, call: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()
        self._calls.put((future, call))
        if self._idle_places:
            self._idle_places -= 1
            Thread(target=self._serve, name="carrier-function", daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            future, call = self._calls.get()
            if future.set_running_or_notify_cancel():
                _settle(future, call)


def _settle(future: Future[object], call: Callable[[], object]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
