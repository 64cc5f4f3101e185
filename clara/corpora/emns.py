"""EMNS: a woman tells stories in eight emotions, each utterance with a description.

Expects `metadata.csv` (parted by "|", quotes mean nothing) and one of the unpacked archives,
`cleaned_webm/` or `raw_webm/`. The table names the recordings as if they lay elsewhere, so they are
found by their base name. Utterances whose status is not "Complete" are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from clara.corpora import Corpus, Download, _files
from clara.records import Entry
from clara.text.phrases import person

__all__ = ["corpus"]

_EMOTIONS = {
    "Happy": "happy",
    "Sad": "sad",
    "Angry": "angry",
    "Excited": "excited",
    "Sarcastic": "sarcastic",
    "Neutral": "neutral",
    "Disgust": "disgusted",
    "Surprised": "surprised",
}
_AGES = {"20s": "twenties", "30s": "thirties", "40s": "forties", "50s": "fifties", "60s": "sixties"}
_GENDERS = {"female": "woman"}
_COLUMNS = (
    *("id", "utterance", "description", "emotion", "status", "gender", "age", "level"),
    *("audio_recording", "user_id"),
)
_FOLDERS = ("cleaned_webm", "raw_webm")
# Three of the braces of a description are places to fill; others stand around words that the
# speaker stresses, and some are left over.
_BRACES = re.compile(r"\{(user_id|transcription|emotion)\}|[{}]")


def _read(root: Path) -> Iterator[Entry]:
    table = _files.require(root, "metadata.csv", "EMNS")
    folders = [root / name for name in _FOLDERS if (root / name).is_dir()]
    folder = folders[0] if folders else _files.require(root, _FOLDERS[0], "EMNS")
    for line, row in _files.rows(table, _COLUMNS, delimiter="|"):
        if row["status"] == "Complete":
            yield _entry(row, folder, f"line {line} of {table}")


def _entry(row: Mapping[str, str], folder: Path, where: str) -> Entry:
    name = PurePosixPath(row["audio_recording"]).name
    emotion = _files.choose(_EMOTIONS, row["emotion"], "emotion", where)
    labels = {
        "emotion": (emotion,),
        "gender": (_files.choose(_GENDERS, row["gender"].lower(), "gender", where),),
        "age": (_AGES.get(row["age"], row["age"]),),
    }
    known = {
        "user_id": person(labels),
        "transcription": row["utterance"],
        "emotion": emotion,
    }
    return Entry(
        key=PurePosixPath(name).stem,
        path=_files.recording(folder, name, where),
        # There is no official split, and one speaker: by what is said, since some of it is said in
        # several emotions.
        split=_files.seeded_split(f"emns/{row['utterance']}"),
        language="en",
        transcript=row["utterance"],
        labels=labels,
        texts=(_BRACES.sub(lambda brace: known.get(brace[1], ""), row["description"]),),
        speaker=row["user_id"],
        extra={"id": row["id"], "level": row["level"]},
    )


corpus = Corpus(
    title="EMNS",
    homepage="https://www.openslr.org/136",
    licence="Apache-2.0 or CC BY 4.0 (both are stated; its page on OpenSLR decides)",
    cite="Noriy et al., EMNS /Imz/ Corpus: An emotive single-speaker dataset for narrative "
    "storytelling in games, television and graphic novels, 2023, arXiv:2305.13137",
    size="1,205 clips of 1 speaker, 2.3 h",
    obtain="Download metadata.csv and cleaned_webm.tar.xz from https://www.openslr.org/136 into "
    "one folder, unpack the archive there and give that folder. To read WebM: pip install "
    "'clara-audio[video]'.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={
        "emotion": tuple(_EMOTIONS.values()),
        "gender": tuple(_GENDERS.values()),
    },
    downloads=(
        Download(url="https://www.openslr.org/resources/136/metadata.csv"),
        Download(url="https://www.openslr.org/resources/136/cleaned_webm.tar.xz"),
    ),
    read=_read,
)
