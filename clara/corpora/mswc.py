"""Multilingual Spoken Words (MSWC): single words of 1 s in 50 languages, cut from Common Voice.

Expects the unpacked archives of audio and splits of one or several languages: for each
`<lang>/clips/<word>/*.opus` and, in `<lang>/` or wherever the splits were unpacked,
`<lang>_train.csv`, `<lang>_dev.csv` and `<lang>_test.csv`, or `<lang>_splits.csv` instead. Rows
that the corpus marks as not valid are passed over. "null" and "nan" are words like others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from clara.corpora import GENDERS, Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_LANGUAGES = """
    ar as br ca cnh cs cv cy de dv el en eo es et eu fa fr fy-NL ga-IE gn ha ia id it ka ky lt lv mn
    mt nl or pl pt rm-sursilv rm-vallader ro ru rw sah sk sl sv-SE ta tr tt uk vi zh-CN
""".split()  # noqa: SIM905 (fifty lines of one code each would hide the rest)
_SPLITS = {"train": "train", "dev": "valid", "test": "test"}
_COLUMNS = ("LINK", "WORD", "VALID", "SPEAKER", "GENDER")
_VALID = {"true": True, "false": False}
_GENDERS = {"MALE": ("man",), "FEMALE": ("woman",), "OTHER": (), "NAN": ()}


def _read(root: Path) -> Iterator[Entry]:
    tables: dict[str, list[Path]] = {}
    for language, found in _tables(root):
        tables.setdefault(language, found)
    if not tables:
        _files.require(root, "*_train.csv", "MSWC (for example en/en_train.csv)")
    for language, parts in sorted(tables.items()):
        clips = _clips(root, language, parts)
        for table in parts:
            yield from _entries(table, language, clips)


def _tables(root: Path) -> Iterator[tuple[str, list[Path]]]:
    """Of each language its tables: three, or the one that holds all."""
    for folder in _folders(root):
        names = {path.name for path in folder.glob("*.csv")}
        for language in _LANGUAGES:
            three = [folder / f"{language}_{part}.csv" for part in _SPLITS]
            missing = [path.name for path in three if path.name not in names]
            if not missing:
                yield language, three
            elif f"{language}_splits.csv" in names:
                yield language, [folder / f"{language}_splits.csv"]
            elif len(missing) < len(three):
                raise LayoutError(
                    f"Expected {', '.join(path.name for path in three)} of MSWC in {folder}, but "
                    f"found no {missing[0]}; unpack the archive of splits again."
                )


def _folders(root: Path) -> Iterator[Path]:
    """Where tables may lie; not in clips/, which has a folder for each of up to 40,000 words."""
    yield root
    for folder in sorted(root.glob("*/")):
        if folder.name != "clips":
            yield folder
            yield from sorted(path for path in folder.glob("*/") if path.name != "clips")


def _clips(root: Path, language: str, tables: list[Path]) -> Path:
    near = tables[0].parent / "clips"
    places = (near, root / language / "clips", root / "audio" / language / "clips", root / "clips")
    return next((place for place in places if place.is_dir()), near)


def _entries(table: Path, language: str, clips: Path) -> Iterator[Entry]:
    whole = table.name.endswith("_splits.csv")
    part = table.stem.rpartition("_")[2]
    for line, row in _files.rows(table, (*_COLUMNS, "SET") if whole else _COLUMNS):
        where = f"line {line} of {table}"
        if _files.choose(_VALID, row["VALID"].lower(), "VALID", where):
            part = row["SET"].lower() if whole else part
            split = _files.choose(_SPLITS, part, "SET", where)
            yield _entry(row, language, split, clips, where)


def _entry(row: Mapping[str, str], language: str, split: str, clips: Path, where: str) -> Entry:
    gender = _files.choose(_GENDERS, row["GENDER"], "GENDER", where)
    return Entry(
        # The recordings of a sentence have one name in the folders of all its words.
        key=row["LINK"].removesuffix(".opus"),
        path=_files.recording(clips, row["LINK"], where),
        split=split,
        language=language,
        transcript=row["WORD"],
        labels={"keyword": (row["WORD"],), **({"gender": gender} if gender else {})},
        source=f"common_voice:{Path(row['LINK']).stem}",
        speaker="" if row["SPEAKER"] == "NA" else row["SPEAKER"],
    )


corpus = Corpus(
    title="Multilingual Spoken Words (MSWC)",
    homepage="https://mlcommons.org/datasets/multilingual-spoken-words",
    licence="CC BY 4.0",
    cite="Mazumder et al., Multilingual Spoken Words Corpus, 2021, "
    "https://openreview.net/forum?id=c20jiJ5K2H",
    size="23.4 million clips of 340,000 words, 6,000 h in 50 languages, 124 GB",
    obtain="For each language download https://mswc.mlcommons-storage.org/audio/LANG.tar.gz and "
    "https://mswc.mlcommons-storage.org/splits/LANG.tar.gz (LANG is a code such as en or zh-CN), "
    "unpack both into one folder and give that; or, for English: "
    "clara corpora get mswc FOLDER --only en.",
    splits=tuple(_SPLITS.values()),
    languages=tuple(_LANGUAGES),
    labels={"gender": GENDERS},
    downloads=tuple(
        Download(
            url=f"https://mswc.mlcommons-storage.org/{kind}/{language}.tar.gz",
            folder=language if kind == "splits" else "",
        )
        for language in _LANGUAGES
        for kind in ("splits", "audio")
    ),
    read=_read,
)
