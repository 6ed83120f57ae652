"""A model is asked within its limits and its time, again where that may help, and not while it is down."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from carrier.errors import Ailment, ModelError, Remedy
from carrier.interfaces import prices_of
from carrier.metering import metered
from carrier.models.asking import Able, Asked
from carrier.models.chain import Chain
from carrier.models.guarded import Guarded, Shared
from carrier.models.replay import Recording
from carrier.models.structured import Structured
from carrier.models.text_tools import TextTools
from carrier.testing.models import Answer, ListedModel, VirtualClock, calls
from carrier.types.models import UNPRICED, ActionCall, Completion, ModelLimits, Prices, Prompt, Request, Said, Usage

REQUEST = Request(Prompt("Be kind.", (Said("user", "hello"),)))
NO_LIMITS = ModelLimits()
DONE = Completion("done", usage=Usage(5, 5), model="listed/model")


@pytest_asyncio.fixture
async def clock() -> AsyncIterator[VirtualClock]:
    async with VirtualClock() as clock:
        yield clock


def guarded(
    model: Asked,
    clock: VirtualClock,
    limits: ModelLimits = NO_LIMITS,
    timeout: float = 60.0,
    shared: Shared | None = None,
) -> Guarded:
    """Without jitter."""
    shared = shared or Shared.of(model.name, limits, clock)
    return Guarded(model, timeout, shared, clock, lambda least, most: (least + most) / 2)


def failure(
    kind: Ailment = "down", remedy: Remedy = "retry", retry_after: float = 0.0, model: str = "listed/model"
) -> ModelError:
    return ModelError(model, "it failed", remedy, kind=kind, retry_after=retry_after)


def taking(clock: VirtualClock, seconds: float) -> Callable[[Request], Awaitable[Completion]]:
    async def answer(request: Request) -> Completion:
        await clock.sleep(seconds)
        return DONE

    return answer


async def collect(model: Asked | Chain, shown: list[object]) -> None:
    async for piece in model.stream(REQUEST):
        shown.append(piece)


async def pieces(model: Asked | Chain, request: Request = REQUEST) -> list[str | Completion]:
    return [piece async for piece in model.stream(request)]


async def asked(model: Asked | Chain, way: str) -> Completion:
    if way == "whole":
        return await model.complete(REQUEST)
    *_, last = await pieces(model)
    assert isinstance(last, Completion)
    return last


WAYS = pytest.mark.parametrize("way", ["whole", "streamed"])

# --- errors: retry, fall back, stop


@WAYS
@pytest.mark.parametrize(
    ("error", "tries", "seconds"),
    [
        pytest.param(failure("down"), 3, 1.5, id="down: again after growing pauses"),
        pytest.param(failure("busy"), 3, 1.5, id="busy: the same"),
        pytest.param(failure("busy", retry_after=7.0), 3, 14.7, id="busy: after as long as it says"),
        pytest.param(failure("busy", retry_after=61.0), 1, 0.0, id="busy for longer than there is time: not again"),
        pytest.param(failure("garbage"), 3, 1.5, id="garbage: again"),
        pytest.param(failure("account", "fall back"), 1, 0.0, id="a bad key: not again"),
        pytest.param(failure("context", "fall back"), 1, 0.0, id="too long: not again"),
        pytest.param(failure("policy", "stop"), 1, 0.0, id="policy: not again"),
        pytest.param(failure("", "stop"), 1, 0.0, id="a wrong request: not again"),
    ],
)
async def test_a_failure_is_tried_again_where_that_may_help(
    clock: VirtualClock, way: str, error: ModelError, tries: int, seconds: float
) -> None:
    model, began = ListedModel(error, error, error, error), clock.now()

    with pytest.raises(ModelError) as failed:
        await asked(guarded(model, clock), way)

    assert failed.value is error
    assert len(model.requests) == tries
    assert clock.now() - began == pytest.approx(seconds)


@WAYS
async def test_what_passes_is_answered_in_the_end(clock: VirtualClock, way: str) -> None:
    model = ListedModel(failure("busy", retry_after=3.0), failure("down"), DONE)

    assert (await asked(guarded(model, clock), way)).text == "done"


async def test_a_model_that_raises_something_of_its_own_is_an_error_that_names_it_alone(clock: VirtualClock) -> None:
    with pytest.raises(ModelError, match=r"^listed/model: it failed with ZeroDivisionError$") as failed:
        await guarded(ListedModel(ZeroDivisionError("sk-secret")), clock).complete(REQUEST)

    assert failed.value.remedy == "fall back"


# --- time


@WAYS
async def test_an_answer_that_takes_too_long_is_given_up(clock: VirtualClock, way: str) -> None:
    began = clock.now()

    with pytest.raises(ModelError, match="no answer within 20 s") as failed:
        await asked(guarded(ListedModel(taking(clock, 500.0)), clock, timeout=20.0), way)

    assert (failed.value.kind, clock.now() - began) == ("down", 20.0)


async def test_retries_share_the_time_of_the_first_attempt(clock: VirtualClock) -> None:
    async def slow_failure(request: Request) -> Completion:
        await clock.sleep(15.0)
        raise failure("down")

    began = clock.now()
    with pytest.raises(ModelError):
        await guarded(ListedModel(slow_failure, slow_failure, slow_failure), clock, timeout=20.0).complete(REQUEST)

    assert clock.now() - began == 20.0


async def test_a_stream_without_an_end_is_cut_off_by_time(clock: VirtualClock) -> None:
    class Dripping(ListedModel):
        async def stream(self, request: Request):  # type: ignore[no-untyped-def]
            while True:
                await clock.sleep(1.0)
                yield "drip "

    shown: list[object] = []
    with pytest.raises(ModelError, match="no answer within 60 s"):
        await collect(guarded(Dripping(), clock), shown)

    assert 55 <= len(shown) <= 60


@WAYS
async def test_an_answer_without_bounds_is_cut_off_by_size(clock: VirtualClock, way: str) -> None:
    model = ListedModel("x" * 2_100_000, "never asked for")

    with pytest.raises(ModelError, match="more than 2,000,000 characters") as failed:
        await asked(guarded(model, clock), way)

    assert (failed.value.remedy, len(model.requests)) == ("fall back", 1)


async def test_arguments_count_as_part_of_the_answer(clock: VirtualClock) -> None:
    with pytest.raises(ModelError, match="more than 2,000,000 characters"):
        await guarded(ListedModel(calls("note", text="x" * 2_100_000)), clock).complete(REQUEST)


async def test_nobody_asks_for_a_hundred_actions_at_once(clock: VirtualClock) -> None:
    many = Completion("", tuple(ActionCall(str(number), "roll", {}) for number in range(100)), Usage(5, 900))

    with metered() as wasted, pytest.raises(ModelError, match="it asked for 100 actions at once"):
        await guarded(ListedModel(many), clock).complete(REQUEST)

    assert wasted == [Usage(5, 900)]


async def test_an_empty_answer_is_an_answer(clock: VirtualClock) -> None:
    assert await guarded(ListedModel(Completion("")), clock).complete(REQUEST) == Completion("")


# --- a stream that breaks


@pytest.mark.parametrize("broken", [["One ", failure("down")], ["One "]], ids=["an error", "the end"])
async def test_a_stream_that_was_shown_in_part_is_not_begun_again(
    clock: VirtualClock, broken: list[str | Completion | Exception]
) -> None:
    model, other = ListedModel(broken, "Two"), ListedModel("Three", name="listed/other")
    shown: list[object] = []

    with pytest.raises(ModelError):
        await collect(Chain([guarded(model, clock), guarded(other, clock)]), shown)

    assert (shown, len(model.requests), len(other.requests)) == (["One "], 1, 0)


async def test_a_stream_that_broke_before_anything_was_shown_is_begun_again(clock: VirtualClock) -> None:
    assert await pieces(guarded(ListedModel([failure("down")], [DONE]), clock)) == [DONE]


async def test_a_stream_that_nobody_reads_on_frees_its_place(clock: VirtualClock) -> None:
    model = guarded(ListedModel("one two", "three"), clock, ModelLimits(at_once=1))
    stream = model.stream(REQUEST)
    assert await anext(stream) == "one"
    await stream.aclose()

    assert (await model.complete(REQUEST)).text == "three"


# --- limits


@pytest.mark.parametrize(
    ("a_minute", "asked_for", "seconds"),
    [
        pytest.param(0.0, 50, 0.0, id="no limit"),
        pytest.param(3.0, 3, 0.0, id="all fit"),
        pytest.param(3.0, 4, 60.0, id="one more waits a minute"),
        pytest.param(3.0, 7, 120.0, id="three more and one"),
        pytest.param(1 / 60, 2, 3600.0, id="one an hour"),
    ],
)
async def test_requests_wait_until_their_minute_has_room(
    clock: VirtualClock, a_minute: float, asked_for: int, seconds: float
) -> None:
    model, began = guarded(ListedModel(), clock, ModelLimits(requests=a_minute), timeout=10_000.0), clock.now()

    await asyncio.gather(*(model.complete(REQUEST) for _ in range(asked_for)))

    assert clock.now() - began == pytest.approx(seconds)


async def test_tokens_count_as_they_were_used(clock: VirtualClock) -> None:
    used = Completion("done", usage=Usage(900, 100))
    model, began = guarded(ListedModel(used, used, used), clock, ModelLimits(tokens=2000)), clock.now()

    await model.complete(REQUEST)
    await clock.sleep(10.0)
    await model.complete(REQUEST)
    assert clock.now() - began == 10.0

    await model.complete(REQUEST)
    assert clock.now() - began == 60.0


async def test_a_request_larger_than_the_whole_limit_waits_for_an_empty_minute_only(clock: VirtualClock) -> None:
    model, began = guarded(ListedModel(), clock, ModelLimits(tokens=10)), clock.now()

    await model.complete(REQUEST)
    await model.complete(REQUEST)

    assert clock.now() - began == 60.0


async def test_a_limit_that_leaves_no_room_in_time_falls_back_at_once(clock: VirtualClock) -> None:
    model, began = guarded(ListedModel(), clock, ModelLimits(requests=1), timeout=30.0), clock.now()
    await model.complete(REQUEST)

    with pytest.raises(ModelError, match="its limits let nothing through for 60 s") as failed:
        await model.complete(REQUEST)

    assert (failed.value.remedy, failed.value.kind, failed.value.retry_after) == ("fall back", "busy", 60.0)
    assert clock.now() == began


async def test_only_so_many_are_asked_at_one_time(clock: VirtualClock) -> None:
    under_way = most = 0

    async def count(request: Request) -> Completion:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await clock.sleep(5.0)
        under_way -= 1
        return DONE

    model, began = guarded(ListedModel(*[count] * 6), clock, ModelLimits(at_once=2)), clock.now()

    await asyncio.gather(*(model.complete(REQUEST) for _ in range(6)))

    assert (most, clock.now() - began) == (2, 15.0)


async def test_a_place_that_does_not_come_free_in_time_falls_back(clock: VirtualClock) -> None:
    shared = Shared.of("listed/model", ModelLimits(at_once=1), clock)
    patient = guarded(ListedModel(taking(clock, 100.0)), clock, timeout=200.0, shared=shared)
    hasty = guarded(ListedModel(), clock, timeout=10.0, shared=shared)
    first = asyncio.create_task(patient.complete(REQUEST))
    await clock.sleep(1.0)

    with pytest.raises(ModelError, match="its limits let nothing through") as failed:
        await hasty.complete(REQUEST)

    assert failed.value.kind == "busy"
    assert await first == DONE


async def test_what_waits_does_not_use_up_the_time_of_its_answer(clock: VirtualClock) -> None:
    model = guarded(ListedModel("first", taking(clock, 50.0)), clock, ModelLimits(requests=1), timeout=60.0)
    await model.complete(REQUEST)

    assert await model.complete(REQUEST) == DONE


async def test_a_server_that_wants_rest_is_left_alone_by_all_who_ask_it(clock: VirtualClock) -> None:
    shared = Shared.of("listed/model", ModelLimits(), clock)
    first = guarded(ListedModel(failure("busy", retry_after=30.0)), clock, timeout=10.0, shared=shared)
    other = ListedModel()
    with pytest.raises(ModelError):
        await first.complete(REQUEST)
    began = clock.now()

    await guarded(other, clock, shared=shared).complete(REQUEST)

    assert clock.now() - began == 30.0


async def test_a_server_that_wants_rest_for_ever_is_asked_again_after_five_minutes(clock: VirtualClock) -> None:
    model = guarded(ListedModel(failure("busy", retry_after=1e9)), clock)
    with pytest.raises(ModelError):
        await model.complete(REQUEST)

    await clock.sleep(300.0)

    assert (await model.complete(REQUEST)).text == "you said: hello"


# --- the breaker


async def down(model: Guarded, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ModelError):
            await model.complete(REQUEST)


def broken(clock: VirtualClock, *afterwards: Answer) -> tuple[ListedModel, Guarded]:
    """A model that fails five times; each failure falls back, so that one request is one failure."""
    model = ListedModel(*[failure("down", "fall back")] * 5, *afterwards)
    return model, guarded(model, clock)


async def test_a_model_that_is_down_is_not_asked_for_a_while(clock: VirtualClock) -> None:
    model, guard = broken(clock)
    await down(guard, 5)

    with pytest.raises(ModelError, match="did not answer 5 times running, and is left alone for 5 s") as failed:
        await guard.complete(REQUEST)

    assert (failed.value.kind, failed.value.remedy, failed.value.retry_after) == ("down", "fall back", 5.0)
    assert len(model.requests) == 5


async def test_after_its_pause_one_request_looks_whether_it_is_back(clock: VirtualClock) -> None:
    model, guard = broken(clock, taking(clock, 2.0))
    await down(guard, 5)
    await clock.sleep(5.0)

    answers = await asyncio.gather(*(guard.complete(REQUEST) for _ in range(4)), return_exceptions=True)

    assert answers[0] == DONE
    assert all(isinstance(answer, ModelError) and answer.kind == "down" for answer in answers[1:])
    assert len(model.requests) == 6
    assert (await guard.complete(REQUEST)).text == "you said: hello"


async def test_the_pause_doubles_while_it_stays_down_and_no_further_than_five_minutes(clock: VirtualClock) -> None:
    model, guard = broken(clock, *[failure("down", "fall back")] * 20)
    await down(guard, 5)
    pauses = []

    for _ in range(9):
        with pytest.raises(ModelError) as failed:
            await guard.complete(REQUEST)
        pauses.append(failed.value.retry_after)
        await clock.sleep(failed.value.retry_after)
        await down(guard, 1)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert len(model.requests) == 14


async def test_an_answer_closes_the_breaker_and_its_pause_begins_anew(clock: VirtualClock) -> None:
    _, guard = broken(clock, DONE, *[failure("down", "fall back")] * 5)
    await down(guard, 5)
    await clock.sleep(5.0)
    await guard.complete(REQUEST)
    await down(guard, 5)

    with pytest.raises(ModelError, match="left alone for 5 s"):
        await guard.complete(REQUEST)


@pytest.mark.parametrize("kind", ["busy", "account", "context", "policy", "garbage", ""])
async def test_only_what_says_down_opens_the_breaker(clock: VirtualClock, kind: Ailment) -> None:
    model = ListedModel(*[failure(kind, "fall back")] * 20)

    await down(guarded(model, clock), 20)

    assert len(model.requests) == 20


async def test_an_answer_between_failures_keeps_it_closed(clock: VirtualClock) -> None:
    model = ListedModel(*([failure("down", "fall back")] * 4 + [DONE]) * 2)
    guard = guarded(model, clock)

    for _ in range(2):
        await down(guard, 4)
        assert await guard.complete(REQUEST) == DONE


async def test_a_probe_that_nobody_waits_for_any_more_leaves_the_place_to_another(clock: VirtualClock) -> None:
    _, guard = broken(clock, taking(clock, 1000.0), DONE)
    await down(guard, 5)
    await clock.sleep(5.0)
    probe = asyncio.create_task(guard.complete(REQUEST))
    await clock.sleep(1.0)
    probe.cancel()
    await asyncio.wait([probe])

    assert await guard.complete(REQUEST) == DONE


async def test_what_fails_after_it_opened_does_not_keep_it_open_for_longer(clock: VirtualClock) -> None:
    def failing_after(seconds: float) -> Callable[[Request], Awaitable[Completion]]:
        async def answer(request: Request) -> Completion:
            await clock.sleep(seconds)
            raise failure("down", "fall back")

        return answer

    guard = guarded(ListedModel(*[failing_after(second) for second in range(1, 9)]), clock)
    await asyncio.gather(*(guard.complete(REQUEST) for _ in range(8)), return_exceptions=True)

    with pytest.raises(ModelError, match="left alone for 2 s"):
        await guard.complete(REQUEST)


# --- fallbacks


@WAYS
@pytest.mark.parametrize(
    ("error", "answered_by"),
    [
        pytest.param(failure("down", "fall back"), "listed/other", id="down"),
        pytest.param(failure("busy", "retry", 1000.0), "listed/other", id="busy"),
        pytest.param(failure("account", "fall back"), "listed/other", id="no key"),
        pytest.param(failure("garbage", "fall back"), "listed/other", id="garbage"),
        pytest.param(failure("policy", "stop"), None, id="policy"),
        pytest.param(failure("", "stop"), None, id="a wrong request"),
    ],
)
async def test_another_model_answers_where_that_may_help(
    clock: VirtualClock, way: str, error: ModelError, answered_by: str | None
) -> None:
    other = ListedModel("hi", name="listed/other")
    chain = Chain([guarded(ListedModel(error), clock), guarded(other, clock)])

    if answered_by:
        assert (await asked(chain, way)).model == answered_by
    else:
        with pytest.raises(ModelError):
            await asked(chain, way)
        assert other.requests == []


@WAYS
@pytest.mark.parametrize(
    ("windows", "answered"),
    [
        pytest.param((1000, 8000), True, id="a larger one"),
        pytest.param((1000, 1000), False, id="none larger"),
        pytest.param((1000, 0), True, id="one nobody knows the size of"),
        pytest.param((0, 8000), True, id="after one nobody knows the size of"),
        pytest.param((1000, 500, 8000), True, id="a larger one further on"),
    ],
)
async def test_a_prompt_that_is_too_long_goes_to_a_larger_window(
    clock: VirtualClock, way: str, windows: tuple[int, ...], answered: bool
) -> None:
    first, *others = [ListedModel(name=f"listed/{n}", able=Able(window=window)) for n, window in enumerate(windows)]
    first.answers.append(failure("context", "fall back", model="listed/0"))
    chain = Chain([guarded(model, clock) for model in (first, *others)])

    if answered:
        assert (await asked(chain, way)).model == f"listed/{len(windows) - 1}"
    else:
        with pytest.raises(ModelError):
            await asked(chain, way)
    assert [len(model.requests) for model in others[:-1]] == [0] * (len(others) - 1)


async def test_a_chain_takes_the_dearest_prices_of_its_models(clock: VirtualClock) -> None:
    told = [Prices(0.1, 0.2), Prices(0.3, 0.1), UNPRICED]
    chain = Chain([guarded(ListedModel(able=Able(prices=prices)), clock) for prices in told])

    assert await prices_of(chain) == Prices(0.3, 0.2)
    assert await prices_of(Recording(chain, Path(), {})) == Prices(0.3, 0.2)


async def test_when_none_answers_each_says_why(clock: VirtualClock) -> None:
    models = [ListedModel(failure("busy", "fall back", 50.0, f"listed/{n}"), name=f"listed/{n}") for n in range(2)]

    with pytest.raises(ModelError) as failed:
        await Chain([guarded(model, clock) for model in models]).complete(REQUEST)

    assert str(failed.value) == ("listed/0: none of its models answers: listed/0: it failed; listed/1: it failed")
    assert (failed.value.kind, failed.value.retry_after) == ("busy", 50.0)


# --- what it costs


async def test_the_first_piece_passes_on_at_once() -> None:
    class Holding(ListedModel):
        async def stream(self, request: Request):  # type: ignore[no-untyped-def]
            yield "first"
            await asyncio.Event().wait()

    model = Holding()
    async with VirtualClock() as clock:
        stream = Chain([Structured(TextTools(guarded(model, clock)))]).stream(REQUEST)
        began = time.perf_counter()
        assert await anext(stream) == "first"
        passed = time.perf_counter() - began
        await stream.aclose()

    assert passed < 0.05
