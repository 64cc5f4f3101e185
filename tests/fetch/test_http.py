"""One file over HTTP, from a real server that misbehaves in every way a server can."""

from __future__ import annotations

import errno
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clara.corpora import Download
from clara.errors import DataError, DownloadError
from clara.fetch import _sink, http

DATA = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = "md5:" + hashlib.md5(DATA).hexdigest()
OTHER = bytes(reversed(DATA))


class Notes(list[str]):
    """What a person was told, and how far the bar went."""

    def __init__(self) -> None:
        super().__init__()
        self.progress: list[tuple[int, int]] = []

    def told(self, done: int, total: int) -> None:
        self.progress.append((done, total))


def get(url: str, path: Path, *, stated: str = "", size: int = 0, expected: str = "") -> Notes:
    notes = Notes()
    source = Download(url=url, size=size, hash=stated)
    digest = http.download(
        source, path, expected=expected or stated, told=notes.told, note=notes.append
    )
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name]
    return notes


@pytest.mark.parametrize("stated", ["", MD5, f"sha256:{SHA256}", MD5.upper().replace("MD5", "md5")])
@pytest.mark.parametrize("measured", [True, False])
def test_a_file_comes_whole(owner: Any, path: Path, stated: str, measured: bool):
    notes = get(owner.offer("a.zip", DATA, measured=measured), path, stated=stated)
    assert path.read_bytes() == DATA
    assert notes.progress[-1] == (len(DATA), len(DATA))
    assert notes == []
    (headers,) = (headers for _, headers in owner.asked)
    assert headers["User-Agent"].startswith("clara-audio/")
    assert headers["Accept-Encoding"] == "identity"


def test_a_file_that_is_there_is_checked_and_kept(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    path.write_bytes(DATA)
    get(url, path, stated=MD5)
    assert owner.asked == []
    path.write_bytes(OTHER)
    get(url, path, stated=MD5)
    assert path.read_bytes() == DATA


def test_an_empty_file(owner: Any, path: Path):
    get(owner.offer("a.csv", b""), path)
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "version", [{"etag": '"v1"'}, {"etag": "", "modified": "Mon, 01 Jan 2024"}]
)
def test_a_broken_connection_is_gone_on_with(owner: Any, path: Path, version: dict[str, str]):
    url = owner.offer("a.zip", DATA, **version)
    owner.files["/a.zip"].faults = [owner.cut(1_000_000), owner.cut(1_000_000)]
    notes = get(url, path)
    assert path.read_bytes() == DATA
    assert owner.ranges == [None, "bytes=1000000-", "bytes=2000000-"]
    assert owner.asked[1][1]["If-Range"] == next(filter(None, version.values()))
    assert "broke off after 1,000,000 of 3,000,000 bytes; trying again" in notes[0]


def test_a_chunked_answer_that_is_cut(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, measured=False)
    owner.files["/a.zip"].faults = [owner.cut(1_000_000)]
    get(url, path)
    assert path.read_bytes() == DATA


def test_a_server_that_knows_no_ranges_starts_again(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, ranges=False)
    owner.files["/a.zip"].faults = [owner.cut(2_000_000)]
    get(url, path)
    assert path.read_bytes() == DATA
    assert len(owner.asked) == 2


def test_without_a_version_only_a_hash_lets_a_part_be_gone_on_with(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, etag="")
    served = owner.files["/a.zip"]
    served.faults = [owner.cut(1_000_000)]
    get(url, path)
    assert owner.ranges == [None, None]
    path.unlink()
    owner.asked.clear()
    served.faults = [owner.cut(1_000_000)]
    get(url, path, stated=MD5)
    assert owner.ranges == [None, "bytes=1000000-"]


def test_a_weak_version_is_no_version(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, etag='W/"v1"', modified="Mon, 01 Jan 2024")
    owner.files["/a.zip"].faults = [owner.cut(1_000_000)]
    get(url, path)
    assert owner.asked[1][1]["If-Range"] == "Mon, 01 Jan 2024"


def _stop(owner: Any, path: Path, url: str, after: int, **how: str) -> None:
    """A run that is interrupted from the keyboard once so many bytes are there."""

    def told(done: int, total: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        http.download(Download(url=url), path, expected="", told=told, note=print)
    assert path.with_name("file.bin.part").stat().st_size >= after
    assert not path.exists()
    owner.asked.clear()


def test_an_interrupted_run_is_gone_on_with(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    _stop(owner, path, url, 1_000_000)
    notes = get(url, path)
    assert path.read_bytes() == DATA
    assert owner.ranges[0].startswith("bytes=1")
    assert notes.progress[0][0] > 1_000_000


def test_a_file_that_changed_meanwhile_starts_again(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    _stop(owner, path, url, 1_000_000)
    owner.offer("a.zip", OTHER, etag='"v2"')
    get(url, path)
    assert path.read_bytes() == OTHER


def test_a_file_that_became_shorter_starts_again(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, etag="")
    _stop(owner, path, url, 1_000_000)
    owner.offer("a.zip", OTHER[:500_000], etag="")
    stated = "sha256:" + hashlib.sha256(OTHER[:500_000]).hexdigest()
    notes = get(url, path, stated=stated)
    assert path.read_bytes() == OTHER[:500_000]
    assert "is shorter than what came of it before" in notes[0]


def test_a_file_of_another_length_without_a_version_starts_again(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, etag="")
    _stop(owner, path, url, 1_000_000)
    owner.offer("a.zip", OTHER + b"!", etag="")
    notes = get(url, path, stated="sha256:" + hashlib.sha256(OTHER + b"!").hexdigest())
    assert path.read_bytes() == OTHER + b"!"
    assert "is another file than before" in notes[0]


def test_a_part_that_was_damaged_is_fetched_anew_once(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    _stop(owner, path, url, 1_000_000)
    part = path.with_name("file.bin.part")
    part.write_bytes(b"?" * part.stat().st_size)
    notes = get(url, path, stated=MD5)
    assert path.read_bytes() == DATA
    assert "It is fetched anew." in notes[0]


def test_a_part_of_another_address_is_not_used(owner: Any, path: Path):
    _stop(owner, path, owner.offer("old.zip", OTHER), 1_000_000)
    get(owner.offer("new.zip", DATA), path)
    assert path.read_bytes() == DATA
    assert owner.ranges == [None]


@pytest.mark.parametrize("left", [b"", b"{", b"[]", b'{"url": 3}', None])
def test_a_part_that_nothing_is_known_of_is_not_used(owner: Any, path: Path, left: bytes | None):
    path.with_name("file.bin.part").write_bytes(OTHER[:1000])
    if left is not None:
        path.with_name("file.bin.part.json").write_bytes(left)
    get(owner.offer("a.zip", DATA), path)
    assert path.read_bytes() == DATA
    assert owner.ranges == [None]


def test_a_part_that_is_all_there_needs_no_server(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    _stop(owner, path, url, len(DATA))
    get(url, path, stated=MD5)
    assert owner.asked == []


def test_a_busy_server_is_asked_again(owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch):
    url = owner.offer("a.zip", DATA)
    owner.files["/a.zip"].faults = [
        owner.status(503, Retry_After="7"),
        owner.status(429, Retry_After="Mon, 01 Jan 2001 00:00:00 GMT"),
        owner.status(500, Retry_After="soon"),
        owner.status(502, Retry_After="9999"),
    ]
    waits: list[float] = []
    monkeypatch.setattr(http, "time", SimpleNamespace(sleep=waits.append, time=time.time))
    notes = get(url, path)
    assert path.read_bytes() == DATA
    assert waits == [7.0, 0.02, 0.04, 120.0]
    assert "answered 503 Service Unavailable; trying again in 7 s." in notes[0]


def test_a_server_that_never_recovers_is_left(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    owner.files["/a.zip"].faults = [owner.status(503) for _ in range(99)]
    with pytest.raises(DownloadError, match=r"6 tries in a row failed.* answered 503 .*proxy"):
        get(url, path)
    assert len(owner.asked) == http.TRIES


def test_a_server_that_always_breaks_off_at_the_same_byte_is_left(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, ranges=False)
    owner.files["/a.zip"].faults = [owner.cut(2_000_000) for _ in range(99)]
    with pytest.raises(DownloadError, match=r"broke off after 2,000,000 of 3,000,000"):
        get(url, path)
    assert len(owner.asked) == http.TRIES


def test_tries_are_counted_anew_where_it_gets_on(owner: Any, path: Path):
    data = DATA * 5
    url = owner.offer("a.zip", data)
    owner.files["/a.zip"].faults = [owner.cut(1_100_000) for _ in range(12)]
    get(url, path)
    assert path.read_bytes() == data
    assert len(owner.asked) == 13


def test_a_silent_server_is_asked_again(owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    url = owner.offer("a.zip", DATA)
    owner.files["/a.zip"].faults = [owner.silence(0.6)]
    notes = get(url, path)
    assert "did not answer for 0 s" in notes[0]


def test_a_server_that_goes_silent_midway_is_asked_again(
    owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http, "TIMEOUT", 0.2)
    url = owner.offer("a.zip", DATA)

    def stall(handler: Any, served: Any) -> None:
        handler.answer(served, stop=1_000_000)
        handler.wfile.flush()
        owner.silence(0.6)(handler, served)

    owner.files["/a.zip"].faults = [stall]
    get(url, path)
    assert path.read_bytes() == DATA
    assert owner.ranges == [None, "bytes=1000000-"]


def test_no_server_at_all(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    owner.shutdown()
    owner.server_close()
    with pytest.raises(DownloadError, match=r"tries in a row failed.*refused"):
        get(url, path)


@pytest.mark.parametrize(
    ("code", "words"), [(404, "moved or withdrawn"), (410, "withdrawn"), (403, "refused")]
)
def test_a_refusal_is_not_asked_again(owner: Any, path: Path, code: int, words: str):
    url = owner.offer("a.zip", DATA)
    owner.files["/a.zip"].faults = [owner.status(code)]
    with pytest.raises(DownloadError, match=rf"answered {code} .*{words}"):
        get(url, path)
    assert len(owner.asked) == 1


def test_a_wrong_hash(owner: Any, path: Path):
    url = owner.offer("a.zip", OTHER)
    with pytest.raises(DownloadError, match=rf"Expected {MD5} of .* has 3,000,000 bytes and md5:"):
        get(url, path, stated=MD5)
    assert list(path.parent.iterdir()) == []
    assert len(owner.asked) == 1


def test_another_length_than_its_owner_states_is_not_taken(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA)
    with pytest.raises(DownloadError, match=r"Expected 3,000,001 bytes .* offers 3,000,000"):
        get(url, path, size=len(DATA) + 1)
    assert list(path.parent.iterdir()) == []


def test_another_length_than_stated_where_none_is_announced(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, measured=False)
    with pytest.raises(DownloadError, match=r"Expected 4 bytes of .* has 3,000,000 bytes"):
        get(url, path, size=4)
    assert list(path.parent.iterdir()) == []


def test_fewer_bytes_than_announced(owner: Any, path: Path):
    url = owner.offer("a.zip", DATA, claimed=len(DATA) + 1)
    with pytest.raises(DownloadError, match=r"6 tries in a row failed"):
        get(url, path)


def test_a_web_page_is_no_archive(owner: Any, path: Path):
    url = owner.offer("a.zip", b"<html>Sign in</html>", kind="text/html; charset=utf-8")
    with pytest.raises(DownloadError, match=r"a web page came; open that address in a browser"):
        get(url, path)
    assert list(path.parent.iterdir()) == []


def test_a_redirect_is_followed_and_keeps_the_range(owner: Any, path: Path):
    far = owner.offer("far/a.zip", DATA)
    near = owner.offer("a.zip", b"")
    owner.files["/a.zip"].faults = [owner.status(302, Location=far) for _ in range(2)]
    owner.files["/far/a.zip"].faults = [owner.cut(1_000_000)]
    get(near, path)
    assert path.read_bytes() == DATA
    assert owner.ranges == [None, None, "bytes=1000000-", "bytes=1000000-"]


def test_a_redirect_in_a_circle_ends(owner: Any, path: Path):
    url = owner.offer("a.zip", b"")
    owner.files["/a.zip"].faults = [owner.status(302, Location=url) for _ in range(99)]
    with pytest.raises(DownloadError, match=r"answered 302"):
        get(url, path)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "data:,a"])
def test_a_redirect_leads_only_to_the_web(owner: Any, path: Path, target: str):
    url = owner.offer("a.zip", b"")
    owner.files["/a.zip"].faults = [owner.status(302, Location=target)]
    with pytest.raises(DownloadError, match=r"302|unknown url type"):
        get(url, path)
    assert list(path.parent.iterdir()) == []


def test_addresses_of_other_kinds_are_refused(owner: Any, path: Path):
    with pytest.raises(DownloadError, match=r"unknown url type"):
        get("file:///etc/passwd", path)


def test_no_room_is_found_before_a_byte_is_taken(
    owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(http, "free", lambda folder: 2_000_000)
    with pytest.raises(DataError, match=r"Expected room for 3.0 MB .* but 2.0 MB are free"):
        get(owner.offer("a.zip", DATA), path)
    assert list(path.parent.iterdir()) == []


def test_a_disk_that_fills_up_keeps_the_part(owner: Any, mount: Callable[[str], Path]):
    folder = mount("size=2m")
    path = folder / "file.bin"
    url = owner.offer("a.zip", DATA, measured=False)
    with pytest.raises(DataError, match=r"the disk is full; free some space"):
        get(url, path)
    assert path.with_name("file.bin.part").stat().st_size > 1_000_000
    (folder / "file.bin.part").unlink()
    (folder / "file.bin.part.json").unlink()
    with pytest.raises(DataError, match=r"room for 3.0 MB"):
        get(owner.offer("a.zip", DATA), path)


def test_a_disk_that_fails_is_told(owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(number: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(http.os, "fsync", broken)
    with pytest.raises(DataError, match=r"Expected to write .* but found: Input/output error"):
        get(owner.offer("a.zip", DATA), path)


def test_through_a_proxy(owner: Any, proxy: Any, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    url = owner.offer("a.zip", DATA)
    owner.files["/a.zip"].faults = [owner.cut(1_000_000)]
    get(url, path, stated=MD5)
    assert path.read_bytes() == DATA
    assert proxy.seen == [f"GET {url}"] * 2
    assert owner.ranges == [None, "bytes=1000000-"]


def test_past_a_proxy(owner: Any, proxy: Any, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", "example.org,127.0.0.1")
    get(owner.offer("a.zip", DATA), path)
    assert proxy.seen == []


def test_encrypted_through_a_proxy(
    secure_owner: Any, proxy: Any, path: Path, monkeypatch: pytest.MonkeyPatch
):
    owner, certificate = secure_owner
    certificate = certificate.rename(certificate.parent.parent / "known.pem")
    certificate.with_name("key.pem").unlink(missing_ok=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    target = path.parent / "folder" / "file.bin"
    target.parent.mkdir()
    url = owner.offer("a.zip", DATA)
    get(url, target, stated=MD5)
    assert proxy.seen == [f"CONNECT localhost:{owner.server_port}"]


def test_an_unknown_certificate(secure_owner: Any, path: Path):
    owner, _ = secure_owner
    with pytest.raises(DownloadError, match=r"Expected a certificate that is known.*SSL_CERT_FILE"):
        get(owner.offer("a.zip", DATA), path)
    assert owner.asked == []


def test_a_redirect_does_not_leave_encryption(
    owner: Any, secure_owner: Any, path: Path, monkeypatch: pytest.MonkeyPatch
):
    secure, certificate = secure_owner
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    url = secure.offer("a.zip", b"")
    open_url = owner.offer("a.zip", DATA)
    secure.files["/a.zip"].faults = [secure.status(302, Location=open_url)]
    with pytest.raises(DownloadError, match=r"to stay encrypted, but it leads to http:"):
        get(url, path)
    assert owner.asked == []
    secure.files["/a.zip"].faults = [secure.status(302, Location=open_url)]
    folder = path.parent / "folder"
    folder.mkdir()
    get(url, folder / path.name, stated=MD5)  # which no one on the way can forge


def test_the_spare_room_of_a_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(_sink.shutil, "disk_usage", lambda folder: usage)
    assert _sink.free(tmp_path) == 0
