"""Text to token ids: byte-level BPE, so any language and any character, with no unknown token.

Ids 0, 1 and 2 are `<pad>`, `<start>` and `<end>`; a text that spells them out is ordinary bytes.
The file on disk is a plain `tokenizer.json` that Hugging Face tokenizers reads too. Section IV of
the paper has one text encoder for all languages; padding is a token of its own, never a real one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tokenizers
from tokenizers import Regex, models, normalizers, pre_tokenizers, trainers

from clara.errors import CheckpointError, UsageError
from clara.files import replacing

PAD, START, END = 0, 1, 2
SPECIALS = ("<pad>", "<start>", "<end>")
_ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
_SMALLEST = len(SPECIALS) + len(_ALPHABET)
_LARGEST_FILE = 64 << 20

# Marks belong to their letters: GPT-2's pattern, which leaves them out, cuts Hindi at every vowel.
_WORDS = Regex(r" ?[\p{L}\p{M}]+| ?\p{N}+| ?[^\s\p{L}\p{M}\p{N}]+|\s+")

Merge = tuple[str, str]


class Tokens:
    """A vocabulary of byte pairs, made by `train`, `bytes_only` or `load`.

    >>> tokens = Tokens.bytes_only()
    >>> tokens.size
    259
    >>> ids, lengths = tokens.encode(["rain", "雨"])
    >>> ids.shape, lengths.tolist()
    ((2, 7), [7, 6])
    """

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        # The specials are known to the file, but never looked for in a text.
        tokenizer.add_special_tokens(list(SPECIALS))
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()

    @classmethod
    def train(cls, texts: Iterable[str], vocab: int) -> Tokens:
        """Learns the pairs that occur most; the order of the texts does not matter.

        Args:
            texts: What to learn from, in any languages.
            vocab: Upper bound of the size, at least 259 (every byte and the three specials).

        Raises:
            UsageError: `vocab` is too small to hold every byte.
        """
        if vocab < _SMALLEST:
            raise UsageError(
                f"Expected a vocabulary of at least {_SMALLEST} tokens (every byte and "
                f"{len(SPECIALS)} specials) but found {vocab}; ask for more."
            )
        tokenizer = _pipeline(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=vocab,
            min_frequency=2,
            special_tokens=list(SPECIALS),
            initial_alphabet=_ALPHABET,
            show_progress=False,
        )
        tokenizer.train_from_iterator(map(_well_formed, texts), trainer)
        return cls(tokenizer)

    @classmethod
    def bytes_only(cls) -> Tokens:
        """One token for each byte and nothing else."""
        return cls(_pipeline(models.BPE(_byte_vocabulary(), [])))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokens:
        """Reads the vocabulary of a `tokenizer.json`; the rest of the file is not trusted.

        Raises:
            CheckpointError: The file is missing, too large, or not a vocabulary of this class.
        """
        path = Path(path)
        try:
            if path.stat().st_size > _LARGEST_FILE:
                raise CheckpointError(
                    f"Expected {path} to be at most {_LARGEST_FILE >> 20} MiB but found "
                    f"{path.stat().st_size >> 20} MiB; it is not a tokenizer of CLARA."
                )
            vocabulary, merges = _parse(path.read_bytes())
            return cls(_pipeline(models.BPE(vocabulary, merges)))
        except OSError as error:
            raise CheckpointError(
                f"Expected a tokenizer.json at {path} but it cannot be read "
                f"({error.strerror}); is this folder a whole checkpoint?"
            ) from error
        except (ValueError, RecursionError) as error:
            raise CheckpointError(
                f"Expected {path} to hold a byte-level BPE vocabulary but {error}; "
                "take the file that the training run wrote."
            ) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes `tokenizer.json`, whole or not at all; equal vocabularies give equal bytes."""
        with replacing(Path(path)) as file:
            file.write(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of `tokenizer.json`."""
        content: bytes = self._tokenizer.to_str(pretty=True).encode()
        return content

    def encode(
        self, texts: Sequence[str], limit: int = 128
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Token ids of some texts, after NFC and with each run of white space as one space.

        Args:
            texts: `B` texts of any length; what is beyond `limit` is cut off.
            limit: Most tokens of a text, `<start>` and `<end>` included.

        Returns:
            int64 ids `[B, L]`, `<pad>` behind each length, and int64 lengths `[B]`.

        Raises:
            UsageError: `limit` leaves no room for a token.
        """
        if limit < 3:
            raise UsageError(
                f"Expected a limit of at least 3 tokens (start, text, end) but found {limit}; "
                "ask for more."
            )
        encodings = self._tokenizer.encode_batch_fast(
            [_well_formed(text) for text in texts], add_special_tokens=False
        )
        rows = [encoding.ids[: limit - 2] for encoding in encodings]
        lengths = np.array([len(row) + 2 for row in rows], dtype=np.int64)
        ids = np.full((len(rows), lengths.max(initial=2)), PAD, dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : lengths[i]] = [START, *row, END]
        return ids, lengths


def _well_formed(text: str) -> str:
    """The text with half surrogate pairs, which UTF-8 cannot carry, as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _byte_vocabulary() -> dict[str, int]:
    return {token: i for i, token in enumerate([*SPECIALS, *_ALPHABET])}


def _pipeline(model: models.BPE) -> tokenizers.Tokenizer:
    """A tokenizer around the vocabulary: normalise, cut in words, write as bytes."""
    tokenizer = tokenizers.Tokenizer(model)
    # The space in front gives a word the same tokens at the start of a text as further on.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Prepend(" "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_WORDS, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def _parse(content: bytes) -> tuple[dict[str, int], list[Merge]]:
    """The vocabulary and merges of a `tokenizer.json`.

    Raises:
        ValueError: It is not one, or not one of this class; the message says what was found.
    """
    try:
        model = json.loads(content)["model"]
        vocabulary, merges = model["vocab"], model["merges"]
    except (KeyError, TypeError):
        raise ValueError("it has no vocabulary and merges") from None
    if not isinstance(vocabulary, dict) or not isinstance(merges, list):
        raise ValueError("it has no vocabulary and merges")
    if any(type(i) is not int for i in vocabulary.values()):
        raise ValueError("the id of a token is not a whole number")
    if sorted(vocabulary.values()) != list(range(len(vocabulary))):
        raise ValueError("its ids are not 0, 1, 2, ... in a row")
    expected = _byte_vocabulary()
    if any(vocabulary.get(token) != i for token, i in expected.items()):
        raise ValueError("its first ids are not the specials and the bytes")
    pairs: list[Merge] = []
    for pair in merges:
        if not _is_merge(pair, vocabulary):
            raise ValueError(f"{str(pair)[:80]!r} is not a merge of two of its tokens")
        pairs.append((pair[0], pair[1]))
    return vocabulary, pairs


def _is_merge(pair: object, vocabulary: dict[str, int]) -> bool:
    if not (isinstance(pair, list) and [type(part) for part in pair] == [str, str]):
        return False
    left, right = pair
    return left in vocabulary and right in vocabulary and left + right in vocabulary
