"""An action's parameters come from its type hints; whatever goes wrong in it is told in words, and the host goes on."""

import re
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carrier.actions.ignore import Ignore
from carrier.actions.python import PythonAction
from carrier.actions.reply import Reply
from carrier.errors import ActionError
from carrier.interfaces import Action
from carrier.registry import ACTIONS, UnknownPart, find
from carrier.testing.turns import TurnMaker
from carrier.threads import Pool
from carrier.types.agents import ActionDefinition, CallExample
from carrier.types.talk import SILENCE

ROOT = Path(__file__).parent.parent


def action(folder: Path, code: str, name: str = "act", secrets: tuple[str, ...] = (), timeout: float = 5.0) -> Action:
    definition = ActionDefinition(
        "act", "python", entrypoint=f"mine.py:{name}", folder=folder, timeout=timeout, code=code
    )
    return PythonAction(definition, TurnMaker(secrets=secrets).given())


async def run(made: Action, maker: TurnMaker | None = None, **arguments: Any) -> object:
    return await made((maker or TurnMaker()).turn(), **arguments)


async def failure(made: Action, **arguments: Any) -> str:
    with pytest.raises(ActionError) as failed:
        await run(made, **arguments)
    return str(failed.value)


# --- parameters ----------------------------------------------------------------------------------------------


def test_parameters_are_a_json_schema_of_the_type_hints(tmp_path: Path) -> None:
    code = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated, Literal
from pydantic import Field

@dataclass
class Place:
    city: str

Days = Annotated[int, Field(ge=1, description="How far.")]

def act(place: Place, unit: Literal["C", "F"] = "C", days: Days = 3, json=None):
    """The forecast
    for a place.

    Args:
        place: Where it is.
        unit (str): Which degrees.
        days: not this one
    :param json: Anything.
    """
'''
    made = action(tmp_path, code)

    assert made.description == "The forecast for a place."
    parameters = dict(made.parameters)
    assert parameters["required"] == ["place"]
    assert parameters["additionalProperties"] is False
    assert parameters["properties"] == {
        "place": {"$ref": "#/$defs/Place", "description": "Where it is."},
        "unit": {"default": "C", "enum": ["C", "F"], "type": "string", "description": "Which degrees."},
        "days": {"default": 3, "minimum": 1, "type": "integer", "description": "How far."},
        "json": {"default": None, "description": "Anything."},
    }


def test_the_examples_of_calls_stand_in_the_description(tmp_path: Path) -> None:
    roll = ActionDefinition("roll", "python", entrypoint="mine.py:roll", code="def roll(dice: int = 1): 'Roll dice.'")
    examples = (CallExample("Höher!", {"dice": 2}), CallExample("Roll", {}))

    made = PythonAction(replace(roll, examples=examples), TurnMaker().given())

    assert made.description == 'Roll dice.\nFor example, for "Höher!": {"dice": 2}\nFor example, for "Roll": {}'
    with pytest.raises(UnknownPart, match="roll: example 1: wrong arguments: dice: 'two' is not of type 'integer'"):
        PythonAction(replace(roll, examples=(CallExample("Two", {"dice": "two"}),)), TurnMaker().given())


async def test_arguments_are_checked_and_take_their_types_before_anything_runs(tmp_path: Path) -> None:
    made = action(tmp_path, "def act(count: int, loud: bool = False):\n    return [count + 1, loud]")

    assert await run(made, count="2", loud="true") == [3, True]
    assert await failure(made, count="many", size=1) == (
        "act was not run: count: Input should be a valid integer, unable to parse string as an integer; "
        "size: Extra inputs are not permitted"
    )
    assert await failure(made) == "act was not run: count: Field required"


@pytest.mark.parametrize(
    "code",
    ["def act(turn, text: str):", "from carrier.interfaces import Turn\nasync def act(now: Turn, text: str):"],
    ids=["by name", "by type"],
)
async def test_a_first_parameter_for_the_turn_gets_it_and_is_no_argument(tmp_path: Path, code: str) -> None:
    first = "turn" if "turn," in code else "now"
    made = action(tmp_path, f"{code}\n    return {first}.message.sender_name + text")

    assert await run(made, text="!") == "Anna!"
    assert list(made.parameters["properties"]) == ["text"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def other(): pass", "AttributeError: module .* has no attribute 'act'"),
        ("act = 3", "is no function"),
        ("def act(:", "SyntaxError"),
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("import nothing_of_the_kind", "ModuleNotFoundError"),
        ("def act(*words): pass", "parameters cannot be put into JSON: \\*words has no name"),
        ("def act(thing: 'Missing'): pass", "parameters cannot be put into JSON: name 'Missing' is not defined"),
        ("class T: pass\ndef act(thing: T): pass", "parameters cannot be put into JSON"),
    ],
)
def test_a_function_that_cannot_be_used_says_why(tmp_path: Path, code: str, reason: str) -> None:
    with pytest.raises(UnknownPart, match=f"mine.py:act.* ?{reason}"):
        action(tmp_path, code)


# --- running -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_an_error_is_told_without_its_trace_and_without_secrets(tmp_path: Path, kind: str) -> None:
    made = action(tmp_path, f"{kind} act():\n    raise KeyError('hunter22 is missing')", secrets=("hunter22",))

    assert await failure(made) == "act failed: KeyError: '[secret] is missing'"


async def test_an_actions_own_words_reach_the_model_as_they_are(tmp_path: Path) -> None:
    code = "from carrier.errors import ActionError\ndef act():\n    raise ActionError('no such city')"

    assert await failure(action(tmp_path, code)) == "no such city"


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_an_action_cannot_end_the_host(tmp_path: Path, kind: str) -> None:
    assert await failure(action(tmp_path, f"import sys\n{kind} act():\n    sys.exit(3)")) == "act failed: SystemExit: 3"


async def test_a_coroutine_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    made = action(tmp_path, "import asyncio\nasync def act():\n    await asyncio.Event().wait()", timeout=0.05)

    assert await failure(made) == "act was stopped half-way: it took longer than 0.05 s"


async def test_a_thread_that_takes_too_long_goes_on_and_its_result_says_so(tmp_path: Path) -> None:
    code = (
        "import threading\ngo, done = threading.Event(), threading.Event()\ndef act():\n    go.wait()\n    done.set()"
    )
    made = action(tmp_path, code, timeout=0.05)
    module = sys.modules[made._function.__module__]  # type: ignore[attr-defined]

    told = await failure(made)
    module.go.set()

    assert told == "act took longer than 0.05 s; it goes on and may still take effect"
    assert module.done.wait(5)


def test_a_call_keeps_its_place_until_it_ends_and_one_that_never_began_never_will() -> None:
    pool, end = Pool(1), threading.Event()
    ran: list[str] = []

    first = pool.submit(end.wait)
    second = pool.submit(lambda: ran.append("second"))
    third = pool.submit(lambda: ran.append("third"))
    assert second.cancel()
    end.set()

    assert first.result(5) is True
    third.result(5)
    assert ran == ["third"]


async def test_blocking_code_runs_on_a_thread_of_its_own_and_async_code_on_the_loop(tmp_path: Path) -> None:
    code = "import threading\n{} act():\n    return threading.current_thread().name"

    assert await run(action(tmp_path, code.format("def"))) == "carrier-function"
    assert await run(action(tmp_path, code.format("async def"))) == "MainThread"


async def test_a_changed_file_is_new_code_beside_the_old(tmp_path: Path) -> None:
    before = action(tmp_path, "def act():\n    return 1")
    again = action(tmp_path, "def act():\n    return 1")
    after = action(tmp_path, "def act():\n    return 2")

    assert [await run(made) for made in (before, again, after)] == [1, 1, 2]
    assert "mine" not in sys.modules


async def test_a_function_of_an_installed_package_is_an_action_too() -> None:
    definition = ActionDefinition("dedent", "python", entrypoint="textwrap:dedent")

    assert await run(PythonAction(definition, TurnMaker().given()), text="  a") == "a"


# --- what ships ----------------------------------------------------------------------------------------------


async def test_replying_says_it_now() -> None:
    maker = TurnMaker()

    await run(Reply(None, maker.given()), maker, text="One moment.")

    assert maker.said == ["One moment."]


async def test_ignoring_is_silence() -> None:
    assert await run(Ignore(None, TurnMaker().given())) == SILENCE


SETTINGS = {"send_message": {"rooms": {"chat/ops": "chat/118"}}}
"""What an action cannot go without."""


@pytest.mark.parametrize("name", ACTIONS)
def test_a_built_in_action_says_how_it_is_called(name: str) -> None:
    part = find(ACTIONS, name)
    assert isinstance(part, type)
    definition = ActionDefinition(name, "built-in", settings=SETTINGS.get(name))
    made: Action = part(definition, TurnMaker().given())

    assert made.name == name
    assert made.description.endswith(".")
    assert made.parameters["type"] == "object"


async def test_dice_are_rolled_within_bounds() -> None:
    code = (ROOT / "actions/dice.py").read_text()
    definition = ActionDefinition("roll_dice", "python", entrypoint="actions/dice.py:roll", folder=ROOT, code=code)
    roll = PythonAction(definition, TurnMaker().given())

    one, three = await run(roll), await run(roll, dice=3, sides="20")

    assert re.fullmatch(r"The die with 6 sides shows [1-6]\.", str(one))
    shown, total = re.fullmatch(r"The 3 dice with 20 sides show (.*): (\d+) in all\.", str(three)).groups()  # type: ignore[union-attr]
    assert sum(map(int, shown.split(", "))) == int(total)
    assert await failure(roll, dice=21) == "roll_dice was not run: dice: Input should be less than or equal to 20"
    assert await failure(roll, sides=1) == "roll_dice was not run: sides: Input should be greater than or equal to 2"
    assert roll.parameters == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "dice": {
                "type": "integer",
                "default": 1,
                "minimum": 1,
                "maximum": 20,
                "description": "How many dice to roll.",
            },
            "sides": {
                "type": "integer",
                "default": 6,
                "minimum": 2,
                "maximum": 1000,
                "description": "How many sides each of them has.",
            },
        },
    }
