"""The demo corpus: kinds, splits, repeatability, and nobody's files touched."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest

from clara import corpora, demo
from clara.audio.io import load, probe
from clara.errors import DataError, UsageError


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "corpus"
    count = demo.make_corpus(out)
    return out, count


def test_reads_as_a_folder_corpus(corpus):
    out, count = corpus
    entries = list(corpora.get("folder").read(out))
    assert len(entries) == len({entry.key for entry in entries}) == count
    assert all(entry.path.is_file() for entry in entries)
    assert {entry.split for entry in entries} == {"train", "valid", "test"}
    spoken = [entry for entry in entries if entry.language]
    sounds = [entry for entry in entries if not entry.language]
    assert {entry.language for entry in spoken} == set(demo.LANGUAGES)
    assert {entry.labels["sound"][0] for entry in sounds} == set(demo.SOUNDS)
    assert all(len(entry.texts) >= 6 for entry in sounds), "a name in each language"
    assert all(entry.labels["keyword"] == (entry.transcript,) for entry in spoken)


def test_no_voice_is_in_two_splits(corpus):
    splits = defaultdict(set)
    for entry in corpora.get("folder").read(corpus[0]):
        if entry.speaker:
            splits[entry.speaker].add(entry.split)
    assert all(len(of_voice) == 1 for of_voice in splits.values())


def test_each_class_is_in_each_split(corpus):
    counts = Counter(
        (kind, value, entry.split)
        for entry in corpora.get("folder").read(corpus[0])
        for kind, values in entry.labels.items()
        for value in values
    )
    for kind, value, _ in list(counts):
        for split in ("train", "valid", "test"):
            assert counts[kind, value, split] >= 1, (kind, value, split)


def test_recordings_are_sound(corpus):
    out, _ = corpus
    for path in sorted(out.rglob("*.flac"))[::29]:
        wave, rate = load(path)
        assert rate == demo.RATE
        assert 0.05 < np.abs(wave).max() <= 1
        assert 0.1 < probe(path).seconds < 4


def test_tables_are_whole():
    for table in (demo.WORDS, demo.SOUND_NAMES):
        for cells in demo._table(table):
            assert len(cells) == len(demo.LANGUAGES)
            assert all(cells)


def test_the_same_seed_gives_the_same_bytes_in_a_new_process(corpus, tmp_path):
    out, _ = corpus
    program = "import sys; from clara.cli.__main__ import main; sys.exit(main(sys.argv[1:]))"
    again = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-c", program, "demo", str(again)], check=True, capture_output=True
    )
    assert (again / "manifest.csv").read_bytes() == (out / "manifest.csv").read_bytes()
    some = sorted(path.relative_to(again) for path in (again / "sounds").iterdir())[::40]
    assert all((again / path).read_bytes() == (out / path).read_bytes() for path in some)
    with (again / "manifest.csv").open(newline="") as file:
        assert all((again / row["path"]).is_file() for row in csv.DictReader(file))


def test_a_finished_corpus_is_left_as_it_is(corpus):
    out, count = corpus
    before = (out / "manifest.csv").stat().st_mtime_ns
    assert demo.make_corpus(out) == count
    assert (out / "manifest.csv").stat().st_mtime_ns == before


def test_a_folder_of_something_else_is_not_touched(corpus, tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="choose another folder"):
        demo.make_corpus(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(UsageError, match='"seed": 7'):
        demo.make_corpus(corpus[0], seed=7)


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Expected to write"):
        demo.make_corpus(tmp_path / "file")
