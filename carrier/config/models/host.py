"""The host itself: carrier.yaml."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, model_validator

from carrier.config.models.values import Block, Described, Duration, Inside, Listed, Size, Zone, model_use


class Folders(Block):
    """The folders that are watched."""

    agents: Annotated[tuple[Inside, ...], Listed] = ("agents.d",)
    actions: Annotated[tuple[Inside, ...], Listed] = ("actions",)
    templates: Annotated[tuple[Inside, ...], Listed] = ("templates",)


class Model(Block):
    """A model by your own name for it; or just its `use`."""

    use: Annotated[str, AfterValidator(model_use)] = Field(default="auto", description="auto, or provider/model")
    timeout: Duration = 60.0
    base_url: str = ""
    api_key: SecretStr | None = Field(default=None, description="Better left in the environment: ${OPENAI_API_KEY}")
    params: dict[str, object] = Field(
        default={}, description="Handed to the model as they are: temperature and the like"
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"use": data} if isinstance(data, str) else data


class Embeddings(Block):
    use: Literal["builtin", "none"] = "builtin"


class Server(Block):
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000


class Limits(Block):
    turns_at_once: Annotated[int, Field(ge=1)] = 64
    message_chars: Annotated[int, Field(ge=1)] = Field(default=8000, description="Characters of one message")
    upload: Size = Field(default=10_000_000, description="The largest file that may come with a message")


class Host(Described):
    """The host itself: carrier.yaml."""

    kind: Literal["host"] = "host"
    version: Annotated[int, Field(ge=1, le=1)] = 1
    timezone: Zone = Field(default="", description="For prompts; else the machine's")
    env_file: Inside = Field(default=".env", description="Variables; the process environment wins over it")
    data: str = Field(default="var", description="Folder of the ledger, the memories and the analytics")
    folders: Folders = Folders()
    models: dict[str, Model] = Field(
        default={}, description="`large` is used by agents unless they say, `small` by evaluators"
    )
    embeddings: Embeddings = Embeddings()
    server: Server = Server()
    limits: Limits = Limits()
