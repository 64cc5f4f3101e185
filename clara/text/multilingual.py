"""Labels, prompts and captions in many languages, and what to have spoken in them (appendix C).

The tables beside this module (`_tables/`, with a page that says how they are made) are written by
hand, one file a language: nothing is translated while this runs, and no word is inflected by a
rule. Where the grammar of a language would bend a label, the sentence puts it behind a colon, or
the table holds the phrase as it stands in the sentence. English is `clara.text.phrases`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from clara.errors import UnknownNameError
from clara.records import Labels
from clara.text import phrases
from clara.text.languages import language_name

Kind = Literal["labels", "words", "sentences"]

_TABLES = Path(__file__).parent / "_tables"
_SAME = {"nb": "no", "cmn": "zh"}
_TRADITIONAL = frozenset({"hant", "tw", "hk", "mo"})
_AGE = re.compile(r"\d{1,3}")
_SLOT = re.compile(r"\{(\w+)\}")
# Labels of these kinds are the words of the recording itself: to translate them would be wrong.
_SPOKEN = ("keyword",)
_MANNERS = {"speaking": "speak", "singing": "sing"}

Table = Mapping[str, Mapping[str, str]]


@functools.cache
def languages(kind: Kind = "labels") -> tuple[str, ...]:
    """The languages of one kind of table, as BCP 47 tags, sorted.

    Args:
        kind: "labels" for labels, prompts and captions; "words" and "sentences" for what speakers
            are given to say.

    >>> len(languages()) >= 40, len(languages("words")) >= 31
    (True, True)
    """
    found = {path.stem for path in (_TABLES / kind).iterdir() if not path.name.startswith(".")}
    return tuple(sorted(found | {"en"}))


@functools.cache
def known_labels(kind: str) -> tuple[str, ...]:
    """The labels of a kind that the tables translate, in English, in their order.

    Args:
        kind: A kind of label; "language" has BCP 47 tags.

    >>> known_labels("gender")
    ('man', 'woman', 'person')
    """
    tables = (_table(language) for language in languages() if language != "en")
    return tuple(dict.fromkeys(label for table in tables for label in table.get(kind, {})))


def translate_label(kind: str, label: str, language: str) -> str | None:
    """A label as the language names it, or None where the tables do not know it.

    Args:
        kind: A kind of label: sound, emotion, gender, age, intensity, manner, language; a keyword
            is what was said, and stays as it is.
        label: In English, in either case; an age also as a number, a language as BCP 47 tag.
        language: BCP 47 tag of the language to translate into.

    Raises:
        UnknownNameError: There is no table of that language.

    >>> translate_label("sound", "dog", "pl"), translate_label("sound", "narwhal", "pl")
    ('pies', None)
    >>> translate_label("age", "31", "ru"), translate_label("age", "33", "ru")
    ('31 год', '33 года')
    """
    tag = _tag(language, "labels")
    label = " ".join(label.split())
    if kind in _SPOKEN:
        return label or None
    if tag == "en":
        return _in_english(kind, label)
    table = _table(tag)
    if kind == "age" and _AGE.fullmatch(label):
        return _years(table, str(int(label)))
    if kind == "language":
        label = label.replace("_", "-").partition("-")[0]
    found = table.get(kind, {})
    return found.get(label.lower()) or found.get(_SAME.get(label.lower(), ""))


def prompts(kind: str, label: str, language: str) -> tuple[str, ...]:
    """The sentences that ask for a label in a language, the first as in Table II.

    What the tables of the language do not know is asked for in English (`untranslated` counts it).

    Args:
        kind: A kind of label.
        label: In English; of a keyword, as it is said.
        language: BCP 47 tag.

    Raises:
        UnknownNameError: There is no table of that language, or no template for that kind.
        UsageError: The label is empty.

    >>> prompts("emotion", "sad", "de")
    ('Eine Person spricht mit trauriger Stimme', 'traurig')
    >>> prompts("sound", "rain", "ja")
    ('音：雨', '聞こえるもの：雨', '雨')
    """
    tag = _tag(language, "labels")
    if tag == "en":
        return phrases.prompts(kind, label)
    return tuple(dict.fromkeys(_asked(kind, label, tag))) or phrases.prompts(kind, label)


def captions(
    labels: Labels, transcript: str = "", spoken: str = "", *, into: str
) -> tuple[str, ...]:
    """What may be said of a recording in a language (`phrases.captions` in that language).

    The richest sentence comes first, then one for each label, then the bare words that are spoken,
    which stay in the language they were spoken in. Labels without a translation are left out.

    Args:
        labels: Kind of label to values, in English.
        transcript: The words spoken; a keyword label stands for a missing one.
        spoken: BCP 47 tag of what is spoken.
        into: BCP 47 tag of the language of the captions.

    Returns:
        Captions in a fixed order, without duplicates; none where nothing is known.

    Raises:
        UnknownNameError: There is no table of the language.

    >>> captions({"emotion": ("sad",), "gender": ("woman",)}, "Dobry wieczór.", into="de")[0]
    'Eine Frau sagt mit trauriger Stimme: „Dobry wieczór.“'
    >>> captions({"sound": ("dog", "rain")}, into="zh")
    ('狗、雨的声音',)
    """
    tag = _tag(into, "labels")
    if tag == "en":
        return phrases.captions(labels, transcript, spoken)
    keywords = tuple(filter(None, (" ".join(word.split()) for word in labels.get("keyword", ()))))
    said = " ".join(transcript.split()) or " ".join(keywords)
    sentences = (
        *_speech(labels, said, tag),
        *_sounds(labels.get("sound", ()), tag),
        *_each(labels, spoken, tag),
        said,
        *keywords,
    )
    return tuple(dict.fromkeys(filter(None, sentences)))


def untranslated(labels: Labels, language: str) -> tuple[tuple[str, str], ...]:
    """The labels of a recording that a language has no words for, as (kind, label).

    >>> untranslated({"sound": ("dog", "narwhal"), "speed": ("fast",)}, "fi")
    (('sound', 'narwhal'), ('speed', 'fast'))
    """
    return tuple(
        (kind, label)
        for kind, values in labels.items()
        for label in values
        if label.strip() and translate_label(kind, label, language) is None
    )


def missing(language: str) -> tuple[tuple[str, str], ...]:
    """The cells that the table of a language leaves open and another table has, as (kind, label).

    Names of languages are not counted: they are those that CLDR has.

    >>> missing("ka")
    ()
    """
    kinds = ("sound", "emotion", "gender", "age", "intensity", "manner")
    return tuple(
        (kind, label)
        for kind in kinds
        for label in known_labels(kind)
        if translate_label(kind, label, language) is None
    )


@functools.cache
def vocabulary(language: str) -> Mapping[str, str]:
    """Common words of a language by their meaning in English: numbers, colours, days, animals.

    Where a language has one word for two meanings, it has the word once.

    Raises:
        UnknownNameError: There is no list of that language.

    >>> vocabulary("eu")["seven"]
    'zazpi'
    """
    return dict(_rows(_file(language, "words")))


def words(language: str) -> tuple[str, ...]:
    """Common words of a language, for corpora of keywords; no word twice.

    Raises:
        UnknownNameError: There is no list of that language.

    >>> words("it")[:3]
    ('zero', 'uno', 'due')
    """
    return tuple(vocabulary(language).values())


@functools.cache
def sentences(language: str) -> tuple[str, ...]:
    """Everyday sentences of 2 to 10 words; those at one place mean the same in all languages.

    Raises:
        UnknownNameError: There is no list of that language.

    >>> sentences("sv")[10]
    'Min mormor bakar mycket gott bröd.'
    """
    return tuple(_file(language, "sentences").read_text("utf-8").splitlines())


def _tag(language: str, kind: Kind) -> str:
    plain, *rest = language.replace("_", "-").lower().split("-")
    plain = _SAME.get(plain, plain)
    if plain == "zh" and _TRADITIONAL & set(rest):
        plain = "zh-hant"  # the tables are in simplified characters
    if plain not in languages(kind):
        raise UnknownNameError(f"table of {kind} for the language", language, languages(kind))
    return plain


def _file(language: str, kind: Kind) -> Path:
    suffix = "txt" if kind == "sentences" else "tsv"
    return _TABLES / kind / f"{_tag(language, kind)}.{suffix}"


def _rows(path: Path) -> Iterator[list[str]]:
    for line in path.read_text("utf-8").splitlines():
        yield line.split("\t")


@functools.cache
def _table(tag: str) -> Table:
    table: dict[str, dict[str, str]] = {}
    for kind, label, text in _rows(_TABLES / "labels" / f"{tag}.tsv"):
        table.setdefault(kind, {})[label] = text
    return table


def _in_english(kind: str, label: str) -> str | None:
    if kind == "language":
        return language_name(label) or None
    known = {word.lower(): word for word in known_labels(kind)}
    if kind == "age" and _AGE.fullmatch(label):
        return f"{int(label)} years old"
    return known.get(label.lower())


def _years(table: Table, number: str) -> str | None:
    """So many years, in the form that goes with the number: 1 rok, 2 lata, 5 lat."""
    rules = table["years"]
    for pattern, text in rules.items():
        if pattern != "digits" and re.fullmatch(pattern, number):
            own = str.maketrans("0123456789", rules.get("digits", "0123456789"))
            return text.replace("{n}", number.translate(own))
    return None


def _fill(frame: str, **slots: str) -> str:
    """The frame with its slots filled in one pass, so braces in what is said stay what they are."""
    if not slots.get("voice"):
        frame = frame.replace(" {voice}", "").replace("{voice}", "")
    return _SLOT.sub(lambda match: slots[match[1]], frame)


def _act(tag: str, verb: str, who: str, said: str = "", emotion: str = "") -> str:
    """Someone speaks, says, sings or sings words, in the voice of an emotion if there is one."""
    table = _table(tag)
    frame = table["frame"].get(f"{verb}.{who}") or table["frame"][verb]
    voice = table["voice"].get(emotion, "")
    return _fill(frame, who=table["who"][who], voice=voice, words=said)


def _asked(kind: str, label: str, tag: str) -> Iterator[str]:
    word = translate_label(kind, label, tag)
    if word is None:
        return
    frames, plain = _table(tag)["frame"], " ".join(label.split()).lower()
    if kind == "sound":
        yield _fill(frames["sound"], label=word)
        yield _fill(frames["heard"], label=word)
    elif kind == "emotion":
        yield _act(tag, "speak", "person", emotion=plain)
    elif kind == "manner":
        yield _act(tag, _MANNERS[plain], "person")
    elif kind in ("age", "intensity", "language"):
        yield _fill(frames[kind], label=word)
        return
    yield word
    if kind == "gender":
        yield _act(tag, "speak", plain)
    if kind == "keyword":
        yield _act(tag, "say", "person", said=word)


def _speech(labels: Labels, said: str, tag: str) -> Iterator[str]:
    def one(kind: str, otherwise: str) -> str:
        cleaned = (" ".join(value.lower().split()) for value in labels.get(kind, ()))
        values = list(filter(None, cleaned))
        return values[0] if len(values) == 1 and values[0] in _table(tag)[kind] else otherwise

    person = any(labels.get(kind) for kind in ("emotion", "gender", "age", "intensity", "accent"))
    if (not said and not person) or labels.get("imitation"):
        return
    verb = ("sing words" if said else "sing") if "singing" in labels.get("manner", ()) else ""
    verb = verb or ("say" if said else "speak")
    yield _act(tag, verb, one("gender", "person"), said, one("emotion", ""))


def _sounds(sounds: tuple[str, ...], tag: str) -> Iterator[str]:
    frames = _table(tag)["frame"]
    named = [word for label in sounds if (word := translate_label("sound", label, tag))]
    if named:
        listed = functools.reduce(lambda a, b: _fill(frames["list"], a=a, b=b), named)
        yield _fill(frames["sound"], label=listed)


def _each(labels: Labels, spoken: str, tag: str) -> Iterator[str]:
    for kind in ("emotion", "gender", "age", "intensity", "manner"):
        for label in labels.get(kind, ()):
            yield from list(_asked(kind, label, tag))[:1]
    for label in labels.get("language", ()) or filter(None, (spoken,)):
        yield from list(_asked("language", label, tag))[:1]
