"""RAVDESS: two English sentences, spoken by 24 actors in eight emotions at two intensities.

Expects the unpacked `Audio_Speech_Actors_01-24.zip`: the folders `Actor_01` to `Actor_24`, in the
folder given or in one of its folders. Only speech is read; songs in the same folders are passed
over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import EMOTIONS, GENDERS, Corpus, _files
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
_SPEECH = "01"
# There is no official split: by actor, men (odd) and women (even) alike in each part.
_VALID = ("15", "16")
_TEST = ("17", "18", "19", "20", "21", "22", "23", "24")
_FIELDS = 7  # modality, channel, emotion, intensity, statement, repetition, actor


def _read(root: Path) -> Iterator[Entry]:
    folders = [*root.glob("*/Actor_[0-9][0-9]"), *root.glob("Actor_[0-9][0-9]")]
    if not folders:
        _files.require(root, "Actor_01", "RAVDESS (speech)")
    for folder in sorted(folders):
        for path in _files.recordings(folder):
            fields = path.stem.split("-")
            if len(fields) != _FIELDS:
                raise LayoutError(
                    f"Expected a name of seven numbers such as 03-01-06-01-02-01-12 in {folder}, "
                    f"but found {path.name}; move what is not of RAVDESS away."
                )
            if fields[1] == _SPEECH:
                yield _entry(path, *fields[2:])


def _entry(
    path: Path, emotion: str, intensity: str, statement: str, repetition: str, actor: str
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
            "gender": (GENDERS[(int(actor) + 1) % 2],),
            "intensity": (_files.choose(_INTENSITIES, intensity, "intensity", where),),
        },
        speaker=actor,
        extra={"repetition": repetition},
    )


corpus = Corpus(
    title="RAVDESS (speech)",
    homepage="https://zenodo.org/records/1188976",
    licence="CC BY-NC-SA 4.0",
    cite="Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, "
    "2018, doi:10.1371/journal.pone.0196391",
    size="1,440 clips of 24 actors, 1.5 h, 215 MB",
    obtain="Download Audio_Speech_Actors_01-24.zip from https://zenodo.org/records/1188976, unpack "
    "it and give the folder that holds Actor_01.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={
        "emotion": tuple(word for word in EMOTIONS if word in _EMOTIONS.values()),
        "gender": GENDERS,
        "intensity": tuple(_INTENSITIES.values()),
    },
    read=_read,
)
