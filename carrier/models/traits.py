"""What an operator knows of a model better than anybody: the params that Carrier reads itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from carrier.errors import ModelError
from carrier.models.asking import Able
from carrier.types.models import ModelProfile, Prices


@dataclass(frozen=True, slots=True)
class Traits:
    """What the params of a profile say of its model; None where they say nothing."""

    handed: Mapping[str, object]
    """The params that are the model's own."""
    tools: bool | None = None
    schema: bool | None = None
    images: bool | None = None
    window: int | None = None
    price_in: float | None = None
    price_out: float | None = None

    @classmethod
    def of(cls, profile: ModelProfile) -> "Traits":
        params = profile.params
        return cls(
            handed={name: value for name, value in params.items() if name not in OWN},
            tools=_way(profile, "tools"),
            schema=_way(profile, "schema"),
            images=_yes_or_no(profile, "images"),
            window=None if (most := _number(profile, "max_input_tokens")) is None else int(most),
            price_in=_number(profile, "input_cost_per_token"),
            price_out=_number(profile, "output_cost_per_token"),
        )

    def over(self, able: Able) -> Able:
        """What a model is able to do, by these traits first."""
        return Able(
            tools=able.tools if self.tools is None else self.tools,
            schema=able.schema if self.schema is None else self.schema,
            images=able.images if self.images is None else self.images,
            window=able.window if self.window is None else self.window,
            prices=Prices(self.price_in or 0.0, self.price_out or 0.0) if self.priced else able.prices,
        )

    @property
    def priced(self) -> bool:
        return self.price_in is not None or self.price_out is not None

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        return tokens_in * (self.price_in or 0.0) + tokens_out * (self.price_out or 0.0)


OWN = {"tools", "schema", "images", "max_input_tokens", "input_cost_per_token", "output_cost_per_token"}


def _way(profile: ModelProfile, name: str) -> bool | None:
    """Whether it is `native`, or done in `text`."""
    value = profile.params.get(name)
    if value in ("native", "text", None):
        return None if value is None else value == "native"
    raise _wrong(profile, name, "is native or text")


def _yes_or_no(profile: ModelProfile, name: str) -> bool | None:
    value = profile.params.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise _wrong(profile, name, "is true or false")


def _number(profile: ModelProfile, name: str) -> float | None:
    value = profile.params.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12):
        return value
    raise _wrong(profile, name, "is a number, and not below 0")


def _wrong(profile: ModelProfile, name: str, rule: str) -> ModelError:
    return ModelError(profile.use, f"the model {profile.name!r}: params.{name} {rule}", "stop")
