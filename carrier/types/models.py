"""What a model is told, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Base64Encoder, EncodedBytes, SecretStr

from carrier.types.parts import PartFile


@dataclass(frozen=True, slots=True)
class ActionCall:
    """An action a model asked for; the id is the model's own."""

    id: str
    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What came of a call; `text` is what the model reads of it."""

    call: ActionCall
    status: Literal["done", "failed", "pending", "in doubt"]
    text: str
    ends: bool = False
    """The agent wants to say nothing more in this turn."""

    @property
    def ok(self) -> bool:
        return self.status == "done"


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for a model to look at: a file, or its bytes."""

    media_type: str
    path: str = ""
    data: Annotated[bytes, EncodedBytes(encoder=Base64Encoder)] = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of the conversation a model reads."""

    role: Literal["user", "assistant", "tool"]
    text: str
    name: str = ""
    """Who spoke (role user), or the action (role tool)."""
    calls: tuple[ActionCall, ...] = ()
    call_id: str = ""
    images: tuple[Image, ...] = ()
    """Sent to a model that sees; others are told that they are there."""
    by_host: bool = False
    """A result that is the host's own word: nothing in it comes from outside."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The composed context of a turn: the rendered template, and the conversation up to the message to answer."""

    system: str
    conversation: tuple[Said, ...]
    left_out: tuple[str, ...] = ()
    """What did not fit, in words for the operator; no model is told."""


@dataclass(frozen=True, slots=True)
class Tool:
    """An action as a model sees it: `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model."""

    prompt: Prompt
    tools: tuple[Tool, ...] = ()
    purpose: str = "chat"
    """What the answer is for: `chat`, or the name of the evaluator that asks."""
    agent: str = ""
    schema: Mapping[str, object] | None = None
    """A JSON Schema that the answer fits, where set: its text is then one JSON value and nothing else."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took; cost in US dollars, 0 where no price is known."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model takes for a token, in US dollars; 0: nobody knows."""

    read: float = 0.0
    written: float = 0.0


UNPRICED = Prices()


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's whole answer: text, calls, or both."""

    text: str
    calls: tuple[ActionCall, ...] = ()
    usage: Usage = Usage()
    model: str = ""


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """One thing a scripted model does: exactly one of say, call, fail."""

    say: str = ""
    call: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict)
    fail: str = ""
    """rate_limit | timeout | unavailable | bad_request"""
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ScriptRule:
    """When a rule applies, and what then happens; patterns are regular expressions, ignoring case."""

    purpose: str = "chat"
    when: tuple[str, ...] = ()
    """Any of these is found in the last message; none: always."""
    given: str = ""
    """And this is found in what the model was told."""
    after: str = ""
    """And the last thing was this action's result."""
    steps: tuple[tuple[ScriptStep, ...], ...] = ()
    """Variants, used one after the other; each is a sequence of steps, one for each call of the model in a turn."""


@dataclass(frozen=True, slots=True)
class Script:
    name: str
    rules: tuple[ScriptRule, ...]


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What a model is asked for at most; 0: no limit."""

    requests: float = 0.0
    """A minute."""
    tokens: float = 0.0
    """A minute."""
    at_once: int = 0


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """A model by the operator's name for it; `use` is `auto`, or `provider/model`."""

    name: str
    use: str
    timeout: float = 60.0
    base_url: str = ""
    api_key: SecretStr | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    window: int = 0
    """Tokens that it reads, as `params: { max_input_tokens }` says; 0: not known."""
    scripts: Mapping[str, Script] = field(default_factory=dict)
    """The scripts that `scripted/NAME` or `auto` may come down to, by name."""
    fallback: tuple["ModelProfile", ...] = ()
    """Asked in this order when this one does not answer."""
    limits: ModelLimits = ModelLimits()
    file: PartFile | None = None
    """Where the code is, if `use` is a file of the project's, as in models/parrot.py:Parrot."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a profile came down to, as an operator would write it, and one sentence on why."""

    use: str
    why: str
    base_url: str = ""
