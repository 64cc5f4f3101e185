"""`clara corpora`: what there is, and how to get it."""

from __future__ import annotations

import json

import pytest

from clara import corpora
from clara.cli.__main__ import main


def test_all_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora"]) == 0
    shown = capsys.readouterr().out
    for name in corpora.names():
        assert name in shown
        assert corpora.get(name).licence in shown


def test_one_is_told_about(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "nemo"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for fact in ("train, valid, test", "labels (emotion) angry, fearful", "Christop", "git clone"):
        assert fact in shown


def test_json(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert sorted(records) == corpora.names()
    assert main(["corpora", "esc50", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == records["esc50"]
    assert len(record["labels"]["sound"]) == 50


def test_no_such_corpus(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "esc-50"]) == 2
    assert "no corpus named 'esc-50'; did you mean 'esc50'?" in capsys.readouterr().err
