"""What is quoted comes back letter by letter, or not at all."""

from __future__ import annotations

import pytest

from clara.text.quotes import FORMS, masked

HELD = ("Go!", 'He said "no" and “left”.', "שלום לך", "{Q0} 4807 XQ0X", "a" * 10_000, "\\1 .*")
SENTENCES = (
    'A man says "{}" in a sad voice',
    "“{}” is what she says",
    "A voice: «{}»",
    "Sie sagt „{}“, dann nichts",
    "彼は「{}」と言う",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("spoken", HELD, ids=lambda spoken: spoken[:12])
def test_what_is_spoken_is_hidden_and_comes_back(spoken, form):
    for sentence in SENTENCES:
        text = sentence.replace("{}", spoken)
        hidden = masked(text, (spoken,), form)
        assert spoken not in hidden.text
        assert len(hidden.kept) == 1
        assert hidden.restored(hidden.text) == text
        assert hidden.restored(hidden.text.upper().replace("Q", "O").replace("4", "٤")) is None


def test_a_mask_is_there_once_and_alone():
    hidden = masked('Someone says "Go!"', ("Go!",), FORMS[1])
    assert hidden.text == 'Someone says "4807"'
    assert hidden.restored("Kto\u015b m\u00f3wi: „4807”") == "Kto\u015b m\u00f3wi: „Go!”"
    assert hidden.restored("누군가 “4807”라고 말한다") == "누군가 “Go!”라고 말한다"
    for lost in ("", "4807 4807", "48070", "x4807", "4,807", "٤٨٠٧"):
        assert hidden.restored(lost) is None


def test_marks_that_are_lost_are_put_back():
    hidden = masked('Someone says "Go!"', ("Go!",), FORMS[0])
    assert hidden.restored("Jemand sagt {Q0}") == 'Jemand sagt "Go!"'
    assert hidden.restored("Jemand sagt „{Q0}.“") == "Jemand sagt „Go!.“"
    assert hidden.restored("Quelqu’un dit «\u00a0{Q0}\u00a0»") == "Quelqu’un dit «\u00a0Go!\u00a0»"


def test_words_are_hidden_without_marks_if_they_are_several():
    text = "She says Go home now, and going on"
    assert masked(text, ("Go home",), FORMS[0]).text == "She says {Q0} now, and going on"
    assert masked(text, ("on", "Go"), FORMS[0]).text == text


def test_what_others_quote_is_hidden_too():
    hidden = masked('Plays “Yesterday” and says "Go!" and "no"', ("Go!",), FORMS[0])
    assert hidden.text == 'Plays “{Q0}” and says "{Q1}" and "{Q2}"'
    swapped = "“{Q2}” „{Q1}“ „{Q0}“"
    assert hidden.restored(swapped) == "“no” „Go!“ „Yesterday“"
    assert masked("nothing of it's", (), FORMS[0]).text == "nothing of it's"
    assert masked('an inch: 10" or so', (), FORMS[0]).kept == ()


def test_a_mask_is_no_part_of_the_text():
    hidden = masked('{Q0} {Q1} says "Go!"', ("Go!",), FORMS[0])
    assert hidden.text == '{Q0} {Q1} says "{Q2}"'
    assert hidden.restored(hidden.text) == '{Q0} {Q1} says "Go!"'


def test_no_sentence_quotes_without_end():
    hidden = masked('"a" ' * 20_000, (), FORMS[0])
    assert hidden.restored(hidden.text) is None
    assert masked('"a" ' * 9, (), FORMS[0]).restored("no") is None
