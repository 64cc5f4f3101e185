"""What a run tells of itself while it trains: `metrics.csv`, and TensorBoard's files.

Both go on where a run goes on: no step is missing and none comes twice.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clara.files import replacing, unwritable

Row = dict[str, str]


class Logs:
    """The figures of a run by step, in `metrics.csv` and, where TensorBoard is installed, in `tb/`.

    Args:
        run: Folder of the run.
        step: Where it goes on. Rows of later steps are dropped: they are about to come again.

    Raises:
        DataError: The folder cannot be written to.
    """

    def __init__(self, run: Path, step: int) -> None:
        self._path = run / "metrics.csv"
        self._rows = list(_rows(self._path, step)) if self._path.exists() else []
        self._columns: list[str] = []
        if self._rows:
            self._rewrite()
        self._board = _board(run / "tb", step + 1)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Adds the figures of a step; new names become new columns.

        Raises:
            DataError: The disk is full, or the folder cannot be written to.
        """
        self._rows.append({"step": str(step)} | {name: f"{v:.6g}" for name, v in figures.items()})
        if set(self._rows[-1]) <= set(self._columns):
            try:
                with self._path.open("a", newline="", encoding="utf-8") as file:
                    csv.DictWriter(file, self._columns, restval="").writerow(self._rows[-1])
            except OSError as error:
                raise unwritable(self._path, error) from error
        else:
            self._rewrite()
        if self._board:
            for name, value in figures.items():
                self._board.add_scalar(name, value, step)
            self._board.flush()

    def close(self) -> None:
        """Ends TensorBoard's thread."""
        if self._board:
            self._board.close()

    def _rewrite(self) -> None:
        self._columns = list(dict.fromkeys(name for row in self._rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self._columns, restval="")
        writer.writeheader()
        writer.writerows(self._rows)
        with replacing(self._path) as file:
            file.write(text.getvalue().encode())


class Pace:
    """Clips per second over the last steps, rests left out.

    Args:
        clips: Of a step.

    Attributes:
        speed: In clips per second.
    """

    def __init__(self, clips: int) -> None:
        self.speed = 0.0
        self._clips = clips
        self._then = time.perf_counter()

    def after_step(self) -> None:
        """Counts a step."""
        now = time.perf_counter()
        speed = self._clips / (now - self._then)
        self.speed = 0.9 * self.speed + 0.1 * speed if self.speed else speed
        self._then = now

    def rest(self) -> None:
        """Leaves out the time since the last step."""
        self._then = time.perf_counter()


def _rows(path: Path, step: int) -> Iterator[Row]:
    """The whole rows up to a step; a power cut may have torn the last one."""
    before = 0
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            number, whole = row.get("step") or "", None not in row.values() and None not in row
            if whole and number.isdecimal() and before < int(number) <= step:
                before = int(number)
                yield row


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(folder, purge_step=step)
