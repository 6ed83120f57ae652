"""The form of log lines: what others wrote moves no cursor in them, and begins no line that looks like one of ours."""

import logging

from carrier.quoting import clean


class Lines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = clean(record.message).replace("\n", "\n  ")
        return super().formatMessage(record)
