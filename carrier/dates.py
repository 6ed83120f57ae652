"""How a day is said, in the same words on every machine."""

from datetime import UTC, datetime, tzinfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def day(at: int, zone: tzinfo = UTC) -> str:
    """The day of a moment in microseconds since 1970: `21 November 2026`."""
    return day_of(datetime.fromtimestamp(at / 1_000_000, zone))


def day_of(moment: datetime) -> str:
    # Not strftime: its names follow the machine's language.
    return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"
