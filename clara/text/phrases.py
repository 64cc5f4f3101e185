"""Labels become sentences: the templates of Tables II and III, and the captions of III-A1.

A template is a sentence with "{label}" in it. "a" and "A" before it become "an" and "An" where the
label wants it. The kinds of label are those of the corpora: sound, emotion, gender, age, language,
keyword, intensity, scene, accent, manner ("speaking", "singing"), imitation (what a voice imitates)
and song (with artist and album).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from clara.errors import UnknownNameError, UsageError
from clara.records import Labels
from clara.text.languages import language_name

# Table II first; the further ones are for prompt ensembles, averaged in the space of embeddings.
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "sound": (
        "The sound of {label}",
        "The sound of a {label}",
        "{label}",
        "{label} sounds",
        "A {label} can be heard",
    ),
    "emotion": (
        "A person talking in a {label} voice",
        "A person saying something in a {label} voice",
        "A {label} voice",
        "A {label} person talking",
    ),
    "gender": ("A {label}", "A {label} talking", "The voice of a {label}"),
    "age": ("A {label} year old", "A {label} year old person talking"),
    "language": ("{label} speaker", "A {label} speaker", "A person speaking {label}"),
    "keyword": ("{label}", 'A person saying "{label}"', "The word {label}"),
    "intensity": (
        "A person talking with {label} emotional intensity",
        "A voice of {label} emotional intensity",
    ),
    "scene": ("The sound of a {label}", "A recording made in a {label}"),
    "accent": ("A person talking in a {label} accent", "A {label} accent"),
    "manner": ("A person {label}", "{label}"),
    "imitation": ("A vocal imitation of {label}", "A person imitating the sound of {label}"),
    "song": ('A person singing the melody of "{label}"', "The melody of {label}"),
}

# What the authors' code asks with; articles are made to fit, as theirs are for RAVDESS.
PAPER_CODE: Mapping[str, tuple[str, ...]] = {
    "sound": ("The sounds of {label}",),
    "emotion": ("a person talking in a {label} voice",),
    "gender": ("{label}",),
    "age": ("A {label} year old",),
    "language": ("{label} speaker",),
    "keyword": ("{label}",),
    "accent": ("a person talking in the {label} accent",),
    "imitation": ("playing a vocal imitation of {label}",),
}

# Where it asks otherwise for one corpus.
PAPER_CODE_OF: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "esc50": {"sound": ("The sound of the {label}",)},
}

TABLE_III: tuple[str, ...] = (
    "{label}",
    "A {label}",
    "{label} sounds",
    "A {label} can be heard",
    "The sound of a {label}",
    "The {label} emits a distinctive sound",
)

Style = Literal["paper", "code", "ensemble"]

_ARTICLE = re.compile(r"\b([Aa]) (?=\{label\})")
# How a word is said, where its first letter misleads: "an hour", "an 80", "a unit", "a one".
_AN = re.compile(r"[aeiou]|[fhlmnrsx]\b|hour|honest|heir|8|1[18]\b", re.IGNORECASE)
_NOT_AN = re.compile(r"(one|once|uni(?!n|m)|us[aeiu]|us\b|u[bky]|ute|eu)", re.IGNORECASE)
# An age may be a decade: who is in their twenties is not "a twenties year old".
_DECADE = re.compile(r"teens|(twen|thir|for|fif|six|seven|eigh|nine)ties|\d+s")
_YEAR_OLD = re.compile(r"\b([Aa]) \{label\} year old( person)?")
_NO_NUMBER = re.compile(r"\D")
# Ages that are people; others that are no numbers are told of people: "an elderly woman".
_AGED = frozenset({"baby", "child", "infant", "teenager", "toddler"})
_SEXES = {"man": "male", "woman": "female"}
_POSSESSIVES = {"man": "his", "woman": "her"}


def prompt(kind_or_template: str, label: str) -> str:
    """The sentence that asks for a label (V-C1).

    Args:
        kind_or_template: A kind of label, for the template of Table II, or a template.
        label: A class, of one or several words. A BCP 47 tag is named if it is a language.

    Raises:
        UnknownNameError: There is no template for that kind.
        UsageError: The label is empty.

    >>> prompt("emotion", "angry")
    'A person talking in an angry voice'
    >>> prompt("language", "pl")
    'Polish speaker'
    >>> prompt("age", "twenties")
    'A person in their twenties'
    >>> prompt("A {label} can be heard", "church bell")
    'A church bell can be heard'
    """
    if "{label}" in kind_or_template:
        return _fill(kind_or_template, label)
    return prompts(kind_or_template, label)[0]


def prompts(kind: str, label: str, style: Style = "paper") -> tuple[str, ...]:
    """The sentences that ask for a label in one style, without duplicates.

    Args:
        kind: A kind of label.
        label: A class.
        style: "paper" for Table II, "code" for what the authors' code says, "ensemble" for all of
            `TEMPLATES`.

    Raises:
        UnknownNameError: That style has no template for that kind, or there is no such style.
        UsageError: The label is empty.

    >>> prompts("gender", "woman", style="ensemble")
    ('A woman', 'A woman talking', 'The voice of a woman')
    """
    chosen = templates(kind, style)
    if kind == "language":
        label = language_name(label) or label
    return tuple(dict.fromkeys(_fill(template, label) for template in chosen))


def templates(kind: str, style: Style = "paper", corpus: str = "") -> tuple[str, ...]:
    """The templates of one style for a kind of label.

    Args:
        kind: A kind of label.
        style: As in `prompts`.
        corpus: Of whose recordings it is asked; the authors' code asks otherwise for some.

    Raises:
        UnknownNameError: That style has no template for that kind, or there is no such style.

    >>> templates("sound", "code"), templates("sound", "code", "esc50")
    (('The sounds of {label}',), ('The sound of the {label}',))
    """
    styles = {"paper": TEMPLATES, "code": PAPER_CODE, "ensemble": TEMPLATES}
    if style not in styles:
        raise UnknownNameError("style of prompt", style, styles)
    if kind not in styles[style]:
        raise UnknownNameError("prompt template for the label", kind, styles[style])
    if style == "code" and kind in PAPER_CODE_OF.get(corpus, {}):
        return PAPER_CODE_OF[corpus][kind]
    found = styles[style][kind]
    return found[:1] if style == "paper" else found


def captions(labels: Labels, transcript: str = "", language: str = "") -> tuple[str, ...]:
    """What may be said of a recording, by its labels (III-A1, Table II).

    The richest sentence comes first, then those of Table II, then the bare words that are spoken.

    Args:
        labels: Kind of label to values; empty values are passed over.
        transcript: The words spoken; a keyword label stands for a missing one.
        language: BCP 47 tag of what is spoken.

    Returns:
        Captions in a fixed order, without duplicates; none where nothing is known.

    >>> captions({"emotion": ("sad",), "gender": ("woman",)}, "Dobry wieczór.", "pl")[0]
    'A woman saying "Dobry wieczór." in a sad voice'
    >>> captions({"sound": ("dog", "rain", "wind")})
    ('The sounds of dog, rain and wind',)
    """
    known = {kind: _clean_all(values) for kind, values in labels.items()}
    known = {kind: values for kind, values in known.items() if values}
    keywords = known.get("keyword", ())
    spoken = _clean(transcript) or " ".join(keywords)
    sentences = (
        *_speech(known, spoken),
        *_sounds(known.get("sound", ())),
        *_songs(known),
        *_table_ii(known, language),
        spoken,
        *keywords,
    )
    return tuple(dict.fromkeys(sentence for sentence in sentences if sentence))


def person(labels: Labels) -> str:
    """Who speaks, as far as age and gender are known.

    >>> person({"gender": ("woman",), "age": ("28",)}), person({"age": ("teens",)})
    ('A 28 year old woman', 'A person in their teens')
    >>> person({"gender": ("woman",), "age": ("child",)}), person({"age": ("elderly",)})
    ('A female child', 'An elderly person')
    """
    who = listing(_clean_all(labels.get("gender", ()))) or "person"
    age = next(iter(_clean_all(labels.get("age", ()))), "")
    if _DECADE.fullmatch(age):
        return _fill("A {label}", f"{who} in {_POSSESSIVES.get(who, 'their')} {age}")
    if age.lower() in _AGED:
        sex = _SEXES.get(who, "" if who == "person" else who)
        return _fill("A {label}", f"{sex} {age}")
    aged = age if _NO_NUMBER.match(age) else f"{age} year old"
    return _fill("A {label}", f"{aged} {who}" if age else who)


def listing(words: Sequence[str]) -> str:
    """Words as one phrase.

    >>> listing(["dog", "rain", "wind"])
    'dog, rain and wind'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _speech(known: Labels, spoken: str) -> Iterator[str]:
    """'A gender saying transcription in a emotion voice', as far as it is known."""
    if not spoken and not known.keys() & {"emotion", "gender", "age", "intensity", "accent"}:
        return
    if "imitation" in known:
        yield f"{person(known)} imitating the sound of {listing(known['imitation'])}"
        return
    sung = "singing" in known.get("manner", ())
    sentence = person(known)
    if spoken:
        sentence += f' {"singing" if sung else "saying"} "{spoken}"'
    else:
        sentence += " singing" if sung else " talking"
    if "emotion" in known:
        sentence += _fill(" in a {label} voice", listing(known["emotion"]))
    if "intensity" in known:
        link = " with" if "emotion" in known else " in a voice of"
        sentence += f"{link} {listing(known['intensity'])} emotional intensity"
    if "accent" in known:
        sentence += _fill(" with a {label} accent", listing(known["accent"]))
    yield sentence


def _songs(known: Labels) -> Iterator[str]:
    for song in known.get("song", ()):
        sentence = prompt("song", song)
        if "artist" in known:
            sentence += f" by {listing(known['artist'])}"
        if "album" in known:
            sentence += f" from the album {listing(known['album'])}"
        yield sentence


def _sounds(sounds: Sequence[str]) -> Iterator[str]:
    if sounds:
        yield f"The sound{'s' if len(sounds) > 1 else ''} of {listing(sounds)}"


def _table_ii(known: Labels, language: str) -> Iterator[str]:
    sung = "singing" in known.get("manner", ())
    for kind in ("emotion", "gender", "age", "intensity", "scene", "accent", "manner", "imitation"):
        template = TEMPLATES[kind][0]
        if sung:
            template = template.replace("talking", "singing")
        for label in known.get(kind, ()):
            yield prompt(template, label)
    for label in known.get("language", ()) or (language_name(language),):
        if label:
            yield prompt("language", label)
    for kind in sorted(known.keys() - TEMPLATES.keys() - {"artist", "album", "background"}):
        yield from known[kind]  # of a kind that only its owner knows: the bare label


def _fill(template: str, label: str) -> str:
    label = _clean(label)
    if not label:
        raise UsageError("Expected a label to ask for, but found an empty one; name the class.")
    if _DECADE.fullmatch(label):
        template = _YEAR_OLD.sub(r"\1 person in their {label}", template)
    elif label.lower() in _AGED:
        template = _YEAR_OLD.sub(r"\1 {label}", template)
    elif _NO_NUMBER.match(label):
        template = _YEAR_OLD.sub(r"\1 {label} person", template)
    if _AN.match(label) and not _NOT_AN.match(label):
        template = _ARTICLE.sub(r"\1n ", template)
    return template.replace("{label}", label)


def _clean(text: str) -> str:
    return " ".join(text.split())


def _clean_all(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_clean, values))))
