"""Recordings without a manifest: sidecars, splits and classes by folder, patterns, odd names."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clara import corpora
from clara.errors import LayoutError
from clara.records import Entry


def read(source: Path | str) -> list[Entry]:
    return list(corpora.get("folder").read(source))  # type: ignore[arg-type]


def lay(root: Path, files: Mapping[str, Any]) -> Path:
    """Makes files: recordings from None, text as it is, JSON of anything else."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            soundfile.write(path, np.full(800, 0.25), 8000)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")
    return root


def test_captions_lie_beside_recordings(tmp_path: Path):
    files = {"b/two.wav": None, "b/two.txt": "\ufeffRain falls\n\n On a roof \nRain falls\n"}
    lay(tmp_path, {"one.flac": None, "one.txt": "A dog", **files, "README.md": "hello"})
    one, two = read(tmp_path)
    assert one == Entry(key="one.flac", path=tmp_path / "one.flac", texts=("A dog",))
    assert two == Entry(
        key="b/two.wav", path=tmp_path / "b" / "two.wav", texts=("Rain falls", "On a roof")
    )


def test_json_beside_a_recording(tmp_path: Path):
    said = {
        "text": ["A woman greets", "Hello"],
        "labels": {"emotion": "happy", "gender": ["woman"]},
        "accent": "Scottish",
        "transcript": "Good morning",
        "language": "en",
        "split": "val",
        "speaker": "ann",
        "licence": "CC0",
        "start": 0.02,
        "sound": "speech",
        "note": {"wet": True},
    }
    lay(tmp_path, {"a.wav": None, "a.json": said, "a.txt": "Hello\nA greeting"})
    (entry,) = read(tmp_path)
    assert entry == Entry(
        key="a.wav@0.02-",
        path=tmp_path / "a.wav",
        start=0.02,
        split="valid",
        language="en",
        transcript="Good morning",
        labels={"sound": ("speech",), "emotion": ("happy",), "gender": ("woman",)},
        texts=("A woman greets", "Hello", "A greeting"),
        source="a.wav",
        speaker="ann",
        licence="CC0",
        extra={"accent": "Scottish", "note": {"wet": True}},
    )


def test_json_as_laion_writes_it(tmp_path: Path):
    original = {"title": "Yard", "gender": "woman", "start": 3, "license": "CC BY", "split": "x"}
    said = {"text": "A dog barks", "tag": ["dog", "yard"], "original_data": original}
    lay(tmp_path, {"1.flac": None, "1.json": {**said, "filename": "1.flac"}})
    (entry,) = read(tmp_path)
    assert (entry.key, entry.start, entry.split, entry.licence) == ("1.flac", 0.0, "train", "CC BY")
    assert entry.texts == ("A dog barks",)
    assert entry.labels == {"tag": ("dog", "yard"), "gender": ("woman",)}
    assert entry.extra == {"title": "Yard", "start": 3, "filename": "1.flac"}
    lay(tmp_path, {"1.json": {**said, "original_data": ["anything"]}})
    assert read(tmp_path)[0].extra == {"original_data": ["anything"]}


def test_json_as_prepare_writes_it(tmp_path: Path):
    from clara.prepare.run import prepare

    said = {"text": "A door", "labels": {"sound": ["door"]}, "speaker": "ann", "split": "test"}
    lay(tmp_path / "in", {"a.wav": None, "a.json": {**said, "language": "en", "room": 7}})
    out = tmp_path / "out"
    prepare("folder", tmp_path / "in", out, name="doors", rate=8000, workers=1)
    with tarfile.open(out / "test" / "000000.tar") as tar:
        tar.extractall(tmp_path / "again", filter="data")
    (entry,) = read(tmp_path / "again")
    assert (entry.split, entry.speaker, entry.language) == ("test", "ann", "en")
    assert entry.labels == {"sound": ("door",)}
    assert "A door" in entry.texts
    assert entry.extra == {"room": 7}


def test_segments_are_entries_of_one_source(tmp_path: Path):
    segments = [
        {"start": 0, "end": 0.05, "text": "Hello", "labels": {"emotion": "happy"}},
        {"start": 0.05, "transcript": "Goodbye", "speaker": "bob"},
    ]
    said = {"text": "A talk", "transcript": "all", "language": "en", "speaker": "ann"}
    whole = {**said, "labels": {"gender": "woman"}, "split": "test", "segments": segments}
    lay(tmp_path, {"talk/a.wav": None, "talk/a.json": whole, "talk/a.txt": "About the whole"})
    hello, goodbye = read(tmp_path)
    assert [hello.key, goodbye.key] == ["talk/a.wav@0-0.05", "talk/a.wav@0.05-"]
    assert hello.source == goodbye.source == "talk/a.wav"
    assert hello.split == goodbye.split == "test"
    assert (hello.texts, hello.transcript, hello.speaker) == (("Hello",), "", "ann")
    assert (goodbye.texts, goodbye.transcript, goodbye.speaker) == ((), "Goodbye", "bob")
    assert hello.labels == {"gender": ("woman",), "emotion": ("happy",)}
    assert goodbye.labels == {"gender": ("woman",)}
    assert (hello.end, goodbye.end) == (0.05, None)


def test_outer_folders_are_splits(tmp_path: Path):
    names = ("Train/a.wav", "val/deep/b.wav", "test/c.wav", "fold3/d.wav")
    captions = {Path(name).with_suffix(".txt").as_posix(): "words" for name in names}
    lay(tmp_path, {**dict.fromkeys(names), **captions})
    splits = {entry.key: entry.split for entry in read(tmp_path)}
    assert splits == dict(zip(names, ("train", "valid", "test", "fold3"), strict=True))
    # What the JSON says goes before the folder.
    lay(tmp_path, {"test/c.json": {"split": "valid"}})
    assert {e.key: e.split for e in read(tmp_path)}["test/c.wav"] == "valid"


@pytest.mark.parametrize("other", ["more/x.wav", "x.wav"])
def test_a_split_among_other_folders_is_told(tmp_path: Path, other: str):
    lay(tmp_path, {"test/a.wav": None, "test/a.txt": "x", "train/b.wav": None, other: None})
    with pytest.raises(LayoutError, match=r"named after splits, since test is one, but found"):
        read(tmp_path)


def test_a_folder_for_each_class(tmp_path: Path):
    names = ("dog_bark/1.wav", "dog_bark/2.wav", "train/1.wav", "Église/1.wav")
    lay(tmp_path, dict.fromkeys(names))
    entries = read(tmp_path)
    assert {entry.split for entry in entries} == {"train"}
    labels = {entry.key: entry.labels["sound"] for entry in entries}
    assert labels == dict(
        zip(names, (("dog bark",), ("dog bark",), ("train",), ("Église",)), strict=True)
    )


def test_splits_and_then_classes(tmp_path: Path):
    lay(tmp_path, dict.fromkeys(("train/dog/1.wav", "train/cat/1.wav", "test/dog/2.wav")))
    found = {entry.key: (entry.split, entry.labels["sound"]) for entry in read(tmp_path)}
    assert found["test/dog/2.wav"] == ("test", ("dog",))
    assert found["train/cat/1.wav"] == ("train", ("cat",))


NO_CLASSES = [
    ("a.wav", "b.wav"),
    ("dog/1.wav", "dog/2.wav"),
    ("dog/1.wav", "cat/a/1.wav"),
    ("dog/1.wav", "1.wav"),
    ("p225/1.wav", "p226/1.wav"),
    ("dog/1.wav", "wavs/1.wav"),
    ("train/1.wav", "test/2.wav"),
]


@pytest.mark.parametrize("names", NO_CLASSES)
def test_recordings_alone_say_nothing(tmp_path: Path, names: tuple[str, ...]):
    lay(tmp_path, dict.fromkeys(names))
    with pytest.raises(LayoutError, match=r"Expected something to say what is heard in the 2 rec"):
        read(tmp_path)


def test_the_form_of_hugging_face_is_recognised(tmp_path: Path):
    lay(tmp_path, {"a.wav": None, "metadata.csv": "file_name,text\na.wav,A dog\n"})
    with pytest.raises(LayoutError, match=r"clara prepare hub "):
        read(tmp_path)


def test_where_one_has_a_sidecar_folders_are_no_classes(tmp_path: Path):
    lay(tmp_path, {"dog/1.wav": None, "cat/1.wav": None, "cat/1.txt": "A cat"})
    cat, dog = read(tmp_path)
    assert (cat.labels, dog.labels, dog.texts) == ({}, {}, ())


def test_of_two_formats_of_one_recording_one_is_taken(tmp_path: Path):
    lay(tmp_path, {"a.mp3": b"x", "a.flac": None, "a.wav": None, "a.txt": "A dog", "b/a.ogg": b"y"})
    assert [entry.key for entry in read(tmp_path)] == ["a.wav", "b/a.ogg"]


def test_hidden_files_are_passed_over(tmp_path: Path):
    names = (".a.wav", "._b.wav", ".git/c.wav", "d.wav")
    lay(tmp_path, {**dict.fromkeys(names), "d.txt": "A dog"})
    assert [entry.key for entry in read(tmp_path)] == ["d.wav"]
    assert [entry.key for entry in read(str(tmp_path / "**" / "*.wav"))] == ["d.wav"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path):
    root = lay(tmp_path / "root", {"a/1.wav": None, "a/1.txt": "A dog"})
    elsewhere = lay(tmp_path / "elsewhere", {"2.wav": None, "2.txt": "A cat"})
    (root / "a" / "loop").symlink_to(root)
    (root / "b").symlink_to(elsewhere)
    (root / "c").symlink_to(elsewhere)
    (root / "3.wav").symlink_to(tmp_path / "nowhere.wav")
    assert [entry.key for entry in read(root)] == ["3.wav", "a/1.wav", "b/2.wav"]


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    names = ("a.wav", "b/c.wav", "b/c.flac", "b/d/e.wav", "b/notes.txt")
    texts = {Path(name).with_suffix(".txt").as_posix(): "words" for name in names}
    lay(tmp_path, {**dict.fromkeys(names[:4]), **texts})
    assert [e.key for e in read(tmp_path / "**" / "*.wav")] == ["a.wav", "b/c.wav", "b/d/e.wav"]
    assert [e.key for e in read(tmp_path / "b" / "*")] == ["c.wav"]
    assert [e.key for e in read(str(tmp_path / "[ab]" / "c.*"))] == ["b/c.wav"]
    monkeypatch.setenv("HOME", str(tmp_path))
    (entry,) = read("~/b/*/e.wav")
    assert (entry.key, entry.path) == ("d/e.wav", tmp_path / "b" / "d" / "e.wav")
    monkeypatch.chdir(tmp_path)
    assert [e.key for e in read("*.wav")] == ["a.wav"]
    for pattern in ("**/*.mp3", "b/*.txt", "none/*.wav"):
        with pytest.raises(LayoutError, match=r"recordings that fit .*, but found no"):
            read(tmp_path / pattern)


def test_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path):
    root = lay(tmp_path / "[2024] a*b?", {"x.wav": None, "x.txt": "A dog"})
    assert [entry.key for entry in read(root)] == ["x.wav"]


def test_nothing_there(tmp_path: Path):
    with pytest.raises(LayoutError, match="but found an empty folder"):
        read(tmp_path)
    with pytest.raises(LayoutError, match=r"on this machine, but found s3://bucket/x"):
        read("s3://bucket/x")


SIDECARS = [
    ("json", b"{", "wrong: expected JSON"),
    ("json", b"[1]", "wrong: expected a JSON object"),
    ("json", b"\xff\xfe", "wrong: expected JSON"),
    ("json", b"", "wrong: expected JSON"),
    ("json", b"[" * 100_000, "wrong: expected JSON"),
    ("json", b'{"text": {"en": "dog"}}', "wrong: expected text as 'text'"),
    ("json", b'{"labels": ["dog"]}', "wrong: expected an object as 'labels'"),
    ("json", b'{"labels": {"sound": {"a": 1}}}', "wrong: expected text as 'label.sound'"),
    ("json", b'{"spilt": "test"}', "wrong: expected 'split' to be spelt so"),
    ("json", b'{"split": "rest"}', "wrong: expected a split of train, valid, test or fold1"),
    ("json", b'{"start": "soon"}', "wrong: expected seconds as 'start'"),
    ("json", b'{"start": 2, "end": 1}', "wrong: expected an end after the start"),
    ("json", b'{"segments": {"start": 1}}', "wrong: expected a list of objects as 'segments'"),
    ("json", b'{"segments": [1]}', "wrong: expected a list of objects as 'segments'"),
    ("json", b'{"segments": [{"text": "a"}]}', "wrong: expected a start or an end in each of"),
    ("json", b'{"segments": [{"start": 1, "texts": "a"}]}', "wrong: expected 'text' to be spelt"),
    ("txt", b"\xff\xfea\x00", "wrong: expected text in UTF-8"),
    ("txt", b"a" * (1 << 24) + b"b", "wrong: expected at most 16 MiB"),
]


@pytest.mark.parametrize(("suffix", "content", "cause"), SIDECARS)
def test_a_broken_sidecar_is_a_bad_record(tmp_path: Path, suffix: str, content: bytes, cause: str):
    lay(tmp_path, {"a.wav": None, f"a.{suffix}": content, "b.wav": None, "b.txt": "A dog"})
    bad, good = read(tmp_path)
    assert cause in bad.fault
    assert str(tmp_path) not in bad.fault
    assert (bad.key, good.key, good.fault) == ("a.wav", "b.wav", "")


def test_what_is_no_file_is_a_bad_record(tmp_path: Path):
    lay(tmp_path, {"b.wav": None, "b.txt": "A dog"})
    os.mkfifo(tmp_path / "a.wav")
    os.mkfifo(tmp_path / "c.txt")
    lay(tmp_path, {"c.wav": None})
    assert [entry.fault for entry in read(tmp_path)] == [
        "it is a pipe, a device or a folder",
        "",
        "what lies beside it is wrong: expected a file",
    ]


def test_a_sidecar_that_may_not_be_read(tmp_path: Path):
    lay(tmp_path, {"a.wav": None, "b.wav": None, "b.txt": "A dog"})
    (tmp_path / "a.txt").symlink_to("a.txt")
    assert "cannot be read (Too many levels" in read(tmp_path)[0].fault


ODD = ["new\nline.wav", "🐕 雨.wav", f"{'x' * 251}.wav", " .wav", "a\\b.wav", "-n.wav", "tab\t.wav"]


def test_odd_names_go_all_the_way(tmp_path: Path):
    from clara.prepare.run import prepare

    lay(tmp_path / "in", dict.fromkeys(ODD))
    for name in ODD:
        (tmp_path / "in" / name).with_suffix(".txt").write_text("A dog")
    raw = os.fsencode(tmp_path / "in") + b"/caf\xe9"
    os.link(tmp_path / "in" / ODD[0], raw + b".wav")
    Path(os.fsdecode(raw + b".txt")).write_text("A café")
    lay(tmp_path / "in", {"broken.wav": None, "broken.json": b"{"})
    entries = read(tmp_path / "in")
    assert {entry.key for entry in entries} == {*ODD, "caf\\xe9.wav", "broken.wav"}
    report = prepare(
        "folder", tmp_path / "in", tmp_path / "out", rate=8000, workers=1, allowed_bad=0.5
    )
    assert report.stats["total"]["clips"] == len(ODD) + 1
    assert report.skipped == {"what lies beside it is wrong: expected JSON": 1}
    again = prepare(
        "folder", tmp_path / "in", tmp_path / "out", rate=8000, workers=1, allowed_bad=0.5
    )
    assert again.already


def test_containers_go_all_the_way(tmp_path: Path):
    av = pytest.importorskip("av")
    from clara.prepare.run import prepare

    path = tmp_path / "in" / "talk.webm"
    path.parent.mkdir()
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libopus", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.full((1, 96_000), 0.1, np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    segments = [{"start": 0.5, "end": 1.25, "text": "one"}, {"start": 1.25, "text": "two"}]
    lay(path.parent, {"talk.json": {"segments": segments}})
    report = prepare("folder", path.parent, tmp_path / "out", rate=16_000, workers=1)
    assert report.stats["total"]["clips"] == 2
    assert report.stats["total"]["seconds"]["mean"] == 0.75


def test_many_recordings_need_little_time(tmp_path: Path):
    for number in range(5000):
        (tmp_path / f"{number}.wav").touch()
    (tmp_path / "0.txt").write_text("A dog")
    began = time.monotonic()
    assert len(read(tmp_path)) == 5000
    assert time.monotonic() - began < 5


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
names = st.sampled_from(
    ["text", "split", "start", "end", "labels", "segments", "tag", "original_data", "key"]
)


@settings(
    max_examples=100,
    deadline=None,  # the machine may be shared
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=st.dictionaries(names | st.text(max_size=6), values, max_size=6))
def test_any_object_is_entries_or_a_bad_record(said: dict[str, Any], tmp_path: Path):
    lay(tmp_path, {"a.wav": None, "a.json": said})
    with contextlib.suppress(LayoutError):
        for entry in read(tmp_path):
            assert entry.key
            assert entry.fault or all(entry.texts)
            assert all(all(words) for words in entry.labels.values())
