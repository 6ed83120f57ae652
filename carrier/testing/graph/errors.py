"""What the Graph API says when it does not do what was asked, in its own words and numbers."""

from dataclasses import dataclass, replace
from typing import Any


class GraphError(Exception):
    """The Graph API does not do what was asked."""

    def __init__(self, refusal: "Refusal"):
        self.refusal = refusal
        super().__init__(refusal.message)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no success."""

    code: int
    message: str
    subcode: int = 0
    type: str = "OAuthException"
    title: str = ""
    """For people, with `explanation`."""
    explanation: str = ""
    is_transient: bool = False
    http: int = 400

    def body(self, trace: str) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.code}
        if self.subcode:
            error |= {"error_subcode": self.subcode, "is_transient": self.is_transient}
        elif self.is_transient:
            error["is_transient"] = True
        if self.title:
            error |= {"error_user_title": self.title, "error_user_msg": self.explanation}
        return {"error": {**error, "fbtrace_id": trace}}


def no_such_object(id: str, method: str = "GET") -> Refusal:
    return Refusal(
        100,
        f"Unsupported {method.lower()} request. Object with ID '{id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api",
        33,
        "GraphMethodException",
    )


def wrong_parameter(message: str, subcode: int = 0, title: str = "", explanation: str = "") -> Refusal:
    return Refusal(100, f"(#100) {message}", subcode, "OAuthException", title, explanation)


def wrong_method(method: str) -> Refusal:
    return Refusal(100, f"Unsupported request - method type: {method.lower()}", type="IGApiException")


def not_permitted(permission: str) -> Refusal:
    return Refusal(10, f"(#10) Application does not have permission for this action: {permission} is missing")


def invalid_token(subcode: int = 0) -> Refusal:
    return Refusal(190, _TOKEN.get(subcode, "Invalid OAuth access token - Cannot parse access token"), subcode)


_TOKEN = {
    458: "Error validating access token: The user has not authorized application",
    459: "Error validating access token: You cannot access the app till you log in to www.instagram.com and follow "
    "the instructions given.",
    460: "Error validating access token: The session has been invalidated because the user changed their password or "
    "Facebook has changed the session for security reasons.",
    463: "Error validating access token: Session has expired.",
    467: "Error validating access token: The session has been invalidated because the user logged out.",
}

NO_TOKEN = Refusal(104, "An access token is required to request this resource.")
NO_SUCH_CONTAINER = Refusal(
    24,
    "The requested resource does not exist",
    2207008,
    title="Media builder not found",
    explanation="The media builder with this creation id does not exist or has expired.",
)
NOT_READY = Refusal(
    9007,
    "Media ID is not available",
    2207027,
    title="The media is not ready",
    explanation="The media is not ready for publishing, please wait for a moment",
)
QUOTA = Refusal(
    9,
    "Application request limit reached",
    2207042,
    title="The maximum number of posts is reached",
    explanation="You have reached the maximum number of posts that is allowed to be published by Content Publishing "
    "API.",
)
RESTRICTED = Refusal(
    25,
    "The Instagram account is restricted.",
    2207050,
    title="The Instagram account is restricted",
    explanation="The Instagram professional account is inactive, checkpointed, or restricted.",
)
ACTION_BLOCKED = Refusal(
    4,
    "Application request limit reached",
    2207051,
    title="Action blocked",
    explanation="We restrict certain activity to protect our community. Tell us if you think we made a mistake.",
)
TOO_MANY_CALLS = Refusal(80002, "(#80002) There have been too many calls to this Instagram account.")
TOO_BIG = Refusal(36000, "The image is too large to download.", 2207004, explanation="It should be less than 8 MiB.")
NO_JPEG = Refusal(36001, "The image format is not supported.", 2207005, explanation="Supported formats are: JPEG.")
WRONG_RATIO = Refusal(
    36003, "The aspect ratio is not supported.", 2207009, explanation="The image's aspect ratio is out of range."
)
LONG_CAPTION = Refusal(
    36004, "The caption was too long.", 2207010, explanation="At most 2,200 characters, 30 hashtags and 20 @ tags."
)
TOO_MANY_TAGS = wrong_parameter("Cannot use more than 20 @ tags in a caption", 2207040)
NO_SUCH_USER = Refusal(110, "Invalid user id", 2207018)
THUMBNAIL = Refusal(1, "The thumbnail offset is out of range", 2207057)
CHILDREN = wrong_parameter("A carousel has 2 to 10 items", 2207028)
NO_FIELDS_HERE = Refusal(
    20, "The requested response format is not supported for this edge", 1772107, title="Unsupported response format"
)
FEW_VIEWERS = Refusal(10, "(#10) Not enough viewers for the media to show insights")
WINDOW = Refusal(10, "(#10) This message is sent outside of allowed window.", 2534022)
NOBODY = Refusal(100, "(#100) No matching user found", 2534014)
FUTURE_VERSION = Refusal(2635, "(#2635) You are calling a version of the API that does not exist.")


def not_fetched(url: str, why: str) -> Refusal:
    return replace(_NOT_FETCHED, explanation=f"The media could not be fetched from this URI: {url}. {why}")


_NOT_FETCHED = Refusal(
    9004,
    "Only photo or video can be accepted as media type.",
    2207052,
    title="Media download has failed. The media URI doesn't meet our requirements.",
)
