"""Words of others, made fit to stand beside ours: nothing in them hides, moves, or ends what they are quoted in."""

import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable

NAME = 64
"""Characters of a name."""

_MOVES = re.compile(
    r"""
      (?:\x1b\[|\x9b)[0-?]*[\ -/]*[@-~]?                 # what a terminal obeys: colours, the cursor
    | \x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?                 # its title, its links
    | \x1b[@-_]?
    | [\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]
    | [\u202a-\u202e\u2066-\u2069]                       # the direction of writing
    | [\u2060-\u2064\ufeff\U000e0100-\U000e01ef]         # letters that nobody sees
    | (?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+
    """,
    re.VERBOSE,
)
_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e01ef]")
"""A text without these is clean; they are looked for quickly."""
_LINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
_MARKS = re.compile(r"""[\[\]{}<>|`"\\:*#@«»“”„]""")
_SALT = secrets.token_bytes(16)


def clean(text: str) -> str:
    """The text without what a terminal obeys, what turns the direction of writing, and what hides in plain sight."""
    return _MOVES.sub("", _LINES.sub("\n", text)) if _ODD.search(text) else text


def folded(text: str) -> str:
    """The text as one compares it: without case, width, and letters that nobody sees."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf").casefold()


def clean_name(name: str) -> str:
    """A name on one line, with none of the signs that a prompt or a platform gives a meaning to; it may be empty."""
    plain = unicodedata.normalize("NFKC", clean(name[: 4 * NAME]))
    seen = "".join(letter for letter in plain if unicodedata.category(letter)[0] != "C" or letter.isspace())
    return " ".join(_MARKS.sub(" ", seen).split())[:NAME].rstrip()


def quoted(text: object) -> str:
    """A text in double quotes on one line, which nothing in it can close."""
    return json.dumps(clean(str(text)), ensure_ascii=False)


def quoted_lines(text: str) -> str:
    """Each line of a text behind a `>`."""
    return "\n".join(f"> {line}" for line in clean(text).splitlines())


def shortened(text: str, most: int) -> str:
    """All of it, or its beginning: so many characters with the sign that there is more."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def share(text: str, said: str) -> float:
    """How much of a text is made of words that were said, from 0 to 1; endings make no other word."""
    words, known = _stems(text), _stems(said)
    return len(words & known) / len(words) if words else 0.0


def adds(text: str, known: str) -> bool:
    """Whether a text has words that another has not; one without words to compare has."""
    words = _stems(text)
    return not words or not words <= _stems(known)


def _stems(text: str) -> set[str]:
    """The beginnings of the words of a text; those of one or two letters say nothing."""
    return {word[:4] for word in re.findall(r"\w+", folded(text)) if len(word) > 2 or word.isdigit()}


def key(*texts: str, absent_from: Iterable[str]) -> str:
    """A word for marks around what others wrote: the same for the same texts, known to nobody outside this process,
    and in none of what it is to mark."""
    others, number = list(absent_from), 0
    while True:
        found = hmac.new(_SALT, "\0".join((*texts, str(number))).encode("utf-8", "replace"), "sha256").hexdigest()[:8]
        if not any(found in text for text in others):
            return found
        number += 1
