"""What may be set about the local Graph API while it runs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """A form that comes in through the control door."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rules(Strict):
    """How this Instagram behaves where Meta's documents leave it open, and its limits."""

    strict: bool = Field(default=True, description="Refuse parameters and fields that Meta's SDK does not know")
    repeat: Literal["same_id", "error_2207008", "duplicate"] = Field(
        default="same_id", description="What a second publish of one container does"
    )
    quota_total: Count = 50
    quota_duration: Seconds = 86400
    containers_a_day: Count = 400
    image_seconds: Seconds = Field(default=0, description="Until a container with a picture is ready")
    video_seconds: Seconds = 5
    container_lifetime: Seconds = 86400
    fresh_media_lag: Seconds = Field(default=0, description="For so long a new post cannot be read by its id")
    wait_for_children: bool = Field(default=True, description="A carousel takes only items that are ready")
    fetch_seconds: Seconds = Field(default=10, description="For fetching a picture or a video")
    calls_a_day: Count = Field(default=4800, description="What the usage headers are a share of")
