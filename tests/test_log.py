"""What strangers are called and write can stand in a log and does nothing there."""

import logging
import re

from carrier.log import Lines


def line(message: str, *values: object) -> str:
    record = logging.LogRecord("carrier", logging.WARNING, "", 1, message, values, None)
    return re.sub(r"^\d\d:\d\d:\d\d", "12:00:00", Lines().format(record))


def test_a_line_looks_as_it_always_did() -> None:
    assert line("%s: listening on %s", "tifa", "chat") == "12:00:00 WARNING tifa: listening on chat"


def test_nothing_moves_the_cursor_or_begins_a_line_of_its_own() -> None:
    assert line("%s is too fast", "eve\r\n12:00:01 INFO    approved\x1b[2J") == (
        "12:00:00 WARNING eve\n  12:00:01 INFO    approved is too fast"
    )
