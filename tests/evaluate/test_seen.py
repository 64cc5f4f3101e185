"""What an encoder has met of a test, by what it was trained on and what that was cut from."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.protocols import keyword_spotting, logistic, retrieval, zero_shot
from clara.evaluate.seen import Acquaintance, worst
from clara.evaluate.tasks import Task
from clara.shards import Index


def small(tones: SimpleNamespace) -> Index:
    """A corpus in three splits whose test shares a source with another, and a speaker."""
    clips = []
    for split in ("train", "valid", "test"):
        for number, pitch in enumerate(tones.PITCHES):
            labels = {"sound": (pitch,), "keyword": (pitch,)}
            speaker = (
                "ann" if (split, number) in (("train", 0), ("test", 1)) else f"{split}{number}"
            )
            source = f"s:{split}:{number}"
            clips.append(tones.Clip(pitch, split, speaker, source, labels=labels, language="pl"))
    clips.append(tones.Clip("low", "train", source="s:test:3", corpus="other"))
    return tones.shards(clips)


class Told:
    """An encoder that says what it was trained on."""

    def __init__(self, ear: object, answers: dict, sources: tuple[str, ...] = ()) -> None:
        self.name, self.rate = ear.name, ear.rate
        self.audio, self.text = ear.audio, ear.text
        self.answers, self.sources = answers, sources

    def seen(self, corpus: str, split: str) -> str:
        return self.answers.get((corpus, split), self.answers.get(corpus, "unseen"))


CASES = {
    "nothing": ({}, (), "unseen", "neither", 4),
    "the corpus": (
        {("tones", "train"): "trained", "tones": "held-out"},
        (),
        "held-out",
        "corpus",
        4,
    ),
    "these recordings": (
        {("tones", "test"): "trained", "tones": "held-out"},
        (),
        "trained",
        "corpus",
        4,
    ),
    "a source": ({}, ("s:test:0",), "unseen", "sources", 3),
    "a source, in another corpus here": (
        {("other", "train"): "trained"},
        (),
        "unseen",
        "sources",
        3,
    ),
    "all sources": ({}, tuple(f"s:test:{n}" for n in range(4)), "trained", "sources", 4),
    "the corpus and a source": (
        {("tones", "train"): "trained", "tones": "held-out"},
        ("s:test:0",),
        "held-out",
        "corpus",
        3,
    ),
    "who knows": ({"tones": "unknown", "other": "unknown"}, (), "unknown", "unknown", 4),
    "who knows, but a source": ({"tones": "unknown"}, ("s:test:0",), "unknown", "sources", 3),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("protocol", [zero_shot, logistic, keyword_spotting, retrieval])
def test_every_score_says_what_was_met(tones: SimpleNamespace, case: str, protocol: object) -> None:
    answers, sources, seen, met, support = CASES[case]
    target = {zero_shot: "sound", logistic: "sound", keyword_spotting: "keyword"}
    encoder = Told(tones.Ear(), answers, sources)
    data = EmbeddedIndex(encoder, small(tones))
    scores = protocol.run(Task("tones", target.get(protocol, "retrieval")), encoder, data)
    assert (scores.seen, scores.detail["met"], scores.support) == (seen, met, support)
    assert scores.detail["overlap"]["source"] == 4 - support


def test_speakers_are_met_where_they_were_trained_on(tones: SimpleNamespace) -> None:
    answers = {("tones", "train"): "trained", "tones": "held-out"}
    encoder = Told(tones.Ear(), answers)
    data = EmbeddedIndex(encoder, small(tones))
    assert data.overlap("tones", ["test"]) == {"source": 0, "speaker": 1}
    told, met = data.speakers("tones", "test")
    assert told.all()
    assert met.tolist() == [False, True, False, False]


def test_joined_splits_are_in_the_order_of_their_names(tones: SimpleNamespace) -> None:
    index = small(tones)
    contact = Acquaintance(index)
    both = contact.hashes("tones", "test+train", "source")
    apart = [contact.hashes("tones", split, "source") for split in ("test", "train")]
    assert np.array_equal(both, np.concatenate(apart))
    part = EmbeddedIndex(tones.Ear(), index).part("tones", "test+train")
    assert [labels["sound"][0] for labels in part.rows.labels] == [*tones.PITCHES] * 2
    assert part.groups[:4].tolist() == ["test0", "ann", "test2", "test3"]
    assert part.grouped_by == "speaker"


def test_of_joined_splits_with_other_groups_each_recording_is_one(tones: SimpleNamespace) -> None:
    clips = [tones.Clip("low", "valid", speaker="ann"), tones.Clip("high", "test", source="s:1")]
    part = EmbeddedIndex(tones.Ear(), tones.shards(clips)).part("tones", "valid+test")
    assert part.grouped_by == "recording"
    assert len(set(part.groups.tolist())) == 2


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"unseen", "trained", "unknown"}, "trained"),
        ({"unseen", "unknown", "held-out"}, "unknown"),
        ({"unseen", "held-out"}, "held-out"),
        (set(), "unseen"),
    ],
)
def test_the_state_that_speaks_most_against_a_test(states: set, expected: str) -> None:
    assert worst(states) == expected
