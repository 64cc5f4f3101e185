"""Texts become recordings: by voices that are in one split each, the same in every run."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clara import corpora
from clara.backends.speaker.espeak import Espeak
from clara.errors import AudioError, UnknownNameError, UsageError
from clara.prepare.desk import PROVENANCE, Desk
from clara.prepare.steps.synthesise import Synthesise, _drawn, _kept
from clara.records import Entry, Unspoken


def word(text: str, language: str = "pl", **more: object) -> Entry:
    key = f"{language}/{text}"
    facts: dict[str, object] = {"labels": {"keyword": (text,)}, "transcript": text, **more}
    return Entry(key, Unspoken(key), language=language, **facts)  # type: ignore[arg-type]


def sentence(text: str, language: str = "pl", **more: object) -> Entry:
    return word(text, language, labels={}, **more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "made")


def test_a_word_is_spoken_in_several_voices(desk):
    spoken = list(Synthesise(voices=6)([word("woda"), word("Wasser", "de")], desk))
    assert len(spoken) == 12
    assert len({entry.key for entry in spoken}) == 12
    assert desk.counts == {"spoken": 12}
    assert desk.skipped == []
    for entry in spoken:
        wave, rate = desk.load(entry)
        assert rate == 22050
        assert 0.2 < len(wave) / rate < 3
        assert np.abs(wave).max() > 0.05
        kind, _, voice = entry.speaker.partition(":")
        assert (kind, entry.key.rpartition("@")[2]) == ("espeak", voice)
        assert entry.transcript in ("woda", "Wasser")
        assert entry.labels["keyword"] == (entry.transcript,)
        assert entry.labels["gender"] == (Espeak().voices()[voice],)
        (signature,) = entry.extra[PROVENANCE]
        assert signature["step"] == "synthesise"
        assert signature["speaker"] == "espeak-ng 1.52.0"
        assert signature["voice"] == voice
        assert 35 <= signature["pitch"] <= 65
        assert 130 <= signature["speed"] <= 190
        asked = {name: signature[name] for name in ("language", "voice", "pitch", "speed")}
        expected, _ = Espeak().speak(entry.transcript, **asked)
        assert np.array_equal(wave, expected), "what is signed is what was done"


def test_no_voice_is_in_two_splits_and_every_word_is_in_all(desk):
    entries = list(corpora.get("words").read(Path("builtin:pl,ta")))[::12]
    splits: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    for entry in Synthesise(voices=7)(entries, desk):
        splits.setdefault(entry.speaker, set()).add(entry.split)
        words.setdefault(entry.transcript, set()).add(entry.split)
    assert len(splits) == 7
    assert all(len(each) == 1 for each in splits.values())
    assert all(each == {"train", "valid", "test"} for each in words.values())
    counts = Counter(next(iter(each)) for each in splits.values())
    assert counts == {"train": 5, "valid": 1, "test": 1}


def test_women_and_men_are_tested_alike():
    voices = tuple(Espeak().voices().items())
    genders = dict(voices)
    for seed in range(20):
        names = _drawn(voices, seed)
        assert sorted(names) == sorted(genders)
        twelve = _kept(names[:12], 0.1, 0.2)
        assert Counter(twelve.values()) == {"train": 9, "valid": 1, "test": 2}
        tested = {genders[name] for name, split in twelve.items() if split == "test"}
        assert tested == {"woman", "man"}
    assert _drawn(voices, 0) != _drawn(voices, 1)


@pytest.mark.parametrize(
    ("count", "splits"),
    [
        (1, {"test": 0, "train": 1}),
        (2, {"test": 1, "train": 1}),
        (3, {"test": 1, "valid": 1, "train": 1}),
        (100, {"test": 20, "valid": 10, "train": 70}),
    ],
)
def test_few_voices_are_shared_out_too(count, splits):
    names = tuple(map(str, range(count)))
    assert Counter(_kept(names, 0.1, 0.2).values()) == Counter(splits)
    assert set(_kept(names, 0.0, 0.0).values()) == {"train"}


def test_texts_that_are_held_out_are_spoken_by_voices_that_are(desk):
    entries = [sentence(f"Zdanie numer {n}.", split=s) for n, s in enumerate(["train", "test"] * 4)]
    found = list(Synthesise(voices=6, split="text", takes=1)(entries, desk))
    assert [entry.split for entry in found] == ["train", "test"] * 4
    voices = {s: {e.speaker for e in found if e.split == s} for s in ("train", "test")}
    assert not voices["train"] & voices["test"]
    assert len(voices["train"]) > 1, "voices are drawn for each"
    list(Synthesise(voices=2, split="text")([sentence("Raz.", split="fold3")], desk))
    assert desk.skipped[-1]["cause"] == "no voice is kept for the split fold3"


def test_the_same_comes_out_whatever_was_spoken_before(tmp_path):
    program = (
        "import sys, hashlib; from pathlib import Path; from clara import corpora;"
        "from clara.prepare.desk import Desk;"
        "from clara.prepare.steps.synthesise import Synthesise\n"
        "entries = list(corpora.get('words').read('builtin:uk,ar,en,vi'))\n"
        "entries = [entries[int(n)] for n in sys.argv[2:]]\n"
        "for e in Synthesise(voices=3, seed=7)(entries, Desk(Path(sys.argv[1]))):\n"
        "    print(e.key, e.split, hashlib.sha256(e.path.read_bytes()).hexdigest(), e.extra)"
    )
    lines: list[set[str]] = []
    for number, order in enumerate((["3", "90", "170", "250"], ["170", "3"], ["250", "90"])):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / str(number)), *order],
            capture_output=True,
            check=True,
            text=True,
        )
        lines.append(set(done.stdout.splitlines()))
    assert len(lines[0]) == 12
    assert lines[1] | lines[2] == lines[0]


def test_another_seed_draws_another_pitch_and_other_voices(desk):
    one, other = (list(Synthesise(voices=4, seed=seed)([word("woda")], desk)) for seed in (0, 1))
    assert {entry.speaker for entry in one} != {entry.speaker for entry in other}
    named = Synthesise(voices=("f1", "m1"), seed=0), Synthesise(voices=("f1", "m1"), seed=1)
    drawn = [
        [entry.extra[PROVENANCE][0]["pitch"] for entry in step([word("woda")], desk)]
        for step in named
    ]
    assert drawn[0] != drawn[1]


def test_long_texts_are_spoken_sentence_by_sentence_and_keywords_whole(desk):
    text = "Dziś jest 3. maja. Pada deszcz! Czy masz parasol?"
    step = Synthesise(voices=("f1",))
    found = list(step([sentence(text)], desk))
    assert [entry.transcript for entry in found] == [
        "Dziś jest 3. maja.",
        "Pada deszcz!",
        "Czy masz parasol?",
    ]
    assert [entry.key.partition("#")[2] for entry in found] == ["1@f1", "2@f1", "3@f1"]
    (whole,) = step([word("No. Tak.")], desk)
    assert whole.transcript == "No. Tak."
    (one,) = step([sentence("  Pada.\n")], desk)
    assert (one.transcript, one.key) == ("Pada.", "pl/  Pada.\n@f1")


def test_what_is_known_of_an_entry_is_kept(desk):
    entry = replace(
        word("woda"),
        labels={"keyword": ("woda",), "gender": ("person",)},
        texts=("what we drink",),
        licence="CC0",
        source="list:1",
        extra={"meaning": "water", PROVENANCE: [{"step": "before"}]},
    )
    (spoken,) = Synthesise(voices=("m2",))([entry], desk)
    assert spoken.labels == entry.labels
    assert (spoken.texts, spoken.licence, spoken.source) == (("what we drink",), "CC0", "list:1")
    assert spoken.extra["meaning"] == "water"
    assert [each["step"] for each in spoken.extra[PROVENANCE]] == ["before", "synthesise"]


def test_a_voice_of_unknown_gender_gets_no_label(desk):
    (spoken,) = Synthesise(voices=("Mr serious",))([word("woda")], desk)
    assert spoken.labels == {"keyword": ("woda",)}
    assert spoken.speaker == "espeak:Mr serious"


def test_recordings_go_through_as_they_are(desk, tmp_path):
    recorded = Entry("a", tmp_path / "a.wav", language="pl", transcript="dom")
    assert list(Synthesise()([recorded], desk)) == [recorded]
    assert desk.counts == {"spoken already": 1}


def test_what_cannot_be_spoken_is_counted_by_cause(desk):
    entries = [
        word("amazi", "rw"),
        word("inzu", "rw"),
        word("dom", ""),
        word("  "),
        word("..."),
        sentence("\u200b"),
        word("dom"),
    ]
    made = list(Synthesise(voices=2)(entries, desk))
    assert {entry.transcript for entry in made} == {"dom"}
    assert Counter(each["cause"] for each in desk.skipped) == {
        "the speaker espeak speaks no rw": 2,
        "its language is not known": 1,
        "it has no text to speak": 1,
        "nothing of the text can be spoken": 2,
    }


def test_a_language_is_spoken_by_its_nearest_tag(desk):
    found = [word("water", "en-US"), word("água", "pt_PT"), word("水", "zh-CN")]
    tags = [
        entry.extra[PROVENANCE][0]["language"] for entry in Synthesise(voices=("f1",))(found, desk)
    ]
    assert tags == ["en-us", "pt-pt", "zh"]


def test_an_entry_of_which_one_sentence_fails_is_not_bad(desk, monkeypatch):
    speak = Espeak.speak

    def failing(self, text, **settings):
        if "Dwa" in text:
            raise AudioError("no", cause="the speaker failed at the text")
        return speak(self, text, **settings)

    monkeypatch.setattr(Espeak, "speak", failing)
    found = list(Synthesise(voices=("f1",))([sentence("Raz. Dwa. Trzy.")], desk))
    assert [entry.transcript for entry in found] == ["Raz.", "Trzy."]
    assert desk.skipped == []
    assert desk.counts == {"spoken": 2, "not spoken: the speaker failed at the text": 1}


def test_mistakes_in_a_recipe_are_told():
    with pytest.raises(UsageError, match="at least one voice"):
        Synthesise(voices=0)
    with pytest.raises(UsageError, match="pitch to go up between 0 and 100"):
        Synthesise(pitch=(60, 40))
    with pytest.raises(UsageError, match="speed to go up between 80 and 450"):
        Synthesise(speed=(20, 100))
    with pytest.raises(UsageError, match="1 at most"):
        Synthesise(valid=0.6, test=0.6)
    with pytest.raises(UsageError, match="split"):
        Synthesise(split="speaker")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="voice of espeak"):
        list(Synthesise(voices=("f1", "nobody"))([], Desk(Path())))
    with pytest.raises(UnknownNameError, match="speaker"):
        list(Synthesise(speaker="espek")([], Desk(Path())))


def test_takes_are_drawn_for_each_text(desk):
    entries = [word(text) for text in ("raz", "dwa", "trzy", "cztery", "pięć", "sześć")]
    found = list(Synthesise(voices=8, takes=2)(entries, desk))
    assert Counter(Counter(entry.transcript for entry in found).values()) == {2: 6}
    assert len({entry.speaker for entry in found}) > 4


def test_recordings_are_named_after_all_that_makes_them(desk):
    one, again, other = (
        next(Synthesise(voices=("f1",), speed=speed)([word("woda")], desk)).path
        for speed in ((150, 150), (150, 150), (151, 151))
    )
    assert one == again != other
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (one, other)}
    assert len(digests) == 2
