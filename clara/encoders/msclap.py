"""Microsoft's CLAP through its package `msclap`: the versions of 2022 and 2023.

Elizalde et al., CLAP: learning audio concepts from natural language supervision, 2022; Natural
language supervision for general-purpose audio representations, 2023.

The release 1.3.4 pins numpy below 2 and transformers below 5, and imports torchaudio. Its network
needs none of that, and only the network is used: the package is installed without what it asks for.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
import yaml

from clara.backends._models import loading
from clara.embed import Rows
from clara.encoders._clips import Windowed, filled
from clara.encoders._weights import installed, offline, put, read, title
from clara.errors import UsageError
from clara.records import Wave

__all__ = ["MSClap"]

_INSTALL = (
    "pip install --no-deps msclap==1.3.4 torchlibrosa==0.1.0; pip install librosa transformers"
)


class MSClap(Windowed):
    """A network of `msclap` with the weights of a file.

    Which version they are of is read from them. A clip is repeated until its window is full (5 s in
    2022, 7 s in 2023), as `msclap` does; of a longer one `msclap` hears a crop drawn at random, for
    which see `clara.encoders._clips`.

    Args:
        checkpoint: CLAP_weights_2022.pth or CLAP_weights_2023.pth. The configuration and tokenizer
            of its text model (bert-base-uncased or gpt2) lie in a folder of that name beside it, or
            in the cache of Hugging Face.

    Attributes:
        name: Of the file.
        rate: 44,100 Hz.

    Raises:
        UsageError: There is no such file, or msclap is not installed.
        CheckpointError: It holds no such weights, or the text model is not there.
    """

    kind = "msclap 1"

    def __init__(self, checkpoint: str | Path) -> None:
        path = Path(checkpoint)
        weights = read(path, "model")
        try:
            import transformers

            package = _package()
        except ImportError as error:
            found = ", ".join(map(installed, ("msclap", "torchlibrosa", "librosa", "transformers")))
            raise UsageError(
                f"For the encoder msclap its network must be importable, but {error!s} (found: "
                f"{found}); what it pins clashes with this package, so install it without: "
                f"{_INSTALL}."
            ) from error
        version = "2023" if any("htsat" in name for name in weights) else "2022"
        config = Path(str(package.__file__)).parents[1] / "configs" / f"config_{version}.yml"
        self._settings = SimpleNamespace(**yaml.safe_load(config.read_text(encoding="utf-8")))
        text = self._settings.text_model
        beside = path.parent / text
        where, local = str(beside if beside.is_dir() else text), {"local_files_only": True}
        library: Any = transformers
        what, hint = f"configuration and tokenizer of {text}", f"put them into {beside}"
        with offline(), loading(what, where, hint):
            tower = library.AutoConfig.from_pretrained(where, **local)
            self._tokens: Any = library.AutoTokenizer.from_pretrained(where, **local)
        if "gpt" in text:
            self._tokens.add_special_tokens({"pad_token": "!"})
        with _unfetched(package, library.AutoModel.from_config(tower)):
            self._network: Any = _network(package, self._settings)
        put(self._network, weights, path)
        self._network.eval()
        self.files = (path, beside) if beside.is_dir() else (path,)
        self.name = title(path)
        self.rate = self._settings.sampling_rate
        self.window: int = int(self._settings.duration * self.rate)
        self.width = self._settings.d_proj

    def _hear(self, waves: list[Wave]) -> Rows:
        full = np.stack([filled(wave, self.window) for wave in waves])
        with torch.inference_mode():
            rows: Rows = self._network.audio_encoder(torch.from_numpy(full))[0].numpy()
        return rows

    def _read(self, texts: list[str]) -> Rows:
        keys = ["input_ids", "attention_mask"]
        if "gpt" in self._settings.text_model:
            texts = [f"{text} <|endoftext|>" for text in texts]
        else:
            keys.append("token_type_ids")
        tokens = self._tokens(
            texts,
            padding="max_length",
            truncation=True,
            max_length=self._settings.text_len,
            return_tensors="pt",
        )
        with torch.inference_mode():
            rows: Rows = self._network.caption_encoder({key: tokens[key] for key in keys}).numpy()
        return rows


def _package() -> ModuleType:
    """The module of the network; the package around it would import what need not be there."""
    around = importlib.util.find_spec("msclap")
    if around is None or not around.submodule_search_locations:
        raise ImportError("there is no msclap")
    place = Path(around.submodule_search_locations[0]) / "models"
    name = "clara_msclap_models"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, place / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        models = importlib.util.module_from_spec(spec)
        sys.modules[name] = models
        try:
            spec.loader.exec_module(models)
        except BaseException:
            del sys.modules[name]
            raise
    return importlib.import_module(f"{name}.clap")


def _network(package: ModuleType, settings: SimpleNamespace) -> Any:
    return package.CLAP(
        audioenc_name=settings.audioenc_name,
        sample_rate=settings.sampling_rate,
        window_size=settings.window_size,
        hop_size=settings.hop_size,
        mel_bins=settings.mel_bins,
        fmin=settings.fmin,
        fmax=settings.fmax,
        classes_num=settings.num_classes,
        out_emb=settings.out_emb,
        text_model=settings.text_model,
        transformer_embed_dim=settings.transformer_embed_dim,
        d_proj=settings.d_proj,
    )


@contextlib.contextmanager
def _unfetched(package: ModuleType, tower: Any) -> Iterator[None]:
    """Hands the package an empty text model, where it would fetch one to overwrite it at once."""
    space = vars(package)
    library = space["AutoModel"]
    space["AutoModel"] = SimpleNamespace(from_pretrained=lambda name: tower)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.meshgrid")  # an old call that still does right
            yield
    finally:
        space["AutoModel"] = library
