"""Entries get sentences, signed with who wrote them, by rules or through a real server."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from clara.configs import from_json, to_json
from clara.errors import UnknownNameError, UsageError
from clara.prepare.desk import PROVENANCE, Desk
from clara.prepare.steps.describe import Describe
from clara.records import Entry
from clara.text.facts import facts_of, faithful

ENTRIES = [
    Entry(
        f"speech{number}",
        Path(f"{number}.wav"),
        language="en",
        transcript=f"Number {number}.",
        labels={"gender": ("woman",), "emotion": ("angry",), "background": ("rain",)},
        texts=("Somebody counts.",),
    )
    for number in range(70)
]
CAPTIONED = Entry("captioned", Path("c.wav"), texts=("A dog barks.", "Barking of a dog."))
UNKNOWN = Entry("unknown", Path("u.wav"))


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def test_labels_are_described_behind_the_captions_that_are_there(desk):
    described = list(Describe(phrasings=4)(iter(ENTRIES), desk))
    assert [entry.key for entry in described] == [entry.key for entry in ENTRIES]
    for before, after in zip(ENTRIES, described, strict=True):
        assert after.texts[0] == "Somebody counts."
        assert len(set(after.texts)) == 5
        assert all(faithful(text, facts_of(before)) for text in after.texts[1:])
        (line,) = after.extra[PROVENANCE]
        assert line["step"] == "describe"
        (by,) = line["wrote"]
        assert by.startswith("rules ")
        assert line["wrote"][by] == list(after.texts[1:])
        json.dumps(after.extra)
        assert dataclasses.replace(after, texts=before.texts, extra={}) == before
    assert desk.counts == {f"sentences by {by}": 280}
    assert not desk.skipped


def test_what_an_entry_gets_does_not_depend_on_its_company(desk):
    together = list(Describe()(ENTRIES, desk))
    assert list(Describe()(ENTRIES[3:5], desk)) == together[3:5]
    assert len({entry.texts[1].replace(entry.transcript, "") for entry in together}) > 15


def test_what_cannot_be_described_passes_and_is_counted(desk):
    assert list(Describe()([CAPTIONED, UNKNOWN], desk)) == [CAPTIONED, UNKNOWN]
    assert desk.counts == {"nothing new to say": 2}


def test_a_server_rewrites_labels_and_captions(tiny_llm, desk):
    settings = {"url": tiny_llm, "model": "template", "wait": 0.01}
    step = Describe("openai", 2, settings)
    described = list(step([ENTRIES[0], CAPTIONED, UNKNOWN], desk))
    for before, after in zip([ENTRIES[0], CAPTIONED], described, strict=False):
        new = after.texts[len(before.texts) :]
        assert len(new) == 2
        assert all(text.startswith("On this recording (") for text in new)
        assert after.extra[PROVENANCE][0]["wrote"] == {"openai:template": list(new)}
    assert described[2] == UNKNOWN
    assert desk.counts == {"sentences by openai:template": 4, "nothing new to say": 1}


def test_what_a_server_cannot_do_the_rules_do_and_it_is_counted(tiny_llm, desk):
    settings = {"url": tiny_llm, "model": "prose", "wait": 0.01, "tries": 2}
    (described,) = Describe("openai", 2, settings)(ENTRIES[:1], desk)
    (by_rules,) = Describe("rules", 2)(ENTRIES[:1], Desk(Path()))
    assert described.texts == by_rules.texts
    (by,) = described.extra[PROVENANCE][0]["wrote"]
    assert by.startswith("rules ")
    assert described.extra[PROVENANCE][0]["rewriter"] == "openai:prose"
    cause = "left to the rules: the answer has not the shape asked for"
    assert desk.counts == {f"sentences by {by}": 2, cause: 2}
    again = Desk(Path())
    list(Describe("openai", 2, settings)(ENTRIES[1:2], again))
    assert again.counts[cause] == 2, "of this part alone"


def test_it_is_made_from_a_recipe():
    step = Describe("openai", 5, {"model": "m"})
    assert from_json(Describe, json.loads(json.dumps(to_json(step)))) == step
    with pytest.raises(UsageError, match="phrasing"):
        Describe(phrasings=0)
    with pytest.raises(UnknownNameError, match="did you mean 'rules'"):
        list(Describe("rule")(ENTRIES, Desk(Path())))
