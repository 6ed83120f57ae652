"""Makes the model that was chosen."""

from collections.abc import Mapping
from dataclasses import replace

from carrier.errors import ModelError
from carrier.interfaces import Model
from carrier.models.default_script import DEFAULT_SCRIPT
from carrier.models.scripted import ScriptedModel
from carrier.models.vendor import VendorModel
from carrier.types import Choice, ModelProfile


def open_model(profile: ModelProfile, choice: Choice, environment: Mapping[str, str]) -> Model:
    """Nothing is asked of anybody yet, and litellm is not imported before the first question."""
    provider, _, name = choice.use.partition("/")
    if provider == "scripted":
        return _scripted(profile, choice.use, name)
    return VendorModel(replace(profile, use=choice.use, base_url=choice.base_url), environment)


def _scripted(profile: ModelProfile, use: str, name: str) -> ScriptedModel:
    script = profile.scripts.get(name, DEFAULT_SCRIPT if name == "default" else None)
    if script is None:
        known = ", ".join(sorted({*profile.scripts, "default"}))
        raise ModelError(use, f"there is no script {name!r}; there are {known}", "stop")
    return ScriptedModel(use, script)
