from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from clara.audio.io import encode_flac
from clara.errors import DataError, ShardError, UsageError
from clara.prepare import index as module
from clara.prepare.encode import BadRecordError
from clara.prepare.index import index_tars
from clara.prepare.members import members
from clara.prepare.run import Report
from clara.shards import SCHEMA, Index

Files = Callable[[Path], dict[str, bytes]]
FLAC = encode_flac(np.full(800, 0.25, np.float32), 16_000)


def encoded(form: str, rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.full(1600, 0.25), rate, format=form)
    return buffer.getvalue()


def write_tar(
    path: Path, contents: list[tuple[str, bytes]], form: int = tarfile.GNU_FORMAT
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in contents:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def meta(text: Any = "a dog", **more: Any) -> bytes:
    return json.dumps({"text": text, **more}).encode()


def rows(root: Path, **settings: Any) -> dict[str, dict[str, Any]]:
    index_tars(root, workers=1, **{"allowed_bad": 1.0, **settings})
    index = Index.open(root)
    columns = {name: index.column(name).tolist() for name in SCHEMA.names}
    return {
        key: {name: column[i] for name, column in columns.items()}
        for i, key in enumerate(columns["key"])
    }


def causes(root: Path) -> list[str]:
    lines = (root / "skipped.jsonl").read_text().splitlines()
    return sorted(json.loads(line)["cause"] for line in lines)


# ------------------------------------------------------------------------------ the layout of LAION


def test_clotho_as_laion_packs_it(tmp_path: Path) -> None:
    root = tmp_path / "clotho"
    original = {"title": "x", "language": "en", "gender": "Female", "emotion": "happy", "age": 40}
    contents = [
        ("1.flac", FLAC),
        ("1.json", meta(["a dog barks", "barking"], tag=["dog"], original_data=original)),
        ("2.flac", FLAC),
        ("2.json", meta("one text", tags="rain")),
    ]
    write_tar(root / "train" / "0.tar", contents)
    write_tar(root / "test" / "0.tar", contents[:2])
    (root / "train" / "sizes.json").write_text('{"0.tar": 2}')
    found = rows(root, allowed_bad=0.0)
    assert sorted(found) == ["test/0/1", "train/0/1", "train/0/2"]
    first, second = found["train/0/1"], found["train/0/2"]
    assert (first["corpus"], first["split"], first["language"]) == ("clotho", "train", "en")
    assert first["texts"] == ("a dog barks", "barking")
    assert json.loads(first["labels"]) == {
        "tag": ["dog"],
        "gender": ["woman"],
        "emotion": ["happy"],
        "age": ["40"],
    }
    assert second["texts"] == ("one text",)
    assert json.loads(second["labels"]) == {"tag": ["rain"]}
    assert (first["rate"], first["frames"], first["suffix"]) == (16_000, 800, "flac")
    index = Index.open(root)
    for i in range(3):
        assert index.read(i) == FLAC
        assert index.sample(i).wave == pytest.approx(0.25, abs=1e-4)
        assert index.meta(i)["text"]


@pytest.mark.parametrize(
    ("root", "tar", "expected"),
    [
        ("clotho", "train/0.tar", ("clotho", "train", "")),
        ("webdataset_tar", "clotho/valid/0.tar", ("clotho", "valid", "")),
        ("tars", "common_voice/zh-CN/test/3.tar", ("common_voice", "test", "zh-CN")),
        ("common_voice", "de/train/0.tar", ("common_voice", "train", "de")),
        ("audioset", "balanced_train/0.tar", ("audioset", "balanced_train", "")),
        ("sets", "wavcaps/0.tar", ("wavcaps", "train", "")),
        ("wavcaps", "0.tar", ("wavcaps", "train", "")),
        ("clotho/val", "0.tar", ("clotho", "valid", "")),
    ],
)
def test_the_folders_tell_corpus_split_and_language(
    tmp_path: Path, root: str, tar: str, expected: tuple[str, str, str]
) -> None:
    write_tar(tmp_path / root / tar, [("a.flac", FLAC), ("a.json", meta())])
    (row,) = rows(tmp_path / root).values()
    assert (row["corpus"], row["split"], row["language"]) == expected


def test_a_corpus_can_be_named(tmp_path: Path) -> None:
    write_tar(tmp_path / "train" / "0.tar", [("a.flac", FLAC), ("a.json", meta())])
    (row,) = rows(tmp_path, corpus="mine").values()
    assert row["corpus"] == "mine"


def test_pairs_are_made_by_name_in_any_order(tmp_path: Path) -> None:
    contents = [
        (f"{i}.flac", encode_flac(np.full(100 + i, 0.1, np.float32), 8000)) for i in range(9)
    ]
    contents += [(f"{i}.json", meta(f"text {i}")) for i in range(9)]
    random.Random(3).shuffle(contents)
    found = rows(write_tar(tmp_path / "c" / "0.tar", contents).parent, allowed_bad=0.0)
    assert {row["texts"][0]: row["frames"] for row in found.values()} == {
        f"text {i}": 100 + i for i in range(9)
    }


def test_prefixes_dots_and_long_names(tmp_path: Path) -> None:
    long = "x" * 180
    contents = []
    for name in ("a/b/c/one", "./two.v2", "a/same", "b/same", f"deep/{long}", "ünï/كلب 🎧"):
        contents += [(f"{name}.flac", FLAC), (f"{name}.json", meta(name))]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        found = rows(write_tar(tmp_path / "c" / "0.tar", contents, form).parent, allowed_bad=0.0)
        assert {key.removeprefix("0/"): row["texts"][0] for key, row in found.items()} == {
            "one": "a/b/c/one",
            "two.v2": "./two.v2",
            "a/same": "a/same",
            "b/same": "b/same",
            long: f"deep/{long}",
            "كلب 🎧": "ünï/كلب 🎧",
        }


def test_other_formats_and_other_members(tmp_path: Path) -> None:
    contents = [("pad.txt", b"hello"), ("picture_0.jpg", b"\xff\xd8")]
    for form, suffix in (("WAV", "wav"), ("OGG", "OGG"), ("MP3", "mp3"), ("FLAC", "flac")):
        contents += [(f"{form}.{suffix}", encoded(form)), (f"{form}.json", meta(form))]
    found = rows(write_tar(tmp_path / "c" / "0.tar", contents).parent, allowed_bad=0.0)
    assert {row["suffix"] for row in found.values()} == {"wav", "ogg", "mp3", "flac"}
    for row in found.values():
        assert row["frames"] == pytest.approx(1600, abs=2400 if row["suffix"] == "mp3" else 0)


def test_our_own_tars_give_the_index_back(made: Report, files: Files) -> None:
    before = (made.out / "index.parquet").read_bytes()
    for name in ("index.parquet", "stats.json", "skipped.jsonl", "prepare.json"):
        (made.out / name).unlink()
    report = index_tars(made.out, workers=2)
    assert (made.out / "index.parquet").read_bytes() == before
    assert report.stats == made.stats
    assert not (made.out / ".work").exists()
    first = files(made.out)
    index_tars(made.out, workers=1)
    assert files(made.out) == first


# ----------------------------------------------------------------------------------- bad and worse


def test_bad_records_are_counted_by_cause(tmp_path: Path) -> None:
    deep = b'{"text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    bad: Mapping[str, tuple[str, bytes, bytes]] = {
        "empty audio": ("flac", b"", meta()),
        "not audio": ("wav", b"hello" * 50, meta()),
        "pointer": ("flac", b"version https://git-lfs.github.com/spec/v1\noid x\n", meta()),
        "not JSON": ("flac", FLAC, b"{"),
        "not UTF-8": ("flac", FLAC, b'{"text": "\xff"}'),
        "deep": ("flac", FLAC, deep),
        "a list": ("flac", FLAC, b"[]"),
        "no text": ("flac", FLAC, b"{}"),
        "blank": ("flac", FLAC, meta(["", " "])),
        "numbers": ("flac", FLAC, meta([1, None, {}])),
        "half": ("flac", FLAC, b'{"text": "\\ud800"}'),
        "endless": ("flac", FLAC, meta("x" * 100_000)),
    }
    contents = [("good.flac", FLAC), ("good.json", meta()), ("no json.flac", FLAC)]
    contents += [("no audio.json", meta()), ("good.flac", FLAC)]
    for name, (suffix, audio, text) in bad.items():
        contents += [(f"{name}.{suffix}", audio), (f"{name}.json", text)]
    found = rows(write_tar(tmp_path / "c" / "0.tar", contents).parent)
    assert list(found) == ["0/good"]
    assert causes(tmp_path / "c") == sorted(
        [
            "there is a second audio of its name",
            "there is no JSON beside the audio",
            "there is no audio beside the JSON",
            "the file is empty",
            "it is a Git LFS pointer, not the file itself",
            "what it holds is not audio that can be read (Format not recognised)",
            *["its JSON cannot be read"] * 3,
            "its JSON is not an object",
            *["it has no label and no caption"] * 3,
            "a text is not valid Unicode",
            "every caption has more than 10000 characters",
        ]
    )
    with pytest.raises(DataError, match="at most 5% bad records"):
        index_tars(tmp_path / "c", workers=1)


def test_members_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_AUDIO", len(FLAC))
    monkeypatch.setattr(module, "LARGEST_JSON", 100)
    contents = [("a.flac", FLAC), ("a.json", meta()), ("b.wav", encoded("WAV")), ("b.json", meta())]
    contents += [("c.flac", FLAC), ("c.json", meta("x" * 100))]
    assert list(rows(write_tar(tmp_path / "c" / "0.tar", contents).parent)) == ["0/a"]
    assert len(causes(tmp_path / "c")) == 2


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    names = ["../../../up", "/etc/passwd", "a\nb", "..", "a/../../b/", "x\x1b[31m", "dev\udcff"]
    contents = []
    for number, name in enumerate(names):
        contents += [(f"{name}.flac", FLAC), (f"{name}.json", meta(str(number)))]
    write_tar(tmp_path / "in" / "c" / "0.tar", contents)
    found = rows(tmp_path / "in")
    for key in found:
        assert key.isprintable()
        assert ".." not in key.split("/")
    assert len(found) >= 5
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {
        "c",
        "index.parquet",
        "skipped.jsonl",
        "stats.json",
    }


def test_links_folders_and_devices_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    with tarfile.open(tmp_path / "c" / "0.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("a.flac" if kind != tarfile.DIRTYPE else "folder.flac")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        for name, content in (("a.flac", FLAC), ("a.json", meta())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    assert list(rows(tmp_path / "c", allowed_bad=0.0)) == ["0/a"]


@pytest.mark.parametrize("cut", [100, 512, 700, 1024, -700, -1, 0])
def test_a_tar_cut_short_keeps_what_is_whole(tmp_path: Path, cut: int) -> None:
    contents = []
    for i in range(6):
        contents += [(f"{i}.flac", FLAC), (f"{i}.json", meta())]
    path = write_tar(tmp_path / "c" / "0.tar", contents)
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[: cut or len(content)])
    found = rows(tmp_path / "c")
    assert len(found) == {-1: 5, -700: 5, 0: 6}.get(cut, 0)
    assert any("tar" in cause for cause in causes(tmp_path / "c"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the tar is empty"),
        (b"not a tar" * 1000, "the tar is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    ],
)
def test_what_is_no_tar(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "0.tar").write_bytes(content)
    with pytest.raises(BadRecordError, match=said):
        list(members(tmp_path / "0.tar"))
    assert not rows(tmp_path)
    assert said in causes(tmp_path)[0]


def test_an_endless_name_is_not_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 20
    (tmp_path / "0.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"x" * (1 << 20))
    with pytest.raises(BadRecordError, match="damaged"):
        list(members(tmp_path / "0.tar"))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_never_crash_the_walk(tmp_path: Path, seed: int) -> None:
    contents = [("a" * 120 + ".flac", FLAC), ("a" * 120 + ".json", meta()), ("b.json", meta())]
    path = write_tar(
        tmp_path / "c" / "0.tar", contents, (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[seed % 2]
    )
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(20):
        content[chance.randrange(len(content) - 6000)] = chance.choice([0, 32, 48, 57, 128, 255])
    path.write_bytes(content)
    rows(tmp_path / "c")


def test_the_members_are_those_that_tarfile_sees(tmp_path: Path) -> None:
    contents = [(f"{'d/' * i}{'n' * 20 * i}{i}.bin", bytes([i]) * 37 * i) for i in range(12)]
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT):
        usable = contents if form != tarfile.USTAR_FORMAT else contents[:4]
        path = write_tar(tmp_path / "0.tar", usable, form)
        with tarfile.open(path) as tar:
            expected = [(m.name, m.offset_data, m.size) for m in tar.getmembers()]
        assert [tuple(member) for member in members(path)] == expected


# ----------------------------------------------------------------------------- refusals and resume


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is none"):
        index_tars(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="Expected tars in or below"):
        index_tars(tmp_path)


def test_our_own_tar_copied_beside_itself(made: Report) -> None:
    tar = made.out / "train" / "000000.tar"
    (made.out / "train" / "copy.tar").write_bytes(tar.read_bytes())
    with pytest.raises(ShardError, match="lies more than once in the tars"):
        index_tars(made.out)


def test_a_read_only_folder(tmp_path: Path, mount: Callable[[str], Path]) -> None:
    disk = mount("size=1m")
    write_tar(disk / "c" / "0.tar", [("a.flac", FLAC), ("a.json", meta())])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(DataError, match="Read-only"):
        index_tars(disk)


def test_killed_and_taken_up_again(tmp_path: Path, files: Files) -> None:
    audio = encoded("OGG")
    for number in range(40):
        contents = []
        for i in range(60):
            contents += [(f"{i}.ogg", audio), (f"{i}.json", meta(f"{number} {i}"))]
        write_tar(tmp_path / "a" / "c" / f"{number}.tar", contents)
    subprocess.run(["cp", "-r", "--preserve", tmp_path / "a", tmp_path / "b"], check=True)
    command = [sys.executable, "-m", "clara.cli", "index", str(tmp_path / "a"), "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(list(tmp_path.glob("a/.work/c/*.parquet"))) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert not (tmp_path / "a" / "index.parquet").exists()
    index_tars(tmp_path / "a", workers=1)
    index_tars(tmp_path / "b", workers=1)
    assert files(tmp_path / "a") == files(tmp_path / "b")
