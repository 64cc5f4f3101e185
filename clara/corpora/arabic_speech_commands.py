"""Arabic Speech Commands: 40 Arabic keywords of 1 s by 30 speakers.

Expects the repository: `train.csv`, `val.csv` and `test.csv` (those that are there are read), whose
`file` points below the same folder. The official split keeps speakers apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from clara.corpora import Corpus, Download, _files
from clara.records import Entry

__all__ = ["corpus"]

_KEYWORDS = {  # the official class, and the word that is spoken
    "zero": "صفر",
    "one": "واحد",
    "two": "اثنان",
    "three": "ثلاثة",
    "four": "أربعة",
    "five": "خمسة",
    "six": "ستة",
    "seven": "سبعة",
    "eight": "ثمانية",
    "nine": "تسعة",
    "right": "يمين",
    "left": "يسار",
    "up": "أعلى",
    "down": "أسفل",
    "forward": "أمام",
    "backward": "خلف",
    "yes": "نعم",
    "no": "لا",
    "start": "ابدأ",
    "stop": "توقف",
    "enable": "تفعيل",
    "disable": "تعطيل",
    "ok": "موافق",
    "cancel": "إلغاء",
    "open": "فتح",
    "close": "إغلاق",
    "zoom in": "تكبير",
    "zoom out": "تصغير",
    "previous": "السابق",
    "next": "التالي",
    "send": "إرسال",
    "receive": "استقبال",
    "move": "تحريك",
    "rotate": "تدوير",
    "record": "تسجيل",
    "enter": "إدخال",
    "digit": "رقم",
    "direction": "اتجاه",
    "options": "خيارات",
    "undo": "تراجع",
}
_TABLES = {"train.csv": "train", "val.csv": "valid", "test.csv": "test"}


def _read(root: Path) -> Iterator[Entry]:
    _files.require(root, "*.csv", "Arabic Speech Commands")
    for name, split in _TABLES.items():
        table = root / name
        if table.is_file():
            yield from _read_table(table, split)


def _read_table(table: Path, split: str) -> Iterator[Entry]:
    for line, row in _files.rows(table, ("file", "class")):
        gloss = row["class"].replace("_", " ")
        where = f"line {line} of {table}"
        keyword = _files.choose(_KEYWORDS, gloss, "class", where)
        stem = PurePosixPath(row["file"]).stem
        yield Entry(
            key=f"{gloss.replace(' ', '_')}_{stem}",
            path=_files.recording(table.parent, row["file"], where),
            split=split,
            language="ar",
            transcript=keyword,
            labels={"keyword": (keyword,)},
            speaker=stem.partition("_")[0],
            extra={"gloss": gloss},
        )


corpus = Corpus(
    title="Arabic Speech Commands",
    homepage="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset",
    licence="CC BY 4.0",
    cite="Ghandoura, Hjabo and Al Dakkak, Building and Benchmarking an Arabic Speech Commands "
    "Dataset for Small-Footprint Keyword Spotting, 2021, doi:10.1016/j.engappai.2021.104267",
    size="12,000 clips of 30 speakers, 3.3 h, 384 MB",
    obtain="Run `git clone https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset` "
    "and give that folder.",
    splits=("train", "valid", "test"),
    languages=("ar",),
    labels={"keyword": tuple(_KEYWORDS.values())},
    downloads=(
        Download(
            url="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset/archive/"
            "master.zip",
            strip=1,
        ),
    ),
    read=_read,
)
