"""Each protocol against an encoder whose figures are known, and against what would flatter it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clara import rooms
from clara.encoders.baseline import Baseline
from clara.errors import DataError, UsageError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.protocols import linear_probe, logistic, retrieval, zero_shot
from clara.evaluate.tasks import FOLDS, Task
from clara.hashes import distinct, hashed

SOUND = Task("tones", "sound")


def view(tones: SimpleNamespace, clips: list, ear: object = None, **options: object):
    ear = ear or tones.Ear()
    return ear, EmbeddedIndex(ear, tones.shards(clips), **options)


def test_a_perfect_ear_is_perfect_by_words(tones: SimpleNamespace) -> None:
    scores = zero_shot.run(SOUND, *view(tones, tones.everything(["test"])))
    assert scores.values["accuracy"] == scores.values["macro_recall"] == 1.0
    assert scores.values["accuracy_low"] < 1.0
    assert scores.values["accuracy_ensemble"] == 1.0
    assert scores.support == 24
    assert scores.chance == scores.detail["majority"] == 0.25
    assert scores.detail["templates"] == ["The sound of {label}"]
    assert scores.detail["example"] == "The sound of high"
    assert scores.detail["by_template"]["The {label} emits a distinctive sound"] == 1.0
    assert np.array_equal(scores.detail["confusion"], 6 * np.eye(4))


def test_a_deaf_ear_is_at_chance_by_words(tones: SimpleNamespace) -> None:
    scores = zero_shot.run(SOUND, *view(tones, tones.everything(["test"]), tones.Ear(deaf=True)))
    assert scores.values["accuracy"] == 0.25
    assert scores.values["top3"] <= 0.75


def test_classes_without_support_are_named_and_counted_beside(tones: SimpleNamespace) -> None:
    clips = [tones.Clip(pitch, "test") for pitch in ("low", "high")]
    clips += [tones.Clip("shrill", "train"), tones.Clip("low", "test", labels={})]
    scores = zero_shot.run(SOUND, *view(tones, clips))
    assert scores.detail["classes"] == ["high", "low"]
    assert scores.detail["classes_without_support"] == ["shrill"]
    assert scores.values["accuracy_all_classes"] == 1.0
    assert scores.chance == 0.5
    assert scores.detail["left_out"] == {"test: no sound is known": 1}


def test_templates_of_a_task_take_the_place_of_table_two(tones: SimpleNamespace) -> None:
    task = Task("tones", "sound", templates=("nothing to do with it", "a {label} tone"))
    with pytest.raises(UsageError, match="template"):
        zero_shot.run(task, *view(tones, tones.everything(["test"])))
    task = Task("tones", "sound", templates=("a {label} tone",))
    scores = zero_shot.run(task, *view(tones, tones.everything(["test"])))
    assert scores.detail["templates"] == ["a {label} tone"]


def test_several_labels_each_are_judged_by_average_precision(tones: SimpleNamespace) -> None:
    clips = [
        tones.Clip("low", labels={"sound": ("low", "high")}),
        tones.Clip("high", labels={"sound": ("high",)}),
        tones.Clip("shrill", labels={"sound": ("shrill",)}),
    ]
    scores = zero_shot.run(SOUND, *view(tones, clips))
    assert scores.detail["primary"] == "map"
    assert scores.values["accuracy_any"] == 1.0
    assert 0.5 < scores.values["map"] <= 1.0


def test_folds_are_averaged_and_those_trained_on_are_kept_out(tones: SimpleNamespace) -> None:
    clips = tones.everything(["fold1", "fold2", "fold10"])
    ear = tones.Ear(trained=frozenset({("tones", "fold1"), ("tones", "fold10")}))
    scores = zero_shot.run(Task("tones", "sound", FOLDS), *view(tones, clips, ear))
    assert scores.seen == "held-out"
    assert scores.support == 24
    parts = {part["split"]: part for part in scores.detail["parts"]}
    assert list(parts) == ["fold1", "fold2", "fold10"]
    assert [part["counted"] for part in parts.values()] == [False, True, False]
    assert parts["fold1"]["seen"] == "trained"


def test_a_run_may_name_the_folds(tones: SimpleNamespace) -> None:
    clips = tones.everything(["fold1", "fold2"])
    ear, data = view(tones, clips, folds=["fold2"])
    scores = zero_shot.run(Task("tones", "sound", FOLDS), ear, data)
    assert [part["split"] for part in scores.detail["parts"]] == ["fold2"]
    with pytest.raises(UsageError, match="tested on fold7, but of tones the shards hold fold1"):
        EmbeddedIndex(ear, data.index, folds=["fold7"]).tested(Task("tones", "sound", FOLDS))


def test_what_was_trained_on_says_so(tones: SimpleNamespace) -> None:
    ear = tones.Ear(trained=frozenset({("tones", "test")}))
    assert zero_shot.run(SOUND, *view(tones, tones.everything(["test"]), ear)).seen == "trained"


def leaky(tones: SimpleNamespace) -> list[Any]:
    """Two pitches tested, of which some recordings leak from another corpus."""
    return [
        tones.Clip("low", "train", "ann", "freesound:1", corpus="other"),
        tones.Clip("low", "train", "bob", "freesound:9"),
        tones.Clip("low", "test", "ann", "freesound:1"),
        tones.Clip("low", "test", "dan", "freesound:3"),
        tones.Clip("high", "test", "bob", "freesound:2"),
        tones.Clip("high", "test", "cleo", ""),
    ]


def test_what_was_cut_from_known_sources_is_left_out(tones: SimpleNamespace) -> None:
    ear = tones.Ear(trained=frozenset({("other", "train"), ("tones", "train")}))
    scores = zero_shot.run(SOUND, *view(tones, leaky(tones), ear))
    assert scores.support == 3
    assert scores.detail["left_out"] == {"test: cut from sources that were trained on": 1}
    assert scores.detail["overlap"] == {"source": 1, "speaker": 1}
    assert scores.seen == "held-out"


@pytest.mark.parametrize("as_text", [True, False])
def test_an_encoder_may_tell_its_sources(tones: SimpleNamespace, as_text: bool) -> None:
    ids = ["freesound:2", "freesound:77", ""]
    ear = tones.Ear()
    ear.sources = tuple(ids) if as_text else distinct(hashed(ids))
    data = view(tones, leaky(tones), ear)
    for protocol in (zero_shot, retrieval):
        task = SOUND if protocol is zero_shot else Task("tones", "retrieval")
        scores = protocol.run(task, *data)
        assert scores.support == 3
        assert scores.detail["overlap"]["source"] == 1
        assert scores.detail["left_out"] == {"test: cut from sources that were trained on": 1}
        assert scores.seen == "unseen"


def test_a_rival_is_tested_on_the_same_recordings(tones: SimpleNamespace) -> None:
    knowing, other = tones.Ear(name="knowing"), tones.Ear(name="other")
    knowing.sources = ("freesound:2",)
    index = tones.shards(leaky(tones))
    for encoder in (knowing, other):
        data = EmbeddedIndex(encoder, index, beside=[knowing, other])
        assert zero_shot.run(SOUND, encoder, data).support == 3
    assert zero_shot.run(SOUND, other, EmbeddedIndex(other, index)).support == 4


def test_where_all_is_known_the_score_says_so(tones: SimpleNamespace) -> None:
    clips = [
        *tones.everything(["fold1"]),
        *(tones.Clip(pitch, "fold2", "eve", f"s:{pitch}") for pitch in tones.PITCHES),
    ]
    ear = tones.Ear()
    ear.sources = tuple(f"s:{pitch}" for pitch in tones.PITCHES)
    ear, data = view(tones, clips, ear)
    scores = zero_shot.run(Task("tones", "sound", FOLDS), ear, data)
    assert [part["counted"] for part in scores.detail["parts"]] == [True, False]
    assert scores.seen == "unseen"
    alone = zero_shot.run(Task("tones", "sound", "fold2"), ear, data)
    assert (alone.seen, alone.support) == ("trained", 4)
    assert alone.detail["overlap"]["source"] == 0  # none of them was left out


def test_folds_of_a_corpus_share_no_source(real_data: Path) -> None:
    for name, folder in (("esc50", "ESC-50"), ("urbansound8k", "UrbanSound8K")):
        homes: dict[str, set[str]] = {}
        for entry in rooms.load("corpora", name).read(real_data / folder):
            homes.setdefault(entry.source, set()).add(entry.split)
        assert "" not in homes
        assert all(len(folds) == 1 for folds in homes.values())


def test_a_probe_is_judged_without_what_leaks(tones: SimpleNamespace) -> None:
    clips = [
        replace(clip, source=f"s:{number}")
        for number, clip in enumerate(tones.everything(["train", "test"]))
    ]
    ear = tones.Ear()
    ear.sources = [f"s:{n}" for n, clip in enumerate(clips) if n % 3 == 0]
    scores = logistic.run(SOUND, *view(tones, clips, ear))
    leaked = sum(n % 3 == 0 for n, clip in enumerate(clips) if clip.split == "test")
    assert scores.detail["overlap"]["source"] == leaked > 0
    assert scores.support == sum(clip.split == "test" for clip in clips) - leaked
    # The head learns from recordings of the corpus, whatever the encoder has met of them.
    (part,) = scores.detail["parts"]
    assert part["trained_on"] == sum(clip.split == "train" for clip in clips)


def test_retrieval_counts_equal_texts_together(tones: SimpleNamespace) -> None:
    scores = retrieval.run(
        Task("tones", "retrieval"), *view(tones, tones.everything(["test", "train"]))
    )
    assert scores.detail["texts"] == 4
    assert scores.detail["recordings"] == 24
    for way in ("text_to_audio", "audio_to_text"):
        assert scores.values[f"{way}_recall@1"] == 1.0
        assert scores.values[f"{way}_map@10"] == 1.0
    assert scores.chance == 0.25


def test_retrieval_of_the_deaf_finds_nothing(tones: SimpleNamespace) -> None:
    clips = tones.everything(["test"])
    scores = retrieval.run(Task("tones", "retrieval"), *view(tones, clips, tones.Ear(deaf=True)))
    assert scores.values["text_to_audio_recall@10"] == 0.0


def test_retrieval_takes_every_caption_that_people_wrote(tones: SimpleNamespace) -> None:
    clips = [
        tones.Clip(pitch, labels={}, texts=(f"a {pitch} tone", f"{pitch} humming", "a tone"))
        for pitch in ("low", "high")
    ]
    scores = retrieval.run(Task("tones", "retrieval"), *view(tones, clips))
    assert scores.detail["texts"] == 5  # "a tone" answers both
    assert scores.values["audio_to_text_recall@1"] == 1.0


@pytest.mark.parametrize("protocol", [linear_probe, logistic])
def test_a_probe_learns_what_can_be_heard(tones: SimpleNamespace, protocol: object) -> None:
    clips = tones.everything(["train", "valid", "test"], each=20)
    ear, data = view(tones, clips)
    scores = protocol.run(SOUND, ear, data)
    assert scores.values["accuracy"] > 0.95
    (part,) = scores.detail["parts"]
    assert part["learned_from"] == ["train", "valid"]
    assert part["trained_on"] == 160
    assert scores.detail["grouped_by"] == ["speaker"]
    assert scores.detail["features"] == "the encoder's embeddings"
    again = protocol.run(SOUND, ear, data)
    assert again == scores


@pytest.mark.parametrize("protocol", [linear_probe, logistic])
def test_a_probe_of_noise_is_at_chance(tones: SimpleNamespace, protocol: object) -> None:
    class Noise(tones.Ear):
        def audio(self, sources):
            rng = np.random.default_rng(len(self.heard))
            self.heard.append(len(sources))
            return rng.normal(size=(len(sources), 8)).astype(np.float32)

    clips = tones.everything(["train", "test"], each=25)
    scores = protocol.run(SOUND, *view(tones, clips, Noise()))
    assert scores.values["accuracy_low"] < 0.3
    assert scores.values["accuracy"] < 0.4


def test_a_probe_of_a_fold_learns_from_the_others(tones: SimpleNamespace) -> None:
    clips = tones.everything(["fold1", "fold2", "fold3"])
    clips += [tones.Clip(pitch, "fold1") for pitch in ("middle",) * 3]
    scores = logistic.run(Task("tones", "sound", FOLDS), *view(tones, clips))
    parts = {part["split"]: part["learned_from"] for part in scores.detail["parts"]}
    assert parts == {
        "fold1": ["fold2", "fold3"],
        "fold2": ["fold1", "fold3"],
        "fold3": ["fold1", "fold2"],
    }
    assert scores.values["accuracy"] > 0.9
    assert scores.values["accuracy_pooled"] > 0.9


def test_a_probe_leaves_out_what_it_cannot_know(tones: SimpleNamespace) -> None:
    clips = [
        c for c in tones.everything(["train", "test"]) if (c.pitch, c.split) != ("low", "train")
    ]
    scores = logistic.run(SOUND, *view(tones, clips))
    assert scores.support == 18
    assert scores.detail["left_out"] == {"test: no class that the training part has": 6}
    assert scores.detail["classes_without_support"] == ["low"]


def test_a_probe_prefers_the_pooled_features(tones: SimpleNamespace) -> None:
    class Pooled(tones.Ear):
        def features(self, sources):
            return self.audio(sources) * 7

    scores = logistic.run(SOUND, *view(tones, tones.everything(["train", "test"]), Pooled()))
    assert scores.detail["features"] == "the encoder's output before the projection head"


@pytest.mark.parametrize("protocol", [linear_probe, logistic])
def test_a_probe_without_a_training_part_says_so(tones: SimpleNamespace, protocol: object) -> None:
    with pytest.raises(UsageError, match="the shards hold test only; prepare its other splits"):
        protocol.run(SOUND, *view(tones, tones.everything(["test"])))


@pytest.mark.parametrize("protocol", [linear_probe, logistic])
def test_a_single_speaker_and_single_classes_are_no_obstacle(
    tones: SimpleNamespace, protocol: object
) -> None:
    clips = [
        tones.Clip(pitch, split, speaker="ann")
        for split in ("train", "test")
        for pitch in ("low", "low", "low", "high", "shrill")
    ]
    scores = protocol.run(SOUND, *view(tones, clips))
    assert scores.support == 5


@pytest.mark.parametrize("each", [1, 2])
def test_a_recording_or_two_of_a_class_are_learned_from(tones: SimpleNamespace, each: int) -> None:
    scores = logistic.run(SOUND, *view(tones, tones.everything(["train", "test"], each=each)))
    assert scores.values["accuracy"] == 1.0


def test_one_class_is_no_question(tones: SimpleNamespace) -> None:
    clips = [tones.Clip("low", split) for split in ("train", "test")]
    for protocol in (zero_shot, logistic):
        with pytest.raises(UsageError, match="fewer than 2 classes"):
            protocol.run(SOUND, *view(tones, clips))


def test_an_absent_split_is_named_with_a_way_out(tones: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="tones/sound@valid"):
        zero_shot.run(SOUND, *view(tones, tones.everything(["train", "valid"])))


def test_a_model_that_has_diverged_is_refused(tones: SimpleNamespace) -> None:
    class Broken(tones.Ear):
        def audio(self, sources):
            rows = super().audio(sources)
            rows[3] = np.nan
            return rows

    with pytest.raises(DataError, match="finite"):
        zero_shot.run(SOUND, *view(tones, tones.everything(["test"]), Broken()))


def test_splits_are_embedded_once(tones: SimpleNamespace) -> None:
    ear, data = view(tones, tones.everything(["train", "test"]))
    for protocol in (zero_shot, logistic, linear_probe):
        protocol.run(SOUND, ear, data)
    retrieval.run(Task("tones", "retrieval"), ear, data)
    assert sum(ear.heard) == len(data.index)


def test_the_baseline_hears_loudness_and_pitch_and_reads_nothing(tones: SimpleNamespace) -> None:
    baseline, data = view(tones, tones.everything(["train", "test"]), Baseline())
    assert data.part("tones", "test").rows.vectors.shape == (24, 160)
    assert logistic.run(SOUND, baseline, data).values["accuracy"] == 1.0
    assert logistic.run(SOUND, baseline, data).seen == "unseen"
    with pytest.raises(UsageError, match="no text side"):
        zero_shot.run(SOUND, baseline, data)


@pytest.mark.parametrize("name", rooms.names("evaluate.protocols"))
def test_every_file_of_the_room_is_a_protocol(name: str) -> None:
    protocol = rooms.load("evaluate.protocols", name)
    assert list(inspect.signature(protocol).parameters) == ["task", "encoder", "data"]
    assert protocol.__doc__


def test_recordings_without_the_label_are_told_from_unknown_classes(tones: SimpleNamespace) -> None:
    clips = [*tones.everything(["train", "test"]), tones.Clip("low", "test", labels={})]
    scores = logistic.run(SOUND, *view(tones, clips))
    assert scores.detail["left_out"] == {"test: no sound is known": 1}
    assert scores.support == 24
