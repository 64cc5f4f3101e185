"""What other libraries hand over as a recording, as what `clara.audio.io` reads."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from clara.audio.io import Source


def source(sound: Any, rate: int) -> Source:
    """A recording in the terms of Hugging Face as a `Source`.

    Args:
        sound: A path; encoded bytes; samples `[T]` or `[channels, T]`, as an array or a tensor;
            {"array", "sampling_rate"}; {"bytes", "path"}, which is what a column of a dataset holds
            that is not decoded; or a decoder of torchcodec.
        rate: That of samples that come without one, in Hz.
    """
    if isinstance(sound, dict) and "array" in sound:
        return _samples(sound["array"]), int(sound["sampling_rate"])
    if isinstance(sound, dict):
        content = sound.get("bytes")
        found: Source = sound["path"] if content is None else content
        return found
    if hasattr(sound, "get_all_samples"):
        decoded = sound.get_all_samples()
        return _samples(decoded.data), int(decoded.sample_rate)
    if isinstance(sound, str | bytes | os.PathLike) or hasattr(sound, "read"):
        result: Source = sound
        return result
    return _samples(sound), rate


def _samples(values: Any) -> np.ndarray:
    """Samples with the channels last; of several channels there are fewer than samples."""
    samples = np.asarray(values)
    return samples.T if samples.ndim == 2 and samples.shape[0] < samples.shape[1] else samples
