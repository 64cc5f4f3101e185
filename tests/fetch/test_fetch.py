"""Whole corpora, from a real server to a folder that they can be read from."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clara.corpora import Corpus, Download, _files
from clara.errors import DataError, DownloadError, UsageError
from clara.fetch import RECORD, Fetched, _sink, fetch, file_name, http
from clara.records import Entry

NOISE = np.random.default_rng(0)
SOUNDS = {f"audio/{number}.wav": NOISE.bytes(50_000) for number in range(4)}


def read(root: Path) -> Iterator[Entry]:
    for _, line in _files.lines(_files.require(root, "list.txt", "Beeps")):
        yield Entry(key=line, path=root / line)


def corpus(*downloads: Download) -> Corpus:
    facts = {"homepage": "", "licence": "CC0", "cite": "-", "size": "-", "splits": ("train",)}
    return Corpus(title="Beeps", obtain="Record some.", read=read, downloads=downloads, **facts)  # type: ignore[arg-type]


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def found(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }


WRAPPED = {f"Beeps-main/{name}": data for name, data in SOUNDS.items()}
LIST = "\n".join(SOUNDS).encode()
WHOLE = {**SOUNDS, "list.txt": LIST}


@pytest.fixture
def beeps(owner: Any) -> Corpus:
    """A corpus of a tar, wrapped in a folder, and of a table that is no archive."""
    tar = tarred(WRAPPED)
    return corpus(
        Download(
            url=owner.offer("beeps.tar.gz", tar),
            size=len(tar),
            hash="md5:" + hashlib.md5(tar).hexdigest(),
            strip=1,
        ),
        Download(url=owner.offer("list.txt?download=1", LIST), size=len(LIST)),
    )


def test_a_corpus_comes_and_can_be_read(beeps: Corpus, tmp_path: Path):
    folder = tmp_path / "new" / "folder"
    notes: list[str] = []
    done = fetch(beeps, folder, note=notes.append)
    names = ("beeps.tar.gz", "list.txt")
    assert done == Fetched(folder, fetched=names, unchecked=("list.txt",))
    assert found(folder) == WHOLE
    assert {path.name for path in folder.iterdir()} == {"audio", "list.txt", RECORD}
    assert len(list(beeps.read(folder))) == 4
    assert notes == [
        "Fetching beeps.tar.gz from 127.0.0.1.",
        "Unpacking beeps.tar.gz.",
        "Fetching list.txt from 127.0.0.1.",
    ]
    records = json.loads((folder / RECORD).read_bytes())["downloads"]
    assert [each["holds"] for each in records] == [["audio"], ["list.txt"]]
    assert records[1]["sha256"] == hashlib.sha256(LIST).hexdigest()
    assert records[1]["stated"] == ""


def test_a_second_time_there_is_nothing_to_do(beeps: Corpus, owner: Any, tmp_path: Path):
    fetch(beeps, tmp_path)
    owner.asked.clear()
    done = fetch(beeps, tmp_path)
    assert done.fetched == ()
    assert done.already == ("beeps.tar.gz", "list.txt")
    assert owner.asked == []


def test_what_was_removed_comes_again(beeps: Corpus, owner: Any, tmp_path: Path):
    fetch(beeps, tmp_path)
    (tmp_path / "list.txt").unlink()
    done = fetch(beeps, tmp_path)
    assert (done.fetched, done.already) == (("list.txt",), ("beeps.tar.gz",))
    assert found(tmp_path) == WHOLE


def test_what_has_no_hash_is_checked_on_a_repeat(beeps: Corpus, owner: Any, tmp_path: Path):
    fetch(beeps, tmp_path)
    (tmp_path / "list.txt").unlink()
    owner.files["/list.txt?download=1"].data = bytes(len(LIST))
    with pytest.raises(DownloadError, match=r"Expected sha256:.* That is what came on 20.* remove"):
        fetch(beeps, tmp_path)
    (tmp_path / RECORD).unlink()
    fetch(beeps, tmp_path)
    assert (tmp_path / "list.txt").read_bytes() == bytes(len(LIST))


def test_a_new_hash_by_the_owner_is_fetched(owner: Any, tmp_path: Path):
    fetch(corpus(Download(url=owner.offer("list.txt", LIST))), tmp_path)
    new = LIST[:-1] + b"?"
    stated = "sha256:" + hashlib.sha256(new).hexdigest()
    done = fetch(corpus(Download(url=owner.offer("list.txt", new), hash=stated)), tmp_path)
    assert done.fetched == done.kept == ("list.txt",)  # nobody's file is written over


def test_only_some(beeps: Corpus, owner: Any, tmp_path: Path):
    done = fetch(beeps, tmp_path, only=["list.*"])
    assert done.fetched == ("list.txt",)
    assert done.lacks == "None of its recordings are there."
    done = fetch(beeps, tmp_path, only=["beeps"])
    assert done.fetched == ("beeps.tar.gz",)
    assert done.lacks == ""
    with pytest.raises(UsageError, match=r"Nothing fits 'x' or 'y'; there are: beeps.tar.gz, list"):
        fetch(beeps, tmp_path, only=["x", "y"])


def test_archives_are_kept_if_asked_for(beeps: Corpus, owner: Any, tmp_path: Path):
    done = fetch(beeps, tmp_path, keep=True)
    (archive,) = done.archives
    assert archive.name == "beeps.tar.gz"
    assert archive.read_bytes() == owner.files["/beeps.tar.gz"].data
    fetch(beeps, tmp_path)
    assert archive.exists()
    assert [path for path in tmp_path.rglob("*") if path.name == "unpacked"] == []
    # A kept archive serves again.
    for path in (tmp_path / "audio").iterdir():
        path.unlink()
    (tmp_path / "audio").rmdir()
    owner.asked.clear()
    fetch(beeps, tmp_path, keep=True)
    assert owner.asked == []
    assert len(list((tmp_path / "audio").iterdir())) == 4


def test_archives_that_share_folders_are_merged(owner: Any, tmp_path: Path):
    """As those of RAVDESS, and of LibriSpeech with its tables in each."""
    one = zipped({"Actor_01/speech.wav": b"1", "README": b"same", "NOTES": b"first"})
    two = zipped({"Actor_01/song.wav": b"2", "README": b"same", "NOTES": b"second"})
    parts = [Download(url=owner.offer(f"{n}.zip", data)) for n, data in enumerate((one, two))]
    done = fetch(corpus(*parts), tmp_path)
    assert done.kept == ("NOTES",)
    assert found(tmp_path) == {
        "Actor_01/speech.wav": b"1",
        "Actor_01/song.wav": b"2",
        "README": b"same",
        "NOTES": b"first",
    }


def test_files_of_one_name_are_kept_apart(owner: Any, tmp_path: Path):
    """As those of MSWC: audio/pl.tar.gz and splits/pl.tar.gz."""
    audio = Download(url=owner.offer("audio/pl.tar.gz", tarred({"pl/a.opus": b"1"})))
    splits = Download(
        url=owner.offer("splits/pl.tar.gz", tarred({"pl_train.csv": b"2"})), folder="pl"
    )
    fetch(corpus(audio, splits), tmp_path)
    assert found(tmp_path) == {"pl/a.opus": b"1", "pl/pl_train.csv": b"2"}


def test_parts_are_joined(owner: Any, tmp_path: Path):
    data = zipped(WHOLE)
    parts = [
        Download(url=owner.offer(f"beeps.{number}", data[place : place + 50_000]), join="beeps.zip")
        for number, place in enumerate(range(0, len(data), 50_000))
    ]
    owner.files["/beeps.2"].faults = [owner.cut(10_000), owner.status(503)]
    done = fetch(corpus(*parts), tmp_path)
    assert done.fetched == ("beeps.zip",)
    assert found(tmp_path) == WHOLE


def test_what_a_user_has_is_left_alone(beeps: Corpus, tmp_path: Path):
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "0.wav").write_bytes(b"mine")
    (tmp_path / "audio" / "9.wav").write_bytes(b"mine too")
    done = fetch(beeps, tmp_path)
    assert done.kept == ("audio/0.wav",)
    mine = {"audio/0.wav": b"mine", "audio/9.wav": b"mine too"}
    assert found(tmp_path) == {**WHOLE, **mine}


@pytest.mark.parametrize("name", ["../evil.wav", "/tmp/evil.wav"])
@pytest.mark.parametrize("stated", [True, False])
def test_a_hostile_archive_leaves_nothing(owner: Any, tmp_path: Path, name: str, stated: bool):
    data = zipped({"good.wav": b"1", name: b"evil"})
    digest = hashlib.sha256(data).hexdigest()
    source = Download(url=owner.offer("a.zip", data), hash=f"sha256:{digest}" if stated else "")
    words = "is as its owner published it: .*a.zip" if stated else "a repeat fetches it anew"
    with pytest.raises(DownloadError, match=rf"Expected names inside .*{words}"):
        fetch(corpus(source), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert set(found(tmp_path / "out")) <= {
        path.relative_to(tmp_path / "out").as_posix() for path in tmp_path.rglob("a.zip")
    }


@pytest.mark.parametrize("name", [RECORD, ".downloads/x", ".downloads.lock"])
def test_an_archive_does_not_write_our_record(owner: Any, tmp_path: Path, name: str):
    source = Download(url=owner.offer("a.zip", zipped({"a.wav": b"1", name: b"{}"})))
    with pytest.raises(DownloadError, match=r"Expected the recordings of a corpus in a\.zip"):
        fetch(corpus(source), tmp_path)
    assert found(tmp_path) == {}


def test_an_archive_of_nothing(owner: Any, tmp_path: Path):
    source = Download(url=owner.offer("a.zip", zipped({})))
    with pytest.raises(DownloadError, match=r"in a\.zip, but found: nothing"):
        fetch(corpus(source), tmp_path)


def test_room_for_all_is_looked_for_first(
    beeps: Corpus, owner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http, "free", lambda folder: 250_000)  # enough for each, not for both
    with pytest.raises(DataError, match=r"Expected room for 40\d kB .* but 250 kB are free"):
        fetch(beeps, tmp_path)
    assert owner.asked == []


def test_no_room_to_unpack_keeps_the_archive(
    beeps: Corpus, owner: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as context:
        context.setattr(_sink, "free", lambda folder: 100_000)
        with pytest.raises(DataError, match=r"it goes on where it stopped"):
            fetch(beeps, tmp_path)
    owner.asked.clear()
    fetch(beeps, tmp_path)
    assert [path for path, _ in owner.asked] == ["/list.txt?download=1"]
    assert found(tmp_path) == WHOLE


def test_a_disk_that_fills_up_is_gone_on_with(
    beeps: Corpus, mount: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    folder = mount("size=400k")
    monkeypatch.setattr(http, "free", lambda folder: 1 << 40)
    monkeypatch.setattr(_sink, "free", lambda folder: 1 << 40)
    with pytest.raises(DataError, match=r"the disk is full; free some space"):
        fetch(beeps, folder)
    subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)
    fetch(beeps, folder)
    assert found(folder) == WHOLE


def test_a_corpus_that_no_program_may_fetch(tmp_path: Path):
    with pytest.raises(UsageError, match=r"Beeps cannot be downloaded by a program\. Record some"):
        fetch(corpus(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_at_once(beeps: Corpus, owner: Any, tmp_path: Path):
    def told(done: int, total: int) -> None:
        with pytest.raises(UsageError, match=r"Another run is at work on"):
            fetch(beeps, tmp_path)

    class Bar:
        def __init__(self, what: str) -> None:
            pass

        def __enter__(self) -> Callable[[int, int], None]:
            return told

        def __exit__(self, *error: object) -> None:
            pass

    fetch(beeps, tmp_path, bar=Bar)  # type: ignore[arg-type]
    assert found(tmp_path) == WHOLE


@pytest.mark.parametrize("record", [b"{", b"[]", b'{"downloads": [{}]}', b'{"downloads": 3}'])
def test_a_record_that_cannot_be_read(beeps: Corpus, tmp_path: Path, record: bytes):
    (tmp_path / RECORD).write_bytes(record)
    with pytest.raises(DownloadError, match=r"cannot be read; remove it to fetch all anew"):
        fetch(beeps, tmp_path)


def test_a_folder_that_is_a_file(beeps: Corpus, tmp_path: Path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(DataError, match=r"Expected to write"):
        fetch(beeps, tmp_path / "out")


def test_names_of_addresses():
    assert file_name("https://x.org/a/b.tar.gz") == "b.tar.gz"
    assert file_name("https://x.org/files/FSD50K.dev_audio.z01?download=1") == (
        "FSD50K.dev_audio.z01"
    )


MODULE = """
from pathlib import Path
from clara.corpora import Corpus, Download, _files
from clara.records import Entry

def read(root):
    for _, line in _files.lines(_files.require(root, "list.txt", "Beeps")):
        yield Entry(key=line, path=root / line)

corpus = Corpus(title="Beeps", homepage="", licence="{licence}", cite="Nobody, Beeps, 2024",
    size="4 clips", obtain="Record some.", splits=("train",), read=read, downloads=({downloads}))
"""


@pytest.fixture
def module(tmp_path: Path, owner: Any) -> Callable[..., dict[str, str]]:
    """A package with a corpus of that server; the environment in which it is found."""

    def make(*downloads: Download, licence: str = "CC BY 4.0") -> dict[str, str]:
        listed = "".join(f"{each!r}, " for each in downloads)
        (tmp_path / "beeps.py").write_text(MODULE.format(downloads=listed, licence=licence))
        paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        return {**os.environ, "PYTHONPATH": paths, "COLUMNS": "100"}

    return make


def clara(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "clara.cli", *words],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_killed_is_gone_on_with(
    module: Any, beeps: Corpus, owner: Any, tmp_path: Path, kill: signal.Signals
):
    env = module(*beeps.downloads)
    folder = tmp_path / "out"
    served = owner.files["/beeps.tar.gz"]
    served.pause = 0.05
    run = clara("corpora", "get", "beeps:corpus", str(folder), env=env)
    deadline = time.monotonic() + 30
    while not [path for path in folder.rglob("*.part") if path.stat().st_size > 20_000]:
        assert time.monotonic() < deadline
        assert run.poll() is None, run.communicate()
        time.sleep(0.01)
    run.send_signal(kill)
    _, said = run.communicate(timeout=30)
    assert run.returncode == {signal.SIGINT: 130}.get(kill, -kill)
    assert "Traceback" not in said
    assert not (folder / RECORD).exists()

    served.pause = 0.0
    run = clara("corpora", "get", "beeps:corpus", str(folder), env=env)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert found(folder) == WHOLE
    assert owner.ranges[0] is None
    assert int(owner.ranges[1].removeprefix("bytes=").removesuffix("-")) > 20_000


def test_a_run_that_is_killed_anywhere_is_gone_on_with(owner: Any, tmp_path: Path):
    """At each rename, write and removal in turn, as a process that ends there."""
    source = corpus(
        Download(url=owner.offer("a.zip", zipped({"audio/a.wav": b"1", "list.txt": b"a"}))),
        Download(url=owner.offer("b.zip", zipped({"audio/b.wav": b"2"}))),
        Download(url=owner.offer("c.wav", b"3"), folder="audio"),
    )
    steps = ("rename", "replace", "unlink", "rmtree", "mkdir", "open", "iterdir")
    reached = stopped = 0
    while reached == stopped:
        stopped += 1
        folder = tmp_path / str(stopped)
        reached = _stopped_at(stopped, steps, lambda folder=folder: fetch(source, folder))
        fetch(source, folder)
        sounds = {"audio/a.wav": b"1", "audio/b.wav": b"2", "audio/c.wav": b"3"}
        assert found(folder) == {**sounds, "list.txt": b"a"}
        assert {path.name for path in folder.iterdir()} == {"audio", "list.txt", RECORD}
    assert stopped > 50


class _EndError(BaseException):
    """The end of a process, after which nothing of it is tidied up."""


def _stopped_at(place: int, names: tuple[str, ...], work: Callable[[], object]) -> int:
    """Ends `work` in front of its n-th step on the disk; how many steps it came to."""
    import shutil

    count = 0
    with pytest.MonkeyPatch.context() as patch:

        def wrap(owner: Any, name: str) -> None:
            true = getattr(owner, name)

            def step(*args: Any, **options: Any) -> Any:
                nonlocal count
                if count >= place:
                    raise _EndError  # and so does all that would tidy up
                count += 1
                if count == place:
                    raise _EndError
                return true(*args, **options)

            patch.setattr(owner, name, step)

        for name in names:
            wrap(shutil if name == "rmtree" else Path, name)
        try:
            work()
        except _EndError:
            return place
        return count


def test_the_command_fetches(module: Any, beeps: Corpus, tmp_path: Path):
    env = module(*beeps.downloads)
    folder = tmp_path / "out"
    run = clara("corpora", "get", "beeps:corpus", str(folder), env=env)
    out, said = run.communicate(timeout=60)
    assert (run.returncode, out) == (0, "")
    assert said.splitlines() == [
        "Beeps: 4 clips. All to download: 2 files, 201 kB.",
        "Licence: CC BY 4.0. Cite: Nobody, Beeps, 2024.",
        "Fetching beeps.tar.gz from 127.0.0.1.",
        "Unpacking beeps.tar.gz.",
        "Fetching list.txt from 127.0.0.1.",
        f"The owner states no hash of list.txt; what came is noted in {folder / RECORD}, so that a "
        "repeat is checked.",
        f"Next: clara prepare beeps:corpus {folder} SHARDS",
    ]
    run = clara("corpora", "get", "beeps:corpus", str(folder), "--json", env=env)
    out, said = run.communicate(timeout=60)
    assert run.returncode == 0
    assert f"Nothing to do: beeps.tar.gz, list.txt is in {folder}." in said
    report = json.loads(out)
    assert report["licence"] == "CC BY 4.0"
    assert report["result"]["already"] == ["beeps.tar.gz", "list.txt"]
    assert report["result"]["lacks"] == ""


def test_the_command_says_what_has_to_be_added(module: Any, owner: Any, tmp_path: Path):
    env = module(Download(url=owner.offer("list.txt", LIST)), licence="CC BY-NC-SA 4.0")
    run = clara("corpora", "get", "beeps:corpus", str(tmp_path / "out"), env=env)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 0
    assert "Its owner does not allow commercial use, or limits it" in said
    assert "Not to be read yet: None of its recordings are there. Record some." in said


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [("wrong hash", 1, "it was removed"), ("no download", 2, "cannot be downloaded by a program")],
)
def test_the_command_fails_in_one_line(
    module: Any, owner: Any, tmp_path: Path, fault: str, code: int, words: str
):
    url = owner.offer("list.txt", LIST)
    env = module(*([Download(url=url, hash="md5:" + "0" * 32)] if fault == "wrong hash" else []))
    run = clara("corpora", "get", "beeps:corpus", str(tmp_path / "out"), env=env)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code
    assert words in said.splitlines()[-1]
    assert "Traceback" not in said
