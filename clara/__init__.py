"""CLARA: any sound and any sentence, in any language, in one space.

import clara

model = clara.load("runs/a")
model.audio(["siren.wav"]), model.text(["a siren", "eine Sirene"])  # unit rows, [N, D]
clara.classify(model, "siren.wav", ["dog", "siren"], template="The sound of {label}")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clara.batches import Batches, DataConfig
    from clara.embed import Clara, Encoder, classify, embed_index, load
    from clara.errors import ClaraError
    from clara.model import ClaraModel, ModelConfig
    from clara.records import Batch, Embeddings, Entry, Sample, Scores
    from clara.shards import Index
    from clara.train import Recipe

__version__ = "0.1.0"

_HOMES = {
    "Batch": "records",
    "Batches": "batches",
    "Clara": "embed",
    "ClaraError": "errors",
    "ClaraModel": "model",
    "DataConfig": "batches",
    "Embeddings": "records",
    "Encoder": "embed",
    "Entry": "records",
    "Index": "shards",
    "ModelConfig": "model",
    "Recipe": "train",
    "Sample": "records",
    "Scores": "records",
    "classify": "embed",
    "embed_index": "embed",
    "load": "embed",
}

__all__ = [
    "Batch",
    "Batches",
    "Clara",
    "ClaraError",
    "ClaraModel",
    "DataConfig",
    "Embeddings",
    "Encoder",
    "Entry",
    "Index",
    "ModelConfig",
    "Recipe",
    "Sample",
    "Scores",
    "classify",
    "embed_index",
    "load",
]


def __getattr__(name: str) -> Any:
    # Imported at first use: `import clara` and `clara --help` stay fast.
    if name in _HOMES:
        return getattr(importlib.import_module(f"clara.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'clara' has no attribute {name!r}")
