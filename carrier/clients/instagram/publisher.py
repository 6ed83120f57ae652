"""An account that posts: `interfaces.Publisher` in calls of the Graph API."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from carrier.clients.instagram.graph import Graph
from carrier.clients.instagram.policy import passes
from carrier.clients.instagram.words import parts_of, whole_of
from carrier.errors import PostError
from carrier.interfaces import Container, LivePost, Quota
from carrier.types.posts import PostContent, PostKind

MOST = 50
"""Of what is live, that is looked through."""

_STATUS: Mapping[str, Any] = {
    "IN_PROGRESS": "in progress",
    "FINISHED": "finished",
    "PUBLISHED": "published",
    "ERROR": "error",
    "EXPIRED": "expired",
}


_OF_A_PICTURE = ("views", "reach", "saved", "likes", "comments", "shares", "total_interactions")
_COUNTED: Mapping[PostKind, Sequence[str]] = {
    "image": _OF_A_PICTURE,
    "carousel": _OF_A_PICTURE,
    "reel": (*_OF_A_PICTURE, "ig_reels_avg_watch_time", "ig_reels_video_view_total_time"),
    "story": ("views", "reach", "replies", "navigation", "shares", "total_interactions"),
}


class Publisher:
    """One account of Instagram."""

    def __init__(self, graph: Graph, account: str, rupload: str = ""):
        """`rupload` is where videos are uploaded, as in https://rupload.facebook.com; empty: this login cannot."""
        self._graph, self._account, self._rupload = graph, account, rupload
        self.takes_videos = bool(rupload)

    def sends(self, content: PostContent) -> bool:
        is_video = content.files[0].media_type.startswith("video/")
        return self.takes_videos and content.kind != "carousel" and is_video

    async def send(self, container: str, file: Path) -> None:
        told = await self._graph.get(container, fields="video_status")
        phase = told.get("video_status", {}).get("uploading_phase", {})
        if phase.get("status") != "complete":
            url = f"{self._rupload}/ig-api-upload/{self._graph.version}/{container}"
            await self._graph.upload(url, file, int(phase.get("bytes_transferred", 0)))

    def parts(self, content: PostContent, urls: Sequence[str]) -> Sequence[Mapping[str, object]]:
        return parts_of(content, urls)

    def whole(self, content: PostContent, urls: Sequence[str], parts: Sequence[str]) -> Mapping[str, object]:
        return whole_of(content, urls, parts, self.sends(content))

    async def quota(self) -> Quota:
        told = await self._graph.get(f"{self._account}/content_publishing_limit", fields="config,quota_usage")
        row: Mapping[str, Any] = next(iter(told.get("data", [])), {})
        config = row.get("config", {})
        return Quota(row.get("quota_usage", 0), config.get("quota_total"), config.get("quota_duration", 86400))

    async def create(self, parameters: Mapping[str, object]) -> str:
        return _id(await self._graph.post(f"{self._account}/media", parameters), "look")

    async def container(self, id: str) -> Container:
        try:
            told = await self._graph.get(id, fields="id,status_code,status")
        except PostError as error:
            if error.code in ("100/33", "24/2207008"):
                return Container(id, "gone", str(error))
            raise
        status, why = _STATUS.get(told.get("status_code", ""), "in progress"), str(told.get("status", ""))
        return Container(id, status, why, passes=status == "error" and passes(why))

    async def publish(self, container: str) -> str:
        told = await self._graph.post(f"{self._account}/media_publish", {"creation_id": container}, publishing=True)
        return _id(told, "look")

    async def recent(self, since: float) -> Sequence[LivePost]:
        fields = "id,caption,timestamp,permalink,media_product_type,media_type"
        found: list[LivePost] = []
        for edge in ("media", "stories"):
            told = await self._graph.get(f"{self._account}/{edge}", fields=fields, limit=MOST)
            found += [_live(row) for row in told.get("data", [])]
        return sorted((live for live in found if live.at >= since), key=lambda live: -live.at)

    async def permalink(self, id: str) -> str:
        return str((await self._graph.get(id, fields="permalink")).get("permalink", ""))

    async def comment(self, id: str, text: str) -> str:
        return _id(await self._graph.post(f"{id}/comments", {"message": text}, publishing=True), "look")

    async def own_comments(self, id: str, edge: str = "comments") -> Sequence[tuple[str, str]]:
        told = await self._graph.get(f"{id}/{edge}", fields="id,text,from", limit=MOST)
        rows = told.get("data", [])
        return [(str(row["id"]), str(row.get("text", ""))) for row in rows if self._is_own(row)]

    async def insights(self, id: str, kind: PostKind) -> Mapping[str, int]:
        told = await self._graph.get(f"{id}/insights", metric=",".join(_COUNTED[kind]))
        values = {row["name"]: row["values"][0].get("value") for row in told.get("data", []) if row.get("values")}
        return {str(name): value for name, value in values.items() if isinstance(value, int)}

    def _is_own(self, row: Mapping[str, Any]) -> bool:
        who = row.get("from")
        return not isinstance(who, dict) or str(who.get("id")) == self._account


def _id(told: Mapping[str, Any], otherwise: Any) -> str:
    if not (id := told.get("id")):
        raise PostError("the Graph API has named no id", otherwise)
    return str(id)


def _live(row: Mapping[str, Any]) -> LivePost:
    at = datetime.fromisoformat(str(row.get("timestamp", "1970-01-01T00:00:00+00:00"))).timestamp()
    kind = {"REELS": "reel", "STORY": "story"}.get(
        str(row.get("media_product_type")), "carousel" if row.get("media_type") == "CAROUSEL_ALBUM" else "image"
    )
    return LivePost(str(row["id"]), kind, str(row.get("caption", "")), at, str(row.get("permalink", "")))
