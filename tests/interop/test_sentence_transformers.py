"""A model folder in sentence-transformers: what comes out is what `clara.load` gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import clara
from clara import checkpoint
from clara.checkpoint import About
from clara.embed import Clara
from clara.errors import AudioError, UsageError
from clara.model import ClaraModel
from clara.text.tokens import Tokens
from clara.train import Recipe

library: Any = pytest.importorskip("sentence_transformers")
interop: Any = pytest.importorskip("clara.interop.sentence_transformers")

pytestmark = pytest.mark.usefixtures("one_thread")
TEXTS = ["a dog", "", "слово 雨", "x" * 1000]


@pytest.fixture(scope="module")
def folder(toy: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "toy"
    torch.manual_seed(0)
    about = About("toy", 3, {}, {"a": {"train": 2}}, np.arange(5, dtype=np.uint64))
    checkpoint.save(folder, ClaraModel(toy.model), Tokens.bytes_only(), about)
    return folder


@pytest.fixture(scope="module")
def ours(folder: Path) -> Clara:
    return clara.load(folder)


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Any:
    return library.SentenceTransformer(str(folder), trust_remote_code=True, device="cpu")


def wave(samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=samples) / 9).astype(np.float32)


def test_what_the_library_is_told(theirs: Any) -> None:
    assert set(theirs.modalities) == {"text", "audio"}
    assert theirs.supports("audio")
    assert not theirs.supports("image")
    assert theirs.get_embedding_dimension() == 16
    assert theirs.max_seq_length == 32
    assert "toy" in str(theirs)


def test_sentences(theirs: Any, ours: Clara) -> None:
    np.testing.assert_allclose(theirs.encode(TEXTS), ours.text(TEXTS), atol=1e-5)
    rows = ours.text(["a dog"])
    np.testing.assert_allclose(theirs.encode("a dog"), rows[0], atol=1e-6)
    np.testing.assert_allclose(theirs.encode("dog", prompt="a "), rows[0], atol=1e-6)
    np.testing.assert_allclose(theirs.encode([{"text": "a dog"}]), rows, atol=1e-6)
    np.testing.assert_allclose(theirs.encode(np.array(["a dog"])), rows, atol=1e-6)
    np.testing.assert_allclose(theirs.encode_query(["a dog"]), rows, atol=1e-6)


class Decoder:
    """What torchcodec hands over: a decoder with all samples of all channels."""

    def __init__(self, samples: torch.Tensor, rate: int) -> None:
        self.samples = type("Samples", (), {"data": samples, "sample_rate": rate})()

    def get_all_samples(self) -> Any:
        return self.samples


def test_every_kind_of_recording(theirs: Any, ours: Clara, tmp_path: Path) -> None:
    samples = wave(9000)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 16_000, subtype="FLOAT")
    row = ours.audio([path])[0]
    stereo = torch.from_numpy(samples).repeat(2, 1)
    for sound in (
        path,
        str(path),
        {"array": samples, "sampling_rate": 16_000},
        {"array": stereo, "sampling_rate": 16_000},
        {"array": stereo.numpy().T, "sampling_rate": 16_000},
        {"audio": {"array": samples, "sampling_rate": 16_000}},
        {"audio": str(path)},
        {"audio": {"bytes": path.read_bytes(), "path": None}},
        {"audio": {"bytes": None, "path": str(path)}},
        Decoder(stereo, 16_000),
    ):
        np.testing.assert_allclose(theirs.encode([sound])[0], row, atol=1e-6)
    # Samples alone are at the rate of the model.
    row = ours.audio([(samples, 8000)])[0]
    for sound in (samples, torch.from_numpy(samples), {"audio": samples}):
        np.testing.assert_allclose(theirs.encode(sound), row, atol=1e-6)


def test_many_recordings_of_many_rates(theirs: Any, ours: Clara) -> None:
    rates = (8000, 16_000, 44_100)
    sounds = [(wave(2000 + 3000 * n, n), rates[n % 3]) for n in range(12)]
    rows = theirs.encode(
        [{"array": samples, "sampling_rate": rate} for samples, rate in sounds], batch_size=5
    )
    np.testing.assert_allclose(rows, ours.audio(sounds), atol=1e-5)
    similarity = theirs.similarity(rows, theirs.encode(TEXTS)).numpy()
    np.testing.assert_allclose(similarity, ours.audio(sounds) @ ours.text(TEXTS).T, atol=1e-5)


def test_what_it_cannot_encode(theirs: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="mixes multiple modalities"):
        theirs.encode(["a dog", wave(800)])
    with pytest.raises(UsageError, match="encode each kind by itself"):
        theirs[0].preprocess(["a dog", wave(800)])
    with pytest.raises(ValueError, match="Unsupported input type: int"):
        theirs.encode([3])
    with pytest.raises(ValueError, match="not supported"):
        theirs.encode([np.zeros((8, 8, 3))])
    with pytest.raises(AudioError, match="cannot be opened"):
        theirs.encode(["https://example.org/a.wav"])
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match="not audio"):
        theirs.encode([str(tmp_path / "a.wav")])


def test_without_leave_it_is_loaded_by_our_function_alone(folder: Path, ours: Clara) -> None:
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        library.SentenceTransformer(str(folder))
    model = interop.load(folder)
    np.testing.assert_allclose(model.encode(TEXTS), ours.text(TEXTS), atol=1e-5)
    with pytest.raises(UsageError, match="there is no folder"):
        interop.load(folder / "none")


def test_older_folders_and_runs(folder: Path, ours: Clara, tmp_path: Path) -> None:
    older = tmp_path / "run" / "checkpoints" / "step-00000003"
    older.mkdir(parents=True)
    for file in folder.iterdir():
        if file.name != "modules.json":
            (older / file.name).write_bytes(file.read_bytes())
    for place in (older, tmp_path / "run"):
        rows = interop.load(place).encode(TEXTS)
        np.testing.assert_allclose(rows, ours.text(TEXTS), atol=1e-5)


def test_what_the_library_saves_is_a_model_folder(
    theirs: Any, ours: Clara, folder: Path, tmp_path: Path
) -> None:
    theirs.save(str(tmp_path / "saved"))
    again = clara.load(tmp_path / "saved")
    assert again.about == ours.about
    assert again.sources.tolist() == [0, 1, 2, 3, 4]
    for file in folder.iterdir():
        saved = (tmp_path / "saved" / file.name).read_bytes()
        if file.suffix == ".json":
            assert json.loads(saved) == json.loads(file.read_bytes())
        else:
            assert saved == file.read_bytes()
    assert not [path for path in (tmp_path / "saved").iterdir() if path.name.startswith(".")]
    model = library.SentenceTransformer(str(tmp_path / "saved"), trust_remote_code=True)
    np.testing.assert_allclose(model.encode(TEXTS), ours.text(TEXTS), atol=1e-5)


def test_it_can_be_trained_on(folder: Path) -> None:
    model = interop.load(folder)
    features = model.preprocess([wave(3000), wave(900, 1)])
    rows = model(features)["sentence_embedding"]
    rows[0, 0].backward()
    assert model[0].model.audio.latents.grad.abs().sum() > 0
