"""UrbanSound8K: slices of up to 4 s of urban sounds in 10 classes and ten folds.

Expects the unpacked archive: `metadata/UrbanSound8K.csv` and `audio/fold1/*.wav` to `fold10`. The
folds keep slices of one Freesound recording together, so they are never to be reshuffled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.records import Entry

__all__ = ["corpus"]

_SOUNDS = {
    "air_conditioner": "air conditioner",
    "car_horn": "car horn",
    "children_playing": "children playing",
    "dog_bark": "dog bark",
    "drilling": "drilling",
    "engine_idling": "engine idling",
    "gun_shot": "gun shot",
    "jackhammer": "jackhammer",
    "siren": "siren",
    "street_music": "street music",
}
_SALIENCE = {"1": "foreground", "2": "background"}
_FOLDS = {str(fold): f"fold{fold}" for fold in range(1, 11)}
_COLUMNS = ("slice_file_name", "fsID", "start", "end", "salience", "fold", "class")


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "metadata/UrbanSound8K.csv", "UrbanSound8K")
    for line, row in _files.rows(table, _COLUMNS):
        where = f"line {line} of {table}"
        fold = _files.choose(_FOLDS, row["fold"], "fold", where)
        yield Entry(
            key=row["slice_file_name"].removesuffix(".wav"),
            path=_files.recording(root / "audio" / fold, row["slice_file_name"], where),
            split=fold,
            labels={"sound": (_files.choose(_SOUNDS, row["class"], "class", where),)},
            source=f"freesound:{row['fsID']}",
            extra={
                "salience": _files.choose(_SALIENCE, row["salience"], "salience", where),
                # The slice's place in the whole Freesound recording, in seconds.
                "source_start": row["start"],
                "source_end": row["end"],
            },
        )


corpus = Corpus(
    title="UrbanSound8K",
    homepage="https://urbansounddataset.weebly.com/urbansound8k.html",
    licence="CC BY-NC 3.0",
    cite="Salamon, Jacoby and Bello, A Dataset and Taxonomy for Urban Sound Research, 2014, "
    "doi:10.1145/2647868.2655045",
    size="8,732 clips, 8.8 h, 6 GB",
    obtain="Download UrbanSound8K.tar.gz from https://zenodo.org/records/1203745, unpack it and "
    "give the folder that holds metadata/ and audio/.",
    splits=tuple(_FOLDS.values()),
    labels={"sound": tuple(_SOUNDS.values())},
    downloads=(
        Download(
            url="https://zenodo.org/records/1203745/files/UrbanSound8K.tar.gz",
            size=6_023_741_708,
            hash="md5:9aa69802bbf37fb986f71ec1483a196e",
            strip=1,
        ),
    ),
    read=_read,
)
