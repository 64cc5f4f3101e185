"""What every corpus keeps, over its miniature."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from clara import corpora
from clara.audio.io import probe
from clara.corpora import MANY
from clara.errors import AudioError, LayoutError, UnknownNameError, UsageError
from clara.text.languages import language_name
from clara.text.phrases import TEMPLATES, captions

NAMES = corpora.names()
# Of these there is no official layout to make a miniature of; they have tests of their own.
ANYONES = {"folder", "hub", "words", "texts"}
OFFICIAL = [name for name in NAMES if name not in ANYONES]
SMALL = [name for name in NAMES if name not in {"hub", "words", "texts"}]
# Recordings of a miniature that are meant to be bad: a Git LFS pointer.
BAD = {"crema_d": {"1091_WSI_HAP_XX"}}
# Whose official split shares speakers, or who have one speaker.
SHARING = {"fsdd", "ljspeech", "emns"}
# Which kinds of label a corpus may leave open, besides those with a template.
UNPROMPTED = {"artist", "album"}
HOURS_UNKNOWN = {"cambridge", "vocal_sketch", "youtube"}
Miniature = Callable[[str], Path]

TABLE_VII = """
    common_voice mswc youtube librispeech ljspeech crema_d emns emov_db ravdess cmu_arctic cambridge
    audiocaps tunebot vocal_sketch fine_grained_vocal_imitation audioset esc50 urbansound8k fsd50k
    clotho vggsound macs
""".split()  # noqa: SIM905


def test_the_corpora_are_those_of_the_paper_and_more():
    assert len(set(TABLE_VII)) == 22
    assert set(TABLE_VII) <= set(NAMES)
    assert {"emodb", "nemo", "fsdd", "speech_commands", "arabic_speech_commands"} <= set(NAMES)
    assert not [name for name in NAMES if name.startswith("_")]


@pytest.mark.parametrize("name", NAMES)
def test_facts_are_told(name: str):
    corpus = corpora.get(name)
    facts = (corpus.title, corpus.licence, corpus.cite, corpus.size, corpus.obtain)
    assert all(fact == " ".join(fact.split()) and fact for fact in facts)
    assert name in ANYONES or corpus.homepage.startswith("http")
    assert len(set(corpus.splits)) == len(corpus.splits) > 0
    for values in corpus.labels.values():
        assert len(set(values)) == len(values) > 0
        assert all(value == " ".join(value.split()) and value for value in values)
    assert corpus.languages == MANY or all(language_name(tag) for tag in corpus.languages)
    assert name in HOURS_UNKNOWN or corpus.yours or re.search(r"[\d.,]+ h\b", corpus.size)


@pytest.mark.parametrize("name", SMALL)
def test_miniature_reads_into_entries(name: str, miniature: Miniature):
    corpus = corpora.get(name)
    entries = list(corpus.read(miniature(name)))
    assert len(entries) >= 3
    assert len({entry.key for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.split in corpus.splits
        assert corpus.languages in ((), MANY) or entry.language in {*corpus.languages, ""}
        assert not entry.language or language_name(entry.language)
        assert not entry.transcript or entry.language
        for kind, values in entry.labels.items():
            assert values
            assert set(values) <= set(corpus.labels.get(kind, values))
        made = captions(entry.labels, entry.transcript, entry.language)
        assert made or entry.texts
        assert not set(entry.texts) & set(made)  # what a template can write is not written twice
        json.dumps(dict(entry.extra))


@pytest.mark.parametrize("name", SMALL)
def test_recordings_of_the_miniature_are_found(name: str, miniature: Miniature):
    bad = BAD.get(name, set())
    for entry in corpora.get(name).read(miniature(name)):
        if entry.key in bad:
            with pytest.raises(AudioError):
                probe(entry.path)
        else:
            assert probe(entry.path).seconds == pytest.approx(0.1)


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_label_kind_is_used(name: str, miniature: Miniature):
    corpus = corpora.get(name)
    kinds = {kind for entry in corpus.read(miniature(name)) for kind in entry.labels}
    if name == "speech_commands":
        kinds.add("sound")  # in the separate test set only
    assert set(corpus.labels) <= kinds
    assert kinds - set(corpus.labels) <= {*TEMPLATES, *UNPROMPTED}


@pytest.mark.parametrize("name", SMALL)
def test_reading_twice_gives_the_same(name: str, miniature: Miniature):
    root = miniature(name)
    assert list(corpora.get(name).read(root)) == list(corpora.get(name).read(root))


@pytest.mark.parametrize("name", sorted({*OFFICIAL} - SHARING))
def test_speakers_stay_in_one_split(name: str, miniature: Miniature):
    seen: dict[str, str] = {}
    for entry in corpora.get(name).read(miniature(name)):
        for person in filter(None, (entry.speaker, entry.source)):
            assert seen.setdefault(person, entry.split) == entry.split


@pytest.mark.parametrize("name", NAMES)
def test_no_folder(name: str, tmp_path: Path):
    with pytest.raises(LayoutError, match=r"Expected .* but found no"):
        list(corpora.get(name).read(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_of_something_else(name: str, tmp_path: Path):
    (tmp_path / "holiday.txt").write_text("sun")
    with pytest.raises(LayoutError, match=r"Expected .* but found .*(holiday\.txt|without one)"):
        list(corpora.get(name).read(tmp_path))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_for_a_folder(name: str, tmp_path: Path):
    file = tmp_path / "corpus.zip"
    file.write_bytes(b"PK")
    with pytest.raises(LayoutError, match=r"Expected .* but found a(nother kind of)? file"):
        list(corpora.get(name).read(file))


def test_the_nearest_name_is_told():
    with pytest.raises(UnknownNameError, match=r"no corpus named 'esc_50'; did you mean 'esc50'"):
        corpora.get("esc_50")


def test_a_corpus_of_another_package():
    assert corpora.get("clara.corpora.fsdd:corpus") is corpora.get("fsdd")
    with pytest.raises(UsageError, match=r"found tuple"):
        corpora.get("clara.corpora:EMOTIONS")
