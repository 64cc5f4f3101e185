"""Writes through any server that speaks OpenAI's chat protocol, and checks what it says.

The model gets the sentence by the rules as a draft, in the manner of section III-A2: prefix, words
and background put together, to be told naturally. What does not pass `clara.text.facts` after all
tries, or does not come at all, is the draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from clara.backends.llm import Asker
from clara.backends.rewriter import Case, Sentence
from clara.backends.rewriter.rules import Rules
from clara.text.facts import Facts, fault

__all__ = ["OpenAI"]

_INSTRUCTION = (
    "Each text has the draft of a caption of a sound recording, the style to write in, and what has"
    " to be kept. Rewrite the draft as one natural English sentence in that style. Weave what is"
    " heard in the background, and what a video shows, into the same scene. Say all that is to be"
    " kept, in those words or in the nearest forms of them. Copy what is said between quotation"
    " marks letter by letter, between quotation marks, in its own language, and only there. Add"
    " nothing that is not told: no names, no feelings, no gender, no age, no place, no cause. For"
    " example, 'A person saying \"It is raining\", background wind noise' may become 'Amidst wind"
    ' noise in the background, an individual declares, "It is raining"\'.'
)
_HEAD = re.compile(r"\b(?:Draft|Style|Keep):", re.IGNORECASE)
_STYLES = (
    "plain",
    "vivid",
    "short",
    "formal",
    "casual",
    "as in a novel",
    "as in a catalogue of recordings",
    "as told to someone who cannot hear it",
)


class OpenAI(Asker):
    """Writes by instruction, each sentence from another draft or in another style.

    It is made as `clara.backends.llm.Asker`; a question that is asked twice is lost once.
    """

    def rewrite(self, cases: Sequence[Case]) -> list[tuple[Sentence, ...]]:
        """As `clara.backends.rewriter.Rewriter`; `llm.counts` says what became of the questions.

        Raises:
            UsageError: The server refuses the key, or has no such model.
            DataError: The cache cannot be written.
        """
        drafts = Rules().rewrite(cases)
        asked = [list(_questions(*pair)) for pair in zip(cases, drafts, strict=True)]
        facts = {
            question: case.facts
            for case, questions in zip(cases, asked, strict=True)
            for question, _ in questions
        }
        texts = [question for questions in asked for question, _ in questions]

        def check(text: str, answer: str) -> str:
            return _echoed(answer, facts[text]) or fault(answer, facts[text])

        answers = iter(self.llm.map(_INSTRUCTION, texts, check))
        return [
            _different(
                Sentence(answer, self.name) if (answer := next(answers)) else draft
                for _, draft in questions
            )
            for questions in asked
        ]


def _questions(case: Case, drafts: tuple[Sentence, ...]) -> Iterator[tuple[str, Sentence]]:
    """What to ask for each sentence that is wanted, and the sentence to fall back to."""
    keep = "; ".join(_kept(case.facts))
    for number in range(case.wanted if drafts else 0):
        draft = drafts[number % len(drafts)]
        style = _STYLES[number % len(_STYLES)]
        yield f"Draft: {draft.text}\nStyle: {style}\nKeep: {keep}", draft


def _echoed(answer: str, facts: Facts) -> str:
    """Whether an answer is the question, or part of it: what is wrong with it, or "" if not."""
    known = " ".join(facts.texts())
    heads = _HEAD.findall(answer)
    return "repeats the question" if len(heads) > len(_HEAD.findall(known)) else ""


def _kept(facts: Facts) -> Iterator[str]:
    if facts.spoken:
        yield f'the words "{facts.spoken}"'
    for kind, values in facts.labels.items():
        yield from (f"{value} ({kind})" for value in values)
    if facts.language:
        yield f"{facts.language} (language)"
    yield from (f"{each} (background)" for each in facts.background)
    if facts.heard:
        yield "what is heard"
    yield from (f"{each} (seen)" for each in facts.seen)


def _different(sentences: Iterator[Sentence]) -> tuple[Sentence, ...]:
    found: dict[str, Sentence] = {}
    for sentence in sentences:
        found.setdefault(sentence.text, sentence)
    return tuple(found.values())
