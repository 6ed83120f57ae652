"""A gate: nobody is called up who was not meant to be, least of all everybody at once."""

import re
from typing import Literal

from carrier.evaluators.findings import OnFound, judged, last_space, shown
from carrier.interfaces import Given, Turn, Verdict

Mentioned = Literal["everyone", "here", "channel", "all", "room", "roles", "users"]

CALLS = re.compile(
    r"[@\uff20\ufe6b](?P<all>everyone|here|channel|all|room)\b(?!\.\w)"
    r"|<!(?P<special>everyone|here|channel)(?:\|[^<>]*)?>"
    r"|<@&(?P<roles>\d+)>"
    r"|<!subteam\^(?P<team>\w+)(?:\|[^<>]*)?>"
    r"|<@!?(?P<users>\w+)(?:\|[^<>]*)?>",
    re.IGNORECASE,
)


class Mentions:
    """Takes the sign out of calls such as `@everyone`, has the text written anew, or holds it."""

    notices = True

    class Settings(OnFound):
        allow: tuple[Mentioned, ...] = ("users",)

    def __init__(self, settings: Settings, given: Given):
        self._settings = settings

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        return judged(self._settings, text, CALLS.sub(self._plain, text), "it calls people up who are not to be called")

    def preview(self, growing: str) -> str | None:
        whole = growing[: last_space(growing)]
        begun = re.search(r"<[^<>]{0,200}\Z", whole)
        whole = whole[: begun.start()] if begun else whole
        return shown(self._settings, whole, CALLS.sub(self._plain, whole))

    def _plain(self, call: re.Match[str]) -> str:
        name = (call["all"] or call["special"] or "").lower()
        kind = name or ("users" if call["users"] else "roles")
        if kind in self._settings.allow:
            return call[0]
        return name or f"[{kind.removesuffix('s').replace('user', 'somebody')}]"
