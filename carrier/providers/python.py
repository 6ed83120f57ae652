"""Tells what a function of the operator's returns."""

from carrier.functions import called, load_taking
from carrier.interfaces import Given, Turn
from carrier.types.parts import PartDefinition


class PythonProvider:
    """`def levels(turn)`, plain or async. Making one imports the operator's code, so make it in a thread."""

    def __init__(self, definition: PartDefinition, given: Given):
        self.seconds = definition.timeout
        self._function = load_taking(("turn",), definition.entrypoint, definition.folder, definition.code)

    async def __call__(self, turn: Turn) -> object:
        return await called(self._function, turn, seconds=self.seconds)
