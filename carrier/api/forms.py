"""What a caller may send, and what it gets back."""

import mimetypes
import time
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from carrier.config.catalog import HostLimits
from carrier.ledger.forms import storable
from carrier.types.talk import Attachment, Ended, Message

CLIENT = "api"
MOST_TEXT_OF_A_FILE = 50_000
MOST_KEY_CHARS = 200


class FormError(Exception):
    """A body that cannot be read, with the field that is wrong."""

    def __init__(self, field: str, message: str):
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}")


def _is_storable(id: str) -> str:
    if storable(id) != id:
        raise ValueError("holds characters that are none")
    return id


Id = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_is_storable)]


class Place(BaseModel):
    """Who is speaking, and where: without a room, in the one that a user has with the host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user_id: Id = Field("user", alias="userId")
    room_id: Id | None = Field(None, alias="roomId")

    @property
    def room(self) -> str:
        return f"{CLIENT}/{self.room_id or '@' + self.user_id}"


class Look(Place):
    """The query of `GET /{agent}/history`."""

    limit: int = Field(20, ge=1, le=500)


class Form(Place):
    """The body of `POST /{agent}/message`, as JSON or as a form."""

    model_config = ConfigDict(strict=True)

    text: str = ""
    user_name: str = Field("", alias="userName", max_length=200)
    name: str = Field("", max_length=200)

    def message(self, agent: str, key: str, attachments: tuple[Attachment, ...] = ()) -> Message:
        return Message(
            client=CLIENT,
            platform_id=key or new_id(),
            room=self.room,
            sender=f"{CLIENT}:{self.user_id}",
            sender_name=self.user_name or self.name,
            text=self.text,
            kind="api",
            to=agent,
            attachments=attachments,
            created_at=time.time_ns() // 1000,
        )


class RenderForm(Form):
    """The body of `POST /{agent}/render`: a message, and a template to try with it."""

    template: Annotated[str, AfterValidator(_is_storable)] | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a message; a model reads of it what is text."""

    name: str
    media_type: str
    content: bytes

    def attachment(self, path: str = "") -> Attachment:
        return Attachment(self.name, self.media_type, len(self.content), path, _readable(self.content))


Said = TypeVar("Said", bound=Form)


async def read_form(request: Request, limits: HostLimits, kind: type[Said]) -> tuple[Said, Upload | None]:
    """Raises FormError with the field that is wrong."""
    fields, file = await _fields(request, limits.upload)
    form = valid(kind, fields)
    if len(form.text) > limits.message_chars:
        raise FormError("text", f"is {len(form.text)} characters long; at most {limits.message_chars} are taken")
    if not form.text.strip() and file is None:
        raise FormError("text", "is empty; say something, or send a file")
    return form, file


def read_key(request: Request) -> str:
    """What a caller calls its message, so that it may send it twice; empty if it does not say."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > MOST_KEY_CHARS:
        raise FormError("Idempotency-Key", f"is longer than {MOST_KEY_CHARS} characters")
    return key


F = TypeVar("F", bound=BaseModel)


def valid(form: type[F], fields: Any) -> F:
    try:
        return form.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise FormError(".".join(map(str, first["loc"])) or "body", first["msg"]) from error


async def read_json(request: Request) -> dict[str, Any]:
    """A body that is a JSON object; raises FormError for any other."""
    try:
        fields = await request.json()
    except (ValueError, RecursionError) as error:
        raise FormError("body", f"is no JSON and no form: {error}") from error
    if not isinstance(fields, dict):
        raise FormError("body", 'has to be a JSON object, such as {"text": "Hello"}')
    return fields


async def _fields(request: Request, most_bytes: int) -> tuple[Any, Upload | None]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("multipart/form-data", "application/x-www-form-urlencoded"):
        async with request.form(max_files=1, max_fields=20) as form:
            fields = {key: value for key, value in form.multi_items() if key != "file"}
            return fields, await _upload(form.get("file"), most_bytes)
    return await read_json(request), None


async def _upload(file: UploadFile | str | None, most_bytes: int) -> Upload | None:
    if file is None:
        return None
    if isinstance(file, str):
        raise FormError("file", "is no file: send it as a part of multipart/form-data with a file name")
    content = await file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise FormError("file", f"is larger than {most_bytes} bytes")
    name = storable(Path(file.filename or "file").name[:200])
    return Upload(name, file.content_type or mimetypes.guess_type(name)[0] or "application/octet-stream", content)


def keep_file(file: Upload, data: Path) -> Attachment:
    """Keep an upload under a name of ours; call it in a thread."""
    path = f"uploads/{new_id()}"
    (data / path).parent.mkdir(exist_ok=True)
    (data / path).write_bytes(file.content)
    return file.attachment(path)


def _readable(content: bytes) -> str:
    """The beginning of a text file; nothing of any other."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text[:MOST_TEXT_OF_A_FILE]


def new_id() -> str:
    """Unique, and sorted by time."""
    return f"{time.time_ns() // 1_000_000:012x}{token_hex(10)}"


def answer_json(ended: Ended) -> dict[str, Any]:
    return {
        "turn": ended.turn,
        "agent": ended.agent,
        "room": ended.room,
        "outcome": ended.outcome,
        "text": "\n\n".join(ended.texts),
        "messages": [{"text": text} for text in ended.texts],
        "actions": [{"name": result.call.name, "status": result.status} for result in ended.results],
        "model": ended.model,
    }
