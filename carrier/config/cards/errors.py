"""What is said of a file that holds no character."""

from carrier.errors import CarrierError


class CardError(CarrierError):
    """A card cannot be read, or not be written; the sentence says why."""
