"""VGGSound: 10 s clips of YouTube videos in 309 classes, whose sound comes from what is to be seen.

Expects `vggsound.csv`, which has no header, and anywhere below the folder the clips that its user
cut from the videos. The test split is official; one in twenty of the other videos validates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files, _videos
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SOUNDS = {label: label for label in _files.labels("vggsound")}
_COLUMNS = ("youtube_id", "start", "label", "split")
_OFFICIAL = {"train": "train", "test": "test"}


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "vggsound.csv", "VGGSound")
    rows = list(_files.rows(table, (), names=_COLUMNS))
    clips = Counter(row["youtube_id"] for _, row in rows)
    found = _files.media(root)
    for line, row in rows:
        where = f"line {line} of {table}"
        video = row["youtube_id"]
        if not row["start"].isdecimal():
            raise LayoutError(f"Expected whole seconds in {where}, but found {row['start']!r}.")
        start = int(row["start"])
        split = _files.choose(_OFFICIAL, row["split"], "split", where)
        if split == "train":
            split = _files.seeded_split(f"vggsound/{video}", valid=0.05, test=0.0)
        yield Entry(
            key=f"{video}_{start:06d}",
            path=_videos.clip(found, root, video, start, where, only=clips[video] == 1),
            split=split,
            labels={"sound": (_files.choose(_SOUNDS, row["label"], "label", where),)},
            source=f"youtube:{video}",
            extra={"source_start": start},
        )


corpus = Corpus(
    title="VGGSound",
    homepage="https://www.robots.ox.ac.uk/~vgg/data/vggsound/",
    licence="CC BY 4.0 for the labels; the audio is of YouTube",
    cite="Chen, Xie, Vedaldi and Zisserman, VGGSound: A Large-Scale Audio-Visual Dataset, 2020, "
    "doi:10.1109/ICASSP40776.2020.9053174",
    size="199,176 clips of 10 s (15,446 to test), 550 h",
    obtain="Download vggsound.csv from https://www.robots.ox.ac.uk/~vgg/data/vggsound/. The audio "
    "is not handed out: cut 10 s from the second given of each video, name them ID_SSSSSS.wav with "
    "the second in six digits (or ID.wav, or another format), put them below the folder of the "
    "table, and give that.",
    splits=("train", "valid", "test"),
    labels={"sound": tuple(_SOUNDS)},
    partial=True,
    downloads=(Download(url="https://www.robots.ox.ac.uk/~vgg/data/vggsound/vggsound.csv"),),
    read=_read,
)
