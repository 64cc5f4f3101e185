from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from clara.prepare.run import Report
from clara.prepare.stats import summarise
from clara.shards import Index


def test_figures_of_a_corpus_that_is_known(made: Report) -> None:
    summary = summarise(Index.open(made.out))
    total = summary["total"]
    assert total["clips"] == 12
    assert total["hours"] == pytest.approx(12 * 0.1 / 3600, abs=1e-4)
    assert total["seconds"] == {"mean": 0.1, "median": 0.1, "least": 0.1, "most": 0.1}
    assert total["languages"] == {"ar": 6, "pl": 6}
    assert total["labels"] == {"gender": {"man": 6, "woman": 6}}
    assert (total["speakers"], total["sources"]) == (5, 12)
    index = Index.open(made.out)
    texts = [index.texts(i) for i in range(12)]
    assert total["characters"]["most"] == max(len(text) for each in texts for text in each)
    assert total["bytes"] == sum(len(index.read(i)) for i in range(12))


def test_parts_add_up(made: Report) -> None:
    summary = summarise(Index.open(made.out))
    splits = summary["corpora"]["folder"]["splits"]
    assert {name: part["clips"] for name, part in splits.items()} == {
        "test": 3,
        "train": 6,
        "valid": 3,
    }
    for name in ("clips", "bytes"):
        assert sum(part[name] for part in splits.values()) == summary["total"][name]
    assert json.loads(json.dumps(summary)) == summary


def test_of_nothing(made: Report) -> None:
    index = Index.open(made.out)
    empty = summarise(index.select(mask=index.column("frames") < 0))
    assert empty["corpora"] == {}
    assert empty["total"]["clips"] == 0
    assert empty["total"]["seconds"]["mean"] == 0.0


def clara(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clara.cli", *words], capture_output=True, text=True
    )


def test_commands(corpus: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    words = ("prepare", "folder", str(corpus), out, "--rate", "8000", "--workers", "1")
    first = clara(*words)
    assert first.returncode == 0, first.stderr
    assert "total" in first.stdout
    assert out in first.stderr
    assert "Nothing to do" in clara(*words).stderr
    assert json.loads(clara(*words, "--json").stdout)["already"] is True
    refused = clara(*words[:-4], "--rate", "16000")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "rate 8000" in refused.stderr
    counted = json.loads(clara("stats", out, "--json").stdout)
    assert counted["total"]["languages"] == {"ar": 6, "pl": 6}
    assert "ar, pl" in clara("stats", out).stdout
    nothing = clara("stats", str(corpus))
    assert nothing.returncode == 2
    assert "clara prepare" in nothing.stderr
    tars = tmp_path / "tars"
    (tmp_path / "out").rename(tars)
    for path in tars.glob("*.*"):
        path.unlink()
    indexed = json.loads(clara("index", str(tars), "--json").stdout)
    assert indexed["stats"] == counted
