"""The sound of containers: WebM, MP4, M4A, Matroska, MOV and others, through PyAV.

What a container says of its length is not believed: samples are counted by decoding. Nor are its
times: the first sample that is heard lies at 0 s, and each follows the one before it. So a slice is
the same samples as in the whole, and `probe` and `load` agree.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from clara.audio import ending
from clara.audio.faults import empty_slice, fault, no_samples, outside, truncated
from clara.errors import AudioError, MissingExtraError
from clara.records import Wave

if TYPE_CHECKING:
    import av

Identity = tuple[int, int, int, int]
"""Device, number, size and time of a file."""

# What may be opened at all. Left out is what could read other files or the network (playlists),
# what is no audio, and what libsndfile reads and knows the end of (FLAC, AIFF, AU).
_FORMATS = "matroska,webm,mov,avi,asf,flv,mpegts,mpeg,aac,ac3,eac3,amr,wv,ape,tta,caf,wav,ogg,mp3"
# Decoders that are in use and well tried; pictures are not looked at, not even to open a file.
_DECODERS = (
    "opus,libopus,vorbis,libvorbis,speex,libspeex,flac,mp1,mp1float,mp2,mp2float,mp3,mp3float,"
    "aac,aac_latm,ac3,ac3_fixed,eac3,dca,mlp,truehd,alac,ape,tta,wavpack,"
    "wmav1,wmav2,wmapro,wmalossless,wmavoice,nellymoser,gsm,gsm_ms,g722,g723_1,g726,g729,ilbc,"
    "amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,"
    "adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_swf,adpcm_yamaha,pcm_alaw,pcm_mulaw,pcm_u8,pcm_s8,"
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_bluray,pcm_dvd"
)
# How far before the last sample decoded the end may lie that MP4 states: what an encoder fills its
# last packet with.
_PADDING = 8192
# A decoder that starts inside a recording needs some of what goes before (Opus 80 ms by RFC 7845,
# AAC a packet, MP3 its reservoir): so many seconds are decoded and dropped.
_LEAD = 2.0
# Slices are found from the last whole multiple of so many seconds; of how many recordings it is
# remembered where those lie.
_MARK_EVERY = 10.0
_REMEMBERED = 4096
# Formats whose packets have times; in others they are guessed after a jump.
_WITH_TIMES = ("MATROSKA", "MOV", "AVI", "ASF", "FLV", "MPEGTS")


@contextmanager
def opened(stream: BinaryIO, name: str, *, lasting: bool = False) -> Iterator[Track | None]:
    """The sound of a container, or None if this is none.

    Args:
        stream: The encoded bytes; it can seek.
        name: What to call the recording in errors.
        lasting: Whether the stream is a file that is likely to be read again.

    Raises:
        MissingExtraError: It is a container, and PyAV is not installed.
        AudioError: It holds no sound, or is truncated or damaged.
    """
    stream.seek(0)
    known = ending.is_container(stream.read(16))
    try:
        import av  # noqa: F401
    except ImportError as error:
        if known:
            raise MissingExtraError(f"reading {name}", "video") from error
        yield None
        return
    if not ending.is_there(stream):
        raise truncated(name)
    try:
        track = Track(stream, name, _identity(stream) if lasting else None)
    except NotAContainerError as error:
        if known:
            raise _damaged(name, error) from error
        yield None
        return
    try:
        yield track
    finally:
        track.close()


class NotAContainerError(Exception):
    """It cannot be opened. It never leaves this package."""


class Track:
    """The sound of a container.

    Args:
        stream: The encoded bytes.
        name: What to call the recording in errors.
        identity: What no other file has, to remember its times by; None to remember nothing.

    Attributes:
        name: What to call the recording in errors.
        rate: Samples per second.
        channels: Number of channels.
        format: Name of the container ("MATROSKA", "MOV", ...).

    Raises:
        NotAContainerError: It is none of the formats known here.
        AudioError: It holds no sound, or none that can be decoded.
    """

    def __init__(self, stream: BinaryIO, name: str, identity: Identity | None) -> None:
        self.name = name
        self._bytes, self._identity = stream, identity
        self._frames: Iterator[av.AudioFrame] = iter(())
        self._open()
        first = next(self._frames, None)
        if first is None:
            raise no_samples(name)
        self._first, self._frames = first, chain([first], self._frames)
        self.rate, self.channels = first.sample_rate, first.layout.nb_channels
        self.format = self._container.format.name.partition(",")[0].upper()

    def close(self) -> None:
        """Frees the decoder; the stream stays open."""
        self._container.close()

    def count(self) -> int:
        """The samples of one channel, counted by decoding them; nothing can be read afterwards."""
        position, last = 0, None
        for frame in self._frames:
            position, last = position + frame.samples, frame
        return self._trimmed(position, last)

    def read(self, start: float, end: float | None) -> Wave:
        """Decodes a slice to one channel; nothing else can be read afterwards.

        Args:
            start: In seconds.
            end: In seconds; the end of the recording if None or beyond it.

        Raises:
            AudioError: The slice is empty or outside of the recording, or what was decoded for it
                is truncated or damaged.
        """
        stop = math.inf if end is None else end
        if not (math.isfinite(start) and 0 <= start < stop):
            raise empty_slice(self.name, start, stop)
        first = round(start * self.rate)
        last = max(round(stop * self.rate), first + 1) if math.isfinite(stop) else sys.maxsize
        # Whether the stated end is the end shows only behind it.
        far = last + _PADDING if self._exact() and last > (self._stream.duration or last) else last
        position, frame = self._approach(first), None
        blocks: list[Wave] = []
        for frame in self._frames:
            if position >= far:
                break
            if first - frame.samples < position < last:
                blocks.append(_mono(frame)[max(0, first - position) : last - position])
            position += frame.samples
        else:
            last = min(last, self._trimmed(position, frame))
            if last <= first:
                raise outside(self.name, start, stop, last / self.rate)
        return np.concatenate(blocks)[: last - first]

    def _open(self) -> None:
        import av

        self._bytes.seek(0)
        options = {"format_whitelist": _FORMATS, "codec_whitelist": _DECODERS}
        try:
            self._container = av.open(
                self._bytes,
                "r",
                container_options=options,
                metadata_errors="replace",
                buffer_size=1 << 16,
            )
        except (av.error.FFmpegError, ValueError, MemoryError) as error:
            raise NotAContainerError(_reason(error)) from error
        self._stream = _chosen(self._container, self.name)
        self._frames = self._decode()

    def _decode(self) -> Iterator[av.AudioFrame]:
        """What comes from where the container stands."""
        import av

        rate = 0
        try:
            for packet in self._container.demux(self._stream):
                if packet.is_corrupt:
                    raise truncated(self.name)
                for frame in packet.decode():
                    assert isinstance(frame, av.AudioFrame)
                    if rate not in (0, frame.sample_rate):
                        raise fault(self.name, "its rate changes on the way", "Convert it to FLAC")
                    rate = frame.sample_rate
                    if frame.samples:
                        yield frame
        except (av.error.FFmpegError, ValueError, MemoryError) as error:
            raise _damaged(self.name, error) from error

    def _trimmed(self, position: int, last: av.AudioFrame | None) -> int:
        """The samples of the recording, where `position` have been decoded, the last in `last`.

        MP4 alone says where in its last packet it ends: by the length of that packet, or else by
        that of the whole, to the unit of its times (often a millisecond).
        """
        if not self._exact() or last is None:
            return position
        if 0 < last.duration < last.samples:
            return position - last.samples + last.duration
        stated = self._stream.duration
        return stated if stated and 0 <= position - stated < _PADDING else position

    def _exact(self) -> bool:
        """Whether times are those of MP4, in samples."""
        return self.format == "MOV" and self._stream.time_base == Fraction(1, self.rate)

    def _approach(self, first: int) -> int:
        """Goes to before a sample; says which sample the next frame begins with.

        Where it goes follows from the sample alone, not from what was read before: decoders give
        slightly other values after another start, and the same slice must be the same bytes.
        """
        step = int(_MARK_EVERY * self.rate)
        number = first // step
        if number == 0 or self.format not in _WITH_TIMES:
            return 0
        mark = self._reckoned(number * step) or self._learnt(number, step)
        self._reopen()
        if mark and self._go_to(mark.time):
            return mark.sample
        self._reopen()
        return 0

    def _reckoned(self, first: int) -> _Mark | None:
        """Where the packet of a sample begins, if MP4 says that all packets are as long."""
        frames = list(islice(self._frames, 2))
        self._frames = chain(frames, self._frames)
        if not self._exact() or len(frames) < 2 or frames[0].pts is None:
            return None
        head, size = frames[0].samples, frames[1].samples
        if abs(self._stream.frames * size - (self._stream.duration or 0)) > 2 * size:
            return None
        sample = head + (first - head) // size * size
        return _Mark(sample, frames[0].pts + sample)

    def _learnt(self, number: int, step: int) -> _Mark | None:
        """The mark of that number; what lies before it is decoded once, and then remembered."""
        if self._identity is None:
            return None
        marks = _recall(self._identity)
        if len(marks) <= number:
            position = 0
            if marks and self._go_to(marks[-1].time):
                position = marks[-1].sample
            elif marks:
                self._reopen()
            for frame in self._frames:
                if frame.pts is None or len(marks) > number:
                    break
                if len(marks) * step < position + frame.samples:
                    marks.append(_Mark(position, frame.pts))
                position += frame.samples
            _remember(self._identity, marks)
        return marks[number] if len(marks) > number else None

    def _reopen(self) -> None:
        self.close()
        self._open()

    def _go_to(self, time: int) -> bool:
        """Whether the next frame will be the one that begins at a time of the container."""
        import av

        assert self._stream.time_base is not None
        lead = int(_LEAD / self._stream.time_base)
        try:
            self._container.seek(max(0, time - lead), stream=self._stream)
            frames = self._decode()
            for frame in frames:
                if frame.pts is None or frame.pts > time:
                    return False
                if frame.pts == time:
                    self._frames = chain([frame], frames)
                    return True
        except (av.error.FFmpegError, AudioError):
            return False  # read from the beginning, it tells what is wrong
        return False


class _Mark(NamedTuple):
    """A frame of a recording: the sample it begins with, and its time in the container.

    The mark of number n is the frame that holds sample n * `_MARK_EVERY` * rate.
    """

    sample: int
    time: int


_marks: OrderedDict[Identity, list[_Mark]] = OrderedDict()
_lock = threading.Lock()


def _identity(stream: BinaryIO) -> Identity:
    stat = os.fstat(stream.fileno())
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def _recall(identity: Identity) -> list[_Mark]:
    with _lock:
        return list(_marks.get(identity, ()))


def _remember(identity: Identity, marks: list[_Mark]) -> None:
    """Keeps the marks of the recordings read last."""
    with _lock:
        if len(marks) >= len(_marks.get(identity, ())):
            _marks[identity] = marks
        _marks.move_to_end(identity)
        if len(_marks) > _REMEMBERED:
            _marks.popitem(last=False)


def _chosen(container: av.container.InputContainer, name: str) -> av.AudioStream:
    """The first stream of sound, or the one that is marked as the default."""
    import av

    streams = container.streams.audio
    if not streams:
        raise fault(name, "it holds no sound", "Give a recording that does")
    default = av.stream.Disposition.default
    chosen = next((each for each in streams if each.disposition & default), streams[0])
    for each in container.streams:
        if each is not chosen:
            each.discard = av.stream.Discard.all
    context = chosen.codec_context
    if context is None or context.name not in _DECODERS.split(","):
        codec = "of no known kind" if context is None else context.name
        raise fault(name, "its sound cannot be decoded", "Convert it to FLAC", codec)
    return chosen


def _mono(frame: av.AudioFrame) -> Wave:
    """The mean of all channels, float32 `[T]` in [-1, 1]."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(frame.samples, -1).T
    if samples.dtype.kind != "f":
        half = 2.0 ** (8 * samples.dtype.itemsize - 1)
        samples = samples / half - (1.0 if samples.dtype.kind == "u" else 0.0)
    mean = samples[0] if len(samples) == 1 else samples.mean(axis=0, dtype=np.float32)
    wave: Wave = mean.astype(np.float32, copy=False)
    return wave


def _damaged(name: str, error: Exception) -> AudioError:
    return fault(name, "it is truncated or damaged", "Fetch it again", _reason(error))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
