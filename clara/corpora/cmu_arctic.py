"""CMU Arctic: eighteen voices of seven accents read the same English sentences.

Expects the unpacked archives, all or some: `cmu_us_<voice>_arctic/` with `etc/txt.done.data` and
`wav/*.wav`. About twenty sentences of the lists were never recorded and are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import GENDERS, Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_VOICES = {
    "aew": ("man", "US American"),
    "ahw": ("man", "German"),
    "aup": ("man", "Indian"),
    "awb": ("man", "Scottish"),
    "axb": ("woman", "Indian"),
    "bdl": ("man", "US American"),
    "clb": ("woman", "US American"),
    "eey": ("woman", "US American"),
    "fem": ("man", "Irish"),
    "gka": ("man", "Indian"),
    "jmk": ("man", "Canadian"),
    "ksp": ("man", "Indian"),
    "ljm": ("woman", "US American"),
    "lnh": ("woman", "US American"),
    "rms": ("man", "US American"),
    "rxr": ("man", "Israeli"),
    "slp": ("woman", "Indian"),
    "slt": ("woman", "US American"),
}
# There is no official split: by voice. A man and a woman of each accent that has several voices are
# tested; the accents with one voice are there to learn from.
_VALID = ("eey", "gka")
_TEST = ("clb", "ksp", "rms", "slp")


def _read(root: Path) -> Iterator[Entry]:
    lists = sorted(root.glob("cmu_us_*_arctic/etc/txt.done.data"))
    if not lists:
        _files.require(root, "cmu_us_*_arctic/etc/txt.done.data", "CMU Arctic")
    for table in lists:
        folder = table.parents[1]
        voice = folder.name.split("_")[2]
        gender, accent = _files.choose(_VOICES, voice, "voice", str(folder))
        if not (folder / "wav").is_dir():
            raise LayoutError(
                f"Expected the recordings of CMU Arctic in {folder / 'wav'}, but found no such "
                f"folder; unpack the archive again."
            )
        recordings = {path.stem: path for path in _files.recordings(folder / "wav")}
        for name, text in _files.festvox(table):
            if name in recordings:
                yield Entry(
                    key=f"{voice}_{name}",
                    path=recordings[name],
                    split="valid" if voice in _VALID else "test" if voice in _TEST else "train",
                    language="en",
                    transcript=text,
                    labels={"accent": (accent,), "gender": (gender,)},
                    speaker=voice,
                )


corpus = Corpus(
    title="CMU Arctic",
    homepage="http://www.festvox.org/cmu_arctic/",
    licence="free for any use with its notice kept (BSD-like, Carnegie Mellon University)",
    cite="Kominek and Black, The CMU Arctic speech databases, 2004, SSW5",
    size="15,583 clips of 18 voices, 13.6 h, 1.6 GB",
    obtain="Download http://festvox.org/cmu_arctic/packed/cmu_us_VOICE_arctic.tar.bz2 for any of "
    f"the voices {', '.join(_VOICES)}, unpack all into one folder and give that.",
    splits=("train", "valid", "test"),
    languages=("en",),
    labels={
        "accent": ("US American", "German", "Indian", "Scottish", "Irish", "Canadian", "Israeli"),
        "gender": GENDERS,
    },
    read=_read,
)
