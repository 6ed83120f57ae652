"""How long versions of the Graph API go on: Meta says it beforehand, and answers as an older one's heir afterwards.

Dates: developers.facebook.com/docs/graph-api/changelog (of November 2026).
"""

from collections.abc import Mapping
from datetime import date, timedelta

ENDS: Mapping[str, date] = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}
NEWEST = "v26.0"
SOON = timedelta(days=90)


def trouble(version: str, served: str, today: date) -> str:
    """Why another version should be written, in a sentence; empty: there is no hurry. `served` is the one that an
    answer was of, where it said so."""
    remedy = f"set `graph_version` to a newer one, as {NEWEST}"
    ends = ENDS.get(version, date.min if _number(version) < _number(min(ENDS)) else date.max)
    if served and _number(served) > _number(version):
        return f"the Graph API {version} has ended, and answers as {served}; {remedy}"
    if ends <= today:
        return f"the Graph API {version} has ended; {remedy}"
    return f"the Graph API {version} ends on {ends}; {remedy}" if ends - today < SOON else ""


def _number(version: str) -> float:
    """Of what is no version: none that any is older than."""
    try:
        return float(version.removeprefix("v"))
    except ValueError:
        return 0.0
