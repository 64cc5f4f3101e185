"""Words of any script are parted and put together again without losing a sign."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clara.text import words as wording


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('He said "hello" now - yes... $5', ["He", "said", '"hello"', "now -", "yes...", "$5"]),
        ("¿Qué? — Hola (l'été)", ["¿Qué? —", "Hola", "(l'été)"]),
        ("don't mill-house", ["don't", "mill-house"]),
        ("「你好」他说（笑）。", ["「你", "好」", "他", "说", "（笑）。"]),
        ("きょうは 3 時", ["き", "ょ", "う", "は", "3", "時"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("เมื่อวาน", ["เมื่", "อ", "ว", "า", "น"]),
        ("مرحبا، كيف حالك؟", ["مرحبا،", "كيف", "حالك؟"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया।"]),
        ("...", []),
        (" \n", []),
        ("", []),
    ],
)
def test_words_of_many_scripts(text, words):
    assert wording.split(text) == words


@given(st.text(max_size=60))
def test_no_sign_is_lost_nor_said_twice(text):
    spans = wording.spans(text)
    if not spans:
        assert not any(map(str.isalnum, text))
        return
    outside = [text[: spans[0].start], text[spans[-1].end :]]
    outside += [text[a.end : b.start] for a, b in pairwise(spans)]
    assert not any(part.strip() for part in outside)
    assert all(any(map(str.isalnum, text[start:end])) for start, end in spans)
    places = [place for span in spans for place in span]
    assert places == sorted(places)


@given(st.text("ab ,.-\"(你好，。「あเมวan'", max_size=40))
def test_joined_words_are_the_same_words(text):
    words = wording.split(text)
    again = wording.split(wording.join(words))
    assert "".join(again).replace(" ", "") == "".join(words).replace(" ", "")


def test_spaces_only_where_the_script_has_them():
    assert wording.join(["I", "am"]) == "I am"
    assert wording.join(["你", "好", "Bob"]) == "你好Bob"
    assert wording.join([" a ", "", "b"]) == "a b"
    assert wording.join([]) == ""
