from __future__ import annotations

import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.audio.io import AUDIO_SUFFIXES, TOO_LONG, encode_flac, find, load, probe, resample
from clara.errors import AudioError

RATE = 48_000

# Container, encoding, and how far a decoded sample may lie from the original: half a step of the
# quantiser, or for lossy codecs as a share of the signal.
EXACT = [
    ("wav", "WAV", "PCM_16", 2**-15),
    ("wav", "WAV", "PCM_24", 2**-22),
    ("wav", "WAV", "PCM_32", 1e-7),
    ("wav", "WAV", "PCM_U8", 2**-7),
    ("wav", "WAV", "FLOAT", 0.0),
    ("wav", "WAV", "DOUBLE", 1e-7),
    ("wav", "WAV", "ULAW", 0.02),
    ("flac", "FLAC", "PCM_16", 2**-15),
    ("flac", "FLAC", "PCM_24", 2**-22),
    ("aiff", "AIFF", "PCM_16", 2**-15),
    ("au", "AU", "PCM_16", 2**-15),
    ("w64", "W64", "PCM_16", 2**-15),
]
LOSSY = [
    ("ogg", "OGG", "VORBIS", 0.1),
    ("opus", "OGG", "OPUS", 0.1),
    ("mp3", "MP3", "MPEG_LAYER_III", 0.1),
]


def chord(seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 554.4, 1318.5)]
    return (0.2 * np.sum(tones, axis=0)).astype(np.float32)


def encoded(wave: np.ndarray, container: str, subtype: str, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format=container, subtype=subtype)
    return buffer.getvalue()


@pytest.mark.parametrize(("suffix", "container", "subtype", "error"), EXACT + LOSSY)
def test_every_format_from_every_kind_of_source(
    tmp_path: Path, suffix: str, container: str, subtype: str, error: float
) -> None:
    wave = chord(2.0)
    data = encoded(wave, container, subtype)
    path = tmp_path / f"clip.{suffix}"
    path.write_bytes(data)
    got, rate = load(path)
    assert (got.dtype, got.shape, rate) == (np.float32, wave.shape, RATE)
    # The first and last hundredth of a second of a lossy codec are its fade.
    edge = 480 if (suffix, container, subtype, error) in LOSSY else 0
    inner = slice(edge, len(wave) - edge)
    assert np.abs(got[inner] - wave[inner]).max() <= error
    with path.open("rb") as file:
        for source in (str(path), data, file, io.BytesIO(data)):
            np.testing.assert_array_equal(load(source)[0], got)
    info = probe(path)
    assert (info.rate, info.frames, info.channels) == (RATE, len(wave), 1)
    assert info.format == container
    assert info.seconds == pytest.approx(2.0)


@pytest.mark.parametrize(("suffix", "container", "subtype", "error"), EXACT + LOSSY)
def test_a_slice_is_a_slice_of_the_whole(
    suffix: str, container: str, subtype: str, error: float
) -> None:
    data = encoded(chord(3.0), container, subtype)
    whole, _ = load(data)
    for start, end in ((0.0, 0.5), (0.25, 0.75), (1.00001, 2.3), (2.5, None), (2.9, 99.0)):
        part, rate = load(data, start=start, end=end)
        stop = len(whole) if end is None else min(round(end * RATE), len(whole))
        assert rate == RATE
        np.testing.assert_allclose(part, whole[round(start * RATE) : stop], atol=2e-7)


@pytest.mark.parametrize(("container", "subtype"), [case[1:3] for case in LOSSY])
@pytest.mark.parametrize("seconds", [0.05, 0.7, 4.0, 21.03])
def test_slices_of_lossy_recordings_begin_where_they_should(
    container: str, subtype: str, seconds: float
) -> None:
    """Of a rising tone each moment is unlike all others, so that a wrong place is noticed."""
    time = np.arange(round(seconds * RATE)) / RATE
    rising = np.sin(2 * np.pi * (100.0 * time + 300.0 * time**2)).astype(np.float32)
    data = encoded(0.5 * rising, container, subtype)
    whole, _ = load(data)
    for share in (0.0, 0.1, 0.4, 0.77, 0.93, 0.999):
        start = share * len(whole) / RATE
        part, _ = load(data, start=start, end=start + 0.3)
        first = round(start * RATE)
        np.testing.assert_allclose(part, whole[first : first + len(part)], atol=2e-7)


class Counting(io.BytesIO):
    bytes_read = 0

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        self.bytes_read += count
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.bytes_read += len(data)
        return data


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16")])
def test_a_slice_decodes_only_the_slice(container: str, subtype: str) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.9, 0.9, 30 * RATE).astype(np.float32)
    source = Counting(encoded(noise, container, subtype))
    part, _ = load(source, start=20.0, end=20.5)
    assert len(part) == RATE // 2
    assert source.bytes_read < len(source.getvalue()) / 5


def test_a_file_object_that_cannot_seek() -> None:
    data = encoded(chord(), "WAV", "PCM_16")
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb") as writer:
        writer.write(data[:20_000])
    with os.fdopen(ours, "rb") as reader, pytest.raises(AudioError, match="truncated"):
        load(reader)


def test_channels_become_their_mean(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wave = rng.uniform(-0.5, 0.5, (4800, 3)).astype(np.float32)
    path = tmp_path / "three.wav"
    soundfile.write(path, wave, RATE, subtype="FLOAT")
    assert probe(path).channels == 3
    np.testing.assert_allclose(load(path)[0], wave.mean(axis=1), atol=1e-7)
    np.testing.assert_allclose(load((wave, RATE))[0], wave.mean(axis=1), atol=1e-7)


def test_arrays_are_scaled_as_files_are() -> None:
    for kind, half in ((np.int16, 2**15), (np.int32, 2**31), (np.int8, 2**7)):
        wave, rate = load((np.array([-half, 0, half // 2], kind), 8000))
        np.testing.assert_array_equal(wave, np.array([-1.0, 0.0, 0.5], np.float32))
        assert rate == 8000
    wave, _ = load((np.array([0, 128, 192], np.uint8), 8000))
    np.testing.assert_array_equal(wave, np.array([-1.0, 0.0, 0.5], np.float32))
    assert load((np.zeros(480, np.float64), RATE), start=0.005)[0].shape == (240,)


@pytest.mark.parametrize("source_rate", [8000, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_a_tone_survives_resampling(source_rate: int) -> None:
    """Theory: below half of both rates the samples are those of the same sine."""
    hertz, target = 1000.0, 48_000
    wave = np.sin(2 * np.pi * hertz * np.arange(source_rate) / source_rate).astype(np.float32)
    got, rate = load((wave, source_rate), rate=target)
    assert rate == target
    assert len(got) == target
    sine = np.sin(2 * np.pi * hertz * np.arange(target) / target)
    inner = slice(target // 10, -target // 10)
    assert np.abs(got[inner] - sine[inner]).max() < 1e-4


def test_what_the_lower_rate_cannot_hold_vanishes() -> None:
    wave = np.sin(2 * np.pi * 30_000 * np.arange(96_000) / 96_000).astype(np.float32)
    low = resample(wave, 96_000, 48_000)
    assert np.abs(low[4800:-4800]).max() < 1e-4


def test_resampling_leaves_at_least_a_sample() -> None:
    assert len(resample(np.ones(1, np.float32), 192_000, 8000)) == 1
    wave = chord(0.1)
    assert resample(wave, RATE, RATE) is wave
    assert load(encoded(chord(), "WAV", "PCM_16"), rate=16_000)[0].shape == (16_000,)


def test_flac_is_the_same_bytes_and_within_half_a_step() -> None:
    wave = chord()
    data = encode_flac(wave, RATE)
    assert data == encode_flac(wave.copy(), RATE)
    assert data[:4] == b"fLaC"
    info = soundfile.info(io.BytesIO(data))
    assert (info.subtype, info.channels, info.samplerate) == ("PCM_16", 1, RATE)
    assert np.abs(load(data)[0] - wave).max() <= 2**-16
    # What came from 16 bits goes back to the same 16 bits.
    again, _ = load(data)
    assert encode_flac(again, RATE) == data


def test_flac_clips_instead_of_wrapping_round() -> None:
    wave, _ = load(encode_flac(np.array([-3.0, -1.0, 0.0, 1.0, 3.0], np.float32), RATE))
    np.testing.assert_allclose(wave, [-1, -1, 0, 1, 1], atol=2**-15)


def test_find_takes_another_suffix(tmp_path: Path) -> None:
    (tmp_path / "a.opus").touch()
    (tmp_path / "b.wav").touch()
    (tmp_path / "b.flac").touch()
    (tmp_path / "c.1.ogg").touch()
    assert find(tmp_path / "a.wav") == tmp_path / "a.opus"
    assert find(tmp_path / "b.flac") == tmp_path / "b.flac"
    assert find(tmp_path / "b.mp3") == tmp_path / "b.wav"
    assert find(tmp_path / "c.1.wav") == tmp_path / "c.1.ogg"
    assert find(tmp_path / "d.wav") is None
    assert {".wav", ".flac", ".ogg", ".opus", ".mp3"} <= set(AUDIO_SUFFIXES)


def wav_with_data_size(data: bytes, size: int) -> bytes:
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


def test_a_wav_written_to_a_pipe_states_no_length() -> None:
    data = encoded(chord(), "WAV", "PCM_16")
    for size in (0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000):
        assert len(load(wav_with_data_size(data, size))[0]) == RATE


POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
HOSTILE = {
    "empty": (b"", "the file is empty"),
    "pointer": (POINTER, r"Git LFS pointer.*git lfs pull"),
    "text": (b"hello, I am a text\n" * 100, "not audio"),
    "page": (b"<!DOCTYPE html><html>404</html>", "not audio"),
    "zeros": (bytes(4096), "not audio"),
    "wav header alone": (encoded(chord(), "WAV", "PCM_16")[:40], "not audio|no samples"),
    "wav without samples": (encoded(chord()[:0], "WAV", "PCM_16"), "no samples"),
    "NaN": (encoded(np.array([0, np.nan], np.float32), "WAV", "FLOAT"), "NaN or infinite"),
    "infinite": (encoded(np.array([0, np.inf], np.float32), "WAV", "FLOAT"), "NaN or infinite"),
    "beyond float32": (encoded(np.array([0, 1e300]), "WAV", "DOUBLE"), "NaN or infinite"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_get_one_clear_sentence(tmp_path: Path, kind: str) -> None:
    data, said = HOSTILE[kind]
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=said) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(f"Expected a recording in {str(path)!r}, but ")
    assert "\n" not in message
    assert caught.value.cause in message
    assert str(path) not in caught.value.cause
    with pytest.raises(AudioError):
        load(data)


@pytest.mark.parametrize(("suffix", "container", "subtype", "error"), EXACT + LOSSY)
@pytest.mark.parametrize("share", [0.3, 0.8, 0.95])
def test_a_cut_file_is_never_taken_for_a_shorter_one(
    suffix: str, container: str, subtype: str, error: float, share: float
) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, 3 * RATE).astype(np.float32)
    data = encoded(noise, container, subtype)
    with pytest.raises(AudioError, match=r"truncated|not audio"):
        load(data[: int(share * len(data))])


def test_a_header_that_promises_the_moon() -> None:
    data = bytearray(encoded(chord(), "FLAC", "PCM_16"))
    # The last 36 bits before the checksum of the first block are the number of samples.
    data[21] |= 0x0F
    data[22:26] = b"\xff\xff\xff\xff"
    with pytest.raises(AudioError, match="truncated"):
        load(bytes(data))


def test_paths_that_cannot_be_opened(tmp_path: Path) -> None:
    for path, said in (
        (tmp_path / "none.wav", "No such file"),
        (tmp_path, "directory"),
        ("nul\0.wav", "null"),
    ):
        with pytest.raises(AudioError, match=said) as caught:
            load(path)
        assert caught.value.cause == "it cannot be opened"
    raw = tmp_path / "clip.raw"
    raw.write_bytes(bytes(100))
    with pytest.raises(AudioError, match="not audio"):
        load(raw)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_has_no_end_is_not_opened(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "clip.wav")
    for read in (load, probe):
        with pytest.raises(AudioError, match="it is a pipe or a device") as caught:
            read(tmp_path / "clip.wav")
        assert caught.value.cause == "it is a pipe or a device"


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    Path(os.fsdecode(name)).write_bytes(encoded(chord(), "WAV", "PCM_16"))
    assert probe(os.fsdecode(name)).frames == load(Path(os.fsdecode(name)))[0].size == RATE


@pytest.mark.parametrize(
    ("start", "end"),
    [(0.5, 0.5), (0.7, 0.2), (-1.0, None), (1.0, None), (5.0, 9.0), (float("nan"), None)],
)
def test_slices_that_hold_nothing(start: float, end: float | None) -> None:
    with pytest.raises(AudioError, match="slice"):
        load(encoded(chord(), "WAV", "PCM_16"), start=start, end=end)
    with pytest.raises(AudioError, match="slice"):
        load((chord(), RATE), start=start, end=end)


def test_the_shortest_slice_is_a_sample() -> None:
    assert len(load((chord(), RATE), start=0.1, end=0.1 + 1e-9)[0]) == 1


@pytest.mark.parametrize(
    ("samples", "rate", "said"),
    [
        (np.zeros(0), RATE, "no samples"),
        (np.zeros((2, RATE)), RATE, "too many channels"),
        (np.zeros((2, 2, 2)), RATE, "not one"),
        (np.array(["a"]), RATE, "not one"),
        (np.zeros(8, bool), RATE, "not one"),
        (np.zeros(8), 0, "not one"),
        (np.array([0.0, np.nan]), RATE, "NaN"),
        (np.array([0.0, 1e300]), RATE, "NaN or infinite"),
    ],
)
def test_arrays_that_are_no_recording(samples: np.ndarray, rate: int, said: str) -> None:
    with pytest.raises(AudioError, match=said):
        load((samples, rate))


def test_damage_is_an_error_or_a_wave_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.5, 0.5, 4800).astype(np.float32)
    for _, container, subtype, _ in EXACT + LOSSY[:2]:
        data = encoded(noise, container, subtype)
        for trial in range(40):
            damaged = np.frombuffer(data, np.uint8).copy()
            reach = 200 if trial % 2 else len(damaged)
            spots = rng.integers(0, min(reach, len(damaged)), size=4)
            damaged[spots] = rng.integers(0, 256, size=4)
            try:
                wave, rate = load(damaged.tobytes())
            except AudioError:
                continue
            assert len(wave) > 0
            assert np.isfinite(wave).all()
            assert rate > 0


def test_what_does_not_fit_in_memory_is_refused() -> None:
    data = encode_flac(np.zeros(16_000, np.float32), 8000)
    assert len(load(data, longest=2.0)[0]) == 16_000
    assert len(load(data, start=0.5, end=1.5, longest=1.0)[0]) == 8000
    for slice_ in ({}, {"start": 0.5}, {"end": 1.5}):
        with pytest.raises(AudioError, match=r"it is too long \(\d.* s, and at most 1 s") as caught:
            load(data, longest=1.0, **slice_)
        assert caught.value.cause == TOO_LONG


def test_the_error_crosses_processes() -> None:
    with pytest.raises(AudioError) as caught:
        load(b"")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.cause) == (str(caught.value), "the file is empty")


def test_real_recordings(real_data: Path) -> None:
    files = sorted(path for path in real_data.rglob("*") if path.suffix in AUDIO_SUFFIXES)
    for path in files[::97]:
        wave, rate = load(path)
        info = probe(path)
        assert (len(wave), rate) == (info.frames, info.rate)
        assert find(path.with_suffix(".wav")) == path
