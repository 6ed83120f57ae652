"""Words beside a post: the caption, what is told of a picture, and the names of others."""

import re
from collections.abc import Iterator, Sequence

from carrier.media import limits
from carrier.types.posts import Fault

_HASHTAG = re.compile(r"#\w")
_MENTION = re.compile(r"@\w")
_HANDLE = re.compile(r"[A-Za-z0-9_.]{1,30}")


def word_faults(
    caption: str = "",
    first_comment: str = "",
    alt_text: str = "",
    collaborators: Sequence[str] = (),
    user_tags: Sequence[str] = (),
) -> tuple[Fault, ...]:
    """What is wrong with them."""
    return (
        *_text_faults("caption", caption),
        *_text_faults("first comment", first_comment),
        *_alt_text_faults(alt_text),
        *_people_faults("collaborator", collaborators, limits.COLLABORATORS),
        *_people_faults("tagged account", user_tags, limits.USER_TAGS),
    )


def _text_faults(where: str, text: str) -> Iterator[Fault]:
    yield from _length_faults(where, text)
    hashtags, mentions = len(_HASHTAG.findall(text)), len(_MENTION.findall(text))
    if hashtags > limits.HASHTAGS:
        remedy = f"leave out {hashtags - limits.HASHTAGS}"
        yield Fault(
            f"{hashtags} hashtags are more than the {limits.HASHTAGS} that Instagram takes", remedy, where=where
        )
    elif hashtags > limits.HASHTAGS_WISE:
        remedy = f"keep the {limits.HASHTAGS_WISE} that fit best"
        what = f"{hashtags} hashtags: Instagram counts no more than {limits.HASHTAGS_WISE} on more and more accounts"
        yield Fault(what, remedy, "warning", where)
    if mentions > limits.MENTIONS:
        remedy = f"leave out {mentions - limits.MENTIONS}"
        yield Fault(
            f"{mentions} mentions are more than the {limits.MENTIONS} that Instagram takes", remedy, where=where
        )


def _length_faults(where: str, text: str) -> Iterator[Fault]:
    length, most = len(text), limits.CAPTION
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if length > most:
        what = f"{length:,} characters are more than the {most:,} that Instagram takes"
        yield Fault(what, f"shorten it by {length - most:,}", where=where)
    elif units > most:
        what = f"{length:,} characters count as {units:,} where an emoji counts twice; Instagram takes {most:,}"
        yield Fault(what, f"shorten it by {units - most:,} to be sure", "warning", where)


def _alt_text_faults(text: str) -> Iterator[Fault]:
    if len(text) > limits.ALT_TEXT:
        what = f"{len(text):,} characters are more than the {limits.ALT_TEXT:,} that Instagram takes"
        yield Fault(what, f"shorten it by {len(text) - limits.ALT_TEXT:,}", where="alt text")


def _people_faults(where: str, handles: Sequence[str], most: int) -> Iterator[Fault]:
    if len(handles) > most:
        yield Fault(f"{len(handles)} are more than the {most} that Instagram takes", f"keep {most}", where=f"{where}s")
    for handle in handles:
        if handle.startswith("@"):
            yield Fault(f"{handle!r} begins with an @", f"write {handle.lstrip('@')!r}", where=where)
        elif _HANDLE.fullmatch(handle) is None:
            remedy = "write the name as it stands on its profile: letters, digits, `_` and `.`, at most 30"
            yield Fault(f"{handle!r} is no name of an account", remedy, where=where)
