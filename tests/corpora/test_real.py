"""The real recordings: counts, splits and label sets are those of their manifest."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from clara import corpora
from clara.records import Entry

FOLDERS = {
    "arabic_speech_commands": "arabic-speech-commands-dataset",
    "emodb": "EmoDB",
    "esc50": "ESC-50",
    "fsdd": "free-spoken-digit-dataset",
    "ljspeech": "LJSpeech-1.1",
    "nemo": "nEMO",
    "ravdess": "RAVDESS",
    "speech_commands": "speech_commands_test_set_v0.02",
    "urbansound8k": "UrbanSound8K",
}
SPLIT_NAMES = {"val": "valid"}


@pytest.fixture(scope="module")
def manifest(real_data: Path) -> dict[str, dict[str, str]]:
    """The rows of the table of sources, and of each the line of its splits."""
    path = real_data / "MANIFEST.md"
    if not path.is_file():
        pytest.skip(f"no {path} to compare with")
    text = path.read_text(encoding="utf-8")
    table = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and line.count("|") == 10
    ]
    rows = {row[0]: dict(zip(table[0], row, strict=True)) for row in table[2:]}
    for name, section in re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        splits = re.search(r"Splits: (\{.*\})", section)
        if splits and name in rows:
            rows[name]["splits"] = splits[1]
    return rows


def read(name: str, real_data: Path) -> list[Entry]:
    folder = real_data / FOLDERS[name]
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    return list(corpora.get(name).read(folder))


@pytest.mark.parametrize("name", FOLDERS)
def test_counts_are_those_of_the_manifest(name: str, real_data: Path, manifest):
    entries = read(name, real_data)
    row = manifest[FOLDERS[name]]
    assert len(entries) == int(row["clips"])
    assert len({entry.key for entry in entries}) == len(entries)
    assert all(entry.path.is_file() for entry in entries)
    speakers = {entry.speaker for entry in entries} - {""}
    assert len(speakers) == int(row["speakers"].replace("-", "0"))
    if row["labels"].isdecimal():
        kinds = {"esc50": ["sound"], "urbansound8k": ["sound"], "speech_commands": ["sound"]}
        found = {
            value
            for entry in entries
            for kind in {*kinds.get(name, []), "keyword", "emotion"} & entry.labels.keys()
            for value in entry.labels[kind]
        }
        assert len(found) == int(row["labels"])
    languages = {entry.language for entry in entries} - {""}
    assert languages == set(corpora.get(name).languages)
    assert ",".join(languages or "-") == row["languages"]
    if "splits" in row:
        expected = ast.literal_eval(row["splits"])
        expected = {SPLIT_NAMES.get(split, split): count for split, count in expected.items()}
        assert Counter(entry.split for entry in entries) == expected


@pytest.mark.parametrize("name", FOLDERS)
def test_labels_lie_in_the_vocabulary(name: str, real_data: Path):
    corpus = corpora.get(name)
    for entry in read(name, real_data):
        assert entry.split in corpus.splits
        for kind, values in entry.labels.items():
            assert set(values) <= set(corpus.labels[kind])


@pytest.mark.parametrize("name", ["ravdess", "emodb", "nemo"])
def test_each_part_has_every_emotion_and_its_own_speakers(name: str, real_data: Path):
    entries = read(name, real_data)
    parts = {
        split: [e for e in entries if e.split == split] for split in ("train", "valid", "test")
    }
    for part in parts.values():
        assert {e.labels["emotion"] for e in part} == {e.labels["emotion"] for e in entries}
    speakers = [{e.speaker for e in part} for part in parts.values()]
    assert sum(map(len, speakers)) == len(set().union(*speakers))
    assert 0.2 <= len(parts["test"]) / len(entries) <= 0.27
    assert 0.1 <= len(parts["valid"]) / len(entries) <= 0.2


@pytest.mark.parametrize("name", ["esc50", "urbansound8k"])
def test_a_source_recording_stays_in_one_fold(name: str, real_data: Path):
    folds: dict[str, str] = {}
    for entry in read(name, real_data):
        assert folds.setdefault(entry.source, entry.split) == entry.split
