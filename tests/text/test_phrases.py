"""Sentences from labels: the paper's own, in order, grammatical, none twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara import corpora
from clara.errors import UnknownNameError, UsageError
from clara.text.languages import LANGUAGES, language_name
from clara.text.phrases import (
    PAPER_CODE,
    TABLE_III,
    TEMPLATES,
    captions,
    listing,
    person,
    prompt,
    prompts,
    templates,
)

TABLE_II = [
    ("age", "A {label} year old"),
    ("gender", "A {label}"),
    ("emotion", "A person talking in a {label} voice"),
    ("sound", "The sound of {label}"),
    ("language", "{label} speaker"),
]


@pytest.mark.parametrize(("kind", "template"), TABLE_II)
def test_table_ii_comes_first(kind: str, template: str):
    assert TEMPLATES[kind][0] == template


def test_every_template_has_one_place_for_the_label():
    for each in [*TEMPLATES.values(), *PAPER_CODE.values(), TABLE_III]:
        assert len(set(each)) == len(each) > 0
        assert all(template.count("{label}") == 1 for template in each)


def test_table_iii_has_six_templates():
    assert len(TABLE_III) == 6
    assert [prompt(template, "siren") for template in TABLE_III] == [
        "siren",
        "A siren",
        "siren sounds",
        "A siren can be heard",
        "The sound of a siren",
        "The siren emits a distinctive sound",
    ]


ARTICLES = [
    ("angry", "an angry"),
    ("happy", "a happy"),
    ("air conditioner", "an air conditioner"),
    ("Estonian", "an Estonian"),
    ("hour", "an hour"),
    ("hand saw", "a hand saw"),
    ("one", "a one"),
    ("unicorn", "a unicorn"),
    ("unimpressed", "an unimpressed"),
    ("European", "a European"),
    ("Ukrainian", "a Ukrainian"),
    ("utensil", "a utensil"),
    ("US American", "a US American"),
    ("usher", "an usher"),
    ("Indian", "an Indian"),
    ("Israeli", "an Israeli"),
    ("8", "an 8"),
    ("18", "an 18"),
    ("11", "an 11"),
    ("80", "an 80"),
    ("110", "a 110"),
    ("23", "a 23"),
    ("雨", "a 雨"),
]


@pytest.mark.parametrize(("label", "phrase"), ARTICLES)
def test_the_article_fits_the_label(label: str, phrase: str):
    assert prompt("it is a {label}", label) == f"it is {phrase}"
    assert prompt("A {label}", label) == phrase[0].upper() + phrase[1:]


def test_only_the_article_before_the_label_changes():
    assert prompt("Data {label} and a {label}", "owl") == "Data owl and an owl"


@pytest.mark.parametrize("label", ["{label}", "{}", "%s", "\\1", "a  b\n c", "🐕", "⁧كلب⁩"])
def test_a_label_is_never_code(label: str):
    assert prompt("sound", label) == f"The sound of {' '.join(label.split())}"


AGES = [
    ("28", "A 28 year old", "A 28 year old person talking"),
    ("8", "An 8 year old", "An 8 year old person talking"),
    ("twenties", "A person in their twenties", "A person in their twenties talking"),
    ("teens", "A person in their teens", "A person in their teens talking"),
    ("80s", "A person in their 80s", "A person in their 80s talking"),
]


@pytest.mark.parametrize(("age", "first", "second"), AGES)
def test_ages_in_years_and_in_decades(age: str, first: str, second: str):
    assert prompts("age", age, style="ensemble") == (first, second)
    assert [prompt(template, age) for template in TEMPLATES["age"]] == [first, second]
    assert prompts("age", age, style="code") == (first,)


@pytest.mark.parametrize("decade", corpora.get("common_voice").labels["age"])
def test_every_decade_of_common_voice_is_one(decade: str):
    assert prompt("age", decade) == f"A person in their {decade}"


def test_who_speaks():
    assert person({}) == "A person"
    assert person({"gender": ("man",), "age": ("forties",)}) == "A man in his forties"
    assert person({"gender": ("man",), "age": ("18",)}) == "An 18 year old man"
    assert person({"age": ("30s",), "emotion": ("sad",)}) == "A person in their 30s"
    both = {"gender": ("man", "woman"), "age": ("30s",)}
    assert person(both) == "A man and woman in their 30s"


def test_languages_are_named():
    assert prompt("language", "zh-CN") == "Chinese speaker"
    assert prompt("language", "German") == "German speaker"
    assert prompt("language", "tlh") == "tlh speaker"


@pytest.mark.parametrize("kind", ["colour", "emotio", ""])
def test_a_kind_without_a_template(kind: str):
    with pytest.raises(UnknownNameError, match="no prompt template"):
        prompt(kind, "red")


@pytest.mark.parametrize("label", ["", " \n"])
def test_an_empty_label(label: str):
    with pytest.raises(UsageError, match="empty one"):
        prompt("sound", label)


def test_styles():
    assert prompts("emotion", "angry") == ("A person talking in an angry voice",)
    assert prompts("emotion", "angry", style="code") == ("a person talking in an angry voice",)
    assert prompts("sound", "dog", style="code") == ("The sounds of dog",)
    assert templates("sound", "code", corpus="esc50") == ("The sound of the {label}",)
    assert templates("emotion", "code", corpus="esc50") == PAPER_CODE["emotion"]
    assert prompts("sound", "dog", style="ensemble")[1] == "The sound of a dog"
    with pytest.raises(UnknownNameError, match="style of prompt named 'loud'"):
        prompts("sound", "dog", style="loud")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", corpora.names())
@pytest.mark.parametrize("style", ["paper", "ensemble"])
def test_the_classes_of_every_corpus_can_be_told_apart(name: str, style):
    for kind, values in corpora.get(name).labels.items():
        asked = [prompts(kind, value, style) for value in values]
        assert all(asked)
        assert len(set(asked)) == len(values)


CAPTIONS = [
    (
        {"emotion": ("angry",), "gender": ("woman",), "intensity": ("strong",)},
        "Kids are talking by the door",
        "en",
        (
            'A woman saying "Kids are talking by the door" in an angry voice with strong emotional '
            "intensity",
            "A person talking in an angry voice",
            "A woman",
            "A person talking with strong emotional intensity",
            "English speaker",
            "Kids are talking by the door",
        ),
    ),
    (
        {"emotion": ("sad",), "gender": ("man",), "age": ("28",)},
        "",
        "pl",
        (
            "A 28 year old man talking in a sad voice",
            "A person talking in a sad voice",
            "A man",
            "A 28 year old",
            "Polish speaker",
        ),
    ),
    ({"emotion": ("calm",)}, "", "", ("A person talking in a calm voice",)),
    ({"gender": ("man",)}, "", "", ("A man talking", "A man")),
    (
        {"gender": ("woman",), "age": ("teens",), "accent": ("Indian",)},
        "Yes.",
        "en",
        (
            'A woman in her teens saying "Yes." with an Indian accent',
            "A woman",
            "A person in their teens",
            "A person talking in an Indian accent",
            "English speaker",
            "Yes.",
        ),
    ),
    (
        {"emotion": ("talking",), "manner": ("singing",), "accent": ("Irish",)},
        "",
        "",
        (
            "A person singing in a talking voice with an Irish accent",
            "A person singing in a talking voice",
            "A person singing in an Irish accent",
            "A person singing",
        ),
    ),
    ({"manner": ("speaking",), "gender": ("man",)}, "", "", (
        "A man talking", "A man", "A person speaking",
    )),
    ({"age": ("8",)}, "", "", ("An 8 year old person talking", "An 8 year old")),
    (
        {"intensity": ("normal",)},
        "",
        "",
        (
            "A person talking in a voice of normal emotional intensity",
            "A person talking with normal emotional intensity",
        ),
    ),
    ({"keyword": ("تكبير",)}, "", "ar", ('A person saying "تكبير"', "Arabic speaker", "تكبير")),
    ({"keyword": ("yes",)}, "yes", "", ('A person saying "yes"', "yes")),
    ({}, "in  being\ncomparatively modern.", "", (
        'A person saying "in being comparatively modern."', "in being comparatively modern.",
    )),
    ({"sound": ("dog",)}, "", "", ("The sound of dog",)),
    ({"sound": ("dog", "rain")}, "", "", ("The sounds of dog and rain",)),
    ({"sound": ("dog", "rain", "dog", " wind ")}, "", "", ("The sounds of dog, rain and wind",)),
    ({"scene": ("airport",)}, "", "", ("The sound of an airport",)),
    ({"language": ("fr", "de")}, "", "", ("French speaker", "German speaker")),
    ({"bird": ("wren",)}, "", "", ("wren",)),
    ({"sound": (), "emotion": ("",)}, " ", "", ()),
    ({}, "", "tlh", ()),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "transcript", "language", "expected"), CAPTIONS)
def test_captions(labels, transcript: str, language: str, expected: tuple[str, ...]):
    assert captions(labels, transcript, language) == expected


words = st.text(max_size=12)


@settings(deadline=None)  # the machine may be shared
@given(
    labels=st.dictionaries(st.sampled_from([*TEMPLATES, "bird"]), st.lists(words, max_size=3)),
    transcript=words,
    language=st.sampled_from(["", "pl", "zh-CN", "??"]),
)
def test_captions_of_anything(labels: dict[str, list[str]], transcript: str, language: str):
    values = {kind: tuple(value) for kind, value in labels.items()}
    first = captions(values, transcript, language)
    assert first == captions(values, transcript, language)
    assert len(set(first)) == len(first)
    assert all(text == " ".join(text.split()) and text for text in first)
    if transcript.split() or any("".join(words).split() for words in labels.values()):
        assert first


def test_a_very_long_transcript_is_taken_whole():
    long = "слово " * 20_000
    assert captions({}, long)[-1] == long.strip()


def test_listing():
    assert listing([]) == ""
    assert listing(["a"]) == "a"
    assert listing(["a", "b"]) == "a and b"


def test_language_names():
    assert language_name("PT_br") == "Portuguese"
    assert language_name("rm-sursilv") != language_name("rm_vallader") != language_name("rm")
    assert language_name("zh-CN") == "Chinese" != language_name("zh-HK")
    assert language_name("") == ""
    assert len(LANGUAGES) > 150
    assert all(tag.islower() and 2 <= len(tag) <= 3 for tag in LANGUAGES)
    # Those of the Multilingual Spoken Words Corpus (table VIII and the rest of its 50).
    spoken = """ar as br ca cnh cs cv cy de dv el en eo es et eu fa fr fy-NL ga-IE gn ha ia id it
        ka ky lt lv mn mt nl or pl pt rm-sursilv rm-vallader ro ru rw sah sk sl sv-SE ta tr tt uk
        vi zh-CN"""
    assert all(map(language_name, spoken.split()))
