"""A turn that publishes something: its files are made ready, its words are written, and every gate looks at them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from carrier.errors import CarrierError
from carrier.ledger.slots import Slot
from carrier.runtime.acting import Acting
from carrier.runtime.drafting import Draft, Drafting, Nothing, Spoilt, given, rendered
from carrier.runtime.turns import OpenTurn
from carrier.runtime.writing import Writing
from carrier.types.agents import Agent
from carrier.types.models import ActionCall, Image, Prompt, Request
from carrier.types.schedules import Making, Schedule, Wording
from carrier.types.talk import SILENCE, Response

REWRITES = 2
"""Times that a caption is written anew which the platform would not take."""


class Publishing:
    """What one agent's schedules publish goes out once its turn has ended."""

    def __init__(
        self,
        agent: Agent,
        drafting: Drafting,
        writing: Writing,
        acting: Acting,
        prompt: Callable[[OpenTurn, str], Awaitable[Prompt]],
    ):
        """`prompt` composes the context of a turn, by the template for a purpose."""
        self._agent, self._drafting, self._writing, self._prompt = agent, drafting, writing, prompt
        self._acting = acting

    async def publish(self, turn: OpenTurn, slot: Slot) -> Response:
        """The caption, once the turn has its post; no answer where there is none to be made."""
        try:
            draft = await self._drafting.begin(slot, partial(self._make, turn, slot))
            caption = await self._caption(turn, slot, draft)
            if caption.outcome == "answered":
                write = partial(self._beside, turn, draft.pictures)
                turn.post = await self._drafting.finish(draft, self._agent, caption.text, write)
            return caption
        except Nothing as nothing:
            turn.excuse = str(nothing)
            return SILENCE
        except Spoilt as spoilt:
            turn.post = spoilt.post
            return Response("", "failed")

    async def _caption(self, turn: OpenTurn, slot: Slot, draft: Draft) -> Response:
        """As it was written, or as the model writes it; what the platform would not take is written anew."""
        if slot.work == "post":
            text, held = await self._judge(turn, turn.message.text, "reply")
            return Response(turn.words.held, "held") if held else Response(text)
        prompt = await self._seen(turn, draft.pictures)
        with turn.timings.of("generate"):
            text = (await self._writing.generate(turn, "model/00", prompt)).text
        for number in range(REWRITES):
            if wrong := self._drafting.faults_of(draft, text):
                text = await self._writing.anew(turn, prompt, text, wrong, f"caption/{number:02}")
        return await self._writing.evaluate(turn, Response(text) if text.strip() else SILENCE, prompt)

    async def _make(self, turn: OpenTurn, slot: Slot, making: Making, schedule: Schedule) -> str:
        """What an action answers that makes what is published; raises CarrierError where it does not."""
        values = given(schedule, self._agent, slot)
        arguments = {
            name: await self._beside(turn, (), wording, f"make_{name}", values)
            for name, wording in making.arguments.items()
        }
        [result] = await self._acting.run(turn, "make", [ActionCall("make", making.action, arguments)])
        if not result.ok:
            raise CarrierError(f"{making.action} has made nothing: {result.text}")
        return result.text

    async def _seen(self, turn: OpenTurn, pictures: tuple[Image, ...]) -> Prompt:
        """The context of a post, with its pictures beside what the model is told."""
        prompt = await self._prompt(turn, "post")
        told = replace(prompt.conversation[-1], images=pictures)
        return replace(prompt, conversation=(*prompt.conversation[:-1], told))

    async def _beside(
        self, turn: OpenTurn, seen: tuple[Image, ...], wording: Wording, place: str, values: Mapping[str, object]
    ) -> str:
        """Words beside the caption, which pass the gates as well."""
        text = rendered(wording, values)
        if wording.generated:
            text = await self._written(turn, seen, text, place)
        text, held = await self._judge(turn, text, place)
        if held:
            raise CarrierError(f"an evaluator held its {place.replace('_', ' ')}: {held}")
        return text

    async def _written(self, turn: OpenTurn, seen: tuple[Image, ...], text: str, place: str) -> str:
        prompt = await self._seen(turn, seen)
        asked = replace(prompt.conversation[-1], text=text)
        request = Request(replace(prompt, conversation=(asked,)), (), "chat", self._agent.name)
        return (await self._writing.complete(turn, place, "large", request)).text.strip()

    async def _judge(self, turn: OpenTurn, text: str, place: str) -> tuple[str, str]:
        """Where there are no words there is nothing to judge."""
        return await self._writing.gates.judge(turn, text, place) if text else ("", "")
