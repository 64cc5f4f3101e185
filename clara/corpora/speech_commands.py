"""Speech Commands v0.02: 35 English words of 1 s by 2,618 speakers.

Expects one of the two official archives, unpacked. The whole one has a folder for each word, and
`validation_list.txt` and `testing_list.txt`. The separate test set has ten of the words, the others
in `_unknown_` (the word begins the file name), and noise in `_silence_`; all of it is "test".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_WORDS = """
    backward bed bird cat dog down eight five follow forward four go happy house learn left marvin
    nine no off on one right seven sheila six stop three tree two up visual wow yes zero
""".split()  # noqa: SIM905 (thirty-five lines of one word each would hide the rest)
_LISTS = {"validation_list.txt": "valid", "testing_list.txt": "test"}
_NAME = re.compile(r"((?P<word>[a-z]+)_)?(?P<speaker>[0-9a-f]{8})_nohash_\d+")
_TITLE = "Speech Commands v0.02"


def _read(root: Path) -> Iterator[Entry]:
    _files.require(root, "yes", _TITLE)  # both archives have it
    lists = {
        line.strip(): split
        for name, split in _LISTS.items()
        if (root / name).is_file()
        for _, line in _files.lines(root / name)
    }
    whole = bool(lists)
    if not whole and not (root / "_unknown_").is_dir():
        raise LayoutError(
            f"Expected {' and '.join(_LISTS)} of {_TITLE} in {root}, or the folder _unknown_ of "
            f"its test set, but found neither; unpack the whole archive."
        )
    for word in [*_WORDS, "_unknown_"]:
        if (root / word).is_dir():
            for path in _files.recordings(root / word):
                split = lists.get(f"{word}/{path.stem}.wav", "train") if whole else "test"
                yield _word(path, split)
    if (root / "_silence_").is_dir():
        for path in _files.recordings(root / "_silence_"):
            yield Entry(
                key=f"silence_{path.stem}", path=path, split="test", labels={"sound": ("silence",)}
            )


def _word(path: Path, split: str) -> Entry:
    match = _NAME.fullmatch(path.stem)
    word = (match["word"] if match else None) or path.parent.name
    if match is None or word not in _WORDS:
        raise LayoutError(
            f"Expected a name such as 0a7c2a8d_nohash_0 in {path.parent} (in _unknown_ with the "
            f"word before it), but found {path.name}; move what is not of {_TITLE} away."
        )
    take = path.stem.removeprefix(f"{word}_")
    return Entry(
        key=f"{word}_{take}",
        path=path,
        split=split,
        language="en",
        transcript=word,
        labels={"keyword": (word,)},
        speaker=match["speaker"],
        extra={"unknown": path.parent.name == "_unknown_"},
    )


corpus = Corpus(
    title=_TITLE,
    homepage="https://www.tensorflow.org/datasets/catalog/speech_commands",
    licence="CC BY 4.0",
    cite="Warden, Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition, 2018, "
    "arXiv:1804.03209",
    size="105,829 clips of 2,618 speakers, 29 h, 2.3 GB (test set alone: 4,890 clips, 108 MB)",
    obtain="Download http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz, or the test "
    "set http://download.tensorflow.org/data/speech_commands_test_set_v0.02.tar.gz, unpack it into "
    "a folder of its own and give that.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={"keyword": tuple(_WORDS), "sound": ("silence",)},
    downloads=(
        Download(
            url="https://storage.googleapis.com/download.tensorflow.org/data/"
            "speech_commands_v0.02.tar.gz",
            size=2_428_923_189,
            hash="sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        ),
    ),
    read=_read,
)
