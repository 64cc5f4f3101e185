from __future__ import annotations

import contextlib
import errno
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clara import corpora
from clara.audio import io
from clara.errors import DataError, LayoutError, UnknownNameError, UsageError
from clara.files import locked
from clara.prepare.run import LOCK, Report, prepare
from clara.records import Entry
from clara.shards import Index

RATE = 16_000
Files = Callable[[Path], dict[str, bytes]]


def run(corpus: Path, out: Path, **settings: Any) -> Report:
    usual = {"name": "folder", "rate": RATE, "shard_size": 4, "workers": 1}
    return prepare("folder", corpus, out, **{**usual, **settings})


def command(corpus: Path, out: Path, *options: str) -> list[str]:
    words = ["prepare", "folder", str(corpus), str(out), "--rate", "48000", "--shard-size", "5"]
    return [sys.executable, "-m", "clara.cli", *words, *options]


# --------------------------------------------------------------------------------- what comes out


def test_the_samples_are_those_of_the_corpus(corpus: Path, made: Report) -> None:
    index = Index.open(made.out)
    assert len(index) == 12
    assert {index.key(i) for i in range(12)} == {f"folder/{i:03d}.wav" for i in range(12)}
    assert dict(zip(*np.unique(index.column("split"), return_counts=True), strict=True)) == {
        "train": 6,
        "valid": 3,
        "test": 3,
    }
    for i in range(12):
        key = index.key(i).removeprefix("folder/")
        number = int(key[:3])
        sample = index.sample(i)
        original, _ = io.load(corpus / key)
        assert sample.rate == RATE
        np.testing.assert_allclose(sample.wave, original, atol=1 / 32768)
        assert f"رقم {number} 🎧" in sample.texts
        assert sample.labels == {"gender": (("man", "woman")[number % 2],)}
        assert index.column("seconds")[i] == pytest.approx(0.1)
        assert index.column("speaker")[i] == f"s{number % 5}"
        assert index.column("text_chars")[i] == max(map(len, sample.texts))


def test_the_json_says_all_that_the_entry_said(made: Report) -> None:
    index = Index.open(made.out)
    meta = index.meta(0)
    assert sorted(meta) == ["original_data", "tag", "text"]
    assert tuple(meta["text"]) == index.texts(0)
    original = meta["original_data"]
    assert original["key"] == index.column("key")[0]
    assert original["labels"] == {kind: list(v) for kind, v in index.labels(0).items()}
    assert original["corpus"] == "folder"


def test_sizes_and_statistics_match_the_shards(made: Report) -> None:
    index = Index.open(made.out)
    for split in ("train", "valid", "test"):
        sizes = json.loads((made.out / split / "sizes.json").read_text())
        assert list(sizes) == sorted(p.name for p in (made.out / split).glob("*.tar"))
        assert sum(sizes.values()) == len(index.select(splits=[split]))
        assert max(sizes.values()) <= 4
    assert json.loads((made.out / "stats.json").read_text()) == made.stats
    assert made.stats["total"]["clips"] == 12


def test_recordings_are_resampled(corpus: Path, tmp_path: Path) -> None:
    report = run(corpus, tmp_path / "out", rate=48_000)
    sample = Index.open(report.out).sample(0)
    assert sample.rate == 48_000
    assert len(sample.wave) == 4800


def test_slices_of_a_recording(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp = np.repeat([0.1, 0.5], RATE)
    soundfile.write(tmp_path / "in" / "long.wav", ramp, RATE)
    (tmp_path / "in" / "manifest.csv").write_text(
        "path,text,start,end\nlong.wav,low,0,1\nlong.wav,high,1.25,1.75\n"
    )
    index = Index.open(run(tmp_path / "in", tmp_path / "out").out)
    by_text = {index.texts(i)[-1]: index.sample(i) for i in range(2)}
    assert by_text["high"].wave == pytest.approx(0.5, abs=1e-3)
    assert (len(by_text["low"].wave), len(by_text["high"].wave)) == (RATE, RATE // 2)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestWarning")
def test_webdataset_reads_the_shards_in_order(made: Report) -> None:
    webdataset = pytest.importorskip("webdataset")
    for tar in sorted(made.out.rglob("*.tar")):
        dataset = webdataset.WebDataset(str(tar), shardshuffle=False, empty_check=False)
        samples = list(dataset)
        sizes = json.loads((tar.parent / "sizes.json").read_text())
        assert len(samples) == sizes[tar.name]
        for sample in samples:
            assert sorted(k for k in sample if not k.startswith("__")) == ["flac", "json"]
            assert json.loads(sample["json"])["text"]
            assert len(io.load(sample["flac"])[0]) == 1600
    del dataset, samples
    gc.collect()  # it leaves its files open, and the warnings are to come here


def test_another_seed_gives_another_order(corpus: Path, made: Report, tmp_path: Path) -> None:
    other = run(corpus, tmp_path / "other", seed=1)
    first, second = Index.open(made.out), Index.open(other.out)
    assert sorted(first.column("key")) == sorted(second.column("key"))
    assert list(first.column("key")) != list(second.column("key"))


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("Straße 7", "straße_7"),
        ("birds.csv", "birds"),
        ("owls/manifest.csv", "owls"),
        ("{}.-_", "folder"),
    ],
)
def test_shards_of_a_users_recordings_are_named_after_where_they_lie(
    corpus: Path, tmp_path: Path, place: str, name: str
) -> None:
    home = tmp_path / place
    if home.suffix == ".csv":
        shutil.copytree(corpus, home.parent, dirs_exist_ok=True)
        if home.name != "manifest.csv":
            (home.parent / "manifest.csv").rename(home)
    else:
        shutil.copytree(corpus, home)
    report = prepare("folder", home, tmp_path / "out", workers=1)
    assert report.corpus == name
    assert Index.open(report.out).corpora == [name]
    assert list(report.stats["corpora"]) == [name]


def test_two_folders_of_like_keys_are_two_corpora(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus, tmp_path / "other")
    prepare("folder", corpus, tmp_path / "out" / "a", workers=1)
    prepare("folder", tmp_path / "other", tmp_path / "out" / "b", workers=1)
    prepare("folder", tmp_path / "other", tmp_path / "out" / "c", name="Third-1.0", workers=1)
    index = Index.open(tmp_path / "out")
    assert (len(index), index.corpora) == (36, ["Third-1.0", "corpus", "other"])


def test_a_trial_takes_some_clips_of_every_split(corpus: Path, tmp_path: Path) -> None:
    whole = set(Index.open(run(corpus, tmp_path / "whole").out).column("key"))
    report = run(corpus, tmp_path / "trial", limit=6)
    keys = list(Index.open(report.out).column("key"))
    assert len(keys) == len(set(keys)) == 6
    assert set(keys) < whole
    more = set(Index.open(run(corpus, tmp_path / "more", limit=9).out).column("key"))
    assert set(keys) < more
    assert json.loads((report.out / "prepare.json").read_text())["limit"] == 6
    with pytest.raises(UsageError, match="was made with limit 6, but limit 0 was asked for"):
        run(corpus, tmp_path / "trial")


# ---------------------------------------------------------------------------------- the same bytes


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_do_not_show(
    big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files, workers: int
) -> None:
    prepare("folder", big, tmp_path / "out", rate=48_000, shard_size=5, workers=workers)
    assert files(tmp_path / "out") == reference


def test_a_corpus_that_moved_gives_the_same_bytes(
    big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files
) -> None:
    moved = tmp_path / "moved" / "corpus"
    shutil.copytree(big, moved)
    prepare("folder", moved, tmp_path / "out", rate=48_000, shard_size=5, workers=1)
    assert files(tmp_path / "out") == reference


def test_killed_twice_and_taken_up_again(
    big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files
) -> None:
    out = tmp_path / "out"
    for parts in (1, 6):
        process = subprocess.Popen(command(big, out, "--workers", "2"), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list(out.glob(".work/*/*.parquet"))) < parts:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (out / "index.parquet").exists()
        with pytest.raises(UsageError, match="there is none"):
            Index.open(out)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*/*.tar")}
    assert len(kept) >= 6
    finished = subprocess.run(command(big, out, "--workers", "2", "--json"), capture_output=True)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["stats"]["total"]["clips"] == 60
    assert files(out) == reference
    again = [path for path, at in kept.items() if path.stat().st_mtime_ns == at]
    assert len(again) >= 6, "finished shards were made again"


def test_workers_do_not_outlive_a_killed_run(big: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(big, out, "--workers", "2"), stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not list(out.glob(".work/*/*.parquet")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while _group_is_alive(process.pid):
        assert time.monotonic() < deadline, "a worker lives on"
        time.sleep(0.05)


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupted_from_the_keyboard(
    big: Path, reference: dict[str, bytes], tmp_path: Path, files: Files
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(big, out, "--workers", "2"), stderr=subprocess.PIPE, start_new_session=True
    )
    while not list(out.glob(".work/*/*.parquet")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert process.returncode == 130
    assert complaint.count(b"\n") == 1, complaint
    assert not list(out.rglob("*.part"))
    prepare("folder", big, out, rate=48_000, shard_size=5, workers=1)
    assert files(out) == reference


def test_a_second_run_does_nothing(corpus: Path, made: Report) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.out.rglob("*")}
    again = run(corpus, made.out)
    assert again.already
    assert not made.already
    assert (again.stats, again.skipped) == (made.stats, made.skipped)
    assert {path: path.stat().st_mtime_ns for path in made.out.rglob("*")} == before


def test_what_was_lost_is_made_again(corpus: Path, made: Report, files: Files) -> None:
    before = files(made.out)
    (made.out / "index.parquet").unlink()
    assert not run(corpus, made.out).already
    assert files(made.out) == before


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "said"),
    [({"rate": 8000}, "rate 16000"), ({"seed": 3}, "seed 0"), ({"shard_size": 9}, "shard_size 4")],
)
def test_other_settings_are_refused(
    corpus: Path, made: Report, files: Files, change: dict[str, int], said: str
) -> None:
    before = files(made.out)
    with pytest.raises(UsageError, match=f"was made with {said}, but"):
        run(corpus, made.out, **change)
    assert files(made.out) == before


def test_other_recordings_are_refused(corpus: Path, made: Report) -> None:
    soundfile.write(corpus / "003.wav", np.zeros(99), RATE)
    with pytest.raises(UsageError, match="recordings that have changed since"):
        run(corpus, made.out)


def test_a_folder_that_holds_something_else_is_refused(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis").write_text("precious")
    with pytest.raises(UsageError, match="found thesis in it"):
        run(corpus, tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis"]


def test_two_runs_at_once_are_refused(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    holder = (
        "import sys, time, pathlib; from clara.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1]), 'it'): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(out / LOCK)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(UsageError, match="Another run is at work"):
            run(corpus, out)
        process.kill()
        process.wait()
    assert run(corpus, out).stats["total"]["clips"] == 12
    assert not (out / LOCK).exists()


def test_a_lock_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            locked(tmp_path / "lock", "it"),
            pytest.raises(UsageError),
            locked(tmp_path / "lock", "it"),
        ):
            pass


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"rate": 10**9},
        {"shard_size": 0},
        {"allowed_bad": 1.5},
        {"workers": 0},
        {"limit": -1},
        {"name": "two words"},
        {"name": "../up"},
    ],
)
def test_settings_out_of_range(corpus: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="Expected"):
        run(corpus, tmp_path / "out", **change)
    assert not list(tmp_path.rglob("*.tar"))


def test_names_of_other_corpora_are_refused(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no other corpus has but found esc50; choose another"):
        run(corpus, tmp_path / "out", name="esc50")
    shutil.copytree(corpus, tmp_path / "ravdess")
    with pytest.raises(UsageError, match="no other corpus has but found ravdess"):
        prepare("folder", tmp_path / "ravdess", tmp_path / "out")
    with pytest.raises(UsageError, match="whose shards carry its own, but found mine"):
        prepare("esc50", corpus, tmp_path / "out", name="mine")
    assert not (tmp_path / "out").exists()


def test_an_unknown_corpus_and_a_wrong_folder(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'esc50'"):
        prepare("esc5", corpus, tmp_path / "out")
    with pytest.raises(LayoutError):
        prepare("esc50", corpus, tmp_path / "out")
    with pytest.raises(LayoutError):
        prepare("esc50", tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------ bad records


def spoil(corpus: Path) -> None:
    """Makes eight of the twelve recordings bad, each in its own way."""
    (corpus / "000.wav").write_bytes(b"")
    (corpus / "001.wav").write_bytes(b"what is this" * 40)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    (corpus / "002.wav").write_text(pointer)
    nan = np.full(800, np.nan, np.float32)
    soundfile.write(corpus / "003.wav", nan, RATE, subtype="FLOAT")
    (corpus / "004.wav").unlink()
    whole = (corpus / "005.wav").read_bytes()
    (corpus / "005.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(corpus / "006.wav", np.zeros(0), RATE)
    (corpus / "007.wav").unlink()
    (corpus / "007.wav").mkdir()


def test_bad_records_are_counted_by_cause(corpus: Path, tmp_path: Path, files: Files) -> None:
    spoil(corpus)
    report = run(corpus, tmp_path / "out", allowed_bad=1.0)
    assert report.stats["total"]["clips"] == 4
    assert sum(report.skipped.values()) == 8
    causes = " | ".join(report.skipped)
    for words in ("empty", "not audio", "LFS pointer", "NaN", "No such file", "truncated"):
        assert words in causes
    assert not [cause for cause in report.skipped if str(tmp_path) in cause or "Fetch" in cause]
    lines = (report.out / "skipped.jsonl").read_text().splitlines()
    assert {json.loads(line)["key"] for line in lines} == {f"{i:03d}.wav" for i in range(8)}
    run(corpus, tmp_path / "three", allowed_bad=1.0, workers=3)
    assert files(tmp_path / "three") == files(report.out)


def test_too_many_bad_records_stop_the_work_and_can_be_mended(
    corpus: Path, tmp_path: Path, files: Files, write_corpus: Callable[..., Path]
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(corpus, whole)
    spoil(corpus)
    with pytest.raises(DataError, match="at most 5% bad records but 8 of 12"):
        run(corpus, tmp_path / "out")
    with pytest.raises(UsageError, match="there is none"):
        Index.open(tmp_path / "out")
    (corpus / "007.wav").rmdir()
    for i in range(8):
        shutil.copy(whole / f"{i:03d}.wav", corpus)
    run(corpus, tmp_path / "out")
    run(whole, tmp_path / "never")
    assert files(tmp_path / "out") == files(tmp_path / "never")


def test_bad_recordings_may_be_taken_away_and_others_brought(
    corpus: Path, tmp_path: Path, files: Files
) -> None:
    """What has become of the recordings is asked only of a folder that is whole."""
    table = corpus / "manifest.csv"
    head, *rows = table.read_text("utf-8").splitlines(keepends=True)
    out = tmp_path / "out"
    spoil(corpus)
    with pytest.raises(DataError, match="8 of 12"):
        run(corpus, out, shard_size=1)
    splits = [path.parent.name for path in sorted(out.rglob("*.tar"))]
    assert splits == ["test", "train", "train", "valid"]
    table.write_text("".join([head, *rows[8:10]]), "utf-8")  # of "train", both
    with pytest.raises(UsageError, match="shard_size 1, but shard_size 2 was asked for"):
        run(corpus, out, shard_size=2)
    run(corpus, out, shard_size=1)
    run(corpus, tmp_path / "never", shard_size=1)
    assert files(out) == files(tmp_path / "never")
    table.write_text("".join([head, rows[11]]), "utf-8")  # of "test"
    with pytest.raises(UsageError, match=r"out was made of recordings that have changed since; ch"):
        run(corpus, out, shard_size=1)
    # Without an index it is no whole folder: it is made again of what is there.
    (out / "index.parquet").unlink()
    run(corpus, out, shard_size=1)
    run(corpus, tmp_path / "least", shard_size=1)
    assert files(out) == files(tmp_path / "least")


def test_all_bad_leaves_no_shard(corpus: Path, tmp_path: Path) -> None:
    for path in corpus.glob("*.wav"):
        path.write_bytes(b"")
    report = run(corpus, tmp_path / "out", allowed_bad=1.0)
    assert report.skipped == {"the file is empty": 12}
    assert not list(report.out.rglob("*.tar"))
    assert len(Index.open(report.out)) == 0


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Entry]:
    """The entries of a corpus that a stranger wrote a plug-in for."""
    entries: list[Entry] = []
    soundfile.write(tmp_path / "a.wav", np.full(1600, 0.25), RATE)

    def read(root: Path) -> Iterator[Entry]:
        yield from entries

    plugin = corpora.Corpus(
        title="", homepage="", licence="", cite="", size="", obtain="", splits=(), read=read
    )
    monkeypatch.setattr(corpora, "get", lambda name: plugin)
    return entries


def test_hostile_entries(strange: list[Entry], tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    strange += [
        Entry("good", path, texts=("a dog",)),
        Entry("good", path, texts=("a cat",)),
        Entry("../../up", path, texts=("up",)),
        Entry("dots.and/slashes\n\0", path, texts=("dots",)),
        Entry("ключ-鍵-🔑" * 40, path, texts=("long key",)),
        Entry("", path, texts=("no key",)),
        Entry("half \ud800", path, texts=("half a character in the key",)),
        Entry("half", path, texts=("half \ud800",)),
        Entry("blank", path, texts=("  \n",)),
        Entry("bare", path),
        Entry("endless", path, texts=("x" * 100_000,)),
        Entry("endless and not", path, texts=("x" * 100_000, "short")),
        Entry("split", path, split="../../outside", texts=("a",)),
        Entry("no-json", path, texts=("a",), extra={"set": {1}}),
        Entry("nan-json", path, texts=("a",), extra={"nan": float("nan")}),
        Entry("slice", path, start=5.0, texts=("a",)),
        Entry("backwards", path, start=0.05, end=0.01, texts=("a",)),
        Entry("zero byte", Path("a\0b"), texts=("a",)),
    ]
    report = run(tmp_path, tmp_path / "out", allowed_bad=1.0)
    index = Index.open(report.out)
    kept = {text for i in range(len(index)) for text in index.texts(i)}
    assert kept == {"a dog", "up", "dots", "long key", "no key", "short"}
    assert sum(report.skipped.values()) == 12
    assert report.skipped["the key is repeated"] == 1
    assert report.skipped["a text is not valid Unicode"] == 2
    assert report.skipped["it has no label and no caption"] == 2
    assert report.skipped["every caption has more than 10000 characters"] == 1
    assert report.skipped["a value has no form in JSON"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav", "out"]
    names = []
    for tar in report.out.rglob("*.tar"):
        listed = subprocess.run(["tar", "tf", str(tar)], capture_output=True, check=True)
        names += listed.stdout.decode().splitlines()
    assert len(names) == 12
    for name in names:
        assert name.count(".") == 1
        assert "/" not in name


def test_an_hour_and_more_is_refused(strange: list[Entry], tmp_path: Path) -> None:
    soundfile.write(tmp_path / "day.flac", np.zeros(8 * 3700, np.int16), 8, format="FLAC")
    strange += [Entry("day", tmp_path / "day.flac", texts=("a day",))]
    strange += [Entry("part", tmp_path / "day.flac", start=2.0, end=3.0, texts=("a second",))]
    report = run(tmp_path, tmp_path / "out", allowed_bad=1.0)
    assert list(report.skipped) == ["it is longer than an hour; cut it, by `start` and `end`"]


def test_a_corpus_of_nothing(strange: list[Entry], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lists none"):
        run(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------ disks that do not take it


def test_a_full_disk(
    corpus: Path, tmp_path: Path, mount: Callable[[str], Path], files: Files
) -> None:
    disk = mount("size=24k")
    for workers in (1, 2):
        with pytest.raises(DataError, match="disk is full; free some space and run the same"):
            run(corpus, disk / "out", workers=workers)
        assert not list(disk.rglob("*.part"))
        assert not (disk / "out" / "index.parquet").exists()
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    run(corpus, disk / "out")
    run(corpus, tmp_path / "never")
    assert files(disk / "out") == files(tmp_path / "never")


def test_a_disk_that_fills_at_any_write(
    corpus: Path, tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(corpus, tmp_path / "never")
    real, left = os.fsync, [0]

    def fsync(number: int) -> None:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= 1
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    failures = 0
    while True:
        left[0] = failures
        with contextlib.suppress(DataError):
            run(corpus, tmp_path / "out")
            break
        assert not list(tmp_path.rglob("*.part"))
        shutil.rmtree(tmp_path / "out")
        failures += 1
    assert failures > 10
    assert files(tmp_path / "out") == files(tmp_path / "never")


def test_a_read_only_folder(corpus: Path, mount: Callable[[str], Path]) -> None:
    disk = mount("size=4m,ro")
    with pytest.raises(DataError, match="Read-only file system; choose a folder"):
        run(corpus, disk / "out")
    with pytest.raises(DataError, match="Read-only file system; choose a folder"):
        run(corpus, disk)


def test_a_file_where_the_folder_should_be(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="choose a folder"):
        run(corpus, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff{"])
def test_a_broken_note_of_how_it_was_made(corpus: Path, made: Report, content: bytes) -> None:
    (made.out / "prepare.json").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read; remove"):
        run(corpus, made.out)


# ------------------------------------------------------------------------------------- real corpora


def test_real_corpora(real_data: Path, tmp_path: Path) -> None:
    report = prepare(
        "fsdd", real_data / "free-spoken-digit-dataset", tmp_path / "out", rate=8000, workers=2
    )
    assert report.stats["total"]["clips"] == 600
    assert not report.skipped
