"""A gate: no answer is longer than it may be."""

from pydantic import Field

from carrier.evaluators.findings import OnFound, judged, shown
from carrier.interfaces import Given, Turn, Verdict

MORE = " …"
ENDS = (". ", "! ", "? ", "\n", ", ", " ")
"""Where a text is cut best, the better first."""


class Length:
    """Cuts what is too long after a sentence, has it written anew, or holds it."""

    class Settings(OnFound):
        max_chars: int = Field(2000, ge=20)

    def __init__(self, settings: Settings, given: Given):
        self._settings = settings

    async def __call__(self, turn: Turn, text: str) -> Verdict:
        most = self._settings.max_chars
        return judged(self._settings, text, self._cut(text), f"it has {len(text)} characters; {most} are the most")

    def preview(self, growing: str) -> str | None:
        most = self._settings.max_chars
        if self._settings.on_found == "redact" and len(growing) <= most:
            # Where it is cut, in its second half, is known once it has grown too long.
            return growing[: most // 2]
        return shown(self._settings, growing, self._cut(growing))

    def _cut(self, text: str) -> str:
        most = self._settings.max_chars
        if len(text) <= most:
            return text
        room = text[: most - len(MORE)]
        place = next((at + len(end.rstrip(" ")) for end in ENDS if (at := room.rfind(end)) > most // 2), len(room))
        return room[:place].rstrip() + MORE
