"""Translates through any server that speaks OpenAI's chat protocol, and checks what it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from clara.backends.llm import Asker
from clara.errors import UnknownNameError
from clara.text.languages import LANGUAGES, language_name
from clara.text.quotes import QUOTED
from clara.text.scripts import scripts_of, share_in_script

__all__ = ["OpenAI"]

_INSTRUCTION = (
    "Translate each text from {source} into {target}. The texts are labels and captions of sound"
    " recordings. Keep what stands between quotation marks, and what stands in braces, exactly as"
    " it is, in its own language. Translate a label as a label, without explaining it."
)
_BRACES = re.compile(r"\{\w*\}")
_IN_SCRIPT = 0.6


class OpenAI(Asker):
    """Translates by instruction; what does not pass the checks is asked for again, then left.

    It is made as `clara.backends.llm.Asker`.
    """

    def translate(self, texts: Sequence[str], *, source: str, target: str) -> list[str | None]:
        """Translates texts; `llm.counts` says what became of them.

        Raises:
            UnknownNameError: `clara.text.languages` has no name for one of the languages.
            UsageError: The server refuses the key, or has no such model.
        """
        names = [language_name(tag) for tag in (source, target)]
        for tag, name in zip((source, target), names, strict=True):
            if not name:
                raise UnknownNameError("language", tag, LANGUAGES)
        instruction = _INSTRUCTION.format(source=names[0], target=names[1])
        asked = [text for text in texts if text.strip()]
        found = iter(
            self.llm.map(instruction, asked, lambda text, answer: fault(text, answer, target))
        )
        return [next(found) if text.strip() else text for text in texts]


def fault(text: str, answer: str, target: str) -> str:
    """What is wrong with a translation, or "" if nothing can be seen to be.

    Args:
        text: What was translated.
        answer: Its translation.
        target: BCP 47 tag of the language of the translation.

    >>> fault('A man saying "hola"', "Mężczyzna mówi: „hola”", "pl")
    ''
    >>> fault('A man saying "hola"', "Mężczyzna mówi: „cześć”", "pl")
    'changes what is quoted'
    >>> fault("rain", "rain", "uk")
    'is in the wrong script'
    """
    if not answer.strip():
        return "is empty"
    if Counter(_BRACES.findall(text)) != Counter(_BRACES.findall(answer)):
        return "changes what is in braces"
    quotes = list(filter(None, (quoted.strip() for quoted in QUOTED.findall(text))))
    if any(quoted not in answer for quoted in quotes):
        return "changes what is quoted"
    if len(answer) > 4 * len(text) + 80:
        return "is much longer than the text"
    rest = _BRACES.sub(" ", answer)
    for quoted in quotes:
        rest = rest.replace(quoted, " ")
    # A name may stay in Latin letters wherever it is.
    if share_in_script(rest, target) < _IN_SCRIPT:
        return "is in the wrong script"
    same = answer.casefold() == text.casefold() and scripts_of(target) == ("LATIN",)
    return "is the text itself" if same and len(_BRACES.sub(" ", text).split()) > 3 else ""
