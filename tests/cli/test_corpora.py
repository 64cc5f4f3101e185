"""`clara corpora`: what there is, and how to get it."""

from __future__ import annotations

import json
import re

import pytest

from clara import corpora
from clara.cli.__main__ import main


def test_all_are_listed_in_a_line_each(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora"]) == 0
    head, _, *lines = filter(str.strip, capsys.readouterr().out.splitlines())
    assert head.split() == ["name", "languages", "hours", "licence", "download"]
    assert [line.split()[0] for line in lines] == corpora.names()
    assert max(map(len, lines)) <= 100
    for line in lines:
        assert corpora.get(line.split()[0]).licence.startswith(re.split(r"  +", line.strip())[3])


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("common_voice", ["many", "24,231", "CC0 1.0", "by hand"]),
        ("mswc", ["50 languages", "6,000", "CC BY 4.0", "100 files"]),
        ("clotho", ["-", "37", "non-commercial captions", "over 5.8 GB"]),
        ("vggsound", ["-", "550", "CC BY 4.0 for the labels", "the tables"]),
        ("folder", ["any", "-", "yours", "-"]),
    ],
)
def test_a_line_of_the_list(name: str, facts: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["corpora"]) == 0
    assert [name, *facts] in [
        re.split(r"  +", line.strip()) for line in capsys.readouterr().out.splitlines()
    ]


def test_long_lists_are_told_by_their_number(capsys: pytest.CaptureFixture[str]):
    assert main(["corpora", "audioset"]) == 0
    shown = capsys.readouterr().out
    assert "labels (sound): 527 (all with --json): Speech; Male speech, man speaking; " in shown
    assert "Field recording" not in shown
    assert main(["corpora", "audioset", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["labels"]["sound"]) == 527


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
    assert fields[:3] == ["title", "size", "languages"]
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
