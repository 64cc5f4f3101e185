"""MACS: urban scenes of 10 s, each described by two to five people in a sentence and in tags.

Expects `MACS.yaml`, and anywhere below the folder the recordings of TAU Urban Acoustic Scenes 2019
that it speaks of. There is no official split: by place, since the clips of a place are cut from one
long recording.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clara.corpora import Corpus, Download, _files, _yaml
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SCENES = {"airport": "airport", "public_square": "public square", "park": "park"}
_NAME = re.compile(r"(?P<scene>[a-z_]+)-(?P<place>[a-z]+-\d+)-\d+-\w+\.wav")
_AUDIO = {  # those of the 21 archives that hold airports, parks and public squares: bytes and MD5
    1: (1_657_550_587, "aca4ebfd9ed03d5f747d6ba8c24bc728"),
    2: (1_666_219_450, "c4f170408ce77c8c70c532bf268d7be0"),
    3: (1_817_901_591, "c7214a07211f10f3250290d05e72c37e"),
    9: (1_667_106_209, "3c32a693a6b111ffb957be3c1dd22e9b"),
    10: (1_632_636_175, "0ffbf60006da520cc761fb74c878b98b"),
    11: (1_671_793_546, "599055d93b4c11057c29be2df54538d4"),
    12: (1_672_592_150, "98b8d162ff3665695c4c910e6c372cc8"),
    13: (1_673_481_614, "a356c08b1a5a21d433eba37ef87587f4"),
}


def _read(root: Path) -> Iterator[Entry]:
    path = _files.require(root, "MACS.yaml", "MACS")
    whole = _yaml.load(path)
    clips = whole.get("files") if isinstance(whole, dict) else None
    if not isinstance(clips, list):
        raise LayoutError(f"Expected a list `files` in {path}, but found none.")
    found = _files.media(root)
    for number, clip in enumerate(clips, start=1):
        where = f"entry {number} of {path}"
        try:
            name, sentences, tags = _facts(clip)
        except (KeyError, TypeError, AttributeError) as error:
            raise LayoutError(
                f"Expected a filename and annotations with sentence and tags in {where}, but "
                f"found {reprlib.repr(clip)}."
            ) from error
        match = _NAME.fullmatch(name)
        if match is None:
            raise LayoutError(
                f"Expected a name such as park-lyon-7-202-a.wav in {where}, but found {name!r}."
            )
        scene = _files.choose(_SCENES, match["scene"], "scene", where)
        stem = name.removesuffix(".wav")
        yield Entry(
            key=stem,
            path=Path(found.get(stem, root / "audio" / name)),
            split=_files.seeded_split(f"macs/{match['place']}"),
            labels={"scene": (scene,), **({"sound": tags} if tags else {})},
            texts=sentences,
            source=f"tau2019:{match['place']}",
        )


def _facts(clip: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """File name, sentences and tags, each once."""
    sentences: dict[str, None] = {}
    tags: dict[str, None] = {}
    for each in clip["annotations"]:
        sentences[each["sentence"].strip()] = None
        if not isinstance(each["tags"], list):
            raise TypeError("tags are a list")
        tags.update(dict.fromkeys(tag.replace("_", " ") for tag in each["tags"]))
    if not isinstance(clip["filename"], str):
        raise TypeError("a filename is text")
    return clip["filename"], tuple(filter(None, sentences)), tuple(tags)


corpus = Corpus(
    title="MACS",
    homepage="https://zenodo.org/records/5114771",
    licence="non-commercial (Tampere University, for the annotations and for the audio)",
    cite="Martin-Morato and Mesaros, Diversity and Bias in Audio Captioning Datasets, "
    "DCASE Workshop 2021, pages 90-94",
    size="3,930 clips of 10 s, 17,275 captions, 10.9 h, 13 GB (of 41 GB to download)",
    obtain="Download MACS.yaml from https://zenodo.org/records/5114771 and the audio of TAU Urban "
    "Acoustic Scenes 2019 from https://zenodo.org/records/2589280, unpack it beside MACS.yaml and "
    "give that folder.",
    splits=("train", "valid", "test"),
    labels={"scene": tuple(_SCENES.values())},
    downloads=(
        Download(
            url="https://zenodo.org/records/5114771/files/MACS.yaml",
            hash="md5:23fcb2ebd0b109094034ef9e87972256",
        ),
        *(
            Download(
                url="https://zenodo.org/records/2589280/files/"
                f"TAU-urban-acoustic-scenes-2019-development.audio.{number}.zip",
                size=size,
                hash=f"md5:{digest}",
            )
            for number, (size, digest) in _AUDIO.items()
        ),
    ),
    read=_read,
)
