"""CLAP as transformers keeps it: LAION's models, and whatever was saved in their format.

Wu et al., Large-scale contrastive language-audio pretraining with feature fusion and
keyword-to-caption augmentation, 2023.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from clara.backends._models import loading
from clara.embed import Rows
from clara.encoders._clips import Windowed
from clara.encoders._weights import title
from clara.errors import MissingExtraError, UsageError
from clara.records import Wave

__all__ = ["Clap"]


class Clap(Windowed):
    """A `ClapModel` with its feature extractor and tokenizer.

    What is at most as long as its window (10 s) goes through its own feature extractor, padding and
    all, so rows are those of transformers. Longer recordings: see `clara.encoders._clips`. A model
    with fusion hears them so, too, and not as three random crops beside a shrunken whole.

    Args:
        folder: With config.json, weights, preprocessor_config.json and a tokenizer.

    Attributes:
        name: Of the folder.
        rate: That of its feature extractor, in Hz.

    Raises:
        MissingExtraError: transformers is not installed.
        UsageError: There is no such folder.
        CheckpointError: It does not hold a whole CLAP.
    """

    kind = "clap 1"

    def __init__(self, folder: str | Path) -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("CLAP of transformers", "clap") from error
        library: Any = transformers
        where = Path(folder)
        if not where.is_dir():
            raise UsageError(
                f"Expected {str(folder)!r} to be a folder of a transformers CLAP, but there is no "
                f"such folder; nothing is fetched by its name, so download the model first."
            )
        local: dict[str, Any] = {"local_files_only": True}
        with loading("a CLAP in the format of transformers", str(folder), "copy it again"):
            # Without it a CLAP of the usual size would be made up first, then found to differ.
            if library.AutoConfig.from_pretrained(folder, **local).model_type != "clap":
                raise ValueError("a configuration of another kind of model")
            self._network: Any
            self._network, found = library.ClapModel.from_pretrained(
                folder, output_loading_info=True, **local
            )
            if found["missing_keys"] or found.get("mismatched_keys"):
                raise ValueError("weights of another kind of model")
            # Without its files a tokenizer is made up that knows no word.
            if not any((where / name).is_file() for name in ("tokenizer.json", "vocab.json")):
                raise ValueError("no vocabulary (tokenizer.json, or vocab.json with merges.txt)")
            self._extract: Any = library.ClapFeatureExtractor.from_pretrained(folder, **local)
            self._tokens: Any = library.AutoTokenizer.from_pretrained(folder, **local)
        self._network.float().eval()
        config = self._network.config.text_config
        # RoBERTa numbers positions from behind the padding; past the last the lookup would fail.
        positions = config.max_position_embeddings - config.pad_token_id - 1
        self._longest = min(self._tokens.model_max_length, positions)
        self.width = self._network.config.projection_dim
        self.files = (where,)
        self.name = title(where)
        self.rate = self._extract.sampling_rate
        self.window = int(self._extract.nb_max_samples)

    def _hear(self, waves: list[Wave]) -> Rows:
        features = self._extract(waves, sampling_rate=self.rate, return_tensors="pt")
        # Where a model has fusion the extractor calls a clip, drawn at random, longer than it is.
        longer = torch.zeros(len(waves), 1, dtype=torch.bool)
        with torch.inference_mode():
            pooled = self._network.audio_model(
                input_features=features["input_features"].float(), is_longer=longer
            ).pooler_output
            rows: Rows = self._network.audio_projection(pooled).numpy()
        return rows

    def _read(self, texts: list[str]) -> Rows:
        tokens = self._tokens(
            texts, padding=True, truncation=True, max_length=self._longest, return_tensors="pt"
        )
        with torch.inference_mode():
            pooled = self._network.text_model(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            ).pooler_output
            rows: Rows = self._network.text_projection(pooled).numpy()
        return rows
