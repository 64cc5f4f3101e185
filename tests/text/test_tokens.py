from __future__ import annotations

import itertools
import json
import random
import time
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.errors import CheckpointError, UsageError
from clara.text.tokens import END, PAD, START, Tokens

TEXTS = [
    "The sound of a dog barking",
    "The sounds of a dog, rain and wind",
    'A woman saying "dogs are talking by the door" in a sad voice',
    "Das Wetter ist schön, और बारिश हो रही है",
    "雨が降っている",
    "كلمة عربية واحدة",
    "🐕 🐕 🐕",
] * 3


@pytest.fixture(scope="module")
def trained() -> Tokens:
    return Tokens.train(TEXTS, 420)


def rows(tokens: Tokens, texts: list[str], limit: int = 128) -> list[list[int]]:
    ids, lengths = tokens.encode(texts, limit)
    return [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]


def decoded(tokens: Tokens, ids: list[int], path: Path) -> str:
    """The text of some ids, by the published reader of the file format."""
    tokens.save(path / "tokenizer.json")
    reader = tokenizers.Tokenizer.from_file(str(path / "tokenizer.json"))
    reader.decoder = tokenizers.decoders.ByteLevel()
    return str(reader.decode(ids))


@pytest.mark.parametrize("text", TEXTS[:7])
@pytest.mark.parametrize("make", [Tokens.bytes_only, lambda: Tokens.train(TEXTS, 420)])
def test_every_text_comes_back_whole(make, text: str, tmp_path: Path) -> None:
    tokens = make()
    (ids,) = rows(tokens, [text])
    assert (ids[0], ids[-1]) == (START, END)
    assert decoded(tokens, ids[1:-1], tmp_path) == " " + text


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_bytes_of_any_text_are_its_utf8(text: str) -> None:
    """Without merges there is one token for each byte of the normalised text."""
    (ids,) = rows(Tokens.bytes_only(), [text], limit=1000)
    words = " ".join(unicodedata.normalize("NFC", text).split())
    # White space is what Unicode calls so; Python's split also takes four control characters.
    if not any(c in text for c in "\x1c\x1d\x1e\x1f"):
        assert len(ids) == 2 + (len(words.encode()) + 1 if words else 0)
    assert all(0 < i < 259 for i in ids)


def test_padding_and_lengths() -> None:
    ids, lengths = Tokens.bytes_only().encode(["a", "", "abc"])
    assert ids.dtype == lengths.dtype == np.int64
    assert lengths.tolist() == [4, 2, 6]
    assert ids.shape == (3, 6)
    assert (ids[0, 4:] == PAD).all()
    assert (ids[1, 2:] == PAD).all()
    none, lengths = Tokens.bytes_only().encode([])
    assert none.shape == (0, 2)
    assert lengths.shape == (0,)


def test_no_text_spells_a_special(trained: Tokens, tmp_path: Path) -> None:
    trained.save(tmp_path / "tokenizer.json")
    for tokens in (trained, Tokens.load(tmp_path / "tokenizer.json"), Tokens.bytes_only()):
        for ids in rows(tokens, ["<pad>", "a <start> b", "<end>", "<end><end>"]):
            assert min(ids[1:-1]) > END


def test_unicode_and_space_are_normalised(trained: Tokens) -> None:
    composed, decomposed, spaced, plain = rows(
        trained, ["schön", "scho\u0308n", "  a\tdog\n\nbarking\u3000", "a dog barking"]
    )
    assert composed == decomposed
    assert spaced == plain


def test_a_word_is_the_same_wherever_it_stands(trained: Tokens) -> None:
    alone, later = rows(trained, ["dog", "The sound of a dog"])
    assert later[-len(alone) + 1 :] == alone[1:]


def test_marks_stay_with_their_letters() -> None:
    tokens = Tokens.train(["बारिश हो रही है"] * 4, 600)
    (ids,) = rows(tokens, ["बारिश हो रही है"])
    assert len(ids) == 2 + 4


def test_truncated_with_the_end(trained: Tokens) -> None:
    whole, cut = (rows(trained, TEXTS[:3], limit)[2] for limit in (128, 9))
    assert cut == [*whole[:8], END]
    with pytest.raises(UsageError, match="at least 3"):
        trained.encode(["a"], limit=2)


@pytest.mark.parametrize("text", ["x" * 100_000, "dog " * 25_000, "雨" * 100_000, "‮עברית" * 16_000])
def test_a_very_long_text_is_quick(trained: Tokens, text: str) -> None:
    begin = time.perf_counter()
    ids, lengths = trained.encode([text])
    assert ids.shape == (1, 128)
    assert lengths.tolist() == [128]
    assert time.perf_counter() - begin < 5


def test_half_a_surrogate_pair_is_a_question_mark(trained: Tokens) -> None:
    broken, question = rows(trained, ["\ud83d bark", "? bark"])
    assert broken == question
    Tokens.train(["\ud83d bark"], 300)


def test_training_knows_no_order(tmp_path: Path) -> None:
    files = set()
    for seed in range(4):
        texts = random.Random(seed).sample(TEXTS, len(TEXTS))
        Tokens.train(iter(texts), 420).save(tmp_path / "tokenizer.json")
        files.add((tmp_path / "tokenizer.json").read_bytes())
    assert len(files) == 1


def test_vocabulary_is_an_upper_bound() -> None:
    assert Tokens.train(TEXTS, 300).size == 300
    assert Tokens.train(["a"], 30_000).size == 259
    assert Tokens.train([], 259).size == Tokens.bytes_only().size == 259
    with pytest.raises(UsageError, match="at least 259"):
        Tokens.train(TEXTS, 258)


def test_file_round_trip(trained: Tokens, tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    trained.save(first)
    again = Tokens.load(first)
    again.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert again.size == trained.size
    assert rows(again, TEXTS) == rows(trained, TEXTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json"]


def broken_files() -> dict[str, bytes]:
    specials = ["<pad>", "<start>", "<end>"]
    vocabulary = {s: i for i, s in enumerate(specials)}
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    whole = {s: i for i, s in enumerate([*specials, *letters])}

    def model(vocab: object, merges: object) -> bytes:
        return json.dumps({"model": {"vocab": vocab, "merges": merges}}).encode()

    return {
        "empty": b"",
        "not JSON": b"\x80\x04pickle",
        "a list": b"[]",
        "a number": b"3",
        "no model": b"{}",
        "model is text": b'{"model": "x"}',
        "deep": b"[" * 200_000,
        "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        "vocabulary is a list": model(list(whole), []),
        "bytes missing": model(vocabulary, []),
        "ids with a gap": model({**whole, "ab": 900}, [["a", "b"]]),
        "ids twice": model({**whole, "ab": 5}, [["a", "b"]]),
        "ids are text": model({k: str(v) for k, v in whole.items()}, []),
        "specials moved": model({**whole, "<pad>": 1, "<start>": 0}, []),
        "merge of three": model({**whole, "abc": 259}, [["a", "b", "c"]]),
        "merge of a list": model({**whole, "ab": 259}, [["a", ["b"]]]),
        "merge into nothing": model(whole, [["a", "b"]]),
        "merge from nothing": model({**whole, "abab": 259}, [["ab", "ab"]]),
        "merges are text": model(whole, "a b"),
    }


@pytest.mark.parametrize("name", broken_files())
def test_hostile_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(broken_files()[name])
    with pytest.raises(CheckpointError, match=r"Expected .*tokenizer\.json.* but .+"):
        Tokens.load(path)


def test_missing_folder_and_oversized_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CheckpointError, match="whole checkpoint"):
            Tokens.load(path)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(CheckpointError, match="at most 64 MiB"):
        Tokens.load(tmp_path / "large.json")


def test_what_a_file_says_beside_its_vocabulary_is_not_trusted(
    trained: Tokens, tmp_path: Path
) -> None:
    """A pattern or an added token from a stranger neither runs nor changes a text."""
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    content = json.loads(path.read_text("utf-8"))
    content["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"}
    content["added_tokens"].append({"id": 0, "content": "dog", "special": True})
    path.write_text(json.dumps(content), encoding="utf-8")
    assert rows(Tokens.load(path), TEXTS) == rows(trained, TEXTS)


def test_threads_agree(trained: Tokens) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: rows(trained, [text])[0], TEXTS * 20))
    expected = itertools.chain.from_iterable(rows(trained, TEXTS) for _ in range(20))
    assert found == list(expected)
