"""The servers that are running: each once however many use it, started again when it dies, gone with its last user."""

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast
from weakref import WeakKeyDictionary

from carrier import __version__
from carrier.actions.answers import Hide
from carrier.actions.mcp.dialing import Connection, Dial
from carrier.actions.mcp.faults import CLOSED, DOUBTFUL
from carrier.actions.mcp.listing import MOST_TOOLS, Listed, listed
from carrier.actions.mcp.murmur import Murmur, one_line
from carrier.actions.mcp.process import Process
from carrier.actions.mcp.where import Address
from carrier.errors import ActionError, InDoubt

if TYPE_CHECKING:
    from mcp import Client, Tool
    from mcp.types import CallToolResult, InputRequiredResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds."""

    handshake: float = 30.0
    """For a server to answer and to say what it has."""
    patience: float = 10.0
    """An agent waits so long for a server before it starts without its tools."""
    first_pause: float = 0.5
    longest_pause: float = 60.0
    steady: float = 60.0
    """A server that lived so long has not failed at its start."""
    calm: float = 0.5
    """Between two looks at its tools."""
    news: float = 5.0
    """Until it is asked for news again, when it has stopped to tell them."""


class User(Protocol):
    def look(self) -> None:
        """The tools may be others than they were."""


class Servers:
    """The servers of one host, by where they are."""

    def __init__(self) -> None:
        self.running: dict[Address, Server] = {}
        """With somebody who uses them, whether they are up or not."""

    def join(self, user: User, where: Address, hide: Hide, dial: Dial, times: Times) -> "Server":
        if where not in self.running:
            self.running[where] = Server(where, hide, dial, times)
        self.running[where].users.append(user)
        return self.running[where]

    async def leave(self, user: User, server: "Server") -> None:
        server.users.remove(user)
        if not server.users:
            del self.running[server.where]
            await server.stop()


def servers() -> Servers:
    """Those of the host that runs on this event loop."""
    return _OF_LOOP.setdefault(asyncio.get_running_loop(), Servers())


_OF_LOOP: WeakKeyDictionary[asyncio.AbstractEventLoop, Servers] = WeakKeyDictionary()


class Server:
    """One server, from its first user to its last."""

    def __init__(self, where: Address, hide: Hide, dial: Dial, times: Times):
        self.where, self.hide = where, hide
        self.users: list[User] = []
        self.tools: tuple[Listed, ...] = ()
        """As it last said; while it is away, what it had."""
        self._dial, self._times = dial, times
        self._murmur = Murmur(where.name, hide)
        self._line: Process | Connection | None = None
        self._client: Client | None = None
        self._why = "it has not answered yet"
        self._tried = asyncio.Event()
        self._look = asyncio.Event()
        self._mode: Literal["auto", "legacy"] = "auto"
        self._life = asyncio.create_task(self._live(), name=f"mcp {where.name}")

    async def tried(self) -> None:
        """Wait until it has answered, or failed to; not for ever."""
        try:
            await asyncio.wait_for(self._tried.wait(), self._times.patience)
        except TimeoutError:
            log.warning(
                "%s: it has not answered in %g s; its tools are not waited for", self.where.name, self._times.patience
            )

    @property
    def up(self) -> bool:
        return self._client is not None and not self._gone

    async def stop(self) -> None:
        self._life.cancel()
        await asyncio.wait([self._life])

    # --- its life

    async def _live(self) -> None:
        """Start it, and start it again when it ends, however it ends."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._serve()
            # Whatever a server brings about, and whatever the library makes of being cancelled.
            except Exception as error:
                if self._life.cancelling():
                    return
                self._why = self._explained(error)
            failures = 1 if time.monotonic() - began > self._times.steady else failures + 1
            pause = pause_after(failures, self._times)
            log.error("%s: %s; it is started again in %.1f s", self.where.name, self._why, pause)
            self._tried.set()
            await asyncio.sleep(pause)

    async def _serve(self) -> None:
        """One life: from its start until it is gone, which raises the reason."""
        await asyncio.to_thread(_load)
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(self._times.handshake):
                client = await self._connected(stack)
                await self._list(client)
            self._client = client
            self._tried.set()
            log.info("%s: running, with %d tools", self.where.name, len(self.tools))
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._hear_news(client))
                    await self._follow(client)
            finally:
                # Before the calls under way learn of it.
                self._client = None

    async def _connected(self, stack: AsyncExitStack) -> "Client":
        from mcp import Client
        from mcp.types import Implementation

        self._look.clear()
        where = self.where
        self._line = (
            Process(where, self._murmur, self._look.set)
            if where.command
            else Connection(where, self._dial, self._look.set)
        )
        client = Client(
            self._line.transport(),
            mode=self._mode,
            cache=None,
            client_info=Implementation(name="carrier", version=__version__),
            message_handler=self._hear,
            logging_callback=self._hear_log,
        )
        # A server may take offence at the newest form of the handshake: the next attempt is in the older one.
        self._mode = "legacy" if self._mode == "auto" else "auto"
        await stack.enter_async_context(client)
        self._mode = "legacy" if client.session.initialize_result else "auto"
        return client

    async def _follow(self, client: "Client") -> None:
        """Look at its tools again when it says they have changed, and when a call went wrong, which may be its end."""
        while True:
            await self._look.wait()
            self._look.clear()
            if self._gone:
                raise ConnectionError(self._gone)
            async with asyncio.timeout(self._times.handshake):
                await self._list(client)
            await asyncio.sleep(self._times.calm)

    async def _list(self, client: "Client") -> None:
        tools: list[Tool] = []
        cursor = None
        while True:
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None or not page.tools or len(tools) >= MOST_TOOLS:
                break
        found, problems = await asyncio.to_thread(listed, tools[:MOST_TOOLS], self.hide)
        if found != self.tools or not self._client:
            for problem in problems:
                log.warning("%s: left out: %s", self.where.name, one_line(self.hide(problem)))
        self.tools = found
        for user in [*self.users]:
            user.look()

    async def _hear_news(self, client: "Client") -> None:
        """Servers of the newer kind tell what changed only to who has asked."""
        from mcp import MCPError
        from mcp.client.subscriptions import SubscriptionLost

        tools = client.server_capabilities.tools
        while not client.session.initialize_result and tools and tools.list_changed:
            try:
                async with client.listen(tools_list_changed=True) as news:
                    async for _ in news:
                        self._look.set()
            except SubscriptionLost:
                pass
            except (MCPError, TimeoutError) as error:
                log.info(
                    "%s: does not tell when its tools change: %s", self.where.name, one_line(self.hide(str(error)))
                )
                return
            await asyncio.sleep(self._times.news)
            self._look.set()

    @property
    def _gone(self) -> str:
        return self._line.gone if self._line else ""

    async def _hear(self, message: Any) -> None:
        if getattr(message, "method", "") == "notifications/tools/list_changed":
            self._look.set()

    async def _hear_log(self, params: Any) -> None:
        self._murmur(logging.DEBUG, f"logs ({params.level})", str(params.data))

    def _explained(self, error: BaseException) -> str:
        """Why it is not running, in one line."""
        from pydantic import ValidationError

        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if self._gone:
            return self._gone
        if isinstance(error, TimeoutError):
            return f"it did not answer within {self._times.handshake:g} s"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            return f"what it says of itself is wrong: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        return one_line(self.hide(str(error)), 300) or type(error).__name__

    # --- a call

    async def call(self, call: "Call") -> "CallToolResult":
        """What the tool answers; raises InDoubt where it may have taken effect, and matters."""
        from mcp import MCPError
        from pydantic import ValidationError

        client = self._client
        if client is None or self._gone:
            raise ActionError(f"{call.name} was not run, for its server is not running: {self._gone or self._why}")
        if call.tool not in [each.name for each in self.tools]:
            raise ActionError(f"{call.name} was not run: its server has no such tool any more")
        try:
            async with asyncio.timeout(call.seconds) as limit:
                result = await _ask(client, call)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise call.lost(f"{call.name} did not answer within {call.seconds:g} s") from error
        except ValidationError as error:
            raise call.lost(f"{call.name} answered with what is no result") from error
        except MCPError as error:
            raise self._failure(error, call, closed=self._gone != "" or self._client is not client) from error
        if result.result_type == "input_required":
            raise ActionError(f"{call.name} did not go on: its server asks for input, which nobody here gives it")
        return cast("CallToolResult", result)

    def _failure(self, error: Any, call: "Call", closed: bool) -> ActionError:
        words = one_line(self.hide(error.message), 2_000)
        if error.code not in DOUBTFUL or (error.code == CLOSED and self.where.command and not closed):
            return ActionError(f"{call.name} failed: {words}")
        self._look.set()
        return call.lost(f"{call.name} was called, and its result is not known: {self._gone or words}")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    tool: str
    name: str
    """As the agent calls it."""
    arguments: dict[str, Any]
    seconds: float
    harmless: bool
    """It may be made again, so nobody need doubt whether it ran."""
    meta: dict[str, Any] | None = None

    @property
    def lost(self) -> type[ActionError]:
        """What to raise when its result is not known."""
        return ActionError if self.harmless else InDoubt


async def _ask(client: "Client", call: Call) -> "CallToolResult | InputRequiredResult":
    from mcp.types import CallToolRequest, CallToolRequestParams

    meta: Any = call.meta
    params = CallToolRequestParams(name=call.tool, arguments=call.arguments, _meta=meta)
    # Not `call_tool`, which holds the answer against a schema of the server's own, on the event loop.
    result: CallToolResult | InputRequiredResult
    result = await client.session.send_request(CallToolRequest(params=params), _either())
    return result


@cache
def _either() -> Any:
    from mcp.types import CallToolResult, InputRequiredResult
    from pydantic import TypeAdapter

    return TypeAdapter(CallToolResult | InputRequiredResult)


def pause_after(failures: int, times: Times) -> float:
    """Twice as long after each failure, and never quite the same."""
    pause = min(times.first_pause * 2.0 ** min(failures - 1, 20), times.longest_pause)
    return pause * random.uniform(0.8, 1.0)


def _load() -> None:
    """The protocol's library, whose import takes a second; what it logs would tell of sessions and addresses."""
    import mcp.client.streamable_http
    import mcp.client.subscriptions  # noqa: F401

    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
