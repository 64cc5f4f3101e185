"""The commands of the README one after the other, on a corpus of two dozen clips."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import clara
from clara import demo
from clara.audio.io import encode_flac
from clara.cli.__main__ import main

KINDS = ("siren", "rain", "drum")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a manifest, shards of it and a model trained on them for three steps."""
    root = tmp_path_factory.mktemp("whole")
    (root / "mine").mkdir()
    rng = np.random.default_rng(0)
    with (root / "mine" / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label.sound", "text", "split"])
        for kind in KINDS:
            for number, split in enumerate(["train"] * 6 + ["valid"] * 2 + ["test"] * 2):
                name = f"{kind}{number}.flac"
                wave = demo._finish(demo.SOUNDS[kind](rng, 0.5), rng)
                (root / "mine" / name).write_bytes(encode_flac(wave, demo.RATE))
                table.writerow([name, kind, f"это {kind}", split])
    assert main(["prepare", "folder", str(root / "mine"), str(root / "shards")]) == 0
    options = ["--train.steps", "3", "--data.batch", "6", "--train.precision", "32-true"]
    paths = ["--data", str(root / "shards"), "--out", str(root / "run")]
    assert main(["train", "tiny", *paths, *options]) == 0
    return root


def test_a_run_that_is_done_is_not_done_again(folder, capsys):
    before = sorted((folder / "shards").rglob("*.tar"))
    stamps = [path.stat().st_mtime_ns for path in before]
    assert main(["prepare", "folder", str(folder / "mine"), str(folder / "shards")]) == 0
    assert "Nothing to do" in capsys.readouterr().err
    assert [path.stat().st_mtime_ns for path in before] == stamps


def test_stats(folder, capsys):
    assert main(["stats", str(folder / "shards"), "--json"]) == 0
    assert "30" in capsys.readouterr().out


def test_evaluate_writes_a_report(folder, capsys):
    words = ["evaluate", str(folder / "run"), "--data", str(folder / "shards")]
    words += ["--tasks", "mine/sound", "--protocols", "zero_shot", "--json"]
    assert main([*words, "--report", str(folder / "report")]) == 0
    assert "zero_shot" in capsys.readouterr().out
    assert "<svg" in (folder / "report" / "index.html").read_text()
    json.loads((folder / "report" / "scores.json").read_text())


def test_classify(folder, capsys):
    labels = ["siren", "дождь", "鼓"]
    audio = str(folder / "mine" / "siren9.flac")
    words = ["classify", audio, "--model", str(folder / "run"), "--labels", *labels, "--json"]
    assert main(words) == 0
    (answer,) = json.loads(capsys.readouterr().out).values()
    assert set(answer) == set(labels)
    assert sum(answer.values()) == pytest.approx(1)


def test_embed(folder):
    out = folder / "rows.parquet"
    words = ["embed", str(folder / "mine"), "--model", str(folder / "run"), "--out", str(out)]
    assert main(words) == 0
    table = pq.read_table(out)
    assert len(table) == 30
    vectors = np.stack(table["vector"].to_numpy())
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_python_says_what_the_shell_says(folder, capsys):
    model = clara.load(folder / "run")
    audio = str(folder / "mine" / "rain9.flac")
    answer = clara.classify(model, audio, ["rain", "drum"])
    main(["classify", audio, "--model", str(folder / "run"), "--labels", "rain", "drum", "--json"])
    assert json.loads(capsys.readouterr().out)[audio] == pytest.approx(answer)


def test_a_model_that_is_none_is_one_sentence(folder, capsys):
    words = ["classify", "x.wav", "--model", str(folder / "mine"), "--labels", "a"]
    assert main(words) == 1
    assert capsys.readouterr().err.count("\n") == 1
