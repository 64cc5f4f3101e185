from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.audio import memory
from clara.audio.io import encode_flac, load, probe
from clara.errors import AudioError

RATE = 48_000


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    memory._forget()


def noise(seed: int, seconds: float = 0.5) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)


def content(number: int) -> bytes:
    return Path(f"/proc/self/fd/{number}").read_bytes()


def test_a_file_holds_the_bytes_and_no_others() -> None:
    for data in (b"x" * 100_000, b"short", b"", bytes(range(256)) * 50):
        number = memory.lend(data)
        assert number is not None
        assert content(number) == data
        assert os.lseek(number, 0, os.SEEK_CUR) == 0
        memory.give_back(number)
    assert len(memory._free) == 1


def test_what_is_lent_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert memory.lend(tmp_path / "a.flac") is None
    assert memory.lend(io.BytesIO(b"x")) is None
    monkeypatch.setattr(memory, "_LARGEST", 4)
    assert memory.lend(b"12345") is None
    memory.give_back(None)
    assert memory._free == []


@pytest.mark.parametrize("broken", ["memfd_create", "pwrite", "ftruncate"])
def test_a_system_that_gives_no_file(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    def refuse(*arguments: object) -> int:
        raise OSError(12, "no memory")

    data = encode_flac(noise(0), RATE)
    expected = load(data)[0]
    memory._forget()
    before = sorted(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(os, broken, refuse)
    np.testing.assert_array_equal(load(data)[0], expected)
    monkeypatch.undo()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("FLAC", "PCM_16"), ("WAV", "PCM_24"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", "PCM_16")],
)
def test_the_same_is_decoded_with_and_without(
    monkeypatch: pytest.MonkeyPatch, container: str, subtype: str
) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, noise(1, 2), RATE, format=container, subtype=subtype)
    data = buffer.getvalue()
    cases: list[dict[str, float]] = [{}, {"start": 0.7, "end": 1.1}, {"start": 1.9}]
    by_file = [load(data, **case)[0] for case in cases]
    info = probe(data)
    assert len(memory._free) == 1
    monkeypatch.setattr(memory, "lend", lambda data: None)
    assert probe(data) == info
    for case, wave in zip(cases, by_file, strict=True):
        np.testing.assert_array_equal(load(data, **case)[0], wave)


def test_a_file_comes_back_when_decoding_fails() -> None:
    good = encode_flac(noise(2), RATE)
    for bad in (b"not audio" * 100, good[: len(good) // 2], b""):
        with pytest.raises(AudioError, match="the bytes given"):
            load(bad)
    # And what it held before is not seen by the next.
    assert len(memory._free) == 1
    np.testing.assert_array_equal(load(good)[0], load(io.BytesIO(good))[0])


def test_each_thread_has_its_own() -> None:
    clips = [encode_flac(noise(seed, 0.2 + 0.05 * seed), RATE) for seed in range(8)]
    waves = [load(io.BytesIO(clip))[0] for clip in clips]
    wrong = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, 8, 40).tolist():
            if not np.array_equal(load(clips[i])[0], waves[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert 1 <= len(memory._free) <= 6


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_does_not_write_into_the_files_of_its_parent() -> None:
    number = memory.lend(b"of the parent")
    memory.give_back(number)
    assert number is not None
    child = os.fork()
    if not child:
        own = memory.lend(b"of the child, and longer")
        same = own is not None and content(own) == b"of the child, and longer"
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert content(number) == b"of the parent"


def test_a_place_to_decode_into() -> None:
    wave = noise(3)
    data = encode_flac(wave, RATE)
    whole, _ = load(data)
    place = np.full(len(wave) + 10, 7, np.float32)
    found, rate = load(data, out=place)
    assert (rate, np.shares_memory(found, place)) == (RATE, True)
    np.testing.assert_array_equal(found, whole)
    np.testing.assert_array_equal(place[: len(whole)], whole)
    assert (place[len(whole) :] == 7).all()
    part, _ = load(data, start=0.1, end=0.2, out=place)
    assert np.shares_memory(part, place)
    np.testing.assert_array_equal(part, whole[4800:9600])


@pytest.mark.parametrize("case", ["short", "rate", "channels", "array", "lossy"])
def test_what_cannot_be_decoded_in_place_lies_elsewhere(case: str) -> None:
    wave = noise(4)
    source: bytes | tuple[np.ndarray, int] = encode_flac(wave, RATE)
    place, settings = np.full(len(wave), 7, np.float32), dict[str, int | float]()
    if case == "short":
        place = place[:-1]
    elif case == "rate":
        settings = {"rate": 16_000}
    elif case == "array":
        source = (wave, RATE)
    else:
        channels, kind = (2, ("WAV", "PCM_16")) if case == "channels" else (1, ("MP3", None))
        buffer = io.BytesIO()
        twice = np.stack([wave] * channels, axis=1)
        soundfile.write(buffer, twice, RATE, format=kind[0], subtype=kind[1])
        source, settings = buffer.getvalue(), {"start": 0.2}
    found, _ = load(source, out=place, **settings)  # type: ignore[arg-type]
    assert not np.shares_memory(found, place)
    assert (place == 7).all()
    np.testing.assert_array_equal(found, load(source, **settings)[0])  # type: ignore[arg-type]
