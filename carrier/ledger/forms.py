"""How values become the JSON text of a row, and come back as what they were."""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError
from sqlalchemy import Row

from carrier.types.talk import Attachment, Message


@cache
def _adapter(form: Any) -> TypeAdapter[Any]:
    return TypeAdapter(form)


def dump(form: Any, value: object) -> str:
    try:
        return _adapter(form).dump_json(value).decode()
    except PydanticSerializationError:
        # It may be for lone surrogates, which a model or an action may come up with.
        return storable(json.dumps(_adapter(form).dump_python(value, mode="json"), ensure_ascii=False))


def load(form: Any, text: str) -> Any:
    """The value again; raises pydantic's ValidationError for text of another form."""
    return _adapter(form).validate_json(text)


def storable(text: str) -> str:
    """What every store can hold: lone surrogates and NUL become the replacement character."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\0", "\ufffd")


def to_message(row: Row[Any]) -> Message:
    return Message(
        client=row.client,
        platform_id=row.platform_id,
        room=row.room,
        sender=row.sender,
        sender_name=row.sender_name,
        text=row.text,
        kind=row.kind,
        addressed=row.addressed,
        to=row.addressee,
        reply_to=row.reply_to,
        attachments=load(tuple[Attachment, ...], row.attachments),
        direct=row.direct,
        bot=row.bot,
        roles=tuple(json.loads(row.roles)),
        within=tuple(json.loads(row.within)),
        created_at=row.created_at,
        at=row.at,
    )
