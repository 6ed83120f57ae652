"""The control door: whatever tests do to the local Graph API, over HTTP."""

from dataclasses import asdict
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from carrier.testing.graph.faults import Script
from carrier.testing.graph.graph import Graph, Trouble
from carrier.testing.graph.hooks import Delivery
from carrier.testing.graph.objects import Account, Comment, Post
from carrier.testing.graph.parameters import Login
from carrier.testing.graph.rules import Rules, Strict
from carrier.testing.graph.views import moment, shortcode

Form = TypeVar("Form", bound=Strict)
N = TypeVar("N")


class Advance(Strict):
    advance: float


class NewAccount(Strict):
    username: str
    login: Login = "instagram"
    token: str = ""


class TokenOf(Strict):
    account: str
    trouble: Trouble | None = None
    """None: it gets a new one."""


class Said(Strict):
    """By somebody: below a post, below a comment, or to an account."""

    username: str
    text: str
    post: str = ""
    comment: str = ""
    account: str = ""


class Listening(Strict):
    callback_url: str
    verify_token: str
    app_secret: str = ""


class MadeUp(Strict):
    """A delivery that tells this, signed with the app's secret or with another one."""

    payload: dict[str, Any]
    app_secret: str = ""


class Again(Strict):
    """A delivery once more: the same bytes, under its own signature or another one."""

    number: int
    signature: str | None = None


def routes(graph: Graph) -> list[web.RouteDef]:
    door = _Control(graph)
    return [
        web.get("/_control/clock", door.clock),
        web.post("/_control/clock", door.advance),
        web.get("/_control/rules", door.rules),
        web.post("/_control/rules", door.rule),
        web.post("/_control/script", door.script),
        web.delete("/_control/script", door.clear),
        web.get("/_control/accounts", door.accounts),
        web.post("/_control/accounts", door.add_account),
        web.post("/_control/token", door.token),
        web.get("/_control/journal", door.journal),
        web.get("/_control/feed", door.feed),
        web.get("/_control/conversations", door.conversations),
        web.post("/_control/reset", door.reset),
        web.post("/_control/comment", door.comment),
        web.post("/_control/mention", door.mention),
        web.post("/_control/message", door.message),
        web.get("/_control/hooks", door.deliveries),
        web.post("/_control/hooks", door.listen),
        web.post("/_control/hooks/deliver", door.deliver),
        web.post("/_control/hooks/replay", door.replay),
        web.post("/_control/hooks/redeliver", door.redeliver),
    ]


class _Control:
    def __init__(self, graph: Graph):
        self._graph = graph

    async def clock(self, request: web.Request) -> web.Response:
        return web.json_response({"now": self._graph.world.now})

    async def advance(self, request: web.Request) -> web.Response:
        self._graph.advance((await _form(request, Advance)).advance)
        return await self.clock(request)

    async def rules(self, request: web.Request) -> web.Response:
        return web.json_response(self._graph.rules.model_dump())

    async def rule(self, request: web.Request) -> web.Response:
        """Some of them; the others stay."""
        body = await _object(request)
        self._graph.world.rules = _checked(Rules, {**self._graph.rules.model_dump(), **body})
        return await self.rules(request)

    async def script(self, request: web.Request) -> web.Response:
        self._graph.faults.add(await _form(request, Script))
        return _done()

    async def clear(self, request: web.Request) -> web.Response:
        self._graph.faults.clear()
        return _done()

    async def accounts(self, request: web.Request) -> web.Response:
        return web.json_response([_account(account) for account in self._graph.world.accounts()])

    async def add_account(self, request: web.Request) -> web.Response:
        form = await _form(request, NewAccount)
        return web.json_response(_account(self._graph.add_account(form.username, form.login, form.token)))

    async def token(self, request: web.Request) -> web.Response:
        form = await _form(request, TokenOf)
        account = self._account(form.account)
        if form.trouble is None:
            self._graph.renew(account)
        else:
            self._graph.spoil(account, form.trouble)
        return web.json_response(_account(account))

    async def journal(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(entry) for entry in self._graph.journal.entries])

    async def feed(self, request: web.Request) -> web.Response:
        return web.json_response([self._post(post) for post in self._graph.feed()])

    async def conversations(self, request: web.Request) -> web.Response:
        world = self._graph.world
        found = [each for account in world.accounts() for each in world.conversations(account)]
        told = [
            {
                "account": each.account.id,
                "with": each.person.username,
                "messages": [{"from": said.by.username, "text": said.text} for said in each.messages],
            }
            for each in found
        ]
        return web.json_response(told)

    async def reset(self, request: web.Request) -> web.Response:
        self._graph.reset()
        return _done()

    async def comment(self, request: web.Request) -> web.Response:
        form = await _form(request, Said)
        below = self._node(form.comment, Comment) if form.comment else None
        post = below.post if below else self._node(form.post, Post)
        made = await self._graph.comment(post, form.username, form.text, below)
        return web.json_response({"id": made.id})

    async def mention(self, request: web.Request) -> web.Response:
        form = await _form(request, Said)
        made = await self._graph.mention(form.username, form.text, self._account(form.account))
        return web.json_response({"id": made.id})

    async def message(self, request: web.Request) -> web.Response:
        form = await _form(request, Said)
        made = await self._graph.message(form.username, form.text, self._account(form.account))
        return web.json_response({"id": made.id})

    async def deliveries(self, request: web.Request) -> web.Response:
        return web.json_response([_delivery(each) for each in self._graph.hooks.deliveries])

    async def listen(self, request: web.Request) -> web.Response:
        form = await _form(request, Listening)
        self._graph.hooks.secret = form.app_secret or self._graph.hooks.secret
        return web.json_response({"agreed": await self._graph.hooks.subscribe(form.callback_url, form.verify_token)})

    async def deliver(self, request: web.Request) -> web.Response:
        form = await _form(request, MadeUp)
        return web.json_response(_delivery(await self._graph.hooks.deliver(form.payload, form.app_secret)))

    async def replay(self, request: web.Request) -> web.Response:
        form = await _form(request, Again)
        deliveries = self._graph.hooks.deliveries
        if not 0 <= form.number < len(deliveries):
            raise _bad(f"there is no delivery {form.number}")
        return web.json_response(_delivery(await self._graph.hooks.replay(deliveries[form.number], form.signature)))

    async def redeliver(self, request: web.Request) -> web.Response:
        await self._graph.hooks.redeliver()
        return await self.deliveries(request)

    def _account(self, id: str) -> Account:
        return self._node(id, Account) if id else self._graph.account

    def _node(self, id: str, kind: type[N]) -> N:
        node = self._graph.world.nodes.get(id)
        if not isinstance(node, kind):
            raise _bad(f"there is no {kind.__name__.lower()} {id!r}")
        return node

    def _post(self, post: Post) -> dict[str, Any]:
        world = self._graph.world
        owners = [item for item in (post.items or [post]) if item.files]
        return {
            "id": post.id,
            "account": post.account.id,
            "username": post.account.username,
            "media_type": post.media_type,
            "product_type": post.product_type,
            "caption": post.caption,
            "at": moment(post.at),
            "permalink": f"{world.site}/p/{shortcode(post)}/",
            "container": post.container,
            "decoy": post.decoy,
            "parameters": post.parameters,
            "files": [{"url": f"/files/{item.id}/0", "media_type": item.files[0].media_type} for item in owners],
            "comments": [
                {**_comment(comment), "replies": [_comment(each) for each in world.comments(post, comment)[::-1]]}
                for comment in world.comments(post)[::-1]
            ],
        }


def _comment(comment: Comment) -> dict[str, Any]:
    return {"id": comment.id, "username": comment.by.username, "text": comment.text, "hidden": comment.hidden}


def _account(account: Account) -> dict[str, Any]:
    return {"id": account.id, "username": account.username, "login": account.login, "token": account.token}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {"payload": delivery.payload, "signature": delivery.signature, "answers": delivery.answers}


async def _form(request: web.Request, form: type[Form]) -> Form:
    return _checked(form, await _object(request))


def _checked(form: type[Form], body: object) -> Form:
    try:
        return form.model_validate(body)
    except ValidationError as error:
        raise _bad(str(error)) from error


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise _bad(f"no JSON: {error}") from error
    if not isinstance(body, dict):
        raise _bad("no JSON object")
    return body


def _bad(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=text)


def _done() -> web.Response:
    return web.json_response({"done": True})
