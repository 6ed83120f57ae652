"""Dice, for games and for making up one's mind."""

import random
from typing import Annotated

from pydantic import Field


def roll(
    dice: Annotated[int, Field(ge=1, le=20, description="How many dice to roll.")] = 1,
    sides: Annotated[int, Field(ge=2, le=1000, description="How many sides each of them has.")] = 6,
) -> str:
    """Roll some dice and read what they show."""
    shown = [random.randint(1, sides) for _ in range(dice)]
    if dice == 1:
        return f"The die with {sides} sides shows {shown[0]}."
    return f"The {dice} dice with {sides} sides show {', '.join(map(str, shown))}: {sum(shown)} in all."
