"""EmoDB: ten German sentences, spoken by ten actors in seven emotions.

Expects the unpacked archive: `wav/*.wav`. All is in the file names: 03a01Fa is speaker 03,
sentence a01, emotion F (Freude), version a.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import EMOTIONS, GENDERS, Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_EMOTIONS = {
    "W": "angry",
    "L": "bored",
    "E": "disgusted",
    "A": "fearful",
    "F": "happy",
    "T": "sad",
    "N": "neutral",
}
_SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_SPEAKERS = {
    "03": ("man", 31),
    "08": ("woman", 34),
    "09": ("woman", 21),
    "10": ("man", 32),
    "11": ("man", 26),
    "12": ("man", 30),
    "13": ("woman", 32),
    "14": ("woman", 35),
    "15": ("man", 25),
    "16": ("woman", 31),
}
# There is no official split: by speaker, a man and a woman at the least in each part.
_VALID = ("09", "12")
_TEST = ("10", "13", "15", "16")
_NAME = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z])?")


def _read(root: Path) -> Iterator[Entry]:
    for path in _files.recordings(_files.require(root, "wav", "EmoDB")):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise LayoutError(
                f"Expected a name such as 03a01Fa in {path.parent}, but found {path.name}; "
                f"move what is not of EmoDB away."
            )
        yield _entry(path, match["speaker"], match["sentence"], match["emotion"])


def _entry(path: Path, speaker: str, sentence: str, emotion: str) -> Entry:
    where = f"the name {path}"
    gender, age = _files.choose(_SPEAKERS, speaker, "speaker", where)
    split = "valid" if speaker in _VALID else "test" if speaker in _TEST else "train"
    return Entry(
        key=path.stem,
        path=path,
        split=split,
        language="de",
        transcript=_files.choose(_SENTENCES, sentence, "sentence", where),
        labels={
            "emotion": (_files.choose(_EMOTIONS, emotion, "emotion", where),),
            "gender": (gender,),
            "age": (str(age),),
        },
        speaker=speaker,
    )


corpus = Corpus(
    title="EmoDB",
    homepage="http://emodb.bilderbar.info",
    licence="none stated; TU Berlin offers it for free download",
    cite="Burkhardt et al., A Database of German Emotional Speech, 2005, "
    "doi:10.21437/Interspeech.2005-446",
    size="535 clips of 10 speakers, 0.4 h, 40 MB",
    obtain="Download http://emodb.bilderbar.info/download/download.zip, unpack it and give the "
    "folder that holds wav/.",
    splits=("train", "valid", "test"),
    languages=("de",),
    labels={
        "emotion": tuple(word for word in EMOTIONS if word in _EMOTIONS.values()),
        "gender": GENDERS,
        "age": tuple(sorted({str(age) for _, age in _SPEAKERS.values()})),
    },
    # Its owner has it neither encrypted nor with a hash.
    downloads=(Download(url="http://emodb.bilderbar.info/download/download.zip"),),
    read=_read,
)
