"""Captions in other languages: labels by the tables, free text by a translator, words untouched."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import unicodedata
from pathlib import Path

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


@pytest.fixture(scope="module")
def german():
    program = [sys.executable, str(Path(__file__).parents[2] / "backends" / "tiny_llm.py")]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    yield {"url": url, "model": "german", "wait": 0.01}
    process.kill()
    process.wait()
    process.stdout.close()


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
    """Translates what is quoted as well."""

    name = "careless 1"

    def translate(self, texts, *, source, target):
        assert (source, target) == ("en", "de")
        return [text.replace("Dobry wieczór", "Guten Abend") for text in texts]


def test_translations_that_change_what_is_said_are_dropped(monkeypatch, tmp_path, desk):
    module = type(sys)("careless_translators")
    module.Careless = _Careless
    monkeypatch.setitem(sys.modules, module.__name__, module)
    told = dataclasses.replace(SPEECH, texts=('She says "Dobry wieczór."', "She speaks"))
    (said,) = Translate(("de",), "careless_translators:Careless", 9)([told], desk)
    assert not any("Guten Abend" in text for text in said.texts)
    assert desk.counts["translations into de that change what is said"] == 1


def test_it_does_not_translate_its_own_captions_again(german, desk):
    (once,) = Translate(("fr",))([SPEECH], desk)
    (twice,) = Translate(("de",), "openai", 9, german)([once], desk)
    assert not any("Auf Deutsch" in text for text in twice.texts)


def test_settings_that_make_no_sense():
    step = Translate(("de", "pl"), "openai", 3, {"model": "m"})
    assert from_json(Translate, json.loads(json.dumps(to_json(step)))) == step
    for settings in ({"into": ()}, {"into": ("en",)}, {"into": ("de",), "phrasings": 0}):
        with pytest.raises(UsageError):
            Translate(**settings)
    with pytest.raises(UnknownNameError, match="xx"):
        Translate(("de", "xx"))
