"""A gate: no secret leaves, neither one the host knows nor anything that looks like a key."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Literal
from urllib.parse import quote, quote_plus

from pydantic import BaseModel, ConfigDict

from carrier.interfaces import Given, Turn, Verdict

SHORTEST = 6
"""A shorter value is no secret, but a word that would be struck out everywhere."""

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
    """Strikes secrets out, or with `on_found: hold` holds the text."""

    class Settings(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        on_found: Literal["redact", "hold"] = "redact"

    def __init__(self, settings: Settings, given: Given):
        self._holds = settings.on_found == "hold"
        self._secrets = given.secrets

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        clean = without_secrets(text, self._secrets())
        if clean != text and self._holds:
            return Verdict("", held="a secret stood in the text")
        return Verdict(clean)

    def preview(self, growing: str) -> str | None:
        """All but the last word, and as much more as a secret with spaces in it could still need."""
        secrets = self._secrets()
        clean = without_secrets(growing, secrets)
        if clean != growing and self._holds:
            return ""
        spaced = max((len(secret) for secret in secrets if any(map(str.isspace, secret))), default=0)
        whole = clean[: max(0, len(clean) - spaced)]
        whole = whole.partition("-----BEGIN")[0]
        return whole[: _last_space(whole)]


def _last_space(text: str) -> int:
    return max((place + 1 for place, letter in enumerate(text) if letter.isspace()), default=0)


def without_secrets(text: str, secrets: Collection[str]) -> str:
    known = _known(frozenset(secrets))
    return LOOKS_LIKE_A_KEY.sub("[secret]", known.sub("[secret]", text) if known else text)


@lru_cache(maxsize=4)
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
