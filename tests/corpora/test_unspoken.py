"""Words and texts that are yet to be spoken: those that ship, and anyone's files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from clara import corpora
from clara.errors import LayoutError, UnknownNameError
from clara.prepare.run import prepare
from clara.records import Clip, Entry, Unspoken
from clara.text import multilingual

BOTH = ["words", "texts"]


def read(name: str, root: object) -> list[Entry]:
    return list(corpora.get(name).read(root))


def test_words_that_ship():
    entries = read("words", Path("builtin"))
    languages = multilingual.languages("words")
    assert len(languages) >= 31
    assert {entry.language for entry in entries} == set(languages)
    assert len(entries) == sum(len(multilingual.words(each)) for each in languages)
    assert len({entry.key for entry in entries}) == len(entries)
    polish = [entry for entry in entries if entry.language == "pl"]
    assert [entry.transcript for entry in polish] == list(multilingual.words("pl"))
    assert all(entry.labels == {"keyword": (entry.transcript,)} for entry in entries)
    assert all(entry.split == "train" for entry in entries)
    assert read("words", "builtin:pl") == polish
    # As a recipe makes the paths of its sources absolute.
    assert read("words", Path("/nowhere/builtin:pl")) == polish


def test_sentences_that_ship():
    entries = read("texts", "builtin")
    assert {entry.language for entry in entries} == set(multilingual.languages("sentences"))
    assert {entry.split for entry in entries} == {"train", "valid", "test"}
    german = {entry.transcript for entry in entries if entry.language == "de"}
    assert german == set(multilingual.sentences("de"))
    assert not any(entry.labels for entry in entries)


@pytest.mark.parametrize("name", BOTH)
def test_what_is_not_spoken_is_a_clip_without_a_sound(name: str):
    entry, *_ = read(name, "builtin:pl")
    assert isinstance(entry.path, Clip)
    assert isinstance(entry.path, Unspoken)
    assert str(entry.path) == f"{name}/{entry.key}"
    assert pickle.loads(pickle.dumps(entry)) == entry
    with pytest.raises(OSError, match="not spoken yet"):
        entry.path.read()


@pytest.mark.parametrize("name", BOTH)
def test_it_is_counted_by_that_cause_where_nobody_speaks_it(name: str, tmp_path: Path):
    report = prepare(name, "builtin:pl", tmp_path / "out", allowed_bad=1.0, workers=1)
    assert set(report.skipped) == {"it cannot be read (it is not spoken yet)"}
    assert report.corpus == "builtin_pl"


@pytest.mark.parametrize("name", BOTH)
def test_languages_of_which_nothing_ships(name: str):
    with pytest.raises(UnknownNameError, match=f"language of the built-in {name} named 'tlh'"):
        read(name, "builtin:pl,tlh")


def test_files_and_folders_are_named_after_languages(tmp_path: Path):
    (tmp_path / "pl.txt").write_text("\ufeffdom\n\n # las\n#las\n  dwa   słowa \ndom\r\n", "utf-8")
    (tmp_path / "zh-CN.more.txt").write_text("水", "utf-8")
    (tmp_path / "de" / "book").mkdir(parents=True)
    (tmp_path / "de" / "book" / "one.txt").write_text("Haus\n", "utf-8")
    (tmp_path / "de" / "two.txt").write_text("Haus\nHof", "utf-8")
    (tmp_path / "de" / "notes.md").write_text("nothing")
    (tmp_path / ".hidden.txt").write_text("nothing")
    found = [(entry.language, entry.transcript) for entry in read("words", tmp_path)]
    assert sorted(found) == [
        ("de", "Haus"),
        ("de", "Hof"),
        ("pl", "dom"),
        ("pl", "dwa słowa"),
        ("zh-CN", "水"),
    ]
    assert [entry.transcript for entry in read("words", tmp_path / "zh-CN.more.txt")] == ["水"]


def test_accents_are_written_in_one_way(tmp_path: Path):
    (tmp_path / "pl.txt").write_text("kto\u0301ś\nktóś\n", "utf-8")
    assert [entry.transcript for entry in read("words", tmp_path)] == ["któś"]


def test_texts_are_cut_into_sentences_by_the_rules_of_their_language(tmp_path: Path):
    (tmp_path / "de.txt").write_text("Am 3. Mai kam er.\n\nEr ging. Am 3. Mai kam er. ... \n")
    entries = read("texts", tmp_path)
    assert [entry.transcript for entry in entries] == ["Am 3. Mai kam er.", "Er ging."]
    before = {entry.key: entry for entry in entries}
    (tmp_path / "de.txt").write_text("Neu hier. Er ging. Am 3. Mai kam er.")
    after = {entry.key: entry for entry in read("texts", tmp_path)}
    assert len(after) == 3
    assert before.items() <= after.items(), "a new sentence moves no other"


@pytest.mark.parametrize("name", BOTH)
def test_what_cannot_be_told_is_refused(name: str, tmp_path: Path):
    with pytest.raises(LayoutError, match="a folder without one"):
        read(name, tmp_path)
    (tmp_path / "holiday.txt").write_text("sun")
    with pytest.raises(LayoutError, match=r"named after its language"):
        read(name, tmp_path)
    (tmp_path / "holiday.txt").rename(tmp_path / "pl.txt")
    (tmp_path / "pl.txt").write_bytes(b"\xff\xfe\x00z")
    with pytest.raises(LayoutError, match="UTF-8"):
        read(name, tmp_path)
    (tmp_path / "pl.txt").write_text("")
    assert read(name, tmp_path) == []
    with pytest.raises(LayoutError, match="no such file"):
        read(name, tmp_path / "nowhere")


def test_a_folder_called_builtin_is_that_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("builtin").mkdir()
    Path("builtin", "pl.txt").write_text("dom")
    assert [entry.transcript for entry in read("words", Path("builtin"))] == ["dom"]
