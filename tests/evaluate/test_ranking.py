"""Ranks by bounds are those of brute force, to the last hit, whatever way is taken to them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.evaluate import products, ranking
from clara.evaluate.metrics import ranked
from clara.evaluate.products import Product
from clara.evaluate.ranking import both_ways


def by_force(queries: np.ndarray, gallery: np.ndarray, belong: np.ndarray, k: int) -> np.ndarray:
    """Sorts everything in double precision, what does not belong first among equals."""
    scores = np.einsum("qd,gd->qg", queries.astype(np.float64), gallery.astype(np.float64))
    order = np.lexsort((belong, -scores), axis=1)[:, :k]
    return np.take_along_axis(belong, order, axis=1)


def planted(count: int, width: int, noise: float, fall: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    spread = np.arange(1.0, width + 1) ** -fall
    audio = rng.normal(size=(count, width)) * spread
    texts = np.repeat(audio, 3, axis=0) + noise * rng.normal(size=(3 * count, width)) * spread
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (audio, texts)]
    return unit[0].astype(np.float32), unit[1].astype(np.float32)


def in_small(patch: pytest.MonkeyPatch) -> None:
    """What else only large galleries meet: bf16, fewer directions, many tiles, dense rows."""
    patch.setattr(products, "_SMALL", -1)
    patch.setattr(products, "_WIDTHS", (1, 2, 3))
    patch.setattr(products, "_fastest", lambda: torch.bfloat16)
    for name, value in {"_ROWS": 7, "_COLUMNS": 5, "_PANEL": 13, "_DENSE": 3, "_PAIRS": 4}.items():
        patch.setattr(ranking, name, value)


@st.composite
def galleries(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    left, right = draw(st.integers(1, 40)), draw(st.integers(1, 60))
    width, k = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["whole numbers", "normal", "repeated", "near", "same"]))
    rows = [rng.normal(size=(count, width)) for count in (left, right)]
    if kind == "whole numbers":  # many ties, all of them exact
        rows = [rng.integers(-2, 3, each.shape).astype(float) for each in rows]
    elif kind == "repeated":
        rows[1] = rows[1][rng.integers(0, right, right)]
    elif kind == "near":  # nothing but double precision tells them apart
        rows[1] = rows[1][:1] * (1 + 1e-7 * rng.integers(-4, 5, (right, 1)))
    elif kind == "same":
        rows = [np.ones_like(each) for each in rows]
    belong = rng.random((left, right)) < draw(st.sampled_from([0.02, 0.1, 0.5]))
    belong[np.arange(left), rng.integers(0, right, left)] = True
    exact = draw(st.sampled_from([np.float32, np.float64]))
    return rows[0].astype(exact), rows[1].astype(exact), belong, k


@pytest.mark.parametrize("turned", [True, False])
@settings(max_examples=150, deadline=None)
@given(gallery=galleries())
def test_any_gallery_is_ranked_as_by_force(gallery, turned: bool) -> None:
    left, right, belong, k = gallery
    pairs = np.nonzero(belong)
    mixed = np.random.default_rng(0).permutation(len(pairs[0]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "_UNSURE", 1e-6 if turned else 1500.0)
        in_small(patch)
        mine, theirs = both_ways(left, right, (pairs[0][mixed], pairs[1][mixed]), k)
        own = [np.flatnonzero(row) for row in belong]
        alone = ranked(left, right, own, k)
    expected = by_force(left, right, belong, k)
    assert np.array_equal(mine, expected)
    assert np.array_equal(alone, expected)
    assert np.array_equal(theirs, by_force(right, left, belong.T, k))


@pytest.mark.parametrize(("noise", "fall"), [(0.5, 0.0), (2.5, 0.0), (0.3, 1.0), (1.0, 1.0)])
def test_large_galleries_are_ranked_as_by_force(monkeypatch, noise: float, fall: float) -> None:
    audio, texts = planted(1500, 256, noise, fall)
    pairs = np.arange(1500).repeat(3), np.arange(4500)
    belong = np.zeros((1500, 4500), dtype=bool)
    belong[pairs] = True
    monkeypatch.setattr(products, "_SMALL", 0)
    monkeypatch.setattr(products, "_fastest", lambda: torch.bfloat16)
    by_audio, by_text = both_ways(audio, texts, pairs, 10)
    assert np.array_equal(by_audio, by_force(audio, texts, belong, 10))
    assert np.array_equal(by_text, by_force(texts, audio, belong.T, 10))


def test_few_captions_of_many_recordings() -> None:
    rng = np.random.default_rng(3)
    kinds = rng.normal(size=(6, 16)).astype(np.float32)
    own = rng.integers(0, 6, 3000)
    audio = (kinds[own] + 2 * rng.normal(size=(3000, 16))).astype(np.float32)
    by_audio, by_text = both_ways(audio, kinds, (np.arange(3000), own), 10)
    belong = own[:, None] == np.arange(6)
    assert by_audio.shape == (3000, 6)
    assert np.array_equal(by_audio, by_force(audio, kinds, belong, 6))
    assert np.array_equal(by_text, by_force(kinds, audio, belong.T, 10))


def test_who_belongs_to_nobody_finds_nobody() -> None:
    rows = np.eye(4, dtype=np.float32)
    pairs = np.array([0, 1]), np.array([0, 1])
    mine, theirs = both_ways(rows, rows, pairs, 3)
    assert mine.sum(axis=1).tolist() == [1, 1, 0, 0]
    assert theirs.sum(axis=1).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fall", [0.0, 1.5])
def test_no_likeness_is_off_by_more_than_its_bound(monkeypatch, kind, fall: float) -> None:
    audio, texts = planted(300, 128, 0.7, fall)
    monkeypatch.setattr(products, "_SMALL", 0)
    monkeypatch.setattr(products, "_fastest", lambda: kind)
    pairs = np.arange(300).repeat(3), np.arange(900)
    monkeypatch.setattr(products, "_UNSURE", 1e-6 if fall else 1e6)
    exact = audio.astype(np.float64) @ texts.T.astype(np.float64)
    product = Product(audio, texts, pairs, exact[pairs])
    assert (product.width < 128) == (fall > 0)
    rows, columns = np.arange(300), np.arange(900)
    keys = product.keys(product.rows(0, rows), product.rows(1, columns))
    errors = product.errors(rows, columns)
    low, high = product.between(products.ordered(keys), errors[0][:, None])
    assert (low <= exact).all()
    assert (exact <= high).all()
    low, high = product.between(products.ordered(keys), errors[1][None, :])
    assert (low <= exact).all()
    assert (exact <= high).all()
    # Of what is compared, nothing that reaches it stays below, and nothing less is taken for it.
    middle = np.median(exact, axis=1)
    ordered = products.ordered(keys)
    assert (ordered >= product.bars(middle, errors[0])[:, None])[exact >= middle[:, None]].all()
    assert not (ordered >= product.safe(middle, errors[0])[:, None])[exact < middle[:, None]].any()


def test_the_result_does_not_depend_on_the_number_of_threads(monkeypatch) -> None:
    audio, texts = planted(2000, 64, 1.5, 0.3)
    pairs = np.arange(2000).repeat(3), np.arange(6000)
    monkeypatch.setattr(products, "_SMALL", 0)
    monkeypatch.setattr(ranking, "_ROWS", 100)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(both_ways(audio, texts, pairs, 10))
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(*found, strict=True):
        assert np.array_equal(one, other)
    assert threading.active_count() < 30


def test_what_adds_up_in_bf16_is_not_used(monkeypatch) -> None:
    products._fastest.cache_clear()
    real = torch.Tensor.__matmul__

    def rough(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return real(a, b) + (0.05 if a.dtype == torch.bfloat16 else 0)

    monkeypatch.setattr(torch.Tensor, "__matmul__", rough)
    assert products._fastest() == torch.float32
    monkeypatch.undo()
    products._fastest.cache_clear()
