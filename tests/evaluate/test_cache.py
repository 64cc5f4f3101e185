"""What is kept of embeddings: found again, made again when broken or stale, never in the way."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clara.evaluate import cache as caches
from clara.evaluate.cache import Cache
from clara.evaluate.run import evaluate
from clara.shards import Index

# An encoder for processes of their own; it dies after so many chunks, as from a power cut.
CHILD = """
import os, signal, sys
import numpy as np
from clara.evaluate.cache import Cache
from clara.shards import Index
from pathlib import Path

class Ear:
    name, rate, hash, chunks = "ear", 8000, "sha256:ear", 0
    def audio(self, sources):
        if self.chunks == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        self.chunks += 1
        rows = np.array([np.histogram(wave, 16, (-1, 1))[0] for wave, _ in sources], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
    def text(self, texts): ...
    def seen(self, corpus, split): return "unseen"

cache, ear = Cache(Path(sys.argv[1])), Ear()
rows = cache.embed(ear, Index.open(sys.argv[2]))
np.save(sys.argv[4], rows.vectors)
print(cache.found, cache.made, cache.damaged)
"""


@dataclass
class Ear:
    """Wraps the encoder of the other tests, with a hash."""

    ear: SimpleNamespace
    hash: str = "sha256:ear"

    def __getattr__(self, name: str):
        return getattr(self.ear, name)


@pytest.fixture
def many(tones: SimpleNamespace) -> Index:
    return tones.shards(tones.everything(["test"], each=100))  # four chunks


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(found)}


def child(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_recording_goes_through_a_model_once(tones, many, tmp_path) -> None:
    first, again = Ear(tones.Ear()), Ear(tones.Ear())
    begun, ended = Cache(tmp_path / "cache"), Cache(tmp_path / "cache")
    rows = begun.embed(first, many)
    kept = ended.embed(again, many)
    assert sum(first.heard) == 400
    assert again.heard == []
    assert np.array_equal(rows.vectors, kept.vectors)
    assert (rows.keys, rows.texts) == (kept.keys, kept.texts)
    assert (begun.found, begun.made, ended.found, ended.made) == (0, 400, 400, 0)


def test_whatever_the_number_of_tasks(tones, tmp_path) -> None:
    index = tones.shards(tones.everything(["train", "test"], each=20))
    for _ in range(2):
        ear = Ear(tones.Ear())
        evaluate(ear, index, ["all"], cache=Cache(tmp_path / "cache"))
    assert ear.heard == []


def test_other_models_other_features_and_other_data_are_not_taken_for_it(
    tones, many, tmp_path
) -> None:
    cache = Cache(tmp_path / "cache")
    cache.embed(Ear(tones.Ear()), many)
    cache.embed(Ear(tones.Ear(), "sha256:other"), many)
    assert cache.found == 0
    shard = tmp_path / "shards" / "000000.tar"
    os.utime(shard, ns=(1, 1))
    cache.embed(Ear(tones.Ear()), Index.open(tmp_path / "shards"))
    assert cache.found == 0
    half = many.select(mask=np.arange(400) < 200)
    assert len(cache.embed(Ear(tones.Ear()), half)) == 200


def test_an_encoder_without_a_hash_is_never_kept(tones, many, tmp_path) -> None:
    for encoder in (tones.Ear(), Ear(tones.Ear(), "")):
        Cache(tmp_path / "cache").embed(encoder, many)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
        lambda content: content + b"more",
        lambda content: b"\x80\x04N." * 20,
    ],
    ids=["empty", "cut", "a bit", "longer", "pickle"],
)
def test_a_damaged_file_is_noticed_counted_and_made_again(
    tones, many, tmp_path, harm: Callable[[bytes], bytes]
) -> None:
    rows = Cache(tmp_path / "cache").embed(Ear(tones.Ear()), many)
    before = files(tmp_path / "cache")
    path = sorted((tmp_path / "cache").rglob("*.npy"))[1]
    path.write_bytes(harm(path.read_bytes()))
    cache = Cache(tmp_path / "cache")
    again = cache.embed(Ear(tones.Ear()), many)
    assert np.array_equal(rows.vectors, again.vectors)
    assert cache.damaged == 1
    assert cache.found + cache.made == 400
    assert "1 files of the cache were damaged" in cache.told()[0]
    assert files(tmp_path / "cache") == before


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(many, tmp_path) -> None:
    shards = tmp_path / "shards"
    whole = child(tmp_path / "whole", shards, -1, tmp_path / "whole.npy")
    assert whole.stdout.split() == ["0", "400", "0"], whole.stderr
    cut = child(tmp_path / "cut", shards, 2, tmp_path / "cut.npy")
    assert cut.returncode == -signal.SIGKILL
    assert len(files(tmp_path / "cut")) == 2
    taken_up = child(tmp_path / "cut", shards, -1, tmp_path / "cut.npy")
    assert taken_up.stdout.split() == ["256", "144", "0"], taken_up.stderr
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert (tmp_path / "cut.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_two_runs_at_once_are_in_no_ones_way(many, tmp_path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path / "both"), str(tmp_path / "shards"), "-1"]
    runs = [
        subprocess.Popen([*command, str(tmp_path / name)], stdout=subprocess.PIPE, text=True)
        for name in ("a.npy", "b.npy")
    ]
    for run in runs:
        out, _ = run.communicate(timeout=60)
        assert run.returncode == 0
        assert out.split()[2] == "0"
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert len(files(tmp_path / "both")) == 4


def test_where_nothing_more_can_be_written_work_goes_on_and_says_so(tones, many, tmp_path) -> None:
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    cache = Cache(tmp_path / "cache")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, limits[1]))
        rows = cache.embed(Ear(tones.Ear()), many)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert len(rows) == 400
    assert files(tmp_path / "cache") == {}
    (told,) = cache.told()
    assert "no longer kept" in told
    assert str(tmp_path) in told


def test_a_folder_that_is_a_file_does_not_stop_the_work(tones, many, tmp_path) -> None:
    (tmp_path / "cache").write_text("")
    cache = Cache(tmp_path / "cache")
    assert len(cache.embed(Ear(tones.Ear()), many)) == 400
    assert cache.stopped


def test_rows_that_are_no_numbers_are_not_kept(tones, many, tmp_path) -> None:
    class Broken(tones.Ear):
        hash = "sha256:broken"

        def audio(self, sources):
            return np.full((len(sources), 4), np.nan, np.float32)

    Cache(tmp_path / "cache").embed(Broken(), many)
    assert not (tmp_path / "cache").exists()


def test_the_users_folder(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert caches.default_folder() == tmp_path / "clara"
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caches.default_folder() == tmp_path / ".cache" / "clara"
