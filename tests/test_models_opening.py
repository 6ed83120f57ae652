"""A profile is opened with its fallbacks; all that use the same one share its limits and its breaker."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from carrier.errors import ModelError
from carrier.models.opening import Identity, Models
from carrier.models.replay import Recording, cassette
from carrier.testing.models import ListedModel, VirtualClock
from carrier.types.models import (
    Completion,
    ModelLimits,
    ModelProfile,
    Prompt,
    Request,
    Said,
    Script,
    ScriptRule,
    ScriptStep,
)

REQUEST = Request(Prompt("Be kind.", (Said("user", "hello"),)), agent="tifa")


def script(name: str, **step: str) -> Script:
    return Script(name, (ScriptRule(steps=((ScriptStep(**step),),)),))  # type: ignore[arg-type]


def scripted(
    name: str, fallback: tuple[ModelProfile, ...] = (), limits: ModelLimits | None = None, **step: str
) -> ModelProfile:
    scripts = {name: script(name, **step)}
    return ModelProfile(name, f"scripted/{name}", scripts=scripts, fallback=fallback, limits=limits or ModelLimits())


async def answer(models: Models, profile: ModelProfile, agent: str = "tifa") -> Completion:
    model, _ = await models.open(profile, agent, {}, 1)
    return await model.complete(REQUEST)


async def test_a_fallback_answers_and_is_named_as_the_model() -> None:
    profile = scripted("large", (scripted("small", say="I am small."),), fail="unavailable")

    model, choice = await Models().open(profile, "tifa", {}, 1)

    assert (model.name, choice.use) == ("scripted/large", "scripted/large")
    assert (await model.complete(REQUEST)).text == "I am small."
    assert (await model.complete(REQUEST)).model == "scripted/small"


async def test_fallbacks_of_a_fallback_come_after_it() -> None:
    last = scripted("c", say="c")
    profile = scripted("a", (scripted("b", (last,), fail="unavailable"),), fail="unavailable")

    assert (await answer(Models(), profile)).text == "c"


async def test_a_missing_key_falls_back_without_a_call() -> None:
    profile = ModelProfile("large", "anthropic/claude-sonnet-5", fallback=(scripted("small", say="No key here."),))

    assert (await answer(Models(), profile)).text == "No key here."


async def test_agents_share_the_limits_of_a_profile_and_an_agent_keeps_them_when_it_is_made_anew() -> None:
    async with VirtualClock() as clock:
        models, began = Models(clock=clock), clock.now()
        profile = scripted("large", limits=ModelLimits(requests=2), say="hi")

        for agent in ("tifa", "cloud", "cloud"):
            await answer(models, profile, agent)

        assert clock.now() - began == 60.0


async def test_a_model_that_is_down_for_one_agent_is_down_for_all() -> None:
    async with VirtualClock() as clock:
        models, profile = Models(clock=clock), scripted("large", fail="unavailable")
        for _ in range(5):
            with pytest.raises(ModelError, match="not available"):
                await answer(models, profile)

        with pytest.raises(ModelError, match="did not answer 5 times running"):
            await answer(models, profile, "cloud")


def test_scripts_params_and_fallbacks_do_not_make_another_model_but_all_else_does() -> None:
    profile = scripted("large", (scripted("small"),))
    same = ModelProfile("large", "scripted/large", params={"temperature": 1})
    others = [
        ModelProfile("other", "scripted/large"),
        ModelProfile("large", "scripted/other"),
        ModelProfile("large", "scripted/large", base_url="http://127.0.0.1:1"),
        ModelProfile("large", "scripted/large", api_key=SecretStr("k")),
        ModelProfile("large", "scripted/large", limits=ModelLimits(requests=1)),
    ]

    assert Identity.of(profile) == Identity.of(same)
    assert len({Identity.of(each) for each in [profile, *others]}) == len(others) + 1
    assert "sk-key" not in repr(Identity.of(ModelProfile("large", "openai/x", api_key=SecretStr("sk-key"))))


async def test_a_cassette_is_found_in_the_projects_folder(tmp_path: Path) -> None:
    await Recording(ListedModel("Recorded."), cassette(tmp_path, "talk"), {"temperature": 1}).complete(REQUEST)
    profile = ModelProfile("large", "replay/talk", params={"temperature": 1, "tools": "text"})

    assert (await answer(Models(tmp_path), profile)).text == "Recorded."


async def test_what_is_recorded_is_replayed_by_a_profile_with_the_same_params(tmp_path: Path) -> None:
    profile = scripted("large", say="hi there")
    recorded = await answer(Models(tmp_path, record="talk"), profile)

    replayed = await answer(Models(tmp_path), ModelProfile("large", "replay/talk"))

    assert replayed == recorded


async def test_a_fallback_that_is_the_same_again_is_not_asked_but_one_with_another_key_is() -> None:
    keys = [SecretStr("a"), SecretStr("a"), SecretStr("b")]
    first, *others = [scripted("large", fail="unavailable") for _ in keys]
    profile = replace(first, api_key=keys[0], fallback=tuple(map(with_key, others, keys[1:])))

    with pytest.raises(ModelError) as failed:
        await answer(Models(), profile)

    assert str(failed.value).count("not available") == 2


def with_key(profile: ModelProfile, key: SecretStr) -> ModelProfile:
    return replace(profile, api_key=key)


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (ModelProfile("large", "scripted/nobody"), "there is no script 'nobody'"),
        (ModelProfile("large", "replay/../x"), "a cassette's name"),
        (ModelProfile("large", "local/gpt"), "there is no local model 'gpt'; there is smollm2"),
        (ModelProfile("large", "openai/x", params={"tools": 1}), "params.tools is native or text"),
    ],
)
async def test_what_cannot_be_opened_says_so_when_the_agent_is_made(profile: ModelProfile, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        await Models().open(scripted("a", (profile,), say="hi"), "tifa", {}, 1)
