"""A user's own recordings: by a manifest, or by what lies beside them and where they lie.

What may be given:

    a manifest          a table: .csv, .tsv, or .jsonl (an object of JSON a line)
    a folder            with manifest.csv, manifest.tsv or manifest.jsonl in it; or with recordings
                        anywhere below it, and no manifest
    a pattern           "~/rec/**/*.wav": the recordings that it fits (in quotes, for the shell)

A manifest has a line for each recording, with the columns

    path        the audio file, relative to the manifest or absolute (the only column that must be)
    text        what a person wrote about it; more in text_2, text_3, ..., or as a JSON list
    label.KIND  what it is, one word or a JSON list; the kinds sound, emotion, gender, age,
                language, keyword, intensity and scene may stand without "label." ("language" is
                then what is spoken)
    split       train (if empty), valid, test, or fold1 to fold10
    language    BCP 47 tag of what is spoken; transcript: the words; speaker: who says them
    start, end  seconds, where the recording is a part of the file
    source      id of the recording it was cut from (the path, if start or end is given)
    licence     what its owner allows; key: its own name, the path if empty
    extra.NAME  anything else; so are columns of other names

Without a manifest, what describes dog.wav lies beside it:

    dog.txt     captions, one a line
    dog.json    an object with the columns above but for `path`, with "labels" as an object of kind
                to a word or a list, and perhaps "segments": a list of such objects, each with its
                start and end. Then each segment is a recording of its own; it takes over what is
                said of the whole but for text and transcript. JSON with `text`, `tag` and
                `original_data`, as LAION and `clara prepare` write it, is understood too

Where all outer folders are named after splits (train, valid, test, fold1, or as people say
training, val, validation, dev, testing), they are the splits; else all is train. Where no recording
has anything beside it, and all lie in folders right below that, at least two, whose names have no
digit and are not such as "audio" or "clips", then each folder is a class, the label `sound`. Hidden
files are passed over, links followed, and of dog.wav and dog.mp3 in one folder one is taken.

A manifest that cannot be read stops the work with its line. A recording beside which something
cannot be read is a bad record.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path

from clara.corpora import Corpus, _loose, _manifest
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SUFFIXES = (".csv", ".tsv", ".jsonl")


def _read(root: Path | str) -> Iterator[Entry]:
    if "://" in str(root):
        raise LayoutError(
            f"Expected a folder, a manifest or a pattern on this machine, but found {root}; "
            "copy the recordings here first."
        )
    root = Path(root).expanduser()
    if root.is_file():
        if root.suffix.lower() not in _SUFFIXES:
            raise LayoutError(
                f"Expected a manifest ending in {', '.join(_SUFFIXES)}, or a folder, at {root}, "
                "but found another kind of file."
            )
        yield from _manifest.read(root)
    elif root.is_dir():
        manifests = [path for path in map(root.joinpath, _NAMES) if path.is_file()]
        if len(manifests) > 1:
            raise LayoutError(
                f"Expected one manifest in {root}, but found {manifests[0].name} and "
                f"{manifests[1].name}; give the one that is meant."
            )
        yield from _manifest.read(manifests[0]) if manifests else _loose.read(root)
    elif glob.has_magic(str(root)):
        steps = root.parts
        fixed = next(number for number, step in enumerate(steps) if glob.has_magic(step))
        yield from _loose.read(Path(*steps[:fixed]), str(Path(*steps[fixed:])))
    else:
        raise LayoutError(
            f"Expected a manifest, a folder of recordings or a pattern at {root}, but found no "
            "such file or folder."
        )


_NAMES = tuple(f"manifest{suffix}" for suffix in _SUFFIXES)

corpus = Corpus(
    title="Your own recordings",
    homepage="",
    licence="yours",
    cite="yours",
    size="any",
    obtain="Give a folder of recordings with NAME.txt (captions, one a line) or NAME.json (text, "
    "labels, transcript, language, split, segments, ...) beside each, or with a folder for each "
    "class; outer folders train, valid and test are splits. Or a pattern such as "
    "'rec/**/*.wav'. Or write a manifest, in CSV, TSV or JSON lines, with a column `path` and any "
    "of text, label.KIND, split, language, transcript, speaker, start, end, source, licence and "
    "key; give the manifest, or the folder that holds it as manifest.csv, .tsv or .jsonl.",
    splits=_manifest.SPLITS,
    read=_read,
    yours=True,
)
