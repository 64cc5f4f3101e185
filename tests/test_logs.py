"""The curves of a run: no step missing, none twice, whatever stood there before."""

from __future__ import annotations

import csv
import errno
from pathlib import Path

import pytest

from clara import logs
from clara.errors import DataError
from clara.logs import Logs, Pace


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def steps(folder: Path) -> list[int]:
    return [int(row["step"]) for row in rows(folder)]


@pytest.fixture(autouse=True)
def no_board(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_board", lambda folder, step: None)


def written(folder: Path, first: int, last: int, start: int = 0) -> Logs:
    log = Logs(folder, start)
    for step in range(first, last + 1):
        log.write(step, {"loss": step / 4})
    return log


def test_figures_by_step(tmp_path: Path) -> None:
    log = Logs(tmp_path, 0)
    assert not (tmp_path / "metrics.csv").exists()
    log.write(1, {"loss": 2.5, "rate": 1e-7})
    log.write(2, {"loss": 1 / 3, "rate": 0.0})
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,loss,rate",
        "1,2.5,1e-07",
        "2,0.333333,0",
    ]


def test_new_figures_become_columns_that_stay(tmp_path: Path) -> None:
    log = written(tmp_path, 1, 2)
    log.write(3, {"loss": 1.0, "valid/a, b/accuracy": 0.5})
    log.write(4, {"loss": 1.0})
    assert [row["valid/a, b/accuracy"] for row in rows(tmp_path)] == ["", "", "0.5", ""]
    again = Logs(tmp_path, 4)
    again.write(5, {"loss": 0.5, "valid/a, b/accuracy": 0.75})
    assert [row["valid/a, b/accuracy"] for row in rows(tmp_path)] == ["", "", "0.5", "", "0.75"]
    assert steps(tmp_path) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("start", [0, 1, 7, 10])
def test_going_on_drops_what_is_about_to_come_again(tmp_path: Path, start: int) -> None:
    written(tmp_path, 1, 10)
    written(tmp_path, start + 1, 12, start)
    assert steps(tmp_path) == list(range(1, 13))


@pytest.mark.parametrize(
    "end", ["1", "10", "11,", '11,"', "11,3\n1", "11,3,4\n", "\0\xff", "x,1\n"]
)
def test_a_last_line_that_is_torn_is_dropped(tmp_path: Path, end: str) -> None:
    log = Logs(tmp_path, 0)
    for step in range(1, 11):
        log.write(step, {"loss": 1.0, "rate": 0.5})
    with (tmp_path / "metrics.csv").open("a", encoding="latin-1") as file:
        file.write(end)
    again = Logs(tmp_path, 12)
    again.write(13, {"loss": 1.0, "rate": 0.5})
    found = rows(tmp_path)
    assert [int(row["step"]) for row in found if float(row["loss"]) == 1] == [*range(1, 11), 13]
    assert all(row["rate"] == "0.5" for row in found if row["step"] != "11")


@pytest.mark.parametrize("content", ["", "\n", "nonsense\n\n1\n", "loss,rate\n1,2\n"])
def test_another_file_of_that_name_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.csv").write_text(content)
    written(tmp_path, 1, 2)
    assert steps(tmp_path) == [1, 2]


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = written(tmp_path, 1, 2)

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    for figures in ({"loss": 1.0}, {"loss": 1.0, "new": 2.0}):
        with pytest.raises(DataError, match="disk is full"):
            log.write(3, figures)


def test_pace_is_clips_over_seconds_without_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(logs.time, "perf_counter", lambda: now)
    pace = Pace(10)
    for _ in range(5):
        now += 2.0
        pace.after_step()
        now += 100.0
        pace.rest()
    assert pace.speed == pytest.approx(5.0)
    for _ in range(60):
        now += 1.0
        pace.after_step()
    assert pace.speed == pytest.approx(10.0, rel=0.01)
