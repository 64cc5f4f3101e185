"""A run: what is measured, what is not and why."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clara.encoders.baseline import Baseline
from clara.errors import UnknownNameError, UsageError
from clara.evaluate.run import evaluate


def test_all_that_the_shards_can_answer(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["train", "test"]))
    told = []
    results = evaluate(tones.Ear(), index, progress=lambda *news: told.append(news))
    assert [(s.task, s.protocol) for s in results.scores] == [
        ("tones/sound", "zero_shot"),
        ("tones/sound", "linear_probe"),
        ("tones/sound", "logistic"),
        ("tones/retrieval", "retrieval"),
    ]
    assert not results.missing
    assert {scores.encoder for scores in results.scores} == {"ear"}
    assert told == [(24, 24), (24, 24)]


def test_what_cannot_be_measured_is_said(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["train", "test"]))
    results = evaluate(Baseline(), index)
    assert [scores.protocol for scores in results.scores] == ["linear_probe", "logistic"]
    assert [(each.task, each.protocol) for each in results.missing] == [
        ("tones/sound", "zero_shot"),
        ("tones/retrieval", "retrieval"),
    ]
    assert "no text side" in results.missing[0].reason


def test_nothing_measured_is_an_error(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["test"]))
    told = []
    with pytest.raises(UsageError, match="no text side"):
        evaluate(
            Baseline(), index, ["tones/sound"], ["zero_shot"], progress=lambda *n: told.append(n)
        )
    assert not told  # found out before anything was embedded
    said = "None of the tasks can be measured by these protocols; tones/sound is by zero_shot, "
    with pytest.raises(UsageError, match=said):
        evaluate(tones.Ear(), index, ["tones/sound"], ["retrieval"])
    with pytest.raises(UsageError, match="The task audiocaps/retrieval cannot be answered: it nee"):
        evaluate(tones.Ear(), index, ["table5"])


def test_unknown_names_are_refused_before_anything_is_embedded(tones: SimpleNamespace) -> None:
    index, ear = tones.shards(tones.everything(["test"])), tones.Ear()
    with pytest.raises(UnknownNameError, match="did you mean 'logistic'"):
        evaluate(ear, index, ["all"], ["logistik"])
    with pytest.raises(UnknownNameError, match="did you mean 'tones/sound'"):
        evaluate(ear, index, ["tones/sounds"])
    assert not ear.heard


def test_another_split_is_in_the_name(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["train", "valid"]))
    results = evaluate(tones.Ear(), index, ["tones/sound@valid"], ["zero_shot", "logistic"])
    assert [scores.task for scores in results.scores] == ["tones/sound@valid"] * 2
