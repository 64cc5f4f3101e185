"""Files in a real S3 server on this machine, in one that is out of order, and in none."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clara import remote
from clara.errors import DataError, MissingExtraError, ShardError, UsageError
from clara.files import Files, find, locate, locked, replacing
from clara.remote import Url, locks, stores
from clara.shards import Index


def copied(url: str) -> dict[str, bytes]:
    """Everything below a URL, as another client sees it."""
    system, inner = fsspec.core.url_to_fs(url, skip_instance_cache=True)
    return {path.removeprefix(f"{inner}/"): system.cat_file(path) for path in system.find(inner)}


def put(folder: Path, url: str) -> None:
    fsspec.filesystem("s3").put(f"{folder}/", f"{url}/", recursive=True)


# ------------------------------------------------------------------------------------------- files


def test_a_file_appears_when_it_is_whole(bucket: str) -> None:
    url = Url(bucket) / "a" / "b.json"
    url.write_bytes(b"old")
    with replacing(url) as file:
        file.write(b"new")
        file.flush()
        assert url.read_bytes() == b"old"
    assert url.read_bytes() == b"new"
    with pytest.raises(TypeError), replacing(url) as file:
        file.writelines([b"newer", None])  # type: ignore[list-item]
    assert copied(bucket) == {"a/b.json": b"new"}


def test_a_large_file_goes_in_parts_and_comes_back_the_same(bucket: str) -> None:
    content = np.random.default_rng(0).bytes(110 << 20)
    with replacing(Url(bucket) / "large") as file:
        file.write(content)
    assert remote.size(f"{bucket}/large") == len(content)
    assert Files().read(f"{bucket}/large", 100 << 20, 20 << 20) == content[100 << 20 :]


def test_what_lies_below(bucket: str) -> None:
    root = Url(bucket) / "shards"
    assert find(root) == {}
    for name in ("a.tar", "train/b.tar", "train/c.tar"):
        (root / name).write_bytes(name.encode())
    (Url(bucket) / "shards-other" / "d.tar").write_bytes(b"")
    found = find(root)
    assert {name: file.size for name, file in found.items()} == {
        "a.tar": 5,
        "train/b.tar": 11,
        "train/c.tar": 11,
    }
    (root / "a.tar").write_bytes(b"other")
    assert find(root)["a.tar"].mark != found["a.tar"].mark
    assert (root / "a.tar").exists()
    assert not (root / "train").exists()
    (root / "train" / "b.tar").unlink()
    (root / "train" / "b.tar").unlink(missing_ok=True)
    root.remove_all()
    root.remove_all()
    assert list(copied(bucket)) == ["shards-other/d.tar"]


def test_ranges_read_by_many_threads(bucket: str) -> None:
    content = np.random.default_rng(1).bytes(1 << 20)
    (Url(bucket) / "file").write_bytes(content)
    files, wrong = Files(), []

    def work(seed: int) -> None:
        for first, count in np.random.default_rng(seed).integers(0, 1 << 16, (40, 2)) * 12:
            if files.read(f"{bucket}/file", first, count) != content[first : first + count]:
                wrong.append((first, count))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert files.read(f"{bucket}/file", 5, 0) == b""
    assert files.read(f"{bucket}/file", 1 << 20, 7) == b""
    assert files.read(f"{bucket}/file", 1 << 30, 7) == b""
    with pytest.raises(FileNotFoundError):
        files.read(f"{bucket}/none", 0, 7)


def test_a_table_is_read_by_columns(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(0).integers(0, 1 << 60, 300_000)
    pq.write_table(pa.table({"noise": noise, "few": noise % 2}), tmp_path / "table")
    (Url(bucket) / "table").upload(tmp_path / "table")
    read, ranges = remote.read, []

    def counted(url: str, offset: int, count: int) -> bytes:
        ranges.append(count)
        return read(url, offset, count)

    monkeypatch.setattr(remote, "read", counted)
    file = pq.ParquetFile(remote.Reader(f"{bucket}/table"), pre_buffer=True)
    assert file.read(columns=["few"])["few"].to_pylist() == (noise % 2).tolist()
    assert sum(ranges) < remote.size(f"{bucket}/table") / 10
    assert len(ranges) < 10


# ------------------------------------------------------------------------------------------- index


def test_an_index_and_its_samples(bucket: str, tones: Path) -> None:
    put(tones, f"{bucket}/deep/tones")
    near, far = Index.open(tones), Index.open(bucket)
    assert len(far) == len(near) == 80
    for i in range(0, 80, 7):
        assert far.read(i) == near.read(i)
        assert far.meta(i) == near.meta(i)
        assert far.key(i) == near.key(i)
    copy = pickle.loads(pickle.dumps(far.select(splits=["train"])))
    assert len(copy) == 48
    assert copy.sample(0).wave == pytest.approx(near.select(splits=["train"]).sample(0).wave)
    with pytest.raises(UsageError, match=r"Expected index.parquet in or below s3:.*/deep/tones/t"):
        Index.open(f"{bucket}/deep/tones/train")
    with pytest.raises(UsageError, match="in or below s3://no-such-bucket/shards but there is"):
        Index.open("s3://no-such-bucket/shards")
    (Url(bucket) / "deep/tones/train/000000.tar").unlink()
    lost = [i for i in range(80) if far.column("shard")[i].endswith("train/000000.tar")]
    with pytest.raises(ShardError, match="but it is gone"):
        far.read(lost[0])


def test_batches_are_those_of_the_folder(bucket: str, tones: Path, toy: Any) -> None:
    from clara.batches import Batches
    from clara.text.tokens import Tokens

    put(tones, f"{bucket}/tones")
    tokens = Tokens.train(["a low tone"], 300)
    seen = []
    for folder in (str(tones), f"{bucket}/tones"):
        index = Batches.choose(Index.open(folder), toy.data)
        stream = Batches(index, tokens, toy.data, rate=8000).stream()
        seen.append([next(stream) for _ in range(6)])
        stream.close()
    for near, far in zip(*seen, strict=True):
        assert near.keys == far.keys
        assert near.waves.equal(far.waves)


# ------------------------------------------------------------------------------------------- locks


@pytest.fixture
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LEASE", 0.9)


@pytest.mark.usefixtures("short_lease")
def test_a_lock_that_is_renewed_is_held(bucket: str) -> None:
    lock = Url(bucket) / ".lock"
    with locked(lock, "it"):
        begun = json.loads(lock.read_bytes())
        with pytest.raises(UsageError, match=r"Another run \(.*process \d+\) is at work on it"):
            locked(lock, "it").__enter__()
        time.sleep(1.5)
        now = json.loads(lock.read_bytes())
        assert now["owner"] == begun["owner"]
        assert now["renewed"] > begun["renewed"]
    assert not lock.exists()
    with locked(lock, "it"):
        pass


@pytest.mark.usefixtures("short_lease")
@pytest.mark.parametrize("left", [b'{"owner": "gone, process 7, x", "renewed": 3}', b"", b"[]"])
def test_a_lock_that_was_left_behind_lapses(bucket: str, left: bytes) -> None:
    lock = Url(bucket) / ".lock"
    lock.write_bytes(left)
    with locked(lock, "it"):
        assert str(os.getpid()) in json.loads(lock.read_bytes())["owner"]
    assert not lock.exists()


@pytest.mark.usefixtures("short_lease")
def test_one_of_many_gets_the_lock(bucket: str) -> None:
    got, refused = [], []

    def take(number: int) -> None:
        try:
            with locked(Url(bucket) / ".lock", "it"):
                got.append(number)
                time.sleep(1.5)
        except UsageError:
            refused.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 5)


# ---------------------------------------------------------------------------- a store out of order


class Faulty(http.server.BaseHTTPRequestHandler):
    """Passes requests on to the store, and spoils as many answers as it is told to."""

    protocol_version = "HTTP/1.1"
    target = ""
    faults: ClassVar[list[str]] = []
    asked = 0

    def answer(self) -> None:
        kind = type(self)
        kind.asked += 1
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = kind.faults.pop(0) if kind.faults else ""
        if fault == "503":
            self.send_response(503)
            text = b"<Error><Code>SlowDown</Code><Message>Please reduce your rate</Message></Error>"
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)
            return
        upstream = http.client.HTTPConnection(kind.target, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") or str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        upstream.close()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)
        if fault:
            self.close_connection = True

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def faulty(
    bucket: str, s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[list[str]], None]]:
    """Tells the way to the store which faults the next answers are to have."""
    Faulty.target, Faulty.faults, Faulty.asked = s3_server.removeprefix("http://"), [], 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(stores, "_PAUSE", 0.01)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    stores.connect.cache_clear()

    def tell(faults: list[str]) -> None:
        Faulty.faults, Faulty.asked = list(faults), 0

    yield tell
    server.shutdown()
    server.server_close()
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    stores.connect.cache_clear()


@pytest.mark.parametrize("faults", [["503"], ["cut"], ["503", "503", "cut"], ["cut", "cut"]])
def test_what_is_lost_on_the_way_is_asked_for_again(
    bucket: str, faulty: Callable[[list[str]], None], faults: list[str]
) -> None:
    content = bytes(range(256)) * 999
    with replacing(Url(bucket) / "file") as file:
        file.write(content)
    faulty(faults)
    assert Files().read(f"{bucket}/file", 1000, 200_000) == content[1000:201_000]
    faulty(["503"])
    with replacing(Url(bucket) / "file") as file:
        file.write(content[::-1])
    assert copied(bucket) == {"file": content[::-1]}


@pytest.mark.parametrize("fault", ["503", "cut"])
def test_it_is_not_asked_for_without_end(
    bucket: str, faulty: Callable[[list[str]], None], fault: str
) -> None:
    (Url(bucket) / "file").write_bytes(b"x" * 1000)
    faulty([fault] * 1000)
    with pytest.raises(DataError, match=r"file could not be read: .*after several tries .*later"):
        Files().read(f"{bucket}/file", 0, 1000)
    assert 2 < Faulty.asked < 30


# -------------------------------------------------------------------------------------- no such one


def command(*words: str, **changes: str | None) -> tuple[int, str]:
    env = {**os.environ, **{k: v for k, v in changes.items() if v is not None}}
    for name in (name for name, value in changes.items() if value is None):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-m", "clara.cli", *words], capture_output=True, text=True, env=env
    )
    assert done.stderr.count("\n") == 1, done.stderr
    return done.returncode, done.stderr


def test_without_credentials(bucket: str, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "none")
    code, said = command(
        *("stats", bucket),
        AWS_ACCESS_KEY_ID=None,
        AWS_SECRET_ACCESS_KEY=None,
        AWS_SHARED_CREDENTIALS_FILE=nowhere,
        AWS_CONFIG_FILE=nowhere,
    )
    assert code == 2
    assert f"Expected credentials for {bucket} but found none" in said


def test_without_a_server(bucket: str) -> None:
    code, said = command("stats", bucket, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert code == 1
    assert "cannot be reached" in said
    assert "AWS_ENDPOINT_URL" in said


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    stores.connect.cache_clear()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[s3\]"):
        Index.open("s3://bucket/shards")


def test_addresses_of_no_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="such as s3://bucket/folder, but found nonsense://bucket"):
        Index.open("nonsense://bucket/shards")
    assert locate(f"file://{tmp_path}") == tmp_path


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"Expected s3://no-such-bucket to be there but it is not"):
        (Url("s3://no-such-bucket") / "a").write_bytes(b"")


def test_any_store_of_fsspec(tmp_path: Path, tones: Path) -> None:
    shutil.copytree(tones, tmp_path / "tones")
    system = fsspec.filesystem("memory")
    system.put(f"{tmp_path}/tones/", "/any/tones", recursive=True)
    try:
        assert len(Index.open("memory://any")) == 80
    finally:
        system.rm("/any", recursive=True)
