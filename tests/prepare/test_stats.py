from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from clara.cli.__main__ import main
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


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def clara(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command and gives its exit code, output and complaints."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(words)
        out, complaints = capsys.readouterr()
        return code, out, complaints

    return run


def test_prepare(clara: Run, corpus: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    words = ("prepare", "folder", str(corpus), out, "--rate", "8000", "--workers", "1")
    code, table, said = clara(*words)
    assert code == 0, said
    assert "total" in table
    assert out in said
    assert "Nothing to do" in clara(*words)[2]
    assert json.loads(clara(*words, "--json")[1])["already"] is True
    code, _, said = clara(*words[:-4], "--rate", "16000")
    assert code == 2
    assert said.count("\n") == 1
    assert "rate 8000" in said


def test_stats(clara: Run, made: Report, corpus: Path) -> None:
    code, table, _ = clara("stats", str(made.out))
    assert code == 0
    assert "ar, pl" in table
    counted = json.loads(clara("stats", str(made.out), "--json")[1])
    assert counted["total"]["languages"] == {"ar": 6, "pl": 6}
    code, _, said = clara("stats", str(corpus))
    assert code == 2
    assert "clara prepare" in said


def test_index(clara: Run, made: Report) -> None:
    for path in made.out.glob("*.*"):
        path.unlink()
    code, text, said = clara("index", str(made.out), "--json", "--workers", "1")
    assert code == 0, said
    assert json.loads(text)["stats"] == made.stats
