"""What Instagram takes, in numbers."""

from dataclasses import dataclass
from fractions import Fraction

from carrier.types.posts import PostKind

MEBIBYTE = 2**20
PICTURE_BYTES = 8 * MEBIBYTE
MENDED_BYTES = 8_000_000
"""Below it whatever is meant by 8 MB."""
NARROWEST, WIDEST = 320, 1440
PICTURE_FILE = 64 * MEBIBYTE
"""A larger one is not opened."""
PIXELS, PIXELS_OF_OTHERS = 36_000_000, 25_000_000
"""Of a JPEG, which can be read in a fraction of its size, and of the rest; one with more is not opened either."""

CAROUSEL = range(2, 11)


@dataclass(frozen=True, slots=True)
class Ratios:
    """Width by height, from the tallest to the widest."""

    tallest: Fraction
    widest: Fraction
    words: str

    def take(self, width: int, height: int) -> bool:
        return self.tallest * height <= width <= self.widest * height


FEED_PICTURE = Ratios(Fraction(4, 5), Fraction(191, 100), "4:5 to 1.91:1")
ANY_PICTURE = Ratios(Fraction(1, 1000), Fraction(1000), "any")


@dataclass(frozen=True, slots=True)
class VideoLimits:
    what: str
    seconds: tuple[int, int]
    bytes: int
    ratios: Ratios
    upright: bool = True
    """Whether it fills a screen that is held upright, 9:16, when it is right."""


_REEL_RATIOS = Ratios(Fraction(1, 100), Fraction(10), "0.01:1 to 10:1")
REEL = VideoLimits("a reel", (3, 15 * 60), 300 * MEBIBYTE, _REEL_RATIOS)
CAROUSEL_VIDEO = VideoLimits("a video of a carousel", (3, 15 * 60), 300 * MEBIBYTE, _REEL_RATIOS, upright=False)
STORY = VideoLimits("a story", (3, 60), 100 * MEBIBYTE, Ratios(Fraction(1, 10), Fraction(10), "0.1:1 to 10:1"))
COLUMNS = 1920
FRAMES = (23, 60)
VIDEO_BITS = 25_000_000
SOUND_BITS = 128_000
SOUND_RATE = 48_000
SOUND_CHANNELS = 2

CAPTION = 2200
ALT_TEXT = 1000
HASHTAGS, HASHTAGS_WISE = 30, 5
MENTIONS = 20
COLLABORATORS = 3
USER_TAGS = 20


def ratios(kind: PostKind) -> Ratios:
    """That a picture may have."""
    return ANY_PICTURE if kind == "story" else FEED_PICTURE


def of_video(kind: PostKind) -> VideoLimits:
    return {"story": STORY, "carousel": CAROUSEL_VIDEO}.get(kind, REEL)
