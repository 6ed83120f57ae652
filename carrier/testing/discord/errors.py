"""The errors of the REST API, as Discord words them."""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer that is no success: a status, a code of Discord's, and where in a form the mistake is."""

    def __init__(self, status: int, code: int, message: str, errors: Mapping[str, Any] | None = None):
        super().__init__(message)
        self.status, self.body = status, {"message": message, "code": code, **({"errors": errors} if errors else {})}


def unauthorized() -> ApiError:
    return ApiError(401, 0, "401: Unauthorized")


def not_found() -> ApiError:
    return ApiError(404, 0, "404: Not Found")


def not_allowed() -> ApiError:
    return ApiError(405, 0, "405: Method Not Allowed")


def unknown(what: str) -> ApiError:
    return ApiError(404, UNKNOWN[what], f"Unknown {what}")


UNKNOWN = {
    "Channel": 10003,
    "Guild": 10004,
    "Member": 10007,
    "Message": 10008,
    "Role": 10011,
    "User": 10013,
    "Emoji": 10014,
    "Webhook": 10015,
    "Interaction": 10062,
    "Application Command": 10063,
}


def no_access() -> ApiError:
    return ApiError(403, 50001, "Missing Access")


def no_permission() -> ApiError:
    return ApiError(403, 50013, "Missing Permissions")


def empty_message() -> ApiError:
    return ApiError(400, 50006, "Cannot send an empty message")


def invalid(field: str, code: str, message: str) -> ApiError:
    """50035: one field of what was sent is wrong; dots lead into it."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)


def too_long(field: str, most: int) -> ApiError:
    return invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {most} or fewer in length.")
