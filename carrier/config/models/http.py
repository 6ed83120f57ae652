"""An action that is one HTTP request."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from carrier.config.models.action import SingleAction
from carrier.config.models.choices import at_most_one_of, written
from carrier.config.models.network import NetworkName, Shown, Url
from carrier.config.models.parameters import Parameters
from carrier.config.models.values import Block, Listed, Period, looks, whole

_STATUS = "[1-5](xx|[0-9]{2})"
_BODIES = ("json", "form", "body")


def _status(value: str) -> str:
    if not re.fullmatch(_STATUS, value):
        raise ValueError("a status is a number as 429, or a hundred of them as 5xx")
    return value


Status = Annotated[
    str,
    AfterValidator(_status),
    looks(whole(_STATUS), type=["string", "integer"], minimum=100, maximum=599),
]


class Retry(Block):
    """When it is tried again."""

    attempts: Annotated[int, Field(ge=1, le=10)] = Field(default=2, description="Times in all")
    statuses: Annotated[tuple[Status, ...], Listed] = Field(
        default=("429", "502", "503", "504"), description="As in [429, 5xx]"
    )


class Request(Block):
    """The request; its words are Jinja that sees the parameters, and a lone expression keeps its type."""

    model_config = ConfigDict(json_schema_extra=at_most_one_of(*_BODIES))

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: Url
    query: dict[str, object] = Field(default={}, description="What stands behind the ? of the url")
    headers: Shown = Field(default={}, description="As in Authorization: Bearer ${WEATHER_TOKEN}")
    json_body: object = Field(default=None, alias="json", description="The body, sent as JSON")
    form: dict[str, object] | None = Field(default=None, description="The body, sent as a form")
    body: str | None = Field(default=None, description="The body as it is")
    timeout: Period | None = Field(default=None, description="For one attempt")
    retry: Retry | None = None

    @model_validator(mode="after")
    def _one_body(self) -> "Request":
        written = {"json" if key == "json_body" else key for key in self.model_fields_set}
        if len(written.intersection(_BODIES)) > 1:
            raise ValueError(f"a request has one body: {', '.join(_BODIES[:2])} or {_BODIES[2]}")
        return self


class Result(Block):
    """What of the answer is told to the model."""

    select: str = Field(default="", description="A path into the answer, as in now.summary; else all of it")
    max_chars: Annotated[int, Field(ge=1)] = 4000


_UNKNOWN_HOST: dict[str, Any] = {
    "properties": {
        "request": {"properties": {"url": {"pattern": r"^(?!.*\$\{)https?://[^/?#]*\{\{"}}, "required": ["url"]}
    },
    "required": ["request"],
}


class HttpAction(SingleAction):
    """One HTTP request; unless it says otherwise, GET and HEAD may run again after a crash."""

    model_config = ConfigDict(json_schema_extra={"if": _UNKNOWN_HOST, "then": written("network")})

    type: Literal["http"]
    parameters: Parameters = Field(default={}, description="What the model says; required unless it has a default")
    request: Request
    result: Result = Result()
    network: Annotated[tuple[NetworkName, ...], Listed] = Field(
        default=(), description="Hosts it may speak to; else the one in `url`"
    )

    @model_validator(mode="before")
    @classmethod
    def _reading_is_safe(cls, data: object) -> object:
        request = data.get("request") if isinstance(data, Mapping) else None
        method = request.get("method") if isinstance(request, Mapping) else ""
        if not isinstance(data, Mapping) or data.get("repeat") or (method or "GET") not in ("GET", "HEAD"):
            return data
        return {**data, "repeat": "safe"}

    @model_validator(mode="after")
    def _known_host(self) -> "HttpAction":
        if "{{" in urlsplit(self.request.url).netloc and not self.network:
            raise ValueError("the host in `url` is known only when it is called, so `network` has to name the hosts")
        return self
