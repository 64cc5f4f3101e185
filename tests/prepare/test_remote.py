"""Shards made in, indexed in and trained on from a real S3 server on this machine."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from clara.errors import UsageError
from clara.prepare.index import index_tars
from clara.prepare.run import LOCK, prepare
from clara.remote import Url, locks
from clara.shards import Index

Files = Callable[[Path], dict[str, bytes]]
SETTINGS: dict[str, Any] = {"rate": 48_000, "shard_size": 5}


def below(url: str) -> dict[str, bytes]:
    """Everything below a URL, as another client sees it."""
    system, inner = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    return {path.removeprefix(f"{inner}/"): system.cat_file(path) for path in system.find(inner)}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_as_in_a_folder(
    bucket: str, big: Path, reference: dict[str, bytes], workers: int
) -> None:
    out = f"{bucket}/shards/big"
    report = prepare("folder", big, out, workers=workers, **SETTINGS)
    assert below(out) == reference
    assert str(report.out) == out
    assert report.stats == json.loads(reference["stats.json"])
    assert prepare("folder", big, out, **SETTINGS).already
    with pytest.raises(UsageError, match="was made with shard_size 5"):
        prepare("folder", big, out, rate=48_000, shard_size=6)
    with pytest.raises(UsageError, match="found shards in it; choose another"):
        prepare("folder", big, bucket, **SETTINGS)


def test_killed_and_taken_up_again(
    bucket: str, big: Path, reference: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"{bucket}/big"
    words = ["prepare", "folder", str(big), out, "--rate", "48000", "--shard-size", "5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "clara.cli", *words, "--workers", "1"], stderr=subprocess.DEVNULL
    )
    while len([name for name in Url(out).files() if name.endswith(".parquet")]) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = below(out)
    assert LOCK in left
    assert "index.parquet" not in left
    tars = {name: content for name, content in left.items() if name.endswith(".tar")}
    assert len(tars) >= 3
    assert all(content == reference[name] for name, content in tars.items())
    before = times(out)
    time.sleep(1.1)  # the server tells times in seconds
    monkeypatch.setattr(locks, "LEASE", 1.0)
    prepare("folder", big, out, workers=1, **SETTINGS)
    assert below(out) == reference
    after = times(out)
    kept = [name for name in tars if after[name] == before[name]]
    assert len(kept) >= 3, "finished shards were made again"


def times(url: str) -> dict[str, Any]:
    """When each file below a URL was written."""
    system, inner = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    found = system.find(inner, detail=True)
    return {path.removeprefix(f"{inner}/"): file["LastModified"] for path, file in found.items()}


def test_on_the_command_line(bucket: str, big: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from clara.cli.__main__ import main

    words = ["prepare", "folder", str(big), f"{bucket}/big", "--rate", "8000", "--workers", "1"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["out"] == f"{bucket}/big"
    assert main(["stats", bucket, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["clips"] == 60
    assert main(["index", f"{bucket}/big", "--workers", "1"]) == 0
    assert f"Shards and index are in {bucket}/big" in capsys.readouterr().err


def test_two_runs_at_once_are_refused(
    bucket: str, big: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LEASE", 0.9)
    with (
        locks.locked(Url(bucket) / LOCK, "it"),
        pytest.raises(UsageError, match=r"Another run .* is at work on s3:"),
    ):
        prepare("folder", big, bucket, workers=1, **SETTINGS)
    assert not below(bucket)


def test_a_bucket_that_is_not_there(bucket: str, big: Path) -> None:
    with pytest.raises(UsageError, match=r"Expected s3://no-such-bucket to be there"):
        prepare("folder", big, "s3://no-such-bucket/shards", workers=1, **SETTINGS)


def test_tars_are_indexed_where_they_are(
    bucket: str, big: Path, tmp_path: Path, files: Files
) -> None:
    prepare("folder", big, tmp_path / "tars", workers=1, **SETTINGS)
    for path in tmp_path.glob("tars/*.*"):
        path.unlink()
    fsspec.filesystem("s3").put(f"{tmp_path}/tars/", f"{bucket}/tars/", recursive=True)
    report = index_tars(f"{bucket}/tars", workers=1)
    index_tars(tmp_path / "tars", workers=1)
    assert below(f"{bucket}/tars") == files(tmp_path / "tars")
    index = Index.open(report.out)
    assert len(index) == 60
    assert index.sample(7).rate == 48_000
    with pytest.raises(UsageError, match="Expected tars in or below s3:"):
        index_tars(f"{bucket}/none")


def test_training_and_measuring_see_the_same(
    bucket: str, tones: Path, toy: Any, tmp_path: Path
) -> None:
    from clara.embed import load
    from clara.evaluate.run import evaluate
    from clara.train import train

    fsspec.filesystem("s3").put(f"{tones}/", f"{bucket}/tones/", recursive=True)
    figures = []
    for number, folder in enumerate((str(tones), f"{bucket}/tones")):
        recipe = dataclasses.replace(
            toy,
            data=dataclasses.replace(toy.data, folders=(folder,), threads=4),
            train=dataclasses.replace(toy.train, steps=10),
        )
        model = load(train(recipe, tmp_path / str(number)))
        results = evaluate(model, Index.open(folder), ["folder/sound"], ["zero_shot"])
        figures.append(results.scores[0].values)
    assert figures[0] == figures[1]
