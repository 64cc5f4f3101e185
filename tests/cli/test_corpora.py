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
    for fact in ("train, valid, test", "labels (emotion): angry, fearful", "Christop", "git clone"):
        assert fact in shown


def test_json(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert sorted(records) == corpora.names()
    assert main(["corpora", "esc50", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == records["esc50"]
    assert len(record["labels"]["sound"]) == 50


def test_a_pipe_gets_a_line_for_each_field(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "esc50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    fields = [line.partition(": ")[0] for line in lines]
    assert fields[:3] == ["title", "languages", "licence"]
    assert "labels (sound)" in fields
    assert not [line for line in lines if "─" in line or line != line.strip()]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get"], "Expected a corpus and a folder behind get"),
        (["get", "esc50"], "Expected a corpus and a folder behind get, but found 'esc50'"),
        (["get", "esc50", "a", "b"], "Expected a corpus and a folder behind get"),
        (["get", "esc-50", "a"], "no corpus named 'esc-50'; did you mean 'esc50'?"),
        (["esc50", "nemo"], "Expected the name of one corpus, but found 'esc50 nemo'"),
        (["get", "folder", "a"], "cannot be downloaded by a program."),
    ],
)
def test_what_cannot_be_meant(words: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", *words]) == 2
    assert said in capsys.readouterr().err


def test_no_such_corpus(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "esc-50"]) == 2
    assert "no corpus named 'esc-50'; did you mean 'esc50'?" in capsys.readouterr().err
