"""CREMA-D: twelve English sentences, spoken by 91 actors in six emotions.

Expects the repository, with the files that Git LFS holds: `AudioWAV/*.wav` and
`VideoDemographics.csv`; where `processedResults/summaryTable.csv` is there too, what listeners
heard is told beside what the actor meant. `1076_MTI_SAD_XX.wav` holds no speech, as the corpus's
own notes say, and is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import GENDERS, Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgusted",
    "FEA": "fearful",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
_LEVELS = {"LO": ("low",), "MD": ("medium",), "HI": ("high",), "XX": ()}
_SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
_GENDERS = {"Male": "man", "Female": "woman"}
_AGES = """
    20 21 22 23 24 25 27 28 29 30 31 32 33 34 35 36 37 38 40 41 42 44 45 46 48 49 50 51 52 53 56 57
    58 59 61 62 66 74
""".split()  # noqa: SIM905 (a list of one number a line would hide the rest)
_SILENT = "1076_MTI_SAD_XX"
_VOTES = {code[0]: word for code, word in _EMOTIONS.items()}


def _read(root: Path) -> Iterator[Entry]:
    folder = _files.require(root, "AudioWAV", "CREMA-D")
    table = _files.require(root, "VideoDemographics.csv", "CREMA-D")
    columns = ("ActorID", "Age", "Sex", "Race", "Ethnicity")
    people = {row["ActorID"]: row for _, row in _files.rows(table, columns)}
    votes = dict(_heard(root / "processedResults" / "summaryTable.csv"))
    for path in _files.recordings(folder):
        if path.stem == _SILENT:
            continue
        fields = path.stem.split("_")
        if len(fields) != 4:
            raise LayoutError(
                f"Expected a name such as 1001_IEO_ANG_HI in {folder}, but found {path.name}; "
                f"move what is not of CREMA-D away."
            )
        actor = _files.choose(people, fields[0], "actor", f"{table} for {path.name}")
        yield _entry(path, fields, actor, votes.get(path.stem, []))


def _heard(table: Path) -> Iterator[tuple[str, list[str]]]:
    """Of each clip the emotions that most listeners heard; several where they were equal."""
    if table.is_file():
        for line, row in _files.rows(table, ("FileName", "VoiceVote")):
            where = f"line {line} of {table}"
            heard = row["VoiceVote"].split(":")
            yield (
                row["FileName"],
                [_files.choose(_VOTES, each, "VoiceVote", where) for each in heard],
            )


def _entry(path: Path, fields: list[str], actor: dict[str, str], heard: list[str]) -> Entry:
    where = f"the name {path}"
    speaker, sentence, emotion, level = fields
    intensity = _files.choose(_LEVELS, level, "level", where)
    told = {
        "voice_vote": heard,
        "race": actor["Race"],
        "ethnicity": actor["Ethnicity"],
    }
    return Entry(
        key=path.stem,
        path=path,
        # There is no official split: by actor.
        split=_files.seeded_split(f"crema_d/{speaker}"),
        language="en",
        transcript=_files.choose(_SENTENCES, sentence, "sentence", where),
        labels={
            "emotion": (_files.choose(_EMOTIONS, emotion, "emotion", where),),
            "gender": (_files.choose(_GENDERS, actor["Sex"], "Sex", f"actor {speaker}"),),
            "age": (actor["Age"],),
            **({"intensity": intensity} if intensity else {}),
        },
        speaker=speaker,
        extra={name: value for name, value in told.items() if value},
    )


corpus = Corpus(
    title="CREMA-D",
    homepage="https://github.com/CheyneyComputerScience/CREMA-D",
    licence="ODbL 1.0 (its contents DbCL 1.0)",
    cite="Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, 2014, "
    "doi:10.1109/TAFFC.2014.2336244",
    size="7,442 clips of 91 actors, 5.3 h, 7.6 GB with the videos",
    obtain="Install Git LFS (`git lfs install`), run `git clone "
    "https://github.com/CheyneyComputerScience/CREMA-D` and give that folder. Without the videos: "
    "set GIT_LFS_SKIP_SMUDGE=1 for the clone, then run `git lfs pull --include 'AudioWAV/*,*.csv'` "
    "in the folder. A zip from the site holds pointers in place of recordings.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={
        "emotion": tuple(_EMOTIONS.values()),
        "gender": GENDERS,
        "age": tuple(_AGES),
        "intensity": ("low", "medium", "high"),
    },
    read=_read,
)
