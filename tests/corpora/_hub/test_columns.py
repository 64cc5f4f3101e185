from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.corpora._hub.columns import meaning
from clara.errors import LayoutError

Row = dict[str, Any]


def said(kinds: dict[str, Any], row: Row, **given: tuple[str, ...]) -> dict[str, Any]:
    """What a row with those kinds of columns says, without what it does not say."""
    found = meaning({"audio": "audio", **kinds}, given, "user/name").entry(row)
    return {name: value for name, value in found.items() if value}


def texts(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "text")


# The columns of well-known data sets, by their cards.
KNOWN = {
    "openslr/librispeech_asr": (
        {**texts("file", "text", "id"), "speaker_id": "number", "chapter_id": "number"},
        {"file": "a.flac", "text": "GO ON", "id": "7-8-9", "speaker_id": 7, "chapter_id": 8},
        {
            "transcript": "GO ON",
            "speaker": "7",
            "extra": {"file": "a.flac", "id": "7-8-9", "chapter_id": 8},
        },
    ),
    "mozilla-foundation/common_voice": (
        texts("client_id", "path", "sentence", "age", "gender", "accent", "locale"),
        {
            **{"client_id": "ab", "path": "a.mp3", "sentence": "Dzień dobry", "age": "twenties"},
            **{"gender": "male_masculine", "accent": "", "locale": "zh-TW"},
        },
        {
            "transcript": "Dzień dobry",
            "speaker": "ab",
            "language": "zh-TW",
            "labels": {"gender": ("man",), "age": ("twenties",)},
            "extra": {"path": "a.mp3"},
        },
    ),
    "google/fleurs": (
        {
            **texts("transcription", "raw_transcription", "language"),
            "gender": ["male", "female", "other"],
            "lang_id": ["af_za", "de_de"],
            "num_samples": "number",
        },
        {
            **{"transcription": "guten tag", "raw_transcription": "Guten Tag.", "gender": 1},
            **{"language": "German", "lang_id": 1, "num_samples": 9},
        },
        {
            "transcript": "guten tag",
            "language": "de",
            "labels": {"gender": ("woman",)},
            "extra": {"num_samples": 9},
        },
    ),
    "AudioCaps": (
        {**texts("youtube_id", "caption"), "audiocap_id": "number", "start_time": "number"},
        {"youtube_id": "-ab_c", "caption": "A dog", "audiocap_id": 5, "start_time": 30},
        {
            "texts": ("A dog",),
            "source": "youtube:-ab_c",
            "extra": {"audiocap_id": 5, "start_time": 30},
        },
    ),
    "Clotho": (
        texts("caption_10", "caption_1", "caption_2", "fsid"),
        {"caption_1": "a", "caption_2": "b", "caption_10": "c", "fsid": 12},
        {"texts": ("a", "b", "c"), "source": "freesound:12"},
    ),
    "ESC-50": (
        {"category": ["airplane", "door_knock"], "target": "number", "esc10": "number"},
        {"category": 1, "target": 3, "esc10": True},
        {"labels": {"sound": ("door knock",)}, "extra": {"target": 3, "esc10": True}},
    ),
    "AudioSet": (
        texts("video_id", "labels", "human_labels"),
        {"video_id": "x", "labels": ["/m/1"], "human_labels": ["Dog", "Bark"]},
        {
            "labels": {"sound": ("Dog", "Bark")},
            "extra": {"video_id": "x", "labels": ["/m/1"]},
        },
    ),
    "emotions": (
        {"label": ["Anger", "joy", "Neutral"]},
        {"label": 0},
        {"labels": {"emotion": ("angry",)}},
    ),
    "LJSpeech": (
        texts("id", "text", "normalized_text"),
        {"id": "1", "text": "Dr. No", "normalized_text": "Doctor No"},
        {"transcript": "Doctor No", "extra": {"id": "1"}},
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_the_columns_of_known_data_sets(name: str) -> None:
    kinds, row, expected = KNOWN[name]
    assert said(kinds, row) == expected


def test_what_is_given_goes_before_what_is_guessed() -> None:
    kinds = {**texts("text", "speaker", "note"), "label": ["yes", "no"]}
    row = {"text": "A man", "speaker": "x", "note": "hello", "label": 0}
    assert said(kinds, row)["transcript"] == "A man"
    found = said(kinds, row, text=("text", "note"), keyword=("label",), speaker=())
    assert found == {
        "texts": ("A man", "hello"),
        "labels": {"keyword": ("yes",)},
        "extra": {"speaker": "x"},
    }
    assert said(kinds, row, **{"label.answer": ("label",)})["labels"] == {"answer": ("yes",)}


def test_a_language_for_all() -> None:
    assert said({}, {}, language=("pt_br",)) == {"language": "pt-BR"}
    assert said({}, {}, language=("Polish",)) == {"language": "pl"}
    assert said(texts("de"), {"de": "fr"}, language=("de",)) == {"language": "fr"}
    with pytest.raises(LayoutError, match="the column 'no language' for language in user/name"):
        said({}, {}, language=("no language",))


def test_columns_that_are_not_there() -> None:
    with pytest.raises(LayoutError, match=r"column 'cap' for text .* found the columns audio, a"):
        said(texts("a"), {}, text=("cap",))
    with pytest.raises(LayoutError, match=r"without one \(columns: a\); say .* audio=COLUMN"):
        meaning({"a": "text"}, {}, "user/name")
    with pytest.raises(LayoutError, match=r"without one \(columns: none\)"):
        meaning({}, {}, "user/name")
    assert meaning({"x": "audio", "audio": "audio"}, {}, "user/name").audio == "audio"
    assert meaning({"x": "audio", "audio": "audio"}, {"audio": ("x",)}, "user/name").audio == "x"


def test_values_that_say_nothing() -> None:
    kinds = {**texts("text", "gender", "age", "language"), "label": ["a"], "x": "number"}
    row = {"text": None, "gender": "other", "age": math.nan, "language": "??", "label": -1}
    assert said(kinds, {**row, "x": math.inf}) == {}
    assert said(kinds, {**row, "label": 99, "x": None}) == {}
    assert said({"label": "number"}, {"label": 3}) == {"extra": {"label": 3}}


def test_long_lists_and_bytes_are_not_kept() -> None:
    kinds = {"embedding": "number", "few": "number", "picture": "other"}
    row = {"embedding": [0.5] * 768, "few": [1, 2]}
    assert said(kinds, row) == {"extra": {"few": [1, 2]}}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
names = st.sampled_from(
    ["text", "caption_2", "sentence", "label", "gender", "age", "language", "ytid", "speaker"]
)
kinds = st.sampled_from(["text", "number"]) | st.lists(st.text(max_size=3), max_size=2)


@settings(max_examples=150, deadline=None)
@given(data=st.dictionaries(names | st.text(max_size=4), st.tuples(kinds, values), max_size=6))
def test_any_row_is_an_entry_that_json_can_hold(data: dict[str, tuple[Any, Any]]) -> None:
    data.pop("audio", None)
    row = {name: value for name, (_, value) in data.items()}
    found = said({name: kind for name, (kind, _) in data.items()}, row)
    json.dumps(found, allow_nan=False)
    assert all(all(words) for words in found.get("labels", {}).values())
    assert all(found.get("texts", ()))
