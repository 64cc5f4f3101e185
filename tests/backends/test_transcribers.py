"""Whisper through both packages, over tiny random models in the real formats.

Such models say nonsense: what is tested is that it comes out as words, in order, in time.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import whisper_models

from clara.audio import io
from clara.backends import Word
from clara.backends.speaker.espeak import Espeak
from clara.backends.transcriber import Transcript
from clara.backends.transcriber._words import timed
from clara.backends.transcriber.faster_whisper import FasterWhisper
from clara.backends.transcriber.whisper import Whisper
from clara.errors import AlignmentError, CheckpointError, MissingExtraError

pytest.importorskip("transformers")
pytest.importorskip("faster_whisper")
pytestmark = [
    # Of a window in which one letter is heard.
    pytest.mark.filterwarnings("ignore:std\\(\\):UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ctranslate2"),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whisper")
    whisper_models.transformers_model(folder / "whisper")
    whisper_models.ctranslate_model(folder / "faster_whisper", folder / "whisper")
    return folder


@pytest.fixture(scope="module", params=["whisper", "faster_whisper"])
def transcriber(request: pytest.FixtureRequest, folders: Path) -> Whisper | FasterWhisper:
    kind = {"whisper": Whisper, "faster_whisper": FasterWhisper}[request.param]
    return kind(str(folders / request.param), device="cpu")


@pytest.fixture(scope="module")
def speech() -> tuple[np.ndarray, int]:
    text = "The old man walks slowly across the long bridge every morning. " * 12
    wave, rate = Espeak().speak(text, language="en")
    return io.resample(wave, rate, 16_000), 16_000


def check(heard: Transcript, seconds: float) -> None:
    times = [time for word in heard.words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert all(0 <= time <= seconds for time in times)
    assert all(any(map(str.isalnum, word.text)) for word in heard.words)
    assert not any(word.text != word.text.strip() for word in heard.words)


def test_words_of_a_recording_of_several_windows(transcriber, speech):
    wave, rate = speech
    assert len(wave) / rate > 35
    heard = transcriber.transcribe(wave, rate)
    check(heard, len(wave) / rate)
    assert heard.words
    assert heard.language
    assert heard.words[-1].end > 30


@pytest.mark.parametrize("language", ["pl", "zh-CN", "th"])
def test_a_language_that_is_given_is_kept(transcriber, speech, language):
    wave, rate = speech
    heard = transcriber.transcribe(wave[: 5 * rate], rate, language=language)
    assert heard.language == language.partition("-")[0]
    check(heard, 5)


def test_other_rates_and_the_same_words_again(transcriber, speech):
    wave, rate = speech
    part = io.resample(wave[: 8 * rate], rate, 44_100)
    first, second = (transcriber.transcribe(part, 44_100, language="en") for _ in range(2))
    check(first, 8)
    assert first == second


@pytest.mark.parametrize("samples", [1, 100, 16_000 * 40])
def test_silence_has_no_words(transcriber, samples):
    assert transcriber.transcribe(np.zeros(samples, np.float32), 16_000).words == ()


def test_a_language_that_the_model_does_not_know(transcriber, speech):
    with pytest.raises(AlignmentError) as caught:
        transcriber.transcribe(*speech, language="tlh")
    assert caught.value.cause == "the transcriber does not know its language"


def test_the_name_says_model_and_version(transcriber):
    assert transcriber.name.startswith(
        ("whisper (transformers ", "faster_whisper (faster-whisper ")
    )


def test_a_model_of_english_alone(tmp_path, speech):
    whisper_models.transformers_model(tmp_path / "whisper.en", many=False)
    english = Whisper(str(tmp_path / "whisper.en"))
    heard = english.transcribe(speech[0][: 16_000 * 5], 16_000)
    assert heard.language == "en"
    with pytest.raises(AlignmentError):
        english.transcribe(*speech, language="pl")


@pytest.mark.parametrize("kind", [Whisper, FasterWhisper])
@pytest.mark.parametrize("fault", ["missing", "empty", "weights", "config"])
def test_folders_that_hold_no_such_model(tmp_path, folders, kind, fault):
    source = folders / ("whisper" if kind is Whisper else "faster_whisper")
    broken = tmp_path / "model"
    if fault == "empty":
        broken.mkdir()
    elif fault != "missing":
        shutil.copytree(source, broken)
        name = {Whisper: "model.safetensors", FasterWhisper: "model.bin"}[kind]
        (broken / (name if fault == "weights" else "config.json")).write_bytes(b"{\0broken")
    with pytest.raises(CheckpointError, match="Whisper model"):
        kind(str(broken))


def test_a_model_that_cannot_time_words(tmp_path):
    whisper_models.transformers_model(tmp_path / "whisper", heads=False)
    with pytest.raises(CheckpointError, match="alignment heads"):
        Whisper(str(tmp_path / "whisper"))


@pytest.mark.parametrize(
    ("kind", "package"), [(Whisper, "transformers"), (FasterWhisper, "faster_whisper")]
)
def test_without_its_package_it_names_the_extra(monkeypatch, kind, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"clara-audio\[whisper\]"):
        kind()


def test_parts_become_words():
    parts = [
        Word(" Don", 1.0, 1.2),
        Word("'t", 1.2, 1.3),
        Word(",", 1.3, 1.5),
        Word("", 0.0, 0.0),
        Word(" - you", 1.4, 2.0),
        Word(" 你好", 2.0, 3.0),
        Word("。", 3.0, 3.2),
        Word(" end", 2.5, 99.0),
    ]
    found = [(word.text, round(word.start, 3), round(word.end, 3)) for word in timed(parts, 4.0)]
    assert found == [
        Word("Don't, -", 1.0, 1.52),
        Word("you", 1.64, 2.0),
        Word("你", 2.0, 2.5),
        Word("好。", 2.5, 3.2),
        Word("end", 3.2, 4.0),
    ]
    assert timed([], 1.0) == ()
    assert timed([Word(" ...", 0.0, 1.0)], 1.0) == ()
