"""A door that other programs knock at: POST /hooks/NAME."""

from typing import Literal

from pydantic import ConfigDict, Field, SecretStr, model_validator

from carrier.config.models.choices import none_of, where
from carrier.config.models.client import Client
from carrier.config.models.text import Told
from carrier.config.models.values import Block, RoomName


class Signature(Block):
    """How one knows who sends."""

    model_config = ConfigDict(json_schema_extra=where("type", "github", none_of("header")))

    type: Literal["github", "hmac", "token"] = Field(description="hmac: SHA-256 of the body; token: the secret itself")
    secret: SecretStr = Field(description="In the environment: ${GITHUB_WEBHOOK_SECRET}")
    header: str = Field(default="", description="Where it stands; else x-signature for hmac, authorization for token")

    @model_validator(mode="after")
    def _own_header(self) -> "Signature":
        if self.type == "github" and self.header:
            raise ValueError("github signs in a header of its own; `header` belongs to hmac and token")
        return self


class Webhook(Client):
    """A door that other programs knock at: POST /hooks/NAME."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["webhook"]
    signature: Signature = Field(description="How one knows who sends")
    accept: str = Field(default="", description="Jinja: what is heard; sees body and headers. Else all")
    text: Told = Field(default="{{ body }}", description="What the agent is told; Jinja that sees body and headers")
    answer_in: RoomName = Field(default="", description="Where its answer goes, as in tifa-discord/ops")
