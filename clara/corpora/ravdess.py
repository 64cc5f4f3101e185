"""RAVDESS: two English sentences, spoken and sung by 24 actors in eight emotions.

Expects `Audio_Speech_Actors_01-24.zip` and `Audio_Song_Actors_01-24.zip`, or one of them, unpacked:
the folders `Actor_01` to `Actor_24`, in the folder given or in folders of it. Both archives have
the same folders, and may be unpacked into one. Nobody sings disgusted or surprised, and actor 18
does not sing. The videos of the same takes are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import GENDERS, Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fearful",
    "07": "disgusted",
    "08": "surprised",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
# Odd numbers are men, even ones women.
_ACTORS = {f"{number:02d}": GENDERS[1 - number % 2] for number in range(1, 25)}
_SOUND = "03"
_MANNERS = {"01": "speaking", "02": "singing"}
# There is no official split: by actor, men (odd) and women (even) alike in each part.
_VALID = ("15", "16")
_TEST = ("17", "18", "19", "20", "21", "22", "23", "24")
_FIELDS = 7  # modality, channel, emotion, intensity, statement, repetition, actor


def _read(root: Path) -> Iterator[Entry]:
    folders = [*root.glob("*/Actor_[0-9][0-9]"), *root.glob("Actor_[0-9][0-9]")]
    if not folders:
        _files.require(root, "Actor_01", "RAVDESS")
    for folder in sorted(folders):
        for path in _files.recordings(folder):
            fields = path.stem.split("-")
            if len(fields) != _FIELDS:
                raise LayoutError(
                    f"Expected a name of seven numbers such as 03-01-06-01-02-01-12 in {folder}, "
                    f"but found {path.name}; move what is not of RAVDESS away."
                )
            if fields[0] == _SOUND:
                yield _entry(path, *fields[1:])


def _entry(
    path: Path,
    channel: str,
    emotion: str,
    intensity: str,
    statement: str,
    repetition: str,
    actor: str,
) -> Entry:
    where = f"the name {path}"
    split = "valid" if actor in _VALID else "test" if actor in _TEST else "train"
    return Entry(
        key=path.stem,
        path=path,
        split=split,
        language="en",
        transcript=_files.choose(_STATEMENTS, statement, "statement", where),
        labels={
            "emotion": (_files.choose(_EMOTIONS, emotion, "emotion", where),),
            "gender": (_files.choose(_ACTORS, actor, "actor", where),),
            "intensity": (_files.choose(_INTENSITIES, intensity, "intensity", where),),
            "manner": (_files.choose(_MANNERS, channel, "vocal channel", where),),
        },
        speaker=actor,
        extra={"repetition": repetition},
    )


corpus = Corpus(
    title="RAVDESS",
    homepage="https://zenodo.org/records/1188976",
    licence="CC BY-NC-SA 4.0",
    cite="Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, "
    "2018, doi:10.1371/journal.pone.0196391",
    size="2,452 clips of 24 actors (1,440 spoken, 1,012 sung), 2.8 h, 413 MB",
    obtain="Download Audio_Speech_Actors_01-24.zip and Audio_Song_Actors_01-24.zip from "
    "https://zenodo.org/records/1188976, unpack them into one folder and give that.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={
        "emotion": tuple(_EMOTIONS.values()),
        "gender": GENDERS,
        "intensity": tuple(_INTENSITIES.values()),
        "manner": tuple(_MANNERS.values()),
    },
    downloads=(
        Download(
            url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
            size=208_468_073,
            hash="md5:bc696df654c87fed845eb13823edef8a",
        ),
        Download(
            url="https://zenodo.org/records/1188976/files/Audio_Song_Actors_01-24.zip",
            size=225_505_317,
            hash="md5:5411230427d67a21e18aa4d466e6d1b9",
        ),
    ),
    read=_read,
)
