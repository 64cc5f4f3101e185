"""AudioCaps: captions of 10 s clips of AudioSet, one for training and five to validate and to test.

Expects `train.csv`, `val.csv` and `test.csv`, or some of them, in the folder given or in its
`dataset/`, and anywhere below it the clips that its user cut from the videos. The tables of
AudioCaps 2.0 have the same names and clips in common; its captions begin in lower case.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files, _videos
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_TITLE = "AudioCaps"
_SPLITS = {"train.csv": "train", "val.csv": "valid", "test.csv": "test"}
_COLUMNS = ("audiocap_id", "youtube_id", "start_time", "caption")
_FIRST_TRAIN = 49_838  # lines of train.csv in the first edition; the second has 91,256


def _read(root: Path) -> Iterator[Entry]:
    tables = root / "dataset" if (root / "dataset").is_dir() else root
    lines = {
        table: list(_files.rows(table, _COLUMNS))
        for table in _files.present(tables, list(_SPLITS), _TITLE)
    }
    edition = _edition(lines)
    found = _files.media(root)
    for table, rows in lines.items():
        clips: dict[tuple[str, str], list[dict[str, str]]] = {}
        for line, row in rows:
            if not row["start_time"].isdecimal():
                raise LayoutError(
                    f"Expected start_time to be whole seconds in line {line} of {table}, "
                    f"but found {row['start_time']!r}."
                )
            clips.setdefault((row["youtube_id"], row["start_time"]), []).append(row)
        for (video, start), mine in clips.items():
            yield Entry(
                key=f"{video}_{start}",
                path=_videos.clip(found, root, video, int(start), str(table)),
                split=_SPLITS[table.name],
                texts=tuple(dict.fromkeys(row["caption"] for row in mine)),
                source=f"youtube:{video}",
                extra={
                    "audiocap_ids": [row["audiocap_id"] for row in mine],
                    "source_start": int(start),
                    "edition": edition,
                },
            )


def _edition(lines: dict[Path, list[tuple[int, dict[str, str]]]]) -> str:
    """The edition of the tables: the captions of the first one begin with a capital."""
    captions = [row["caption"] for rows in lines.values() for _, row in rows]
    capitals = sum(caption[:1].isupper() for caption in captions)
    longest = max(len(rows) for rows in lines.values())
    return "1.0" if 2 * capitals >= len(captions) and longest <= _FIRST_TRAIN else "2.0"


corpus = Corpus(
    title=_TITLE,
    homepage="https://github.com/cdjkim/audiocaps",
    licence="academic purposes only; the audio is of YouTube",
    cite="Kim et al., AudioCaps: Generating Captions for Audios in The Wild, 2019, "
    "doi:10.18653/v1/N19-1011",
    size="51,308 clips of 10 s, 57,188 captions, 143 h",
    obtain="Run `git clone https://github.com/cdjkim/audiocaps`. The audio is not handed out "
    "freely (dataset2.0/README.md has a form to ask for that of 2.0): cut 10 s from start_time of "
    "each video, name them ID_START.wav or ID.wav (or another format, and with a Y before the ID "
    "if you like), put them below that folder, and give it.",
    splits=("train", "valid", "test"),
    partial=True,
    downloads=tuple(
        Download(url=f"https://raw.githubusercontent.com/cdjkim/audiocaps/master/dataset/{name}")
        for name in _SPLITS
    ),
    read=_read,
)
