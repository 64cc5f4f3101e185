"""By words: which prompts ask, what several labels are worth, and what cannot be asked."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clara.errors import DataError, UnknownNameError, UsageError
from clara.evaluate.embedded import EmbeddedIndex, Part
from clara.evaluate.protocols import zero_shot
from clara.evaluate.run import evaluate
from clara.evaluate.tasks import FOLDS, Task
from clara.records import Embeddings

SOUND = Task("tones", "sound")


def run(tones: SimpleNamespace, clips: list, task: Task = SOUND, ear: object = None, **how: object):
    ear = ear or tones.Ear()
    return zero_shot.run(task, ear, EmbeddedIndex(ear, tones.shards(clips), **how))


@pytest.mark.parametrize(
    ("style", "templates"),
    [
        ("paper", ["The sound of {label}"]),
        ("code", ["The sounds of {label}"]),
        (
            "ensemble",
            [
                "The sound of {label}",
                "The sound of a {label}",
                "{label}",
                "{label} sounds",
                "A {label} can be heard",
            ],
        ),
    ],
)
def test_the_headline_asks_with_the_prompts_of_the_run(
    tones: SimpleNamespace, style: str, templates: list[str]
) -> None:
    scores = run(tones, tones.everything(["test"]), prompts=style)
    assert scores.detail["prompts"] == style
    assert scores.detail["templates"] == templates
    assert scores.values["accuracy"] == 1.0
    assert {*templates, "The {label} emits a distinctive sound"} <= set(
        scores.detail["by_template"]
    )


def test_an_ensemble_is_averaged_in_the_space_of_embeddings(tones: SimpleNamespace) -> None:
    class Reader(tones.Ear):
        """Reads one template right with certainty, and two others wrong but undecided."""

        def text(self, texts: list) -> np.ndarray:
            rows = super().text(texts)
            sure = np.array([text.startswith("The sound of a") for text in texts])
            rows[~sure] = np.roll(rows[~sure], 1, axis=1) * 0.1 + 1
            return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    clips = tones.everything(["test"])
    assert run(tones, clips, ear=Reader()).values["accuracy"] < 0.5
    scores = run(tones, clips, ear=Reader(), prompts="ensemble")
    assert scores.values["accuracy"] == scores.values["accuracy_ensemble"] == 1.0


def test_prompts_of_a_task_come_before_those_of_the_run(tones: SimpleNamespace) -> None:
    task = Task("tones", "sound", templates=("a {label} tone", "{label}"))
    scores = run(tones, tones.everything(["test"]), task, prompts="code")
    assert scores.detail["templates"] == ["a {label} tone", "{label}"]
    assert scores.detail["prompts"] == "task"


def test_a_kind_of_label_without_a_template_is_asked_for_by_its_bare_name(
    tones: SimpleNamespace,
) -> None:
    clips = [tones.Clip(pitch, labels={"mood": (pitch,)}) for pitch in tones.PITCHES]
    task = Task("tones", "mood")
    assert run(tones, clips, task).detail["example"] == "high"
    assert run(tones, clips, task, prompts="ensemble").values["accuracy"] == 1.0
    with pytest.raises(UnknownNameError, match="no prompt template for the label named 'mood'"):
        run(tones, clips, task, prompts="code")


def test_unknown_prompts_are_refused_before_anything_is_embedded(tones: SimpleNamespace) -> None:
    ear = tones.Ear()
    with pytest.raises(UnknownNameError, match="did you mean 'ensemble'"):
        evaluate(ear, tones.shards(tones.everything(["test"])), prompts="ensembel")
    assert not ear.heard


def test_a_language_is_a_label_though_no_corpus_labels_it(tones: SimpleNamespace) -> None:
    class Linguist(tones.Ear):
        def text(self, texts: list) -> np.ndarray:
            names = {"Polish": "low", "German": "high"}
            return super().text([names.get(text.split()[0], text) for text in texts])

    clips = [tones.Clip("low", language="pl"), tones.Clip("high", language="de")] * 3
    index = tones.shards(clips)
    results = evaluate(Linguist(), index, ["tones/language"], ["zero_shot"])
    (scores,) = results.scores
    assert scores.values["accuracy"] == 1.0
    assert scores.detail["classes"] == ["de", "pl"]
    assert scores.detail["example"] == "German speaker"
    assert "tones/language" in {
        each.task for each in evaluate(Linguist(), index, ["all"], ["zero_shot"]).scores
    }


def test_of_one_language_nothing_is_asked(tones: SimpleNamespace) -> None:
    index = tones.shards([tones.Clip(pitch, language="pl") for pitch in tones.PITCHES])
    with pytest.raises(UnknownNameError):
        evaluate(tones.Ear(), index, ["tones/language"])


def test_two_splits_as_one(tones: SimpleNamespace) -> None:
    clips = [tones.Clip("low", "valid"), tones.Clip("high", "test")] * 2
    with pytest.raises(UsageError, match="fewer than 2 classes"):
        run(tones, clips)
    scores = run(tones, clips, Task("tones", "sound", "valid+test"))
    assert scores.task == "tones/sound@valid+test"
    assert (scores.support, scores.values["accuracy"]) == (4, 1.0)
    assert [part["split"] for part in scores.detail["parts"]] == ["valid+test"]
    with pytest.raises(UsageError, match=r"tested on valid\+rest, but of tones the shards hold"):
        run(tones, clips, Task("tones", "sound", "valid+rest"))


def test_of_two_splits_as_one_the_worst_is_told(tones: SimpleNamespace) -> None:
    clips = [tones.Clip("low", "valid"), tones.Clip("high", "test")] * 2
    ear = tones.Ear(trained=frozenset({("tones", "valid")}))
    scores = run(tones, clips, Task("tones", "sound", "valid+test"), ear)
    assert scores.seen == "trained"


def several(tones: SimpleNamespace) -> list:
    return [
        tones.Clip("low", labels={"sound": ("low", "high")}, speaker="a", texts=("one",)),
        tones.Clip("high", labels={"sound": ("high",)}, speaker="a"),
        tones.Clip("shrill", labels={"sound": ("shrill",)}, speaker="b"),
    ]


def test_several_labels_have_an_interval_and_classes_of_their_own(tones: SimpleNamespace) -> None:
    scores = run(tones, [*several(tones), tones.Clip("low", labels={}, speaker="b")])
    assert scores.support == 3
    assert scores.values["map_low"] < scores.values["map"] <= scores.values["map_high"]
    assert set(scores.detail["precision_by_class"]) == {"low", "high", "shrill"}
    mean = np.mean(list(scores.detail["precision_by_class"].values()))
    assert scores.values["map"] == pytest.approx(mean)
    assert scores.detail["left_out"] == {"test: no sound is known": 1}
    assert scores.outcomes.figure == "accuracy_any"
    assert scores.outcomes.groups.tolist() == [0, 0, 1]
    # Of three by three, four are true.
    assert scores.detail["chance_accuracy_any"] == pytest.approx(4 / 9)


def test_a_task_of_several_labels_is_one_even_where_each_recording_has_one(
    tones: SimpleNamespace,
) -> None:
    task = Task("tones", "sound", several=True)
    scores = run(tones, tones.everything(["test"]), task)
    assert scores.detail["primary"] == "map"
    assert scores.values["map"] == 1.0


@pytest.mark.parametrize("count", [1, 3])
def test_equal_labels_are_no_question(tones: SimpleNamespace, count: int) -> None:
    clips = [tones.Clip("low", labels={"sound": ("low", "high")})] * count
    with pytest.raises(UsageError, match="no two recordings with different labels 'sound'"):
        run(tones, clips)


def test_labels_of_a_closed_kind_that_are_none_of_its_values_are_left_out(
    tones: SimpleNamespace,
) -> None:
    clips = [tones.Clip("low", corpus="esc50", labels={"sound": (name,)}, split="fold1")
             for name in ("dog", "rain", "low")]  # fmt: skip
    scores = run(tones, clips, Task("esc50", "sound", FOLDS))
    assert scores.support == 2
    assert scores.detail["left_out"] == {"fold1: no sound is known": 1}
    assert len(scores.detail["classes_without_support"]) == 48


def test_sentences_that_become_no_numbers_are_refused(tones: SimpleNamespace) -> None:
    class Broken(tones.Ear):
        def text(self, texts: list) -> np.ndarray:
            rows = super().text(texts)
            rows[["shrill" in text for text in texts]] = np.nan
            return rows

    ear = Broken()
    with pytest.raises(DataError, match="the first at 'The sound of shrill'"):
        run(tones, tones.everything(["test"]), ear=ear)
    assert not ear.heard


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_another_number_of_rows_than_of_sentences_is_refused(
    tones: SimpleNamespace, rows: int
) -> None:
    class Broken(tones.Ear):
        def text(self, texts: list) -> np.ndarray:
            return np.ones((rows, 4), np.float32)

    with pytest.raises(DataError, match=f"Expected 4 rows of ear, .* but found {rows}"):
        run(tones, tones.everything(["test"]), ear=Broken())


def test_a_guesser_among_527_classes_is_at_chance(
    tones: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    names = [f"sound {number}" for number in range(527)]
    labels = [{"sound": tuple(names[c] for c in rng.integers(0, 527, 3))} for _ in range(4000)]
    vectors = rng.normal(size=(4000, 64)).astype(np.float32)
    rows = Embeddings(vectors, [str(n) for n in range(4000)], labels, [()] * 4000)
    ear, part = tones.Ear(), Part(rows, np.array(rows.keys, object), "recording")
    ear.text = lambda texts: rng.normal(size=(len(texts), 64)).astype(np.float32)
    data = EmbeddedIndex(ear, tones.shards(tones.everything(["test"])))
    monkeypatch.setattr(data, "counted", lambda *_: part)
    monkeypatch.setattr(data, "classes", lambda _: names)
    scores = zero_shot.run(SOUND, ear, data)
    assert scores.values["map_low"] < scores.chance < scores.values["map_high"]
