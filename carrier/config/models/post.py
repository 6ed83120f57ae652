"""Something to publish: pictures or a video, and the words beside them."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from carrier.config.models.choices import needs, none_of, one_of, only_one, short, where
from carrier.config.models.text import Writing
from carrier.config.models.values import Block, Duration, Flag, Id, Inside, Lines, Listed, looks

Share = Annotated[float, Field(ge=0, le=1)]

_PICTURES = range(2, 11)
_OF_A_REEL = ("cover", "thumb_offset", "share_to_feed", "trial")
_NOT_ON: dict[str, tuple[str, ...]] = {
    "image": _OF_A_REEL,
    "carousel": _OF_A_REEL,
    "reel": ("alt_text",),
    "story": (
        *(*_OF_A_REEL, "alt_text", "caption", "first_comment", "collaborators", "location_id", "hashtags"),
        "ai_generated",
    ),
}


def misplaced(kind: str, keys: Collection[str]) -> str:
    """What a post of this kind does not have; empty: it may have all of these."""
    found = next((key for key in _NOT_ON[kind] if key in keys), "")
    return found and f"a post of kind {kind} has no {found}"


def _handle(value: str) -> str:
    if not value or value.startswith("@"):
        raise ValueError("an account is written without its @")
    return value


Handle = Annotated[str, AfterValidator(_handle), looks("^[^@]", type=["string", "number", "boolean"])]


class UserTag(Block):
    """Somebody who is seen, and where: from the left and from the top, as shares of the whole."""

    model_config = ConfigDict(json_schema_extra=short("^[^@]", allOf=[needs("x", "y"), needs("y", "x")]))

    username: Handle
    x: Share | None = None
    y: Share | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"username": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _both(self) -> "UserTag":
        if (self.x is None) != (self.y is None):
            raise ValueError("`x` and `y` belong together")
        return self


class Pick(Block):
    """The next one of a folder."""

    source: Inside = Field(alias="from", description="media/carousels/*/ is a folder for each post; or media/*.jpg")
    count: Annotated[int, Field(ge=1, le=10)] | None = Field(default=None, description="Files of one post")
    order: Literal["name", "oldest", "newest", "random"] = Field(default="name", description="Which is the next one")
    reuse: Literal["never", "when_all_used", "always"] = Field(
        default="never", description="Whether what was published may come again"
    )
    when_empty: Literal["notify", "skip"] = Field(default="notify", description="What happens when nothing is left")


class Make(Block):
    """An action of the agent's makes it, and answers with its path or its address; of a carousel, with a line each."""

    action: str = Field(min_length=1, description="As the agent calls it")
    arguments: dict[str, Writing] = Field(default={}, description="What it is called with")


_FOLDER: dict[str, Any] = {"type": "string", "pattern": "/$"}
_SEVERAL: dict[str, Any] = {
    "properties": {
        "pick": {"properties": {"count": {"not": {"const": 1}}}},
        "media": {
            "if": {"type": "array", "maxItems": 1},
            "then": {"items": _FOLDER},
            "else": {"if": {"type": "string"}, "then": _FOLDER, "else": {"maxItems": 10}},
        },
    }
}
_ONE: dict[str, Any] = {
    "properties": {"pick": {"properties": {"count": {"enum": [1, None]}}}, "media": {"maxItems": 1}}
}


class Post(Block):
    """Something to publish."""

    model_config = ConfigDict(
        json_schema_extra={
            **one_of("pick", "media", "make"),
            "allOf": [
                *(where("kind", kind, none_of(*keys)) for kind, keys in _NOT_ON.items()),
                {**where("kind", "carousel", _SEVERAL), "else": _ONE},
            ],
        }
    )

    kind: Literal["image", "carousel", "reel", "story"]
    pick: Pick | None = Field(default=None, description="The next one of a folder")
    media: Annotated[tuple[Inside, ...], Listed] = Field(
        default=(), description="Just this, a path or an https address; a list for a carousel"
    )
    make: Make | None = Field(default=None, description="What an action makes")
    fit: Literal["crop", "pad", "convert"] | None = Field(
        default=None,
        description="Mend pictures: convert makes a JPEG of them, crop cuts them too, pad sets them on white",
    )
    caption: Writing = Field(default="", description="Jinja, a file, or what the model is told to write")
    first_comment: Writing = Field(default="", description="The account's own comment below it, once")
    alt_text: Writing = Field(default="", description="For who cannot see the picture; of a carousel a line for each")
    collaborators: Annotated[tuple[Handle, ...], Field(max_length=3)] = Field(
        default=(), description="Accounts that are asked to share it as theirs"
    )
    user_tags: Annotated[tuple[UserTag, ...], Field(max_length=20)] = Field(
        default=(), description="Who is seen; of a carousel, in its first picture"
    )
    location_id: Id | None = Field(default=None, description="The id of a place's page")
    cover: Inside = Field(default="", description="Of a reel: the picture that stands for it")
    thumb_offset: Duration = Field(default=0.0, description="Of a reel without a cover: its frame that stands for it")
    share_to_feed: Flag | None = Field(default=None, description="Whether a reel is shown in the feed, too")
    trial: Literal["manual", "performance"] | None = Field(
        default=None,
        description="A reel that is first shown to strangers; then to all by hand, or by how strangers like it",
    )
    ai_generated: Flag = Field(default=False, description="Labelled as made with AI")
    hashtags: Lines = Field(default=(), description="Groups of the host's `hashtags`, written below the caption")

    @model_validator(mode="after")
    def _rules(self) -> "Post":
        only_one(self, ("pick", "media", "make"))
        self._count()
        if wrong := misplaced(self.kind, self.model_fields_set):
            raise ValueError(wrong)
        return self

    def _count(self) -> None:
        count = self.pick.count if self.pick else self._listed()
        if self.kind == "carousel" and count is not None and count not in _PICTURES:
            raise ValueError(f"a carousel has 2 to 10 pictures, not {count}")
        if self.kind != "carousel" and count not in (None, 1):
            raise ValueError(f"a post of kind {self.kind} has one file, not {count}; `kind: carousel` has several")

    def _listed(self) -> int | None:
        folder = len(self.media) == 1 and self.media[0].endswith("/")
        return None if folder or self.make else len(self.media)
