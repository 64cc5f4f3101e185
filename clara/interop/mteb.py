"""CLARA, or any other encoder, on the tasks of the library mteb, such as its audio tasks (MAEB).

    mteb.evaluate(MTEBEncoder("runs/mine"), mteb.get_tasks(modalities=["audio"]))

MAEB asks with its own prompts and by its own protocols: its figures are not those of
`clara evaluate`. What a model has seen is not told to it, so it takes no task for unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import DataLoader

from clara import embed
from clara.embed import Encoder
from clara.errors import MissingExtraError, UsageError
from clara.interop._sounds import source

try:
    import datasets
    from mteb.models import ModelMeta
    from mteb.models.abs_encoder import AbsEncoder
    from mteb.models.model_meta import ScoringFunction
except ImportError as error:
    raise MissingExtraError("CLARA in mteb", "mteb") from error

if TYPE_CHECKING:
    from mteb import TaskMetadata
    from mteb.types import PromptType


class MTEBEncoder(AbsEncoder):
    """An encoder as mteb asks for one.

    Args:
        model: A model folder, the folder of a run, or any encoder.

    Attributes:
        model: The encoder.

    Raises:
        CheckpointError: The folder holds no model, or a broken one.
        UsageError: There is no such folder.
    """

    def __init__(self, model: str | Path | Encoder) -> None:
        self.model: Encoder = embed.load(model) if isinstance(model, str | Path) else model
        self.mteb_model_meta = _about(self.model)

    def encode(
        self,
        inputs: DataLoader[Any],
        *,
        task_metadata: TaskMetadata,
        hf_split: str,
        hf_subset: str,
        prompt_type: PromptType | None = None,
        **kwargs: Any,
    ) -> embed.Rows:
        """Recordings, or sentences, to unit rows `[N, D]`.

        Args:
            inputs: Batches with a column "audio" or a column "text".
            task_metadata: Of the task; not looked at, nor is anything that follows: there are no
                instructions that would differ.
            hf_split: Of the task.
            hf_subset: Of the task.
            prompt_type: Of the task.
            **kwargs: Of the task.

        Raises:
            UsageError: A batch holds both or neither.
            AudioError: A recording cannot be read.
        """
        return np.concatenate([self._encode(batch) for batch in _batches(inputs)])

    def _encode(self, batch: dict[str, Any]) -> embed.Rows:
        if ("audio" in batch) == ("text" in batch):
            raise UsageError(
                f"Expected recordings or sentences to encode, but found the columns "
                f"{', '.join(batch)}; this model makes no row of the two together."
            )
        if "text" in batch:
            return self.model.text(batch["text"])
        return self.model.audio([source(sound, self.model.rate) for sound in batch["audio"]])


def _about(encoder: Encoder) -> ModelMeta:
    network = getattr(encoder, "model", None)
    count = sum(each.numel() for each in network.parameters()) if network is not None else None
    return ModelMeta(
        loader=None,
        name=f"clara/{encoder.name.replace('/', '__')}",
        revision=getattr(encoder, "hash", None) or None,
        release_date=None,
        languages=None,
        n_parameters=count,
        memory_usage_mb=None,
        max_tokens=None,
        embed_dim=encoder.text(["a sound"]).shape[1],
        license=None,
        open_weights=None,
        public_training_code=None,
        public_training_data=None,
        framework=["PyTorch"],
        similarity_fn_name=ScoringFunction.COSINE,
        use_instructions=False,
        training_datasets=None,
        modalities=["audio", "text"],
    )


def _batches(inputs: DataLoader[Any]) -> Iterator[dict[str, Any]]:
    """The batches of a task; recordings in them not decoded, where a dataset would decode them.

    So nothing but CLARA's own reader is needed, neither torchcodec nor torchaudio.
    """
    dataset: Any = inputs.dataset
    features = getattr(dataset, "features", None) or {}
    for name, feature in features.items():
        if isinstance(feature, datasets.Audio):
            dataset = dataset.cast_column(name, datasets.Audio(decode=False))
    if dataset is inputs.dataset:
        return iter(inputs)
    return iter(DataLoader(dataset, batch_size=inputs.batch_size, collate_fn=inputs.collate_fn))
