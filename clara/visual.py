"""Frames of a video at a fixed rate, and those at which the scene has changed (equation 4).

As printed, equation 4 keeps a frame that is like the one before; the text says that it changed
much. Here a frame is kept when it is unlike the frame kept last, so that a slow change counts too.

Times are those of the sound: 0 s is where it begins, or the picture if there is no sound. So the
slice of an entry means the same in both.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from clara.errors import AudioError, MissingExtraError

if TYPE_CHECKING:
    import av
    import av.container

Image = npt.NDArray[np.uint8]
"""uint8 `[height, width, 3]`, red, green, blue."""
Grey = npt.NDArray[np.float64]

_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"})
# What could read other files or the network (playlists) is left out.
_FORMATS = "matroska,webm,mov,avi,asf,flv,mpegts,mpeg"
_DECODERS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,mpeg1video,mpeg2video,mpeg4,msmpeg4v1,"
    "msmpeg4v2,msmpeg4,h263,h263i,flv,wmv1,wmv2,wmv3,vc1,theora,mjpeg,prores,dnxhd,ffv1,rawvideo"
)
# The longest side that is handed on; captioners take less, and memory has an end.
_SIDE = 640
_PIXELS = 1 << 26
# Times in Matroska are whole milliseconds: a picture that begins so soon is there already.
_SOON = Fraction(1, 1000)
# Times of a damaged file may lie centuries ahead, and a picture would be shown until then.
_DAY = 86_400.0
# No video is as long, and no container can count so far.
_ENDLESS = 1e9
# A slice that begins later is found by a jump to the whole picture before it.
_FAR = 2.0
# The picture that is compared: small enough to average out noise and grain.
_SMALL = 64
_RADIUS, _SIGMA = 5, 1.5
_LUMA = np.array([0.299, 0.587, 0.114])
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


class Frame(NamedTuple):
    """A picture and when it is shown.

    Attributes:
        seconds: From the beginning of the sound.
        image: uint8 `[height, width, 3]`, upright, its longer side at most 640.
    """

    seconds: float
    image: Image


def is_video(path: Path) -> bool:
    """Whether a file may hold pictures, by its suffix.

    >>> is_video(Path("talk.webm")), is_video(Path("talk.flac"))
    (True, False)
    """
    return path.suffix.lower() in _SUFFIXES


def frames(
    path: os.PathLike[str], *, rate: float = 1.0, start: float = 0.0, end: float | None = None
) -> Iterator[Frame]:
    """The picture shown at `start` and each `1 / rate` seconds from there.

    Args:
        path: A video.
        rate: Frames per second.
        start: In seconds.
        end: In seconds, not included; the end of the video if None, or a day after `start`.

    Yields:
        One for each of these times at which there is a picture; none where the file has no moving
        pictures. Before its first picture a video shows that one already.

    Raises:
        MissingExtraError: PyAV is not installed.
        AudioError: It is no video that can be decoded; what was decoded before has been given.
    """
    assert rate > 0
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("the frames of videos", "video") from error
    try:
        with av.open(
            os.fspath(path),
            container_options={"format_whitelist": _FORMATS, "codec_whitelist": _DECODERS},
            metadata_errors="replace",
        ) as container:
            stream = next(filter(_moves, container.streams.video), None)
            if stream is not None and start < _ENDLESS:
                last = start + _DAY if end is None else min(end, start + _DAY)
                yield from _sampled(_Reel(container, stream), rate, start, last)
    except (av.error.FFmpegError, OSError, ValueError, MemoryError) as error:
        reason = str(getattr(error, "strerror", None) or error)
        raise AudioError(
            f"Expected a video in {path} but its pictures cannot be decoded ({reason}). Repair it.",
            cause=f"its pictures cannot be decoded ({reason})",
        ) from error


def changed(pictures: Iterable[Frame], threshold: float = 0.6) -> Iterator[Frame]:
    """The frames at which the scene has changed since the last one of them; the first always.

    Args:
        pictures: In order.
        threshold: A scene has changed where the structural similarity (`ssim`) of the two, made
            small and grey, is below it (theta of equation 4): -1 keeps the first frame alone, 1
            all that differ.
    """
    last: Grey | None = None
    looked: Image | None = None
    for frame in pictures:
        if frame.image is looked:
            continue  # it is shown on
        looked = frame.image
        small = reduced(frame.image)
        if last is None or ssim(small, last) < threshold:
            last = small
            yield frame


def ssim(first: Grey, second: Grey) -> float:
    """The mean structural similarity of two pictures (Wang et al., 2004, equation 13).

    With a Gaussian window of 11 x 11, sigma 1.5, only where it lies within the pictures.

    Args:
        first: float64 `[height, width]`, 0 to 255, each side at least 11.
        second: The same.

    Returns:
        -1 to 1; 1 for equal ones.

    >>> step = np.repeat([[0.0] * 8 + [255.0] * 8], 16, axis=0)
    >>> ssim(step, step), ssim(step, 255 - step) < 0
    (1.0, True)
    """
    assert first.shape == second.shape
    assert min(first.shape) > 2 * _RADIUS
    mean_a, mean_b = _blurred(first), _blurred(second)
    variance_a = _blurred(first * first) - mean_a**2
    variance_b = _blurred(second * second) - mean_b**2
    covariance = _blurred(first * second) - mean_a * mean_b
    similar = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    scale = (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    return float((similar / scale).mean())


def reduced(image: Image, side: int = _SMALL) -> Grey:
    """A picture in grey, brought to `side` x `side` by averaging over what falls into each pixel.

    Pictures of any two sizes can then be compared, and noise is averaged out.
    """
    grey = image @ _LUMA
    small: Grey = _shares(side, grey.shape[0]) @ grey @ _shares(side, grey.shape[1]).T
    return small


def _shares(count: int, size: int) -> Grey:
    """How much of `size` pixels falls into each of `count`: `[count, size]`, its rows sum to 1."""
    edges = np.linspace(0, size, count + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    shared = np.minimum(high, pixel + 1) - np.maximum(low, pixel)
    shares: Grey = np.clip(shared, 0, None) / (high - low)
    return shares


def _blurred(picture: Grey) -> Grey:
    """The Gaussian mean around each pixel whose window lies within the picture."""
    window = np.exp(-0.5 * (np.arange(-_RADIUS, _RADIUS + 1) / _SIGMA) ** 2)
    window /= window.sum()
    size = 2 * _RADIUS
    rows = sum(w * picture[i : i + picture.shape[0] - size] for i, w in enumerate(window))
    result: Grey = sum(w * rows[:, i : i + picture.shape[1] - size] for i, w in enumerate(window))
    return result


class _Reel:
    """The moving pictures of a container, with times from the beginning of its sound."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self._container, self._stream = container, stream
        if not stream.codec_context:
            raise ValueError("in a code that is not known")
        stream.codec_context.options = {"max_pixels": str(_PIXELS)}
        stream.thread_type = "AUTO"
        first = next(iter(container.streams.audio), stream)
        begins = first.start_time if first.start_time is not None else 0
        self._zero = begins * (first.time_base or Fraction(1))
        self._base = stream.time_base or Fraction(1)

    def shots(self, start: float) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
        """Pictures with when each begins and ends, from one that is shown at `start` or before."""
        decoded = self._decoded()
        if start > _FAR:
            place = (Fraction(start) + self._zero) / self._base
            self._container.seek(int(place), stream=self._stream)
            first = next(decoded, None)
            if first is not None and first[0] <= start:
                return itertools.chain([first], decoded)
            # There is nothing to jump to, or its index is wrong.
            self._container.seek(self._stream.start_time or 0, stream=self._stream)
            decoded = self._decoded()
        return decoded

    def _decoded(self) -> Iterator[tuple[Fraction, Fraction, av.VideoFrame]]:
        usual = 1 / (self._stream.average_rate or Fraction(25))
        ends = Fraction(0)
        for frame in self._container.decode(self._stream):
            begins = ends if frame.pts is None else frame.pts * self._base - self._zero
            ends = begins + (frame.duration * self._base if frame.duration else usual)
            yield begins, ends, frame


def _sampled(reel: _Reel, rate: float, start: float, end: float) -> Iterator[Frame]:
    number = 0
    shown: av.VideoFrame | None = None
    until = Fraction(0)

    def due(before: Fraction) -> Iterator[float]:
        """The times that come before one."""
        nonlocal number
        while (time := start + number / rate) < before and time < end:
            number += 1
            yield time

    for begins, ends, frame in reel.shots(start):
        image = None
        for time in due(begins - _SOON):
            image = _image(shown or frame) if image is None else image
            yield Frame(time, image)
        if start + number / rate >= end:
            return
        shown, until = frame, ends
    if shown is not None:
        image = _image(shown)
        for time in due(until - _SOON):
            yield Frame(time, image)


def _moves(stream: av.VideoStream) -> bool:
    """Whether it is more than the picture on a cover."""
    import av

    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return not stream.disposition & still


def _image(frame: av.VideoFrame) -> Image:
    """The picture of a frame, upright, and not larger than what is handed on."""
    scale = min(1.0, _SIDE / max(frame.width, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    small = frame.reformat(width=width, height=height, format="rgb24")
    turns = round(frame.rotation / 90)  # counterclockwise
    image: Image = np.ascontiguousarray(np.rot90(small.to_ndarray(), turns))
    return image
