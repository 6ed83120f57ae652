"""What is wrong with a post before any of it is sent."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from carrier.errors import Unfit
from carrier.media import limits
from carrier.media.opening import opened, size_upright, sort_of
from carrier.media.pictures import picture_faults
from carrier.media.videos import video_faults
from carrier.media.words import word_faults
from carrier.types.posts import Fault, PostKind


def post_faults(
    kind: PostKind,
    files: Sequence[Path],
    *,
    caption: str = "",
    first_comment: str = "",
    alt_text: str = "",
    collaborators: Sequence[str] = (),
    user_tags: Sequence[str] = (),
    cover: Path | None = None,
) -> tuple[Fault, ...]:
    """Everything that Instagram would refuse or spoil, errors and warnings; for a thread, as it reads the files."""
    return (
        *_count_faults(kind, len(files)),
        *(fault for file in files for fault in file_faults(kind, file)),
        *(_mixed_faults(files) if kind == "carousel" else ()),
        *(picture_faults(cover, limits.ANY_PICTURE) if cover else ()),
        *word_faults(caption, first_comment, alt_text, collaborators, user_tags),
    )


def file_faults(kind: PostKind, file: Path) -> tuple[Fault, ...]:
    """What is wrong with one file of such a post."""
    if kind == "reel" or (kind != "image" and _is_video(file)):
        return video_faults(file, limits.of_video(kind))
    return picture_faults(file, limits.ratios(kind))


def kind_of(files: Sequence[Path]) -> PostKind:
    """What they would most likely be posted as."""
    if len(files) > 1:
        return "carousel"
    return "reel" if files and _is_video(files[0]) else "image"


def _is_video(file: Path) -> bool:
    try:
        return sort_of(file).family == "video"
    except Unfit:
        return False


def _count_faults(kind: PostKind, count: int) -> Iterator[Fault]:
    if kind == "carousel" and count not in limits.CAROUSEL:
        least, most = limits.CAROUSEL[0], limits.CAROUSEL[-1]
        remedy = "leave some out" if count > most else "add some, or make it a post of `kind: image`"
        yield Fault(f"has {count} files, and a carousel has {least} to {most}", remedy, where="files")
    elif kind != "carousel" and count != 1:
        remedy = "name one, or make it a post of `kind: carousel`" if count else "name a picture or a video"
        yield Fault(f"has {count} files, and a post of kind {kind} has one", remedy, where="files")


def _mixed_faults(files: Sequence[Path]) -> Iterator[Fault]:
    """Instagram cuts every picture of a carousel to the ratio of the first."""
    ratios = [(file, ratio) for file in files if (ratio := _ratio(file))]
    for file, ratio in ratios[1:]:
        if abs(ratio / ratios[0][1] - 1) > 0.01:
            what = f"has a ratio of {ratio:.2f}:1, and is cut to the {ratios[0][1]:.2f}:1 of {ratios[0][0].name}"
            yield Fault(what, "give all the same ratio", "warning", file.name)


def _ratio(file: Path) -> float:
    """Of a picture; 0: it has none that is known."""
    try:
        format = sort_of(file)
        if not format.pillow:
            return 0
        with opened(file, format) as image:
            width, height = size_upright(image)
    except Unfit:
        return 0
    return width / height
