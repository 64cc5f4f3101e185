"""The report holds every figure, keeps what was trained on apart, and survives any name."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from clara.encoders.baseline import Baseline
from clara.errors import DataError, UsageError
from clara.evaluate import report
from clara.evaluate.run import Results, compare, evaluate

NASTY = '<img src=x onerror="alert(1)"> & co'


QUICK = ("zero_shot", "retrieval", "logistic")


@pytest.fixture
def results(tones: SimpleNamespace) -> Results:
    index = tones.shards(tones.everything(["train", "test"]))
    known = tones.Ear(trained=frozenset({("tones", "test")}))
    return compare(
        {"ear": tones.Ear(), NASTY: known, "baseline": Baseline()}, index, protocols=QUICK
    )


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(results: Results, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.csv"
    metrics.write_text(
        "step,epoch,loss,rate,valid/tones/sound/accuracy\n10,0,3.2,0.1,\n20,0,2.1,0.1,0.5\n"
    )
    page = report.write(results, tmp_path / "report", {"ear": metrics}).read_text("utf-8")
    balance = Balance()
    balance.feed(page)
    assert not balance.open
    assert not re.search(
        r'<script|<link|<img|src=|href="[^#]|url\(|@import',
        page.lower().replace("&lt;img src=x", ""),
    )
    assert page.count("<polyline") == 2
    assert "validation: accuracy" in page
    assert "Not results: trained on these recordings" in page
    assert "no text side" in page


def test_what_was_trained_on_is_in_no_headline(results: Results, tmp_path: Path) -> None:
    page = report.write(results, tmp_path).read_text("utf-8")
    headline = page.partition("<h2>Results</h2>")[2].partition("</section>")[0]
    assert "onerror" not in headline
    assert "badge trained" not in headline
    assert "badge unseen" in headline


def test_the_json_holds_every_figure(results: Results, tmp_path: Path) -> None:
    report.write(results, tmp_path)
    found = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert len(found["scores"]) == len(results.scores) == 7
    for plain, scores in zip(found["scores"], results.scores, strict=True):
        assert plain["values"] == scores.values
        assert {"task", "protocol", "encoder", "support", "chance", "seen", "detail"} <= set(plain)
    assert [each["protocol"] for each in found["missing"]] == ["zero_shot", "retrieval"]


def test_the_same_results_give_the_same_bytes(results: Results, tmp_path: Path) -> None:
    first = report.write(results, tmp_path / "a").read_bytes()
    assert report.write(results, tmp_path / "b").read_bytes() == first


def test_the_table_states_what_a_figure_rests_on(results: Results) -> None:
    row = report.rows(results)[0]
    assert row["task"] == "tones/sound"
    assert row["value"] == 1.0
    assert row["chance"] == row["majority"] == 0.25
    assert row["clips"] == 24
    assert row["seen"] == "unseen"
    assert row["95 %"].endswith("-1.000")


def test_a_file_in_the_way_and_broken_metrics_are_told(results: Results, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        report.write(results, tmp_path / "file")
    for content in ("step,loss\n1,many\n", "loss\n3\n", "\x00\x01"):
        (tmp_path / "metrics.csv").write_text(content)
        if "\x00" in content:
            assert report.read_curves(tmp_path / "metrics.csv") == {}
            continue
        with pytest.raises(DataError, match="metrics of a training run"):
            report.read_curves(tmp_path / "metrics.csv")


def test_compared_models_rest_on_the_same_folds(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["fold1", "fold2", "fold3"]))
    knows = {n: tones.Ear(trained=frozenset({("tones", f"fold{n}")})) for n in (1, 2)}
    results = compare(
        {"a": knows[1], "b": knows[2], "baseline": Baseline()}, index, ["tones/sound"]
    )
    for scores in results.scores:
        counted = [part["split"] for part in scores.detail["parts"] if part["counted"]]
        assert counted == ["fold3"]


def test_one_model_that_cannot_be_measured_does_not_stop_the_others(
    tones: SimpleNamespace,
) -> None:
    index = tones.shards(tones.everything(["test"]))
    results = compare({"a": tones.Ear(), "b": Baseline()}, index, protocols=["zero_shot"])
    assert [scores.encoder for scores in results.scores] == ["a"]
    assert [missing.encoder for missing in results.missing] == ["b"]
    with pytest.raises(UsageError, match="no text side"):
        compare({"b": Baseline()}, index, protocols=["zero_shot"])


def test_one_result_makes_a_page_too(tones: SimpleNamespace, tmp_path: Path) -> None:
    index = tones.shards(tones.everything(["test"]))
    results = evaluate(tones.Ear(), index, ["tones/retrieval"])
    page = report.write(results, tmp_path).read_text("utf-8")
    assert "audio → text R@1" in page
