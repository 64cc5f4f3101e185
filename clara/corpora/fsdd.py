"""Free Spoken Digit Dataset: English digits at 8 kHz by six speakers.

Expects the repository: `recordings/*.wav`, named digit_speaker_index. The official test set is the
first five takes of each digit and speaker, so its speakers are those of the training set.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, Download, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEST_TAKES = 5
_NAME = re.compile(r"(?P<digit>\d)_(?P<speaker>[^_]+)_(?P<take>\d+)")


def _read(root: Path) -> Iterator[Entry]:
    folder = _files.require(root, "recordings", "the Free Spoken Digit Dataset")
    for path in _files.recordings(folder):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise LayoutError(
                f"Expected a name such as 7_jackson_32 in {folder}, but found {path.name}; "
                f"move what is not of the corpus away."
            )
        digit = _DIGITS[int(match["digit"])]
        yield Entry(
            key=path.stem,
            path=path,
            split="test" if int(match["take"]) < _TEST_TAKES else "train",
            language="en",
            transcript=digit,
            labels={"keyword": (digit,), "gender": ("man",)},
            speaker=match["speaker"],
        )


corpus = Corpus(
    title="Free Spoken Digit Dataset",
    homepage="https://github.com/Jakobovski/free-spoken-digit-dataset",
    licence="CC BY-SA 4.0",
    cite="Jackson et al., Free Spoken Digit Dataset, 2018, doi:10.5281/zenodo.1342401",
    size="3,000 clips of 6 speakers, 0.4 h, 20 MB",
    obtain="Run `git clone https://github.com/Jakobovski/free-spoken-digit-dataset` and give that "
    "folder.",
    splits=("train", "test"),
    languages=("en",),
    labels={"keyword": _DIGITS, "gender": ("man",)},
    downloads=(
        Download(
            url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/master.zip",
            strip=1,
        ),
    ),
    read=_read,
)
