"""What learns on top of an encoder: frozen where it says so, apart from what is tested, and right.

`test_protocols.py` holds what all protocols have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import TINY
from torch import nn

from clara.checkpoint import About
from clara.embed import Clara
from clara.errors import UsageError
from clara.evaluate.embedded import EmbeddedIndex
from clara.evaluate.protocols import fine_tune, linear_probe, logistic
from clara.evaluate.protocols._probe import Lesson, probe
from clara.evaluate.run import evaluate
from clara.evaluate.tasks import FOLDS, Task
from clara.model import ClaraModel
from clara.text.tokens import Tokens

pytestmark = pytest.mark.usefixtures("one_thread")

SOUND = Task("tones", "sound")
DEEP = {"low": ("low", "deep"), "middle": ("middle", "deep"), "high": ("high",), "shrill": ()}


def view(tones: SimpleNamespace, clips: Sequence[Any], ear: Any = None, **options: Any) -> Any:
    ear = ear or tones.Ear()
    return ear, EmbeddedIndex(ear, tones.shards(clips), **options)


@pytest.fixture
def clara() -> Clara:
    torch.manual_seed(0)
    return Clara(ClaraModel(TINY), Tokens.bytes_only(), About("tiny"), batch=4)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> fine_tune.Recipe:
    recipe = fine_tune.Recipe(tower_rate=3e-3, head_rate=3e-3, rounds=6, batch=8, bf16=False)
    monkeypatch.setattr(fine_tune, "RECIPE", recipe)
    return recipe


@pytest.fixture
def thorough(quick: fine_tune.Recipe, monkeypatch: pytest.MonkeyPatch) -> fine_tune.Recipe:
    recipe = replace(quick, rounds=40, patience=40)
    monkeypatch.setattr(fine_tune, "RECIPE", recipe)
    return recipe


class Bands(nn.Module):
    """How loud each band of 80 Hz is, times what it learns."""

    def __init__(self, gain: torch.Tensor) -> None:
        super().__init__()
        self.gain = nn.Parameter(gain.clone())

    def forward(self, waves: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        loud = (
            torch.fft.rfft(waves * torch.hann_window(2000))
            .abs()[:, :1000]
            .unflatten(1, (50, 20))
            .mean(2)
        )
        return loud.clamp(min=1e-3).log() * self.gain


# Frozen, and trained.


@pytest.mark.parametrize("protocol", [linear_probe, logistic])
def test_a_probe_rests_on_an_encoder_without_dropout(tones: SimpleNamespace, protocol: Any) -> None:
    torch.manual_seed(0)
    config = replace(TINY, audio=replace(TINY.audio, keep=0.5, dropout=0.5))
    encoder = Clara(ClaraModel(config), Tokens.bytes_only(), About("restless"), batch=4)
    encoder.model.train()  # as it is while it is trained, or as some framework may leave it
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    _, data = view(tones, tones.everything(["train", "test"]), encoder)
    first = protocol.run(SOUND, encoder, data)
    seen = data.part("tones", "train", features=True).rows.vectors

    again = EmbeddedIndex(encoder, data.index)
    assert protocol.run(SOUND, encoder, again) == first
    samples = [data.index.sample(i) for i in range(len(data.index))]
    waves = [s.wave for s, split in zip(samples, data.index.column("split"), strict=True)]
    train = [w for w, s in zip(waves, data.index.column("split"), strict=True) if s == "train"]
    quiet = encoder.model.audio.eval()
    with torch.inference_mode():
        rows = [quiet(torch.tensor(w)[None], torch.tensor([len(w)]))[0].numpy() for w in train]
        restless = encoder.model.audio.train()
        other = restless(torch.tensor(train[0])[None], torch.tensor([len(train[0])]))[0].numpy()
    np.testing.assert_allclose(seen, rows, atol=1e-4)
    assert np.abs(other - rows[0]).max() > 0.01
    after = encoder.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_tower_learns_what_it_did_not_hear_before(
    tones: SimpleNamespace, thorough: fine_tune.Recipe
) -> None:
    # It hears no more than what no tone is in: all bands above 2.4 kHz.
    ignorant = Bands((torch.arange(50) > 30).float())

    class Ignorant(tones.Ear):
        def features(self, sources: Sequence[Any]) -> np.ndarray:
            waves = torch.stack([torch.tensor(wave) for wave, _ in sources])
            with torch.inference_mode():
                return ignorant(waves, torch.full((len(waves),), 2000)).numpy()

        def tower(self) -> nn.Module:
            return deepcopy(ignorant)

    encoder, data = view(tones, tones.everything(["train", "test"], each=24), Ignorant())
    frozen = linear_probe.run(SOUND, encoder, data)
    tuned = fine_tune.run(SOUND, encoder, data)
    assert frozen.values["accuracy"] < 0.45
    assert tuned.values["accuracy"] > 0.7
    assert torch.equal(ignorant.gain, (torch.arange(50) > 30).float())


def test_the_encoder_stays_as_it_is(
    tones: SimpleNamespace, clara: Clara, quick: fine_tune.Recipe
) -> None:
    encoder, data = view(tones, tones.everything(["train", "test"], each=12), clara)
    encoder.model.train()
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    dice = torch.get_rng_state()
    frozen = linear_probe.run(SOUND, encoder, data)
    tuned = fine_tune.run(SOUND, encoder, data)
    assert tuned.values["accuracy"] >= frozen.values["accuracy"]
    assert tuned.protocol == "fine_tune"
    assert tuned.detail["recipe"]["tower_rate"] == quick.tower_rate
    (part,) = tuned.detail["parts"]
    assert part["rounds"] > 0
    assert part["validation_loss"] < part["validation_loss_of_the_probe"]

    after = encoder.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(each.grad is None for each in encoder.model.parameters())
    assert encoder.model.training
    assert torch.equal(torch.get_rng_state(), dice)
    assert fine_tune.run(SOUND, encoder, data) == tuned


def test_a_seed_decides_what_is_learned(
    tones: SimpleNamespace, clara: Clara, quick: fine_tune.Recipe
) -> None:
    _, data = view(tones, tones.everything(["train", "test"]), clara)
    for protocol in (linear_probe, fine_tune):
        losses = set()
        for seed in (0, 1, 1):
            again = EmbeddedIndex(clara, data.index, seed=seed)
            (part,) = protocol.run(SOUND, clara, again).detail["parts"]
            losses.add(part["validation_loss"])
        assert len(losses) == 2


def test_a_tower_that_only_gets_worse_is_left_as_it_was(
    tones: SimpleNamespace, clara: Clara, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = fine_tune.Recipe(tower_rate=1e3, head_rate=1e3, rounds=9, patience=2, bf16=False)
    monkeypatch.setattr(fine_tune, "RECIPE", wild)
    _, data = view(tones, tones.everything(["train", "test"]), clara)
    probed, tuned = linear_probe.run(SOUND, clara, data), fine_tune.run(SOUND, clara, data)
    assert tuned.detail["parts"][0]["rounds"] == 0
    assert tuned.values == probed.values
    loss = tuned.detail["parts"][0]["validation_loss"]
    assert loss == pytest.approx(probed.detail["parts"][0]["validation_loss"], abs=1e-4)


def test_each_fold_is_tuned_anew(
    tones: SimpleNamespace, clara: Clara, quick: fine_tune.Recipe
) -> None:
    clips = tones.everything(["fold1", "fold2", "fold3"])
    told: list[tuple[int, int]] = []
    _, data = view(tones, clips, clara, progress=lambda done, total: told.append((done, total)))
    scores = fine_tune.run(Task("tones", "sound", FOLDS), clara, data)
    learned = {part["split"]: part["learned_from"] for part in scores.detail["parts"]}
    assert learned["fold2"] == ["fold1", "fold3"]
    assert scores.support == len(clips)
    # The splits are embedded, then each fold learns: never more than was announced.
    assert all(done <= total for done, total in told)
    assert sum(done == 8 for done, total in told) >= 3


def test_long_recordings_are_cut_to_learn_and_tested_whole(
    tones: SimpleNamespace, clara: Clara, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[bool, set[int]] = {True: set(), False: set()}

    class Listening(Clara):
        def tower(self) -> Any:
            tower = super().tower()

            def note(module: nn.Module, inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
                heard[module.training] |= set(inputs[1].tolist())

            tower.register_forward_pre_hook(note)
            return tower

    short = fine_tune.Recipe(seconds=0.1, rounds=1, bf16=False)
    monkeypatch.setattr(fine_tune, "RECIPE", short)
    encoder = Listening(clara.model, clara.tokens, clara.about)
    _, data = view(tones, tones.everything(["train", "test"]), encoder)
    fine_tune.run(SOUND, encoder, data)
    assert heard == {True: {800}, False: {2000}}


def test_an_encoder_may_hide_its_features(
    tones: SimpleNamespace, thorough: fine_tune.Recipe
) -> None:
    class Handing(tones.Ear):
        def tower(self) -> nn.Module:
            return Bands(torch.ones(50))

    scores = fine_tune.run(SOUND, *view(tones, tones.everything(["train", "test"]), Handing()))
    assert scores.values["accuracy"] > 0.7


def test_an_encoder_without_a_tower_says_so(tones: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match=r"^ear cannot be fine-tuned: it gives out no audio tower"):
        fine_tune.run(SOUND, *view(tones, tones.everything(["train", "test"])))


def test_nothing_is_tuned_unless_asked(tones: SimpleNamespace, clara: Clara) -> None:
    index = tones.shards(tones.everything(["train", "test"]))
    results = evaluate(clara, index, ["tones/sound"])
    assert "fine_tune" not in {each.protocol for each in (*results.scores, *results.missing)}


# Apart from what is tested.


def test_what_is_learned_is_apart_from_what_is_tested(tones: SimpleNamespace) -> None:
    clips = [
        replace(clip, source=f"s:{number // 8 % 11}")
        for number, clip in enumerate(tones.everything(["train", "valid", "test"], each=8))
    ]
    _, data = view(tones, clips)
    met: list[tuple[Lesson, Any]] = []

    def fit(lesson: Lesson, tested: Any) -> Any:
        met.append((lesson, tested))
        return np.zeros((len(tested.rows), lesson.classes)), {}

    scores = probe(SOUND, "nothing", data, fit)
    ((learned, tested),) = met
    index = data.index
    source = {index.key(i): index.column("source")[i] for i in range(len(index))}
    split = {index.key(i): index.column("split")[i] for i in range(len(index))}
    assert not set(learned.keys) & set(tested.rows.keys)
    assert not {source[key] for key in learned.keys} & {source[key] for key in tested.rows.keys}
    assert {split[key] for key in learned.keys} == {"train", "valid"}
    assert [split[key] == "valid" for key in learned.keys] == learned.held.tolist()
    (part,) = scores.detail["parts"]
    left = part["not_learned_from"]["cut from sources that are tested"]
    assert left == 64 - len(learned.keys) > 0
    assert part["trained_on"] == len(learned.keys)


# Right.


def test_large_data_are_learned_by_the_block(
    tones: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ear, data = view(tones, tones.everything(["train", "test"], each=20))
    plain = logistic.run(SOUND, ear, data)
    monkeypatch.setattr(logistic, "_LARGE", 240)
    monkeypatch.setattr(logistic, "_ENOUGH", 40)
    monkeypatch.setattr("clara.evaluate.protocols._regression._BLOCK", 7)
    monkeypatch.setattr("clara.evaluate.protocols._head._CHUNK", 7)
    large = logistic.run(SOUND, ear, data)
    assert large.detail["parts"][0]["C_chosen_on"] == 60
    assert large.values["accuracy"] == plain.values["accuracy"] == 1.0


@pytest.mark.parametrize("protocol", [linear_probe, logistic, fine_tune])
def test_several_labels_each(
    tones: SimpleNamespace, clara: Clara, quick: fine_tune.Recipe, protocol: Any
) -> None:
    clips = [
        replace(clip, labels={"sound": DEEP[clip.pitch]})
        for clip in tones.everything(["train", "test"], each=20)
    ]
    # A label that only one side has, and a recording that only has such a label.
    clips += [tones.Clip("high", "train", labels={"sound": ("rare", "high")})]
    clips += [tones.Clip("high", "test", labels={"sound": ("new", "high")})]
    clips += [tones.Clip("low", "test", labels={"sound": ("newer",)})]
    encoder = clara if protocol is fine_tune else None
    scores = protocol.run(SOUND, *view(tones, clips, encoder))
    assert scores.detail["primary"] == "map"
    assert scores.values["map"] > 0.9
    assert scores.values["accuracy_any"] > 0.9
    assert scores.support == 61
    assert scores.detail["left_out"] == {
        "test: no sound is known": 20,
        "test: no class that the training part has": 1,
    }
    assert set(scores.detail["classes_without_support"]) == {"rare", "new", "newer"}
    (part,) = scores.detail["parts"]
    assert (part["classes"], part["trained_on"]) == (4, 61)
    assert len(scores.outcomes) == 61


# Hardly anything to learn from.


@pytest.mark.parametrize("protocol", [linear_probe, logistic, fine_tune])
@pytest.mark.parametrize(
    ("train", "test", "why"),
    [
        (["low"] * 4, ["low", "high"], "test shares fewer than 2 classes"),
        (["low"], ["low", "high"], "test shares fewer than 2 classes"),
        (["low", "high"], ["shrill", "middle"], "test shares fewer than 2 classes"),
        ([], ["low", "high"], "prepare its other splits"),
    ],
)
def test_what_cannot_be_learned_is_said(
    tones: SimpleNamespace, clara: Clara, protocol: Any, train: list, test: list, why: str
) -> None:
    clips = [tones.Clip(pitch, "train") for pitch in train]
    clips += [tones.Clip(pitch, "test") for pitch in test]
    with pytest.raises(UsageError, match=why):
        protocol.run(SOUND, *view(tones, clips, clara))
    several = [replace(clip, labels={"sound": (clip.pitch, "tone")}) for clip in clips]
    if len(train) == 1 or not train:
        with pytest.raises(UsageError, match=r"fewer than 2 classes|other splits"):
            protocol.run(SOUND, *view(tones, several, clara))


@pytest.mark.parametrize("protocol", [linear_probe, logistic, fine_tune])
@pytest.mark.parametrize("speakers", [("ann", "ann"), ("ann", "bob"), ("", "")])
def test_two_recordings_are_a_training_part(
    tones: SimpleNamespace,
    clara: Clara,
    quick: fine_tune.Recipe,
    protocol: Any,
    speakers: tuple[str, str],
) -> None:
    clips = [
        tones.Clip(pitch, split, speaker)
        for pitch, speaker in zip(("low", "high"), speakers, strict=True)
        for split in ("train", "test")
    ]
    clips += [tones.Clip("shrill", "test")]  # a class that only the test has
    scores = protocol.run(SOUND, *view(tones, clips, clara))
    assert scores.support == 2
    assert scores.detail["left_out"] == {"test: no class that the training part has": 1}
