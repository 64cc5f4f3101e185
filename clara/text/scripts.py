"""In which script a text is written, and in which its language should be."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping

# First words of the names that Unicode gives to letters. What is not listed is written in Latin.
_WRITTEN = """
    ab be bg ce cv kk ky mdf mhr mk mn mrj myv os ru sah sr tg tt udm uk: CYRILLIC,
    ar ckb fa ps sd ug ur: ARABIC, he yi: HEBREW, el grc: GREEK, hy hyw: ARMENIAN, ka: GEORGIAN,
    hi mr ne sa kok mai: DEVANAGARI, as bn bpy mni: BENGALI, or: ORIYA, gu: GUJARATI, pa: GURMUKHI,
    ta: TAMIL, te: TELUGU, kn: KANNADA, ml: MALAYALAM, si: SINHALA, th: THAI, lo: LAO, km: KHMER,
    my: MYANMAR, bo: TIBETAN, dv: THAANA, am ti tig: ETHIOPIC, chr: CHEROKEE,
    ja: CJK HIRAGANA KATAKANA KATAKANA-HIRAGANA, zh yue cmn hak nan: CJK, ko: HANGUL
"""

SCRIPTS: Mapping[str, tuple[str, ...]] = {
    tag: tuple(scripts.split())
    for row in " ".join(_WRITTEN.split()).split(", ")
    for tags, _, scripts in (row.partition(": "),)
    for tag in tags.split()
}


def scripts_of(language: str) -> tuple[str, ...]:
    """The scripts that a language is written in, by their names in Unicode.

    >>> scripts_of("uk"), scripts_of("pl-PL")
    (('CYRILLIC',), ('LATIN',))
    """
    return SCRIPTS.get(language.replace("_", "-").partition("-")[0].lower(), ("LATIN",))


def share_in_script(text: str, language: str) -> float:
    """The share of the letters and vowel signs of a text that are in a script of the language.

    Returns:
        0 to 1; 1 for a text without letters.

    >>> share_in_script("дождь", "ru"), share_in_script("rain", "ru"), share_in_script("3!", "ru")
    (1.0, 0.0, 1.0)
    """
    found = [script for character in text if (script := _script(character))]
    wanted = scripts_of(language)
    return sum(script in wanted for script in found) / len(found) if found else 1.0


@functools.cache
def _script(character: str) -> str:
    """The script of a letter or of a mark that belongs to one; empty for all else."""
    if unicodedata.category(character)[0] not in "LM":
        return ""
    name = unicodedata.name(character, "")
    return "" if name.startswith(("COMBINING ", "MODIFIER ")) else name.partition(" ")[0]
