"""EmoV-DB: four speakers read English sentences in five ways, among them amused and sleepy.

Expects the unpacked archives as folders `<speaker>_<Emotion>/*.wav`, or sorted by speaker as
`<speaker>/<Emotion>/*.wav`, and `cmuarctic.data`, which holds the sentences. The emotion is that of
the folder, whatever word a file name begins with. Recordings whose number is that of no sentence
are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_EMOTIONS = {word: word.lower() for word in ("Amused", "Angry", "Disgusted", "Neutral", "Sleepy")}
_GENDERS = {"bea": "woman", "jenie": "woman", "josh": "man", "sam": "man"}
# There is no official split: by speaker. Josh is neither angry nor disgusted, so he validates.
_SPLITS = {"bea": "train", "sam": "train", "josh": "valid", "jenie": "test"}
_SENTENCES = "cmuarctic.data"
_NAME = re.compile(r".*_(\d+)")  # anger_1-28_0011: style, block of the recording, sentence
_TITLE = "EmoV-DB"


def _read(root: Path) -> Iterator[Entry]:
    folders = sorted(_folders(root))
    if not folders:
        numbered = sorted(path.name for path in root.glob("[1-4]/"))
        if numbered:
            raise LayoutError(
                f"Expected folders such as bea_Amused of {_TITLE} in {root}, but found speakers "
                f"by number ({', '.join(numbered)}), and no list says who they are; use the "
                f"archives of https://www.openslr.org/115."
            )
        _files.require(root, "bea_Amused", _TITLE)
    table = _files.require(root, _SENTENCES, _TITLE)
    sentences = {
        int(name[-4:]): text
        for name, text in _files.festvox(table)
        if name.startswith("arctic_a") and name[-4:].isdecimal()
    }
    for speaker, emotion, folder in folders:
        for path in _files.recordings(folder):
            match = _NAME.fullmatch(path.stem)
            if match is None:
                raise LayoutError(
                    f"Expected a name such as anger_1-28_0011.wav in {folder}, but found "
                    f"{path.name}; move what is not of {_TITLE} away."
                )
            if int(match[1]) in sentences:
                yield _entry(path, speaker, emotion, sentences[int(match[1])])


def _folders(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Speaker, emotion and folder of each part that is there."""
    for speaker in _SPLITS:
        for name, emotion in _EMOTIONS.items():
            archive = f"{speaker}_{name}"
            for folder in (root / archive, root / archive / archive, root / speaker / name):
                if folder.is_dir():
                    yield speaker, emotion, folder


def _entry(path: Path, speaker: str, emotion: str, sentence: str) -> Entry:
    return Entry(
        key=f"{speaker}_{emotion}_{path.stem}",
        path=path,
        split=_SPLITS[speaker],
        language="en",
        transcript=sentence,
        labels={"emotion": (emotion,), "gender": (_GENDERS[speaker],)},
        speaker=speaker,
    )


corpus = Corpus(
    title=_TITLE,
    homepage="https://www.openslr.org/115",
    licence="non-commercial (its own: research, teaching, publication and personal experiments)",
    cite="Adigwe et al., The Emotional Voices Database: Towards Controlling the Emotion Dimension "
    "in Voice Generation Systems, 2018, arXiv:1806.09514",
    size="7,000 clips of 4 speakers, 9.5 h",
    obtain="Download the 18 archives such as bea_Amused.tar.gz from https://www.openslr.org/115, "
    "unpack each into a folder of its name, put "
    "http://www.festvox.org/cmu_arctic/cmuarctic.data beside them and give the folder that holds "
    "all.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={"emotion": tuple(_EMOTIONS.values()), "gender": ("man", "woman")},
    # The archives hold recordings only, in no folder of their own.
    downloads=(
        Download(url="http://www.festvox.org/cmu_arctic/cmuarctic.data"),
        *(
            Download(
                url=f"https://www.openslr.org/resources/115/{speaker}_{emotion}.tar.gz",
                folder=f"{speaker}_{emotion}",
            )
            for speaker in _SPLITS
            for emotion in _EMOTIONS
            if (speaker, emotion) not in (("josh", "Angry"), ("josh", "Disgusted"))
        ),
    ),
    read=_read,
)
