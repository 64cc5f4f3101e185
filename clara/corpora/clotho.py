"""Clotho: sounds of Freesound of 15 to 30 s, each with five captions.

Expects `clotho_captions_*.csv`, `clotho_metadata_*.csv` and the folders of recordings, for
development, validation and evaluation or some of these. Version 2.1 is the one to use: the names of
some files differ from the tables before it, and version 1 has no validation part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.records import Entry

__all__ = ["corpus"]

_TITLE = "Clotho"
_SPLITS = {"development": "train", "validation": "valid", "evaluation": "test"}
_CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))
_FACTS = ("file_name", "keywords", "sound_id", "start_end_samples", "manufacturer", "license")
_FILES = {  # bytes, 0 where they are not known, and MD5
    "clotho_captions_development.csv": (1_336_762, "d4090b39ce9f2491908eebf4d5b09bae"),
    "clotho_metadata_development.csv": (830_797, "170d20935ecfdf161ce1bb154118cda5"),
    "clotho_audio_development.7z": (4_541_582_263, "c8b05bc7acdb13895bb3c6a29608667e"),
    "clotho_captions_validation.csv": (367_649, "5879e023032b22a2c930aaa0528bead4"),
    "clotho_metadata_validation.csv": (224_803, "2e010427c56b1ce6008b0f03f41048ce"),
    "clotho_audio_validation.7z": (1_260_701_425, "7dba730be08bada48bd15dc4e668df59"),
    "clotho_captions_evaluation.csv": (0, "1b16b9e57cf7bdb7f13a13802aeb57e2"),
    "clotho_metadata_evaluation.csv": (0, "13946f054d4e1bf48079813aac61bf77"),
    "clotho_audio_evaluation.7z": (0, "4569624ccadf96223f19cb59fe4f849f"),
}


def _read(root: Path) -> Iterator[Entry]:
    tables = [f"clotho_captions_{part}.csv" for part in _SPLITS]
    for table in _files.present(root, tables, _TITLE):
        part = table.stem.removeprefix("clotho_captions_")
        about = _about(root, part)
        # Names begin with blanks, and one of them stands in two parts.
        for line, row in _files.rows(table, ("file_name", *_CAPTIONS), strip=False):
            name = row["file_name"]
            where = f"line {line} of {table}"
            facts = _files.choose(about, name, "file_name", where)
            captions = (row[caption].strip() for caption in _CAPTIONS)
            yield Entry(
                key=f"{part}/{name.removesuffix('.wav')}",
                path=_files.recording(root / part, name, where),
                split=_SPLITS[part],
                texts=tuple(dict.fromkeys(caption for caption in captions if caption)),
                source=f"freesound:{facts['sound_id']}" if facts["sound_id"].isdecimal() else "",
                licence=_files.licence(facts["license"]),
                extra={
                    "keywords": [word.strip() for word in facts["keywords"].split(";")],
                    "uploader": facts["manufacturer"],
                    "source_samples": facts["start_end_samples"],
                },
            )


def _about(root: Path, part: str) -> dict[str, dict[str, str]]:
    """File name to what its part's table says of the recording on Freesound."""
    table = _files.require(root, f"clotho_metadata_{part}.csv", _TITLE)
    rows = _files.rows(table, _FACTS, encoding="iso-8859-1", strip=False)
    return {row["file_name"]: {name: row[name].strip() for name in _FACTS} for _, row in rows}


corpus = Corpus(
    title=_TITLE,
    homepage="https://zenodo.org/records/4783391",
    licence="non-commercial captions (Tampere University); each recording has the Creative Commons "
    "licence of its owner",
    cite="Drossos, Lipping and Virtanen, Clotho: An Audio Captioning Dataset, 2020, "
    "doi:10.1109/ICASSP40776.2020.9052990",
    size="5,929 clips, 29,645 captions, 37 h, 7 GB",
    obtain="Download the nine files clotho_audio_*.7z, clotho_captions_*.csv and "
    "clotho_metadata_*.csv of version 2.1 from https://zenodo.org/records/4783391, unpack the "
    "archives beside the tables and give the folder that holds development/, validation/, "
    "evaluation/ and the tables.",
    splits=("train", "valid", "test"),
    downloads=tuple(
        Download(
            url=f"https://zenodo.org/records/4783391/files/{name}", size=size, hash=f"md5:{digest}"
        )
        for name, (size, digest) in _FILES.items()
    ),
    read=_read,
)
