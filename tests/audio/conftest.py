"""Recordings in containers, made with PyAV in their real formats."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import av
import numpy as np
import pytest

Muxed = Callable[..., bytes]


def mux(
    wave: np.ndarray,
    rate: int,
    container: str,
    codec: str,
    *,
    pictures: bool = False,
    options: Mapping[str, str] | None = None,
    more: np.ndarray | None = None,
    default: int = 0,
) -> bytes:
    """Encodes float samples `[T]` or `[channels, T]`, and `more` as a second stream of sound.

    The stream of number `default` is marked as the one to play.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container, options=dict(options or {})) as output:
        if pictures:
            video: Any = output.add_stream("mpeg4", rate=10)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        parts = [
            np.atleast_2d(each).astype(np.float32) for each in (wave, more) if each is not None
        ]
        streams = [output.add_stream(codec, rate=rate) for _ in parts]
        for number, (part, stream) in enumerate(zip(parts, streams, strict=True)):
            stream.disposition = av.stream.Disposition(int(number == default))
            stream.layout = {1: "mono", 2: "stereo", 4: "4.0"}[len(part)]
        if pictures:
            rng = np.random.default_rng(0)
            for _ in range(int(10 * parts[0].shape[1] / rate)):
                picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
                output.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
            output.mux(video.encode(None))
        for part, stream in zip(parts, streams, strict=True):
            converted = av.AudioResampler(stream.format.name, stream.layout.name, rate)
            for at in range(0, part.shape[1], rate):
                piece = np.ascontiguousarray(part[:, at : at + rate])
                frame = av.AudioFrame.from_ndarray(piece, "fltp", stream.layout.name)
                frame.sample_rate, frame.pts = rate, at
                for each in converted.resample(frame):
                    output.mux(stream.encode(each))
            output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture
def muxed() -> Muxed:
    """`mux`, for tests."""
    return mux
