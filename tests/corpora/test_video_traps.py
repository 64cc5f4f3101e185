"""The traps of clips of videos, in AudioCaps, AudioSet and VGGSound: a test for each."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from layouts import edit, entries, refused

from clara import corpora
from clara.audio.io import AUDIO_SUFFIXES
from clara.corpora import _files, _videos
from clara.errors import DataError
from clara.prepare.run import prepare
from clara.records import Entry
from clara.text.phrases import captions

Miniature = Callable[[str], Path]
Read = Callable[[str], dict[str, Entry]]


def test_a_video_is_the_same_source_in_three_corpora(miniature: Miniature):
    video, places = "-NsC63dA01g", []
    places.append(miniature("audiocaps"))
    places.append(miniature("audioset"))
    edit(places[-1] / "eval_segments.csv", "--4gqARaEJE, 0.000", f"{video}, 10.000")
    places.append(miniature("vggsound"))
    edit(places[-1] / "vggsound.csv", "---g-f_I2yQ,1,", f"{video},10,")
    for root in places:
        assert f"youtube:{video}" in {e.source for e in corpora.get(root.name).read(root)}


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_names_that_are_in_use_for_clips_are_found(name: str, miniature: Miniature):
    root = miniature(name)
    made = {path for path in root.rglob("*") if path.suffix in AUDIO_SUFFIXES}
    assert {entry.path for entry in corpora.get(name).read(root)} == made


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_ids_that_begin_with_a_dash(name: str, read: Read):
    dashed = [entry for entry in read(name).values() if entry.source.startswith("youtube:-")]
    assert dashed
    assert all(entry.key.startswith("-") for entry in dashed)


@pytest.mark.parametrize(
    "stem", ["{}_000030", "{}_30", "{}_30000", "{}", "Y{}_30", "Y{}_30000", "Y{}"]
)
def test_each_name_of_a_clip(stem: str, tmp_path: Path):
    path = tmp_path / f"{stem.format('-DmjkgWa-rw')}.m4a"
    path.touch()
    found = _files.media(tmp_path)
    assert _videos.clip(found, tmp_path, "-DmjkgWa-rw", 30.0, "") == path


def test_a_clip_of_another_second_is_not_taken(tmp_path: Path):
    for name in ("abcdefghijk_40.wav", "abcdefghijk_030.wav"):
        (tmp_path / name).touch()
    found = _files.media(tmp_path)
    path = _videos.clip(found, tmp_path, "abcdefghijk", 30.0, "")
    assert path == tmp_path / "abcdefghijk_000030.wav"  # which is not there


def test_a_part_of_a_second_has_no_name_in_seconds(tmp_path: Path):
    (tmp_path / "abcdefghijk_202.wav").touch()
    (tmp_path / "abcdefghijk_202700.wav").touch()
    found = _files.media(tmp_path)
    path = _videos.clip(found, tmp_path, "abcdefghijk", 202.7, "")
    assert path.name == "abcdefghijk_202700.wav"


def test_one_walk_takes_one_file_of_each_stem(tmp_path: Path):
    for name in ("b/x.mp4", "a/x.flac", "c/x.wav", "a/x.WAV", "a/y.txt", "a/._z.wav", ".h/w.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    elsewhere = tmp_path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "v.opus").touch()
    (tmp_path / "link").symlink_to(elsewhere, target_is_directory=True)
    found = _files.media(tmp_path)
    assert found == {
        "x": str(tmp_path / "a" / "x.WAV"),
        "v": str(tmp_path / "link" / "v.opus"),
    }


@pytest.mark.parametrize("name", ["audiocaps", "audioset", "vggsound"])
def test_videos_that_are_gone_are_counted_but_are_no_bad_records(
    name: str, miniature: Miniature, tmp_path: Path
):
    root = miniature(name)
    listed = entries(name, root)
    gone = sorted(listed)[:2]
    for key in gone:
        listed[key].path.unlink()
    report = prepare(name, root, tmp_path / "out", rate=8000, workers=1, allowed_bad=0.0)
    ((cause, count),) = report.skipped.items()
    assert "not there" in cause
    assert count == 2
    lines = (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["key"] for line in lines) == gone


def test_a_broken_clip_of_a_video_is_a_bad_record(miniature: Miniature, tmp_path: Path):
    root = miniature("vggsound")
    next(iter(corpora.get("vggsound").read(root))).path.write_bytes(b"not audio")
    with pytest.raises(DataError, match="1 of 4 records skipped"):
        prepare("vggsound", root, tmp_path / "out", rate=8000, workers=1, allowed_bad=0.0)


def test_without_any_clip_the_user_is_told_where_they_go(miniature: Miniature, tmp_path: Path):
    root = miniature("vggsound")
    for path in (root / "clips").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"none of the 4 .* is there; `clara corpora`"):
        prepare("vggsound", root, tmp_path / "out", rate=8000, workers=1)


def test_a_missing_recording_of_another_corpus_stays_a_bad_record(
    miniature: Miniature, tmp_path: Path
):
    root = miniature("fsd50k")
    (root / "FSD50K.dev_audio" / "64760.wav").unlink()
    with pytest.raises(DataError, match="1 of 5 records skipped"):
        prepare("fsd50k", root, tmp_path / "out", rate=8000, workers=1)


# AudioCaps


def test_audiocaps_keeps_all_captions_of_a_clip_that_stand_apart(read: Read):
    found = read("audiocaps")
    ducks = found["vfY_TJq7n_U_130"]
    assert len(ducks.texts) == 5
    assert ducks.split == "valid"
    assert ducks.extra["audiocap_ids"] == ["97151", "108534", "109176", "108328", "108123"]
    assert len(found["-NsC63dA01g_10"].texts) == 4  # two people wrote the same


def test_audiocaps_in_one_split_only(miniature: Miniature):
    root = miniature("audiocaps")
    for name in ("train.csv", "val.csv"):
        (root / "dataset" / name).unlink()
    assert {entry.split for entry in entries("audiocaps", root).values()} == {"test"}


def test_audiocaps_tells_its_editions_apart(miniature: Miniature):
    root = miniature("audiocaps")
    assert {entry.extra["edition"] for entry in entries("audiocaps", root).values()} == {"1.0"}
    second = root / "dataset2.0"
    (root / "dataset").rename(second)
    for path in second.iterdir():
        with path.open(newline="") as file:
            rows = [[*row[:3], row[3].lower()] for row in csv.reader(file)]
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    assert {entry.extra["edition"] for entry in entries("audiocaps", second).values()} == {"2.0"}


def test_audiocaps_starts_at_whole_seconds(miniature: Miniature):
    root = miniature("audiocaps")
    edit(root / "dataset" / "test.csv", "-NsC63dA01g,10,", "-NsC63dA01g,ten,")
    refused("audiocaps", root, r"start_time .* line 2 of .*test\.csv, but found 'ten'")


def test_the_real_tables_of_audiocaps(real_data: Path):
    folder = real_data / "labels" / "audiocaps"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    found = entries("audiocaps", folder)
    splits = Counter(entry.split for entry in found.values())
    assert splits == {"train": 49_838, "valid": 495, "test": 975}
    assert {entry.extra["edition"] for entry in found.values()} == {"1.0"}
    texts = Counter(len(e.extra["audiocap_ids"]) for e in found.values() if e.split != "train")
    assert texts == {5: 495 + 975}
    assert sum(entry.key.startswith("-") for entry in found.values()) > 500


# AudioSet


def test_audioset_passes_comments_over_and_takes_quoted_labels(read: Read):
    found = read("audioset")
    assert len(found) == 7
    assert found["--4gqARaEJE_0"].labels["sound"] == (
        *("Domestic animals, pets", "Squeak", "Dog", "Animal"),
    )


def test_audioset_splits(read: Read):
    found = read("audioset")
    parts = {key: (entry.split, entry.extra["part"]) for key, entry in found.items()}
    assert parts["---2_BBVHAA_30000"] == ("train", "unbalanced_train")
    assert parts["CQKSstz9_hs_202700"] == ("test", "eval")
    assert parts["--PJHxphWEs_30000"][1] == "balanced_train"


def test_a_tenth_of_the_balanced_part_of_audioset_validates():
    from clara.corpora.audioset import _split

    videos = [f"{number:011}" for number in range(4000)]
    splits = Counter(_split("balanced_train", video) for video in videos)
    assert splits.keys() == {"train", "valid"}
    assert 0.08 < splits["valid"] / len(videos) < 0.12
    assert {_split("unbalanced_train", video) for video in videos} == {"train"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('--4gqARaEJE, 0.000, "/m/068hy"', r"YTID, start_seconds.* line 4 .* found '--4gqARaEJE"),
        ('--4gqARaEJE, 0.000, 10.000, "/m/xxx"', r"label to be one of .* \(527 in all\).*'/m/xxx'"),
    ],
)
def test_a_broken_line_of_audioset(line: str, message: str, miniature: Miniature):
    root = miniature("audioset")
    official = '--4gqARaEJE, 0.000, 10.000, "/m/068hy,/m/07q6cd_,/m/0bt9lr,/m/0jbk"'
    edit(root / "eval_segments.csv", official, line)
    refused("audioset", root, message)


# VGGSound


def test_the_first_line_of_vggsound_is_no_header(read: Read):
    found = read("vggsound")
    assert found["---g-f_I2yQ_000001"].split == "test"
    assert len(found) == 4


def test_a_label_of_vggsound_with_commas_is_one_label(read: Read):
    bees = read("vggsound")["--Lj4Y_96f0_000120"]
    assert bees.labels == {"sound": ("bee, wasp, etc. buzzing",)}
    assert captions(bees.labels)[0] == "The sound of bee, wasp, etc. buzzing"


def test_a_name_without_a_second_is_not_taken_for_two_clips(miniature: Miniature):
    root = miniature("vggsound")
    with (root / "vggsound.csv").open("a") as file:
        file.write('--Lj4Y_96f0,130,"bee, wasp, etc. buzzing",train\n')
    paths = [entry.path for entry in corpora.get("vggsound").read(root)]
    assert len(set(paths)) == 5
    assert root / "clips" / "--Lj4Y_96f0.wav" not in paths


def test_the_real_test_split_of_vggsound(real_data: Path, tmp_path: Path):
    table = real_data / "labels" / "vggsound" / "test.csv"
    if not table.is_file():
        pytest.skip(f"no {table}")
    with table.open(newline="") as file:
        clips = list(csv.reader(file))
    with (tmp_path / "vggsound.csv").open("w", newline="") as file:
        rows = ((name[:11], int(name[12:18]), label, "test") for name, label in clips)
        csv.writer(file).writerows(rows)
    found = entries("vggsound", tmp_path)
    assert {f"{key}.mp4" for key in found} == {name for name, _ in clips}
    assert {entry.split for entry in found.values()} == {"test"}
