"""Fine-grained Vocal Imitation Set: voices that imitate 108 sounds of the ontology of AudioSet.

Expects the unpacked archive: `vocal_imitations.txt`, parted by tabs, with a first column that has
no name, and anywhere below the folder the recordings. In file names "_" stands for the comma of a
category. Only imitations that count as included are read. There is no official split: by
participant.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_DESCRIPTION = "participants_sound_recording_description"
_DEPTHS = [f"category_d{depth}" for depth in range(1, 7)]
_COLUMNS = (
    *(*_DEPTHS, "included", "draft", "training"),
    *("reference_filename", "participant_id", _DESCRIPTION),
)


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "vocal_imitations.txt", "the Fine-grained Vocal Imitation Set")
    found = _files.media(root)
    # Quotes group here: the table was written by a program that quotes what people typed.
    for line, row in _files.rows(table, _COLUMNS, delimiter="\t", quotes=True):
        where = f"line {line} of {table}"
        name = next(iter(row.values()))  # of the first column that has a name
        path = [row[depth] for depth in _DEPTHS if row[depth]]
        if not path or not name:
            raise LayoutError(f"Expected a file and its category in {where}, but found none.")
        if not _files.counts(row, where):
            continue
        stem = name.rpartition(".")[0] or name
        yield Entry(
            key=stem,
            path=Path(found.get(stem) or _files.recording(root / "AUDIO", name, where)),
            split=_files.seeded_split(f"fine_grained_vocal_imitation/{row['participant_id']}"),
            labels={"imitation": (path[-1],)},
            texts=(row[_DESCRIPTION],) if row[_DESCRIPTION] else (),
            speaker=row["participant_id"],
            extra={"categories": path, "reference": row["reference_filename"]},
        )


corpus = Corpus(
    title="Fine-grained Vocal Imitation Set",
    homepage="https://zenodo.org/records/3538534",
    licence="CC BY 4.0",
    cite="Kim and Pardo, Improving Content-based Audio Retrieval by Vocal Imitation Feedback, "
    "ICASSP 2019",
    size="763 imitations of 108 sounds, 1.3 h, 222 MB",
    obtain="Download the archive from https://zenodo.org/records/3538534, unpack it and give the "
    "folder Fine-grained_VocalImitationSet.",
    splits=("train", "valid", "test"),
    read=_read,
)
