"""Words, language by language: who is asked which, and what of training is told beside it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clara.errors import DataError, UsageError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.protocols import keyword_spotting
from clara.evaluate.run import evaluate
from clara.evaluate.tasks import Task

KEYWORD = Task("tones", "keyword")


def word(tones: SimpleNamespace, pitch: str, language: str = "pl", **rest: str) -> object:
    labels = {"keyword": (pitch,)}
    return tones.Clip(pitch, labels=labels, language=language, texts=(pitch,), **rest)


def run(tones: SimpleNamespace, clips: list, ear: object = None):
    ear = ear or tones.Ear()
    return keyword_spotting.run(KEYWORD, ear, EmbeddedIndex(ear, tones.shards(clips)))


def test_each_language_has_its_own_words(tones: SimpleNamespace) -> None:
    clips = [word(tones, pitch, "pl") for pitch in ("low", "high", "shrill") * 2]
    clips += [word(tones, pitch, "cs") for pitch in ("low", "middle")]
    scores = run(tones, clips)
    polish, czech = sorted(scores.detail["by_language"], key=lambda each: -each["words"])
    assert (polish["language"], polish["words"], polish["support"]) == ("pl", 3, 6)
    assert (czech["language"], czech["words"], czech["chance"]) == ("cs", 2, 0.5)
    # Czech is not in Table VIII: it stands beside the headline.
    assert scores.detail["languages"] == ["pl"]
    assert (scores.support, scores.chance) == (6, pytest.approx(1 / 3))
    assert len(scores.outcomes) == 6
    assert scores.detail["example"] == "low"


class Confused:
    """Hears all as `low`, and reads as an ear does."""

    def __init__(self, ear: object) -> None:
        self.name, self.rate, self.text, self.seen = "confused", ear.rate, ear.text, ear.seen

    def audio(self, sources: list) -> np.ndarray:
        return np.tile(np.eye(1, 4, dtype=np.float32), (len(sources), 1))


def test_the_headline_is_the_mean_over_languages_not_over_recordings(
    tones: SimpleNamespace,
) -> None:
    clips = [word(tones, "low", "pl") for _ in range(9)] + [word(tones, "high", "pl")]
    clips += [word(tones, "low", "de"), word(tones, "high", "de")]
    clips += [word(tones, pitch, "cs") for pitch in ("low", "high", "high", "high")]
    scores = run(tones, clips, Confused(tones.Ear()))
    assert scores.values["accuracy"] == pytest.approx((0.9 + 0.5) / 2)
    assert scores.values["accuracy_pooled"] == pytest.approx(10 / 12)
    assert scores.values["accuracy_all"] == pytest.approx((0.9 + 0.5 + 0.25) / 3)
    assert scores.values["macro_recall"] == 0.5
    assert scores.values["accuracy_low"] < 0.7 < scores.values["accuracy_high"]
    assert sorted(set(scores.outcomes.parts.tolist())) == [0, 1]


def test_without_a_language_of_table_eight_all_count(tones: SimpleNamespace) -> None:
    clips = [word(tones, pitch, language) for pitch in ("low", "high") for language in ("cs", "")]
    assert run(tones, clips).detail["languages"] == ["", "cs"]


def test_training_is_told_beside(tones: SimpleNamespace) -> None:
    clips = [word(tones, "low", "pl", split="train", speaker="ann") for _ in range(4)]
    clips += [word(tones, "low", "pl", speaker="ann"), word(tones, "high", "pl", speaker="bob")]
    clips += [word(tones, "high", "pl"), word(tones, "low", "de"), word(tones, "high", "de")]
    ear = tones.Ear(trained=frozenset({("tones", "train")}))
    german, polish = run(tones, clips, ear).detail["by_language"]
    assert polish["seen_speakers"] == {"accuracy": 1.0, "support": 1}
    assert polish["unseen_speakers"] == {"accuracy": 1.0, "support": 1}  # one speaker is not told
    assert polish["hours"] == pytest.approx(4 * 0.25 / 3600)
    assert german["hours"] == 0.0
    assert german["seen_speakers"] is german["unseen_speakers"] is None


def test_who_was_not_trained_on_it_has_met_no_speaker(tones: SimpleNamespace) -> None:
    clips = [word(tones, pitch, speaker="ann") for pitch in ("low", "high")]
    (polish,) = run(tones, clips).detail["by_language"]
    assert polish["seen_speakers"] is None
    assert polish["unseen_speakers"] == {"accuracy": 1.0, "support": 2}
    assert polish["hours"] is None  # the shards hold no training part


def test_of_unknown_training_no_speaker_is_told(tones: SimpleNamespace) -> None:
    class Stranger(tones.Ear):
        def seen(self, corpus: str, split: str) -> str:
            return "unknown"

    clips = [word(tones, pitch, speaker="ann") for pitch in ("low", "high")]
    scores = run(tones, clips, Stranger())
    (polish,) = scores.detail["by_language"]
    assert polish["seen_speakers"] is polish["unseen_speakers"] is None
    assert scores.seen == scores.detail["met"] == "unknown"


def test_words_cut_from_sentences_that_were_trained_on_do_not_count(
    tones: SimpleNamespace,
) -> None:
    clips = [word(tones, pitch, source=f"common_voice:{pitch}") for pitch in tones.PITCHES]
    ear = tones.Ear()
    ear.sources = ("common_voice:low",)
    scores = run(tones, clips, ear)
    assert scores.support == 3
    assert scores.detail["by_language"][0]["words"] == 3
    assert scores.detail["left_out"] == {"test: cut from sources that were trained on": 1}
    assert scores.detail["met"] == "sources"


def test_what_is_no_question_is_left_out_and_counted(tones: SimpleNamespace) -> None:
    clips = [word(tones, "low", "de"), word(tones, "low", "pl"), word(tones, "high", "pl")]
    clips += [tones.Clip("high", language="pl", labels={})]
    scores = run(tones, clips)
    assert scores.support == 2
    assert scores.detail["left_out"] == {
        "no keyword is known": 1,
        "de: fewer than 2 words": 1,
    }
    with pytest.raises(UsageError, match="no language of test has 2 words labelled 'keyword'"):
        run(tones, clips[:1])
    with pytest.raises(UsageError, match="no language of test has 2 words"):
        run(tones, clips[3:])


def test_large_vocabularies_are_asked_in_parts(
    tones: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = [word(tones, pitch) for pitch in list(tones.PITCHES) * 5]
    whole = run(tones, clips)
    monkeypatch.setattr(keyword_spotting, "_CELLS", 12)
    assert run(tones, clips).values == whole.values


def test_only_words_are_spotted(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["test"]))
    with pytest.raises(UsageError, match="None of the tasks can be measured"):
        evaluate(tones.Ear(), index, ["all"], ["keyword_spotting"])


def test_words_in_another_space_are_refused(tones: SimpleNamespace) -> None:
    class Apart(tones.Ear):
        def text(self, texts: list) -> np.ndarray:
            return np.ones((len(texts), 3), np.float32)

    with pytest.raises(DataError, match="rows of 3 and of 4 numbers"):
        run(tones, [word(tones, pitch) for pitch in tones.PITCHES], Apart())
