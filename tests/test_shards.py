from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import tarfile
import threading
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clara.files
from clara.audio.io import encode_flac
from clara.errors import AudioError, DataError, ShardError, UnknownNameError, UsageError
from clara.files import Files, replacing
from clara.shards import SCHEMA, Index, Place, ShardWriter, safe_key, write_index

RATE = 8000


def wave(i: int) -> Any:
    return np.full(RATE // 10 * (i + 1), i / 100, np.float32)


def row(i: int, corpus: str, split: str, tar: str, **more: Any) -> dict[str, Any]:
    return {
        "key": f"k{i}",
        "corpus": corpus,
        "split": split,
        "shard": tar,
        "suffix": "flac",
        "rate": RATE,
        "frames": len(wave(i)),
        "seconds": len(wave(i)) / RATE,
        "text_chars": 6,
        "texts": [f"text {i}", "نص"],
        "language": "pl" if i % 2 else "",
        "labels": json.dumps({"sound": [f"s{i % 3}"]}),
        "source": f"freesound:{i}",
        "speaker": "",
        "licence": "",
        **more,
    }


def make(folder: Path, corpus: str, size: int = 10) -> Path:
    """A folder of `size` samples in two splits, two samples to a shard."""
    rows = []
    for split, numbers in (("test", range(0, size, 2)), ("train", range(1, size, 2))):
        for first in range(0, len(numbers), 2):
            tar = f"{split}/{first:06d}.tar"
            with ShardWriter(folder / tar) as shard:
                for i in numbers[first : first + 2]:
                    said = {"text": [f"text {i}", "نص"], "tag": []}
                    place = shard.add(f"k{i}", encode_flac(wave(i), RATE), said)
                    rows.append({**row(i, corpus, split, tar), **place._asdict()})
    write_index(iter([pa.Table.from_pylist(rows, schema=SCHEMA)]), folder / "index.parquet")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "dogs", "dogs")


# ------------------------------------------------------------------------------------------ tars


def test_a_shard_is_a_tar_that_anyone_reads(folder: Path, tmp_path: Path) -> None:
    tar = folder / "train" / "000000.tar"
    with tarfile.open(tar) as opened:
        assert opened.getnames() == ["k1.flac", "k1.json", "k3.flac", "k3.json"]
        for member in opened:
            assert (member.mtime, member.uid, member.gid, member.mode) == (0, 0, 0, 0o644)
    (tmp_path / "x").mkdir()
    subprocess.run(["tar", "xf", tar, "-C", tmp_path / "x"], check=True)
    assert (tmp_path / "x" / "k3.flac").read_bytes() == encode_flac(wave(3), RATE)
    assert json.loads((tmp_path / "x" / "k3.json").read_text())["text"] == ["text 3", "نص"]
    assert "نص" in (tmp_path / "x" / "k3.json").read_text()
    assert tar.stat().st_size % 10_240 == 0


def test_the_same_samples_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "again", "dogs")
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (other / path.relative_to(folder)).read_bytes()


def test_a_failure_leaves_no_shard(tmp_path: Path) -> None:
    with pytest.raises(TypeError), ShardWriter(tmp_path / "a" / "0.tar") as shard:
        shard.add("k", b"x", {"no": {"JSON"}})
    assert list((tmp_path / "a").iterdir()) == []


def test_an_empty_shard_is_a_tar(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "0.tar"):
        pass
    with tarfile.open(tmp_path / "0.tar") as tar:
        assert tar.getnames() == []


@given(st.text(), st.text())
def test_safe_keys(first: str, second: str) -> None:
    one, two = safe_key(first), safe_key(second)
    assert (one == two) == (first == second)
    assert 0 < len(one.encode()) <= 80
    assert not set(one) & set("./\\ \n\0")
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in one)
    assert safe_key(one) == one


def test_safe_keys_that_are_long_or_strange() -> None:
    assert safe_key("03-01-Ünï-鍵") == "03-01-Ünï-鍵"
    assert safe_key("ab" * 500) != safe_key("ab" * 501)
    for key in ("", ".", "..", "/", "a" * 79 + "é", "\ud800", "é" * 1000):
        assert 0 < len(safe_key(key).encode()) <= 80


# ----------------------------------------------------------------------------------------- files


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with pytest.raises(TypeError), replacing(path) as file:
        file.writelines([b"newer", None])  # type: ignore[list-item]
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / f".a.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(DataError, match="the disk is full"), replacing(tmp_path / "a") as file:
        file.write(b"x" * 10_000_000)
    assert not list(tmp_path.iterdir())


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_open_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clara.files, "_OPEN_FILES", 3)
    for i in range(10):
        (tmp_path / str(i)).write_bytes(bytes([i]) * 100)
    before = open_files()
    files = Files()
    wrong = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, 10, 300):
            if files.read(str(tmp_path / str(i)), 50, 5) != bytes([i]) * 5:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert open_files() <= before + 3
    files = Files()
    assert open_files() == before


# ----------------------------------------------------------------------------------------- index


def test_what_an_index_says(folder: Path) -> None:
    index = Index.open(folder)
    assert len(index) == 10
    assert (index.corpora, index.splits) == (["dogs"], ["test", "train"])
    i = list(index.column("key")).index("k7")
    assert index.key(i) == "dogs/k7"
    assert index.texts(i) == ("text 7", "نص")
    assert index.labels(i) == {"sound": ("s1",)}
    assert index.read(i) == encode_flac(wave(7), RATE)
    assert index.meta(i)["text"] == ["text 7", "نص"]
    assert index.column("seconds").dtype == np.float32
    assert index.column("frames")[i] == 6400
    assert index.column("texts")[i] == ("text 7", "نص")
    assert index.column("language")[i] == "pl"
    codes, names = index.codes("split")
    assert codes.dtype == np.int32
    assert names[codes[i]] == "train"


def test_samples_and_slices(folder: Path) -> None:
    index = Index.open(folder)
    for i in range(10):
        number = int(index.column("key")[i][1:])
        sample = index.sample(i)
        assert (sample.rate, len(sample.wave)) == (RATE, 800 * (number + 1))
        assert sample.wave == pytest.approx(number / 100, abs=1e-4)
        assert sample.key == index.key(i)
    i = list(index.column("key")).index("k9")
    assert len(index.sample(i, start=0.25, end=0.5).wave) == 2000
    assert len(index.sample(i, rate=16_000).wave) == 16_000


def test_a_sample_as_its_shard_holds_it(folder: Path) -> None:
    index = Index.open(folder)
    reads = []
    read = index._files.read
    index._files.read = lambda *where: (reads.append(where), read(*where))[1]  # type: ignore
    for i in range(10):
        raw = index.raw(i)
        assert raw.audio == index.read(i)
        assert (raw.key, raw.texts, raw.labels) == (index.key(i), index.texts(i), index.labels(i))
    assert len(reads) == 2 * 10  # one for it, and one for `read`


def test_members_that_lie_apart(tmp_path: Path) -> None:
    """JSON before the audio, or far behind it: then it is read by itself."""
    rows = []
    for order, name in ((("json", "flac"), "a"), (("flac", "far", "json"), "b")):
        contents = {"flac": b"audio", "far": bytes(10_000), "json": b'{"text": [" one ", "one"]}'}
        with tarfile.open(tmp_path / f"{name}.tar", "w") as tar:
            for suffix in order:
                info = tarfile.TarInfo(f"k.{suffix}")
                info.size = len(contents[suffix])
                tar.addfile(info, io.BytesIO(contents[suffix]))
        with tarfile.open(tmp_path / f"{name}.tar") as tar:
            at = {member.name: (member.offset_data, member.size) for member in tar}
        places = dict(zip(Place._fields, (*at["k.flac"], *at["k.json"]), strict=True))
        rows.append({**row(0, "c", "train", f"{name}.tar", key=name, texts=["one"]), **places})
    write_index(iter([pa.Table.from_pylist(rows, schema=SCHEMA)]), tmp_path / "index.parquet")
    index = Index.open(tmp_path)
    own = index.select(corpora=["c"])
    for i in range(2):
        assert own.raw(i) == (f"c/{'ab'[i]}", b"audio", ("one",), {"sound": ("s0",)})


def test_columns_of_a_view_have_the_types_of_the_schema(folder: Path) -> None:
    index = Index.open(folder)
    for view in (index, index.select(splits=["train"])):
        for field in SCHEMA:
            if pa.types.is_integer(field.type) or pa.types.is_floating(field.type):
                assert view.column(field.name).dtype == field.type.to_pandas_dtype()
    rows = np.array([4, 0])
    train = index.select(splits=["train"])
    assert list(train.values("frames", rows)) == list(train.column("frames")[rows])


def test_texts_of_many_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clara.columns._ROW_GROUP", 7)
    monkeypatch.setattr("clara.columns._RECENT", 20)
    make(tmp_path / "a", "a", 50)
    make(tmp_path / "b", "b", 31)
    index = Index.open(tmp_path)
    keys = [
        f"{corpus}/{key}" for corpus, key in zip(*map(index.column, ("corpus", "key")), strict=True)
    ]
    for i in np.random.default_rng(0).integers(0, 81, 300).tolist():
        assert index.key(i) == keys[i]
    view = index.select(mask=np.random.default_rng(1).random(81) < 0.2)
    assert list(view.column("key")) == [view.key(i).partition("/")[2] for i in range(len(view))]
    assert list(view.column("texts")) == [view.texts(i) for i in range(len(view))]
    assert len(index.select(mask=np.zeros(81, bool)).column("texts")) == 0


def test_shard_ids(folder: Path) -> None:
    index = Index.open(folder)
    ids, shards = index.shard_ids, index.column("shard")
    assert ids.dtype == np.int32
    assert len(np.unique(ids)) == 6
    for i in range(10):
        assert list(ids == ids[i]) == list(shards == shards[i])


def test_selections(folder: Path, tmp_path: Path) -> None:
    index = Index.open(folder, make(tmp_path / "cats", "cats", 4))
    assert (len(index), index.corpora) == (14, ["cats", "dogs"])
    cats = index.select(corpora=["cats"])
    assert (len(cats), cats.corpora, cats.splits) == (4, ["cats"], ["test", "train"])
    some = cats.select(splits=["train"], mask=cats.column("key") != "k1")
    assert [some.key(i) for i in range(len(some))] == ["cats/k3"]
    assert some.read(0) == encode_flac(wave(3), RATE)
    assert len(index.select(splits=["train", "test"])) == 14
    assert len(index.select(corpora=[])) == 0
    none = index.select(mask=np.zeros(14, bool))
    assert (len(none), none.corpora, none.splits, len(none.shard_ids)) == (0, [], [], 0)
    assert len(none.column("texts")) == len(none.column("corpus")) == 0
    with pytest.raises(UnknownNameError, match="did you mean 'cats'"):
        index.select(corpora=["cat"])
    with pytest.raises(UnknownNameError, match="no split named 'valid'"):
        index.select(splits=["valid"])
    with pytest.raises(UnknownNameError):
        cats.select(corpora=["dogs"])


def test_indexes_are_found_below_a_folder(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "deep" / "er" / "cats", "cats", 4)
    make(folder / "train" / "inner", "inner", 2)
    make(tmp_path / ".hidden", "hidden", 2)
    (tmp_path / "deep" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert Index.open(tmp_path).corpora == ["cats", "dogs", "inner"]
    shutil.rmtree(folder / "train" / "inner")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "dogs").symlink_to(folder, target_is_directory=True)
    assert len(Index.open(tmp_path / "linked")) == 10


def test_relative_folders_survive_a_change_of_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    index = Index.open("dogs")
    monkeypatch.chdir("/")
    assert index.sample(0)


def test_a_folder_that_moved(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder, tmp_path / "moved = 1 :: here")
    assert Index.open(tmp_path / "moved = 1 :: here").sample(3)


def test_pickled_to_another_process(folder: Path) -> None:
    index = Index.open(folder)
    index.read(0)
    pickled = pickle.dumps(index.select(splits=["train"]))
    assert len(pickled) < 1000  # the columns are read again, not sent
    copy = pickle.loads(pickled)
    assert copy.sample(0).wave == pytest.approx(index.select(splits=["train"]).sample(0).wave)


def test_many_threads_read(folder: Path) -> None:
    index = Index.open(folder)
    expected = [index.read(i) for i in range(10)]
    wrong = []

    def work(seed: int) -> None:
        for i in np.random.default_rng(seed).integers(0, 10, 200):
            if index.read(int(i)) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.fixture
def remote(folder: Path) -> Iterator[str]:
    system = fsspec.filesystem("memory")
    system.put(f"{folder}/", "/bucket/dogs", recursive=True)
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def test_a_remote_folder(folder: Path, remote: str) -> None:
    near, far = Index.open(folder), Index.open(remote)
    assert len(far) == 10
    for i in range(10):
        assert far.read(i) == near.read(i)
        assert far.meta(i) == near.meta(i)
    with pytest.raises(UsageError, match="Expected index"):
        Index.open("memory://bucket/dogs/train")


def test_many_row_groups_and_large_dictionaries(tmp_path: Path) -> None:
    place = dict.fromkeys(("audio_offset", "audio_size", "meta_offset", "meta_size"), 0)
    some = [{**row(0, "", "train", ""), **place} for _ in range(500)]
    table = pa.Table.from_pylist(some, schema=SCHEMA)

    def parts() -> Iterator[pa.Table]:
        for shard in range(300):
            changed = {
                "key": [f"{shard}-{i}" for i in range(500)],
                "corpus": [f"c{shard % 7}"] * 500,
                "shard": [f"{shard}.tar"] * 500,
            }
            part = table
            for name, values in changed.items():
                column = pa.array(values, SCHEMA.field(name).type)
                part = part.set_column(SCHEMA.get_field_index(name), name, column)
            yield part

    write_index(parts(), tmp_path / "index.parquet")
    assert pq.ParquetFile(tmp_path / "index.parquet").num_row_groups == 10
    index = Index.open(tmp_path)
    assert len(index) == 150_000
    assert len(np.unique(index.shard_ids)) == 300
    assert index.corpora == [f"c{i}" for i in range(7)]
    assert list(index.shard_ids) == list(np.repeat(index.shard_ids[::500], 500))
    assert len(index.select(corpora=["c3"])) == 43 * 500
    assert index.key(149_999) == "c5/299-499"


# ---------------------------------------------------------------------------------------- faults


def test_folders_that_hold_no_index(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one folder"):
        Index.open()
    with pytest.raises(UsageError, match="there is none"):
        Index.open(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="`clara index`"):
        Index.open(folder / "train")


def test_a_corpus_given_twice(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give each corpus once"):
        Index.open(folder, folder)
    other = make(tmp_path / "other", "dogs", 4)
    with pytest.raises(UsageError, match=r"dogs/k\d lies more than once in .*dogs and .*other"):
        Index.open(folder, other)


def test_an_index_below_another(folder: Path, tmp_path: Path) -> None:
    """Only one that says nothing new is left out."""
    from clara.prepare.index import index_tars

    index_tars(folder.parent, workers=1)
    assert len(Index.open(folder.parent)) == 10
    assert len(Index.open(folder)) == 10
    make(folder / "more", "more", 4)
    assert Index.open(folder.parent).corpora == ["dogs", "more"]
    # Some of what the inner one lists is in the outer one too: which of them is meant?
    table = pq.read_table(folder.parent / "index.parquet")
    upper = table.filter(pc.equal(table["split"].cast(pa.string()), "train"))
    write_index(iter([upper.cast(SCHEMA)]), folder.parent / "index.parquet")
    with pytest.raises(
        UsageError, match=r"dogs/train/0+\.tar is listed in .* and in .*dogs, which"
    ):
        Index.open(folder.parent)


def test_two_parts_of_a_corpus(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / "index.parquet")
    for name, mask in (("a", slice(0, 4)), ("b", slice(4, 10))):
        shutil.copytree(folder, tmp_path / name)
        part = table.slice(mask.start, mask.stop - mask.start)
        write_index(iter([part.cast(SCHEMA)]), tmp_path / name / "index.parquet")
    assert len(Index.open(tmp_path / "a", tmp_path / "b")) == 10


def change(folder: Path, function: Callable[[pa.Table], pa.Table]) -> None:
    path = folder / "index.parquet"
    pq.write_table(function(pq.read_table(path)), path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PAR1", b"not parquet" * 100, b"version https://git-lfs.github.com/spec/v1\n"],
)
def test_an_index_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "index.parquet").write_bytes(content)
    with pytest.raises(ShardError, match="make it anew with `clara index`"):
        Index.open(folder)


def test_an_index_that_is_another_table(folder: Path) -> None:
    before = (folder / "index.parquet").read_bytes()
    for fault in (
        lambda table: table.drop(["texts"]),
        lambda table: table.set_column(4, "audio_offset", pa.array(["x"] * 10)),
        lambda table: table.set_column(3, "shard", pa.array([None] * 10, pa.string())),
    ):
        (folder / "index.parquet").write_bytes(before)
        change(folder, fault)
        with pytest.raises(ShardError, match="index"):
            Index.open(folder)
    (folder / "index.parquet").write_bytes(before)
    change(folder, lambda table: table.set_column(0, "key", pa.array([None] * 10, pa.string())))
    with pytest.raises(ShardError, match="gaps in the column 'key'"):
        Index.open(folder).key(0)
    (folder / "index.parquet").write_bytes(before[: len(before) // 2])
    with pytest.raises(ShardError):
        Index.open(folder)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b.tar"])
def test_an_index_that_points_outside(folder: Path, name: str) -> None:
    change(folder, lambda table: table.set_column(3, "shard", pa.array([name] * 10)))
    with pytest.raises(ShardError, match="outside its own folder"):
        Index.open(folder)


def test_a_plain_index_without_dictionaries(folder: Path) -> None:
    plain = [pa.field(f.name, pa.string()) if pa.types.is_dictionary(f.type) else f for f in SCHEMA]
    change(folder, lambda table: table.cast(pa.schema(plain)).replace_schema_metadata(None))
    assert Index.open(folder).splits == ["test", "train"]


def test_shards_that_are_not_those_of_the_index(folder: Path) -> None:
    index = Index.open(folder)
    for tar in folder.rglob("*.tar"):
        tar.write_bytes(tar.read_bytes()[:600])
    with pytest.raises(ShardError, match="shorter than its index says"):
        Index.open(folder).read(9)
    for tar in folder.rglob("*.tar"):
        tar.unlink()
    with pytest.raises(ShardError, match="it is gone"):
        index.read(0)
    for i in range(10):
        (folder / index.column("shard")[i]).mkdir(exist_ok=True)
    with pytest.raises(ShardError, match="cannot be read"):
        index.read(0)


def test_places_that_cannot_be(folder: Path) -> None:
    for offset, size in ((-5, 10), (0, -1), (1 << 60, 10), (0, 1 << 60)):
        change(
            folder,
            lambda table, offset=offset, size=size: table.set_column(
                4, "audio_offset", pa.array([offset] * 10)
            ).set_column(5, "audio_size", pa.array([size] * 10)),
        )
        index = Index.open(folder)
        with pytest.raises(ShardError):
            index.read(0)


def test_audio_that_cannot_be_decoded_is_named(folder: Path) -> None:
    index = Index.open(folder)
    tar = Path(index.column("shard")[0])
    tar.write_bytes(tar.read_bytes().replace(b"fLaC", b"NoNo"))
    with pytest.raises(AudioError, match="In sample 'dogs/k0'"):
        index.sample(0)
    tar.write_bytes(tar.read_bytes().replace(b'{"', b'}"'))
    with pytest.raises(ShardError, match="was replaced since"):
        index.meta(0)
