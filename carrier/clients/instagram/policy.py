"""What an error of the Graph API means for a post: one table, in two columns.

An error before the order to publish says that nothing was published. As an answer to that order it mostly says nothing:
posts were seen to be live whose order was answered with code 4, 1 or 2. So there most of them mean *look*.

Codes: developers.facebook.com/documentation/instagram-platform, "Error codes" (of 2 June 2026); and a few that others
have met.
"""

import re

from carrier.errors import PostRemedy

_ANY = -1
"""Every subcode that has no row of its own, and none."""

_TABLE: dict[tuple[int, int], tuple[PostRemedy, PostRemedy]] = {
    # code, subcode: while a container is made or waited for; as the answer to the order to publish
    (-2, 2207003): ("renew", "look"),  # it took too long to fetch the media
    (-2, 2207020): ("renew", "renew"),  # the media have expired
    (-1, 2207001): ("retry", "look"),  # Instagram's own error
    (-1, 2207032): ("renew", "look"),  # the container could not be made
    (-1, 2207053): ("renew", "look"),  # the video did not arrive
    (1, _ANY): ("retry", "look"),  # unknown
    (1, 2207057): ("fix", "look"),  # the offset of the thumbnail is outside of the video
    (2, _ANY): ("retry", "look"),  # down for a moment
    (4, _ANY): ("wait", "look"),  # too many calls of the app
    (4, 2207051): ("human", "look"),  # taken for spam; seen with the post live
    (9, 2207042): ("wait", "wait"),  # as many posts as a day may have
    (10, _ANY): ("sign in", "sign in"),  # not permitted
    (10, 2534022): ("fix", "fix"),  # a direct message later than a day after the last one of who it is for
    (17, _ANY): ("wait", "look"),  # too many calls of the user
    (24, 2207006): ("renew", "look"),  # no such media, or no permission
    (24, 2207008): ("again", "look"),  # no such container, perhaps only for a moment
    (25, 2207050): ("sign in", "sign in"),  # the account is restricted
    (32, _ANY): ("wait", "look"),  # too many calls of the page
    (100, _ANY): ("fix", "look"),  # a parameter is wrong
    (100, 2534014): ("fix", "fix"),  # nobody of that id has ever written
    (100, 33): ("retry", "look"),  # no such object; also seen with fresh ones
    (102, _ANY): ("sign in", "sign in"),
    (104, _ANY): ("sign in", "sign in"),  # no token at all
    (110, 2207018): ("fix", "look"),  # no such account to tag or to invite
    (190, _ANY): ("sign in", "sign in"),  # the token
    (341, _ANY): ("wait", "look"),
    (352, 2207026): ("fix", "look"),  # not a video that is taken
    (368, _ANY): ("human", "look"),  # blocked for a while
    (613, _ANY): ("wait", "look"),
    (9004, 2207052): ("again", "look"),  # the media could not be fetched
    (9007, 2207027): ("poll", "poll"),  # not ready yet
    (36000, 2207004): ("fix", "look"),  # the picture is too large
    (36001, 2207005): ("fix", "look"),  # not a picture that is taken
    (36003, 2207009): ("fix", "look"),  # the ratio
    (36004, 2207010): ("fix", "look"),  # the caption
    (80002, _ANY): ("wait", "look"),  # too many calls for this account
}

_SUBCODES: dict[int, tuple[PostRemedy, PostRemedy]] = {
    # Met by others, with codes that differ.
    2207077: ("renew", "look"),
    2207081: ("fix", "look"),  # the account may not publish trial reels
    2207082: ("renew", "look"),
}


def remedy(code: int, subcode: int, passes: bool, publishing: bool) -> PostRemedy:
    """What to do after an error; `passes` is what it says of itself (`is_transient`)."""
    row = _TABLE.get((code, subcode)) or _SUBCODES.get(subcode) or _TABLE.get((code, _ANY)) or _range(code)
    if row:
        return row[1 if publishing else 0]
    if publishing:
        return "look"
    return "retry" if passes else "fix"


def passes(status: str) -> bool:
    """Whether another container may do better than one that ended in an error, by the subcode in the words for it."""
    known = _SUBCODES | {subcode: row for (_, subcode), row in _TABLE.items() if subcode != _ANY}
    rows = [known.get(int(found)) for found in re.findall(r"\b22[0-9]{5}\b", status)]
    return any(row[0] in ("renew", "retry", "again") for row in rows if row)


def _range(code: int) -> tuple[PostRemedy, PostRemedy] | None:
    """Permissions have a hundred codes."""
    return ("sign in", "sign in") if 200 <= code < 300 else None
