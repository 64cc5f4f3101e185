"""Equation 1: a recording with another one in its background, and the text that says so.

As printed, the factor that is said to weight the environmental sound weights the speech; here
lambda weights the background, as the text of section III-A2 and Figure 2 have it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from clara.configs import expect
from clara.records import Labels, Sample, Wave

__all__ = ["Mix"]

# A level below this share of that of the speech.
_SILENT = 1e-30
_SOUND_OF = re.compile(r"^The sounds? of ")


@dataclass(frozen=True, slots=True)
class Mix:
    """Lays a background under a recording: `(1 - x) * speech + x * background`, x drawn.

    Both are brought to the loudness (root mean square) of the speech first, so that x says how
    much of the result is background whatever the recordings' own levels are.

    Attributes:
        low: Least weight of the background.
        high: Greatest weight of the background.

    >>> speech = Sample("a", np.ones(4, np.float32), 8_000, ("A person saying hello",))
    >>> rain = Sample("b", np.array([0.5, -0.5], np.float32), 8_000, ("The sound of rain",))
    >>> mixed = Mix(low=0.25, high=0.25)(speech, rain, np.random.default_rng(0))
    >>> mixed.texts
    ('A person saying hello, background rain',)
    >>> sorted(mixed.wave.tolist())
    [0.5, 0.5, 1.0, 1.0]
    """

    low: float = 0.01
    high: float = 0.8

    def __post_init__(self) -> None:
        found = f"low={self.low:g} and high={self.high:g}"
        right = 0 <= self.low <= self.high <= 1
        expect(right, "0 <= low <= high <= 1 for the weight of the background", found)

    def __call__(self, speech: Sample, background: Sample, rng: np.random.Generator) -> Sample:
        """The mixture, as long as `speech`; its texts are those of `speech`, each with background.

        Args:
            speech: What stands in front; it may be any sound.
            background: What lies behind, at the same rate. It is repeated where it is shorter and
                cut at a random place where it is longer.
            rng: Draws the weight, the place, and for each text which text of the background.

        Raises:
            UsageError: The background is of another rate, or has no sound or no text.
        """
        rates = f"{background.rate} Hz"
        expect(speech.rate == background.rate, f"a background at {speech.rate} Hz", rates)
        full = len(background.wave) > 0 and len(background.texts) > 0
        expect(full, "a background with sound and text", f"none in {background.key!r}")
        weight = rng.uniform(self.low, self.high)
        behind = _fit(background.wave, len(speech.wave), rng)
        loud, quiet = _level(speech.wave), _level(behind)
        # What is so quiet that its numbers give out is silence.
        gain = loud / quiet if loud and quiet > _SILENT * loud else 1.0
        wave: Wave = np.float32(1 - weight) * speech.wave + np.float32(weight * gain) * behind
        peak = np.abs(wave).max(initial=np.float32(1))
        return replace(
            speech,
            wave=wave / peak,
            texts=tuple(_described(text, background.texts, rng) for text in speech.texts),
            labels=_joined(speech.labels, background.labels),
        )


def _described(text: str, behind: tuple[str, ...], rng: np.random.Generator) -> str:
    """The paper's "A person saying {}, background {}", with one of the texts behind."""
    sound = _SOUND_OF.sub("", behind[rng.integers(len(behind))])
    return f"{text.rstrip(' .')}, background {sound}"


def _fit(wave: Wave, length: int, rng: np.random.Generator) -> Wave:
    """Repeats or cuts a wave to a length."""
    if len(wave) < length:
        start = int(rng.integers(len(wave)))
        return np.resize(np.roll(wave, -start), length)
    start = int(rng.integers(len(wave) - length + 1))
    return wave[start : start + length]


def _level(wave: Wave) -> float:
    """Root mean square."""
    return math.sqrt(float(np.square(wave, dtype=np.float64).mean())) if len(wave) else 0.0


def _joined(first: Labels, second: Labels) -> Labels:
    """The labels of both, each value once."""
    kinds = [*first, *(kind for kind in second if kind not in first)]
    return {
        kind: tuple(dict.fromkeys((*first.get(kind, ()), *second.get(kind, ())))) for kind in kinds
    }
