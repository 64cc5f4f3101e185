"""The floor: how loud each mel band is on average, and how much it varies. Nothing is learned.

With the `logistic` protocol this is the baseline that a model must beat: whatever a linear rule on
the average spectrum can tell needs no network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clara.audio import io
from clara.audio.mel import LogMel, paper
from clara.embed import Rows
from clara.errors import UsageError


class Baseline:
    """Log-mel mean and standard deviation over time, in place of an encoder.

    Attributes:
        name: "baseline".
        rate: 48 kHz, that of the paper's log-mel (V-A).
    """

    def __init__(self) -> None:
        config = paper()
        self.name = "baseline"
        self.rate = config.rate
        self._mel = LogMel(config)

    def audio(self, sources: Sequence[io.Source]) -> Rows:
        """Recordings to `[N, 160]`: means, then deviations. Unlike others, these are no unit rows.

        Raises:
            AudioError: One of them cannot be read.
        """
        return np.stack([self._describe(source) for source in sources])

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

    def _describe(self, source: io.Source) -> Rows:
        wave, _ = io.load(source, rate=self.rate)
        with torch.inference_mode():
            mel, _ = self._mel(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))
        return torch.cat([mel[0].mean(dim=1), mel[0].std(dim=1, correction=0)]).numpy()
