"""Cuts text of any script into sentences, by rules (the "segmentation" of figure 1b).

A sentence ends at a mark of its script. A full stop ends none where it belongs to an abbreviation,
an initial, a number or an address; which of them there are depends on the language.
Thai and Lao, which mark no ends, are cut at spaces.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

from clara.text import _abbreviations as known

__all__ = ["sentences"]

LONGEST = 240
"""Characters of a sentence unless something else is asked for: about 15 s of speech."""

_LOOK_BACK = 40  # as far as the word before a mark is looked for, which keeps the time linear
_CLAUSE_OF_THAI = 40

# Marks that end a sentence with or without a space behind them, as Unicode's Sentence_Terminal has
# them, with those of Khmer, Armenian and Tibetan; without the comma of Burmese.
_OWN = (
    "։؞؟۔܀܁܂߹।॥။።፧፨᙮។៕᠃᠉᥄᥅᪨᪩᪪᪫᰻᰼᱾᱿‼‽⁇⁈⁉⸮。｡！？꓿꘎꘏꛳꛷꣎꣏꤯꧈꧉꩝꩞꩟꯫﹒﹖﹗"
    "\u0f0d\u0f0e\u0f0f\U00011047\U00011048\U00011141\U00011142\U00011143"
)
_MARKS = f".!?…．;:\u037e{_OWN}"
_CLOSERS = "\"'”’»›)]}」』）】〉》〕｝〞‟″“‘«‹"
_OPENERS = "\"'“‘«‹([{「『（【〈《〔｛„‚”’»›¿¡–—―-•*_#"
_CLAUSES = ",;:—–،؛、，；：·၊፣፤፥፦·՝"

_BLANKS = re.compile(r"[\v\f\u2028\u2029\x1c-\x1e]|\n[^\S\n]*\n")
_BREAKING = re.compile(r"[^\S\u00a0\u202f]+")
_BULLET = re.compile(r"\s*([-*•‣–—]|\d{1,3}[.)])\s")
_ETHIOPIC = "፡፡"  # two of what parts words, where no key has its full stop
_MARK = re.compile(f"[{re.escape(_MARKS)}]+|{_ETHIOPIC}")
# In French a space stands before what closes a quotation; in Tibetan the mark is often doubled.
_SPACED_CLOSER = re.compile(r"[ \u00a0\u202f](?:[»”](?=\s|$|[.,;:!?])|[\u0f0d\u0f0e](?=\s|$))")
_WORD = re.compile(r"[^\W_]")
_PARTS = re.compile(r"(\w\.)+\w")
# The scripts that put no space between words: Han, kana, Thai, Lao, Tibetan, Burmese, Khmer.
_NO_SPACES = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff]"
)
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_THAI = re.compile(r"(?<=[\u0e01-\u0eff])\s+(?=[\u0e01-\u0e2e\u0e40-\u0e45\u0e81-\u0ec5])")
_JOINING = "\u200dเแโใไເແໂໃໄ"  # belong to the letter behind them
_ASIDE = re.compile(r"[」』](と|って|という|など|、)")


def sentences(text: str, language: str = "", *, longest: int = LONGEST) -> list[str]:
    """The sentences of a text, in order.

    Joined, they are the text but for white space. A blank line ends a sentence; so does the end of
    a line, except where lines are wrapped, so that most are as long as the next word allows.

    Args:
        text: Of any length, in any script.
        language: BCP 47 tag of what it is in, for abbreviations and ordinals; empty if not known.
        longest: Characters of the longest sentence: longer ones are cut, at clauses if they can be.

    Returns:
        Sentences without white space around them; none is empty.

    >>> sentences("Am 3. Mai kam Dr. Ott z. B. um 8.30 Uhr. „Na?“ fragte er.", "de")
    ['Am 3. Mai kam Dr. Ott z. B. um 8.30 Uhr.', '„Na?“ fragte er.']
    >>> sentences("どこ？「ここだ。」と言った。はい。", "ja")
    ['どこ？', '「ここだ。」と言った。', 'はい。']
    """
    assert longest > 0
    tag = language.replace("_", "-").partition("-")[0].lower()
    rules = _Rules(tag)
    found: list[str] = []
    for block in _blocks(text):
        for sentence in _ended(block, rules):
            for clause in _unended(sentence):
                found.extend(_cut(clause, longest))
    return found


class _Rules:
    """What a full stop means in a language."""

    def __init__(self, tag: str) -> None:
        listed = known.ABBREVIATIONS.get(known.SAME.get(tag, tag), known.ABBREVIATIONS[""])
        always, _, before_numbers = listed.partition("[")
        self.always = frozenset(always.split())
        self.before_numbers = frozenset(before_numbers.rstrip("]").split())
        self.ordinals = tag in known.ORDINALS
        self.capitals = tag in known.CAPITALS

    def keeps(self, before: str, after: str) -> bool:
        """Whether a full stop between two texts is part of what stands before it."""
        *words, last = before.split() or [""]
        word, start = last.lstrip(_OPENERS).casefold(), after[:1]
        if word.isdecimal():
            return self._numbered(words, word, start)
        if word in self.before_numbers and start.isdecimal():
            return True
        if word in self.always:
            # Behind a number a letter is a unit, or a year, and may well be the last word.
            return len(word) > 1 or not (words and words[-1].isdecimal())
        if _PARTS.fullmatch(word):
            following = after.split(maxsplit=1)[0].strip(_CLOSERS + ",") if after else ""
            return following not in known.STARTERS
        if len(word) != 1 or not word.isalpha():
            return False
        if words and words[-1].isdecimal():
            return start.isdecimal()  # a unit
        if word == "i" and words and words[-1].islower():
            return False  # "Neither do I. ..."
        # An initial, or a letter of a script without cases; no short word such as "я" or "é".
        return word.isascii() or not _is_small(last[-1])

    def _numbered(self, words: list[str], number: str, start: str) -> bool:
        if not words:
            return len(number) <= 3  # of an item in a list
        if not self.ordinals or len(number) > 2:
            return False
        if self.capitals and start.isupper():
            return words[-1].casefold() in known.BEFORE_ORDINALS
        return start.isdecimal()


def _blocks(text: str) -> Iterator[str]:
    """Paragraphs, items of lists, and lines that are not wrapped; white space in runs of one."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n")
    for paragraph in _BLANKS.split(text):
        lines = [_BREAKING.sub(" ", line).strip() for line in paragraph.split("\n")]
        lines = [line for line in lines if line]
        width = max(map(len, lines), default=0)
        # What is wrapped is broken where the next word did not fit.
        fitted = [
            len(line) + 1 + len(after.split(maxsplit=1)[0]) <= width
            for line, after in itertools.pairwise(lines)
        ]
        wrapped = 2 * sum(fitted) <= len(fitted)
        block: list[str] = []
        for line in lines:
            if block and (not wrapped or _BULLET.match(line)):
                yield "".join(block)
                block = []
            if block and not (_HAN.match(block[-1][-1]) and _HAN.match(line)):
                block.append(" ")
            block.append(line)
        if block:
            yield "".join(block)


def _ended(text: str, rules: _Rules) -> Iterator[str]:
    """The text cut behind the marks that end a sentence."""
    begin, word = 0, _WORD.search(text)
    for match in _MARK.finditer(text):
        if word is None:
            break
        if match.start() < word.start():
            continue  # nothing has been said yet
        end = _closed(text, match.end())
        before = text[max(begin, match.start() - _LOOK_BACK) : match.start()]
        if _ends(text, before, match[0], end, rules):
            yield text[begin:end].strip()
            begin, word = end, _WORD.search(text, end)
    if rest := text[begin:].strip():
        yield rest


def _closed(text: str, place: int) -> int:
    """Where the quotes and brackets end that close behind a mark."""
    while place < len(text):
        if text[place] in _CLOSERS:
            place += 1
        elif spaced := _SPACED_CLOSER.match(text, place):
            place = spaced.end()
        else:
            break
    return place


def _ends(text: str, before: str, marks: str, end: int, rules: _Rules) -> bool:
    """Whether marks behind `before`, with what closes behind them up to `end`, end a sentence."""
    after = text[end : end + _LOOK_BACK]
    if marks.strip(";:") == "" and not _stands_for_a_stop(marks, before):
        return False
    if not after.strip():
        return True
    own = marks == _ETHIOPIC or any(mark in _OWN for mark in marks)
    if own and _ASIDE.match(text, max(end - 1, 0)):
        return False
    follows = after[0]
    if not follows.isspace():
        between = _HAN.match(follows) is not None and _HAN.match(before[-1:]) is not None
        return (own or between) and follows not in _CLAUSES + _MARKS
    after = after.lstrip().lstrip(_OPENERS + " \u00a0\u202f")
    if _is_small(after[:1]) and not own:
        return False
    if marks in (".", "．"):
        return not rules.keeps(before, after)
    return True


def _stands_for_a_stop(marks: str, before: str) -> bool:
    """The question mark of Greek, and the full stop of Armenian, as most keyboards have them."""
    last = before[-1:]
    greek = "\u0370" <= last <= "\u03ff" or "\u1f00" <= last <= "\u1fff"
    armenian = "\u0530" <= last <= "\u058f"
    return (greek and marks[0] in ";\u037e") or (armenian and marks[0] == ":")


def _is_small(letter: str) -> bool:
    """Whether it is no capital but could have been one: those of Georgian begin no sentence."""
    return letter.islower() and not "\u10d0" <= letter <= "\u10ff"


def _unended(text: str) -> Iterator[str]:
    """Thai and Lao cut at spaces, so that each piece has some length; all else as it is."""
    begin = 0
    for space in _THAI.finditer(text):
        far = space.start() - begin >= _CLAUSE_OF_THAI
        if far and len(text) - space.end() >= _CLAUSE_OF_THAI // 2:
            yield text[begin : space.start()]
            begin = space.end()
    yield text[begin:]


def _cut(text: str, longest: int) -> Iterator[str]:
    """A sentence in pieces that are not too long: cut behind clauses, or at spaces, or anywhere."""
    begin = 0
    while len(text) - begin > longest:
        least, most = begin + longest // 3, begin + longest
        place = _last_clause(text, least, most) or text.rfind(" ", least, most + 1)
        if place <= begin:
            place = _whole_letter(text, begin, most)
        if piece := text[begin:place].strip():
            yield piece
        begin = place + (text[place] == " ")
    if rest := text[begin:].strip():
        yield rest


def _last_clause(text: str, least: int, most: int) -> int:
    """Where the last clause of a stretch ends, or 0."""
    for place in range(most, least, -1):
        if text[place - 1] in _CLAUSES and (text[place].isspace() or _NO_SPACES.match(text[place])):
            return place
    return 0


def _whole_letter(text: str, begin: int, most: int) -> int:
    """The last place where no letter is cut from its accents or vowel signs."""
    for place in range(most, max(begin, most - _LOOK_BACK), -1):
        marked = unicodedata.category(text[place]).startswith("M")
        if not (marked or text[place] == "\u200d" or text[place - 1] in _JOINING):
            return place
    return most
