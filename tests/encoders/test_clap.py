"""CLAP through transformers: its own rows where it would give the same twice, and others' never."""

from __future__ import annotations

import io as buffers
import json
from pathlib import Path
from typing import Any

import clap_models
import numpy as np
import pytest
import soundfile
import torch

from clara.embed import Encoder
from clara.encoders._clips import unit, windows
from clara.encoders.clap import Clap
from clara.errors import AudioError, CheckpointError, UsageError

transformers: Any = pytest.importorskip("transformers")

pytestmark = pytest.mark.usefixtures("one_thread")
RATE, WINDOW = clap_models.RATE, clap_models.RATE * clap_models.SECONDS
TEXTS = ["a dog", "The sound of 雨 in a long sentence, cut off somewhere", ""]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "fusion"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clap_models.save_clap(tmp_path_factory.mktemp("clap") / "tiny", fusion=request.param)


@pytest.fixture(scope="module")
def clap(folder: Path) -> Clap:
    return Clap(folder)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.normal(size=samples) * np.hanning(samples)).astype(np.float32)


def theirs(folder: Path, waves: list[np.ndarray]) -> np.ndarray:
    """The rows of transformers; of clips no longer than its window it draws nothing but a flag."""
    network = transformers.ClapModel.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    inputs = processor(audio=waves, sampling_rate=RATE, return_tensors="pt")
    inputs["is_longer"] = torch.zeros(len(waves), 1, dtype=torch.bool)
    with torch.inference_mode():
        out = network.get_audio_features(**inputs)
    return getattr(out, "pooler_output", out).numpy()


def test_it_is_an_encoder(clap: Clap) -> None:
    assert isinstance(clap, Encoder)
    assert (clap.name, clap.rate) == ("tiny", RATE)
    assert clap.seen("esc50", "test") == "unknown"


def test_it_loads_without_a_word(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Clap(folder)
    assert capfd.readouterr() == ("", "")


def test_a_window_has_the_row_of_transformers(folder: Path, clap: Clap) -> None:
    waves = [noise(WINDOW, seed) for seed in range(3)]
    rows = clap.audio([(wave, RATE) for wave in waves])
    np.testing.assert_allclose(rows, theirs(folder, waves), atol=1e-6)
    assert np.abs(rows[0] - rows[1]).max() > 1e-4


def test_a_short_clip_is_padded_as_transformers_pads_it(folder: Path, clap: Clap) -> None:
    waves = [noise(size, size) for size in (1, 700, WINDOW - 1)]
    rows = clap.audio([(wave, RATE) for wave in waves])
    np.testing.assert_allclose(rows, theirs(folder, waves), atol=1e-6)


def test_a_long_clip_is_heard_whole_and_twice_the_same(folder: Path, clap: Clap) -> None:
    wave = noise(3 * WINDOW + 100)
    first, again = clap.audio([(wave, RATE), (wave, RATE)])
    np.testing.assert_array_equal(first, again)
    mean = theirs(folder, list(windows(wave, WINDOW))).mean(0, keepdims=True)
    np.testing.assert_allclose(first, unit(mean)[0], atol=1e-6)
    changed = wave.copy()
    changed[WINDOW : WINDOW + 2000] = 0.5
    assert np.abs(clap.audio([(changed, RATE)])[0] - first).max() > 1e-5


def test_sentences_have_the_rows_of_transformers(folder: Path, clap: Clap) -> None:
    network = transformers.ClapModel.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokens(TEXTS, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        out = network.get_text_features(**inputs)
    np.testing.assert_allclose(
        clap.text(TEXTS), getattr(out, "pooler_output", out).numpy(), atol=1e-6
    )


def test_rows_do_not_depend_on_company(clap: Clap) -> None:
    sources = [(noise(size, size), RATE) for size in (800, 90_000, WINDOW, 400, 30_000)]
    alone = np.concatenate([clap.audio([source]) for source in sources])
    np.testing.assert_allclose(clap.audio(sources), alone, atol=1e-5)
    alone = np.concatenate([clap.text([text]) for text in TEXTS])
    np.testing.assert_allclose(clap.text(TEXTS), alone, atol=1e-5)


def test_any_kind_of_recording(clap: Clap, tmp_path: Path) -> None:
    wave = noise(24_000)
    path = tmp_path / "a.wav"
    soundfile.write(path, wave[:, None].repeat(2, 1), 16_000, subtype="FLOAT")
    content = path.read_bytes()
    rows = clap.audio([(wave, 16_000), path, str(path), content, buffers.BytesIO(content)])
    np.testing.assert_allclose(rows, rows[:1].repeat(5, 0), atol=1e-6)
    assert clap.audio([]).shape == clap.text([]).shape == (0, clap_models.DIM)
    with pytest.raises(AudioError):
        clap.audio([b"not audio"])
    with pytest.raises(UsageError, match="a list of recordings"):
        clap.audio((wave, 16_000))


def test_texts_of_any_length(clap: Clap, folder: Path) -> None:
    # Half of the folders on the hub state no limit of the tokenizer, and crash on long texts.
    rows = clap.text(["word " * 10_000, "\ud800", "a\0b"])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    clap._tokens.model_max_length = 10**30
    np.testing.assert_allclose(Clap(folder).text(["word " * 10_000]), rows[:1], atol=1e-6)


def test_the_layout_of_folders_on_the_hub(folder: Path, clap: Clap, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    transformers.ClapFeatureExtractor.from_pretrained(folder).save_pretrained(tmp_path)
    assert (tmp_path / "preprocessor_config.json").is_file()
    clips = [(noise(20_000), RATE)]
    np.testing.assert_array_equal(Clap(tmp_path).audio(clips), clap.audio(clips))
    assert Clap(tmp_path).hash != clap.hash


def test_equal_folders_have_equal_hashes(tmp_path: Path) -> None:
    hashes = [Clap(clap_models.save_clap(tmp_path / name)).hash for name in "ab"]
    assert hashes[0] == hashes[1]
    assert Clap(clap_models.save_clap(tmp_path / "c", seed=1)).hash != hashes[0]


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_files_that_are_missing_or_cut(tmp_path: Path, name: str) -> None:
    folder = clap_models.save_clap(tmp_path / "tiny")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="a CLAP in the format of transformers"):
        Clap(folder)
    (folder / name).unlink()
    (folder / "vocab.json").unlink(missing_ok=True)  # transformers 4 saves the vocabulary twice
    with pytest.raises(CheckpointError, match="a CLAP in the format of transformers"):
        Clap(folder)


def test_weights_of_another_network(tmp_path: Path) -> None:
    folder = clap_models.save_clap(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["num_hidden_layers"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="weights of another kind of model"):
        Clap(folder)
    config["text_config"].update(num_hidden_layers=1, intermediate_size=64)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        Clap(folder)
