"""The device that is measured: its peak, its real rate of products, and a step's timeline."""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from bench._timing import machine
from clara import recipes
from clara.train import Recipe

# Dense bfloat16 matrix products, in TFLOP/s, from NVIDIA's data sheets; those that print a figure
# "with sparsity" have twice as much. The longest name that a device's has in it tells.
PEAKS = {
    "A100": 312,
    "A10": 125,
    "A30": 165,
    "A40": 149.7,
    "B200": 2250,
    "GH200": 990,
    "H100": 989,
    "H100 NVL": 835,
    "H100 PCIe": 756,
    "H200": 989,
    "L4": 121,
    "L40": 181,
    "L40S": 362,
    "RTX 3090": 71,
    "RTX 4090": 165,
}


@dataclass(frozen=True)
class Setting:
    """What is measured, and on what.

    Attributes:
        device: The accelerator, or the CPU.
        recipe: Of the network, perhaps in small.
        small: Whether it is.
        batch: Pairs of a batch; what fits at most if 0.
    """

    device: torch.device
    recipe: Recipe
    small: bool
    batch: int

    @classmethod
    def of(cls, options: argparse.Namespace, name: str) -> Setting:
        """What a command line asks for, with one of its recipes."""
        small = options.size == "small"
        recipe = in_small(recipes.get(name)) if small else recipes.get(name)
        return cls(torch.device(options.device), recipe, small, options.batch)

    @property
    def title(self) -> str:
        """The name of the recipe, as tables show it."""
        return f"`{self.recipe.name}`{' in small' if self.small else ''}"

    def about(self) -> str:
        """A sentence on the device, and one on what the figures are worth."""
        if self.device.type == "cuda":
            return f"{torch.cuda.get_device_name(self.device)}; {machine('torch')}"
        hint = " **Not measured on an accelerator yet**: this run shows that the bench works."
        return machine("torch") + hint


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options that all benches of accelerators have."""
    found = "cuda" if torch.cuda.is_available() else "cpu"
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--device", default=found, choices=("cuda", "cpu"))
    made.add_argument("--recipe", nargs="+", default=["clara_100m", "clara_600m"])
    made.add_argument("--size", default="full" if found == "cuda" else "small", help="or small")
    made.add_argument("--batch", type=int, default=0, help="pairs; what fits at most if left out")
    made.add_argument("--out", type=Path, default=Path("docs/performance.md"))
    return made


def in_small(recipe: Recipe) -> Recipe:
    """The same kind of network, of a size that a core trains in a blink."""
    audio = replace(
        recipe.model.audio, width=64, latents=32, latent_width=64, layers=2, heads=2, head_width=32
    )
    text = replace(recipe.model.text, vocab=300, width=64, layers=2, heads=2, hidden=128)
    return replace(recipe, model=replace(recipe.model, audio=audio, text=text, dim=64))


def peak(name: str) -> float | None:
    """FLOP/s that a device promises for dense bfloat16 products, if it is known.

    >>> peak("NVIDIA H100 80GB HBM3"), peak("NVIDIA L40S"), peak("Abacus")
    (989000000000000.0, 362000000000000.0, None)
    """
    found = [known for known in PEAKS if set(known.split()) <= set(name.replace("-", " ").split())]
    return PEAKS[max(found, key=len)] * 1e12 if found else None


def matrix_rate(device: torch.device, rounds: int = 5) -> float:
    """FLOP/s of the best of some large products in bfloat16: what a matrix product really gets."""
    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    best = 0.0
    for _ in range(rounds):
        wait(device)
        begun = time.perf_counter()
        for _ in range(4):
            one @ other
        wait(device)
        best = max(best, 4 * 2 * size**3 / (time.perf_counter() - begun))
    return best


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Timeline:
    """How long the stages of a step take.

    On a GPU the marks are events in its queue, so that nothing waits for them, and a stage of the
    host counts only as long as the GPU has nothing to do meanwhile.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._marks: list[tuple[str, object, float]] = []

    def mark(self, stage: str) -> None:
        """Ends a stage; the first mark of all only begins."""
        event = None
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()
        self._marks.append((stage, event, time.perf_counter()))

    def seconds(self) -> Mapping[str, tuple[float, float]]:
        """Of each stage, in all: seconds on the device, and seconds of the host."""
        wait(self._device)
        found: dict[str, tuple[float, float]] = {}
        for (_, before, begun), (stage, after, ended) in itertools.pairwise(self._marks):
            host = ended - begun
            own = host if after is None else before.elapsed_time(after) / 1000  # type: ignore
            device, waited = found.get(stage, (0.0, 0.0))
            found[stage] = device + own, waited + host
        return found


def attention_kernels(run: Callable[[], object]) -> dict[str, int]:
    """How often each kernel of attention is called in a run; "math" is the one that is not fused.

    >>> query = torch.randn(1, 2, 8, 4)
    >>> attention_kernels(lambda: torch.nn.functional.scaled_dot_product_attention(*[query] * 3))
    {'flash': 1}
    """
    with torch.profiler.profile() as profile:
        run()
    kinds = ("flash", "efficient", "cudnn", "math")
    found: dict[str, int] = {}
    for event in profile.key_averages():
        name = event.key
        if "scaled_dot_product" in name and "backward" not in name:
            for kind in kinds:
                if kind in name:
                    found[kind] = found.get(kind, 0) + event.count
    return found
