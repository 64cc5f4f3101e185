"""Retrieval: which captions ask, who answers, and galleries that are none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clara.errors import DataError, UnknownNameError, UsageError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.protocols import retrieval
from clara.evaluate.run import evaluate
from clara.evaluate.tasks import FOLDS, Task
from clara.text.phrases import captions

TASK = Task("tones", "retrieval")


def run(tones: SimpleNamespace, clips: list, task: Task = TASK, ear: object = None):
    ear = ear or tones.Ear()
    return retrieval.run(task, ear, EmbeddedIndex(ear, tones.shards(clips)))


class Reader:
    """Rows by heart: of a recording by its order, of a sentence by its words."""

    name, rate = "reader", 8000

    def __init__(self, heard: list, read: dict) -> None:
        self.heard, self.read = np.array(heard, np.float32), read

    def audio(self, sources: list) -> np.ndarray:
        return self.heard[: len(sources)]

    def text(self, texts: list) -> np.ndarray:
        return np.array([self.read.get(text, [0.0, 0.0]) for text in texts], np.float32)

    def seen(self, corpus: str, split: str) -> str:
        return "unseen"


def test_every_figure_by_hand(tones: SimpleNamespace) -> None:
    """Three recordings on a quarter circle, two of which share a caption."""
    degrees = np.radians([0, 40, 90])
    heard = np.stack([np.cos(degrees), np.sin(degrees)], axis=1)
    # One sentence of the first two nearest to the third, one of the third nearest to the second.
    read = {"both": heard[2], "third": heard[1]}
    clips = [tones.Clip("low", labels={}, texts=(text,)) for text in ("both", "both", "third")]
    values = run(tones, clips, ear=Reader(heard.tolist(), read)).values
    # Ranks of the recordings: third, second, first for "both"; second, first, third for "third".
    assert values["text_to_audio_recall@1"] == 0.0
    assert values["text_to_audio_map@3"] == pytest.approx(((1 / 2 + 2 / 3) / 2 + 1 / 3) / 2)
    assert values["text_to_audio_recall@5"] == 1.0
    # The first and second hear "third" nearest, the third hears "both".
    assert values["audio_to_text_recall@1"] == 0.0
    assert values["audio_to_text_map@10"] == 0.5
    for key in [key for key in values if not key.endswith(("_low", "_high"))]:
        assert values[f"{key}_low"] <= values[key] <= values[f"{key}_high"]


def test_identical_captions_answer_each_other(tones: SimpleNamespace) -> None:
    clips = [tones.Clip(pitch, labels={}, texts=(f"{pitch} tone",)) for pitch in tones.PITCHES] * 6
    scores = run(tones, clips)
    for way in ("text_to_audio", "audio_to_text"):
        for figure in ("recall@1", "map@1", "map@3", "map@5", "map@10"):
            assert scores.values[f"{way}_{figure}"] == 1.0
    assert (scores.detail["texts"], scores.chance) == (4, 0.25)


def test_the_captions_of_one_recording_count_as_one_question(tones: SimpleNamespace) -> None:
    clips = [
        tones.Clip(pitch, labels={}, texts=tuple(f"{pitch} {n} {clip}" for n in range(5)))
        for clip in range(3)
        for pitch in tones.PITCHES
    ]
    scores = run(tones, clips)
    assert scores.detail["texts"] == 60
    assert len(scores.outcomes) == 60
    assert len(set(scores.outcomes.groups.tolist())) == 12
    assert scores.outcomes.figure == "text_to_audio_recall@1"
    assert scores.outcomes.right.mean() == scores.values["text_to_audio_recall@1"]


@pytest.mark.parametrize(
    ("texts", "labels", "language", "expected"),
    [
        (["A dog barks", "A dog, twice"], {}, "", ["A dog barks", "A dog, twice"]),
        (["A dog barks", " A  dog barks ", " "], {}, "", ["A dog barks"]),
        (["The sound of dog", "A dog barks"], {"sound": ("dog",)}, "", ["A dog barks"]),
        (["The sound of dog"], {"sound": ("dog",)}, "", ["The sound of dog"]),
        # A data set packed by others: the captions are its own, whatever its labels.
        (["a dog", "woof"], {"sound": ("dog",)}, "", ["a dog", "woof"]),
        (["English speaker", "A talk"], {}, "en", ["A talk"]),
    ],
)
def test_what_people_wrote_asks(
    tones: SimpleNamespace, texts: list, labels: dict, language: str, expected: list
) -> None:
    clip = tones.Clip("low", texts=tuple(texts), labels=labels, language=language)
    other = tones.Clip("high", texts=("something else",), labels={})
    scores = run(tones, [clip, other])
    assert scores.detail["texts"] == len(expected) + 1


@pytest.mark.parametrize(
    "labels", [{"emotion": ("sad",), "gender": ("woman",)}, {}, {"keyword": ("Yes.",)}]
)
def test_of_speech_the_richest_caption_asks(tones: SimpleNamespace, labels: dict) -> None:
    texts = captions(labels, "Yes.", "pl")
    clips = [
        tones.Clip("low", texts=texts, labels=labels, language="pl"),
        tones.Clip("high", texts=("something else",), labels={}),
    ]
    assert len(texts) > 1
    assert run(tones, clips).detail["texts"] == 2


def test_recordings_without_a_caption_are_left_out_and_counted(tones: SimpleNamespace) -> None:
    clips = [tones.Clip(pitch, labels={}, texts=(pitch,)) for pitch in tones.PITCHES]
    clips += [tones.Clip("low", labels={}, texts=(" ",)) for _ in range(3)]
    scores = run(tones, clips)
    assert scores.support == 4
    assert scores.detail["left_out"] == {"test: no caption": 3}


@pytest.mark.parametrize(
    "texts", [[("one",)], [("one", "two")], [("one",), ("one",)], [(" ",), (" ",)]]
)
def test_nothing_to_look_for_is_said(tones: SimpleNamespace, texts: list) -> None:
    clips = [tones.Clip("low", labels={}, texts=each) for each in texts]
    with pytest.raises(UsageError, match="needs two recordings with different captions"):
        run(tones, clips)


def corpora(tones: SimpleNamespace) -> list:
    rest = {"labels": {}}
    return [
        tones.Clip("low", corpus="a", texts=("low",), source="s:1", **rest),
        tones.Clip("high", corpus="a", texts=("high",), **rest),
        tones.Clip("shrill", corpus="b", texts=("shrill",), **rest),
        tones.Clip("middle", corpus="b", texts=(" ",), **rest),
        tones.Clip("low", corpus="b", split="train", texts=("low",), **rest),
    ]


def test_several_corpora_are_one_gallery(tones: SimpleNamespace) -> None:
    index = tones.shards(corpora(tones))
    (scores,) = evaluate(tones.Ear(), index, ["a+b/retrieval"]).scores
    assert scores.task == "a+b/retrieval"
    assert (scores.support, scores.detail["texts"]) == (3, 3)
    assert scores.values["text_to_audio_recall@1"] == 1.0
    assert scores.seen == "unseen"
    assert scores.detail["left_out"] == {"b/test: no caption": 1}


def test_of_several_corpora_the_worst_is_told(tones: SimpleNamespace) -> None:
    index = tones.shards(corpora(tones))
    ear = tones.Ear(trained=frozenset({("b", "train")}))
    (scores,) = evaluate(ear, index, ["a+b/retrieval"]).scores
    assert (scores.seen, scores.detail["met"]) == ("held-out", "corpus")
    ear = tones.Ear()
    ear.sources = ("s:1",)
    (scores,) = evaluate(ear, index, ["a+b/retrieval"]).scores
    assert (scores.seen, scores.detail["met"], scores.support) == ("unseen", "sources", 2)
    assert scores.detail["overlap"]["source"] == 1
    left = {"a/test: cut from sources that were trained on": 1, "b/test: no caption": 1}
    assert scores.detail["left_out"] == left


def test_a_corpus_with_a_plus_in_its_name_is_one(tones: SimpleNamespace) -> None:
    clips = [tones.Clip(pitch, labels={}, texts=(pitch,), corpus="a+b") for pitch in tones.PITCHES]
    (scores,) = evaluate(tones.Ear(), tones.shards(clips), ["a+b/retrieval"]).scores
    assert scores.support == 4


def test_several_corpora_must_all_be_there(tones: SimpleNamespace) -> None:
    with pytest.raises(UnknownNameError):
        evaluate(tones.Ear(), tones.shards(corpora(tones)), ["a+c/retrieval"])
    with pytest.raises(UsageError, match="of a the shards hold test only"):
        evaluate(tones.Ear(), tones.shards(corpora(tones)), ["a+b/retrieval@train"])


def test_folds_are_one_gallery(tones: SimpleNamespace) -> None:
    clips = [
        tones.Clip(pitch, split, labels={}, texts=(pitch,))
        for split in ("fold1", "fold2")
        for pitch in tones.PITCHES
    ]
    assert run(tones, clips, Task("tones", "retrieval", FOLDS)).support == 8


def test_who_cannot_read_need_not_listen(tones: SimpleNamespace) -> None:
    class Mute(tones.Ear):
        def text(self, texts: list) -> np.ndarray:
            return np.full((len(texts), 4), np.nan, np.float32)

    ear = Mute()
    with pytest.raises(DataError, match="finite"):
        run(tones, tones.everything(["test"]), ear=ear)
    assert not ear.heard
