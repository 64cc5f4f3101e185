"""Captions in other languages: labels by the tables, free text by a translator, words untouched."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import sys
import unicodedata
from pathlib import Path
from typing import ClassVar

import pytest

from clara.configs import from_json, to_json
from clara.errors import UnknownNameError, UsageError
from clara.prepare.desk import PROVENANCE, Desk
from clara.prepare.steps.describe import Describe
from clara.prepare.steps.translate import Translate
from clara.records import Entry
from clara.text import multilingual

SPEECH = Entry(
    "speech",
    Path("s.wav"),
    language="pl",
    transcript="Dobry wieczór.",
    labels={"gender": ("woman",), "emotion": ("sad",), "keyword": ("wieczór",)},
)
SOUND = Entry("sound", Path("d.wav"), labels={"sound": ("dog", "narwhal")})
CAPTIONED = Entry("captioned", Path("c.wav"), texts=("A dog barks.", "Barking.", "Noise."))
UNKNOWN = Entry("unknown", Path("u.wav"))
ENTRIES = [SPEECH, SOUND, CAPTIONED, UNKNOWN]


@pytest.fixture
def german(tiny_llm):
    return {"url": tiny_llm, "model": "german", "wait": 0.01}


@pytest.fixture
def dead():
    """The address of nobody."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_labels_are_said_by_the_tables(desk):
    speech, sound, captioned, unknown = Translate(("de", "ja", "ar"))(ENTRIES, desk)
    assert "Eine Frau sagt mit trauriger Stimme: „Dobry wieczór.“" in speech.texts
    assert len(speech.texts) == 6
    assert not {"Dobry wieczór.", "wieczór"} & set(speech.texts), "the bare words are no caption"
    assert all(text[0] != " " for text in speech.texts)
    assert len(sound.texts) == 3
    assert "犬" in "".join(sound.texts)
    assert (captioned, unknown) == (CAPTIONED, UNKNOWN)
    (line,) = speech.extra[PROVENANCE]
    assert line["into"] == ["de", "ja", "ar"]
    assert line["wrote"] == {"tables of languages": list(speech.texts)}
    assert dataclasses.replace(speech, texts=(), extra={}) == SPEECH
    assert desk.counts["labels that the tables have no de for"] == 1, "a narwhal"
    assert desk.counts["captions in ja"] == 3
    assert desk.counts["captions that have no translation into de"] == 2


def test_every_language_of_the_tables_says_all_that_is_said(desk):
    languages = tuple(tag for tag in multilingual.languages() if tag != "en")
    assert len(languages) >= 40
    speech, _, *_ = Translate(languages, phrasings=1)([SPEECH, SOUND], desk)
    assert len(speech.texts) == len(languages)
    for text in speech.texts:
        assert "Dobry wieczór." in text
        assert text == unicodedata.normalize("NFC", text)


def test_free_text_is_translated_by_a_server(german, desk):
    step = Translate(("de",), "openai", settings=german)
    speech, sound, captioned, unknown = step(ENTRIES, desk)
    assert captioned.texts[3:] == ("Auf Deutsch: A dog barks.", "Auf Deutsch: Barking.")
    assert captioned.extra[PROVENANCE][0]["wrote"] == {"openai:german": list(captioned.texts[3:])}
    assert list(speech.extra[PROVENANCE][0]["wrote"]) == ["tables of languages"]
    assert list(sound.extra[PROVENANCE][0]["wrote"]) == ["tables of languages"]
    assert unknown == UNKNOWN


def test_labels_in_a_language_without_tables_go_to_the_translator(german, desk):
    assert "zu" not in multilingual.languages()
    speech, *_ = Translate(("zu",), "openai", settings=german)([SPEECH], desk)
    assert len(speech.texts) == 2
    assert all(text.startswith("Auf Deutsch: ") for text in speech.texts)
    assert "Dobry wieczór." in speech.texts[0]
    with pytest.raises(UnknownNameError, match="zu"):
        Translate(("zu",))


def test_descriptions_are_translated_with_their_words_kept(german, desk):
    (described,) = Describe(phrasings=2)([dataclasses.replace(SPEECH, labels={})], desk)
    (said,) = Translate(("de",), "openai", settings=german)([described], desk)
    wrote = said.extra[PROVENANCE][1]["wrote"]
    assert wrote["openai:german"] == [f"Auf Deutsch: {text}" for text in described.texts]


class _Careless:
    """Keeps numbers, and no other masks; what it sees between quotation marks it translates."""

    name = "careless 1"
    asked: ClassVar[list[str]] = []

    def translate(self, texts, *, source, target):
        assert (source, target) == ("en", "de")
        self.asked += texts
        return [re.sub(r'"(?!\d)[^"]*"', "„Guten Abend“", text) for text in texts]


class _Deaf:
    """Loses every mask."""

    name = "deaf 1"

    def translate(self, texts, *, source, target):
        return [re.sub(r'"[^"]*"', "„…“", text) for text in texts]


@pytest.fixture(autouse=True)
def _translators(monkeypatch):
    module = type(sys)("odd_translators")
    module.Careless, module.Deaf = _Careless, _Deaf
    monkeypatch.setattr(_Careless, "asked", [])
    monkeypatch.setitem(sys.modules, module.__name__, module)


TOLD = dataclasses.replace(SPEECH, texts=('She says "Dobry wieczór." now', "She speaks"))


def test_what_is_quoted_is_hidden_from_the_translator(desk):
    (said,) = Translate(("de",), "odd_translators:Careless", 9)([TOLD], desk)
    assert [text for text in said.texts if text.endswith(" now")] == [TOLD.texts[0]]
    assert not any("Guten Abend" in text for text in said.texts)
    assert not any("wieczór" in text for text in _Careless.asked)
    assert len(_Careless.asked) == 3, "the first mask was lost, and one text has none"
    quoted = dataclasses.replace(TOLD, labels={}, texts=('She says "Dobry wieczór."',) * 2)
    (said,) = Translate(("de",), "odd_translators:Careless", 9)([quoted], desk)
    assert desk.counts["translations into de that change what is said"] == 0


def test_translations_that_lose_what_is_said_are_dropped(desk):
    (said,) = Translate(("de",), "odd_translators:Deaf", 9)([TOLD], desk)
    assert not any("…" in text for text in said.texts)
    assert "Eine Frau sagt mit trauriger Stimme: „Dobry wieczór.“" in said.texts
    assert desk.counts["translations into de that change what is said"] == 1


def test_texts_that_differ_in_what_is_said_alone_are_translated_once(german, desk):
    entries = [
        dataclasses.replace(SPEECH, key=str(n), transcript=f"Raz {n}.", labels={})
        for n in range(40)
    ]
    told = [
        dataclasses.replace(each, texts=(f'Someone says "{each.transcript}"',)) for each in entries
    ]
    german = {**german, "batch": 1, "requests": 1}
    said = list(Translate(("de",), "openai", settings=german)(told, desk))
    for each in said:
        assert each.texts[-1] == f'Auf Deutsch: Someone says "{each.transcript}"'


def test_a_keyword_hides_no_other_word(german, desk):
    keyword = Entry("k", Path("k.wav"), labels={"keyword": ("on",)}, texts=('Someone says "on"',))
    (said,) = Translate(("de",), "openai", settings=german)([keyword], desk)
    assert said.texts[-1] == 'Auf Deutsch: Someone says "on"'
    assert "on" not in said.texts[1:], "the bare word is in its language already"


def test_captions_that_tables_stand_for_are_counted_as_such(dead, desk):
    told = dataclasses.replace(SPEECH, texts=("She speaks.",))
    list(Translate(("de",))([told], desk))
    assert desk.counts["captions left to the tables of de"] == 1
    assert not any(what.startswith("captions that have no") for what in desk.counts)
    other = Desk(desk.folder)
    settings = {"url": dead, "model": "m", "wait": 0.01, "tries": 1}
    list(Translate(("de",), "openai", settings=settings)([told, CAPTIONED], other))
    assert other.counts["captions left to the tables of de"] == 1
    assert other.counts["captions that have no translation into de"] == 2
    assert other.counts["not translated into de: the server does not answer"] == 3


def test_it_does_not_translate_its_own_captions_again(german, desk):
    (once,) = Translate(("fr",))([SPEECH], desk)
    (twice,) = Translate(("de",), "openai", 9, german)([once], desk)
    assert not any("Auf Deutsch" in text for text in twice.texts)


def test_settings_that_make_no_sense():
    step = Translate(("de", "pl"), "openai", 3, {"model": "m"})
    assert from_json(Translate, json.loads(json.dumps(to_json(step)))) == step
    for settings in (
        *({"into": into} for into in ((), ("en",), ("EN-gb",), ("de", "de"))),
        {"into": ("de",), "phrasings": 0},
    ):
        with pytest.raises(UsageError):
            Translate(**settings)
    with pytest.raises(UnknownNameError, match="xx"):
        Translate(("de", "xx"))
