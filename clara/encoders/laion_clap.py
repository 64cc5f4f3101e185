"""LAION's CLAP through its package `laion-clap`, from a checkpoint of its own format.

Wu et al., Large-scale contrastive language-audio pretraining with feature fusion and
keyword-to-caption augmentation, 2023. The same models in the format of transformers need no such
package: `clara.encoders.clap`.

The release 1.1.7 pins numpy below 2 and imports torchvision, which must be of the release that goes
with torch and has no small CPU build: it has an environment of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from clara.backends._models import loading
from clara.embed import Rows
from clara.encoders._clips import Windowed
from clara.encoders._weights import installed, offline, put, read, title
from clara.errors import CheckpointError, UsageError
from clara.records import Wave

__all__ = ["LaionClap"]

_INSTALL = (
    "pip install clara-audio laion-clap==1.1.7 'pyarrow<22' "
    "torch==2.11.0 torchvision==0.26.0 torchaudio==2.11.0"
)
_SIZES = {96: "HTSAT-tiny", 128: "HTSAT-base"}
# What the package reads from the cache of Hugging Face as soon as it is imported.
_VOCABULARIES = "roberta-base, bert-base-uncased and facebook/bart-base"


class LaionClap(Windowed):
    """A `CLAP_Module` with the weights of a file.

    Size and fusion are read from the weights. Clips of at most 10 s are heard as the package hears
    them, rounded to 16 bit and repeated; for longer ones, of which it hears random crops, see
    `clara.encoders._clips`.

    Args:
        checkpoint: Such as 630k-audioset-best.pt, or music_audioset_epoch_15_esc_90.14.pt.

    Attributes:
        name: Of the file.
        rate: 48 kHz.

    Raises:
        UsageError: There is no such file, or laion-clap cannot be imported.
        CheckpointError: It holds no such weights, or the text model is not in the cache.
    """

    kind = "laion_clap 1"

    def __init__(self, checkpoint: str | Path) -> None:
        path = Path(checkpoint)
        weights = read(path, "state_dict")
        stem = weights.get("audio_branch.patch_embed.proj.weight")
        if stem is None or len(stem) not in _SIZES:
            raise CheckpointError(
                f"Expected {str(checkpoint)!r} to be a checkpoint of laion-clap, with an audio "
                f"tower of {' or '.join(_SIZES.values())}, but it holds none."
            )
        fusion = "audio_branch.patch_embed.mel_conv2d.weight" in weights
        hint = f"with a network, run once: python -c 'import laion_clap'; it needs {_VOCABULARIES}"
        with offline(), loading("the text models of laion-clap", "the cache of Hugging Face", hint):
            package = _package()
            self._module: Any = package.CLAP_Module(
                enable_fusion=fusion, device="cpu", amodel=_SIZES[len(stem)]
            )
        put(self._module.model, weights, path)
        self._module.eval()
        settings: dict[str, Any] = self._module.model_cfg["audio_cfg"]
        self.width = len(weights["audio_projection.2.weight"])
        self.name = title(path)
        self.rate = settings["sample_rate"]
        self.window = settings["clip_samples"]
        self.files = (path,)

    def _hear(self, waves: list[Wave]) -> Rows:
        with torch.inference_mode():
            rows: Rows = self._module.get_audio_embedding_from_data(waves)
        return rows

    def _read(self, texts: list[str]) -> Rows:
        with torch.inference_mode():
            rows: Rows = self._module.get_text_embedding(texts)
        return rows


def _package() -> Any:
    try:
        import laion_clap
    except (ImportError, RuntimeError) as error:  # the latter of a torchvision of another release
        found = ", ".join(map(installed, ("laion-clap", "torch", "torchvision", "numpy")))
        raise UsageError(
            f"For the encoder laion_clap the package laion-clap 1.1.7 must be importable, but "
            f"{str(error)[:200]} (found: {found}); it needs numpy below 2 and a torchvision that "
            f"goes with torch, so give it an environment of its own: {_INSTALL}."
        ) from error
    return laion_clap
