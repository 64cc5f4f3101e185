"""LibriSpeech: 1,000 h of English books, read by 2,484 volunteers.

Expects the unpacked parts: `LibriSpeech/<part>/<speaker>/<chapter>/*.flac` with a table of
transcripts in each chapter, and `LibriSpeech/SPEAKERS.TXT`. Any of the seven parts may be absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import GENDERS, Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_PARTS = {
    "train-clean-100": "train",
    "train-clean-360": "train",
    "train-other-500": "train",
    "dev-clean": "valid",
    "dev-other": "valid",
    "test-clean": "test",
    "test-other": "test",
}
_GENDERS = {"M": "man", "F": "woman"}
_TABLE = "SPEAKERS.TXT"
_ARCHIVES = {  # bytes and SHA-256
    "train-clean-100": (
        6_387_309_499,
        "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
    ),
    "train-clean-360": (
        23_049_477_885,
        "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
    ),
    "train-other-500": (
        30_593_501_606,
        "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
    ),
    "dev-clean": (
        337_926_286,
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
    ),
    "dev-other": (
        314_305_928,
        "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
    ),
    "test-clean": (
        346_663_984,
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
    ),
    "test-other": (
        328_757_843,
        "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
    ),
}


def _read(root: Path) -> Iterator[Entry]:
    if (root / "LibriSpeech").is_dir():
        root = root / "LibriSpeech"
    genders = dict(_speakers(_files.require(root, _TABLE, "LibriSpeech")))
    parts = [part for part in _PARTS if (root / part).is_dir()]
    if not parts:
        raise LayoutError(
            f"Expected one of {', '.join(_PARTS)} beside {_TABLE} in {root}, but found none; "
            f"unpack a part of LibriSpeech there."
        )
    for part in parts:
        for table in sorted((root / part).glob("*/*/*.trans.txt")):
            for line, text in _files.lines(table):
                yield _entry(text, table, f"line {line} of {table}", part, genders)


def _speakers(table: Path) -> Iterator[tuple[str, str]]:
    """The gender of each speaker; the lines are "ID | SEX | SUBSET | MINUTES | NAME"."""
    for line, text in _files.lines(table):
        if text.startswith(";"):
            continue
        where = f"line {line} of {table}"
        cells = [cell.strip() for cell in text.split("|", maxsplit=4)]  # a name may have a "|"
        if len(cells) != 5:
            raise LayoutError(
                f"Expected five columns parted by '|' in {where}, but found {text[:60]!r}."
            )
        yield cells[0], _files.choose(_GENDERS, cells[1], "SEX", where)


def _entry(text: str, table: Path, where: str, part: str, genders: dict[str, str]) -> Entry:
    name, _, transcript = text.partition(" ")
    speaker = table.parents[1].name
    if not name.startswith(table.name.removesuffix(".trans.txt")) or not transcript.strip():
        raise LayoutError(
            f"Expected '{speaker}-{table.parent.name}-0000 TRANSCRIPT' in {where}, "
            f"but found {text[:60]!r}."
        )
    return Entry(
        key=name,
        path=_files.recording(table.parent, f"{name}.flac", where),
        split=_PARTS[part],
        language="en",
        # The corpus has capitals throughout: they say nothing, cost several times the tokens of
        # small letters, and would give the corpus away by its captions.
        transcript=transcript.strip().lower(),
        labels={"gender": (_files.choose(genders, speaker, "speaker", where),)},
        speaker=speaker,
        extra={"part": part, "chapter": table.parent.name},
    )


corpus = Corpus(
    title="LibriSpeech",
    homepage="https://www.openslr.org/12",
    licence="CC BY 4.0",
    cite="Panayotov et al., Librispeech: An ASR corpus based on public domain audio books, 2015, "
    "doi:10.1109/ICASSP.2015.7178964",
    size="292,367 clips of 2,484 speakers, 982 h, 60 GB",
    obtain="Download any of train-clean-100, train-clean-360, train-other-500, dev-clean, "
    "dev-other, test-clean and test-other (.tar.gz) from https://www.openslr.org/12, unpack all "
    "into one folder and give the folder that holds SPEAKERS.TXT.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={"gender": GENDERS},
    downloads=tuple(
        Download(
            url=f"https://www.openslr.org/resources/12/{part}.tar.gz",
            size=size,
            hash=f"sha256:{digest}",
        )
        for part, (size, digest) in _ARCHIVES.items()
    ),
    read=_read,
)
