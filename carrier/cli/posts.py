"""The commands about what is published: `carrier-host posts`."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from carrier.cli.project import AsJson, Project
from carrier.quoting import shortened

app = typer.Typer(help="What is published: listed, shown, approved, edited, rejected, retried and resolved.")

Id = Annotated[str, typer.Argument(help="The post's id, as `carrier-host posts` lists it.")]
By = Annotated[str, typer.Option(help="Who says so.")]
Words = Annotated[str | None, typer.Option(help="In place of what it says now.")]
HEADS = ("post", "client", "kind", "state", "due", "caption", "why")


@app.callback(invoke_without_command=True)
def posts(
    context: typer.Context,
    state: Annotated[str, typer.Option(help="Only those, as in draft, failed or unconfirmed.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """What is published, and what became of it, the newest first."""
    from carrier.cli.printing import Table

    if context.invoked_subcommand is not None:
        return
    found = context.obj.ask(
        lambda caller: caller.get("/posts", limit=str(limit), **({"state": state} if state else {}))
    )
    rows = [
        [
            it["id"],
            it["client"],
            it["content"]["kind"],
            _state(it),
            it["due"],
            _short(it["content"]["caption"]),
            it["reason"],
        ]
        for it in found["posts"]
    ]
    _show(found, as_json, str(Table(rows, HEADS)) if rows else "nothing was published yet")


@app.command()
def show(context: typer.Context, id: Id, as_json: AsJson = False) -> None:
    """One post: what goes out, and each step it has gone, with its time."""
    found = context.obj.ask(lambda caller: caller.get(f"/posts/{id}"))
    _show(found, as_json, "\n".join(_told(found)))


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    post, content = found["post"], found["post"]["content"]
    yield f"{post['id']}  {_state(post)}  {post['permalink']}".rstrip()
    yield f"digest   {post['digest'][:12]}"
    yield f"goes to  {post['client']}, due {post['due']}"
    for file in content["files"]:
        yield f"file     {file['source'] or file['path']}"
    for key in ("caption", "first_comment", "alt_text"):
        if content[key]:
            yield f"{key.replace('_', ' '):<8} {content[key]}"
    if post["reason"]:
        yield f"why      {post['reason']}"
    for step in found["steps"]:
        yield f"  {step['at']}  {step['state']}{'  ' + step['note'] if step['note'] else ''}"


@app.command()
def preview(context: typer.Context, id: Id, as_json: AsJson = False) -> None:
    """The exact requests by which a post goes out."""
    found = context.obj.ask(lambda caller: caller.get(f"/posts/{id}"))["requests"]
    _show({"requests": found}, as_json, requests_told(found))


def requests_told(requests: list[dict[str, Any]]) -> str:
    """Each call, with a line for each of its parameters."""
    lines = []
    for call in requests:
        lines.append(str(call["call"]))
        lines += [f"  {key} = {_plain(value)}" for key, value in call.items() if key != "call"]
    return "\n".join(lines)


@app.command()
def approve(
    context: typer.Context,
    id: Id,
    digest: Annotated[str, typer.Option(help="Of what you have looked at, as `posts show` tells it.")],
    by: By = "the operator",
) -> None:
    """Let a draft go out as it is."""
    _change(context.obj, id, "approve", {"digest": digest, "by": by})


@app.command()
def edit(
    context: typer.Context,
    id: Id,
    caption: Words = None,
    first_comment: Words = None,
    alt_text: Words = None,
    by: By = "the operator",
) -> None:
    """Give a draft other words; it waits to be approved as it is then."""
    words = {"caption": caption, "first_comment": first_comment, "alt_text": alt_text}
    _change(context.obj, id, "edit", {"by": by, **{key: text for key, text in words.items() if text is not None}})


@app.command()
def reject(context: typer.Context, id: Id, by: By = "the operator") -> None:
    """Never let it go out."""
    _change(context.obj, id, "reject", {"by": by})


@app.command()
def retry(context: typer.Context, id: Id, by: By = "the operator") -> None:
    """Begin anew with one that failed or was missed."""
    _change(context.obj, id, "retry", {"by": by})


@app.command()
def resolve(
    context: typer.Context,
    id: Id,
    published: Annotated[
        bool, typer.Option("--published/--retry", help="It is live; or it is not, and goes out again.")
    ],
    media: Annotated[str, typer.Option(help="The id of what is live, where it is known.")] = "",
    by: By = "the operator",
) -> None:
    """Say of an unconfirmed post whether it is live: nobody but you can look."""
    _change(context.obj, id, "resolve", {"live": published, "media": media, "by": by})


def _change(project: Project, id: str, what: str, body: dict[str, Any]) -> None:
    post = project.ask(lambda caller: caller.post(f"/posts/{id}/{what}", body))["post"]
    print(f"{post['id']} is {_state(post)}, digest {post['digest'][:12]}")


def _state(post: Mapping[str, Any]) -> str:
    return f"{post['state']}, waits for you" if post["stuck"] else str(post["state"])


def _short(text: str) -> str:
    return shortened(" ".join(text.split()), 40)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _show(found: Mapping[str, Any], as_json: bool, text: str) -> None:
    from carrier.cli.printing import put

    put(json.dumps(found, indent=2) if as_json else text)
