"""Common Voice: sentences read by volunteers in more than a hundred languages (11.0 to 25.0).

Expects one or several locales, unpacked: `cv-corpus-*/<locale>/` with `train.tsv`, `dev.tsv`,
`test.tsv` and `clips/*.mp3`. The folder of one locale, of one release, or what holds releases of
different locales may be given. Columns differ between releases, so they are read by name; quotes
mean nothing in these tables. Delta releases have no splits and cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from clara.corpora import GENDERS, MANY, Corpus, _files
from clara.errors import LayoutError
from clara.records import Entry

__all__ = ["corpus"]

_SPLITS = {"train": "train.tsv", "valid": "dev.tsv", "test": "test.tsv"}
_COLUMNS = ("client_id", "path", "sentence", "age", "gender")
_AGES = {
    "teens": "teens",
    "twenties": "twenties",
    "thirties": "thirties",
    "fourties": "forties",  # as the corpus spells it
    "fifties": "fifties",
    "sixties": "sixties",
    "seventies": "seventies",
    "eighties": "eighties",
    "nineties": "nineties",
}
# Up to release 16 the first two; "other", "non-binary" and the like are told in `extra` alone.
_GENDERS = {"male": "man", "female": "woman", "male_masculine": "man", "female_feminine": "woman"}
# What could be chosen as an accent of English; what people wrote themselves is told in `extra`.
_ACCENTS = {
    "United States English": "US American",
    "Australian English": "Australian",
    "England English": "English",
    "Canadian English": "Canadian",
    "Filipino": "Filipino",
    "Hong Kong English": "Hong Kong",
    "India and South Asia (India, Pakistan, Sri Lanka)": "South Asian",
    "Irish English": "Irish",
    "Malaysian English": "Malaysian",
    "New Zealand English": "New Zealand",
    "Scottish English": "Scottish",
    "Singaporean English": "Singaporean",
    "South Atlantic (Falkland Islands, Saint Helena)": "South Atlantic",
    "Southern African (South Africa, Zimbabwe, Namibia)": "Southern African",
    "Welsh English": "Welsh",
    "West Indies and Bermuda (Bahamas, Bermuda, Jamaica, Trinidad)": "West Indian",
}
# Accents are parted by commas, in later releases by "|"; some have commas in brackets.
_BETWEEN = re.compile(r"[,|](?![^()]*\))")
# Locales are BCP 47 tags but for these.
_TAGS = {"nan-tw": "nan-TW", "ipk": "ik"}
_TOLD = ("up_votes", "down_votes", "variant", "segment", "sentence_domain", "sentence_id")


def _read(root: Path) -> Iterator[Entry]:
    patterns = ("train.tsv", "*/train.tsv", "*/*/train.tsv")
    tables = next(filter(None, (sorted(root.glob(pattern)) for pattern in patterns)), [])
    if not tables:
        _files.require(root, "train.tsv", "Common Voice")
    found: dict[str, Path] = {}
    for folder in (table.parent.absolute() for table in tables):
        if folder.name in found:
            raise LayoutError(
                f"Expected each locale of Common Voice once in {root}, but found {folder.name!r} "
                f"in {found[folder.name]} and in {folder}; give the folder of one release."
            )
        found[folder.name] = folder
    for locale, folder in sorted(found.items()):
        for split, name in _SPLITS.items():
            table = _files.require(folder, name, f"Common Voice ({locale})")
            for line, row in _files.rows(table, _COLUMNS, delimiter="\t"):
                yield _entry(row, folder, locale, split, f"line {line} of {table}")


def _entry(row: Mapping[str, str], folder: Path, locale: str, split: str, where: str) -> Entry:
    locale = row.get("locale") or locale
    key = row["path"].removesuffix(".mp3")
    accents = row.get("accents") or row.get("accent", "")
    labels = {
        "gender": _known(_GENDERS, [row["gender"]]),
        "age": _known(_AGES, [row["age"]]),
        "accent": _known(_ACCENTS, _BETWEEN.split(accents)),
    }
    told = {"accents": accents, **{name: row.get(name, "") for name in _TOLD}}
    if not labels["gender"]:
        told["gender"] = row["gender"]
    return Entry(
        key=key,
        path=_files.recording(folder / "clips", row["path"], where),
        split=split,
        language=_TAGS.get(locale, locale),
        transcript=row["sentence"],
        labels={kind: values for kind, values in labels.items() if values},
        source=f"common_voice:{key}",  # the words of MSWC were cut from these
        speaker=row["client_id"],
        extra={name: value for name, value in told.items() if value},
    )


def _known(table: Mapping[str, str], values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table[value.strip()] for value in values if value.strip() in table))


corpus = Corpus(
    title="Common Voice",
    homepage="https://commonvoice.mozilla.org",
    licence="CC0 1.0",
    cite="Ardila et al., Common Voice: A Massively-Multilingual Speech Corpus, 2020, "
    "https://aclanthology.org/2020.lrec-1.520",
    size="24,231 h in 100 languages, 568 GB (11.0); 38,932 h in 289 languages (24.0)",
    obtain="Since October 2025 Mozilla Data Collective alone hands it out: make an account at "
    "https://datacollective.mozillafoundation.org, accept the terms of a locale, download its "
    "cv-corpus-VERSION-LOCALE.tar.gz, unpack it and give the folder that holds train.tsv, or one "
    "that holds several such folders.",
    splits=tuple(_SPLITS),
    languages=MANY,
    labels={
        "gender": GENDERS,
        "age": tuple(_AGES.values()),
        "accent": tuple(_ACCENTS.values()),
    },
    read=_read,
)
