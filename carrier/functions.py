"""Operators' own code: loaded from the text that was read, and called without holding the event loop up."""

import asyncio
import hashlib
import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from carrier import registry
from carrier.registry import UnknownPart
from carrier.threads import Pool
from carrier.types.parts import PartFile

_LOADING = threading.RLock()

POOL = Pool(8)
"""For all providers and evaluators that block: one that goes on past its time limit keeps its place."""


async def called(function: Callable[..., object], *arguments: object, seconds: float) -> object:
    """What a function returns, awaited or in a thread; raises TimeoutError, or whatever it raises itself.

    In a thread it goes on past its time.
    """
    if inspect.iscoroutinefunction(function):
        async with asyncio.timeout(seconds):
            return await function(*arguments)
    return await _in_a_thread(lambda: function(*arguments), seconds)


async def _in_a_thread(call: Callable[[], object], seconds: float) -> object:
    future = POOL.submit(call)
    watched = asyncio.wrap_future(future)
    # What still comes of it when nobody waits any more is looked at by nobody.
    watched.add_done_callback(lambda late: late.cancelled() or late.exception())
    try:
        done, _ = await asyncio.wait([watched], timeout=seconds)
    finally:
        future.cancel()
    if not done:
        raise TimeoutError
    return watched.result()


# --- loaded -------------------------------------------------------------------------------------------------


def load(entrypoint: str, folder: Path, code: str) -> FunctionType:
    """The function an entry point names: `file.py:function`, of this text, or `package.module:function`.

    This imports the operator's code, so do it in a thread; raises UnknownPart when there is no such function.
    """
    function = _named(entrypoint, folder, code)
    if not inspect.isfunction(function):
        raise UnknownPart(f"{entrypoint} is no function")
    return function


def load_taking(arguments: tuple[str, ...], entrypoint: str, folder: Path, code: str) -> FunctionType:
    """The same for one that is called with so many arguments and nothing else."""
    function = load(entrypoint, folder, code)
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError as error:
        raise UnknownPart(f"{entrypoint} has to take ({', '.join(arguments)}): {error}") from error
    return function


def is_in_a_file(name: str) -> bool:
    """Whether a part's name is that of a file and what stands there, as in clients/irc.py:Irc."""
    return name.rpartition(":")[0].endswith(".py")


def find(kind: Mapping[str, str], name: str, file: PartFile | None) -> Any:
    """A part by its name, as `registry.find` has it, or out of its file; do it in a thread. Raises UnknownPart."""
    return _named(name, file.folder, file.code) if file else registry.find(kind, name)


def _named(entrypoint: str, folder: Path, code: str) -> Any:
    where, _, name = entrypoint.rpartition(":")
    try:
        module = _of_text(folder / where, code) if where.endswith(".py") else importlib.import_module(where)
        return getattr(module, name)
    # Operators' code runs here for the first time.
    except (Exception, SystemExit) as error:
        raise UnknownPart(f"{entrypoint}: {type(error).__name__}: {error}") from error


def _of_text(path: Path, code: str) -> ModuleType:
    """The module of just this text of the file: two versions live side by side, under names no import clashes with."""
    name = f"carrier_file_{path.stem}_{hashlib.sha256(bytes(path) + code.encode()).hexdigest()[:12]}"
    # Agents come to life side by side: one must not be handed what another has only begun to run.
    with _LOADING:
        return sys.modules.get(name) or _run(name, path, code)


def _run(name: str, path: Path, code: str) -> ModuleType:
    module = ModuleType(name, "A file of the operator's.")
    module.__file__ = str(path)
    # Dataclasses and pickle look their module up by name.
    sys.modules[name] = module
    try:
        exec(compile(code, path, "exec"), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module
