"""The commands about Instagram that need no host."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Login(StrEnum):
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"


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
