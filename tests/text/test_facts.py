"""What counts as saying all that is known, and what does not."""

from __future__ import annotations

import pytest

from clara.text.facts import Facts, faithful, fault

KNOWN = Facts(
    {"gender": ("man",), "emotion": ("angry",), "age": ("28",)},
    "It's raining outside.",
    background=("wind noise",),
)
GOOD = (
    'An angry 28 year old man says "It\'s raining outside." with wind noise in the background.',
    "“It's raining outside.,” a furious male voice of twenty-eight declares amid noises of wind.",
    "Amidst noisy wind, a 28-year-old guy angrily states: 'It's raining outside.'",
    "In the noise of the wind, an angry man, 28, says „It's raining outside.“",
)


@pytest.mark.parametrize("sentence", GOOD)
def test_other_words_and_forms_are_faithful(sentence):
    assert fault(sentence, KNOWN) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("angry", "", "loses a label"),
        ("28 year old", "", "loses a label"),
        ("28", "29", "loses a label"),
        (" man ", " voice ", "loses a label"),
        ("wind noise", "wind", "loses a label"),
        ("It's raining outside.", "It is raining outside.", "changes what is quoted"),
        ('"', "", "changes what is quoted"),
        ("background.", "background. It is wet.", "is more than one sentence"),
        ("angry", "angry and sad", "says what is not known"),
        ("man", "man and his girl", "says what is not known"),
        ("in the background", "in the background " + "of a storm " * 40, "is much longer"),
        (GOOD[0], "  ", "is empty"),
        (GOOD[0], GOOD[0].replace(" in the background", " " + "на заднем плане " * 3), "language"),
    ],
)
def test_what_is_lost_or_added_is_found(old, new, says):
    assert old in GOOD[0]
    assert says in fault(GOOD[0].replace(old, new), KNOWN)


def test_a_label_within_the_quote_is_not_said():
    facts = Facts({"emotion": ("sad",)}, "I am sad.")
    assert fault('A person says "I am sad."', facts) == "loses a label"
    assert faithful('A sad person says "I am sad."', facts)
    assert fault('A happy, sad person says "I am sad."', facts) == "says what is not known"


@pytest.mark.parametrize(
    ("sentence", "known"),
    [
        ("Dogs bark", ("dog", "barking")),
        ("A dog is barking", ("dogs", "bark")),
        ("The stopping of trains", ("train stopped",)),
        ("Noisily breathing", ("noise", "breath")),
        ("A crackling fire", ("fire crackling",)),
        ("Glasses break", ("breaking glass",)),
        ("Here many things are made in the mall", ("mall",)),
    ],
)
def test_forms_of_one_word_count_as_the_word(sentence, known):
    assert fault(sentence, Facts({"sound": known})) == ""


@pytest.mark.parametrize("sentence", ["A cat meows", "A hotdog stand", "Barks", ""])
def test_other_words_do_not(sentence):
    assert not faithful(sentence, Facts({"sound": ("dog",)}))


def test_function_words_are_nobody():
    """ "Here" is no form of "her", "many" none of "man", "mall" none of "male"."""
    for sentence in ("Here is rain", "Rain on many roofs", "Rain at the mall", "Made by rain"):
        assert faithful(sentence, Facts({"sound": ("rain",)})), sentence
    for sentence in ("She likes rain", "A man in the rain", "Men in rain", "Sadly, rain"):
        assert fault(sentence, Facts({"sound": ("rain",)})) == "says what is not known", sentence


def test_captions_are_said_by_most_of_their_words():
    facts = Facts(heard="A dog barks loudly near a busy road", seen=("two children on a lawn",))
    assert faithful("Two children play on a lawn while a dog barks by a busy road", facts)
    assert fault("A dog barks near a busy road", facts) == "loses a caption"
    assert fault("Two children play on a lawn near a road", facts) == "loses a caption"


def test_people_in_captions_may_be_named():
    facts = Facts({"sound": ("rain",)}, seen=("an angry woman under an umbrella",))
    assert faithful("Rain falls while an angry woman holds an umbrella", facts)
    assert not faithful("Rain falls while an angry man holds an umbrella for a woman", facts)


def test_a_long_sentence_without_english_words_is_in_another_language():
    facts = Facts({"sound": ("rain",)})
    answer = "Regen rain fällt leise auf viele alte graue Dächer draußen"
    assert fault(answer, facts) == "is in another language"
    assert fault("дождь rain идёт", facts) == "is in another language"


def test_points_that_end_no_sentence():
    facts = Facts({"song": ("Mr. Blue Sky",), "artist": ("J. S. Bach",)})
    assert faithful("A person sings Mr. Blue Sky by J. S. Bach.", facts)
    assert not faithful("A person sings Mr. Blue Sky by J. S. Bach. Well done!", facts)


@pytest.mark.parametrize("spoken", ["你好。", "مرحبا", "50% (a+b)*", "a", "It's '90s \"rock\""])
def test_quotes_of_any_script_are_found(spoken):
    facts = Facts({"gender": ("man",)}, spoken)
    assert faithful(f"A man says “{spoken}”", facts)
    assert faithful(f'A man says "{spoken}," again', facts)
    assert not faithful(f'A man says "x{spoken}"', facts)


def test_the_example_of_the_paper():
    facts = Facts(spoken="It's raining outside", background=("wind noise",))
    sentence = "Amidst wind noise in the background, an individual declares, 'It's raining outside'"
    assert faithful(sentence, facts)
