"""What there is in the local Instagram: accounts, containers, posts, comments, messages."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from carrier.testing.graph.parameters import Login

Status = Literal["IN_PROGRESS", "FINISHED", "PUBLISHED", "ERROR", "EXPIRED"]
HOUR = 3600
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account, as comments and messages name them."""

    id: str
    username: str

    def told(self) -> dict[str, str]:
        return {"id": self.id, "username": self.username}


@dataclass
class Account:
    """A professional account that an app publishes for."""

    kind: ClassVar[str] = "account"
    id: str
    username: str
    login: Login
    token: str
    """The newest one."""
    permissions: set[str]
    page_id: str = ""
    """Of the Facebook Page it belongs to, with the Facebook login."""
    subscribed: set[str] = field(default_factory=set)
    """The fields that its app hears of by webhook."""
    restricted: bool = False
    calls: list[float] = field(default_factory=list)
    """When it was asked for something, the last day."""

    @property
    def person(self) -> Person:
        return Person(self.id, self.username)


@dataclass
class Page:
    """The Facebook Page of an account."""

    kind: ClassVar[str] = "page"
    id: str
    account: Account


@dataclass
class Token:
    """Who has it may act for the account."""

    value: str
    account: Account
    issued: float
    expires: float | None
    """None: never."""
    trouble: int = 0
    """The subcode of what is wrong with it."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture or a video as it was fetched."""

    url: str
    body: bytes
    media_type: str
    width: int = 0
    height: int = 0


@dataclass
class Upload:
    """A video that is sent in pieces."""

    size: int = 0
    received: bytearray = field(default_factory=bytearray)

    @property
    def complete(self) -> bool:
        return 0 < self.size == len(self.received)


@dataclass
class Container:
    """Something that is about to be published."""

    kind: ClassVar[str] = "container"
    id: str
    account: Account
    media_type: Literal["IMAGE", "VIDEO", "REELS", "STORIES", "CAROUSEL"]
    created: float
    ready: float
    """When it is through."""
    dies: float
    parameters: dict[str, Any]
    files: list[File] = field(default_factory=list)
    children: "list[Container]" = field(default_factory=list)
    upload: Upload | None = None
    trouble: str = ""
    """Why it will never be ready."""
    subcode: int = 2207026
    """Of that error."""
    posts: "list[Post]" = field(default_factory=list)
    """What was published of it."""
    told: float = 0.0
    """From when on it says that it is published."""

    @property
    def is_item(self) -> bool:
        return bool(self.parameters.get("is_carousel_item"))

    @property
    def is_video(self) -> bool:
        return self.media_type in ("VIDEO", "REELS") or "video_url" in self.parameters or self.upload is not None

    def status(self, now: float) -> Status:
        if self.posts:
            return "PUBLISHED" if now >= self.told else "FINISHED"
        if now >= self.dies:
            return "EXPIRED"
        if now < self.ready or (self.upload and not self.upload.complete):
            return "IN_PROGRESS"
        return "ERROR" if self.trouble else "FINISHED"


@dataclass
class Post:
    """Something that is on the feed."""

    kind: ClassVar[str] = "post"
    id: str
    account: Account
    media_type: Literal["IMAGE", "VIDEO", "CAROUSEL_ALBUM"]
    product_type: Literal["FEED", "REELS", "STORY"]
    caption: str
    at: float
    files: list[File]
    parameters: dict[str, Any] = field(default_factory=dict)
    container: str = ""
    listed: float = 0.0
    """From when on it is among the account's media."""
    readable: float = 0.0
    """From when on it can be read by its id."""
    comment_enabled: bool = True
    decoy: bool = False
    """Not of anybody who published here: it only looks alike."""
    insights: dict[str, int] = field(default_factory=dict)
    likes: int = 0
    item: bool = False
    """Of a carousel."""
    items: "list[Post]" = field(default_factory=list)


@dataclass
class Comment:
    kind: ClassVar[str] = "comment"
    id: str
    post: Post
    by: Person
    text: str
    at: float
    parent: "Comment | None" = None
    hidden: bool = False
    private_reply: bool = False
    """Whether the account has answered it in private."""

    @property
    def account(self) -> Account:
        return self.post.account


@dataclass
class DirectMessage:
    kind: ClassVar[str] = "message"
    id: str
    account: Account
    by: Person
    to: Person
    text: str
    at: float


@dataclass
class Conversation:
    """Of an account with somebody."""

    kind: ClassVar[str] = "conversation"
    id: str
    account: Account
    person: Person
    messages: list[DirectMessage] = field(default_factory=list)


Node = Account | Page | Container | Post | Comment | DirectMessage | Conversation
