"""A gate: no secret leaves, neither one the host knows nor anything that looks like a key."""

import re
import unicodedata
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Annotated
from urllib.parse import quote, quote_plus

from pydantic import Field

from carrier.evaluators.findings import Folded, OnFound, judged, last_space, shown, struck
from carrier.interfaces import Given, Turn, Verdict

SHORTEST = 6
"""A shorter value is no secret, but a word that would be struck out everywhere."""
LONGEST = 1000
"""Characters over which the letters of a secret may be spread."""

LOOKS_LIKE_A_KEY = re.compile(
    r"""
      \b sk-[A-Za-z0-9_-]{16,}                                # OpenAI, Anthropic, OpenRouter
    | \b gh[opsur]_[A-Za-z0-9]{30,} | \b github_pat_\w{30,}
    | \b glpat-[\w-]{20,}                                     # GitLab
    | \b xox[a-z]-[A-Za-z0-9-]{10,}                           # Slack
    | \b (?:AKIA|ASIA)[A-Z0-9]{16} \b                         # Amazon
    | \b AIza[\w-]{35}                                        # Google
    | \b [rs]k_(?:live|test)_\w{16,}                          # Stripe
    | \b [MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}              # Discord
    | \b eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}                # JSON Web Token
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)


class NoSecrets:
    """Strikes secrets out, has the text written anew, or holds it; what an action is called with is looked at too.

    A secret is found in other letters' width and case, with signs between its letters, backwards and encoded.
    """

    arguments = True

    class Settings(OnFound):
        canaries: tuple[Annotated[str, Field(min_length=6, max_length=500)], ...] = ()
        """Words that are written where nobody may read them, as in a prompt: that one is said tells of a leak."""

    def __init__(self, settings: Settings, given: Given):
        self._settings, self._given = settings, given

    def _secrets(self) -> frozenset[str]:
        return frozenset((*self._given.secrets(), *self._settings.canaries))

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        return judged(self._settings, text, without_secrets(text, self._secrets()), "a secret stood in the text")

    def preview(self, growing: str) -> str | None:
        """All but the last word, and what could still become a secret."""
        secrets = self._secrets()
        clean = shown(self._settings, growing, without_secrets(growing, secrets))
        spaced = max((len(secret) for secret in secrets if any(map(str.isspace, secret))), default=0)
        whole = clean[: max(0, len(clean) - max(spaced, _begun(clean, _spelt(secrets))))]
        whole = whole.partition("-----BEGIN")[0]
        return whole[: last_space(whole)]


def without_secrets(text: str, secrets: Collection[str]) -> str:
    known, spelt = _known(frozenset(secrets)), _spelt(frozenset(secrets))
    text = LOOKS_LIKE_A_KEY.sub("[secret]", known.sub("[secret]", text) if known else text)
    letters = _letters(text) if spelt else ""
    return _without_spelt(text, spelt) if any(each in letters for each in spelt) else text


def _without_spelt(text: str, spelt: Iterable[str]) -> str:
    folded = Folded(text, letters_only=True)
    found = [match.span() for each in spelt for match in re.finditer(re.escape(each), folded.text)]
    return struck(text, (folded.span(*span) for span in found), "[secret]")


def _letters(text: str) -> str:
    """What `Folded` would keep of a text, and quicker."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


def _begun(text: str, spelt: Iterable[str]) -> int:
    """How many characters at the end of a text may be the beginning of what is looked for."""
    tail = Folded(text[-LONGEST:], letters_only=True)
    longest = max(
        (size for each in spelt for size in range(1, len(each)) if tail.text.endswith(each[:size])), default=0
    )
    if not longest:
        return 0
    start, _ = tail.span(len(tail.text) - longest, len(tail.text))
    return len(text[-LONGEST:]) - start


@lru_cache(maxsize=64)
def _spelt(secrets: frozenset[str]) -> tuple[str, ...]:
    """Secrets by their letters and digits alone; of what could be plain words nothing."""
    plain = [(secret, letters) for secret in secrets if _is_odd(letters := _letters(secret))]
    encoded = [text.encode().hex() for both in plain for text in both]
    return tuple({*encoded, *(form for _, letters in plain for form in (letters, letters[::-1]))})


def _is_odd(letters: str) -> bool:
    return len(letters) >= 12 or (len(letters) >= 8 and any(map(str.isdigit, letters)))


@lru_cache(maxsize=64)
def _known(secrets: frozenset[str]) -> re.Pattern[str] | None:
    """Any form of any of these, the longest first, so that no half of one is left over."""
    forms = {form for secret in secrets if len(secret) >= SHORTEST for form in (secret, *_disguises(secret))}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))) if forms else None


def _disguises(secret: str) -> Iterator[str]:
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    for encode in (b64encode, urlsafe_b64encode):
        for offset in range(3):
            # What stands before a secret within encoded text shifts it; only whole characters of its own are sought.
            encoded = encode(bytes(offset) + secret.encode()).decode()
            end = len(encoded) if (len(secret.encode()) + offset) % 3 == 0 else len(encoded.rstrip("=")) - 1
            yield encoded[(0, 2, 3)[offset] : end]
