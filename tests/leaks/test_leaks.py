"""Recordings that two sets, or two parts of one, share are found, by source and by sound."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clara.audio import io as audio_io
from clara.audio.io import resample
from clara.cli.__main__ import main
from clara.leaks import Leaks, cache, find, sounds, write_csv
from clara.records import Wave
from clara.shards import Index

Scene = Callable[[int], Wave]
Shards = Callable[[str, Sequence[tuple[str, Wave, str]]], Index]


def pairs(leaks: Leaks) -> set[tuple[str, str, str]]:
    told = list(leaks.told(leaks.pairs()))
    keys = [(Path(each["a"]).stem, Path(each["b"]).stem, each["how"]) for each in told]
    assert len(keys) == len(set(keys))
    return set(keys)


@pytest.fixture
def two(shards: Shards, scene: Scene) -> tuple[Index, Index]:
    """Two sets: a source in common, a copy without a source, a piece, and others."""
    a = shards(
        "a",
        [
            ("train", scene(0), "freesound:1"),
            ("train", scene(1), "freesound:1"),
            ("train", scene(2), ""),
            ("train", scene(3), "freesound:3"),
            ("valid", scene(4), ""),
            ("train", scene(5), "freesound:5"),
        ],
    )
    b = shards(
        "b",
        [
            ("test", scene(6), "freesound:1"),  # another piece of that source
            ("test", 0.3 * scene(2), "freesound:2"),  # a copy of one that does not tell its source
            ("test", scene(3)[8000:44000], ""),  # a piece
            ("test", scene(7), ""),
            ("test", scene(5), "freesound:6"),  # told to be of another source, and believed
        ],
    )
    return a, b


FOUND = {
    ("a00", "b00", "source"),
    ("a01", "b00", "source"),
    ("a02", "b01", "sound"),
    ("a03", "b02", "sound"),
}


def test_two_sets(two: tuple[Index, Index]) -> None:
    leaks = find(*two)
    assert pairs(leaks) == FOUND
    assert leaks.leaked() == (4, 3)
    (row,) = leaks.table()
    parts = {"a": "a-source/train", "b": "b-source/test"}
    assert row == {**parts, "source_a": 2, "source_b": 1, "sound_a": 2, "sound_b": 2}
    piece = next(leak for leak in leaks.pairs() if "a03" in two[0].key(leak.a))
    assert piece.offset == pytest.approx(-0.5, abs=0.02)  # the whole begins before its piece
    turned = find(two[1], two[0])
    assert pairs(turned) == {(b, a, how) for a, b, how in FOUND}
    told = leaks.as_json()
    assert told["pairs"] == {"source": 2, "sound": 2}
    assert json.loads(json.dumps(told)) == told


def test_ids_alone_open_no_shard(two: tuple[Index, Index], tmp_path: Path) -> None:
    for tar in tmp_path.glob("*/*/*.tar"):
        tar.unlink()
    leaks = find(*two, sound=False)
    assert {how for _, _, how in pairs(leaks)} == {"source"}
    assert leaks.as_json()["listened_to"] == {"a": 0, "b": 0}


def test_the_parts_of_one_set(shards: Shards, scene: Scene) -> None:
    index = shards(
        "one",
        [
            ("test", scene(0), "s:1"),
            ("train", scene(1), "s:1"),
            ("train", scene(2), "s:1"),  # with its neighbour in one part: no leak
            ("train", scene(3), ""),
            ("test", scene(3), ""),
            ("train", scene(3), ""),
            ("fold1", scene(4), "s:4"),
            ("valid", scene(4), ""),
        ],
    )
    leaks = find(index)
    assert leaks.within
    assert pairs(leaks) == {
        ("one01", "one00", "source"),
        ("one02", "one00", "source"),
        ("one03", "one04", "sound"),
        ("one05", "one04", "sound"),
        ("one06", "one07", "sound"),
    }
    table = {(row["a"], row["b"]): row for row in leaks.table()}
    assert table["one-source/train", "one-source/test"]["source_a"] == 2
    assert table["one-source/train", "one-source/test"]["sound_b"] == 1
    assert ("one-source/fold1", "one-source/valid") in table


def test_little_memory_gives_the_same(
    two: tuple[Index, Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sounds, "_GALLERY", 1)
    monkeypatch.setattr(sounds, "_QUERIES", 1)
    assert pairs(find(*two)) == FOUND
    progress: list[tuple[int, int]] = []
    find(*two, progress=lambda done, total: progress.append((done, total)))
    assert progress[-1][0] == progress[-1][1]


def test_what_was_heard_is_kept(
    two: tuple[Index, Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Any] = []
    load = audio_io.load

    def counted(*args: Any, **kwargs: Any) -> Any:
        heard.append(args)
        return load(*args, **kwargs)

    monkeypatch.setattr(audio_io, "load", counted)
    assert pairs(find(*two)) == FOUND
    assert len(heard) == 11
    assert pairs(find(*two)) == FOUND
    assert len(heard) == 11
    kept = sorted(tmp_path.rglob("*.safetensors"))
    assert {path.parent.name for path in kept} == {cache.FOLDER}
    content = kept[0].read_bytes()
    for broken in (b"", content[:-5], content[:40], b"\xff" * 100, kept[-1].read_bytes()):
        kept[0].write_bytes(broken)
        heard.clear()
        assert pairs(find(*two)) == FOUND
        assert 0 < len(heard) <= 3  # of that shard alone
        assert kept[0].read_bytes() == content


def test_another_shard_in_its_place_is_heard_anew(
    shards: Shards, scene: Scene, tmp_path: Path
) -> None:
    a = shards("a", [("train", scene(0), "")])
    b = shards("b", [("train", scene(1), "")])
    assert pairs(find(a, b)) == set()
    (mine,), (theirs,) = tmp_path.glob("a/*/*.tar"), tmp_path.glob("b/*/*.tar")
    for path in (mine.parent.parent, theirs.parent.parent):
        assert (path / "index.parquet").is_file()
    theirs.write_bytes(mine.read_bytes())
    (tmp_path / "b" / "index.parquet").write_bytes((tmp_path / "a" / "index.parquet").read_bytes())
    again = Index.open(tmp_path / "b")
    assert pairs(find(Index.open(tmp_path / "a"), again)) == {("a00", "a00", "sound")}


def test_a_folder_that_cannot_be_written_to(two: tuple[Index, Index], tmp_path: Path) -> None:
    for folder in tmp_path.glob("*/*/"):
        if any(folder.glob("*.tar")):
            (folder / cache.FOLDER).write_text("a file where a folder would be")
    assert pairs(find(*two)) == FOUND


def test_broken_and_short_recordings_are_counted(
    shards: Shards, scene: Scene, tmp_path: Path
) -> None:
    a = shards("a", [("train", scene(0), ""), ("train", scene(1), ""), ("train", scene(2), "")])
    b = shards(
        "b", [("test", scene(1), ""), ("test", scene(2)[:2000], ""), ("test", 0 * scene(1), "")]
    )
    place = int(a.column("audio_offset")[0])
    (tar,) = tmp_path.glob("a/*/*.tar")
    content = bytearray(tar.read_bytes())
    content[place : place + 200] = bytes(200)
    tar.write_bytes(content)
    leaks = find(a, b)
    gone = Path(a.key(0)).stem
    assert pairs(leaks) == {("a01", "b00", "sound")} - {(gone, "b00", "sound")}
    assert sum(leaks.by_sound.skipped.values()) == 1
    assert leaks.by_sound.mute[1] == 2
    assert not list(tmp_path.glob("a/*/.fingerprints/*"))  # to be tried again the next time


def test_of_nothing(two: tuple[Index, Index]) -> None:
    empty = two[0].select(mask=np.zeros(len(two[0]), dtype=bool))
    for leaks in (find(empty, two[1]), find(two[1], empty), find(empty)):
        assert (leaks.table(), leaks.leaked(), pairs(leaks)) == ([], (0, 0), set())


def test_many_of_a_source_are_counted_without_being_listed(shards: Shards, scene: Scene) -> None:
    clips = [("train" if n % 2 else "test", scene(0)[:2000], "s:1") for n in range(40)]
    leaks = find(shards("many", clips))
    assert leaks.by_source.count() == 400
    assert leaks.leaked() == (20, 20)
    assert len(leaks.examples(7)) == 7
    assert len(pairs(leaks)) == 400


def test_a_table_of_all_pairs(two: tuple[Index, Index], tmp_path: Path) -> None:
    write_csv(find(*two), tmp_path / "leaks.csv")
    with (tmp_path / "leaks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(Path(row["a"]).stem, Path(row["b"]).stem, row["how"]) for row in rows} == FOUND
    assert {row["what"] for row in rows if row["how"] == "source"} == {"freesound:1"}
    assert all(0.5 < float(row["what"]) <= 1 for row in rows if row["how"] == "sound")
    assert {row["part_b"] for row in rows} == {"b-source/test"}


def test_the_command(
    two: tuple[Index, Index], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, out = str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "pairs.csv")
    assert main(["leaks", a, b, "--out", out, "--threads", "1"]) == 0
    table, said = capsys.readouterr()
    assert "a-source/train" in table
    assert "3 of 5 recordings of B lie in A too, as 4 of A." in table
    assert "freesound:1" in table
    assert out in said
    assert len(Path(out).read_text().splitlines()) == 5
    assert main(["leaks", a, b, "--ids-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["leaked"] == {"a": 2, "b": 1}
    assert main(["leaks", a, b, "--fail"]) == 1
    assert "leave them out" in capsys.readouterr().err
    assert main(["leaks", a, "--fail"]) == 0
    assert main(["leaks", str(tmp_path / "nowhere"), b]) == 2


def test_real_recordings_in_other_formats(real_data: Path, shards: Shards, tmp_path: Path) -> None:
    files = sorted((real_data / "ESC-50" / "audio").glob("*"))[::50]
    waves = [audio_io.load(path, rate=16_000)[0] for path in files]
    whole = shards("whole", [("train", wave, "") for wave in waves])
    low = [resample(resample(wave, 16_000, 8000), 8000, 16_000) for wave in waves]
    part = shards("part", [("test", 0.5 * wave[16_000:56_000], "") for wave in low])
    found = pairs(find(whole, part))
    right = {(a, b) for a, b, _ in found if a[-2:] == b[-2:]}
    assert len(right) >= 0.9 * len(files)
    assert len(found) == len(right)
