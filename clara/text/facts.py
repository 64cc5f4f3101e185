"""What is known of a recording, and whether a sentence says all of it and nothing against it.

The rule, which holds for sentences by grammar and by language models alike (`fault`):

- The words spoken stand in the sentence as they are, between quotation marks. What follows looks
  only at the rest of it.
- A label is said if each word of it, articles and the like aside, is there in one of its forms
  (bark, barks, barking; angry, angrily), or one of the ways of saying it in the tables below (male
  for man, furious for angry, twenty-eight for 28).
- A caption, of a sound or a picture, is said if 60 % of its words are there in one of their forms.
- No gender and no emotion of the tables is named that is not among what is known.
- It is one sentence in English, and not much longer than what there is to say.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from clara.records import Entry, Labels
from clara.text.languages import language_name
from clara.text.quotes import BEFORE, BEHIND
from clara.text.scripts import share_in_script

BACKGROUND = "background"
"""The kind of label that names what is mixed in behind (equation 1)."""

_ALIKE: Mapping[str, Mapping[str, str]] = {
    "gender": {
        "man": "male men masculine gentleman guy boy he his him",
        "woman": "female women feminine lady girl she her hers",
        "person": "someone somebody individual speaker human baby child infant teenager toddler",
    },
    "emotion": {
        "angry": "anger furious enraged irate mad rage",
        "disgusted": "disgust revolted repulsed revulsion",
        "fearful": "fear afraid scared frightened terrified anxious",
        "happy": "joyful joy cheerful glad delighted",
        "neutral": "unemotional matter-of-fact emotionless",
        "sad": "sorrowful sorrow unhappy mournful melancholy",
        "surprised": "astonished amazed surprise",
        "calm": "serene tranquil relaxed",
        "bored": "boredom uninterested",
        "excited": "excitement enthusiastic thrilled",
        "sarcastic": "sarcasm sarcastically ironic",
        "amused": "amusement entertained",
        "sleepy": "drowsy",
    },
    "intensity": {
        "strong": "intense high powerful",
        "high": "intense strong powerful",
        "normal": "ordinary moderate usual",
        "medium": "moderate middling",
        "low": "slight mild weak subdued",
    },
    "manner": {
        "speaking": "say says said talk talks tell tells utter speech spoken spoke words state"
        " remark declare announce voice",
        "singing": "sung sang song melody",
    },
    "age": {"teens": "teenage teenager adolescent"},
}
_EXCLUSIVE = ("gender", "emotion")
"""The kinds of which nothing may be named that is not known."""
_NEUTRAL = frozenset({"person"})
_FUNCTION = """
    a an the of in on at by to and or with for from as is are be been was were it its this that
    there then while which who into over near some one
"""
# Words without other forms: "here" is none of "her", nor "many" of "man", "made" of "mad".
_FIXED = """
    can has have heard he him she his her hers they their not but out here many made
"""
_EMPTY = frozenset(_FUNCTION.split())
_ENGLISH = _EMPTY | frozenset(_FIXED.split())
_ENDINGS = (
    *("iness", "ingly", "fully", "ness", "ings", "edly", "ing", "ies", "ied", "ily", "ful"),
    *("ed", "es", "ly", "s", "y", "e"),
)
# Kinds whose values are common words, and what stands where nothing is known.
_COMMON = (*_ALIKE, "age")
_UNKNOWN = frozenset({"unknown", "unspecified", "undefined", "not specified", "n/a", "other"})
_TAG = re.compile(r"[a-z]{2,3}(?:[-_]\w+)*")
_SOUND_OF = re.compile(r"^The sounds? of ")
_SHARE = 0.6
_IN_SCRIPT = 0.6
_WORD = re.compile(r"\w+(?:['’\-]\w+)*")
# The end of a sentence with another one behind it; "Dr. Who" and "J. S. Bach" are none.
_NEXT = re.compile(r"(?:(?<!\b[A-Z])(?<!\b[A-Z][a-z])(?<!Mrs)\.|[!?。！？])[\"'”’»)]*\s+\w")
_NUMBERS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_MULTIPLES = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS, _TENS = _NUMBERS.split(), _MULTIPLES.split()
_DECADES = {f"{ten[:-1]}ies": f"{number}0s" for number, ten in enumerate(_TENS, start=2)}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a recording, ready to be said.

    Attributes:
        labels: Kind of label to values; no empty ones, no background, nothing that is spoken.
        spoken: The words spoken.
        language: English name of the language they are in.
        background: What is mixed in behind.
        heard: A caption that says the labels and the words already; descriptions start from it.
        seen: Captions of the frames of the video, in order.
    """

    labels: Labels = field(default_factory=dict)
    spoken: str = ""
    language: str = ""
    background: tuple[str, ...] = ()
    heard: str = ""
    seen: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is known."""
        return bool(self.about_sound() or self.background or self.heard or self.seen)

    def about_sound(self) -> bool:
        """Whether it is known what is heard in front, by labels, words or language."""
        return bool(self.labels or self.spoken or self.language)

    def texts(self, *, quoted: bool = True) -> Iterator[str]:
        """All of it, piece by piece, with what is spoken or without."""
        for values in self.labels.values():
            yield from values
        yield from filter(None, (self.spoken if quoted else "", self.language, self.heard))
        yield from (*self.background, *self.seen)


def facts_of(entry: Entry, *, heard: str = "", seen: tuple[str, ...] = ()) -> Facts:
    """What an entry tells of its recording.

    Args:
        entry: Its labels, words and language count.
        heard: A caption of what is heard. Then only those labels and words of the entry count
            that it says itself, as what has to be kept of it.
        seen: Captions of the frames of its video, in order.

    >>> from pathlib import Path
    >>> entry = Entry("a", Path("a.wav"), language="pl", labels={"emotion": ("sad",)})
    >>> facts_of(entry).labels, facts_of(entry).language
    ({'emotion': ('sad',)}, 'Polish')
    >>> facts_of(entry, heard="A sad voice", seen=("a room",)).language
    ''
    """
    labels = {kind: _known(kind, values) for kind, values in entry.labels.items()}
    labels = {kind: values for kind, values in labels.items() if values}
    background = tuple(_SOUND_OF.sub("", each) for each in labels.pop(BACKGROUND, ()))
    keywords = labels.pop("keyword", ())
    spoken = _clean(entry.transcript) or " ".join(keywords)
    unsaid = tuple(word for word in keywords if word.lower() not in spoken.lower())
    if unsaid:
        labels["keyword"] = unsaid
    tags = labels.pop("language", ()) or _clean_all((entry.language,))
    # A tag that has no name would be no word of a sentence.
    named = (language_name(tag) or ("" if _TAG.fullmatch(tag) else tag) for tag in tags)
    language = " and ".join(filter(None, named))
    seen = _clean_all(seen)
    if not _clean(heard):
        return Facts(labels, spoken, language, background, "", seen)
    quoted = bool(spoken) and _without_quote(_clean(heard), spoken) is not None
    rest = _without_quote(_clean(heard), spoken) if quoted else _clean(heard)
    kept = {
        kind: tuple(value for value in values if _said(kind, value, rest or ""))
        for kind, values in labels.items()
    }
    return Facts(
        {kind: values for kind, values in kept.items() if values},
        spoken if quoted else "",
        language if language and _said("", language, rest or "") else "",
        tuple(each for each in background if not _said("", each, rest or "")),
        _clean(heard),
        seen,
    )


def faithful(sentence: str, facts: Facts) -> bool:
    """Whether a sentence says all that is known and nothing against it; see this module.

    >>> known = Facts({"gender": ("man",), "emotion": ("angry",)}, "Go home.")
    >>> faithful('“Go home.”, a furious male voice says', known)
    True
    >>> faithful('A man angrily says "Go home!"', known), faithful('He says "Go home."', known)
    (False, False)
    """
    return not fault(sentence, facts)


def fault(sentence: str, facts: Facts) -> str:
    """What is wrong with a sentence about a recording, or "" if nothing is.

    Args:
        sentence: In English.
        facts: What it has to say.

    Returns:
        Words that go on from "the answer", the same for all sentences with that fault.
    """
    sentence = _clean(sentence)
    if not sentence:
        return "is empty"
    rest = sentence
    if facts.spoken:
        found = _without_quote(sentence, facts.spoken)
        if found is None:
            return "changes what is quoted"
        rest = found
    if len(sentence) > 3 * sum(map(len, facts.texts())) + 120:
        return "is much longer than what is known"
    ends = sum(len(_NEXT.findall(text)) for text in facts.texts(quoted=False))
    if len(_NEXT.findall(rest)) > ends:
        return "is more than one sentence"
    if not _in_english(rest, facts):
        return "is in another language"
    if any(not _said(kind, label, rest) for kind, label in _labels(facts)):
        return "loses a label"
    if any(not _told(caption, rest) for caption in (facts.heard, *facts.seen) if caption):
        return "loses a caption"
    return "says what is not known" if _invents(rest, facts) else ""


def _labels(facts: Facts) -> Iterator[tuple[str, str]]:
    for kind, values in facts.labels.items():
        yield from ((kind, value) for value in values)
    if facts.language:
        yield "", facts.language
    yield from ((BACKGROUND, each) for each in facts.background)


def _said(kind: str, label: str, text: str) -> bool:
    """Whether a text says a label, in other words of the same kind or in its own."""
    words = _stems(text)
    wanted = _content(label)
    if not wanted:  # of a label such as "?!" there are no forms
        return label.lower() in text.lower()
    if wanted <= words:
        return True
    return any(_stems(other) <= words for other in _others(kind, label.lower()))


def _told(caption: str, text: str) -> bool:
    """Whether a text says a caption: most of its words."""
    wanted = _content(caption)
    return len(wanted & _stems(text)) >= _SHARE * len(wanted)


@functools.cache
def _others(kind: str, label: str) -> tuple[str, ...]:
    """Other ways to say a label."""
    others = _ALIKE.get(kind, {}).get(label, "").split()
    if kind == "age":
        others += [_DECADES[label]] if label in _DECADES else []
        others += [_number(int(label))] if label.isdecimal() and len(label) < 3 else []
    return tuple(others)


def _number(number: int) -> str:
    if number < 20:
        return _UNITS[number]
    ten, unit = _TENS[number // 10 - 2], number % 10
    return f"{ten}-{_UNITS[unit]}" if unit else ten


def _invents(text: str, facts: Facts) -> bool:
    words = _stems(text)
    known = frozenset[str]().union(*map(_stems, facts.texts(quoted=False)))
    for kind in _EXCLUSIVE:
        mine = {label.lower() for label in facts.labels.get(kind, ())}
        for label, alike in _ALIKE[kind].items():
            if label in mine | _NEUTRAL:
                continue
            named = map(_stems, (label, *alike.split()))
            if any(stems <= words and not stems <= known for stems in named):
                return True
    return False


def _in_english(text: str, facts: Facts) -> bool:
    """Whether a text may be English: in its script, and if long, with a word such as "the"."""
    own = frozenset[str]().union(*map(_stems, facts.texts()))
    foreign = [word for word in _WORD.findall(text) if _stem(word) not in own]
    if share_in_script(" ".join(foreign), "en") < _IN_SCRIPT:
        return False
    return len(foreign) < 6 or any(word.lower() in _ENGLISH for word in foreign)


def _without_quote(sentence: str, spoken: str) -> str | None:
    """The sentence without the words spoken, or None if it does not quote them as they are."""
    rest, count = re.subn(f"{BEFORE}{re.escape(spoken)}{BEHIND}", " ", sentence)
    return rest if count else None


@functools.cache
def _stem(word: str) -> str:
    """A word without its ending; forms of one word have one stem.

    >>> [_stem(word) for word in ("angry", "angrily", "stopped", "stops", "noise", "noises")]
    ['angr', 'angr', 'stop', 'stop', 'nois', 'nois']
    """
    word = word.lower().replace("’", "'").removesuffix("'s")
    if word in _ENGLISH or word.endswith("ss"):
        return word
    ending = next(
        (each for each in _ENDINGS if word.endswith(each) and len(word) - len(each) > 2), ""
    )
    word = word.removesuffix(ending)
    doubled = ending in ("ing", "ings", "ed") and len(word) > 3 and word[-1] == word[-2]
    return word[:-1] if doubled and word[-1] not in "flsz" else word


def _stems(text: str) -> frozenset[str]:
    words = _WORD.findall(text)
    parts = [part for word in words if "-" in word for part in word.split("-")]
    return frozenset(map(_stem, (*words, *parts)))


def _content(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning; of all where none does."""
    words = [part for word in _WORD.findall(text) for part in word.split("-")]
    return frozenset(_stem(word) for word in words if word.lower() not in _EMPTY) or frozenset(
        map(_stem, words)
    )


def _clean(text: str) -> str:
    return " ".join(text.split())


def _known(kind: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """The values of a kind that say something, as they stand within a sentence."""
    if kind in ("keyword", "sound", BACKGROUND):
        return _clean_all(values)  # somebody may say "unknown", and a sound be called so
    lowered = (each.lower() if kind in _COMMON else each for each in values)
    return tuple(each for each in _clean_all(tuple(lowered)) if each.lower() not in _UNKNOWN)


def _clean_all(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_clean, values))))
