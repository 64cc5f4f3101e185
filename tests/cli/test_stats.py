from __future__ import annotations

import json
from pathlib import Path

import pytest

from clara.cli import _shards
from clara.cli.__main__ import main


def test_a_table_by_corpus_split_and_language(
    tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["stats", str(tones)]) == 0
    table = capsys.readouterr().out
    lines = [line.split() for line in table.splitlines() if line.split()]
    assert next(line for line in lines if line[0] == "folder")[1] == "S"
    assert "S sounds" in table
    assert any(line[0] == "sounds" and "20," in " ".join(line) for line in lines)
    assert main(["stats", str(tones), "--by", "split", "--report", str(tmp_path / "r")]) == 0
    out, told = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines() if line.strip().startswith("folder")] == [
        "test",
        "train",
        "valid",
    ]
    assert str(tmp_path / "r" / "index.html") in told
    assert json.loads((tmp_path / "r" / "stats.json").read_text())["total"]["clips"] == 80
    assert main(["stats", str(tones), "--by", "language"]) == 0  # nobody speaks
    with pytest.raises(SystemExit, match="2"):
        main(["stats", str(tones), "--by", "colour"])


def test_wide_fields_are_shortened() -> None:
    many = {f"language {n}": 1 for n in range(100)}
    assert len(_shards.languages(many)) < 60
    assert len(_shards.some({"x" * 500: 10**9, **many})) < 200
    assert [_shards.short(n) for n in (0, 99_999, 100_000, 999_499, 999_500, 10**9)] == [
        "0",
        "99,999",
        "100 k",
        "999 k",
        "1.0 M",
        "1,000.0 M",
    ]
