"""VocalSketch: voices that imitate everyday sounds, instruments and synthesisers.

Expects the repository: `vocal_imitations.csv` with `vocal_imitations/included/*.wav` (in versions
before 1.1 `included_vocal_imitations/*.wav`), and where they are there the second collection, in
files called set2, and the surveys of the participants. Only imitations that count as included are
read, no drafts and no trials. There is no official split: by participant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from clara.corpora import GENDERS, Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry, Labels

__all__ = ["corpus"]

# Name of the collection: its table (the second is spelt so), where its recordings may lie, survey.
_COLLECTIONS = {
    "set1": (
        "vocal_imitations.csv",
        ("vocal_imitations/included", "included_vocal_imitations"),
        "participant_survey.csv",
    ),
    "set2": (
        "vocal_imitaitons_set2.csv",
        ("vocal_imitations_set2/included",),
        "participant_survey_set2.csv",
    ),
}
_DESCRIPTION = "participants_sound_recording_description"
_COLUMNS = (
    *("filename", "stimulus_type", "included", "draft", "training", "participant_id"),
    *("satisfaction", "sound_label", "audio_concept_subset", _DESCRIPTION),
)
_GENDERS = {"m": "man", "f": "woman"}


def _read(root: Path) -> Iterator[Entry]:
    _files.require(root, "vocal_imitations.csv", "VocalSketch")
    for collection, (name, folders, survey) in _COLLECTIONS.items():
        table = root / name
        if not table.is_file():
            continue
        audio = next((root / each for each in folders if (root / each).is_dir()), root / folders[0])
        people = _people(root / survey)
        for line, row in _files.rows(table, _COLUMNS):
            where = f"line {line} of {table}"
            if _files.counts(row, where):
                person = _person(row["participant_id"], where)
                yield _entry(row, audio, f"{collection}/{person}", people.get(person, {}), where)


def _entry(row: Mapping[str, str], audio: Path, speaker: str, about: Labels, where: str) -> Entry:
    concept, description = row["sound_label"], row[_DESCRIPTION]
    # Sounds of synthesisers bear the names of presets ("subsynth 374"): what was heard says more.
    preset = "synthesizer" in row["audio_concept_subset"]
    return Entry(
        key=f"{speaker.partition('/')[0]}/{row['filename'].removesuffix('.wav')}",
        path=_files.recording(audio, row["filename"], where),
        split=_files.seeded_split(f"vocal_sketch/{speaker}"),
        labels={"imitation": (description if preset and description else concept,), **about},
        speaker=speaker,
        extra={
            "concept": concept,
            "subset": row["audio_concept_subset"],
            "stimulus": row["stimulus_type"],
            "description": description,
            "satisfaction": row["satisfaction"],
        },
    )


def _person(text: str, where: str) -> str:
    """The participant, as far as the tables tell: a spreadsheet has rounded the ids of set2.

    >>> _person("5649776209035264", ""), _person("5.2E+15", "")
    ('5649776209035264', '5.20e+15')
    """
    try:
        return text if text.isdecimal() else f"{float(text):.2e}"
    except ValueError:
        raise LayoutError(f"Expected a participant_id in {where}, but found {text!r}.") from None


def _people(survey: Path) -> dict[str, Labels]:
    """Participant, by id and by rounded id where only one has it, to gender and age."""
    if not survey.is_file():
        return {}
    people: dict[str, Labels] = {}
    rounded: dict[str, list[Labels]] = {}
    for line, row in _files.rows(survey, ("participant_id", "age", "gender")):
        about: dict[str, tuple[str, ...]] = {}
        if row["gender"] in _GENDERS:
            about["gender"] = (_GENDERS[row["gender"]],)
        if row["age"].isdecimal():
            about["age"] = (row["age"],)
        person = _person(row["participant_id"], f"line {line} of {survey}")
        people[person] = about
        rounded.setdefault(f"{float(person):.2e}", []).append(about)
    return people | {person: mine[0] for person, mine in rounded.items() if len(mine) == 1}


corpus = Corpus(
    title="VocalSketch",
    homepage="https://github.com/interactiveaudiolab/VocalSketchDataSet",
    licence="none stated; its owners ask to be cited",
    cite="Cartwright and Pardo, VocalSketch: Vocally Imitating Audio Concepts, 2015, "
    "doi:10.1145/2702123.2702387",
    size="4,671 included imitations of 240 concepts in two collections, 4.6 GB",
    obtain="Run `git clone https://github.com/interactiveaudiolab/VocalSketchDataSet`, or download "
    "VocalSketchDataSet-1.1.2.zip from https://zenodo.org/records/1251982 and unpack it, and give "
    "the folder that holds vocal_imitations.csv.",
    splits=("train", "valid", "test"),
    labels={"gender": GENDERS},
    downloads=(
        Download(
            url="https://github.com/interactiveaudiolab/VocalSketchDataSet/archive/HEAD.zip",
            strip=1,
        ),
    ),
    read=_read,
)
