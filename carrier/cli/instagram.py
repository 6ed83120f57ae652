"""The commands about Instagram that need no host."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carrier.cli.project import AsJson

if TYPE_CHECKING:
    from carrier.types import Fault

app = typer.Typer(help="Look at what is to be posted on Instagram.", no_args_is_help=True)


class Kind(StrEnum):
    IMAGE = "image"
    CAROUSEL = "carousel"
    REEL = "reel"
    STORY = "story"


class Login(StrEnum):
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Pictures and videos of one post.")],
    kind: Annotated[Kind | None, typer.Option(help="What is posted; else what the files look like.")] = None,
    caption: Annotated[str, typer.Option(help="What is to stand below it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Tell what Instagram would refuse or spoil, and what helps. Exit code 1: it would refuse something."""
    from carrier.assemble import check_post
    from carrier.cli.printing import put

    faults = check_post(files, kind.value if kind else None, caption)
    if as_json:
        print(json.dumps([asdict(fault) for fault in faults], indent=2))
    else:
        put("\n".join(_lines(files, faults)))
    if any(fault.severity == "error" for fault in faults):
        raise typer.Exit(1)


def _lines(files: Sequence[Path], faults: "Sequence[Fault]") -> Iterator[str]:
    wrong = {fault.where for fault in faults}
    for fault in faults:
        state = "problem" if fault.severity == "error" else "warning"
        yield f"{state}  {fault.where}: {fault.what}"
        yield f"         {fault.remedy}"
    for file in files:
        if file.name not in wrong:
            yield f"ok       {file.name}"


def dev_instagram(
    port: Annotated[int, typer.Option(help="Where it listens on this machine; 0: any that is free.")] = 8180,
    login: Annotated[Login, typer.Option(help="What access tokens are from.")] = Login.INSTAGRAM,
    username: Annotated[str, typer.Option(help="The account's name.")] = "tifa",
    media: Annotated[Path, typer.Option(help="A folder that it fetches pictures and videos from.")] = Path(
        "var/dev-instagram"
    ),
) -> None:
    """Start a local Instagram with a page that shows its feed, to try agents with without an account."""
    options = ["--port", str(port), "--login", login, "--username", username, "--media", str(media)]
    # In place of this process: Ctrl-C and signals reach it as they are.
    os.execv(sys.executable, [sys.executable, "-m", "carrier.testing.graph", *options])
