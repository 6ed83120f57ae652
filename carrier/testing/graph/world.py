"""Everything that is so in the local Instagram, and finding it."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from carrier.testing.graph.clock import Clock
from carrier.testing.graph.errors import GraphError, no_such_object
from carrier.testing.graph.objects import (
    Account,
    Comment,
    Container,
    Conversation,
    Node,
    Page,
    Person,
    Post,
    Token,
)
from carrier.testing.graph.rules import Rules

N = TypeVar("N", bound=Node)

APP_ID = "1000000000000001"
APP_SECRET = "local-app-secret"
PREFIXES = {"container": "179", "post": "180", "comment": "178", "conversation": "177", "message": "176"}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an account's app is told of, if it wants to be."""

    account: Account
    field: str
    value: dict[str, Any]
    at: float


@dataclass
class World:
    clock: Clock = field(default_factory=Clock)
    rules: Rules = field(default_factory=Rules)
    site: str = "https://www.instagram.com"
    """What permalinks begin with."""
    nodes: dict[str, Node] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    """By username."""
    events: list[Event] = field(default_factory=list)
    """Nobody was told of these yet."""
    _later: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def now(self) -> float:
        return self.clock.now()

    def id(self, kind: str) -> str:
        return f"{PREFIXES[kind]}{next(self._numbers):014d}"

    def add(self, node: N) -> N:
        self.nodes[node.id] = node
        return node

    def person(self, username: str) -> Person:
        """Somebody of that name, who is there from now on."""
        digits = int(hashlib.sha256(username.encode()).hexdigest(), 16) % 10**13
        return self.people.setdefault(username, Person(f"1{digits:013d}", username))

    # --- finding

    def node(self, id: str, account: Account, method: str = "GET") -> Node:
        """Raises GraphError where an account may see nothing of that id."""
        node = self.nodes.get(id)
        if node is None or _owner(node) is not account or (isinstance(node, Post) and self.now < node.readable):
            raise GraphError(no_such_object(id, method))
        return node

    def accounts(self) -> list[Account]:
        return [node for node in self.nodes.values() if isinstance(node, Account)]

    def pages(self) -> list[Page]:
        return [node for node in self.nodes.values() if isinstance(node, Page)]

    def containers(self) -> list[Container]:
        return [node for node in self.nodes.values() if isinstance(node, Container)]

    def posts(self) -> list[Post]:
        """The newest first, without the items of carousels."""
        posts = [node for node in self.nodes.values() if isinstance(node, Post) and not node.item]
        return sorted(posts, key=lambda post: (post.at, post.id), reverse=True)

    def comments(self, post: Post, parent: Comment | None = None) -> list[Comment]:
        """The newest first; below a post, or below one of its comments."""
        found = [node for node in self.nodes.values() if isinstance(node, Comment) and node.post is post]
        return [comment for comment in reversed(found) if comment.parent is parent]

    def conversations(self, account: Account) -> list[Conversation]:
        return [node for node in self.nodes.values() if isinstance(node, Conversation) and node.account is account]

    # --- later

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        self._later.append((self.now + seconds, work))

    def catch_up(self) -> None:
        """Do what has come due; what fails by then has failed unheard."""
        due = [entry for entry in self._later if entry[0] <= self.now]
        self._later = [entry for entry in self._later if entry not in due]
        for _, work in due:
            try:
                work()
            except GraphError:
                continue

    def tell(self) -> None:
        """Let those who wait for a change look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, seconds: float) -> None:
        """Wait for one, not longer than this."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def forget_later(self) -> None:
        self._later.clear()
        self.events.clear()


def _owner(node: Node) -> Account:
    return node if isinstance(node, Account) else node.account
