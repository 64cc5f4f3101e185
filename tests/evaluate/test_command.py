"""`clara evaluate` from the shell's side."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from clara.cli.__main__ import main


@pytest.fixture
def data(tones: SimpleNamespace, tmp_path: Path) -> str:
    tones.shards(tones.everything(["train", "test"]))
    return str(tmp_path / "shards")


def test_a_table_a_page_and_json(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    words = ["evaluate", "baseline", "--data", data, "--protocols", "logistic"]
    assert main([*words, "--report", str(out)]) == 0
    shown = capsys.readouterr()
    assert "tones/sound" in shown.out
    assert str(out / "index.html") in shown.err
    assert main([*words, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "scores.json").read_text("utf-8"))
    assert printed["scores"][0]["values"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere", "--data", "DATA"], "nowhere"),
        (["baseline", "--data", "no/shards"], "no/shards"),
        (["baseline", "--data", "DATA", "--protocols", "logistics"], "did you mean 'logistic'"),
        (["baseline", "--data", "DATA", "--tasks", "tones/sonud"], "did you mean 'tones/sound'"),
        (["baseline", "--data", "DATA", "--protocols", "zero_shot"], "no text side"),
        (["some.where:Model", "--data", "DATA"], "some.where:Model"),
        (["baseline", "--data", "DATA", "--report", "DATA/index.parquet"], "is a file"),
    ],
)
def test_mistakes_get_one_line(
    words: list[str], told: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(word.replace("DATA", data) for word in words)]) == 2
    shown = capsys.readouterr().err.strip()
    assert told in shown
    assert "\n" not in shown.replace("\n ", " ")
