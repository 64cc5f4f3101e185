"""Data sets of Hugging Face, made by the package `datasets` in its real formats."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from clara import corpora
from clara.audio import io as audio_io
from clara.corpora._hub import load
from clara.corpora._hub.address import parse
from clara.corpora._hub.places import is_its_own
from clara.errors import DownloadError, LayoutError, MissingExtraError
from clara.records import Clip, Entry

datasets = pytest.importorskip("datasets")

RATE = 8000


@pytest.fixture(autouse=True)
def own_caches(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "hf"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "xdg"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    return folder / "xdg" / "clara" / "hub"


def wav(number: int) -> bytes:
    buffer = io.BytesIO()
    time = np.arange(RATE // 10) / RATE
    soundfile.write(buffer, 0.3 * np.sin(2 * np.pi * (200 + number) * time), RATE, format="WAV")
    return buffer.getvalue()


def made(rows: int, first: int = 0) -> Any:
    """A data set with a true `Audio` feature that holds bytes; every fifth row has no caption."""
    numbers = range(first, first + rows)
    table = {
        "audio": [{"bytes": wav(n), "path": f"{n}.wav"} for n in numbers],
        "label": [n % 2 for n in numbers],
        "tags": [[0, 1] if n % 3 else [] for n in numbers],
        "caption": [["", "A sound"] if n % 5 else None for n in numbers],
        "speaker_id": [n % 4 for n in numbers],
        "text": [f"word {n}" for n in numbers],
        "extra_number": [n / 2 for n in numbers],
    }
    features = datasets.Features(
        {
            "audio": datasets.Audio(sampling_rate=RATE),
            "label": datasets.ClassLabel(names=["dog_bark", "cat"]),
            "tags": datasets.Sequence(datasets.ClassLabel(names=["x", "y"])),
            "caption": datasets.Sequence(datasets.Value("string")),
            "speaker_id": datasets.Value("int64"),
            "text": datasets.Value("string"),
            "extra_number": datasets.Value("float64"),
        }
    )
    return datasets.Dataset.from_dict(table).cast(features)


def read(source: Path | str) -> list[Entry]:
    return list(corpora.get("hub").read(source))  # type: ignore[arg-type]


def heard(entry: Entry) -> bytes:
    assert isinstance(entry.path, Clip)
    return entry.path.read()


def test_a_saved_data_set(tmp_path: Path) -> None:
    made(7).save_to_disk(tmp_path / "birds")
    entries = read(tmp_path / "birds")
    assert [entry.key for entry in entries] == [f"train/{n:08d}" for n in range(7)]
    assert [heard(entry) for entry in entries] == [wav(n) for n in range(7)]
    row = entries[4]
    assert row.labels == {"sound": ("dog bark",), "tag": ("x", "y")}
    assert (row.texts, row.transcript, row.speaker) == (("A sound",), "word 4", "0")
    assert (row.split, row.extra) == ("train", {"extra_number": 2.0})
    assert str(row.path) == f"birds train 4 ({len(wav(4))} bytes)"
    assert entries[5].texts == ()
    assert entries[3].labels == {"sound": ("cat",)}
    assert heard(pickle.loads(pickle.dumps(row))) == wav(4)


def test_a_saved_dictionary_and_its_splits(tmp_path: Path) -> None:
    parts = {"train.clean.100": made(3), "validation": made(2, 3), "test": made(1, 5)}
    parts["unlabelled"] = made(1, 6)
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "all")
    splits = {entry.key.split("/")[0]: entry.split for entry in read(tmp_path / "all")}
    assert splits == {
        "train.clean.100": "train",
        "validation": "valid",
        "test": "test",
        "unlabelled": "unlabelled",
    }
    (entry,) = read(f"{tmp_path}/all?split=validation&rows=1")
    assert (entry.key, entry.extra["hub_split"]) == ("validation/00000000", "validation")
    assert heard(entry) == wav(3)
    assert len(read(f"{tmp_path}/all?split=validation,test")) == 3
    with pytest.raises(LayoutError, match=r"a split 'tset' .* found train.clean.100, validation"):
        read(f"{tmp_path}/all?split=tset")


def test_a_selection_that_was_saved(tmp_path: Path) -> None:
    made(9).select([7, 1, 3]).save_to_disk(tmp_path / "some")
    assert [heard(entry) for entry in read(tmp_path / "some")] == [wav(7), wav(1), wav(3)]


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    folder = tmp_path / "parquet"
    for name, rows, first in (("train-0", 20, 0), ("train-1", 17, 20), ("test-0", 3, 37)):
        folder.mkdir(exist_ok=True)
        made(rows, first).to_parquet(folder / f"{name}.parquet")
    return folder


def test_parquet_whole_and_streamed_say_the_same(parquet: Path, own_caches: Path) -> None:
    whole = read(parquet)
    assert not own_caches.exists()
    streamed = read(f"{parquet}?streaming=1")
    assert len(whole) == len(streamed) == 40
    for one, other in zip(whole, streamed, strict=True):
        assert one.key == other.key
        assert (one.labels, one.texts, one.transcript) == (
            other.labels,
            other.texts,
            other.transcript,
        )
        assert str(one.path) == str(other.path)
        assert heard(one) == heard(other)
    assert sorted(map(heard, whole)) == sorted(map(wav, range(40)))


def test_what_has_been_streamed_needs_nothing_any_more(
    parquet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read(f"{parquet}?streaming=1")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert read(f"{parquet}?streaming=1") == first
    with pytest.raises(MissingExtraError, match=r"pip install 'clara-audio\[hub\]'"):
        read(f"{parquet}?streaming=1&rows=2")


def test_a_folder_that_has_changed_is_streamed_anew(parquet: Path) -> None:
    assert len(read(f"{parquet}?streaming=1")) == 40
    made(5, 37).to_parquet(parquet / "test-0.parquet")
    assert len(read(f"{parquet}?streaming=1")) == 42


class CutError(Exception):
    """Power is lost."""


def test_a_stream_that_was_cut_off_goes_on(
    parquet: Path, own_caches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = read(parquet)
    monkeypatch.setattr(load, "_FILE_ROWS", 4)
    monkeypatch.setattr(load, "_TAKEN", 2)
    embedded, taken = load._embedded, []

    def cut(table: pa.Table, kinds: Any, address: Any) -> pa.Table:
        taken.append(table.num_rows)
        if sum(taken) > 21:
            raise CutError
        return embedded(table, kinds, address)

    monkeypatch.setattr(load, "_embedded", cut)
    with pytest.raises(CutError):
        read(f"{parquet}?streaming=1&split=train")
    files = {path: path.stat().st_mtime_ns for path in own_caches.rglob("*.arrow")}
    assert len(files) == 5
    taken.clear()
    monkeypatch.setattr(load, "_embedded", embedded)
    entries = read(f"{parquet}?streaming=1&split=train")
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert len(entries) == 37
    by_key = {entry.key: entry for entry in whole}
    for entry in entries:
        assert entry.texts == by_key[entry.key].texts
        assert heard(entry) == heard(by_key[entry.key])


def test_rows_limit_what_is_streamed(parquet: Path, own_caches: Path) -> None:
    assert len(read(f"{parquet}?streaming=1&rows=5&split=train")) == 5
    (file,) = own_caches.rglob("*.arrow")
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as reader:
        assert reader.read_all().num_rows == 5


@pytest.fixture
def audiofolder(tmp_path: Path) -> Path:
    """Audio files with metadata.csv, as `load_dataset` reads them; one file is no audio."""
    folder = tmp_path / "audiofolder"
    for split, count in (("train", 3), ("validation", 2)):
        (folder / split).mkdir(parents=True)
        lines = ["file_name,caption,gender,language"]
        for n in range(count):
            (folder / split / f"{n}.wav").write_bytes(wav(n))
            lines.append(f"{n}.wav,A tone {n},female,German")
        (folder / split / "metadata.csv").write_text("\n".join(lines))
    (folder / "train" / "2.wav").write_bytes(b"no audio")
    return folder


def test_a_folder_of_audio_files(audiofolder: Path) -> None:
    entries = read(audiofolder)
    assert [entry.split for entry in entries] == ["train"] * 3 + ["valid"] * 2
    assert entries[1].path == audiofolder / "train" / "1.wav"
    assert entries[1].texts == ("A tone 1",)
    assert (entries[1].labels, entries[1].language) == ({"gender": ("woman",)}, "de")
    assert audio_io.probe(entries[4].path).frames == RATE // 10  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_folder_of_audio_files_is_not_copied(audiofolder: Path) -> None:
    with pytest.raises(LayoutError, match="leave streaming=0 away"):
        read(f"{audiofolder}?streaming=0")


def test_rows_without_audio_are_bad_records(tmp_path: Path) -> None:
    rows = [{"bytes": wav(0), "path": None}, None, {"bytes": None, "path": None}]
    rows += [{"bytes": None, "path": "hf://gone/a.wav"}, {"bytes": b"", "path": ""}]
    rows += [{"bytes": None, "path": str(tmp_path / "some" / "gone.wav")}]
    table = datasets.Dataset.from_dict({"audio": rows, "caption": ["x"] * 6})
    table.save_to_disk(tmp_path / "some")
    entries = read(tmp_path / "some")
    assert [entry.fault for entry in entries] == ["", *["its row has no audio"] * 4, ""]
    assert entries[5].path == tmp_path / "some" / "gone.wav"
    with pytest.raises(OSError, match="no audio"):
        heard(entries[1])


@pytest.mark.parametrize(
    "path", ["{}/secret.wav", "../secret.wav", "a/../../secret.wav", "{}/some/../secret.wav"]
)
def test_a_data_set_names_no_other_file_of_this_machine(path: str, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(wav(0))
    rows = [{"bytes": None, "path": path.format(tmp_path)}, {"bytes": wav(1), "path": "1.wav"}]
    datasets.Dataset.from_dict({"audio": rows, "text": ["x"] * 2}).save_to_disk(tmp_path / "some")
    outside, inside = read(tmp_path / "some")
    assert outside.fault == "it lies outside of the data set"
    assert heard(inside) == wav(1)


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("hf://datasets/user/name/a.wav", True),
        ("zip://a.wav::hf://datasets/user/name/a.zip", True),
        ("https://example.org/a.wav", True),
        ("file:///etc/passwd", False),
        ("file:///etc/passwd::https://example.org/a.zip", False),
        ("zip://a.wav::/etc/a.zip", False),
        ("s3://my-own/a.wav", False),
        ("a.wav", False),
        ("/etc/passwd", False),
        ("{cache}/datasets/downloads/a.wav", True),
        ("{cache}/../a.wav", False),
    ],
)
def test_what_a_data_set_of_the_hub_may_name(
    path: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_CACHE_HOME", str(tmp_path))
    assert is_its_own(path.format(cache=tmp_path), parse("user/name")) is own


def test_what_became_of_the_file_meanwhile(tmp_path: Path) -> None:
    made(3).save_to_disk(tmp_path / "some")
    entries = read(tmp_path / "some")
    (file,) = (tmp_path / "some").glob("*.arrow")
    data = file.read_bytes()
    for content in (b"", b"hello", data[:300], bytes(len(data))):
        file.write_bytes(content)
        with pytest.raises(OSError, match=r"damaged|no audio|Expected"):
            heard(entries[2])
    file.unlink()
    with pytest.raises(FileNotFoundError):
        heard(entries[2])


def test_without_the_features_of_hugging_face(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    audio = pa.array([{"bytes": wav(n), "path": None} for n in range(3)])
    table = pa.table({"audio": audio, "text": ["a", "b", "c"]})
    (tmp_path / "bare").mkdir()
    pq.write_table(table, tmp_path / "bare" / "train.parquet")
    for address in (f"{tmp_path}/bare", f"{tmp_path}/bare?streaming=1"):
        entries = read(address)
        assert [entry.texts for entry in entries] == [("a",), ("b",), ("c",)]
        assert heard(entries[1]) == wav(1)
    pq.write_table(pa.table({"wave": [wav(0)], "text": ["a"]}), tmp_path / "bare" / "train.parquet")
    with pytest.raises(LayoutError, match=r"found one without one \(columns: wave, text\)"):
        read(tmp_path / "bare")
    (entry,) = read(f"{tmp_path}/bare?audio=wave")
    assert (heard(entry), entry.extra) == (wav(0), {})


def test_no_network() -> None:
    for address in ("nobody/nothing", "nobody/nothing?streaming=1", "hf://datasets/nobody/nothing"):
        with pytest.raises(DownloadError, match=r"for nobody/nothing, but HF_HUB_OFFLINE is set"):
            read(address)


def test_the_network_fails_along_the_way(parquet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clara.corpora._hub import faults
    from clara.corpora._hub.address import Address

    monkeypatch.delenv("HF_HUB_OFFLINE")
    for error in (ConnectionError("Couldn't reach it"), ConnectionResetError(104, "reset by peer")):
        with (
            pytest.raises(DownloadError, match="there is no way to it; connect and run the same"),
            faults.told(Address("user/name")),
        ):
            raise error
    with pytest.raises(DownloadError, match="none that you may read"), faults.told(Address("a/b")):
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' is a gated dataset")
    with pytest.raises(ZeroDivisionError), faults.told(Address("a/b")):
        raise ZeroDivisionError  # a fault of ours keeps its face


def test_data_that_cannot_be_read(tmp_path: Path, parquet: Path) -> None:
    with pytest.raises(LayoutError, match=r"BuilderConfig 'zz' not found"):
        read(f"{parquet}?config=zz")
    (tmp_path / "none").mkdir()
    with pytest.raises(LayoutError, match="doesn't contain any data files"):
        read(tmp_path / "none")
    (parquet / "train-1.parquet").write_bytes(b"PAR1 no it is not PAR1")
    with pytest.raises(LayoutError, match=r"a data set that can be read at .*parquet") as caught:
        read(parquet)
    assert "\n" not in str(caught.value)
    made(2).save_to_disk(tmp_path / "broken")
    (tmp_path / "broken" / "state.json").write_text("{")
    with pytest.raises(LayoutError, match="a data set that can be read"):
        read(tmp_path / "broken")


def test_importing_datasets_does_not_warn() -> None:
    code = "import sys, datasets; assert 'torchcodec' not in sys.modules"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_listing_the_corpora_imports_nothing_heavy() -> None:
    code = (
        "from clara import corpora; import sys; corpora.get('hub'); corpora.get('folder');"
        "print({'datasets', 'pyarrow', 'av', 'soundfile', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_from_the_command_line_to_shards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from clara.cli.__main__ import main
    from clara.shards import Index

    rows = [{"bytes": wav(n), "path": None} for n in range(30)]
    rows[7] = {"bytes": b"no audio at all", "path": None}
    rows[8] = None  # type: ignore[call-overload]
    table = {"audio": rows, "label": [n % 3 for n in range(30)], "age": [30 + n for n in range(30)]}
    kinds = datasets.ClassLabel(names=["dog", "cat", "rain"])
    data = datasets.Dataset.from_dict(table)
    data = data.cast_column("audio", datasets.Audio()).cast_column("label", kinds)
    (tmp_path / "animals").mkdir()
    for split, part in (("train", range(24)), ("validation", range(24, 30))):
        data.select(part).to_parquet(tmp_path / "animals" / f"{split}.parquet")
    out = tmp_path / "shards"
    options = ["--rate", "8000", "--shard-size", "8", "--allowed-bad", "0.1", "--name", "animals"]
    argv = ["prepare", "hub", f"{tmp_path}/animals", str(out), *options, "--workers", "2"]
    code = main([*argv, "--json"])
    printed = capsys.readouterr().out
    assert code in (None, 0), printed
    index = Index.open(out)
    assert (len(index), index.corpora, sorted(index.splits)) == (
        28,
        ["animals"],
        ["train", "valid"],
    )
    skipped = [json.loads(line) for line in (out / "skipped.jsonl").read_text().splitlines()]
    assert {record["key"]: record["cause"].split(" (")[0] for record in skipped} == {
        "train/00000007": "what it holds is not audio that can be read",
        "train/00000008": "its row has no audio",
    }
    seen = {}
    for shard in out.rglob("*.tar"):
        with tarfile.open(shard) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None
                stem, _, suffix = member.name.rpartition(".")
                seen.setdefault((shard, stem), {})[suffix] = content.read()
    for sample in seen.values():
        meta = json.loads(sample["json"])
        number = int(meta["original_data"]["key"].split("/")[1])
        number += 24 if meta["original_data"]["split"] == "valid" else 0
        assert meta["original_data"]["labels"] == {
            "age": [str(30 + number)],
            "sound": [("dog", "cat", "rain")[number % 3]],
        }
        wave, _ = audio_io.load(sample["flac"])
        np.testing.assert_allclose(wave, audio_io.load(wav(number))[0], atol=2**-15)
    # A stream, and one process, write the same.
    streamed, address = tmp_path / "streamed", f"{tmp_path}/animals?streaming=1"
    assert main(["prepare", "hub", address, str(streamed), *options, "--workers", "1"]) in (None, 0)
    for shard in out.rglob("*.tar"):
        assert (streamed / shard.relative_to(out)).read_bytes() == shard.read_bytes()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.tar")}
    assert main([*argv, "--json"]) in (None, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_an_address_reaches_the_hub_as_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clara.prepare.run import prepare

    monkeypatch.chdir(tmp_path)
    for address in ("user/name", "user/name?config=clean&rows=3", "hf://datasets/user/name?rows=3"):
        with pytest.raises(DownloadError, match=r"for user/name, but HF_HUB"):
            prepare("hub", address, tmp_path / "out")
    made(6).save_to_disk(tmp_path / "data" / "birds")
    report = prepare("hub", "data/birds?rows=4", tmp_path / "out", rate=RATE, workers=1)
    assert (report.corpus, report.stats["total"]["clips"]) == ("birds", 4)


def test_the_caches_are_where_they_are_said_to_be(
    parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    read(f"{parquet}?streaming=1&rows=1")
    (folder,) = (tmp_path / ".cache" / "clara" / "hub").iterdir()
    assert folder.name.startswith("parquet-")
    assert {path.name for path in folder.iterdir()} == {"test", "train", "splits.json"}
