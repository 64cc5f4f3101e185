"""A background behind recordings, in wave and text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from clara.errors import UsageError
from clara.prepare.desk import Desk
from clara.prepare.run import prepare
from clara.prepare.steps.mix import Mix
from clara.records import Entry

RATE = 16_000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Shards of two sounds to train on: a tone of 1 kHz, and one of 3 kHz."""
    time = np.arange(2 * RATE) / RATE
    lines = ["path,sound,split"]
    (tmp_path / "sounds").mkdir()
    for sound, hertz in (("low hum", 1000), ("high hum", 3000)):
        wave = 0.05 * np.sin(2 * np.pi * hertz * time)
        soundfile.write(tmp_path / "sounds" / f"{hertz}.wav", wave, RATE)
        lines.append(f"{hertz}.wav,{sound},train")
    (tmp_path / "sounds" / "manifest.csv").write_text("\n".join(lines))
    prepare("folder", tmp_path / "sounds", tmp_path / "shards", rate=RATE, workers=1)
    return tmp_path / "shards"


@pytest.fixture
def speech(tmp_path: Path) -> Entry:
    """One second of a tone of 500 Hz, as if it were speech."""
    wave = 0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)
    soundfile.write(tmp_path / "speech.wav", wave, RATE)
    return Entry("a", tmp_path / "speech.wav", transcript="hello", labels={"gender": ("woman",)})


def energy(wave, hertz: int) -> float:
    spectrum = np.abs(np.fft.rfft(wave)) ** 2
    near = round(hertz * len(wave) / RATE)
    return float(spectrum[near - 2 : near + 3].sum())


@pytest.mark.parametrize("weight", [0.01, 0.3, 0.8])
def test_the_energies_are_those_of_the_weight(weight, sounds, speech, tmp_path):
    desk = Desk(tmp_path / "made")
    step = Mix(str(sounds), low=weight, high=weight, rate=RATE)
    plain, mixed = step([speech], desk)
    assert plain is speech
    wave, rate = desk.load(mixed)
    assert (len(wave), rate) == (RATE, RATE)
    behind = max(energy(wave, 1000), energy(wave, 3000))
    expected = (weight / (1 - weight)) ** 2
    assert behind / energy(wave, 500) == pytest.approx(expected, rel=0.02)


def test_wave_text_label_and_provenance_speak_of_the_same_background(sounds, speech, tmp_path):
    desk = Desk(tmp_path / "made")
    entries = [replace(speech, key=str(n)) for n in range(12)]
    made = list(Mix(str(sounds), low=0.5, rate=RATE)(entries, desk))[1::2]
    heard = set()
    for entry in made:
        wave, _ = desk.load(entry)
        sound = "low hum" if energy(wave, 1000) > energy(wave, 3000) else "high hum"
        assert entry.labels == {"gender": ("woman",), "background": (sound,)}
        assert f'A woman saying "hello", background {sound}' in entry.texts
        signature = entry.extra["provenance"][-1]
        assert signature["step"] == "mix"
        assert 0.5 <= signature["weight"] <= 0.8
        heard.add(sound)
    assert heard == {"low hum", "high hum"}


def test_the_draw_follows_from_the_key_alone(sounds, speech, tmp_path):
    entries = [replace(speech, key=str(n)) for n in range(40)]
    step = Mix(str(sounds), share=0.5, rate=RATE)
    whole = [entry.key for entry in step(entries, Desk(tmp_path / "a"))]
    parts = [e.key for part in (entries[:7], entries[7:]) for e in step(part, Desk(tmp_path / "b"))]
    assert whole == parts
    assert 50 < len(whole) < 70
    made = sorted(path.name for path in (tmp_path / "a").rglob("*.flac"))
    assert made == sorted(path.name for path in (tmp_path / "b").rglob("*.flac"))


def test_a_split_without_backgrounds_goes_on_as_it_is(sounds, speech, tmp_path):
    desk = Desk(tmp_path / "made")
    test = replace(speech, split="test")
    assert list(Mix(str(sounds))([test], desk)) == [test]
    assert desk.counts == {"no background in the split test": 1}


def test_a_recording_that_is_not_there_gets_no_background(sounds, speech, tmp_path):
    desk = Desk(tmp_path / "made")
    gone = replace(speech, path=tmp_path / "gone.wav")
    assert list(Mix(str(sounds))([gone], desk)) == [gone]
    assert (desk.counts.total(), desk.skipped) == (1, [])


def test_a_background_that_cannot_be_decoded_is_counted(sounds, speech, tmp_path):
    for shard in sounds.rglob("*.tar"):
        content = shard.read_bytes()
        shard.write_bytes(content.replace(b"fLaC", b"none"))
    desk = Desk(tmp_path / "made")
    assert list(Mix(str(sounds))([speech], desk)) == [speech]
    assert desk.counts == {"a background could not be decoded": 1}


@pytest.mark.parametrize(
    "settings",
    [{"background": ""}, {"background": "x", "low": 0.9}, {"background": "x", "share": 2}],
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(UsageError, match="Expected"):
        Mix(**settings)
