"""The commands about Instagram: what would be refused, what is posted by hand, what is left, how the token is."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carrier.cli.project import AsJson

if TYPE_CHECKING:
    from carrier.api.calling import Caller
    from carrier.types.posts import Fault

app = typer.Typer(help="Look at what is to be posted on Instagram, and post it.", no_args_is_help=True)

Client = Annotated[str, typer.Argument(help="The client's name.")]


class Kind(StrEnum):
    IMAGE = "image"
    CAROUSEL = "carousel"
    REEL = "reel"
    STORY = "story"


class Fit(StrEnum):
    CROP = "crop"
    PAD = "pad"
    CONVERT = "convert"


class Trial(StrEnum):
    MANUAL = "manual"
    PERFORMANCE = "performance"


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


@app.command()
def post(
    context: typer.Context,
    files: Annotated[list[str], typer.Argument(help="Pictures and videos of one post: files, or addresses.")],
    caption: Annotated[str, typer.Option(help="What is to stand below it.")] = "",
    client: Annotated[str, typer.Option(help="Who publishes it; else the only one that can.")] = "",
    kind: Annotated[Kind | None, typer.Option(help="What is posted; else what the files look like.")] = None,
    fit: Annotated[Fit | None, typer.Option(help="Mend pictures; else they have to be right.")] = None,
    first_comment: Annotated[str, typer.Option(help="The account's own comment below it.")] = "",
    alt_text: Annotated[str, typer.Option(help="For who cannot see the picture; of a carousel a line for each.")] = "",
    collaborators: Annotated[list[str] | None, typer.Option("--collaborator", help="Who shares it as theirs.")] = None,
    user_tags: Annotated[list[str] | None, typer.Option("--tag", help="Who is seen.")] = None,
    location_id: Annotated[str, typer.Option(help="The id of a place's page.")] = "",
    cover: Annotated[str, typer.Option(help="Of a reel: the picture that stands for it.")] = "",
    thumb_offset: Annotated[float, typer.Option(help="Of a reel: the second of the frame that does.")] = 0.0,
    share_to_feed: Annotated[bool | None, typer.Option(help="Whether a reel is shown in the feed, too.")] = None,
    trial: Annotated[Trial | None, typer.Option(help="A reel for strangers first.")] = None,
    ai_generated: Annotated[bool, typer.Option("--ai-generated", help="Label it as made with AI.")] = False,
    at: Annotated[str, typer.Option(help="2026-12-24T09:00 by the host's clock, or `slot`: the next free one.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be sent, and send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish something, by the host that runs: `carrier-host posts show` tells how far it is."""
    from carrier.cli.posts import requests_told
    from carrier.cli.printing import put

    found = context.obj.ask(partial(_ordered, context))
    if as_json:
        print(json.dumps(found, indent=2))
    elif dry_run:
        put(requests_told(found["requests"]))
    else:
        print(f"{found['post']['id']} goes out {found['post']['due'] if at else 'now'}")


async def _ordered(context: typer.Context, caller: "Caller") -> dict[str, Any]:
    """What the host makes of the options that were given, with files as it finds them."""
    root, given = context.obj.load().root, {**context.params}
    del given["as_json"]
    given["files"] = [await _found(root, file, caller) for file in given["files"]]
    given["cover"] = given["cover"] and await _found(root, given["cover"], caller)
    told = {key: value for key, value in given.items() if value not in (None, "", [], False) or key == "share_to_feed"}
    return await caller.post("/posts", told)


async def _found(root: Path, file: str, caller: "Caller") -> str:
    """As the host finds it, which is sent what the project does not have; raises CarrierError."""
    if "://" in file:
        return file
    if inside := _inside(root, Path(file)):
        return inside
    return str((await caller.send("/posts/files", Path(file)))["file"])


def _inside(root: Path, file: Path) -> str:
    """By its path from the project's folder; empty: it is elsewhere. Raises CarrierError for what is no file."""
    from carrier.errors import CarrierError

    if not file.is_file():
        raise CarrierError(f"there is no file {file}")
    inside = file.resolve().is_relative_to(root.resolve())
    return file.resolve().relative_to(root.resolve()).as_posix() if inside else ""


@app.command()
def limits(context: typer.Context, client: Client, as_json: AsJson = False) -> None:
    """What an account may still publish, as Instagram says it."""
    found = context.obj.ask(lambda caller: caller.get(f"/clients/{client}/limits"))
    most = "no limit that it tells" if found["total"] is None else f"{found['total']}"
    told = f"{found['used']} of {most} posts within {found['seconds'] / 3600:g} h"
    print(json.dumps(found, indent=2) if as_json else told)


@app.command()
def token(context: typer.Context, client: Client, as_json: AsJson = False) -> None:
    """Whose an account's access token is, and how long it is good; never the token itself."""
    found = context.obj.ask(lambda caller: caller.get(f"/clients/{client}/token"))
    ends = f"until {datetime.fromtimestamp(found['expires'], UTC):%Y-%m-%d %H:%M} UTC" if found["expires"] else ""
    told = f"{found['account']}, by the login of {found['login']}, good {ends or 'for a time that is not known yet'}"
    print(json.dumps(found, indent=2) if as_json else told)


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
