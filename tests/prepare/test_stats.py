from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from clara.cli.__main__ import main
from clara.prepare.run import Report
from clara.prepare.stats import summarise
from clara.shards import SCHEMA, Index, write_index


def test_figures_of_a_corpus_that_is_known(made: Report) -> None:
    summary = summarise(Index.open(made.out))
    total = summary["total"]
    assert total["clips"] == 12
    assert total["hours"] == pytest.approx(12 * 0.1 / 3600, abs=1e-4)
    lengths = {name: total["seconds"][name] for name in ("mean", "median", "least", "most")}
    assert lengths == {"mean": 0.1, "median": 0.1, "least": 0.1, "most": 0.1}
    assert total["seconds"]["clips"][0] == 12
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


def _index(folder: Path, rows: Sequence[dict[str, object]]) -> Index:
    """An index without shards."""
    empty = {"licence": "", "source": "", "speaker": "", "language": "", "labels": "{}"}
    whole = [
        {
            **dict.fromkeys(("audio_offset", "meta_offset", "meta_size", "frames"), 0),
            **empty,
            **{"key": str(n), "shard": "0.tar", "suffix": "flac", "rate": 8000, "texts": ["a"]},
            **{"split": "train", "audio_size": 1, "seconds": 1.0, "text_chars": 1, **row},
        }
        for n, row in enumerate(rows)
    ]
    folder.mkdir()
    table = pa.Table.from_pylist(whole).select(SCHEMA.names).cast(SCHEMA)
    write_index([table], folder / "index.parquet")
    return Index.open(folder)


def _row(corpus: str, speaker: str = "", gender: str = "", **more: object) -> dict[str, object]:
    labels = {"gender": [gender]} if gender else {}
    return {"corpus": corpus, "speaker": speaker, "labels": json.dumps(labels), **more}


def test_genders_are_counted_by_clips_and_by_speakers(tmp_path: Path) -> None:
    rows = [
        *(_row("a", "1", "man", language="pl") for _ in range(5)),
        _row("a", "1", language="de", split="test"),
        _row("a", "2", "woman", language="de"),
        _row("a", "3", language="de"),
        _row("a"),  # nobody speaks
        _row("b", "1", "woman", language="de"),  # another 1 than that of a
        _row("b", "2", "woman"),
        _row("b", "2", "man"),
    ]
    summary = summarise(_index(tmp_path / "index", rows))
    assert summary["total"]["speakers"] == 5
    assert summary["total"]["genders"] == {
        "clips": {"man": 6, "woman": 3, "unknown": 3},
        "speakers": {"woman": 3, "man": 2, "unknown": 1},
    }
    test = summary["corpora"]["a"]["splits"]["test"]
    assert test["genders"] == {"clips": {"unknown": 1}, "speakers": {"unknown": 1}}
    assert list(summary["languages"]) == ["pl", "de"]
    german = summary["languages"]["de"]
    assert german["speakers"] == 4
    assert german["genders"]["speakers"] == {"woman": 2, "unknown": 2}
    assert german["corpora"] == {"a": 3, "b": 1}


def test_more_genders_than_there_is_room_for(tmp_path: Path) -> None:
    rows = [_row("a", str(n), f"gender {n:02d}") for n in range(40)]
    total = summarise(_index(tmp_path / "index", rows))["total"]
    assert len(total["labels"]["gender"]) == 40
    assert sum(total["genders"]["speakers"].values()) == 40


def test_against_counting_one_by_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = ("sound", "emotion", "keyword")
    rows = []
    for _ in range(3000):
        labels = {
            kind: [f"{kind} {value}" for value in np.unique(rng.integers(0, 30, 3)).tolist()]
            for kind in kinds
            if rng.random() < 0.5
        }
        row: dict[str, object] = {
            "corpus": str(rng.choice(["x", "y", "zebra"])),
            "split": str(rng.choice(["train", "test", "fold10"])),
            "language": str(rng.choice(["", "en", "de-CH"])),
            "source": str(rng.choice(["", *(f"s{n}" for n in range(300))])),
            "speaker": str(rng.choice(["", *(f"p{n}" for n in range(40))])),
            "licence": str(rng.choice(["CC0", "CC BY 4.0"])),
            "labels": json.dumps(labels),
            "seconds": float(np.float32(rng.gamma(2, 2))),
            "text_chars": int(rng.integers(1, 300)),
            "audio_size": int(rng.integers(1, 10**9)),
        }
        rows.append(row)
    index = _index(tmp_path / "index", rows)
    summary = summarise(index)
    for corpus, found in summary["corpora"].items():
        for split, part in found["splits"].items():
            mine = [r for r in rows if (r["corpus"], r["split"]) == (corpus, split)]
            _check(part, mine)
        _check(found, [r for r in rows if r["corpus"] == corpus])
    _check(summary["total"], rows, apart=True)
    backwards = index.select(mask=np.ones(len(index), dtype=bool))
    assert json.dumps(summarise(backwards)) == json.dumps(summary)


def _check(part: Mapping[str, Any], rows: Sequence[dict[str, Any]], apart: bool = False) -> None:
    seconds = np.array([row["seconds"] for row in rows])
    assert part["clips"] == len(rows)
    assert part["hours"] == pytest.approx(seconds.sum() / 3600, abs=1e-4)
    assert part["seconds"]["median"] == pytest.approx(np.median(seconds), abs=1e-3)
    assert part["seconds"]["most"] == pytest.approx(seconds.max(), abs=1e-3)
    assert sum(part["seconds"]["clips"]) == sum(part["characters"]["clips"]) == len(rows)
    assert part["seconds"]["clips"][2] == ((seconds > 1) & (seconds <= 2)).sum()
    assert part["characters"]["mean"] == pytest.approx(
        np.mean([row["text_chars"] for row in rows]), abs=1e-3
    )
    assert part["bytes"] == sum(row["audio_size"] for row in rows)
    assert part["licences"] == Counter(row["licence"] for row in rows)
    assert part["languages"] == Counter(row["language"] for row in rows if row["language"])
    assert part["sources"] == len({row["source"] for row in rows} - {""})
    speakers = {(apart and row["corpus"], row["speaker"]) for row in rows if row["speaker"]}
    assert part["speakers"] == len(speakers)
    labels = Counter(
        (kind, value)
        for row in rows
        for kind, values in json.loads(row["labels"]).items()
        for value in values
    )
    assert {(k, v): n for k, of in part["labels"].items() for v, n in of.items()} == labels
    for of in part["labels"].values():
        assert list(of.items()) == sorted(of.items(), key=lambda item: (-item[1], item[0]))


def test_what_a_corpus_is_of(tmp_path: Path) -> None:
    rows = [
        {"corpus": "talk", "language": "en", "labels": '{"emotion": ["sad"], "age": ["31"]}'},
        {"corpus": "words", "language": "en", "labels": '{"keyword": ["yes"]}'},
        {"corpus": "rain", "labels": '{"sound": ["rain"]}'},
    ]
    summary = summarise(_index(tmp_path / "index", rows))
    assert [summary["corpora"][name]["content"] for name in ("talk", "words", "rain")] == [
        ["speech", "emotion", "age"],
        ["words"],
        ["sounds"],
    ]
    assert summary["total"]["content"] == ["speech", "words", "emotion", "age", "sounds"]
    assert summary["total"]["ages"] == {"30s": 1}


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
