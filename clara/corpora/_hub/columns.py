"""What the columns of a data set mean, by their names and types: a row becomes an entry."""

from __future__ import annotations

import datetime
import decimal
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clara.corpora import EMOTIONS
from clara.corpora._hub.address import FIELDS
from clara.errors import LayoutError

Kinds = Mapping[str, str | list[str]]
"""Column to "audio", "text", "number", "other" (what no JSON can hold), or names of its classes."""

_CAPTION = re.compile(r"(text|caption|description)s?_?\d*")
_NAMES = {
    "transcript": (
        *("transcript", "transcription", "sentence", "raw_transcription", "raw_text"),
        "normalized_text",
    ),
    "language": ("language", "lang", "locale", "lang_id", "language_code"),
    "speaker": ("speaker_id", "speaker", "client_id", "spk_id", "actor_id", "actor"),
    "licence": ("licence", "license"),
    "source": ("youtube_id", "ytid", "yt_id", "freesound_id", "fsid"),
    "gender": ("gender", "sex"),
    "age": ("age",),
    "accent": ("accent", "accents"),
    "emotion": ("emotion", "emotions", "major_emotion"),
    "keyword": ("keyword",),
    "scene": ("scene", "scene_label"),
    "intensity": ("intensity",),
    "tag": ("tag", "tags"),
    "sound": (
        *("human_labels", "sound", "sounds", "label_names", "labels", "label", "category"),
        *("categories", "class_name", "class_label", "class", "classes"),
    ),
}
_MEN, _WOMEN = ("male", "m", "man", "masculine"), ("female", "f", "woman", "feminine")
_FEELINGS = {
    **{emotion: emotion for emotion in EMOTIONS},
    **{"anger": "angry", "disgust": "disgusted", "fear": "fearful", "scared": "fearful"},
    **{"happiness": "happy", "joy": "happy", "sadness": "sad", "surprise": "surprised"},
    **{"boredom": "bored", "calmness": "calm"},
}
_TAG = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_NUMBER = re.compile(r"u?int|float|double|half|bool")
_LONGEST_LIST = 100


def described(features: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """The kind of each column of a data set, from its `Features`."""
    return {name: _kind(feature) for name, feature in features.items()}


def of_schema(schema: Any) -> dict[str, str | list[str]]:
    """The kind of each column of an Arrow table, where that is all that is known."""
    import pyarrow as pa

    kinds: dict[str, str | list[str]] = {}
    for column in schema:
        parts = {part.name for part in column.type} if pa.types.is_struct(column.type) else set()
        binary = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
        named = column.name == "audio" and binary
        kinds[column.name] = (
            "audio" if parts == {"bytes", "path"} or named else "other" if binary else "text"
        )
    return kinds


def _kind(feature: Any) -> str | list[str]:
    if isinstance(feature, list):
        feature = feature[0] if feature else None
    name = type(feature).__name__
    if name in ("List", "LargeList", "Sequence"):
        inner = _kind(feature.feature)
        return inner if isinstance(inner, list) else "other" if inner == "audio" else inner
    if name == "ClassLabel":
        return [str(each) for each in feature.names or ()]
    if name == "Audio":
        return "audio"
    if name == "Value":
        dtype = str(feature.dtype)
        return "number" if _NUMBER.match(dtype) else "other" if "binary" in dtype else "text"
    if name == "dict":
        return "audio" if set(feature) == {"bytes", "path"} else "text"
    return "other"


@dataclass(frozen=True)
class Meaning:
    """Which columns hold what.

    Attributes:
        audio: The column of the recordings.
        fields: A field of an entry, or a kind of label, to its columns, the most telling first.
        classes: Column to the names of its classes.
        extra: The columns that are kept as they are.
        language: The language of all rows, where it was given and not a column of it.
    """

    audio: str
    fields: Mapping[str, tuple[str, ...]]
    classes: Mapping[str, list[str]]
    extra: tuple[str, ...]
    language: str = ""

    @property
    def wanted(self) -> list[str]:
        """The columns to read, but for the audio."""
        used = (column for columns in self.fields.values() for column in columns)
        return list(dict.fromkeys((*used, *self.extra)))

    def entry(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What a row says, as arguments of an `Entry`."""
        labels = {kind: self._labels(kind, values) for kind in self.fields if kind not in FIELDS}
        languages = filter(None, map(_language, self._words("language", values)))
        return {
            "texts": tuple(dict.fromkeys(self._words("text", values))),
            "transcript": next(self._words("transcript", values), ""),
            "language": self.language or next(languages, ""),
            "speaker": next(self._words("speaker", values), ""),
            "licence": next(self._words("licence", values), ""),
            "source": self._source(values),
            "labels": {kind: words for kind, words in labels.items() if words},
            "extra": dict(self._extra(values)),
        }

    def _words(self, field: str, values: Mapping[str, Any]) -> Iterator[str]:
        """The texts of all columns of a field."""
        for column in self.fields.get(field, ()):
            names = self.classes.get(column)
            value = values[column]
            for each in value if isinstance(value, list) else [value]:
                if names is not None and isinstance(each, int):
                    each = names[each] if 0 <= each < len(names) else None
                word = _word(each)
                if word:
                    yield word

    def _labels(self, kind: str, values: Mapping[str, Any]) -> tuple[str, ...]:
        words = (_label(kind, word) for word in self._words(kind, values))
        return tuple(dict.fromkeys(filter(None, words)))

    def _source(self, values: Mapping[str, Any]) -> str:
        for column in self.fields.get("source", ()):
            word = _word(values[column])
            if word:
                site = "freesound" if column.lower().startswith(("freesound", "fs")) else "youtube"
                known = column.lower() in _NAMES["source"]
                return f"{site}:{word}" if known else word
        return ""

    def _extra(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for column in self.extra:
            names, value = self.classes.get(column), values[column]
            if names is not None and isinstance(value, int):
                value = names[value] if 0 <= value < len(names) else None
            value = _plain(value)
            if value not in (None, "", [], {}):
                yield column, value


def meaning(kinds: Kinds, given: Mapping[str, tuple[str, ...]], place: str) -> Meaning:
    """Finds out which columns hold what.

    Args:
        kinds: The kind of each column.
        given: What the user says, over what names and types say.
        place: Of the data set, for messages.

    Raises:
        LayoutError: No column holds audio, or one that was named is not there.
    """
    given = dict(given)
    language = ""
    if len(given.get("language", ())) == 1 and given["language"][0] not in kinds:
        language = _language(given["language"][0])
        given["language"] = () if language else given["language"]
    for name, columns in given.items():
        for column in columns:
            if column not in kinds:
                raise LayoutError(
                    f"Expected the column {column!r} for {name} in {place}, but found the columns "
                    f"{', '.join(kinds)}."
                )
    audio = _audio(kinds, given.get("audio", ()), place)
    usable = [name for name in kinds if kinds[name] not in ("audio", "other") and name != audio]
    classes = {name: kind for name in usable if isinstance(kind := kinds[name], list)}
    fields = _guessed(usable, kinds)
    for name, columns in given.items():
        if name != "audio":
            # A column that was given to one field is not taken for another.
            fields = {key: tuple(c for c in fields[key] if c not in columns) for key in fields}
            fields[name.removeprefix("label.")] = columns
    fields = {name: columns for name, columns in fields.items() if columns}
    used = {column for columns in fields.values() for column in columns}
    extra = tuple(name for name in usable if name not in used)
    return Meaning(audio, fields, classes, extra, language)


def _audio(kinds: Kinds, given: Sequence[str], place: str) -> str:
    if given:
        return given[0]
    found = [name for name, kind in kinds.items() if kind == "audio"]
    if not found:
        raise LayoutError(
            f"Expected a data set with a column of audio at {place}, but found one without one "
            f"(columns: {', '.join(kinds) or 'none'}); say which it is with audio=COLUMN."
        )
    return next((name for name in ("audio", "file") if name in found), found[0])


def _guessed(usable: Collection[str], kinds: Kinds) -> dict[str, tuple[str, ...]]:
    """What the names of columns say, and what their classes are."""
    by_name = {name.lower(): name for name in reversed(list(usable))}
    fields: dict[str, tuple[str, ...]] = {}
    for field, names in _NAMES.items():
        found = tuple(by_name[name] for name in names if name in by_name)
        if field == "sound":
            # Numbers without names say nothing, and two spellings of one thing are enough.
            found = tuple(name for name in found if kinds[name] != "number")[:1]
            if found and _feelings(kinds[found[0]]):
                field = "emotion"
        if found:
            fields.setdefault(field, found)
    texts = [name for name in usable if _CAPTION.fullmatch(name.lower())]
    spoken = [name for name in texts if name.lower() == "text"]
    if spoken and ("speaker" in fields or "transcript" in fields):
        # Where somebody is known to speak, "text" is what they say.
        fields["transcript"] = (*fields.get("transcript", ()), *spoken)
        texts = [name for name in texts if name not in spoken]
    return {**fields, "text": tuple(sorted(texts, key=_natural))}


def _feelings(kind: str | list[str]) -> bool:
    return isinstance(kind, list) and all(name.lower() in _FEELINGS for name in kind)


def _natural(name: str) -> tuple[str, int]:
    digits = re.search(r"\d*$", name)
    assert digits is not None
    return name[: digits.start()], int(digits[0] or 0)


def _word(value: Any) -> str:
    """A text or a number as a word; nothing of anything else."""
    if isinstance(value, float):
        value = int(value) if value.is_integer() else value if math.isfinite(value) else ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _label(kind: str, word: str) -> str:
    if kind == "gender":
        last = word.lower().rpartition("_")[2]
        return "man" if last in _MEN else "woman" if last in _WOMEN else ""
    if kind == "emotion":
        return _FEELINGS.get(word.lower(), word.lower())
    if kind == "sound" and word.lstrip("-").isdigit():
        return ""
    return " ".join(word.replace("_", " ").split())


def _language(word: str) -> str:
    """A BCP 47 tag from a tag or the English name of a language; empty if it is none."""
    from clara.text.languages import LANGUAGES

    if _TAG.fullmatch(word):
        first, *rest = re.split("[-_]", word)
        parts = (part.upper() if len(part) == 2 else part for part in rest)
        return "-".join((first.lower(), *parts))
    names = {name.lower(): tag for tag, name in LANGUAGES.items()}
    return names.get(word.lower(), "")


def _plain(value: Any) -> Any:
    """A value as JSON can hold it, or None; long lists are left out."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, list):
        return [_plain(each) for each in value] if len(value) <= _LONGEST_LIST else None
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return None
