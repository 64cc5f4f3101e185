"""The peer of the benches of models: transformers' `ClapModel` of the default size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

RATE = 48_000


def extractor() -> ClapFeatureExtractor:
    """Of a model without fusion; its default is one for fusion, four times the work."""
    return ClapFeatureExtractor(truncation="rand_trunc", padding="repeatpad")


def features(extract: ClapFeatureExtractor, waves: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """Waves at 48 kHz to what the model takes."""
    return dict(extract(list(waves), sampling_rate=RATE, return_tensors="pt"))


def model() -> ClapModel:
    """Random weights, 153 million parameters."""
    torch.manual_seed(0)
    return ClapModel(ClapConfig())
