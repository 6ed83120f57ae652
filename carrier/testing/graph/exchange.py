"""One request and its answer: the work that was asked for, and what scripts put in its place, before or after it."""

import asyncio
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import web

from carrier.testing.graph import tokens, uploads
from carrier.testing.graph.calls import Call, check_parameters
from carrier.testing.graph.errors import FUTURE_VERSION, GraphError, Refusal
from carrier.testing.graph.faults import AFTER, BEFORE, Action
from carrier.testing.graph.fetching import Fetched, fetch
from carrier.testing.graph.journal import Entry
from carrier.testing.graph.objects import DAY, Account, Node
from carrier.testing.graph.publishing import FETCHED
from carrier.testing.graph.reading import NEWEST, OLDEST, Asked
from carrier.testing.graph.routes import route
from carrier.testing.graph.world import World

_HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>Sorry, something went wrong.</h1></body></html>"


@dataclass(frozen=True)
class Exchange:
    world: World
    session: aiohttp.ClientSession
    closing: asyncio.Event
    request: web.Request
    asked: Asked
    actions: tuple[Action, ...]
    entry: Entry

    async def answered(self) -> web.StreamResponse:
        if instead := self._scripted(BEFORE):
            return await self._instead(instead)
        try:
            status, body = await self._worked()
        except uploads.Cut:
            return reset(self.request)
        if after := self._scripted(AFTER):
            return await self._after(after, body)
        return self._json(status, body)

    def _scripted(self, kinds: tuple[str, ...]) -> Action | None:
        return next((action for action in self.actions if action.do in kinds), None)

    async def _instead(self, action: Action) -> web.StreamResponse:
        match action.do:
            case "error":
                return self._refused(action.refusal)
            case "html_502":
                return web.Response(status=502, text=_HTML, content_type="text/html")
            case "reset":
                return reset(self.request)
            case "late_commit":
                return await self._late(action)
        return await self._hang(action.seconds)

    async def _after(self, action: Action, body: dict[str, Any]) -> web.StreamResponse:
        match action.do:
            case "commit_then_error":
                return self._refused(action.refusal)
            case "commit_then_reset":
                return reset(self.request)
            case "commit_then_truncate":
                return await self._truncated(body)
        return await self._hang(action.seconds)

    # --- the work

    async def _worked(self) -> tuple[int, dict[str, Any]]:
        try:
            body = await self._work()
        except GraphError as error:
            self._note(error.refusal)
            return error.refusal.http, error.refusal.body(self._trace)
        self._done()
        return 200, body

    async def _work(self) -> dict[str, Any]:
        asked = self.asked
        if asked.path in tokens.DOORS:
            return tokens.answer(self.world, asked.method, asked.path, asked.parameters)
        if asked.upload:
            cut = self._scripted(("cut",))
            account, most = self._account(), cut.bytes if cut else None
            return await uploads.take(self.world, self.session, self.request, asked.upload, account, most)
        return (await self._prepared())()

    async def _prepared(self) -> Callable[[], dict[str, Any]]:
        """What is left to do once all that it needs is there; raises GraphError for who may not, and for nonsense."""
        call = self._call()
        found = route(call)
        if self.world.rules.strict:
            check_parameters(call)
        call = replace(call, files=await self._fetched(call))
        return lambda: found.handler(call)

    def _call(self) -> Call:
        asked, account = self.asked, self._account()
        if asked.version > NEWEST:
            raise GraphError(FUTURE_VERSION)
        id, _, edge = asked.path.partition("/")
        parameters = {name: value for name, value in asked.parameters.items() if name != "access_token"}
        node = self._node(id, account)
        return Call(self.world, asked.method, node, edge, parameters, account, asked.token, effects=self.actions)

    def _account(self) -> Account:
        account = tokens.holder(self.world, self.asked.token, str(self.asked.parameters.get("appsecret_proof", "")))
        account.calls = [*(at for at in account.calls if at > self.world.now - DAY), self.world.now]
        return account

    def _node(self, id: str, account: Account) -> Node:
        if id != "me":
            return self.world.node(id, account, self.asked.method)
        return account if account.login == "instagram" else self.world.nodes[account.page_id]

    async def _fetched(self, call: Call) -> dict[str, Fetched]:
        if (call.method, call.edge) != ("POST", "media"):
            return {}
        urls = {name: call.text(name) for name in FETCHED if call.text(name)}
        return {name: await fetch(self.session, url, self.world.rules.fetch_seconds) for name, url in urls.items()}

    # --- the answer

    async def _late(self, action: Action) -> web.StreamResponse:
        """Says nothing any more; the work is done when its time has come."""
        try:
            work = await self._prepared()
        except GraphError as error:
            self._note(error.refusal)
            return self._refused(error.refusal)

        def later() -> None:
            work()
            self._done()

        self.world.later(action.seconds or 0, later)
        return await self._hang(None)

    def _done(self) -> None:
        self.entry.done = True
        self.world.tell()

    async def _hang(self, seconds: float | None) -> web.StreamResponse:
        """Say nothing for a while, then hang up."""
        waits: list[asyncio.Future[object]] = [asyncio.ensure_future(self.closing.wait())]
        if seconds is not None:
            waits.append(asyncio.ensure_future(self.world.clock.until(self.world.now + seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return reset(self.request)

    async def _truncated(self, body: dict[str, Any]) -> web.StreamResponse:
        whole = json.dumps(body).encode()
        headers = {**self._headers(), "Content-Type": "application/json", "Content-Length": str(len(whole))}
        response = web.StreamResponse(headers=headers)
        await response.prepare(self.request)
        await response.write(whole[: len(whole) // 2])
        if self.request.transport is not None:
            self.request.transport.close()
        return response

    def _refused(self, refusal: Refusal) -> web.Response:
        self._note(refusal)
        return self._json(refusal.http, refusal.body(self._trace))

    def _note(self, refusal: Refusal) -> None:
        self.entry.code, self.entry.subcode = refusal.code, refusal.subcode

    def _json(self, status: int, body: dict[str, Any]) -> web.Response:
        return web.json_response(body, status=status, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        """As each answer of Meta's has them: how much of what may be asked is used up, in percent."""
        number, part = max(min(self.asked.version, NEWEST), OLDEST)
        headers = {"x-fb-trace-id": self._trace, "facebook-api-version": f"v{number}.{part}"}
        token = self.world.tokens.get(self.asked.token)
        share, eta = self._usage(token.account if token else None)
        usage = {"call_count": share, "total_cputime": share, "total_time": share}
        if token:
            of_account = {"type": "instagram", **usage, "estimated_time_to_regain_access": eta}
            headers["X-Business-Use-Case-Usage"] = json.dumps({token.account.id: [of_account]})
        return {**headers, "X-App-Usage": json.dumps(usage)}

    def _usage(self, account: Account | None) -> tuple[int, int]:
        if told := self._scripted(("usage",)):
            return told.call_count, told.eta
        calls = len(account.calls) if account else 0
        return min(100, round(100 * calls / max(1, self.world.rules.calls_a_day))), 0

    @property
    def _trace(self) -> str:
        return f"A{self.entry.number:010d}"


def reset(request: web.Request) -> web.Response:
    """Break the connection off, so that the other side sees a reset and no answer."""
    if request.transport is not None:
        door: socket.socket = request.transport.get_extra_info("socket")
        door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)
