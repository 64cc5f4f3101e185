"""The benches of an accelerator, in small on the CPU: they run, and their arithmetic is right."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # of the profiler, on CPUs
]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"bench.{name}")

    return load


SMALL = ["--device", "cpu", "--size", "small", "--recipe", "clara_100m"]


@pytest.mark.slow
def test_training_is_measured(bench: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    train = bench("gpu.train")
    train.main([*SMALL, "--batch", "8", "--steps", "2", "--threads", "2", "--out", str(page)])
    text = page.read_text()
    assert "## Training on an accelerator" in text
    assert "Not measured on an accelerator yet" in text
    for stage in bench("gpu._step").STAGES.values():
        assert f"| {stage} |" in text
    assert "by kernel: flash 5." in text  # two towers of two layers, and one that reads


@pytest.mark.slow
def test_embedding_is_measured(bench: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    options = ["--batch", "2", "--clips", "4", "--rounds", "1", "--out", str(page)]
    bench("gpu.embed").main([*SMALL, *options])
    assert "| `clara-100m` in small |" in page.read_text()


def test_the_padding_of_an_epoch(bench: Any, tmp_path: Path) -> None:
    padding = bench("gpu.padding")
    seconds = padding.lengths("speech", 8000, np.random.default_rng(0))
    index = padding.index_of(tmp_path, seconds)
    np.testing.assert_allclose(index.column("seconds"), seconds, rtol=1e-6)
    config = padding.DataConfig(batch=8)
    waste, work = padding.shares(index, config)
    unsorted, _ = padding.shares(index, replace(config, pool=1))
    assert 0 < work < waste < 0.05 < 0.2 < unsorted

    same = padding.index_of(tmp_path, np.full(64, 3.0))
    assert padding.shares(same, config) == (0, 0)


def test_the_largest_batch_is_found_in_few_tries(bench: Any) -> None:
    largest = bench("gpu._step").largest
    for room in (8, 9, 200, 1000, 4095, 4096, 9999):
        tried: list[int] = []

        def fits(pairs: int, room: int = room, tried: list[int] = tried) -> bool:
            tried.append(pairs)
            return pairs <= room

        assert largest(fits, 4096) == min(room, 4096) // 8 * 8
        assert len(tried) == len(set(tried)) <= 20
    assert largest(lambda pairs: False, 4096) == 0


def test_a_step_that_does_not_fit_is_no_failure(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, step = bench("gpu._device"), bench("gpu._step")
    options = device.parser("").parse_args(SMALL)
    fits = step.fits_in_memory(device.Setting.of(options, "clara_100m"), 0.1, 4)
    assert fits(2)

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(step.Step, "run", full)
    assert not fits(2)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA GeForce RTX 4090", 165),
        ("NVIDIA L4", 121),
    ],
)
def test_peaks_are_found_by_whole_words(bench: Any, name: str, peak: float) -> None:
    assert bench("gpu._device").peak(name) == peak * 1e12


def test_a_timeline_adds_up(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    device = bench("gpu._device")
    now = iter([0.0, 1.0, 3.0, 4.0, 6.0])
    monkeypatch.setattr(device.time, "perf_counter", lambda: next(now))
    timeline = device.Timeline(torch.device("cpu"))
    for stage in ("begin", "load", "mel", "load", "mel"):
        timeline.mark(stage)
    assert timeline.seconds() == {"load": (2.0, 2.0), "mel": (4.0, 4.0)}
