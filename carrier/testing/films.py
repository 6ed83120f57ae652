"""Videos as cameras make them, for who looks into them; PyAV makes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av


@dataclass(frozen=True)
class Film:
    """A video, right for a reel unless it is told to be otherwise."""

    seconds: float = 3.5
    size: tuple[int, int] = (90, 160)
    rate: int = 24
    codec: str = "libx264"
    pixels: str = "yuv420p"
    format: str = "mp4"
    flags: str = "+faststart"
    sound: str = ""
    sound_rate: int = 44_100
    sound_layout: str = "stereo"
    delay: float = 0
    tracks: int = 1
    options: tuple[tuple[str, str], ...] = ()

    def __call__(self, path: Path) -> None:
        options = {"movflags": self.flags} if self.flags and self.format in ("mp4", "mov") else {}
        with av.open(str(path), "w", format=self.format, options=options) as container:
            films = [self._film(container) for _ in range(self.tracks if self.codec else 0)]
            sounds = [self._sound(container)] if self.sound else []
            for stream, frames in [
                *((film, self._pictures()) for film in films),
                *((sound, self._samples(sound)) for sound in sounds),
            ]:
                for frame in frames:
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())

    def _film(self, container: Any) -> Any:
        quick = {"libx264": {"preset": "ultrafast"}, "libvpx-vp9": {"cpu-used": "8", "deadline": "realtime"}}
        quick["libsvtav1"] = {"preset": "11"}
        options = {**quick.get(self.codec, {}), **dict(self.options)}
        stream = container.add_stream(self.codec, rate=self.rate, options=options)
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pixels
        return stream

    def _pictures(self) -> Iterator[Any]:
        frame = av.VideoFrame(*self.size, self.pixels)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.time_base = Fraction(1, self.rate)
        for number in range(int(self.seconds * self.rate)):
            frame.pts = number + int(self.delay * self.rate)
            yield frame

    def _sound(self, container: Any) -> Any:
        return container.add_stream(self.sound, rate=self.sound_rate, layout=self.sound_layout)

    def _samples(self, stream: Any) -> Iterator[Any]:
        samples = stream.codec_context.frame_size or 1024
        for number in range(int(self.seconds * self.sound_rate / samples)):
            frame = av.AudioFrame(stream.codec_context.format.name, self.sound_layout, samples)
            frame.sample_rate, frame.time_base = self.sound_rate, Fraction(1, self.sound_rate)
            frame.pts = number * samples
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            yield frame
