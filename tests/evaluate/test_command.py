"""`clara evaluate` from the shell's side."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clara.cli.__main__ import main
from clara.evaluate.tasks import GROUPS, TASKS


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
    written = json.loads((out / "scores.json").read_text("utf-8"))
    for each in (printed, written):
        each["origin"].pop("date")
    assert printed == written
    assert printed["scores"][0]["values"]["accuracy"] > 0.9


def test_the_command_that_it_tells_measures_the_same_again(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "baseline", "--data", "shards", "--protocols", "linear_probe"]
    assert main([*words, "--seed", "3", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    origin = first["origin"]
    assert origin["options"]["seed"] == 3
    assert origin["folder"] == str(tmp_path)
    assert origin["models"]["baseline"]["hash"].startswith("sha256:")
    assert origin["data"]["recordings"] == 48
    assert origin["packages"]["numpy"] == np.__version__
    program, *again = shlex.split(origin["command"])
    assert program == "clara"
    assert main([*again, "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["scores"] == first["scores"]
    assert second["origin"]["data"] == origin["data"]
    assert second["origin"]["command"] == origin["command"]


def test_embeddings_are_kept_where_the_user_says(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", "baseline", "--data", data, "--protocols", "logistic", "--cache"]
    assert main([*words, str(tmp_path / "kept")]) == 0
    assert "were there already" not in capsys.readouterr().err
    assert len(list((tmp_path / "kept").rglob("*.npy"))) == 2
    assert main([*words, str(tmp_path / "kept")]) == 0
    assert "48 embeddings were there already, 0 were made" in capsys.readouterr().err
    assert main([*words, "none"]) == 0
    assert "were there already" not in capsys.readouterr().err


def test_the_list_names_every_task_with_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--list"]) == 0
    shown = capsys.readouterr().out
    assert main(["evaluate", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["task"] for each in listed] == list(TASKS)
    assert all(each["task"] in shown and each["corpora"] and each["needs"] for each in listed)
    for table in ("table1", "table2", "table3", "table4", "table5", "table6", "table8"):
        assert {each["task"] for each in listed if table in each["tables"]} == set(GROUPS[table])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "a model"),
        (["baseline"], "shards"),
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
