"""What corpora make of metadata that are damaged, or were written to do harm."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clara import corpora
from clara.audio.io import AUDIO_SUFFIXES
from clara.corpora import _files
from clara.errors import ClaraError, LayoutError

Miniature = Callable[[str], Path]
OFFICIAL = [name for name in corpora.names() if not corpora.get(name).yours]
# Of these the recordings are named by metadata; of the others by the folders that hold them.
NAMED = """
    arabic_speech_commands cambridge clotho common_voice esc50 fine_grained_vocal_imitation
    fsd50k librispeech ljspeech mswc nemo tunebot urbansound8k vocal_sketch
""".split()  # noqa: SIM905
LONGEST_MESSAGE = 1200  # a path that is too long is told in full
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def metadata(root: Path) -> list[Path]:
    """The files of a miniature that are no recordings."""
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return [path for path in found if path.suffix.lower() not in AUDIO_SUFFIXES]


def damaged(data: bytes) -> Iterator[bytes]:
    """A file as disks, networks, spreadsheets and people leave it."""
    rng = random.Random(0)
    yield from (b"", data[: len(data) // 2], data[:-3], data + data, b"\0" * 500, LFS)
    yield data.decode("utf-8", "replace").encode("utf-16")
    yield data + b"\xe9\xff\n"
    yield data.replace(b"\n", b"\r")
    yield data[: len(data) // 3] + b'"' + data[len(data) // 3 :]
    yield data + b"x" * 1_000_000
    yield data.replace(b".", b"a" * 400 + b".")
    yield from (part * 100_000 for part in (b"[", b'{"a":', b"- "))
    for _ in range(10):
        changed = bytearray(data)
        for _ in range(5):
            at = rng.randrange(len(changed))
            changed[at : at + rng.randrange(4)] = rng.choices(b'",|\t\n{}[]:-./\\ 09', k=2)
        yield bytes(changed)


@pytest.mark.parametrize("name", OFFICIAL)
def test_damaged_metadata_are_read_or_refused_in_a_sentence(name: str, miniature: Miniature):
    corpus, root = corpora.get(name), miniature(name)
    for path in metadata(root):
        whole = path.read_bytes()
        for data in damaged(whole):
            path.write_bytes(data)
            refuse_or_read(corpus, root)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", OFFICIAL)
def test_what_is_no_file_is_refused_in_a_sentence(name: str, miniature: Miniature):
    corpus, root = corpora.get(name), miniature(name)
    for path in metadata(root):
        whole = path.read_bytes()
        path.unlink()
        refuse_or_read(corpus, root)
        path.mkdir()
        refuse_or_read(corpus, root)
        path.rmdir()
        path.symlink_to(path)
        refuse_or_read(corpus, root)
        path.unlink()
        path.write_bytes(whole)


def refuse_or_read(corpus: corpora.Corpus, root: Path) -> None:
    said = "Expected "
    try:
        list(corpus.read(root))
    except ClaraError as error:
        said = str(error)
    assert said.startswith("Expected ")
    assert len(said) < LONGEST_MESSAGE


@pytest.mark.parametrize("name", OFFICIAL)
@pytest.mark.parametrize("there", ["../../secret/", "/secret/", "a/../../../secret/"])
def test_metadata_name_no_file_outside(name: str, there: str, miniature: Miniature):
    corpus, root = corpora.get(name), miniature(name)
    names = sorted({entry.path.stem for entry in corpus.read(root) if isinstance(entry.path, Path)})
    refused = False
    for path in metadata(root):
        whole = path.read_bytes()
        for stem in filter(None, (name.encode() for name in names)):
            path.write_bytes(whole.replace(stem, there.encode() + stem))
            try:
                places = [os.path.normpath(entry.path) for entry in corpus.read(root)]
            except LayoutError:
                refused = True
            else:
                assert all(Path(place).is_relative_to(root) for place in places)
        path.write_bytes(whole)
    assert refused or name not in NAMED


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/..", "a/../../b", "/etc/passwd", "a//b", "a/", "a\0b", "x" * 300]
)
def test_what_is_no_place_inside(name: str, tmp_path: Path):
    with pytest.raises(LayoutError, match=r"^Expected a file below .* in line 7, but found '"):
        _files.inside(tmp_path, name, "line 7")


@pytest.mark.parametrize(
    "name", ["a.wav", "a/b.wav", "..a.wav", "a..", " a", "a\\..\\b", "é" * 127]
)
def test_what_is_a_place_inside(name: str, tmp_path: Path):
    assert _files.inside(tmp_path, name, "line 7") == tmp_path / name


def test_yaml_that_would_end_the_process(miniature: Miniature):
    root = miniature("macs")
    for bomb in (b"[" * 300_000, b"- " * 300_000, b"a: &a [x]\nfiles: [*a, *a]\n"):
        (root / "MACS.yaml").write_bytes(bomb)
        with pytest.raises(LayoutError, match=r"YAML at .* that it never had"):
            list(corpora.get("macs").read(root))
