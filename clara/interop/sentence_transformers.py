"""CLARA in sentence-transformers: `SentenceTransformer(folder)` encodes recordings and sentences.

    model = SentenceTransformer("runs/mine/model", trust_remote_code=True)
    model.encode("dog.wav") @ model.encode(["a dog", "a cat"]).T

A model folder says in modules.json which class reads it, `ClaraModule`. Since release 6 the library
imports no class of another package unless `trust_remote_code=True` is said; the code is that of the
installed clara-audio, and none of the folder is run. `load` asks for no such leave.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from clara import checkpoint
from clara.audio import io
from clara.embed import pad
from clara.errors import MissingExtraError, UsageError
from clara.interop._sounds import source
from clara.model import ClaraModel
from clara.text.tokens import Tokens

try:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modality import infer_modality
    from sentence_transformers.base.modules import InputModule
except ImportError as error:
    raise MissingExtraError("CLARA in sentence-transformers", "sentence-transformers") from error

if TYPE_CHECKING:
    from sentence_transformers.base.modality_types import Modality


class ClaraModule(InputModule):
    """The one module of such a model: from recordings or sentences to unit rows.

    Args:
        model: The network.
        tokens: Its vocabulary.
        about: What its checkpoint says of itself.
    """

    save_in_root = True

    def __init__(self, model: ClaraModel, tokens: Tokens, about: checkpoint.About) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.model = model
        self.tokens = tokens
        self.about = about

    @property
    def modalities(self) -> list[Modality]:
        """Sentences and recordings."""
        return ["text", "audio"]

    @property
    def sampling_rate(self) -> int:
        """The rate of samples that come without one, in Hz; others are resampled."""
        return self.model.config.audio.mel.rate

    @property
    def max_seq_length(self) -> int:
        """The most tokens of a sentence; what is beyond is cut off."""
        return self.model.config.text.limit

    def get_embedding_dimension(self) -> int:
        """The width of the rows."""
        return self.model.config.dim

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Inputs to what `forward` takes.

        Args:
            inputs: Sentences alone, or recordings alone: see `clara.interop._sounds.source`; each
                may stand in a dictionary under "text" or "audio".
            prompt: What to put before sentences.
            **kwargs: Of other modules; not looked at.

        Raises:
            UsageError: They are of both kinds, or of a third.
            AudioError: A recording cannot be read.
        """
        kinds, values = zip(*map(self._told, inputs), strict=True)
        if set(kinds) == {"text"}:
            texts = [f"{prompt or ''}{text}" for text in values]
            ids, lengths = self.tokens.encode(texts, self.max_seq_length)
            return {"tokens": torch.from_numpy(ids), "token_lengths": torch.from_numpy(lengths)}
        if set(kinds) == {"audio"}:
            rate = self.sampling_rate
            waves = [io.load(source(value, rate), rate=rate)[0] for value in values]
            return dict(zip(("waves", "wave_lengths"), pad(waves), strict=True))
        raise UsageError(
            f"Expected recordings alone or sentences alone in one call, but found "
            f"{' and '.join(sorted(set(map(str, kinds))))}; encode each kind by itself."
        )

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Adds unit rows `[B, D]` as "sentence_embedding" (equation 2)."""
        if "waves" in features:
            rows = self.model.embed_audio(features["waves"], features["wave_lengths"])
        else:
            rows = self.model.embed_text(features["tokens"], features["token_lengths"])
        return {**features, "sentence_embedding": rows}

    def save(
        self, output_path: str, *args: Any, safe_serialization: bool = True, **kw: Any
    ) -> None:
        """Writes the files of a model folder into a folder that holds others, too.

        Raises:
            DataError: The disk is full or the folder cannot be written to.
        """
        folder = Path(output_path)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as place:
            whole = Path(place) / "model"
            checkpoint.save(whole, self.model, self.tokens, self.about)
            for file in whole.iterdir():
                file.replace(folder / file.name)

    @classmethod
    def load(  # type: ignore[override]  # all others come by their names
        cls, model_name_or_path: str, subfolder: str = "", **options: Any
    ) -> ClaraModule:
        """Reads a model folder, or one of the hub.

        Args:
            model_name_or_path: The folder, or its name on the hub.
            subfolder: Where in it the model lies.
            **options: Of the library: those that say how the hub is asked are passed on.

        Raises:
            CheckpointError: It holds no model, or a broken one.
            UsageError: There is no such folder.
        """
        asked = ("token", "cache_folder", "revision", "local_files_only")
        hub = {name: options[name] for name in asked if name in options}
        found = cls.load_dir_path(model_name_or_path, subfolder=subfolder, **hub)
        return cls(*checkpoint.load(Path(found or model_name_or_path)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.about.name!r})"

    def _told(self, value: Any) -> tuple[Any, Any]:
        """Of what kind an input is, and the input."""
        if isinstance(value, dict) and len(value) == 1 and value.keys() <= {"text", "audio"}:
            return next(iter(value.items()))
        if isinstance(value, os.PathLike | bytes) or hasattr(value, "get_all_samples"):
            return "audio", value
        if isinstance(value, np.str_):
            return "text", str(value)
        return infer_modality(value, supported_modalities=self.modalities), value


def load(folder: str | Path) -> SentenceTransformer:
    """A model folder, or the folder of a run, as a `SentenceTransformer`; an older one, too.

    Raises:
        CheckpointError: The folder holds no model, or a broken one.
        UsageError: There is no such folder.
    """
    return SentenceTransformer(modules=[ClaraModule(*checkpoint.load(Path(folder)))])
