"""The local Graph API as tests see it: its feed and journal, its clock and scripts, and the people who comment."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import aiohttp
from aiohttp import web

from carrier.testing.graph import talking, tokens
from carrier.testing.graph.exchange import Exchange
from carrier.testing.graph.faults import Action, Faults, Match, Script
from carrier.testing.graph.hooks import Hooks
from carrier.testing.graph.journal import Entry, Journal, hashed, without_secrets
from carrier.testing.graph.objects import Account, Comment, Container, DirectMessage, Page, Post
from carrier.testing.graph.parameters import Login
from carrier.testing.graph.reading import read
from carrier.testing.graph.routes import PERMISSIONS
from carrier.testing.graph.rules import Rules
from carrier.testing.graph.world import World

Trouble = Literal[458, 459, 460, 463, 467]
"""Subcodes of what can be wrong with a token: removed, checkpoint, password, expired, logged out."""


@dataclass
class Graph:
    """Everything that can be done to it and seen of it without being an app."""

    world: World
    session: aiohttp.ClientSession
    url: str = ""
    """Both of graph.….com and of rupload.facebook.com."""
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    hooks: Hooks = field(init=False)
    _telling: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.hooks = Hooks(self.world, self.session)

    # --- accounts

    @property
    def account(self) -> Account:
        """The first one."""
        return self.world.accounts()[0]

    def add_account(self, username: str, login: Login = "instagram", token: str = "") -> Account:
        """An account whose app is permitted everything, with a token of sixty days."""
        number = len(self.world.accounts()) + 1
        permissions = set(PERMISSIONS[login].values())
        account = self.world.add(Account(f"178414{number:011d}", username, login, "", permissions))
        if login == "facebook":
            account.page_id = self.world.add(Page(f"10{number:013d}", account)).id
        tokens.issue(self.world, account, value=token)
        return account

    def spoil(self, account: Account, trouble: Trouble = 463) -> None:
        """Make its tokens good for nothing."""
        for token in self.world.tokens.values():
            if token.account is account:
                token.trouble = trouble

    def renew(self, account: Account) -> str:
        """A new token, as the owner gets by logging in again."""
        return tokens.issue(self.world, account).value

    # --- how it behaves

    @property
    def rules(self) -> Rules:
        return self.world.rules

    def rule(self, **changes: object) -> None:
        """Change some of the rules."""
        self.world.rules = Rules.model_validate({**self.rules.model_dump(), **changes})

    def advance(self, seconds: float) -> None:
        """Put the clock forward, and do what has come due."""
        self.world.clock.advance(seconds)
        self.world.catch_up()

    def script(
        self, action: Action, method: str = "", path_regex: str = "", nth: int = 1, times: int | None = 1
    ) -> None:
        """From the nth of such requests on, so many times, this becomes of them."""
        self.faults.add(Script(match=Match(method=method, path_regex=path_regex, nth=nth, times=times), action=action))

    def reset(self) -> None:
        """Nothing was posted, said or asked yet; accounts, tokens, rules and the clock stay."""
        for node in list(self.world.nodes.values()):
            if not isinstance(node, Account | Page):
                del self.world.nodes[node.id]
        self.world.forget_later()
        self.journal.entries.clear()
        self.faults.clear()
        self.hooks.deliveries.clear()

    # --- what is there

    def feed(self) -> list[Post]:
        """What is published, stories too, the newest first."""
        self.world.catch_up()
        return self.world.posts()

    def containers(self) -> list[Container]:
        return self.world.containers()

    def comments(self, post: Post) -> list[Comment]:
        """All below it, replies too, the oldest first."""
        return [node for node in self.world.nodes.values() if isinstance(node, Comment) and node.post is post]

    async def until(self, holds: Callable[[], bool], seconds: float) -> None:
        """Wait until this holds; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not holds():
                # What the clock brings about is told to nobody.
                await self.world.change(0.05)

    # --- what people do

    async def comment(self, post: Post, username: str, text: str, below: Comment | None = None) -> Comment:
        """Somebody comments, or replies to a comment; its app has been told when this returns."""
        made = talking.comment(self.world, post, self.world.person(username), text, below)
        await self.hooks.deliver_waiting()
        return made

    async def mention(self, username: str, text: str, account: Account | None = None) -> Comment:
        """Somebody names the account below a post of their own."""
        made = talking.mention(self.world, account or self.account, self.world.person(username), text)
        await self.hooks.deliver_waiting()
        return made

    async def message(self, username: str, text: str, account: Account | None = None) -> DirectMessage:
        """Somebody writes to the account directly."""
        made = talking.message(self.world, account or self.account, self.world.person(username), text)
        await self.hooks.deliver_waiting()
        return made

    # --- what apps ask

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request to the Graph API."""
        self.world.catch_up()
        asked = await read(request)
        entry = Entry(
            len(self.journal.entries) + 1,
            self.world.now,
            asked.method,
            asked.path,
            without_secrets(asked.parameters),
            hashed(asked.token),
            asked.token_in,
        )
        self.journal.entries.append(entry)
        actions = self.faults.meet(asked.method, asked.path)
        entry.faults = tuple(action.do for action in actions)
        exchange = Exchange(self.world, self.session, self.closing, request, asked, actions, entry)
        response = await exchange.answered()
        entry.status = 0 if request.transport is None or request.transport.is_closing() else response.status
        self._tell()
        return response

    def _tell(self) -> None:
        self.world.tell()
        # Beside the answer, not before it: an app may wait for the one to take the other.
        telling = asyncio.create_task(self.hooks.deliver_waiting())
        self._telling.add(telling)
        telling.add_done_callback(self._telling.discard)

    async def close(self) -> None:
        self.closing.set()
        await asyncio.gather(*self._telling)
