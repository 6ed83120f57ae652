"""What is published, and how far it is."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal


@dataclass(frozen=True, slots=True)
class PostFile:
    """A picture or a video as it goes out, by its path from the data folder and the SHA-256 of what it held."""

    path: str
    digest: str
    media_type: str
    source: str = ""
    """The operator's own file that it was made from; empty: it is that file itself."""
    source_digest: str = ""


PostKind = Literal["image", "carousel", "reel", "story"]
Fit = Literal["crop", "pad", "convert"]
"""How a picture is mended: by JPEG, colours and size alone (`convert`), or to a ratio that is taken, too."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An operator's file, by its path from the project's folder; `at` is when it was last changed, in seconds."""

    path: str
    digest: str
    at: float


@dataclass(frozen=True, slots=True)
class PostTag:
    """Somebody who is seen, and where: from the left and from the top, as shares of the whole."""

    username: str
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class PostContent:
    """What goes out, to the letter."""

    kind: PostKind
    files: tuple[PostFile, ...]
    caption: str = ""
    first_comment: str = ""
    alt_text: str = ""
    collaborators: tuple[str, ...] = ()
    user_tags: tuple[PostTag, ...] = ()
    location_id: str = ""
    cover: PostFile | None = None
    thumb_offset: float = 0.0
    """Of a reel: seconds to the frame that stands for it."""
    share_to_feed: bool | None = None
    """Of a reel; None: as the platform does it."""
    trial: Literal["", "manual", "performance"] = ""
    """Of a reel that is first shown to strangers: how it is shown to all."""
    ai_generated: bool = False


@dataclass(frozen=True, slots=True)
class Hosted:
    """A file that the world can fetch: what it is called there, and where."""

    name: str
    url: str
    size: int
    media_type: str


PostState = Literal[
    "draft",  # waits for somebody to approve it
    "approved",  # goes out when its time has come
    "uploading",  # its files are being put where they can be fetched
    "creating",  # the platform is being told of it
    "preparing",  # the platform fetches and prepares it
    "ordered",  # it was told to publish it, and it is not known yet whether it did
    "published",  # it is live; its first comment may still be due
    "done",
    "failed",
    "unconfirmed",  # nobody can say whether it is live: somebody has to look
    "missed",  # its time had passed before it could be ordered
    "rejected",
]
OVER: frozenset[PostState] = frozenset(("done", "failed", "unconfirmed", "missed", "rejected"))
"""Nothing more happens by itself."""


@dataclass(frozen=True, slots=True)
class Post:
    """Something to publish, and how far it has got; times as the ledger has them."""

    id: str
    client: str
    agent: str
    content: PostContent
    state: PostState
    due: int
    """When it is to go out."""
    expires: int
    """Not ordered by then, it is missed."""
    slot: str = ""
    version: int = 0
    """Of this row: who changes it has to have seen the newest."""
    hosted: tuple[Hosted, ...] = ()
    parts: tuple[str, ...] = ()
    container: str = ""
    sent: bool = False
    """Its video has been sent to the platform, where the platform does not fetch it."""
    since: int = 0
    """When its state began."""
    ordered: int = 0
    resent: bool = False
    media: str = ""
    """The platform's id of what is live; empty: not known."""
    permalink: str = ""
    comment: str = ""
    """Of the first comment: empty, `begun`, or its id."""
    attempts: int = 0
    """Of what is being tried."""
    renewals: int = 0
    """How often it was begun anew with another container."""
    wakes: int = 0
    """Nothing is tried before."""
    reason: str = ""
    """Why it waits, or how it ended."""
    stuck: bool = False
    """It waits for somebody to see to the account."""

    @property
    def digest(self) -> str:
        """Of all that goes out: what somebody approves."""
        return sha256(repr((self.client, self.content)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with something that is to be published, in words, and what helps."""

    what: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    """With a warning it goes out all the same."""
    where: str = ""
    """The file, or the words that are meant."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}" if self.where else f"{self.what}; {self.remedy}"
