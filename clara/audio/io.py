"""Recordings in and out: probe, slice, resample, FLAC.

Everything that cannot be read raises an `AudioError` that names the recording in one sentence, so
that a corpus with a broken file can be read past it and the file can be found.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from clara.audio import containers, memory, ogg
from clara.audio.faults import empty_slice, fault, no_samples, outside, truncated
from clara.records import Wave

_Encoded = str | os.PathLike[str] | bytes | memoryview | BinaryIO
Source = _Encoded | tuple[npt.NDArray[np.generic], int]
"""A path, encoded bytes, an open file, or samples `[T]` or `[T, channels]` with their rate."""

AUDIO_SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".opus", ".mp3", ".oga", ".aif", ".aiff", ".au", ".w64", ".caf"),
    # From here on with the extra `video`; sound alone goes before sound with pictures.
    *(".m4a", ".webm", ".weba", ".mka", ".aac", ".wma", ".m4b", ".amr"),
    *(".mp4", ".mkv", ".mov", ".m4v", ".3gp", ".avi", ".wmv", ".flv", ".mpg", ".mpeg"),
)
"""The file suffixes that `find` looks for, in this order; `load` goes by content, not by suffix."""

# A frame of MP3 may begin in bytes of frames before it, so that the first ones after a seek are not
# heard: so many samples before the slice are decoded and dropped.
_MP3_LEAD = 24 * 1152
# An MP3 encoder may state its length wrong by the padding of its first and last frame.
_MP3_SLACK = 2 * 1152


@dataclass(frozen=True, slots=True)
class Info:
    """What a recording is.

    Attributes:
        rate: Samples per second.
        frames: Samples of one channel.
        channels: Number of channels.
        format: Container ("WAV", "FLAC", "OGG", "MP3", ...; "ARRAY" for samples in memory).
    """

    rate: int
    frames: int
    channels: int
    format: str

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate


def probe(source: Source) -> Info:
    """Reads the header of a recording, and no samples where the header can be trusted.

    Of a container (WebM, MP4, ...) all samples are decoded and counted.

    Args:
        source: See `Source`.

    Raises:
        AudioError: It is missing, empty, not audio, or holds no samples.

    >>> probe((np.zeros((480, 2)), 48_000)).seconds
    0.01
    """
    if isinstance(source, tuple):
        samples, rate = _checked(source)
        return Info(rate, len(samples), 1 if samples.ndim == 1 else samples.shape[1], "ARRAY")
    with _opened(source) as opened:
        if isinstance(opened, containers.Track):
            return Info(opened.rate, opened.count(), opened.channels, opened.format)
        return _info(opened.file, opened.name)


def load(
    source: Source,
    *,
    rate: int | None = None,
    start: float = 0.0,
    end: float | None = None,
    longest: float = math.inf,
    out: Wave | None = None,
) -> tuple[Wave, int]:
    """Decodes a recording, or a slice of it, to one channel.

    Only the slice is decoded. Several channels become their mean.

    Args:
        source: See `Source`; an open file is read from its beginning.
        rate: Samples per second to resample to; those of the recording if None.
        start: Where the slice begins, in seconds.
        end: Where it ends, in seconds; the end of the recording if None or beyond it.
        longest: Seconds that fit in memory.
        out: float32 `[N]` to decode into: what has one channel and the rate wanted, and fits.

    Returns:
        float32 `[T]` with T >= 1, and its rate; the beginning of `out`, or memory of its own.

    Raises:
        AudioError: The recording is missing, empty, a Git LFS pointer, not audio, truncated, holds
            no or non-finite samples, the slice is empty or outside of it, or the cause is
            `TOO_LONG`.

    >>> wave, rate = load((np.ones((480, 2), np.int16), 48_000), rate=16_000)
    >>> wave.shape, wave.dtype, rate
    ((160,), dtype('float32'), 16000)
    """
    if isinstance(source, tuple):
        samples, own_rate = _checked(source)
        first, last = _bounds(start, end, Info(own_rate, len(samples), 1, "ARRAY"), _ARRAY)
        wave, name = _mono(_as_float(samples[first:last])), _ARRAY
    else:
        with _opened(source) as opened:
            name = opened.name
            if isinstance(opened, containers.Track):
                # How long it is, only decoding tells: to a second behind what is allowed.
                stop = min(math.inf if end is None else end, start + longest + 1)
                own_rate, wave = opened.rate, opened.read(start, stop)
                _check_length(len(wave) / own_rate, longest, name)
            else:
                info = _info(opened.file, name)
                bounds = _bounds(start, end, info, name)
                _check_length((bounds[1] - bounds[0]) / info.rate, longest, name)
                own_rate, wave = info.rate, _read(opened, info, bounds, rate, out)
    if not np.isfinite(wave).all():
        raise fault(name, "it has samples that are NaN or infinite", "Encode it again")
    rate = rate or own_rate
    return resample(wave, own_rate, rate), rate


def resample(wave: Wave, source_rate: int, target_rate: int) -> Wave:
    """Changes the rate of a wave, with the band-limited resampler soxr in high quality.

    Args:
        wave: float32 `[T]`.
        source_rate: Its samples per second.
        target_rate: The samples per second wanted.

    Returns:
        float32 `[T * target_rate / source_rate]`, rounded, and at least one sample.

    >>> len(resample(np.zeros(441, np.float32), 44_100, 48_000))
    480
    """
    assert wave.ndim == 1
    assert min(source_rate, target_rate) > 0
    if source_rate == target_rate or not len(wave):
        return wave
    result: Wave = soxr.resample(wave, source_rate, target_rate, quality="HQ")
    # Of a sample or two nothing may be left.
    return result if len(result) else wave[:1].copy()


def encode_flac(wave: Wave, rate: int) -> bytes:
    """Encodes a wave as 16-bit FLAC with one channel (section III-A1 of the paper).

    The same wave gives the same bytes. Samples outside [-1, 1] are clipped.

    Args:
        wave: float32 `[T]`.
        rate: Samples per second.

    >>> wave, rate = load(encode_flac(np.full(100, 2.0, np.float32), 16_000))
    >>> float(wave.min()) > 0.9999, rate
    (True, 16000)
    """
    assert wave.ndim == 1, "expected samples [T]"
    assert len(wave), "expected at least one sample"
    assert np.isfinite(wave).all(), "expected finite samples"
    # Rounded here, so that the bytes do not depend on how the encoder converts floats.
    scaled = wave * np.float32(32768.0)
    np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled)
    buffer = io.BytesIO()
    soundfile.write(buffer, scaled.astype(np.int16), rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def find(path: Path) -> Path | None:
    """The recording that a corpus calls `path`, whatever it was encoded as since.

    Args:
        path: As the metadata have it ("audio/1-100032-A-0.wav").

    Returns:
        The path itself if it is there, or else the same name with another audio suffix, or None.
    """
    if path.is_file():
        return path
    others = (path.with_suffix(suffix) for suffix in AUDIO_SUFFIXES)
    return next((other for other in others if other.is_file()), None)


TOO_LONG = "it is too long"
"""The cause of an error for what does not fit in memory."""
_ARRAY = "the array of samples"
_POINTER = b"version https://git-lfs.github.com/spec/"


class _Opened(NamedTuple):
    """A decoder, what to call the recording in errors, and the last sample to seek to."""

    file: soundfile.SoundFile
    name: str
    reach: int


@contextmanager
def _opened(source: _Encoded) -> Iterator[_Opened | containers.Track]:
    name, stream = _stream(source)
    number = memory.lend(source)
    # By its path or number the decoder reads a file without coming back to Python for each piece.
    target: bytes | int | BinaryIO = stream if number is None else number
    if isinstance(source, str | os.PathLike):
        target = os.fsencode(source)  # not every name is UTF-8
    try:
        reach = _reach(stream, name)
        try:
            file = soundfile.SoundFile(target, closefd=False)
        except (soundfile.LibsndfileError, TypeError) as error:
            # A TypeError is the answer to a name that ends in .raw.
            with containers.opened(stream, name, lasting=isinstance(target, bytes)) as track:
                if track is None:
                    raise fault(
                        name,
                        "what it holds is not audio that can be read",
                        f"Convert it to one of {', '.join(AUDIO_SUFFIXES[:5])}, or fetch it again",
                        _reason(error),
                    ) from error
                yield track
        else:
            with file:
                yield _Opened(file, name, reach)
    finally:
        memory.give_back(number)
        if not hasattr(source, "read"):
            stream.close()


def _stream(source: _Encoded) -> tuple[str, BinaryIO]:
    if isinstance(source, bytes | bytearray | memoryview):
        return "the bytes given", memory.Bytes(source)
    if isinstance(source, str | os.PathLike):
        name = repr(os.fspath(source))
        try:
            kind = stat.S_IFMT(Path(source).stat().st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFDIR):  # who opens a pipe waits for its other end
                raise fault(name, "it is a pipe or a device", "Give a file")
            return name, Path(source).open("rb")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise fault(name, "it cannot be opened", "Check the path", reason) from error
    assert hasattr(source, "read"), f"not a source of audio: {type(source).__name__}"
    name = repr(getattr(source, "name", "the file object given"))
    if not (hasattr(source, "seekable") and source.seekable()):
        return name, memory.Bytes(source.read())
    return name, source


def _reach(stream: BinaryIO, name: str) -> int:
    """Refuses what the decoder would not, or less clearly; says how far it may seek."""
    stream.seek(0)
    head = stream.read(512)
    if not head:
        raise fault(name, "the file is empty", "Fetch it again")
    if head.startswith(_POINTER):
        raise fault(name, "it is a Git LFS pointer, not the file itself", "Run `git lfs pull`")
    reach = sys.maxsize
    if head.startswith(ogg.MAGIC):
        whole, reach = ogg.ending(stream)
        if not whole:
            raise truncated(name)
    stream.seek(0)
    return reach


def _info(file: soundfile.SoundFile, name: str) -> Info:
    if not file.frames:
        raise no_samples(name)
    # The decoder reads a cut file as a shorter one, and says so only in its log.
    promised = _PROMISED.search(file.extra_info)
    if promised and int(promised[2]) < int(promised[1]) < _STREAMED:
        raise truncated(name)
    return Info(file.samplerate, file.frames, file.channels, file.format)


# The chunk of samples in WAV, AU, AIFF, W64, RF64. (A wrong size of the whole file, "RIFF", is
# common and harmless.)
_PROMISED = re.compile(r"(?:data|Data Size|SSND|riff|Riff size) *: (\d+) \(should be (\d+)\)")
# Programs that write to a pipe do not know the size and state the largest that fits.
_STREAMED = 0x7FFF_0000


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).rstrip(".")


def _check_length(seconds: float, longest: float, name: str) -> None:
    if seconds > longest:
        detail = f"{seconds:g} s, and at most {longest:g} s are asked for"
        raise fault(name, TOO_LONG, "Ask for a slice of it", detail)


def _bounds(start: float, end: float | None, info: Info, name: str) -> tuple[int, int]:
    """The slice in samples: at least one, all inside the recording."""
    stop = info.seconds if end is None else end
    if not (math.isfinite(start) and math.isfinite(stop) and 0 <= start < stop):
        raise empty_slice(name, start, stop, info.seconds)
    first, last = round(start * info.rate), min(round(stop * info.rate), info.frames)
    if first >= info.frames:
        raise outside(name, start, stop, info.seconds)
    return first, max(last, first + 1)


def _read(
    opened: _Opened, info: Info, bounds: tuple[int, int], rate: int | None, out: Wave | None
) -> Wave:
    """Decodes frames `bounds` to one channel, into `out` where that is all there is to do."""
    first, last = bounds
    file, name, reach = opened
    at = min(max(0, first - (_MP3_LEAD if info.format == "MP3" else 0)), reach)
    alike = info.channels == 1 and rate in (None, info.rate) and at == first
    if out is not None and (not alike or last - first > len(out)):
        out = None
    try:
        if at:
            file.seek(at)
        # All in one call, since soundfile seeks after each. What a header promises and the file
        # does not hold is reserved, but never touched.
        block = file.read(last - at, dtype="float32", out=out)
    except (soundfile.LibsndfileError, MemoryError, ValueError) as error:
        raise fault(name, "it is truncated or damaged", "Fetch it again", _reason(error)) from error
    missing = last - at - len(block)
    if len(block) <= first - at or missing > (_MP3_SLACK if info.format == "MP3" else 0):
        raise truncated(name)
    return _mono(block[first - at :])


def _checked(source: tuple[npt.NDArray[np.generic], int]) -> tuple[npt.NDArray[np.generic], int]:
    samples, rate = np.asarray(source[0]), int(source[1])
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "fiu" or rate <= 0:
        raise fault(
            _ARRAY,
            "it is not one",
            "Give numbers of shape [T] or [T, channels] and a rate in hertz",
            f"shape {samples.shape}, type {samples.dtype}, rate {rate}",
        )
    if samples.ndim == 2 and samples.shape[1] > max(32, samples.shape[0]):
        raise fault(
            _ARRAY, "it has too many channels", "Give [T, channels]", f"shape {samples.shape}"
        )
    if not samples.size:
        raise fault(_ARRAY, "it holds no samples", "Give at least one")
    return samples, rate


def _as_float(samples: npt.NDArray[np.generic]) -> Wave:
    """Integers of any width to [-1, 1], as the decoder scales them; floats as they are."""
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return samples.astype(np.float32)
    half = float(2 ** (8 * samples.dtype.itemsize - 1))
    values = samples.astype(np.float64) - (half if samples.dtype.kind == "u" else 0.0)
    return (values / half).astype(np.float32)


def _mono(block: Wave) -> Wave:
    if block.ndim == 1:
        return block
    if block.shape[1] == 1:
        return block[:, 0]
    # Channel by channel: to average each row of two takes several times as long.
    mean: Wave = block[:, 0] + block[:, 1]
    for channel in range(2, block.shape[1]):
        mean += block[:, channel]
    mean /= block.shape[1]
    return mean
