"""Archives: honest ones come out as they went in; hostile ones reach nothing outside."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import py7zr
import pytest

from clara.errors import DataError, DownloadError, MissingExtraError
from clara.fetch import _sink, archives
from clara.fetch.archives import unpack

TARS = {
    "a.tar": "w:",
    "a.tar.gz": "w:gz",
    "a.tgz": "w:gz",
    "a.tar.bz2": "w:bz2",
    "a.tar.xz": "w:xz",
}
KINDS = [*TARS, "a.zip", "a.7z"]
NOISE = np.random.default_rng(0)
FILES = {
    "corpus/audio/1-100032-A-0.wav": NOISE.bytes(300_000),
    'corpus/audio/Zug, "schnell"  (é) [2].wav': NOISE.bytes(1000),
    "corpus/meta/esc50.csv": b"filename,fold\n" * 1000,
    "corpus/empty.txt": b"",
}


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of the kind that its name says, made by the library of that kind."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    elif path.suffix == ".7z":
        with py7zr.SevenZipFile(path, "w") as archive:
            for name, data in files.items():
                archive.writestr(data, name)
    else:
        with tarfile.open(path, TARS[path.name]) as archive:  # type: ignore[call-overload]
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def untouched(tmp_path: Path, archive: Path) -> None:
    """Nothing lies beside the archive and its folder, and no link in that."""
    assert {path.name for path in tmp_path.iterdir()} <= {archive.name, "out"}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


@pytest.mark.parametrize("name", KINDS)
def test_what_went_in_comes_out(name: str, tmp_path: Path):
    archive = pack(tmp_path / name, FILES)
    told: list[tuple[int, int]] = []
    done = unpack([archive], name, tmp_path / "out", told=lambda *now: told.append(now))
    assert found(tmp_path / "out") == FILES
    assert done == (len(FILES), 0)
    assert told[-1][0] == told[-1][1] == sum(map(len, FILES.values()))


@pytest.mark.parametrize("name", KINDS)
def test_wrapping_folders_are_left_away(name: str, tmp_path: Path):
    files = {**FILES, "README": b"above", "__MACOSX/corpus/x": b"mac", "corpus/._x": b"mac"}
    archive = pack(tmp_path / name, files)
    unpack([archive], name, tmp_path / "out", strip=1)
    assert found(tmp_path / "out") == {
        each.removeprefix("corpus/"): data for each, data in FILES.items()
    }


def test_a_name_may_start_with_a_dot_and_a_slash(tmp_path: Path):
    archive = pack(tmp_path / "a.tar.gz", {"./corpus//a.wav": b"1", "./b": b"2"})
    unpack([archive], archive.name, tmp_path / "out")
    assert found(tmp_path / "out") == {"corpus/a.wav": b"1", "b": b"2"}


HOSTILE_NAMES = [
    "../evil",
    "a/../../evil",
    "a/b/..",
    "/evil",
    "//evil",
    "\\evil",
    "..\\evil",
    "a\\..\\..\\evil",
    "C:\\evil",
    "c:evil",
    "a\nb",
    "a\x1b[2Jb",
    "x" * 256,
]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
@pytest.mark.parametrize("hostile", HOSTILE_NAMES)
def test_names_that_lead_outside(name: str, hostile: str, tmp_path: Path):
    archive = pack(tmp_path / name, {"good.wav": b"1", hostile: b"evil"})
    with pytest.raises(DownloadError, match=r"Expected names inside its own folder in a\."):
        unpack([archive], name, tmp_path / "out")
    untouched(tmp_path, archive)
    assert set(found(tmp_path / "out")) <= {"good.wav"}


@pytest.mark.parametrize("hostile", ["../evil", "/evil", "a/../../evil", "a/..", "C:\\evil"])
def test_names_that_lead_outside_of_7z(hostile: str, tmp_path: Path):
    archive = tmp_path / "a.7z"
    placeholder = "x" * len(hostile)
    with py7zr.SevenZipFile(archive, "w") as file:
        file.set_encoded_header_mode(False)
        file.writestr(b"1", "good.wav")
        file.writestr(b"evil", placeholder)  # which of the other names it would not write
    _rewrite_7z_header(archive, placeholder.encode("utf-16-le"), hostile.encode("utf-16-le"))
    with pytest.raises(DownloadError, match=r"Expected names inside its own folder in a\.7z"):
        unpack([archive], archive.name, tmp_path / "out")
    untouched(tmp_path, archive)


def _rewrite_7z_header(path: Path, old: bytes, new: bytes) -> None:
    """Changes bytes of an uncompressed header, and the checksums that cover them."""
    import zlib

    data = bytearray(path.read_bytes())
    offset, size, _ = struct.unpack_from("<QQL", data, 12)
    header = bytes(data[32 + offset : 32 + offset + size])
    assert old in header, "the header is not compressed"
    header = header.replace(old, new)
    data[32 + offset :] = header
    struct.pack_into("<L", data, 28, zlib.crc32(header))
    struct.pack_into("<L", data, 8, zlib.crc32(data[12:32]))
    path.write_bytes(data)


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("link", ["/tmp", "..", "good.wav", "../../../../etc/passwd"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_of_tars_are_never_made(kind: bytes, link: str, tmp_path: Path):
    archive = tar_of(
        tmp_path / "a.tar",
        (member("good.wav"), b"1"),
        (member("way", kind, link), b""),
        (member("way/evil"), b"evil"),
    )
    assert unpack([archive], "a.tar", tmp_path / "out") == (2, 1)
    untouched(tmp_path, archive)
    assert found(tmp_path / "out") == {"good.wav": b"1", "way/evil": b"evil"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices_are_never_made(kind: bytes, tmp_path: Path):
    archive = tar_of(tmp_path / "a.tar", (member("device", kind), b""), (member("a"), b"1"))
    assert unpack([archive], "a.tar", tmp_path / "out") == (1, 1)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a"]


def test_links_of_zips_are_never_made(tmp_path: Path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        info = zipfile.ZipInfo("way")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        file.writestr(info, "/tmp")
        file.writestr("way/evil", "evil")
    assert unpack([archive], "a.zip", tmp_path / "out") == (1, 1)
    untouched(tmp_path, archive)


def test_links_of_7z_are_never_made(tmp_path: Path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.wav").write_bytes(b"1")
    (inside / "way").symlink_to("a.wav")
    with py7zr.SevenZipFile(tmp_path / "a.7z", "w") as file:
        file.writeall(inside, "inside")
    shutil.rmtree(inside)
    assert unpack([tmp_path / "a.7z"], "a.7z", tmp_path / "out") == (1, 1)
    assert found(tmp_path / "out") == {"inside/a.wav": b"1"}


def test_permissions_are_plain(tmp_path: Path):
    info = member("run.sh")
    info.mode = 0o6777
    archive = tar_of(tmp_path / "a.tar", (info, b"1"))
    unpack([archive], "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o7111 == 0


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.7z"])
@pytest.mark.parametrize("second", ["a.wav", "./a.wav", "a.wav/b"])
def test_a_name_that_is_taken(name: str, second: str, tmp_path: Path):
    archive = tmp_path / name
    with warnings.catch_warnings(action="ignore"):
        if name.endswith(("zip", "7z")):
            files = {"a.wav": b"1", "PLACEHOLDER": b"2"}
            if second != "a.wav":
                pack(archive, {"a.wav": b"1", second: b"2"})
            elif name.endswith("zip"):
                with zipfile.ZipFile(archive, "w") as file:
                    file.writestr("a.wav", b"1")
                    file.writestr("a.wav", b"2")
            else:
                del files["PLACEHOLDER"]
                with py7zr.SevenZipFile(archive, "w") as file:
                    file.writestr(b"1", "a.wav")
                    file.writestr(b"2", "a.wav")
        else:
            tar_of(archive, (member("a.wav"), b"1"), (member(second), b"2"))
    with pytest.raises(DownloadError, match=r"Expected each name once|cannot|can be read"):
        unpack([archive], name, tmp_path / "out")
    untouched(tmp_path, archive)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, -1])
def test_archives_that_are_cut(name: str, keep: float, tmp_path: Path):
    archive = pack(tmp_path / name, FILES)
    data = archive.read_bytes()
    stop = int(len(data) * keep) if isinstance(keep, float) else keep
    if name == "a.tar" and keep == -1:
        stop = 1536  # in the midst of a member; the last byte of a tar is but padding
    archive.write_bytes(data[:stop])
    with pytest.raises(DownloadError, match=r"Expected "):
        unpack([archive], name, tmp_path / "out")


@pytest.mark.parametrize("name", KINDS)
def test_archives_that_are_damaged(name: str, tmp_path: Path):
    files = {f"{number}.wav": NOISE.bytes(20_000) for number in range(5)}
    archive = pack(tmp_path / name, files)
    data = bytearray(archive.read_bytes())
    data[20_000:24_000] = NOISE.bytes(4000)
    archive.write_bytes(data)
    with pytest.raises(DownloadError, match=r"Expected a\.[a-z.0-9]+ to be an? .*but found: "):
        unpack([archive], name, tmp_path / "out")


@pytest.mark.parametrize("name", KINDS)
def test_something_else_by_the_name_of_an_archive(name: str, tmp_path: Path):
    archive = tmp_path / name
    archive.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n" * 100)
    with pytest.raises(DownloadError, match=r"to be an? "):
        unpack([archive], name, tmp_path / "out")


def test_an_encrypted_zip_says_so(tmp_path: Path):
    archive = pack(tmp_path / "a.zip", {"a.wav": b"1" * 100})
    data = bytearray(archive.read_bytes())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + place] |= 1
    archive.write_bytes(data)
    with pytest.raises(DownloadError, match=r"to need no password"):
        unpack([archive], "a.zip", tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.xz", "a.zip", "a.7z"])
def test_bombs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = pack(tmp_path / name, {f"{number}": bytes(1_000_000) for number in range(5)})
    assert archive.stat().st_size < 20_000
    monkeypatch.setattr(_sink, "ALWAYS_ALLOWED", 2_500_000)
    with pytest.raises(DownloadError, match=r"to unpack to at most 2\.5 MB, but it holds more"):
        unpack([archive], name, tmp_path / "out")
    assert sum(map(len, found(tmp_path / "out").values())) <= 2_000_000


def test_bombs_of_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = pack(tmp_path / "a.tar.gz", {f"{number}": b"" for number in range(50)})
    monkeypatch.setattr(_sink, "MOST_MEMBERS", 20)
    with pytest.raises(DownloadError, match=r"at most 20 members"):
        unpack([archive], "a.tar.gz", tmp_path / "out")


def test_a_header_that_claims_a_gigabyte_is_not_read(tmp_path: Path):
    """The reader would take it into memory whole, whatever it is compressed to."""
    info = member("x", tarfile.XHDTYPE)
    info.size = 1 << 30
    archive = tmp_path / "a.tar"
    archive.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16))
    with pytest.raises(DownloadError, match=r"a header that is too long"):
        unpack([archive], "a.tar", tmp_path / "out")


def test_a_zip_that_holds_more_than_it_says(tmp_path: Path):
    archive = pack(tmp_path / "a.zip", {"a.wav": bytes(1_000_000)})
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 24, 1000)
    archive.write_bytes(data)
    with pytest.raises(DownloadError, match=r"Expected "):
        unpack([archive], "a.zip", tmp_path / "out")
    assert (tmp_path / "out" / "a.wav").stat().st_size <= 1000


@pytest.mark.parametrize("name", KINDS)
def test_no_room(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = pack(tmp_path / name, FILES)
    monkeypatch.setattr(_sink, "free", lambda folder: 200_000)
    with pytest.raises(DataError, match=r"room for more than 300 kB .* 200 kB are free") as caught:
        unpack([archive], name, tmp_path / "out")
    assert not isinstance(caught.value, DownloadError)  # the archive is good


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.7z"])
def test_a_disk_that_fills_up(name: str, tmp_path: Path, mount: Callable[[str], Path]):
    archive = pack(tmp_path / name, {"a.wav": NOISE.bytes(3_000_000)})
    folder = mount("size=1m")
    with pytest.raises(DataError, match=r"the disk is full|are free") as caught:
        unpack([archive], name, folder / "out")
    assert not isinstance(caught.value, DownloadError)


@pytest.mark.parametrize("name", ["a.tar", "a.zip", "a.7z"])
def test_a_disk_that_fills_up_while_it_is_written(
    name: str, tmp_path: Path, mount: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    archive = pack(tmp_path / name, {"a.wav": NOISE.bytes(3_000_000)})
    monkeypatch.setattr(_sink, "free", lambda folder: 1 << 40)
    with pytest.raises(DataError, match=r"the disk is full") as caught:
        unpack([archive], name, mount("size=1m") / "out")
    assert not isinstance(caught.value, DownloadError)


def test_without_the_package_for_7z(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    archive = pack(tmp_path / "a.7z", FILES)
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'clara-audio\[archives\]'"):
        unpack([archive], "a.7z", tmp_path / "out")


def test_what_gnu_tar_makes(tmp_path: Path):
    """Long names, sparse files and folders, by the program that most owners use."""
    source = tmp_path / "corpus"
    deep = source / ("d" * 120) / ("e" * 120)
    deep.mkdir(parents=True)
    (deep / ("f" * 200 + ".wav")).write_bytes(b"long")
    with (source / "holes").open("wb") as file:
        file.seek(1_000_000)
        file.write(b"end")
    for options in (["--format=gnu", "--sparse"], ["--format=pax"], ["--format=ustar"]):
        if "--format=ustar" in options:
            shutil.rmtree(source / ("d" * 120))
        archive = tmp_path / "a.tar.gz"
        done = subprocess.run(["tar", *options, "-czf", archive, "-C", tmp_path, "corpus"])
        assert done.returncode == 0
        out = tmp_path / "".join(c for c in options[0] if c.isalpha())
        unpack([archive], "a.tar.gz", out)
        assert found(out / "corpus") == found(source)


def _split(folder: Path, *options: str) -> list[Path]:
    """A zip in parts of 64 KiB, by the program that made those of FSD50K."""
    if shutil.which("zip") is None:
        pytest.skip("no zip program to part an archive with")
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    command = ["zip", "-q", "-r", "-s", "64k", *options, "a.zip", "corpus"]
    subprocess.run(command, check=True, cwd=folder, env={**os.environ, "LC_ALL": "C.UTF-8"})
    shutil.rmtree(folder / "corpus")
    return [*sorted(folder.glob("a.z*"))[:-1], folder / "a.zip"]


@pytest.mark.parametrize("options", [(), ("-fz",), ("-0",), ("-fz", "-0")])
def test_a_zip_in_parts(options: Sequence[str], tmp_path: Path):
    parts = _split(tmp_path, *options)
    assert len(parts) > 4
    unpack(parts, "a.zip", tmp_path / "out")
    assert found(tmp_path / "out") == FILES


@pytest.mark.parametrize("wrong", ["one missing", "first missing", "swapped", "last twice"])
def test_a_zip_in_the_wrong_parts(wrong: str, tmp_path: Path):
    parts = _split(tmp_path)
    parts = {
        "one missing": [*parts[:1], *parts[2:]],
        "first missing": parts[1:],
        "swapped": [parts[1], parts[0], *parts[2:]],
        "last twice": [*parts, parts[-1]],
    }[wrong]
    with pytest.raises(DownloadError, match=r"Expected "):
        unpack(parts, "a.zip", tmp_path / "out")


@pytest.mark.parametrize("name", KINDS)
def test_archives_that_were_cut_into_parts(name: str, tmp_path: Path):
    """As `split` and most programs do it: glued together they are whole."""
    data = pack(tmp_path / name, FILES).read_bytes()
    parts = []
    for number, place in enumerate(range(0, len(data), 70_000)):
        parts.append(tmp_path / f"{name}.{number:03}")
        parts[-1].write_bytes(data[place : place + 70_000])
    assert len(parts) > 3
    unpack(parts, name, tmp_path / "out")
    assert found(tmp_path / "out") == FILES


@pytest.mark.parametrize("seed", range(12))
def test_noise_in_the_directory_of_a_zip_in_parts(seed: int, tmp_path: Path):
    parts = _split(tmp_path)
    rng = np.random.default_rng(seed)
    data = bytearray(parts[-1].read_bytes())
    start = data.index(b"PK\1\2")
    for place in rng.integers(start, len(data), 5):
        data[place] = rng.integers(256)
    parts[-1].write_bytes(data)
    with contextlib.suppress(DownloadError):
        unpack(parts, "a.zip", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} <= {*(p.name for p in parts), "out"}


def test_the_kinds_are_known_by_name():
    assert all(map(archives.is_archive, [*KINDS, "A.ZIP", "b.Tar.Gz"]))
    assert not any(map(archives.is_archive, ["a.csv", "zip", "a.gz", "a.zip.csv"]))
    assert archives.stem("A.Tar.Gz") == "A"
    assert archives.stem("dev.csv") == "dev.csv"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (215_000_000, "215 MB"),
        (4e12, "4.0 TB"),
    ],
)
def test_sizes_in_words(size: Any, text: str):
    assert _sink.size_text(size) == text
