"""An answer as the messages it is sent in: as many as it takes, or its beginning and a file, or a thread."""

from collections.abc import Iterator
from dataclasses import replace

from carrier.clients.discord.splitting import LIMIT, pieces
from carrier.config.models.discord import Long
from carrier.types.talk import Attachment, Outgoing

FILE = "answer.md"


def divided(outgoing: Outgoing, long: Long) -> Iterator[Outgoing]:
    """In order, each with a key of its own; the first refers to what is answered, files come with the last."""
    texts = [piece.text for piece in pieces(outgoing.text, LIMIT)] or [""]
    if len(texts) > long.over and long.as_ == "file":
        yield _with_file(outgoing, texts[0])
    elif len(texts) == 1:
        yield replace(outgoing, text=texts[0])
    else:
        in_thread = len(texts) > long.over and long.as_ == "thread" and outgoing.reply_to.isdigit()
        yield from _in_order(outgoing, texts, outgoing.reply_to if in_thread else "")


def _with_file(outgoing: Outgoing, beginning: str) -> Outgoing:
    whole = Attachment(FILE, "text/markdown", len(outgoing.text.encode(errors="replace")), text=outgoing.text)
    return replace(outgoing, text=beginning, attachments=(*outgoing.attachments, whole))


def _in_order(outgoing: Outgoing, texts: list[str], thread: str) -> Iterator[Outgoing]:
    last = len(texts) - 1
    for number, text in enumerate(texts):
        yield replace(
            outgoing,
            key=f"{outgoing.key}/{number:02}",
            text=text,
            reply_to="" if number else outgoing.reply_to,
            attachments=outgoing.attachments if number == last else (),
            asks=outgoing.asks if number == last else "",
            thread=thread if number else "",
        )
