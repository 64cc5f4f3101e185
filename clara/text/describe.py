"""Sentences by grammar about all that is known of a recording: the function f of figure 2.

`clara.text.phrases` has the one sentence that stands for a set of labels in training and asking;
here are many for the same: in other orders, of other register and length, each saying all that is
known (`clara.text.facts.faithful`). Which of them a recording gets follows from its key.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from clara.text.facts import Facts
from clara.text.phrases import listing, person, prompt
from clara.text.words import split

_ROUNDS = 8
_PERSONAL = frozenset({"emotion", "gender", "age", "intensity", "accent", "manner"})
_VOCAL = frozenset({"imitation", "song"})
_KINDS = _PERSONAL | _VOCAL | {"artist", "album", "sound", "scene", "keyword"}
# Infinitive, third person, participle, passive participle.
_SAY = (
    ("say", "says", "saying", "said"),
    ("say", "says", "saying", "said"),
    ("speak the {words}", "speaks the {words}", "speaking the {words}", "spoken"),
    ("utter", "utters", "uttering", "uttered"),
)
_TALK = (("talk", "talks", "talking", ""), ("speak", "speaks", "speaking", ""))
_SING = (("sing", "sings", "singing", "sung"),)
_IMITATE = (("imitate", "imitates", "imitating", ""),)
# Emotions that are said of a person as of a voice: "an angry woman", but no "neutral woman".
_FELT = "angry happy sad calm bored excited surprised disgusted fearful amused sleepy"
# Heads of labels that take no article although they neither end in "-ing" nor in the plural.
_MASS = """
    air applause children coffee feet geese glass grass hail ice laughter lava machinery men metal
    mice music noise paper people rain sand silence sleet snow speech static steam teeth thunder
    traffic water weather wind women wood work
"""
_OF_PEOPLE, _BARE = frozenset(_FELT.split()), frozenset(_MASS.split())
_PLURAL = re.compile(r".*[^sui]s$")
_NAME = re.compile(r".*[,(/]|[A-Z]")
_LOWERED = re.compile(
    r"(An?|The|Some|Someone|One|Two|Three|Four|Several|Many|There|People|In|This)(?= )"
)


def describe(facts: Facts, key: str, count: int = 1) -> tuple[str, ...]:
    """Sentences about a recording, in as many forms.

    Args:
        facts: What is known of it.
        key: Of the recording; the same key draws the same sentences.
        count: How many to make.

    Returns:
        `count` different ones, or fewer where there are not as many forms; none where nothing is
        known.

    >>> known = Facts({"emotion": ("angry",), "gender": ("woman",)}, "Go!", background=("rain",))
    >>> for sentence in describe(known, "a", 3):
    ...     print(sentence)
    The voice of a woman uttering "Go!" in an angry tone, background rain
    Amidst rain in the background, one hears an angry woman utter "Go!"
    A woman says "Go!" in an angry tone, background rain
    """
    dice = random.Random(f"describe/{key}")
    found: dict[str, None] = {}
    for _ in range(_ROUNDS if facts else 0):
        forms = len(list(_cores(facts, dice)))
        for form in dice.sample(range(forms), forms):
            if len(found) < count:
                core = list(_cores(facts, dice))[form]  # again, for other words
                found.setdefault(_arranged(core, list(_around(facts, dice)), dice))
    return tuple(found)


class _Core(NamedTuple):
    """What is said of the sound itself, in lower case.

    Attributes:
        text: A clause, or a noun phrase that stands for one.
        clause: Which of them: something may be said in front of a clause.
    """

    text: str
    clause: bool


def _arranged(core: _Core, around: Sequence[tuple[str, str]], dice: random.Random) -> str:
    """A sentence with what is around behind it, or some of that in front."""
    behind = [trailing for trailing, _ in around]
    fronts = [place for place, (_, leading) in enumerate(around) if leading]
    sentence = core.text
    if fronts and core.clause and dice.random() < 0.5:
        place = dice.choice(fronts)
        sentence = f"{around[place][1]}, {sentence}"
        del behind[place]
    sentence += "".join(behind)
    return sentence[0].upper() + sentence[1:]


def _cores(facts: Facts, dice: random.Random) -> Iterator[_Core]:
    """The sound itself, once in each form."""
    if facts.heard:
        heard = facts.heard.rstrip(" .")
        yield _Core(_lowered(heard), heard != _lowered(heard))
    elif _of_voice(facts):
        yield from _voices(_voice(facts, dice))
    else:
        yield from _sounds(facts)


def _of_voice(facts: Facts) -> bool:
    return bool(facts.spoken or facts.language or facts.labels.keys() & (_PERSONAL | _VOCAL))


@dataclass(frozen=True, slots=True)
class _Voice:
    """A voice in pieces.

    Attributes:
        who: "a woman".
        feeling: The same with what the person feels ("an angry woman"); empty if it cannot be said.
        verb: Its forms, as in `_SAY`.
        what: What is said, sung or imitated; may be empty.
        quoted: Whether that is a quotation and nothing else.
        how: How it sounds, each phrase to follow the others.
        tone: Those of them that tell what the person feels.
    """

    who: str
    feeling: str
    verb: tuple[str, str, str, str]
    what: str
    quoted: bool
    how: tuple[str, ...]
    tone: tuple[str, ...]


def _voices(voice: _Voice) -> Iterator[_Core]:
    who, what = voice.who, f" {voice.what}" if voice.what else ""
    infinitive, says, saying, said = voice.verb
    how = "".join(f" {each}" for each in (*voice.how, *voice.tone))
    yield _Core(f"{who} {saying}{what}{how}", False)
    yield _Core(f"{who} {says}{what}{how}", True)
    yield _Core(f"a recording of {who} {saying}{what}{how}", False)
    yield _Core(f"{who} can be heard {saying}{what}{how}", True)
    yield _Core(f"one hears {who} {infinitive}{what}{how}", True)
    yield _Core(f"the voice of {who} {saying}{what}{how}", False)
    yield _Core(f"this is a recording in which {who} {says}{what}{how}", False)
    if voice.tone:
        rest = "".join(f" {each}" for each in voice.how)
        yield _Core(f"{' '.join(voice.tone)}, {who} {says}{what}{rest}", False)
        if voice.feeling:
            yield _Core(f"{voice.feeling} {says}{what}{rest}", True)
            yield _Core(f"one hears {voice.feeling} {infinitive}{what}{rest}", True)
    if voice.quoted:
        yield _Core(f"{voice.what} is {said} by {who}{how}", True)
        plainly = says.partition(" ")[0].replace("speak", "say")
        yield _Core(f"{voice.what} is what {who} {plainly}{how}", True)
        yield _Core(f"{who} {saying.split()[0]}{how}: {voice.what}", False)


def _voice(facts: Facts, dice: random.Random) -> _Voice:
    known = facts.labels
    sung = "singing" in known.get("manner", ())
    what = _quote(facts.spoken) if facts.spoken else ""
    verbs = _SING if sung or "song" in known else _SAY if what else _TALK
    if "imitation" in known:
        verbs = _IMITATE
        words = f" with the {_words(facts.spoken)} {what}" if what else ""
        what = f"the sound of {listing(known['imitation'])}{words}"
    if "song" in known:
        what += f"{what and ' to '}the melody of {listing([f'“{song}”' for song in known['song']])}"
        what += f" by {listing(known['artist'])}" if "artist" in known else ""
        what += f" from the album {listing(known['album'])}" if "album" in known else ""
    who = _who(facts, dice)
    verb = _formed(dice.choice(verbs), _words(facts.spoken))
    if len(known.get("gender", ())) > 1:
        verb = (verb[0], verb[0], *verb[2:])  # a man and woman say
    how = [
        f"while {each}" for each in known.get("manner", ()) if each not in ("speaking", *verbs[0])
    ]
    if facts.language:
        how.append(f"in {facts.language}")
    if "accent" in known:
        form = dice.choice(("with a {label} accent", "in a {label} accent"))
        how.append(prompt(form, listing(known["accent"])))
    emotions = known.get("emotion", ())
    return _Voice(
        who=who,
        feeling=_felt(who, emotions) if "intensity" not in known else "",
        verb=verb,
        what=what,
        quoted=bool(facts.spoken) and not known.keys() & _VOCAL,
        how=tuple(how),
        tone=tuple(_tone(emotions, known.get("intensity", ()), dice)),
    )


def _formed(verb: Sequence[str], words: str) -> tuple[str, str, str, str]:
    infinitive, says, saying, said = (form.replace("{words}", words) for form in verb)
    return infinitive, says, saying, said


def _words(spoken: str) -> str:
    """What to call that which is spoken: one word or several.

    Scripts without spaces do not tell which; more than one character passes for words there.
    """
    return "word" if len(split(spoken)) == 1 else "words"


def _who(facts: Facts, dice: random.Random) -> str:
    """Who speaks, by gender and age, in one of several ways."""
    genders, ages = facts.labels.get("gender", ()), facts.labels.get("age", ())
    if not genders and not ages:
        return dice.choice(("a person", "someone"))
    who = _lowered(person({"gender": genders, "age": ages[:1]}))
    if ages and ages[0].isdecimal() and dice.random() < 0.5:
        who = f"{_lowered(person({'gender': genders}))} aged {ages[0]}"
    return f"{who} or {listing(ages[1:])}" if ages[1:] else who


def _felt(who: str, emotions: Sequence[str]) -> str:
    """Who speaks, with what they feel; empty where that cannot be said of people."""
    noun = who.partition(" ")[2] or "person"
    if len(emotions) != 1 or emotions[0].lower() not in _OF_PEOPLE:
        return ""
    return prompt("a {label} " + noun, emotions[0])


def _tone(emotions: Sequence[str], intensity: Sequence[str], dice: random.Random) -> Iterator[str]:
    if emotions:
        form = dice.choice(("in a {label} voice", "in a {label} tone"))
        yield prompt(form, listing(emotions))
    if intensity:
        yield f"with {listing(intensity)} emotional intensity"


def _sounds(facts: Facts) -> Iterator[_Core]:
    sounds, scenes = facts.labels.get("sound", ()), facts.labels.get("scene", ())
    if sounds:
        named, several = _nouns(sounds), "s" if len(sounds) > 1 else ""
        yield _Core(f"the sound{several} of {listing(sounds)}", False)
        yield _Core(f"{named} can be heard", True)
        yield _Core(f"one can hear {named}", True)
        yield _Core(f"a recording of {named}", False)
        yield _Core(f"what is heard is {named}", True)
        yield _Core(f"this is the sound of {named}", False)
        yield _Core(f"an audio clip with the sound{several} of {listing(sounds)}", False)
    elif scenes:
        scene = _nouns(scenes)
        yield _Core(f"a recording made in {scene}", False)
        yield _Core(f"this was recorded in {scene}", True)
        yield _Core(f"the sound of {scene}", False)
        yield _Core(f"this is what one hears in {scene}", True)
    else:
        yield from (_Core("a recording", False), _Core("this is a recording", True))


def _around(facts: Facts, dice: random.Random) -> Iterator[tuple[str, str]]:
    """What is around the sound itself, each as it is said behind and in front; "" if it cannot."""
    known, voice = facts.labels, bool(facts.heard) or _of_voice(facts)
    if "scene" in known and (voice or "sound" in known):
        scene = _nouns(known["scene"])
        yield f" in {scene}", f"in {scene}"
    if "sound" in known and voice:
        heard = f"while {_nouns(known['sound'])} can be heard"
        yield f", {heard}", heard
    if facts.background:
        behind = listing([_lowered(each) for each in facts.background])
        forms = (f" with {behind} in the background", f", background {behind}")
        front = dice.choice((f"amidst {behind}", f"with {behind}"))
        yield dice.choice(forms), f"{front} in the background"
    others = known.keys() - _KINDS
    if not known.keys() & _VOCAL:
        others |= known.keys() & {"artist", "album"}
    for kind in sorted(others):
        yield f", {kind}: {listing(known[kind])}", ""
    for keyword in known.get("keyword", ()):
        yield f", with the word {_quote(keyword)}", ""
    if facts.seen:
        seen = ", then ".join(_lowered(each.rstrip(" .")) for each in facts.seen)
        form = dice.choice((f"while the video shows {seen}", f"in a video that shows {seen}"))
        yield f", {form}", form


def _quote(spoken: str) -> str:
    """Words between quotation marks that they do not hold themselves."""
    return f"“{spoken}”" if '"' in spoken else f'"{spoken}"'


def _nouns(labels: Sequence[str]) -> str:
    return listing([_noun(label) for label in labels])


def _noun(label: str) -> str:
    """A label as a noun phrase, with an article where it wants one.

    >>> [_noun(label) for label in ("dog", "rain", "chirping birds", "dog barking", "siren, alarm")]
    ['a dog', 'rain', 'chirping birds', 'a dog barking', 'siren, alarm']
    """
    words = label.split()
    if words[-1].endswith("ing") and len(words) > 1:
        words.pop()  # what the head does
    head = words[-1]
    bare = head in _BARE or head.endswith("ing") or _PLURAL.fullmatch(head)
    return label if bare or _NAME.match(label) else prompt("a {label}", label)


def _lowered(sentence: str) -> str:
    """A sentence that can follow a comma: its first word in lower case, if it is no name."""
    return _LOWERED.sub(lambda match: match[0].lower(), sentence, count=1)
