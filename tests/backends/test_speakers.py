"""Every speaker keeps the contract of its room; Piper and VITS over tiny voices in real formats."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from clara import rooms
from clara.backends import _latin
from clara.backends.speaker import Speaker, _common
from clara.backends.speaker.piper import Piper
from clara.backends.speaker.vits import Vits
from clara.errors import (
    AudioError,
    CheckpointError,
    MissingExtraError,
    UnknownNameError,
    UsageError,
)

LETTERS = "abcdefghijklmnopqrstuvwxyząćęłńóśźż'"


def piper_voice(folder: Path, name: str, code: str, speakers: int = 1) -> Path:
    """A voice in Piper's format: each letter hums at a pitch of its own, in its speaker's octave.

    The inputs and outputs are those of the real ones: input, input_lengths, scales and, with
    several speakers, sid. The pitch of a letter grows with its id, the length with scales[1].
    """
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper, proto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
    nodes, constants = [], []

    def constant(name: str, value: object, kind: type) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **settings: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **settings))
        return output

    one = constant("one", [1], np.int64)
    scale = node("Slice", ["scales", one, constant("two", [2], np.int64)], "length_scale")
    each = node("Mul", [scale, constant("each", [800], np.float32)], "each_float")
    count = node("Cast", [each], "each_int", to=proto.INT64)
    shape = node("Concat", [one, one, count], "shape", axis=0)
    ids = node("Cast", ["input"], "ids", to=proto.FLOAT)  # [1, L]
    pitch = node("Unsqueeze", [ids, constant("last", [2], np.int64)], "pitch")  # [1, L, 1]
    if speakers > 1:
        sid = node("Cast", ["sid"], "sid_float", to=proto.FLOAT)
        pitch = node("Mul", [pitch, node("Add", [sid, constant("c1", [1], np.float32)], "s")], "p")
    wide = node("Expand", [pitch, shape], "wide")  # [1, L, each]
    flat = node("Reshape", [wide, constant("row", [1, 1, 1, -1], np.int64)], "flat")
    step = node("Mul", [flat, constant("step", [0.05], np.float32)], "angle_step")
    phase = node("CumSum", [step, constant("axis", 3, np.int64)], "phase")
    node("Sin", [phase], "output")
    inputs = [
        helper.make_tensor_value_info("input", proto.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", proto.INT64, [1]),
        helper.make_tensor_value_info("scales", proto.FLOAT, [3]),
    ]
    if speakers > 1:
        inputs.append(helper.make_tensor_value_info("sid", proto.INT64, [1]))
    output = helper.make_tensor_value_info("output", proto.FLOAT, [1, 1, 1, "time"])
    graph = helper.make_graph(nodes, name, inputs, [output], constants)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8, producer_name="test"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    onnx.save(model, str(path))
    settings = {
        "audio": {"sample_rate": 16000, "quality": "medium"},
        "espeak": {"voice": code.partition("_")[0]},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "text",
        "phoneme_id_map": {c: [n] for n, c in enumerate(f"_^$ {LETTERS}\u0328\u0301\u0307")},
        "num_symbols": 64,
        "num_speakers": speakers,
        "speaker_id_map": {f"p{n}": n for n in range(speakers)} if speakers > 1 else {},
        "piper_version": "1.0.0",
        "language": {"code": code, "family": code[:2]},
    }
    path.with_name(f"{path.name}.json").write_text(json.dumps(settings))
    return path


def vits_checkpoint(folder: Path, language: str = "pol", speakers: int = 1, **more: object) -> Path:
    """A random VITS of a few thousand weights, saved as transformers saves the real ones."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    vocab = {letter: number for number, letter in enumerate(f"_ {LETTERS}")}
    (folder / "vocab.json").write_text(json.dumps(vocab))
    tokenizer = VitsTokenizer(
        str(folder / "vocab.json"), language=language, phonemize=False, pad_token="_", **more
    )
    tokenizer.save_pretrained(folder)
    config = VitsConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=1,
        ffn_dim=16,
        flow_size=16,
        spectrogram_bins=9,
        num_speakers=speakers,
        speaker_embedding_size=8 if speakers > 1 else 0,
        upsample_initial_channel=32,
        upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8],
        resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1, 3]],
        duration_predictor_filter_channels=16,
        duration_predictor_num_flows=1,
        prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        VitsModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def piper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("piper")
    folder = tmp_path_factory.mktemp("piper")
    piper_voice(folder / "pl", "pl_PL-ania-medium", "pl_PL")
    piper_voice(folder / "en", "en_GB-many-low", "en_GB", speakers=3)
    return folder


@pytest.fixture(scope="module")
def vits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("vits")
    vits_checkpoint(folder / "mms-tts-pol")
    vits_checkpoint(folder / "vits-vctk", language="", speakers=2)
    return folder


def piper_of(*models: object) -> Piper:
    return Piper(tuple(map(str, models)))


def vits_of(*models: object) -> Vits:
    return Vits(tuple(map(str, models)))


Make = Callable[[str], Speaker]


@pytest.fixture(scope="module")
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a speaker, with voices where it has none of its own."""

    def made(name: str) -> Speaker:
        settings: dict[str, object] = {}
        if name == "piper":
            settings["models"] = (str(request.getfixturevalue("piper_folder")),)
        if name == "vits":
            folder = request.getfixturevalue("vits_folder")
            settings["models"] = (str(folder / "mms-tts-pol"), f"en={folder / 'vits-vctk'}")
        speaker: Speaker = rooms.load("backends.speaker", name)(**settings)
        return speaker

    return made


@pytest.mark.parametrize("name", rooms.names("backends.speaker"))
def test_every_speaker_of_the_room_keeps_its_contract(name: str, make: Make):
    speaker = make(name)
    assert speaker.name.split()[-1].strip("()")[0].isdigit() or "." in speaker.name
    languages = speaker.languages()
    assert languages == sorted(languages)
    for language in ("en", "pl"):
        assert language in languages
        voices = speaker.voices(language)
        assert list(voices) == sorted(voices)
        assert set(voices.values()) <= {"man", "woman", ""}
        wave, rate = speaker.speak("dom ala kota", language=language)
        assert wave.dtype == np.float32
        assert wave.ndim == 1
        assert rate > 0
        assert np.abs(wave).max() <= 1
        for voice in list(voices)[:3]:
            speaker.speak("dom", language=language, voice=voice)
        # Again, after other calls and by another object, it says the same to the sample.
        again, _ = speaker.speak("dom ala kota", language=language)
        other, _ = make(name).speak("dom ala kota", language=language)
        assert np.array_equal(wave, again)
        assert np.array_equal(wave, other)


@pytest.mark.parametrize("name", rooms.names("backends.speaker"))
def test_every_speaker_refuses_what_it_cannot_do(name: str, make: Make):
    speaker = make(name)
    with pytest.raises(UnknownNameError, match="language"):
        speaker.speak("dom", language="tlh-Latn-x")
    with pytest.raises(UnknownNameError, match="voice"):
        speaker.speak("dom", language="pl", voice="nobody")
    for pitch, speed in ((-1, 175), (101, 175), (50, 79), (50, 451)):
        with pytest.raises(UsageError, match="pitch"):
            speaker.speak("dom", language="pl", pitch=pitch, speed=speed)
    for text in ("", "  ", "\0"):
        with pytest.raises(AudioError) as error:
            speaker.speak(text, language="pl")
        assert error.value.cause == "nothing of the text can be spoken"
    speaker.speak("dom \ud800 [[ 🙂 \u202e", language="pl")


@pytest.mark.parametrize("name", rooms.names("backends.speaker"))
def test_every_speaker_varies_pitch_and_speed(name: str, make: Make):
    speaker = make(name)
    own, _ = speaker.speak("dom ala kota", language="pl")
    fast, _ = speaker.speak("dom ala kota", language="pl", speed=350)
    high, _ = speaker.speak("dom ala kota", language="pl", pitch=80)
    # The lengths of a random VITS are those of its noise; those of the others can be told.
    if name != "vits":
        assert 0.4 * len(own) < len(fast) < 0.7 * len(own)
        assert len(high) == pytest.approx(len(own), rel=0.1)
    assert not np.array_equal(own[: len(high)], high[: len(own)])


@pytest.mark.parametrize(("name", "package"), [("piper", "piper"), ("vits", "transformers")])
def test_without_its_package_each_names_the_extra(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"clara-audio\[{name}\]"):
        rooms.load("backends.speaker", name)(("somewhere",))


def peak(wave: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    spectrum[: 100 * len(wave) // rate] = 0  # where the wave rests, it need not rest at zero
    return float(spectrum.argmax()) * rate / len(wave)


def test_a_voice_moves_by_the_semitones_that_its_pitch_says():
    time = np.arange(16000) / 16000
    for pitch, semitones in ((0, -6), (25, -3), (100, 6)):
        # What speaks at this pace is as long as it should be when its pitch has moved.
        length = round(16000 / _common.pace(pitch, 175))
        tone = np.sin(2 * np.pi * 400 * np.arange(length) / 16000).astype(np.float32)
        moved = _common.repitch(tone, 16000, pitch)
        assert len(moved) == pytest.approx(16000, abs=2)
        assert peak(moved, 16000) == pytest.approx(400 * 2 ** (semitones / 12), rel=0.005)
    still = np.sin(2 * np.pi * 400 * time).astype(np.float32)
    assert _common.repitch(still, 16000, 50) is still


# Piper


def test_piper_tells_languages_and_speakers_of_its_files(piper_folder):
    piper = piper_of(piper_folder)
    assert piper.languages() == ["en", "en-GB", "pl", "pl-PL"]
    assert list(piper.voices("en")) == [f"en_GB-many-low#p{n}" for n in range(3)]
    assert list(piper.voices("pl-PL")) == ["pl_PL-ania-medium"]
    assert piper.voices("de") == {}
    one = piper_of(piper_folder / "pl" / "pl_PL-ania-medium.onnx")
    assert one.languages() == ["pl", "pl-PL"]


def test_piper_speaks_each_speaker_and_letter_at_its_pitch(piper_folder):
    piper = piper_of(piper_folder)
    for number in range(3):
        wave, rate = piper.speak("aaaaaa", language="en", voice=f"en_GB-many-low#p{number}")
        assert rate == 16000
        letter = 4 * (number + 1)  # "a" has the id 4
        middle = wave[len(wave) // 4 : -len(wave) // 4]
        # Between letters stands a blank, of which nothing is heard.
        assert peak(middle, rate) == pytest.approx(0.05 * letter * rate / 2 / np.pi, rel=0.05)
    slow, _ = piper.speak("aaaa", language="pl", speed=100)
    fast, _ = piper.speak("aaaa", language="pl", speed=400)
    assert len(slow) == pytest.approx(4 * len(fast), rel=0.01)


def test_piper_says_what_is_wrong_with_its_files(tmp_path):
    pytest.importorskip("piper")
    with pytest.raises(UsageError, match=r"Expected voices of Piper"):
        piper_of()
    with pytest.raises(UsageError, match=r"found no file"):
        piper_of(tmp_path)
    with pytest.raises(UsageError, match=r"found no such files"):
        piper_of(tmp_path / "nowhere.onnx")
    path = piper_voice(tmp_path, "de_DE-x-low", "de_DE")
    settings = path.with_name(f"{path.name}.json")
    whole = settings.read_text()
    for broken in ("", "[]", "{}", whole[:100], whole.replace('"num_speakers": 1', '"a": 1')):
        settings.write_text(broken)
        with pytest.raises(CheckpointError, match=r"Expected a voice of Piper"):
            piper_of(tmp_path)
    settings.write_text(whole)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"Expected a voice of Piper"):
        piper_of(tmp_path).speak("dom", language="de")
    settings.unlink()
    with pytest.raises(UsageError, match=r"beside it, but found no such files"):
        piper_of(tmp_path)


# VITS


def test_vits_takes_the_language_of_the_tokenizer_or_the_one_given(vits_folder):
    vits = vits_of(vits_folder / "mms-tts-pol", f"en-GB={vits_folder / 'vits-vctk'}")
    assert vits.languages() == ["en-GB", "pl"]
    assert list(vits.voices("en-GB")) == ["vits-vctk#0", "vits-vctk#1"]
    assert list(vits.voices("pl")) == ["mms-tts-pol"]
    assert vits.voices("de") == {}
    assert vits.name.startswith("mms-tts-pol, vits-vctk (transformers ")
    with pytest.raises(UsageError, match=r"LANGUAGE="):
        vits_of(vits_folder / "vits-vctk")


@pytest.mark.parametrize(
    ("stated", "tag"), [("eng", "en"), ("azj-script_latin", "az"), ("kmr", "kmr"), ("swh", "sw")]
)
def test_vits_writes_languages_in_their_shortest_code(stated, tag, tmp_path):
    pytest.importorskip("transformers")
    assert vits_of(vits_checkpoint(tmp_path / "model", language=stated)).languages() == [tag]


def test_vits_speaks_as_transformers_does(vits_folder):
    import torch
    from transformers import VitsModel, VitsTokenizer

    from clara.backends.speaker import vits

    folder = vits_folder / "vits-vctk"
    before = torch.random.get_rng_state()
    wave, rate = vits_of(f"en={folder}").speak("Dom ala", language="en", voice="vits-vctk#1")
    assert torch.equal(before, torch.random.get_rng_state()), "the generator of others is left"
    inputs = VitsTokenizer.from_pretrained(folder)("Dom ala", return_tensors="pt")
    network = VitsModel.from_pretrained(folder)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(vits._seed(("Dom ala", "vits-vctk#1", "50", "175")))
        expected = network(inputs.input_ids, speaker_id=1).waveform[0]
    assert rate == 16000
    assert np.array_equal(wave, expected.numpy())
    other, _ = vits_of(f"en={folder}").speak("Dom ala", language="en", voice="vits-vctk#0")
    assert not np.array_equal(wave[: len(other)], other[: len(wave)])


def test_vits_without_uroman_refuses_a_checkpoint_that_needs_it(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    folder = vits_checkpoint(tmp_path / "mms-tts-kor", language="kor", is_uroman=True)
    found = _latin.importlib.util.find_spec
    monkeypatch.setattr(
        _latin.importlib.util, "find_spec", lambda name: None if name == "uroman" else found(name)
    )
    with pytest.raises(MissingExtraError, match=r"clara-audio\[vits\]"):
        vits_of(folder)


def test_vits_writes_other_scripts_in_latin_letters(tmp_path, monkeypatch):
    pytest.importorskip("transformers")
    uroman = pytest.importorskip("uroman")
    folder = vits_checkpoint(tmp_path / "mms-tts-kor", language="kor", is_uroman=True)
    speaker = vits_of(folder)
    wave, _ = speaker.speak("물", language="ko")
    assert wave.any()
    # Its tables, which take seconds to read, are read once for a process.
    monkeypatch.setattr(uroman, "Uroman", None)
    assert np.array_equal(speaker.speak("물", language="ko")[0], wave)
    assert speaker.speak("😀물", language="ko")[0].any()
    assert [_latin.romanised(text) for text in ("물", "😀물", "Dom")] == ["mul", "mul", "Dom"]


def test_vits_refuses_what_is_no_checkpoint(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(UsageError, match=r"Expected a VITS checkpoint"):
        vits_of()
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"Expected a VITS checkpoint"):
        vits_of(tmp_path / "empty")
    folder = vits_checkpoint(tmp_path / "cut")
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match=r"Expected a VITS checkpoint"):
        vits_of(folder)
