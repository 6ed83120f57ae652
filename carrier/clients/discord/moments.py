"""Discord's ids, which say when what they stand for was made."""

_EPOCH_MS = 1_420_070_400_000


def snowflake(microseconds: int) -> int:
    """The first id that something may have that was made then."""
    return max(0, microseconds // 1000 - _EPOCH_MS) << 22


def made_at(id: int) -> int:
    """In microseconds since 1970."""
    return ((id >> 22) + _EPOCH_MS) * 1000
