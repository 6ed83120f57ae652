"""What waits for a human, over HTTP: listed, approved as it is or edited, refused."""

from dataclasses import asdict
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from carrier.api.forms import read_body, valid
from carrier.api.guards import problem
from carrier.errors import Conflict, UnknownApproval
from carrier.host import Host
from carrier.ledger import approvals
from carrier.ledger.approvals import Approval, Decision


class DecisionForm(BaseModel):
    """The body of `POST /approvals/{id}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Literal["approve", "refuse"]
    arguments: dict[str, Any] | None = None
    """Run it with these instead."""
    by: str = Field("the operator", min_length=1, max_length=200)

    @property
    def meant(self) -> Decision:
        if self.decision == "refuse":
            return "refused"
        return "approved" if self.arguments is None else "edited"


async def waiting(host: Host, request: Request) -> Response:
    """What waits, and with `?all=1` what was decided last, too."""
    pending = request.query_params.get("all", "0") in ("", "0", "false")
    found = await host.ledger.read(partial(approvals.latest, pending=pending))
    return JSONResponse({"approvals": [_plain(approval) for approval in found]})


async def decide(host: Host, request: Request) -> Response:
    """Approve or refuse; what follows from it is said in the room where the call was asked for."""
    form = valid(DecisionForm, await read_body(request))
    arguments = form.arguments if form.meant == "edited" else None
    try:
        decided = await host.decisions.decide(str(request.path_params["id"]), form.meant, form.by, arguments)
    except UnknownApproval as error:
        return problem(404, str(error), field="id")
    except Conflict as error:
        return problem(409, str(error), field="id")
    return JSONResponse(_plain(decided))


def _plain(approval: Approval) -> dict[str, object]:
    told = asdict(approval)
    return {**told, "call": {"name": approval.call.name, "arguments": approval.call.arguments}}
