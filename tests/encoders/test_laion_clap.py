"""LAION's CLAP through its own package, where that is installed: in an environment of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import torch
from clap_models import roberta_tokenizer

from clara import encoders
from clara.errors import CheckpointError, UsageError

ROBERTA = {
    "model_type": "roberta",
    "architectures": ["RobertaModel"],
    "vocab_size": 300,
    "hidden_size": 768,
    "num_hidden_layers": 1,
    "num_attention_heads": 12,
    "intermediate_size": 32,
    "max_position_embeddings": 90,
    "type_vocab_size": 1,
}

# What is compared is the package's own way in, for clips of which it draws nothing.
PROGRAM = """
import sys
from importlib import metadata
from pathlib import Path

import laion_clap
import numpy as np
import torch
from clara import encoders
from clara.encoders._clips import unit, windows

folder, fusion = Path(sys.argv[1]), sys.argv[2] == "fusion"
torch.manual_seed(0)
module = laion_clap.CLAP_Module(enable_fusion=fusion, device="cpu")
weights = {f"module.{name}": value for name, value in module.model.state_dict().items()}
weights["module.text_branch.embeddings.position_ids"] = torch.arange(90)[None]
content = {"epoch": 3, "name": "tiny", "state_dict": weights, "loss": np.float64(1)}
path = folder / "tiny.pt"
torch.save(content, path, pickle_protocol=4)
module.load_ckpt(path, verbose=False)
module.eval()

encoder = encoders.open(f"laion_clap:{path}")
assert (encoder.name, encoder.rate) == ("tiny.pt", 48_000)
assert encoder.hash.startswith("sha256:")
rng = np.random.default_rng(0)
waves = [(rng.normal(size=n) / 9).astype(np.float32) for n in (480_000, 100_000)]
theirs = module.get_audio_embedding_from_data(waves)
rows = encoder.audio([(wave, 48_000) for wave in waves])
np.testing.assert_allclose(rows, theirs, atol=1e-5)
long = (rng.normal(size=1_000_000) / 9).astype(np.float32)
first, again = encoder.audio([(long, 48_000)] * 2)
np.testing.assert_array_equal(first, again)
mean = module.get_audio_embedding_from_data(list(windows(long, 480_000))).mean(0)
np.testing.assert_allclose(first, unit(mean[None])[0], atol=1e-5)
texts = ["a dog", "the sound of a cat " * 50, ""]
np.testing.assert_allclose(encoder.text(texts), module.get_text_embedding(texts), atol=1e-5)
np.testing.assert_allclose(encoder.text(texts[:1]), encoder.text(texts)[:1], atol=1e-5)
print("the same")
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of Hugging Face with the text models that the package reads when it is imported."""
    if not all(importlib.util.find_spec(name) for name in ("laion_clap", "torchvision")):
        pytest.skip("laion-clap and its torchvision are not installed: see clara.encoders")
    import transformers

    home = tmp_path_factory.mktemp("home")
    signs = roberta_tokenizer().get_vocab()
    torch.manual_seed(0)
    network = transformers.RobertaModel(transformers.RobertaConfig(**ROBERTA))
    for name in ("roberta-base", "bert-base-uncased", "facebook/bart-base"):
        repo = home / "hub" / f"models--{name.replace('/', '--')}"
        folder = repo / "snapshots" / "0"
        folder.mkdir(parents=True)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("0")
        (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ndog")
        (folder / "vocab.json").write_text(json.dumps({**signs, "<mask>": len(signs)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        (folder / "tokenizer_config.json").write_text('{"model_max_length": 80}')
        if name == "roberta-base":
            network.save_pretrained(folder)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "fusion"])
def test_its_rows_are_those_of_the_package(cache: Path, tmp_path: Path, kind: str) -> None:
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), kind],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("the same\n"), done.stderr[-3000:]


def test_checkpoints_of_something_else(tmp_path: Path) -> None:
    torch.save({"state_dict": {"x": torch.ones(2)}}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="HTSAT-tiny or HTSAT-base, but it holds none"):
        encoders.open(f"laion_clap:{tmp_path / 'a.pt'}")


def test_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stem = {"audio_branch.patch_embed.proj.weight": torch.ones(96, 1, 4, 4)}
    torch.save({"state_dict": stem}, tmp_path / "a.pt")
    monkeypatch.setitem(sys.modules, "laion_clap", None)
    with pytest.raises(UsageError, match="an environment of its own: pip install") as error:
        encoders.open(f"laion_clap:{tmp_path / 'a.pt'}")
    assert f"torch {metadata.version('torch')}" in str(error.value)
    assert "numpy below 2" in str(error.value)
