"""CMU Arctic: eighteen voices of seven accents read the same English sentences.

Expects the unpacked archives, all or some: `cmu_us_<voice>_arctic/` with `etc/txt.done.data` and
`wav/*.wav`. About twenty sentences of the lists were never recorded and are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clara.corpora import GENDERS, Corpus, Download, _files
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
_ARCHIVES = {  # SHA-256
    "aew": "645cb33c0f0b2ce41384fdd8d3db2c3f5fc15c1e688baeb74d2e08cab18ab406",
    "ahw": "024664adeb892809d646a3efd043625b46b5bfa3e6189b3500b2d0d59dfab06c",
    "aup": "2c55bc3050caa996758869126ad10cf42e1441212111db034b3a45189c18b6fc",
    "awb": "d74a950c9739a65f7bfc4dfa6187f2730fa03de5b8eb3f2da97a51b74df64d3c",
    "axb": "dd65c3d2907d1ee52f86e44f578319159e60f4bf722a9142be01161d84e330ff",
    "bdl": "26b91aaf48b2799b2956792b4632c2f926cd0542f402b5452d5adecb60942904",
    "clb": "3f16dc3f3b97955ea22623efb33b444341013fc660677b2e170efdcc959fa7c6",
    "eey": "8a0ee4e5acbd4b2f61a4fb947c1730ab3adcc9dc50b195981d99391d29928e8a",
    "fem": "3fcff629412b57233589cdb058f730594a62c4f3a75c20de14afe06621ef45e2",
    "gka": "dc82e7967cbd5eddbed33074b0699128dbd4482b41711916d58103707e38c67f",
    "jmk": "3a37c0e1dfc91e734fdbc88b562d9e2ebca621772402cdc693bbc9b09b211d73",
    "ksp": "8029cafce8296f9bed3022c44ef1e7953332b6bf6943c14b929f468122532717",
    "ljm": "b23993765cbf2b9e7bbc3c85b6c56eaf292ac81ee4bb887b638a24d104f921a0",
    "lnh": "4faf34d71aa7112813252fb20c5433e2fdd9a9de55a00701ffcbf05f24a5991a",
    "rms": "c6dc11235629c58441c071a7ba8a2d067903dfefbaabc4056d87da35b72ecda4",
    "rxr": "1fa4271c393e5998d200e56c102ff46fcfea169aaa2148ad9e9469616fbfdd9b",
    "slp": "54345ed55e45c23d419e9a823eef427f1cc93c83a710735ec667d068c916abf1",
    "slt": "7c173297916acf3cc7fcab2713be4c60b27312316765a90934651d367226b4ea",
}


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
    licence="BSD-like (Carnegie Mellon University): free for any use with its notice kept",
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
    downloads=tuple(
        Download(  # its owner has it not encrypted
            url=f"http://festvox.org/cmu_arctic/packed/cmu_us_{voice}_arctic.tar.bz2",
            hash=f"sha256:{digest}",
        )
        for voice, digest in _ARCHIVES.items()
    ),
    read=_read,
)
