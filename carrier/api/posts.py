"""Posts, over HTTP: listed, made, shown with each step, previewed, approved, edited, rejected, retried, resolved."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carrier.api.forms import read_json, valid
from carrier.api.guards import problem
from carrier.config.models.post import UserTag, misplaced
from carrier.errors import Conflict, Unfit, UnknownPost
from carrier.host import Host
from carrier.ledger import posts as rows
from carrier.runtime.editing import requests
from carrier.scheduler.filing import moment
from carrier.types.posts import Fit, Post, PostContent, PostKind, PostTag


class NewPostForm(BaseModel):
    """The body of `POST /posts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client: str = ""
    """Empty: the only one that publishes."""
    agent: str = ""
    files: list[str] = Field(min_length=1, max_length=10)
    """Paths from the project's folder, addresses, or what `POST /posts/files` has answered."""
    kind: PostKind | None = None
    """Else what the files look like."""
    fit: Fit | None = None
    caption: str = Field("", max_length=10_000)
    first_comment: str = Field("", max_length=10_000)
    alt_text: str = Field("", max_length=10_000)
    collaborators: list[str] = []
    user_tags: list[UserTag] = Field([], max_length=20)
    """Names, or with their place: `{"username": "bo", "x": 0.3, "y": 0.7}`."""
    location_id: str = ""
    cover: str = ""
    """Of a reel: the path of the picture that stands for it."""
    thumb_offset: float = Field(0.0, ge=0)
    """Of a reel, in seconds."""
    share_to_feed: bool | None = None
    trial: Literal["", "manual", "performance"] = ""
    ai_generated: bool = False
    at: str = ""
    """A day and a time by the host's clock, as in 2026-12-24T09:00; or `slot`, for the client's next free one."""
    dry_run: bool = False
    """Check it and tell what would be sent; nothing is."""
    by: str = Field("the operator", min_length=1, max_length=200)

    @model_validator(mode="after")
    def _rules(self) -> "NewPostForm":
        if wrong := misplaced(self.sort, [key for key in self.model_fields_set if getattr(self, key)]):
            raise ValueError(wrong)
        return self

    @property
    def sort(self) -> PostKind:
        if self.kind or len(self.files) > 1:
            return self.kind or "carousel"
        return "reel" if self.files[0].lower().endswith((".mp4", ".mov")) else "image"

    def content(self) -> PostContent:
        """Without its files."""
        return PostContent(
            kind=self.sort,
            files=(),
            caption=self.caption,
            first_comment=self.first_comment,
            alt_text=self.alt_text,
            collaborators=tuple(self.collaborators),
            user_tags=tuple(PostTag(tag.username, tag.x, tag.y) for tag in self.user_tags),
            location_id=self.location_id,
            thumb_offset=self.thumb_offset,
            share_to_feed=self.share_to_feed,
            trial=self.trial,
            ai_generated=self.ai_generated,
        )


class ChangeForm(BaseModel):
    """The body of `POST /posts/{id}/{what}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: str = Field("the operator", min_length=1, max_length=200)
    digest: str = ""
    """To approve: of what was looked at, or its beginning."""
    caption: str | None = Field(None, max_length=10_000)
    first_comment: str | None = Field(None, max_length=10_000)
    alt_text: str | None = Field(None, max_length=10_000)
    live: bool = False
    """To resolve: whether it is."""
    media: str = ""
    """And the platform's id of it, where that is known."""

    def words(self) -> dict[str, str]:
        said = {"caption": self.caption, "first_comment": self.first_comment, "alt_text": self.alt_text}
        return {key: text for key, text in said.items() if text is not None}


class ListForm(BaseModel):
    """The query of `GET /posts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(20, ge=1, le=1000)
    state: str = ""


class FileForm(BaseModel):
    """The query of `POST /posts/files`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("file", min_length=1, max_length=200)


async def listed(host: Host, request: Request) -> Response:
    """The newest first."""
    form = valid(ListForm, dict(request.query_params))
    found = await host.ledger.read(partial(rows.listed, states=[form.state] if form.state else (), most=form.limit))
    return JSONResponse({"posts": [_plain(post) for post in found]})


async def make(host: Host, request: Request) -> Response:
    """Publish something: now, at a time, or in the next free slot."""
    form = valid(NewPostForm, await read_json(request))
    publishers = {name: outlet for name in host.clients if (outlet := host.calendar.outlet(name))}
    client = form.client or next(iter(publishers), "")
    if client not in publishers or (not form.client and len(publishers) > 1):
        known = ", ".join(sorted(publishers)) or "none with a `media_host` yet"
        return problem(422, f"name the client that publishes it; there are {known}", field="client")
    agent = form.agent or host.clients[client].definition.agent
    try:
        times = host.calendar.times(publishers[client], form.at)
    except ValueError as error:
        return problem(422, str(error), field="at")
    try:
        post = await host.calendar.editing.make(client, agent, form.content(), form.files, form.cover, form.fit)
    except (Unfit, Conflict) as error:
        return problem(422, str(error), field="files")
    if form.dry_run:
        return JSONResponse({"post": _plain(post), "requests": requests(post, publishers[client].publisher)})
    return JSONResponse({"post": _plain(await host.calendar.editing.file(post, form.by, times))}, 202)


async def keep(host: Host, request: Request) -> Response:
    """Take in a picture or a video; answered with what it is called in `files`."""
    form = valid(FileForm, dict(request.query_params))
    content = await request.body()
    if not content:
        return problem(422, "send the file as the body", field="body")
    return JSONResponse({"file": await host.calendar.editing.darkroom.keep(form.name, content)}, 201)


async def shown(host: Host, request: Request) -> Response:
    """One, with each step it has gone, and what the platform is told of it where its client is here."""
    try:
        post = await host.calendar.editing.get(request.path_params["id"])
    except UnknownPost as error:
        return problem(404, str(error), field="id")
    steps = await host.ledger.read(partial(rows.steps, id=post.id))
    told = [{"state": step.state, "note": step.note, "at": _time(step.at)} for step in steps]
    outlet = host.calendar.outlet(post.client)
    calls = requests(post, outlet.publisher) if outlet else []
    return JSONResponse({"post": _plain(post), "steps": told, "requests": calls})


async def change(host: Host, request: Request) -> Response:
    """Approve, edit, reject, retry or resolve; answered when it is on disk."""
    id, what = request.path_params["id"], request.path_params["what"]
    if what not in _CHANGES:
        return problem(404, f"nothing of the kind can be done; there are {', '.join(_CHANGES)}")
    form = valid(ChangeForm, await read_json(request))
    try:
        return JSONResponse({"post": _plain(await _CHANGES[what](host, id, form))})
    except UnknownPost as error:
        return problem(404, str(error), field="id")
    except Conflict as error:
        return problem(409, str(error))


_CHANGES: Mapping[str, Callable[[Host, str, ChangeForm], Awaitable[Post]]] = {
    "approve": lambda host, id, form: host.calendar.editing.approve(id, form.digest, form.by),
    "edit": lambda host, id, form: host.calendar.editing.edit(id, form.by, form.words()),
    "reject": lambda host, id, form: host.calendar.editing.reject(id, form.by),
    "retry": lambda host, id, form: host.calendar.editing.retry(id, form.by),
    "resolve": lambda host, id, form: host.calendar.editing.resolve(id, form.live, form.media, form.by),
}


async def limits(host: Host, request: Request) -> Response:
    """What a client may still publish, as the platform says it."""
    outlet = host.calendar.outlet(request.path_params["client"])
    if outlet is None:
        return problem(404, "no client of that name publishes here", field="client")
    return JSONResponse(asdict(await outlet.publisher.quota()))


async def token(host: Host, request: Request) -> Response:
    """Whose a client's access token is, and for how long it is good."""
    living = host.clients.get(request.path_params["client"])
    ask = getattr(living.client, "token", None) if living else None
    if ask is None:
        return problem(404, "no client of that name has an access token that is looked after", field="client")
    return JSONResponse(await ask())


def _plain(post: Post) -> dict[str, Any]:
    told = asdict(post)
    times = {key: _time(told[key]) if told[key] else "" for key in ("due", "expires", "since", "ordered", "wakes")}
    return {**told, **times, "digest": post.digest}


def _time(at: int) -> str:
    return moment(at).isoformat(timespec="seconds")
