"""MACS: urban scenes of 10 s, each described by two to five people in a sentence and in tags.

Expects `MACS.yaml`, and anywhere below the folder the recordings of TAU Urban Acoustic Scenes 2019
that it speaks of. There is no official split: by place, since the clips of a place are cut from one
long recording.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clara.corpora import Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SCENES = {"airport": "airport", "public_square": "public square", "park": "park"}
_NAME = re.compile(r"(?P<scene>[a-z_]+)-(?P<place>[a-z]+-\d+)-\d+-\w+\.wav")


def _read(root: Path) -> Iterator[Entry]:
    path = _files.require(root, "MACS.yaml", "MACS")
    clips = _load(path)
    found = _files.media(root)
    for number, clip in enumerate(clips, start=1):
        where = f"entry {number} of {path}"
        try:
            name = str(clip["filename"])
            people = [
                (str(each["sentence"]).strip(), [str(tag) for tag in each["tags"]])
                for each in clip["annotations"]
            ]
        except (KeyError, TypeError) as error:
            raise LayoutError(
                f"Expected a filename and annotations with sentence and tags in {where}, but "
                f"found {str(clip)[:80]!r}."
            ) from error
        match = _NAME.fullmatch(name)
        if match is None:
            raise LayoutError(
                f"Expected a name such as park-lyon-7-202-a.wav in {where}, but found {name!r}."
            )
        scene = _files.choose(_SCENES, match["scene"], "scene", where)
        tags = dict.fromkeys(tag.replace("_", " ") for _, mine in people for tag in mine)
        stem = name.removesuffix(".wav")
        yield Entry(
            key=stem,
            path=Path(found.get(stem, root / "audio" / name)),
            split=_files.seeded_split(f"macs/{match['place']}"),
            labels={"scene": (scene,), **({"sound": tuple(tags)} if tags else {})},
            texts=tuple(dict.fromkeys(sentence for sentence, _ in people if sentence)),
            source=f"tau2019:{match['place']}",
        )


def _load(path: Path) -> list[Any]:
    import yaml

    # Thirty times as fast, where PyYAML was built with it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        whole = yaml.load(path.read_bytes(), loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise LayoutError(
            f"Expected YAML at {path}, but found: {' '.join(str(error).split())}."
        ) from error
    if not isinstance(whole, dict) or not isinstance(whole.get("files"), list):
        raise LayoutError(f"Expected a list `files` in {path}, but found none.")
    clips: list[Any] = whole["files"]
    return clips


corpus = Corpus(
    title="MACS",
    homepage="https://zenodo.org/records/5114771",
    licence="Tampere University licences for the annotations and for the audio, non-commercial",
    cite="Martin-Morato and Mesaros, Diversity and Bias in Audio Captioning Datasets, "
    "DCASE Workshop 2021, pages 90-94",
    size="3,930 clips of 10 s, 17,275 captions, 10.9 h, 13 GB (of 41 GB to download)",
    obtain="Download MACS.yaml from https://zenodo.org/records/5114771 and the audio of TAU Urban "
    "Acoustic Scenes 2019 from https://zenodo.org/records/2589280, unpack it beside MACS.yaml and "
    "give that folder.",
    splits=("train", "valid", "test"),
    labels={"scene": tuple(_SCENES.values())},
    read=_read,
)
