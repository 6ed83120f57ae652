"""The error tree.

CarrierError
 ├─ ConfigError            files that cannot be run, with every problem in them
 ├─ AlreadyRunning         another host has this data folder
 ├─ LedgerError            the ledger cannot take a row: nothing was acknowledged
 ├─ UnknownAgent           nobody of that name
 ├─ UnknownApproval        nothing of that number waits
 ├─ UnknownSchedule        no schedule of that name
 ├─ UnknownSlot            a schedule does not come up then
 ├─ UnknownPost            no post of that id
 ├─ Overloaded             more unanswered messages than may wait
 ├─ Conflict               a key that was used for something else
 ├─ TemplateError          a template that cannot be rendered, with its line
 ├─ ModelError             a model did not answer; `remedy` says what may help
 ├─ NotNow                 a turn cannot end before a model answers again
 ├─ Unfit                  a picture or a video cannot be published; `remedy` says what helps
 ├─ ActionError            an action's own "this did not work", for the model to read
 │   └─ InDoubt            it may have taken effect, and nobody can say
 └─ ClientError            a platform did not take something
     ├─ PostError          a step of a post did not work; `remedy` says what may be done
     ├─ Passing            worth another try, after `retry_after` seconds
     ├─ Refused            for good: this one thing will never be taken
     ├─ CannotLook         the platform cannot be asked whether something was sent
     └─ Unauthorized       for good: the client's token is not accepted
"""

from collections.abc import Sequence
from typing import Literal


class CarrierError(Exception):
    """Whatever Carrier itself says went wrong."""


class ConfigError(CarrierError):
    """The files cannot be run; `problems` are all that is wrong with them, ready to print."""

    def __init__(self, problems: Sequence[object]):
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class AlreadyRunning(CarrierError):
    """Another host holds the data folder's lock."""

    def __init__(self, folder: object, pid: str):
        self.pid = pid
        super().__init__(
            f"{folder}: a host is already running here (pid {pid}); stop it, or choose another `data` folder"
        )


class LedgerError(CarrierError):
    """The ledger could not commit; whatever was to be acknowledged was not."""


class UnknownAgent(CarrierError):
    """Nobody of that name is here."""

    def __init__(self, name: str, known: Sequence[str]):
        self.name, self.known = name, tuple(known)
        super().__init__(f"no agent is called {name!r}; there are {', '.join(known) or 'none yet'}")


class UnknownApproval(CarrierError):
    """Nothing of that number waits for anybody."""


class UnknownRoom(CarrierError):
    """A room is named of a client that is not here."""


class UnknownSchedule(CarrierError):
    """No schedule of that name is here."""

    def __init__(self, name: str, known: Sequence[str]):
        self.name, self.known = name, tuple(known)
        super().__init__(f"no schedule is called {name!r}; there are {', '.join(known) or 'none yet'}")


class UnknownSlot(CarrierError):
    """A schedule does not come up at that time."""


class UnknownPost(CarrierError):
    """Nothing of that id was ever to be published."""


class Overloaded(CarrierError):
    """More waits for an agent than it may keep waiting."""


class Conflict(CarrierError):
    """A key that was used before, for something else."""


class TemplateError(CarrierError):
    """A template cannot be rendered."""

    def __init__(self, template: str, line: int, message: str):
        self.template, self.line = template, line
        super().__init__(f"{template}:{line}: {message}")


Remedy = Literal["retry", "fall back", "stop"]
Ailment = Literal["", "down", "busy", "account", "context", "policy", "garbage"]


class ModelError(CarrierError):
    """A model did not answer: `retry` it, `fall back` to another, or `stop`.

    `kind` is what ails it: it is down; it takes no more for now; the key or the account is not good for it; the prompt
    is too long; its vendor will not speak of this; its answer makes no sense. Empty: something else.
    `retry_after` is in how many seconds it may be asked again, where that is known.
    """

    def __init__(
        self, model: str, message: str, remedy: Remedy = "retry", *, kind: Ailment = "", retry_after: float = 0.0
    ):
        self.model, self.message, self.remedy = model, message, remedy
        self.kind: Ailment = kind
        self.retry_after = retry_after
        super().__init__(f"{model}: {message}")


class NotNow(CarrierError):
    """A turn waits for its models, by its agent's wish: it is to be gone on with in so many `seconds`."""

    def __init__(self, reason: str, seconds: float):
        self.seconds = seconds
        super().__init__(reason)


class Unfit(CarrierError):
    """A file cannot be published as it is, or not be looked into at all."""

    def __init__(self, where: str, what: str, remedy: str):
        self.where, self.what, self.remedy = where, what, remedy
        super().__init__(f"{where}: {what}; {remedy}")


class ActionError(CarrierError):
    """Raised by an action to say, in words for the model, why it did not do what was asked."""


class InDoubt(ActionError):
    """Raised for an action that was cut off: it may have taken effect, or still will."""


class ClientError(CarrierError):
    """A platform did not take something."""


class Passing(ClientError):
    """A failure that passes: try again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float = 1.0):
        self.retry_after = retry_after
        super().__init__(message)


class Refused(ClientError):
    """The platform will never take this."""


class CannotLook(ClientError):
    """The platform cannot be asked whether something was sent."""


class Unauthorized(ClientError):
    """The platform does not accept the client's credentials."""


PostRemedy = Literal["retry", "again", "renew", "poll", "wait", "fix", "sign in", "human", "look"]
"""The same call once more; twice at the most; with a new container; when it is ready; after a while; when somebody has
changed the post, signed in anew, or seen to the account; not before it was looked whether the post is live."""


class PostError(ClientError):
    """A step on a post's way out did not work, or nobody knows whether it did.

    `wait` is in how many seconds it may be tried again, where the platform says so; `code` is its own for it.
    """

    def __init__(self, message: str, remedy: PostRemedy, wait: float = 0.0, code: str = ""):
        self.remedy: PostRemedy = remedy
        self.wait, self.code = wait, code
        super().__init__(message)
