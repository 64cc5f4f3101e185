"""Memory over time: the slope and its error, and that the bench runs."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return importlib.import_module("bench.memory")


def test_the_slope_and_its_error_where_neighbours_are_alike(memory: ModuleType) -> None:
    rng = np.random.default_rng(0)
    times = np.arange(900.0)
    scores, plain = [], []
    for _ in range(300):
        noise = np.zeros(len(times))
        for place, shock in enumerate(rng.normal(size=len(times) - 1)):
            noise[place + 1] = 0.8 * noise[place] + shock
        best, error = memory.slope(times, 100 + 0.5 * times + noise)
        scores.append((best - 0.5) / error)
        independent = noise.std() / np.sqrt(((times - times.mean()) ** 2).sum())
        plain.append((best - 0.5) / independent)
    assert abs(np.mean(scores)) < 0.2
    assert 0.8 < np.std(scores) < 1.3
    assert np.std(plain) > 2  # what one would believe of independent samples is far too sure


def test_growth_does_not_count_the_start(memory: ModuleType) -> None:
    times = np.arange(0.0, 400.0)
    held = 500 + np.minimum(times, 90) + times / 3600 * 24
    best, error = memory.growth({"seconds": times.tolist(), "held": held.tolist()})
    assert best == pytest.approx(24)
    assert error < 0.01


def test_what_a_command_holds_is_not_what_we_hold(memory: ModuleType) -> None:
    block = bytearray(300 << 20)
    small = memory.most([sys.executable, "-c", "pass"])
    large = memory.most([sys.executable, "-c", "x = b'1' * (200 << 20)"])
    assert small < 100 < 200 < large < 300
    assert len(block) == 300 << 20


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("name", ["training", "serving"])
def test_a_minute_is_watched(
    memory: ModuleType,
    name: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "CLIPS", 64)
    monkeypatch.setattr(memory, "LENGTHS", (0.1, 0.5))
    monkeypatch.setattr(memory, "THREADS", 1)
    memory.corpus(tmp_path)
    memory.main(["--one", name, str(tmp_path), "--minutes", "0.06"])
    found = json.loads(capsys.readouterr().out)
    assert len(found["held"]) == len(found["seconds"]) >= 3
    assert min(found["held"]) > 50
