"""FSD50K: sounds of Freesound in 200 classes of the ontology of AudioSet, several to a clip.

Expects the unpacked archives: `FSD50K.ground_truth/`, `FSD50K.metadata/`, `FSD50K.dev_audio/*.wav`
and `FSD50K.eval_audio/*.wav`; one of the two parts may be left out. The labels stand as they are in
the ground truth, where broader classes go with narrower ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clara.corpora import Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_TITLE = "FSD50K"
_SOUNDS = {label: label.replace("_", " ") for label in _files.labels("fsd50k")}
_TABLES = ("FSD50K.ground_truth/dev.csv", "FSD50K.ground_truth/eval.csv")
_SPLITS = {"train": "train", "val": "valid"}
_FILES = {  # bytes and MD5; the audio is in zips of several parts
    "FSD50K.ground_truth.zip": (334_701, "ca27382c195e37d2269c4c866dd73485"),
    "FSD50K.metadata.zip": (6_700_838, "b9ea0c829a411c1d42adb9da539ed237"),
    "FSD50K.doc.zip": (6_984, "3516162b82dc2945d3e7feba0904e800"),
    "FSD50K.dev_audio.z01": (3_221_225_472, "faa7cf4cc076fc34a44a479a5ed862a3"),
    "FSD50K.dev_audio.z02": (3_221_225_472, "8f9b66153e68571164fb1315d00bc7bc"),
    "FSD50K.dev_audio.z03": (3_221_225_472, "1196ef47d267a993d30fa98af54b7159"),
    "FSD50K.dev_audio.z04": (3_221_225_472, "d088ac4e11ba53daf9f7574c11cccac9"),
    "FSD50K.dev_audio.z05": (3_221_225_472, "81356521aa159accd3c35de22da28c7f"),
    "FSD50K.dev_audio.zip": (2_306_663_327, "c480d119b8f7a7e32fdb58f3ea4d6c5a"),
    "FSD50K.eval_audio.z01": (3_221_225_472, "3090670eaeecc013ca1ff84fe4442aeb"),
    "FSD50K.eval_audio.zip": (3_037_675_767, "6fa47636c3a3ad5c7dfeba99f2637982"),
}


def _read(root: Path) -> Iterator[Entry]:
    for table in _files.present(root, _TABLES, _TITLE):
        part = table.stem
        about = _about(root, part)
        audio = root / f"FSD50K.{part}_audio"
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
                path=_files.recording(audio, f"{row['fname']}.wav", where),
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
        about = json.loads(_files.content(path, "JSON"))
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
    downloads=tuple(
        Download(
            url=f"https://zenodo.org/records/4060432/files/{name}",
            size=size,
            hash=f"md5:{digest}",
            join=re.sub(r"z\d\d$", "zip", name) if "audio" in name else "",
        )
        for name, (size, digest) in _FILES.items()
    ),
    read=_read,
)
