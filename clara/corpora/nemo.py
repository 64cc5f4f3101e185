"""nEMO: 90 Polish sentences, spoken by nine actors in six emotions.

Expects the repository: `data.tsv` and `samples/*.wav`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import EMOTIONS, GENDERS, Corpus, Download, _files
from clara.records import Entry

__all__ = ["corpus"]

_EMOTIONS = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprised",
}
_GENDERS = {"male": "man", "female": "woman"}
_AGES = {age: age for age in ("23", "24", "26", "27", "28")}
# There is no official split: by speaker. Men to learn from are KS0 and SM0, women EB0 and KD0.
_SPLITS = {
    "EB0": "train",
    "KD0": "train",
    "KS0": "train",
    "SM0": "train",
    "WR0": "valid",
    "IC0": "test",
    "MK0": "test",
    "MP0": "test",
    "TP0": "test",
}
_COLUMNS = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "data.tsv", "nEMO")
    for line, row in _files.rows(table, _COLUMNS, delimiter="\t"):
        where = f"line {line} of {table}"
        yield Entry(
            key=row["file_id"].removesuffix(".wav"),
            path=_files.recording(root / "samples", row["file_id"], where),
            split=_files.choose(_SPLITS, row["speaker_id"], "speaker_id", where),
            language="pl",
            transcript=row["raw_text"],
            labels={
                "emotion": (_files.choose(_EMOTIONS, row["emotion"], "emotion", where),),
                "gender": (_files.choose(_GENDERS, row["gender"], "gender", where),),
                "age": (_files.choose(_AGES, row["age"], "age", where),),
            },
            speaker=row["speaker_id"],
        )


corpus = Corpus(
    title="nEMO",
    homepage="https://github.com/amu-cai/nEMO",
    licence="CC BY-NC-SA 4.0",
    cite="Christop, nEMO: Dataset of Emotional Speech in Polish, 2024, "
    "https://aclanthology.org/2024.lrec-main.1059",
    size="4,481 clips of 9 speakers, 3.1 h, 530 MB",
    obtain="Run `git clone https://github.com/amu-cai/nEMO` and give that folder.",
    splits=("train", "valid", "test"),
    languages=("pl",),
    labels={
        "emotion": tuple(word for word in EMOTIONS if word in _EMOTIONS.values()),
        "gender": GENDERS,
        "age": tuple(_AGES),
    },
    downloads=(
        Download(url="https://github.com/amu-cai/nEMO/archive/refs/heads/main.zip", strip=1),
    ),
    read=_read,
)
