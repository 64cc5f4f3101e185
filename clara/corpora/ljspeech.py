"""LJSpeech: one woman reads English books.

Expects the unpacked archive: `metadata.csv` (no header, parted by "|", quotes mean nothing) and
`wavs/*.wav`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "metadata.csv", "LJSpeech")
    for number, line in _files.lines(table):
        cells = line.split("|")
        if len(cells) != 3 or not cells[0][-4:].isdecimal():
            raise LayoutError(
                f"Expected 'LJ001-0001|text|normalised text' in line {number} of {table}, "
                f"but found {line[:60]!r}."
            )
        key, written, spoken = cells
        yield Entry(
            key=key,
            path=_files.recording(root / "wavs", f"{key}.wav", f"line {number} of {table}"),
            split=_split(int(key[-4:])),
            language="en",
            transcript=spoken,
            labels={"gender": ("woman",)},
            speaker="LJ",
            extra={"written": written},
        )


def _split(number: int) -> str:
    """There is no official split: of ten lines of a chapter one is for test, one for valid."""
    return {0: "test", 5: "valid"}.get(number % 10, "train")


corpus = Corpus(
    title="LJSpeech",
    homepage="https://keithito.com/LJ-Speech-Dataset/",
    licence="public domain",
    cite="Ito and Johnson, The LJ Speech Dataset, 2017",
    size="13,100 clips of 1 speaker, 24 h, 2.6 GB",
    obtain="Download https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2, unpack it and "
    "give the folder that holds metadata.csv.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={"gender": ("woman",)},
    downloads=(
        Download(
            url="https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
            size=2_748_572_632,
            hash="sha256:be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
            strip=1,
        ),
    ),
    read=_read,
)
