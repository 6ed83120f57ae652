"""Makes the models that profiles come down to, and keeps what all agents that use the same profile share."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from carrier import registry
from carrier.errors import ModelError
from carrier.functions import find
from carrier.interfaces import Model, ModelState
from carrier.models.asking import Asked, Plain
from carrier.models.chain import Chain
from carrier.models.choosing import choose
from carrier.models.clock import Clock, SystemClock
from carrier.models.default_script import DEFAULT_SCRIPT
from carrier.models.guarded import Guarded, Shared
from carrier.models.local import LocalModel
from carrier.models.marked import Marked
from carrier.models.replay import Recording, Replay, cassette
from carrier.models.scripted import ScriptedModel
from carrier.models.structured import Structured
from carrier.models.text_tools import TextTools
from carrier.models.traits import Traits
from carrier.models.vendor import VendorModel
from carrier.types.models import Choice, ModelLimits, ModelProfile


@dataclass(frozen=True)
class Models:
    """Opens models. One of these is enough for a host: limits and breakers are in it, and outlive an agent's swap."""

    project: Path = Path()
    """The project's folder, in which cassettes stand."""
    record: str = ""
    """The cassette that takes down all answers; empty: none does."""
    clock: Clock = field(default_factory=SystemClock)
    _shared: dict["Identity", Shared] = field(default_factory=dict)

    async def open(
        self, profile: ModelProfile, agent: str, environment: Mapping[str, str], own_port: int
    ) -> tuple[Model, Choice]:
        """The model with its fallbacks, and which it is and why. Nothing is asked of anybody yet."""
        chosen: dict[object, tuple[ModelProfile, Choice]] = {}
        for each in _with_fallbacks(profile):
            choice = await choose(each, agent, environment, own_port)
            # Whoever has failed is not asked the same again.
            chosen.setdefault((choice.use, choice.base_url, each.api_key, repr(each.params)), (each, choice))
        # A model may come from an installed package, which is imported now.
        links = [await asyncio.to_thread(self._link, *one, environment) for one in chosen.values()]
        chain = Chain(links)
        return self._recorded(chain, profile), next(choice for _, choice in chosen.values())

    def states(self, profiles: Iterable[ModelProfile]) -> tuple[ModelState, ...]:
        """How the models that these came down to stand."""
        used = {Identity.of(each) for profile in profiles for each in _with_fallbacks(profile)}
        return tuple(
            shared.state(identity.name, identity.use, identity.limits)
            for identity, shared in self._shared.items()
            if identity in used or identity.as_auto() in used
        )

    def _recorded(self, chain: Chain, profile: ModelProfile) -> Model:
        if not self.record:
            return chain
        return Recording(chain, cassette(self.project, self.record), Traits.of(profile).handed)

    def _link(self, profile: ModelProfile, choice: Choice, environment: Mapping[str, str]) -> Asked:
        profile = replace(profile, use=choice.use, base_url=choice.base_url)
        model = open_model(profile, choice, environment, self.project)
        identity = Identity.of(profile)
        if identity not in self._shared:
            self._shared[identity] = Shared.of(profile.use, profile.limits, self.clock)
        guarded = Guarded(model, profile.timeout, self._shared[identity], self.clock)
        return guarded if isinstance(model, Plain) else Marked(Structured(TextTools(guarded)))


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two agents' models the same: all of a profile but its scripts, fallbacks and params."""

    name: str
    use: str
    base_url: str
    key: str
    """A hash of the key."""
    limits: ModelLimits

    @classmethod
    def of(cls, profile: ModelProfile) -> "Identity":
        key = profile.api_key.get_secret_value() if profile.api_key else ""
        return cls(profile.name, profile.use, profile.base_url, sha256(key.encode()).hexdigest(), profile.limits)

    def as_auto(self) -> "Identity":
        """As it was before `auto` came down to a model."""
        return replace(self, use="auto", base_url="")


def open_model(profile: ModelProfile, choice: Choice, environment: Mapping[str, str], project: Path = Path()) -> Asked:
    """The bare model, which is asked once for each request. litellm is not imported before the first of them."""
    provider, _, name = choice.use.partition("/")
    if provider == "scripted":
        return Plain(_scripted(profile, choice.use, name))
    if provider == "replay":
        return Plain(Replay(choice.use, cassette(project, name), Traits.of(profile).handed))
    profile = replace(profile, use=choice.use, base_url=choice.base_url)
    if profile.file or provider in registry.MODELS:
        make = find(registry.MODELS, choice.use if profile.file else provider, profile.file)
        return Plain(make(profile, environment))
    return LocalModel(profile) if provider == "local" else VendorModel(profile, environment)


def _scripted(profile: ModelProfile, use: str, name: str) -> ScriptedModel:
    script = profile.scripts.get(name, DEFAULT_SCRIPT if name == "default" else None)
    if script is None:
        known = ", ".join(sorted({*profile.scripts, "default"}))
        raise ModelError(use, f"there is no script {name!r}; there are {known}", "stop")
    return ScriptedModel(use, script)


def _with_fallbacks(profile: ModelProfile) -> Iterator[ModelProfile]:
    yield profile
    for fallback in profile.fallback:
        yield from _with_fallbacks(fallback)
