"""FSD50K: sounds of Freesound in 200 classes of the ontology of AudioSet, several to a clip.

Expects the unpacked archives: `FSD50K.ground_truth/`, `FSD50K.metadata/`, `FSD50K.dev_audio/*.wav`
and `FSD50K.eval_audio/*.wav`; one of the two parts may be left out. The labels stand as they are in
the ground truth, where broader classes go with narrower ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clara.corpora import Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_TITLE = "FSD50K"
_SOUNDS = {label: label.replace("_", " ") for label in _files.labels("fsd50k")}
_TABLES = ("FSD50K.ground_truth/dev.csv", "FSD50K.ground_truth/eval.csv")
_SPLITS = {"train": "train", "val": "valid"}


def _read(root: Path) -> Iterator[Entry]:
    for table in _files.present(root, _TABLES, _TITLE):
        part = table.stem
        about = _about(root, part)
        columns = ("fname", "labels", "split") if part == "dev" else ("fname", "labels")
        for line, row in _files.rows(table, columns):
            where = f"line {line} of {table}"
            clip = _files.choose(about, row["fname"], "fname", where)
            split = "test"
            if part == "dev":
                split = _files.choose(_SPLITS, row["split"], "split", where)
            labels = row["labels"].split(",")
            yield Entry(
                key=row["fname"],
                path=_files.recording(root / f"FSD50K.{part}_audio" / f"{row['fname']}.wav"),
                split=split,
                labels={
                    "sound": tuple(_files.choose(_SOUNDS, name, "label", where) for name in labels)
                },
                source=f"freesound:{row['fname']}",
                licence=_files.licence(str(clip.get("license", ""))),
                # Whoever passes a clip on has to name it and its owner.
                extra={name: str(clip.get(name, "")) for name in ("title", "uploader")},
            )


def _about(root: Path, part: str) -> dict[str, dict[str, Any]]:
    """Name to what is known of the recording on Freesound."""
    path = _files.require(root, f"FSD50K.metadata/{part}_clips_info_FSD50K.json", _TITLE)
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"Expected JSON at {path}, but found: {error}.") from error
    if not isinstance(about, dict) or not all(isinstance(clip, dict) for clip in about.values()):
        raise LayoutError(f"Expected an object of objects at {path}, but found something else.")
    return about


corpus = Corpus(
    title=_TITLE,
    homepage="https://zenodo.org/records/4060432",
    licence="CC BY 4.0; each recording has the Creative Commons licence of its owner",
    cite="Fonseca et al., FSD50K: An Open Dataset of Human-Labeled Sound Events, 2022, "
    "doi:10.1109/TASLP.2021.3133208",
    size="51,197 clips (36,796 to train, 4,170 to validate, 10,231 to test), 108 h, 26 GB",
    obtain="Download all files from https://zenodo.org/records/4060432, join the parts of the two "
    "archives of audio (`zip -s 0 FSD50K.dev_audio.zip --out dev.zip`, and so for eval), unpack "
    "all into one folder and give that.",
    splits=("train", "valid", "test"),
    labels={"sound": tuple(_SOUNDS.values())},
    read=_read,
)
