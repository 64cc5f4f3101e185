"""Ten thousand recordings, two hundred of them bad in ten ways, through the command line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.shards import Index

RATE = 8000
CLIPS, BAD = 10_000, 200
NOT_AUDIO = "what it holds is not audio that can be read (Format not recognised)"


def encoded(wave: np.ndarray, kind: str = "WAV", subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, RATE, format=kind, subtype=subtype)
    return buffer.getvalue()


NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, RATE)


def nothing(path: Path) -> None:
    """The manifest names it, and that is all."""


def folder(path: Path) -> None:
    path.mkdir()


def claim(path: Path) -> None:
    """A whole FLAC, but for its head, which speaks of ten hours."""
    content = bytearray(encoded(NOISE[:800], "FLAC"))
    # STREAMINFO: 20 bits of rate, 3 of channels, 5 of sample size, 36 of frames (RFC 9639).
    packed = int.from_bytes(content[18:26], "big") >> 36 << 36 | 10 * 3600 * RATE
    content[18:26] = packed.to_bytes(8, "big")
    path.write_bytes(content)


def written(content: bytes) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(content))


def void(value: object) -> None:
    pass


WAYS: dict[str, tuple[Callable[[Path], None], str]] = {
    "missing": (nothing, "it cannot be opened (No such file or directory)"),
    "empty": (written(b""), "the file is empty"),
    "pointer": (
        written(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        "it is a Git LFS pointer, not the file itself",
    ),
    "truncated": (
        written(encoded(NOISE[:800])[:900]),
        "it is truncated: the end is missing",
    ),
    "text": (written(b"<html>404 Not Found</html>" * 9), NOT_AUDIO),
    "nan": (
        written(encoded(np.full(800, np.nan), subtype="FLOAT")),
        "it has samples that are NaN or infinite",
    ),
    "no frames": (written(encoded(NOISE[:0])), "it holds no samples"),
    "one byte": (written(b"R"), NOT_AUDIO),
    "ten hours": (claim, "it is longer than an hour; cut it, by `start` and `end`"),
    "folder": (folder, "it cannot be opened (Is a directory)"),
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad") / "corpus"
    root.mkdir()
    ways = list(WAYS.values())
    rng = np.random.default_rng(1)
    bad = dict(zip(rng.permutation(CLIPS)[:BAD].tolist(), range(BAD), strict=True))
    good = [encoded(NOISE[first : first + 160]) for first in range(0, RATE - 160, 160)]
    lines = ["path,text,key"]
    for number in range(CLIPS):
        path = root / f"{number}.wav"
        way = bad.get(number)
        if way is None:
            path.write_bytes(good[number % len(good)])
        else:
            ways[way % len(ways)][0](path)
        name = "good" if way is None else list(WAYS)[way % len(ways)]
        lines.append(f"{path.name},sound {number % 7},{name}-{number}")
    (root / "manifest.csv").write_text("\n".join(lines))
    return root


def run(corpus: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = ["prepare", "folder", str(corpus), str(out), "--rate", str(RATE), "--workers", "2"]
    return subprocess.run(
        [sys.executable, "-m", "clara.cli", *words, *options], capture_output=True, text=True
    )


def test_bad_ones_are_counted_by_cause_and_good_ones_written(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    strict = run(corpus, out, "--allowed-bad", "0.01")
    assert strict.returncode == 1
    assert strict.stderr.startswith("error: Expected at most 1% bad records but ")
    assert strict.stderr.count("\n") == 1
    assert not (out / "index.parquet").exists()

    done = run(corpus, out, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    expected = Counter({cause: 0 for _, cause in WAYS.values()})
    for _, cause in WAYS.values():
        expected[cause] += BAD // len(WAYS)
    assert report["skipped"] == expected
    assert report["stats"]["total"]["clips"] == CLIPS - BAD

    records = [json.loads(line) for line in (out / "skipped.jsonl").read_text().splitlines()]
    assert len(records) == BAD
    for record in records:
        assert record["cause"] == WAYS[record["key"].partition("-")[0]][1]
    index = Index.open(out)
    keys = set(index.column("key"))
    assert len(keys) == CLIPS - BAD
    assert all(key.startswith("good-") for key in keys)
    for i in range(0, len(index), 97):
        number = int(index.column("key")[i].partition("-")[2])
        first = number % 49 * 160
        assert index.sample(i).wave == pytest.approx(NOISE[first : first + 160], abs=1e-4)
