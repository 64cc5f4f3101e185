"""Containers, made with PyAV in their real formats."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clara.audio import containers, ending
from clara.audio.io import AUDIO_SUFFIXES, Info, find, load, probe
from clara.errors import AudioError, MissingExtraError

RATE = 48_000
Muxed = Callable[..., bytes]

# Container, codec, rate, and what the decoded wave may differ from the one encoded (root of the
# mean square); None where the format does not say how much the encoder put before the first sample.
FORMATS = [
    ("webm", "libopus", 48_000, 0.1),
    ("mp4", "aac", 44_100, 0.1),
    ("ipod", "alac", 44_100, 2e-5),
    ("mov", "pcm_s16le", 22_050, 2e-5),
    ("mov", "pcm_s24le", 22_050, 1e-6),
    ("mov", "pcm_u8", 22_050, 5e-3),
    ("matroska", "aac", 44_100, 0.1),
    ("matroska", "flac", 44_100, 2e-5),
    ("mp4", "libopus", 48_000, 0.1),
    ("mp4", "libmp3lame", 44_100, 0.1),
    ("wv", "wavpack", 44_100, 0.01),
    ("adts", "aac", 44_100, None),
    ("mpegts", "aac", 44_100, None),
    ("flv", "aac", 44_100, None),
    ("3gp", "libopencore_amrnb", 8000, None),
]
# What it takes to fill the last packet, where the format does not say where in it the end lies.
PADDED = {"matroska": 1024, "adts": 3072, "mpegts": 3072, "flv": 3072, "wv": 0}


def sweep(seconds: float, rate: int = RATE) -> np.ndarray:
    """A rising tone with some noise: each moment is unlike all others."""
    at = np.arange(round(seconds * rate)) / rate
    rising = np.sin(2 * np.pi * (100 * at + 1500 * at**2 / max(seconds, 1)))
    noise = np.random.default_rng(0).standard_normal(len(at))
    return (0.4 * rising + 0.02 * noise).astype(np.float32)


@pytest.mark.parametrize(("container", "codec", "rate", "error"), FORMATS)
def test_what_was_encoded_is_what_is_read(
    muxed: Muxed, tmp_path: Path, container: str, codec: str, rate: int, error: float | None
) -> None:
    wave = sweep(2.3456, rate)
    data = muxed(wave, rate, container, codec)
    got, own_rate = load(data)
    assert own_rate == rate
    # MP4 states the whole in milliseconds.
    assert -rate / 1000 <= len(got) - len(wave) <= PADDED.get(container, 0)
    if error is not None:
        same = min(len(wave), len(got))
        assert np.sqrt(np.mean((got[:same] - wave[:same]) ** 2)) < error
    info = probe(data)
    assert (info.rate, info.frames, info.channels) == (rate, len(got), 1)
    path = tmp_path / "a recording.bin"
    path.write_bytes(data)
    with path.open("rb") as file:
        for source in (path, str(path), file, io.BytesIO(data), memoryview(data)):
            np.testing.assert_array_equal(load(source)[0], got)  # type: ignore[arg-type]
            assert probe(source) == info  # type: ignore[arg-type]
    assert load(data, rate=16_000)[0].shape == (round(len(got) * 16_000 / rate),)


@pytest.mark.parametrize(("container", "codec", "rate", "error"), FORMATS)
def test_slices_are_those_of_the_whole(
    muxed: Muxed, tmp_path: Path, container: str, codec: str, rate: int, error: float | None
) -> None:
    data = muxed(sweep(23.21, rate), rate, container, codec)
    path = tmp_path / "recording"
    path.write_bytes(data)
    whole, _ = load(path)
    for start in (20.0123, 0.0, 9.99, 10.0, 11.7, 22.9):
        for source in (path, data):
            part, _ = load(source, start=start, end=start + 0.8)
            first = round(start * rate)
            last = min(round((start + 0.8) * rate), len(whole))
            assert len(part) == last - first
            # AAC fills bands with noise that it draws on the way; one sample off is 0.05 and more.
            assert np.sqrt(np.mean((part - whole[first:last]) ** 2)) < 0.01
            np.testing.assert_array_equal(part, load(source, start=start, end=start + 0.8)[0])
    np.testing.assert_array_equal(load(path, start=21.0)[0], load(path, start=21.0, end=99.0)[0])
    with pytest.raises(AudioError, match="ends before the slice"):
        load(path, start=24.0)


def test_a_slice_does_not_depend_on_what_was_read_before(
    muxed: Muxed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(muxed(sweep(27), RATE, "webm", "libopus"))
    alone = []
    for start in (25.0, 12.0, 21.0):
        monkeypatch.setattr(containers, "_marks", type(containers._marks)())
        alone.append(load(path, start=start, end=start + 1)[0])
    for start, wave in zip((25.0, 12.0, 21.0), alone, strict=True):
        np.testing.assert_array_equal(load(path, start=start, end=start + 1)[0], wave)
    # A file that has changed since is another file.
    path.write_bytes(muxed(-sweep(27), RATE, "webm", "libopus"))
    os.utime(path, ns=(1, 1))
    changed, _ = load(path, start=21.0, end=22.0)
    np.testing.assert_allclose(changed, -alone[2], atol=0.2)


@pytest.mark.parametrize(("container", "codec"), [("webm", "libopus"), ("mp4", "aac")])
def test_a_late_slice_decodes_little(
    muxed: Muxed, tmp_path: Path, container: str, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long"
    path.write_bytes(muxed(sweep(100), RATE, container, codec))
    load(path, start=96.0, end=97.0)
    decoded = 0
    decode = containers.Track._decode

    def counted(track: Any) -> Any:
        nonlocal decoded
        for frame in decode(track):
            decoded += frame.samples
            yield frame

    monkeypatch.setattr(containers.Track, "_decode", counted)
    for start in (92.0, 50.0, 99.0):
        decoded = 0
        load(path, start=start, end=start + 1)
        assert decoded < 20 * RATE


def with_duration(data: bytes, milliseconds: float) -> bytes:
    """A WebM whose header states that length: element 0x4489, a double."""
    at = data.index(b"\x44\x89\x88")
    return data[: at + 3] + np.array(milliseconds, ">f8").tobytes() + data[at + 11 :]


def test_a_container_that_states_a_wrong_length(muxed: Muxed) -> None:
    wave = sweep(3.0)
    data = muxed(wave, RATE, "webm", "libopus")
    for milliseconds in (60_000.0, 1e15, 100.0, 0.0, float("nan"), -5.0):
        lying = with_duration(data, milliseconds)
        assert lying != data
        assert probe(lying) == Info(RATE, len(wave), 1, "MATROSKA")
        assert len(load(lying)[0]) == len(wave)
        with pytest.raises(AudioError, match="ends before the slice"):
            load(lying, start=3.0, end=4.0)


def test_an_mp4_that_states_a_wrong_length(muxed: Muxed) -> None:
    wave = sweep(3.0)
    data = muxed(wave, RATE, "mp4", "aac")
    for name, place in ((b"mdhd", 20), (b"tkhd", 24), (b"mvhd", 20), (b"elst", 12)):
        for value in (1, 10**9):
            at = data.index(name) + place
            lying = data[:at] + value.to_bytes(4, "big") + data[at + 4 :]
            with_all, _ = load(lying)
            # Of an edit list the demuxer takes its part; nothing is made up.
            assert 0 < len(with_all) <= len(wave) + 2048
            assert probe(lying).frames == len(with_all)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "libopus")])
def test_pictures_are_passed_over(muxed: Muxed, container: str, codec: str) -> None:
    wave = sweep(2.0)
    plain = load(muxed(wave, RATE, container, codec))[0]
    data = muxed(wave, RATE, container, codec, pictures=True)
    assert data.count(b"mp4v") + data.count(b"V_MPEG4") >= 1
    np.testing.assert_array_equal(load(data)[0], plain)


def test_channels_become_their_mean(muxed: Muxed) -> None:
    left, right = sweep(1.0), sweep(1.0)[::-1]
    for container, codec in (("mov", "pcm_s16le"), ("ipod", "alac")):
        data = muxed(np.stack([left, right]), RATE, container, codec)
        assert probe(data).channels == 2
        np.testing.assert_allclose(load(data)[0], (left + right) / 2, atol=5e-5)


def test_of_several_streams_the_first_or_the_default_is_read(muxed: Muxed) -> None:
    first, second = sweep(2.0), 0.1 * np.ones(RATE * 3, np.float32)
    for container in ("matroska", "mov"):
        data = muxed(first, RATE, container, "pcm_s16le", more=second)
        np.testing.assert_allclose(load(data)[0], first, atol=5e-5)
        data = muxed(first, RATE, container, "pcm_s16le", more=second, default=1)
        np.testing.assert_allclose(load(data)[0], second, atol=5e-5)


def test_no_sound(muxed: Muxed) -> None:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        video: Any = output.add_stream("mpeg4", rate=10)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        picture = np.zeros((64, 64, 3), np.uint8)
        output.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        output.mux(video.encode(None))
    for act in (probe, load):
        with pytest.raises(AudioError, match="it holds no sound"):
            act(buffer.getvalue())


LIVE = {"live": "1"}
PIECES = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
CUT = [
    ("webm", "libopus", {}),
    ("webm", "libopus", LIVE),
    ("mp4", "aac", {}),
    ("mp4", "aac", PIECES),
    ("matroska", "flac", {}),
    ("mov", "pcm_s16le", {}),
    ("adts", "aac", {}),
    ("wav", "adpcm_swf", {}),
    ("wv", "wavpack", {}),
    ("3gp", "libopencore_amrnb", {}),
]


@pytest.mark.parametrize(("container", "codec", "options"), CUT)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.8, 0.95, 0.999])
def test_a_cut_file_is_never_taken_for_a_shorter_one(
    muxed: Muxed, container: str, codec: str, options: dict[str, str], share: float
) -> None:
    rate = 8000 if "amr" in codec else 44_100 if codec == "adpcm_swf" else RATE
    data = muxed(sweep(2.0, rate), rate, container, codec, options=options)
    load(data)
    cut = data[: int(share * len(data))]
    for act in (load, probe):
        with pytest.raises(AudioError, match=r"truncated|not audio|no sound|no samples") as caught:
            act(cut)
        assert "\n" not in str(caught.value)


def test_a_file_with_its_index_in_front_that_is_cut(muxed: Muxed, tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    with (
        av.open(io.BytesIO(muxed(sweep(2.0), RATE, "mp4", "aac"))) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as output,
    ):
        stream = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(load(path)[0]) == 2 * RATE
    for share in (0.5, 0.9, 0.9999):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(AudioError, match="truncated"):
            load(path)


def test_damage_is_an_error_or_a_wave_and_nothing_else(muxed: Muxed) -> None:
    rng = np.random.default_rng(0)
    for container, codec in (("webm", "libopus"), ("mp4", "aac"), ("matroska", "flac")):
        data = muxed(sweep(0.5), RATE, container, codec)
        for trial in range(40):
            damaged = np.frombuffer(data, np.uint8).copy()
            reach = 400 if trial % 2 else len(damaged)
            spots = rng.integers(0, min(reach, len(damaged)), size=4)
            damaged[spots] = rng.integers(0, 256, size=4)
            began = time.monotonic()
            for act in (load, probe):
                with contextlib.suppress(AudioError):
                    act(damaged.tobytes())
            assert time.monotonic() - began < 2


HOSTILE = {
    "playlist": b"#EXTM3U\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "list of files": b"ffconcat version 1.0\nfile /etc/hostname\n",
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nhello\n" * 9,
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(200),
    "boxes that say nothing": b"\x00\x00\x00\x18ftypmp42" + bytes(12),
    "box of all the world": b"\x00\x00\x00\x01mdat" + b"\x7f" + bytes(7) + b"\xff" * 99,
    "EBML alone": b"\x1a\x45\xdf\xa3\x80",
    "EBML without an end": b"\x1a\x45\xdf\xa3\x01" + b"\xff" * 300,
    "ASF alone": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + b"\xff" * 64,
    "AVI alone": b"RIFF\x24\x00\x00\x00AVI LIST" + bytes(40),
    "many empty boxes": b"\x00\x00\x00\x18ftypmp42" + bytes(12) + b"\x00\x00\x00\x08free" * 100_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bytes_get_one_clear_sentence(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(HOSTILE[kind])
    began = time.monotonic()
    for act in (load, probe):
        with pytest.raises(AudioError) as caught:
            act(path)
        assert str(caught.value).startswith(f"Expected a recording in {str(path)!r}, but ")
        assert "\n" not in str(caught.value)
        assert str(path) not in caught.value.cause
    assert time.monotonic() - began < 2


def test_claims_take_no_memory(muxed: Muxed) -> None:
    data = with_duration(muxed(sweep(1.0), RATE, "webm", "libopus"), 1e15)
    load(data)
    tracemalloc.start()
    load(data)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3_000_000


def test_counting_takes_no_memory(muxed: Muxed) -> None:
    data = muxed(np.zeros(120 * RATE, np.float32), RATE, "webm", "libopus")
    tracemalloc.start()
    assert probe(data).seconds == 120
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_threads_read_one_file(muxed: Muxed, tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    path.write_bytes(muxed(sweep(25), RATE, "webm", "libopus"))
    whole, _ = load(path)
    wrong = []

    def read(number: int) -> None:
        for turn in range(4):
            start = (number * 7 + turn * 11) % 23
            part, _ = load(path, start=start, end=start + 1)
            if np.abs(part - whole[start * RATE : (start + 1) * RATE]).max() > 2e-5:
                wrong.append(start)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_the_extra(muxed: Muxed, monkeypatch: pytest.MonkeyPatch) -> None:
    formats = (("webm", "libopus"), ("mp4", "aac"), ("adts", "aac"))
    made = [muxed(sweep(0.1), RATE, container, codec) for container, codec in formats]
    monkeypatch.setitem(sys.modules, "av", None)
    for data in made:
        with pytest.raises(MissingExtraError, match=r"pip install 'clara-audio\[video\]'"):
            load(data)
    with pytest.raises(AudioError, match="not audio"):
        load(b"hello, I am a text\n" * 100)


def test_find_prefers_sound_alone(tmp_path: Path) -> None:
    for suffix in (".mp4", ".m4a", ".webm"):
        (tmp_path / "a").with_suffix(suffix).touch()
    assert find(tmp_path / "a.wav") == tmp_path / "a.m4a"
    (tmp_path / "a.flac").touch()
    assert find(tmp_path / "a.wav") == tmp_path / "a.flac"
    assert len(set(AUDIO_SUFFIXES)) == len(AUDIO_SUFFIXES)


def test_whether_the_end_is_there_reads_sizes_alone() -> None:
    class Reads(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    box = (64 << 20).to_bytes(4, "big") + b"mdat"
    stream = Reads(b"\x00\x00\x00\x08ftyp" + box + bytes((64 << 20) - 8))
    assert ending.is_there(stream)
    assert stream.taken < 100
    assert not ending.is_there(io.BytesIO(stream.getvalue()[:-1]))


def test_a_container_is_decoded_no_further_than_what_fits(muxed: Muxed) -> None:
    data = muxed(sweep(5.0), RATE, "webm", "libopus")
    whole, _ = load(data, longest=5.0)
    assert len(whole) == 5 * RATE
    assert len(load(data, end=2.0, longest=2.0)[0]) == 2 * RATE
    with pytest.raises(AudioError, match="too long"):
        load(data, longest=2.0)
