"""How much memory something takes at most, measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def apart(module: str, call: str) -> float:
    """What a call of a function of a bench returns in a fresh process.

    Args:
        module: Of the bench ("bench.loss").
        call: As it is written there ("peak('plain', 64)").
    """
    code = f"from {module} import *; print({call})"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def peak_of(run: Callable[[], object]) -> float:
    """MiB that a run takes at most beyond what is held before (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")  # forgets the highest so far
    before = held()
    run()
    return _status("VmHWM") - before


def held() -> float:
    """MiB that this process holds (Linux)."""
    return _status("VmRSS")


def _status(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))
