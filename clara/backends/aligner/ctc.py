"""Finds words by a network that spells what it hears: CTC models of transformers, MMS among them.

The most probable path through the letters of the transcript, with blanks between them, is found by
`clara.backends.aligner._lattice`. Models of MMS bring an adapter and an alphabet for each language.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clara.audio import io
from clara.backends import Word, _latin
from clara.backends._models import loading, title
from clara.backends.aligner._lattice import Lattice
from clara.errors import AlignmentError, MissingExtraError
from clara.records import Wave
from clara.text import words as wording
from clara.text.iso639 import shortest

__all__ = ["CTC"]

_KIND = "a CTC model in the format of transformers"
_CHUNK, _CONTEXT, _LEAST = 30, 2, 1  # seconds that the network hears at once, and around them


class CTC:
    """Aligns with a `Wav2Vec2ForCTC` checkpoint.

    Letters that the alphabet lacks are tried in the other case and without their marks, then left
    out; a word of which no letter is known ("25") matches any letters. Where the alphabet is Latin
    and the transcript is not, it is romanised.

    Args:
        model: Folder, or name on the hub, of a model in the format of transformers, such as
            "facebook/mms-1b-all".
        device: Where it runs.

    Raises:
        MissingExtraError: transformers is not installed.
        CheckpointError: There is no such model, or it is of another kind.
    """

    def __init__(self, model: str, *, device: str = "cpu") -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("the ctc aligner", "align") from error
        with loading(_KIND, model):
            self._tokenizer: Any = transformers.Wav2Vec2CTCTokenizer.from_pretrained(model)
            self._ears: Any = transformers.Wav2Vec2FeatureExtractor.from_pretrained(model)
            with torch.random.fork_rng([]):  # weights are drawn before they are loaded
                network: Any = transformers.Wav2Vec2ForCTC.from_pretrained(model)
        self._network = network.to(device).eval()
        self._device = device
        self._lock = threading.Lock()
        self.name = f"CTC by {title(model, network)} (transformers {transformers.__version__})"

    def align(self, wave: Wave, rate: int, words: Sequence[str], *, language: str) -> list[Word]:
        """Finds where each word of a transcript is spoken; see `Aligner`.

        Raises:
            AlignmentError: The model does not know the language or the letters, or the recording
                is too short for its words.
            MissingExtraError: The words must be romanised, and the package for it is missing.
        """
        with self._lock:
            self._adapt(language)
            alphabet = _Alphabet(self._tokenizer, language)
            owners, labels = _spelling(words, alphabet)
            scores = self._hear(io.resample(wave, rate, self._ears.sampling_rate))
        if not labels:
            if any(map(_spoken, words)):
                raise _unspellable(words)
            return [Word(word, 0.0, 0.0) for word in words]
        path = _align(scores, labels, alphabet.blank)
        if path is None:
            raise AlignmentError(
                f"Expected a recording in which {len(labels)} letters can be said, but found "
                f"{len(scores)} frames; check the transcript.",
                cause="the recording is too short for its words",
            )
        frame = self._stride / self._ears.sampling_rate
        spoken = [owners[label] if label >= 0 else -1 for label in path]
        return _timed(words, spoken, frame, len(wave) / rate)

    @property
    def _stride(self) -> int:
        """Samples of a frame."""
        return prod(self._network.config.conv_stride)

    def _adapt(self, language: str) -> None:
        """Loads the adapter and the alphabet of a language, if the model has them by language."""
        if getattr(self._network.config, "adapter_attn_dim", None) is None:
            return
        short = shortest(language)
        codes = [code for code in self._tokenizer.vocab if shortest(code) == short]
        if not codes or not short:
            raise AlignmentError(
                f"Expected a language that the model has an adapter for, but found {language!r}.",
                cause="the aligner does not speak its language",
            )
        code = min(codes, key=len)
        if code == self._network.target_lang and code == self._tokenizer.target_lang:
            return
        with loading(_KIND, f"{self._network.config._name_or_path} ({code})"):
            self._tokenizer.set_target_lang(code)
            self._network.load_adapter(code)
        self._network.to(self._device)

    @torch.inference_mode()
    def _hear(self, wave: Wave) -> Tensor:
        """Log probabilities float32 `[F, V]`, chunk by chunk, each heard with what is around it."""
        rate, stride = self._ears.sampling_rate, self._stride
        chunk, context, least = (
            seconds * rate // stride * stride for seconds in (_CHUNK, _CONTEXT, _LEAST)
        )
        if len(wave) < least:
            wave = np.pad(wave, (0, least - len(wave)))
        heard = self._ears(wave, sampling_rate=rate, return_tensors="pt").input_values[0]
        scores, start = [], 0
        while start < len(heard):
            end = start + chunk if start + chunk + least < len(heard) else len(heard)
            first = max(0, start - context)
            part = heard[first : end + context].to(self._device)
            rows = self._network(part[None]).logits[0].float().cpu()
            before = (start - first) // stride
            kept = rows[before : before + (end - start) // stride if end < len(heard) else None]
            scores.append(kept.log_softmax(-1))
            start = end
        return torch.cat(scores)


def _unspellable(words: Sequence[str]) -> AlignmentError:
    return AlignmentError(
        f"Expected words in the letters of the model, but found {wording.join(words)[:60]!r}; use "
        "a model of that language.",
        cause="the aligner does not know its letters",
    )


class _Alphabet:
    """The letters of a tokenizer.

    Attributes:
        blank: The label of the blank.
        gap: The label that parts words, if there is one.
        star: The label of any letter, one behind those of the tokenizer.
    """

    def __init__(self, tokenizer: Any, language: str) -> None:
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        special = {*tokenizer.all_special_tokens, tokenizer.word_delimiter_token}
        self._letters = {
            sign: label
            for sign, label in vocabulary.items()
            if len(sign) == 1 and sign not in special
        }
        self._language = language
        self.blank = int(tokenizer.pad_token_id)
        self.gap: int | None = vocabulary.get(tokenizer.word_delimiter_token)
        self.star = max(vocabulary.values()) + 1

    def romanised(self, words: Sequence[str]) -> Sequence[str]:
        """The words in Latin letters, if there are no others in the alphabet."""
        latin = all(sign.isascii() for sign in self._letters if sign.isalpha())
        if not latin or all(_is_latin(word) for word in words):
            return words
        _latin.check("the romanisation that this model wants", "align")
        return [_latin.romanised(word) for word in words]

    def spell(self, word: str) -> list[int]:
        """The labels of a word: of its letters that are known, or a star if none is."""
        known = [label for sign in word for label in self._labels(sign)]
        return known or [self.star] * _spoken(word)

    def _labels(self, sign: str) -> Iterator[int]:
        plain = unicodedata.normalize("NFKD", sign)
        bare = "".join(part for part in plain if not unicodedata.combining(part))
        for form in (sign, sign.lower(), sign.upper(), bare, bare.lower(), bare.upper()):
            if form and all(part in self._letters for part in form):
                yield from (self._letters[part] for part in form)
                return


def _spoken(word: str) -> bool:
    return any(map(str.isalnum, word))


def _is_latin(word: str) -> bool:
    letters = filter(str.isalpha, word)
    return all(unicodedata.name(letter, "").startswith("LATIN") for letter in letters)


def _spelling(words: Sequence[str], alphabet: _Alphabet) -> tuple[list[int], list[int]]:
    """Labels in order, those that part words among them, and the word of each, or -1."""
    owners: list[int] = []
    labels: list[int] = []
    last = -1
    for number, word in enumerate(alphabet.romanised(words)):
        spelt = alphabet.spell(word)
        if not spelt:
            continue
        parted = last >= 0 and " " in wording.join([words[last], words[number]])
        if alphabet.gap is not None and parted:
            owners.append(-1)
            labels.append(alphabet.gap)
        owners += [number] * len(spelt)
        labels += spelt
        last = number
    if all(label in (alphabet.star, alphabet.gap) for label in labels):
        return [], []  # nothing of it is known: any place would be as good
    return owners, labels


def _align(scores: Tensor, labels: Sequence[int], blank: int) -> list[int] | None:
    """The most probable path through labels with blanks between them.

    Args:
        scores: Log probabilities float32 `[F, V]`; label V means any but the blank.
        labels: In order.
        blank: Which one is the blank.

    Returns:
        At each frame the place among `labels`, or -1 for a blank; None if there are too few frames.
    """
    others = scores.clone()
    others[:, blank] = -torch.inf
    scores = torch.cat((scores, others.max(1, keepdim=True).values), 1)
    states = torch.full((2 * len(labels) + 1,), blank)
    states[1::2] = torch.tensor(labels)
    # Between two labels the blank may be left out, unless they are the same.
    skip = torch.full((len(states),), torch.inf)
    skip[3::2] = torch.where(states[3::2] == states[1:-2:2], torch.inf, 0.0)

    def emit(first: int, last: int, low: int, high: int) -> Tensor:
        return -scores[first:last].index_select(1, states[low:high])

    lattice = Lattice(len(scores), len(states), emit, torch.zeros(len(states)), skip)
    found = lattice.best()
    return found and [int(state) // 2 if state % 2 else -1 for state in found.path]


def _timed(words: Sequence[str], owners: Sequence[int], frame: float, end: float) -> list[Word]:
    """Words with the times of their letters; one without letters lies between its neighbours."""
    times: dict[int, tuple[float, float]] = {}
    for place, owner in enumerate(owners):
        start = times.get(owner, (place * frame, 0.0))[0]
        times[owner] = min(start, end), min((place + 1) * frame, end)
    found, before = [], 0.0
    for number, word in enumerate(words):
        start, stop = times.get(number, (before, before))
        found.append(Word(word, start, stop))
        before = stop
    return found
