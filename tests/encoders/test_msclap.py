"""Microsoft's CLAP: its own network with weights of its own format, and no crop drawn at random."""

from __future__ import annotations

import importlib
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from clara import encoders
from clara.embed import Encoder
from clara.encoders._clips import unit, windows
from clara.encoders.msclap import MSClap, _package
from clara.errors import CheckpointError, UsageError

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:torch.meshgrid"),  # when a test makes a network by itself
]
RATE = 44_100
BERT = {
    "vocab_size": 300,
    "hidden_size": 768,
    "num_hidden_layers": 1,
    "num_attention_heads": 12,
    "intermediate_size": 32,
    "max_position_embeddings": 128,
}
GPT = {"vocab_size": 300, "n_embd": 768, "n_layer": 1, "n_head": 12, "n_positions": 128}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "the", "sound", "of"]


@pytest.fixture(scope="module")
def network() -> Any:
    try:
        return _package()
    except ImportError as error:
        pytest.skip(f"install msclap with --no-deps ({error})")


@pytest.fixture(scope="module", params=["2022", "2023"])
def checkpoint(
    request: pytest.FixtureRequest, network: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Weights as Microsoft publishes them, of a text model of one layer."""
    import transformers
    import yaml

    folder = tmp_path_factory.mktemp("msclap")
    if request.param == "2022":
        text, config = folder / "bert-base-uncased", transformers.BertConfig(**BERT)
        text.mkdir()
        (text / "vocab.txt").write_text("\n".join(WORDS))
        transformers.BertTokenizer(str(text / "vocab.txt")).save_pretrained(text)
    else:
        text, config = folder / "gpt2", transformers.GPT2Config(**GPT)
        gpt_tokenizer().save_pretrained(text)
    config.save_pretrained(text)
    torch.manual_seed(0)
    transformers.AutoModel.from_config(config).save_pretrained(text)
    file = Path(network.__file__).parents[1] / "configs" / f"config_{request.param}.yml"
    settings = SimpleNamespace(**yaml.safe_load(file.read_text()))
    whole = network.CLAP(
        audioenc_name=settings.audioenc_name,
        sample_rate=settings.sampling_rate,
        window_size=settings.window_size,
        hop_size=settings.hop_size,
        mel_bins=settings.mel_bins,
        fmin=settings.fmin,
        fmax=settings.fmax,
        classes_num=settings.num_classes,
        out_emb=settings.out_emb,
        text_model=str(text),
        transformer_embed_dim=settings.transformer_embed_dim,
        d_proj=settings.d_proj,
    )
    weights = whole.state_dict()
    # Tables that releases of transformers before 4.31 saved.
    weights["caption_encoder.base.embeddings.position_ids"] = torch.arange(128)[None]
    weights["caption_encoder.base.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    path = folder / f"CLAP_weights_{request.param}.pth"
    torch.save({"model": weights, "epoch": 3}, path)
    return path


def gpt_tokenizer() -> Any:
    """The tokenizer of GPT-2, with no words longer than a byte: the first, of number 0, is "!"."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    signs = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "<|endoftext|>"]
    assert signs[0] == "!"
    tokens = Tokenizer(models.BPE({sign: number for number, sign in enumerate(signs)}, []))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library: Any = transformers
    return library.GPT2TokenizerFast(tokenizer_object=tokens)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=int(seconds * RATE)) / 9).astype(np.float32)


def test_its_rows(checkpoint: Path) -> None:
    encoder = encoders.open(f"msclap:{checkpoint}")
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.rate) == (checkpoint.name, RATE)
    assert encoder.seen("esc50", "test") == "unknown"
    assert encoder.hash == MSClap(checkpoint).hash
    window = 5 if "2022" in checkpoint.name else 7
    full, short, long = noise(window), noise(2, 1), noise(2.5 * window, 2)
    rows = encoder.audio([(wave, RATE) for wave in (full, short, long)])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    # Repeated until it is full; and of a long one, all windows.
    again = np.resize(short, len(full))
    parts = [(part, RATE) for part in windows(long, len(full))]
    rows_of_parts = encoder.audio([(again, RATE), *parts])
    np.testing.assert_allclose(rows[1], rows_of_parts[0], atol=1e-5)
    mean = unit(rows_of_parts[1:].mean(0, keepdims=True))[0]
    np.testing.assert_allclose(rows[2], mean, atol=1e-5)
    with torch.inference_mode():
        direct = encoder._network.audio_encoder(torch.from_numpy(full)[None])[0].numpy()
    np.testing.assert_allclose(rows[0], unit(direct)[0], atol=1e-5)
    texts = encoder.text(["a dog", "the sound of a cat", "", "a dog " * 500])
    assert texts.shape == (4, 1024)
    assert np.abs(texts[0] - texts[1]).max() > 1e-3
    np.testing.assert_allclose(encoder.text(["a dog"]), texts[:1], atol=1e-5)


def test_its_rows_are_those_of_the_wrapper(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchaudio", reason="the wrapper needs torchaudio")
    if metadata.version("transformers") >= "5":
        pytest.skip("the wrapper needs transformers 4")
    module = importlib.import_module("msclap.CLAPWrapper")

    version = "2022" if "2022" in checkpoint.name else "2023"
    text = {"2022": "bert-base-uncased", "2023": "gpt2"}[version]
    monkeypatch.chdir(checkpoint.parent)  # where the text model is found by its plain name
    wrapper = module.CLAPWrapper(checkpoint, version=version)
    assert wrapper.args.text_model == text
    full, short = noise(wrapper.args.duration), noise(2, 1)
    waves = {"full": full, "short": short}
    monkeypatch.setattr(
        module.torchaudio, "load", lambda name: (torch.from_numpy(waves[name])[None], RATE)
    )
    theirs = wrapper.get_audio_embeddings(list(waves)).numpy()
    encoder = MSClap(checkpoint)
    rows = encoder.audio([(full, RATE), (short, RATE)])
    np.testing.assert_allclose(rows, unit(theirs), atol=1e-5)
    texts = ["a dog", "the sound of a cat"]
    theirs = wrapper.get_text_embeddings(texts).numpy()
    np.testing.assert_allclose(encoder.text(texts), unit(theirs), atol=1e-5)


def test_the_text_model_is_on_the_disk_or_told_of(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    alone = tmp_path / checkpoint.name
    alone.symlink_to(checkpoint)
    with pytest.raises(CheckpointError, match="put them into"):
        MSClap(alone)


def test_weights_of_another_network(checkpoint: Path, tmp_path: Path) -> None:
    for folder in checkpoint.parent.iterdir():
        if folder.is_dir():
            (tmp_path / folder.name).symlink_to(folder)
    torch.save({"model": {"audio_encoder.base.htsat.x": torch.ones(2)}}, tmp_path / "a.pth")
    torch.save({"model": {"x": torch.ones(2)}}, tmp_path / "b.pth")
    name = "b.pth" if "2022" in checkpoint.name else "a.pth"
    with pytest.raises(CheckpointError, match="names that do not fit"):
        MSClap(tmp_path / name)


def test_the_package_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"model": {"x": torch.ones(2)}}, tmp_path / "a.pth")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "modules", {k: v for k, v in sys.modules.items() if "msclap" not in k})
    with pytest.raises(UsageError, match="pip install --no-deps msclap") as error:
        MSClap(tmp_path / "a.pth")
    assert "transformers" in str(error.value)
