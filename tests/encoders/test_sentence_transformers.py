"""Models of sentence-transformers that hear: their rows are those the library gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import clap_models
import numpy as np
import pytest

from clara import encoders
from clara.embed import Encoder
from clara.encoders.clap import Clap
from clara.encoders.sentence_transformers import SentenceTransformers
from clara.errors import CheckpointError, UsageError

library: Any = pytest.importorskip("sentence_transformers")

pytestmark = pytest.mark.usefixtures("one_thread")
RATE, WINDOW = clap_models.RATE, clap_models.RATE * clap_models.SECONDS


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clap_models.save_clap(tmp_path_factory.mktemp("clap") / "tiny")


@pytest.fixture(scope="module")
def folder(clap: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("st") / "hears"
    return clap_models.save_sentence_transformer(place, clap)


def test_its_rows_are_those_of_the_library(folder: Path) -> None:
    encoder = encoders.open(folder)
    assert isinstance(encoder, SentenceTransformers)
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.rate) == ("hears", RATE)
    assert encoder.hash.startswith("sha256:")
    assert encoder.seen("esc50", "test") == "unknown"
    model = library.SentenceTransformer(str(folder), device="cpu")
    rng = np.random.default_rng(0)
    waves = [rng.normal(size=size).astype(np.float32) / 9 for size in (WINDOW, 900)]
    theirs = model.encode([{"array": wave, "sampling_rate": RATE} for wave in waves])
    np.testing.assert_allclose(encoder.audio([(w, RATE) for w in waves]), theirs, atol=1e-6)
    texts = ["a dog", "", "x" * 1000]
    np.testing.assert_allclose(encoder.text(texts), model.encode(texts), atol=1e-6)
    assert encoder.audio([]).shape == encoder.text([]).shape == (0, clap_models.DIM)


def test_long_clips_are_heard_as_the_clap_hears_them(folder: Path, clap: Path) -> None:
    wave = np.random.default_rng(0).normal(size=3 * WINDOW + 7).astype(np.float32) / 9
    encoder = SentenceTransformers(folder)
    first, again = encoder.audio([(wave, RATE), (wave, RATE)])
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, Clap(clap).audio([(wave, RATE)])[0], atol=1e-6)


def test_a_path_in_a_sentence_is_a_sentence(folder: Path, tmp_path: Path) -> None:
    # The library itself would open the file.
    encoder = SentenceTransformers(folder)
    (tmp_path / "dog.wav").write_bytes(b"no audio")
    rows = encoder.text([str(tmp_path / "dog.wav"), str(tmp_path / "cat.wav")])
    assert rows.shape == (2, clap_models.DIM)


def test_one_that_draws_at_random_is_refused(tmp_path: Path) -> None:
    clap = clap_models.save_clap(tmp_path / "fused", fusion=True)
    folder = clap_models.save_sentence_transformer(tmp_path / "st", clap)
    with pytest.raises(CheckpointError, match="at random; open it as clap:"):
        SentenceTransformers(folder)
    assert encoders.open(f"clap:{folder}").text(["a"]).shape == (1, clap_models.DIM)


def test_one_that_only_reads_is_refused(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import BoW

    library.SentenceTransformer(modules=[BoW(vocab=["a", "dog"])], device="cpu").save(str(tmp_path))
    with pytest.raises(CheckpointError, match="encode audio and text, but it takes only text"):
        SentenceTransformers(tmp_path)


def test_code_of_other_people_is_not_run(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    modules = json.loads((folder / "modules.json").read_text())
    modules[0]["type"] = "evil.Module"
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "evil.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(CheckpointError, match="load it in a function"):
        SentenceTransformers(tmp_path)


def test_an_old_release(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SentenceTransformer", type("Old", (), {}))
    with pytest.raises(UsageError, match=r"sentence-transformers 6 or later.*but found sentence"):
        SentenceTransformers(folder)
