"""AudioSet: two million 10 s clips of YouTube videos in 527 classes, several of them to a clip.

Expects `balanced_train_segments.csv`, `unbalanced_train_segments.csv` and `eval_segments.csv`, or
some of them, and anywhere below the folder the clips that its user cut from the videos. Both parts
to train on are "train", but for a tenth of the balanced one, where every class is frequent enough
to validate on; `part` in `extra` says which it was. What is to be evaluated is "test".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files, _videos
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SOUNDS = dict(line.split("\t") for line in _files.labels("audioset"))
_TITLE = "AudioSet"
_BALANCED = "balanced_train"
_PARTS = {
    f"{_BALANCED}_segments.csv": _BALANCED,
    "unbalanced_train_segments.csv": "unbalanced_train",
    "eval_segments.csv": "eval",
}
# Blanks follow the commas, which quotes in a table must not have before them: no reader of tables
# takes these lines as they are.
_LINE = re.compile(
    r'(?P<video>[\w-]{11}),\s*(?P<start>\d{1,6}\.?\d*),\s*(?P<end>\d{1,6}\.?\d*),\s*"?(?P<labels>[^"]+)"?'
)


def _read(root: Path) -> Iterator[Entry]:
    tables = _files.present(root, list(_PARTS), _TITLE)
    found = _files.media(root)
    for table in tables:
        part = _PARTS[table.name]
        for number, line in _files.lines(table):
            if line.startswith("#"):
                continue
            match = _LINE.fullmatch(line.rstrip())
            if match is None:
                raise LayoutError(
                    f'Expected `YTID, start_seconds, end_seconds, "mid,mid"` in line {number} of '
                    f"{table}, but found {line[:80]!r}."
                )
            where = f"line {number} of {table}"
            video, start = match["video"], float(match["start"])
            codes = (code.strip() for code in match["labels"].split(","))
            yield Entry(
                key=f"{video}_{round(start * 1000)}",
                path=_videos.clip(found, root, video, start, where),
                split=_split(part, video),
                labels={
                    "sound": tuple(_files.choose(_SOUNDS, code, "label", where) for code in codes)
                },
                source=f"youtube:{video}",
                extra={"part": part, "source_start": start, "source_end": float(match["end"])},
            )


def _split(part: str, video: str) -> str:
    if part == _BALANCED:
        return _files.seeded_split(f"audioset/{video}", valid=0.1, test=0.0)
    return "test" if part == "eval" else "train"


corpus = Corpus(
    title=_TITLE,
    homepage="https://research.google.com/audioset/",
    licence="CC BY 4.0 for the labels; the audio is of YouTube",
    cite="Gemmeke et al., Audio Set: An Ontology and Human-Labeled Dataset for Audio Events, 2017, "
    "doi:10.1109/ICASSP.2017.7952261",
    size="2,084,320 clips of 10 s (22,160 balanced, 20,371 to evaluate), 5,800 h",
    obtain="Download the three files *_segments.csv from "
    "https://research.google.com/audioset/download.html. The audio is not handed out: cut each "
    "segment from its video, name it YID.wav, ID.wav or ID_START.wav with START in seconds or "
    "milliseconds (or another format), put them below the folder of the tables, and give that.",
    splits=("train", "valid", "test"),
    labels={"sound": tuple(_SOUNDS.values())},
    partial=True,
    downloads=tuple(
        Download(
            url="https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv/"
            f"{part}_segments.csv"
        )
        for part in ("balanced_train", "unbalanced_train", "eval")
    ),
    read=_read,
)
