"""Maps of embeddings: the same recordings for every model, and classes that lie together."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from clara.encoders.baseline import Baseline
from clara.evaluate import map as maps
from clara.evaluate.map import Map
from clara.evaluate.run import compare, evaluate


def drawn(tones: SimpleNamespace, encoder: object, **how: object) -> list[Map]:
    index = tones.shards(tones.everything(["train", "test"]))
    results = evaluate(encoder, index, ["tones/sound"], ["zero_shot"], maps=True, **how)
    return list(results.maps)


def inside_and_between(found: Map) -> tuple[float, float]:
    """The mean distance of recordings to those of their class, and to others."""
    apart = np.linalg.norm(found.audio[:, None] - found.audio[None], axis=2)
    same = np.equal.outer(found.labels, found.labels)
    return float(apart[same].mean()), float(apart[~same].mean())


def test_recordings_and_prompts_of_a_class_lie_together(tones: SimpleNamespace) -> None:
    (found,) = drawn(tones, tones.Ear())
    assert found.method == "t-SNE"
    assert set(found.classes) == set(tones.PITCHES)
    assert found.audio.shape == (24, 2)
    assert found.prompts.shape == (4, 2)
    assert found.total == len(found.keys) == 24
    assert found.template == "The sound of {label}"
    inside, between = inside_and_between(found)
    assert inside < between / 2
    for label, prompt in enumerate(found.prompts):
        middles = [found.audio[np.equal(found.labels, each)].mean(axis=0) for each in range(4)]
        nearest = np.argmin([np.linalg.norm(middle - prompt) for middle in middles])
        assert nearest == label


def test_the_labels_are_those_of_the_recordings(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["test"]))
    (found,) = evaluate(tones.Ear(), index, ["tones/sound"], ["zero_shot"], maps=True).maps
    rows = {index.key(row): index.labels(row)["sound"][0] for row in range(len(index))}
    assert [rows[key] for key in found.keys] == [found.classes[label] for label in found.labels]


def test_a_map_is_drawn_only_when_it_is_asked_for(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["test"]))
    assert evaluate(tones.Ear(), index, ["tones/sound"], ["zero_shot"]).maps == ()


def test_the_same_map_is_drawn_again(tones: SimpleNamespace) -> None:
    first, second = (drawn(tones, tones.Ear())[0] for _ in range(2))
    assert np.array_equal(first.audio, second.audio)
    assert np.array_equal(first.prompts, second.prompts)


def test_models_show_the_same_recordings_under_their_own_names(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["train", "test"]))
    models = {"one": tones.Ear(), "two": Baseline()}
    results = compare(models, index, ["tones/sound"], ["zero_shot", "logistic"], maps=True)
    one, two = results.maps
    assert (one.encoder, two.encoder) == ("one", "two")
    assert one.keys == two.keys
    assert one.gap is not None
    assert (two.gap, len(two.prompts)) == (None, 0)


def test_of_many_recordings_some_are_drawn(
    tones: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maps, "MOST", 10)
    (found,) = drawn(tones, tones.Ear())
    assert (len(found.audio), len(found.keys), found.total) == (10, 10, 24)


def test_few_recordings_make_no_map(tones: SimpleNamespace) -> None:
    index = tones.shards(tones.everything(["test"], each=1))
    results = evaluate(tones.Ear(), index, ["tones/sound"], ["zero_shot"], maps=True)
    assert results.maps == ()


def test_a_model_that_gives_everything_one_row_has_a_map_too(tones: SimpleNamespace) -> None:
    (found,) = drawn(tones, tones.Ear(deaf=True))
    assert np.isfinite(found.audio).all()
    assert np.isfinite(found.prompts).all()


@pytest.fixture
def without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)


@pytest.mark.usefixtures("without_scikit_learn")
def test_without_scikit_learn_principal_axes_do(tones: SimpleNamespace) -> None:
    (found,) = drawn(tones, tones.Ear())
    assert found.method == "PCA"
    inside, between = inside_and_between(found)
    assert inside < between / 2


def distances(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows[:, None] - rows[None], axis=2)


@pytest.mark.usefixtures("without_scikit_learn")
def test_principal_axes_keep_the_distances_of_a_plane() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(20, 2)) @ rng.normal(size=(2, 9)) + 5
    placed, _ = maps._plane(flat)
    assert np.allclose(distances(placed), distances(flat))


def test_rows_on_one_spot_or_line_need_no_unfolding() -> None:
    rng = np.random.default_rng(0)
    spot = np.repeat(rng.normal(size=(1, 9)), 20, axis=0)
    line = rng.normal(size=(20, 1)) @ rng.normal(size=(1, 9))
    for rows in (spot, line, line[:, :1]):
        placed, method = maps._plane(rows)
        assert method == "PCA"
        assert np.allclose(distances(placed), distances(rows))
