"""The floor: how loud each mel band is on average, and how much it varies. Nothing is learned.

With the `logistic` protocol this is the baseline that a model must beat: whatever a linear rule on
the average spectrum can tell needs no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch

from clara.audio import io
from clara.audio.mel import LogMel, paper
from clara.embed import Rows, pad
from clara.errors import UsageError

__all__ = ["Baseline"]

_BATCH = 32


class Baseline:
    """Log-mel mean and standard deviation over time, in place of an encoder.

    Attributes:
        name: "baseline".
        rate: 48 kHz, that of the paper's log-mel (V-A).
        hash: Over all that decides the rows.
    """

    def __init__(self) -> None:
        config = paper()
        self.name = "baseline"
        self.rate = config.rate
        self.hash = f"sha256:{hashlib.sha256(f'baseline 1 {config}'.encode()).hexdigest()}"
        self._mel = LogMel(config)

    def audio(self, sources: Sequence[io.Source]) -> Rows:
        """Recordings to `[N, 160]`: means, then deviations. Unlike others, these are no unit rows.

        Raises:
            AudioError: One of them cannot be read.
        """
        rows = np.empty((len(sources), 2 * self._mel.config.bands), np.float32)
        for start in range(0, len(sources), _BATCH):
            part = sources[start : start + _BATCH]
            waves = [io.load(source, rate=self.rate)[0] for source in part]
            with torch.inference_mode():
                mels, frames = self._mel(*pad(waves))
            for row, mel, count in zip(rows[start:], mels, frames, strict=False):
                deviation, mean = torch.std_mean(mel[:, :count], dim=1, correction=0)
                row[:] = torch.cat([mean, deviation]).numpy()
        return rows

    def text(self, texts: Sequence[str]) -> Rows:
        """Refused: there is no text side.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            "The baseline has no text side, so it can only be measured by a classifier: "
            "--protocols logistic (or linear_probe)."
        )

    def seen(self, corpus: str, split: str) -> str:
        """Always "unseen": it was trained on nothing."""
        return "unseen"
