from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clara.errors import UsageError
from clara.order import DataConfig, epoch_order, steps_per_epoch
from clara.shards import Index


def index(counts: dict[str, int], *, per_shard: int = 32, seconds: Any = None) -> Index:
    """What the order needs to know of an index, with corpora of these sizes."""
    names = list(counts)
    sizes = list(counts.values())
    codes = np.repeat(np.arange(len(names), dtype=np.int32), sizes)
    shards = np.concatenate([np.arange(n) // per_shard + 1000 * i for i, n in enumerate(sizes)])
    if seconds is None:
        seconds = np.random.default_rng(7).uniform(0.5, 12, len(codes))
    columns = {"seconds": np.asarray(seconds, dtype=np.float32)}
    fake = SimpleNamespace(
        codes=lambda name: (codes, names),
        column=columns.__getitem__,
        shard_ids=np.unique(shards, return_inverse=True)[1].astype(np.int32),
    )
    return cast(Index, fake)


def multilingual(counts: dict[tuple[str, str], int], *, per_shard: int = 50) -> Index:
    """An index of corpora whose languages are mixed in every shard."""
    rng = np.random.default_rng(3)
    corpora = sorted({corpus for corpus, _ in counts})
    languages = sorted({language for _, language in counts})
    corpus, language, shards = [], [], []
    for number, name in enumerate(corpora):
        sizes = [counts.get((name, each), 0) for each in languages]
        mine = rng.permutation(np.repeat(np.arange(len(languages), dtype=np.int32), sizes))
        corpus.append(np.full(len(mine), number, np.int32))
        language.append(mine)
        shards.append(np.arange(len(mine)) // per_shard + 10_000_000 * number)
    codes = {
        "corpus": (np.concatenate(corpus), corpora),
        "language": (np.concatenate(language), languages),
    }
    seconds = rng.uniform(0.5, 12, len(codes["corpus"][0])).astype(np.float32)
    fake = SimpleNamespace(
        codes=codes.__getitem__,
        column={"seconds": seconds}.__getitem__,
        shard_ids=np.unique(np.concatenate(shards), return_inverse=True)[1].astype(np.int32),
    )
    return cast(Index, fake)


def padding(order: np.ndarray, lengths: np.ndarray) -> float:
    """Share of the samples of time that are padding."""
    rows = lengths[order]
    return float(1 - rows.sum() / (rows.max(axis=1) * order.shape[1]).sum())


def test_an_epoch_visits_every_clip_once_but_for_the_last_batch() -> None:
    order = epoch_order(index({"a": 1000}), DataConfig(batch=16, pool=4), 0)
    assert order.shape == (62, 16)
    assert order.dtype == np.int64
    assert len(np.unique(order)) == 62 * 16
    other = epoch_order(index({"a": 1000}), DataConfig(batch=16, pool=4), 1)
    assert not np.array_equal(order, other)
    missed = [set(range(1000)) - set(o.ravel().tolist()) for o in (order, other)]
    assert missed[0] != missed[1]


def test_a_pure_function_of_index_settings_and_epoch() -> None:
    config = DataConfig(batch=8, weights={"b": 1.5})
    some = index({"a": 200, "b": 100})
    np.random.seed(3)  # noqa: NPY002  the global generator must not matter
    first = epoch_order(some, config, 5)
    np.testing.assert_array_equal(first, epoch_order(some, config, 5))
    for field in ("threads", "mix"):
        changed = replace(config, **{field: getattr(config, field) + 1})
        np.testing.assert_array_equal(first, epoch_order(some, changed, 5))
    for changed, epoch in [(config, 4), (replace(config, seed=1), 5)]:
        assert not np.array_equal(first, epoch_order(some, changed, epoch))


def test_the_order_is_pinned() -> None:
    """Another machine or a newer numpy has to go on with a run where this one stopped."""
    order = epoch_order(index({"a": 24, "b": 8}, per_shard=4), DataConfig(batch=4, pool=2), 3)
    assert order.tolist() == PINNED


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    weights=st.lists(st.floats(0.05, 4), min_size=4, max_size=4),
    batch=st.integers(1, 24),
    pool=st.integers(1, 5),
    window=st.integers(1, 5),
    epoch=st.integers(0, 5),
)
def test_weights_are_visits(
    sizes: list[int], weights: list[float], batch: int, pool: int, window: int, epoch: int
) -> None:
    counts = {f"c{i}": n for i, n in enumerate(sizes)}
    by_name = dict(zip(counts, weights, strict=False))
    config = DataConfig(batch=batch, pool=pool, window=window, weights=by_name)
    wanted = [max(1, round(n * by_name[name])) for name, n in counts.items()]
    some = index(counts, per_shard=7)
    if sum(wanted) < batch:
        with pytest.raises(UsageError, match="at least one batch"):
            epoch_order(some, config, epoch)
        return
    order = epoch_order(some, config, epoch)
    assert order.shape == (sum(wanted) // batch, batch) == (steps_per_epoch(some, config), batch)
    visits = np.bincount(order.ravel(), minlength=sum(sizes))
    dropped = sum(wanted) % batch
    for name, n in counts.items():
        first = int(sum(list(sizes)[: list(counts).index(name)]))
        mine = visits[first : first + n]
        expected = max(1, round(n * by_name[name]))
        assert expected - dropped <= mine.sum() <= expected
        assert mine.max() <= -(-expected // n)
        assert mine.min() >= expected // n - dropped


def test_a_weight_of_two_and_a_half() -> None:
    some = index({"a": 100, "b": 50})
    config = DataConfig(batch=1, weights={"a": 2.5})
    totals = np.zeros(150, int)
    for epoch in range(4):
        visits = np.bincount(epoch_order(some, config, epoch).ravel(), minlength=150)
        assert sorted(set(visits[:100])) == [2, 3]
        assert (visits[:100] == 3).sum() == 50
        assert (visits[100:] == 1).all()
        totals += visits
    # Whoever was left out by one epoch is taken by the next.
    assert (totals[:100] == 10).all()


def test_rare_visits_go_round() -> None:
    config = DataConfig(batch=1, weights={"a": 0.1})
    some = index({"a": 40, "b": 4})
    visits = sum(
        np.bincount(epoch_order(some, config, epoch).ravel(), minlength=44) for epoch in range(10)
    )
    assert (visits[:40] == 1).all()


def test_passes_of_a_corpus_lie_apart_and_corpora_stay_mixed() -> None:
    """With 2 visits, the first half of an epoch has about one of each; b is spread over all."""
    some = index({"a": 6400, "b": 6400}, per_shard=16)
    order = epoch_order(some, DataConfig(batch=16, weights={"a": 2}, window=8, pool=4), 0)
    half = len(order) // 2
    first = np.bincount(order[:half].ravel(), minlength=12800)
    assert (first[:6400] == 1).mean() > 0.95
    assert first[:6400].sum() / first.sum() == pytest.approx(2 / 3, abs=0.03)
    for quarter in np.array_split(order, 4):
        assert (quarter < 6400).mean() == pytest.approx(2 / 3, abs=0.06)


@pytest.mark.parametrize("weight", [0.3, 0.5, 1.5, 2.5])
def test_parts_of_a_pass_are_spread_over_the_epoch(weight: float) -> None:
    some = index({"a": 6400, "b": 6400}, per_shard=16)
    order = epoch_order(some, DataConfig(batch=16, weights={"a": weight}, pool=4), 0)
    for tenth in np.array_split(order, 10):
        assert (tenth < 6400).mean() == pytest.approx(weight / (1 + weight), abs=0.1)


# --------------------------------------------------------------------------------------- languages


def zipf(languages: int, most: int) -> dict[tuple[str, str], int]:
    """Two corpora: the second has every other language only, and sounds without any."""
    counts = {("one", f"l{i:03d}"): 3 + most // (i + 1) for i in range(languages)}
    counts |= {("two", f"l{i:03d}"): 1 + most // (3 * i + 2) for i in range(0, languages, 2)}
    return counts | {("two", ""): most // 4}


@pytest.mark.parametrize(
    ("balance", "weight"), [(0.0, 1.0), (0.3, 2.5), (0.7, 2.5), (0.7, 0.4), (1.0, 1.0)]
)
def test_languages_get_their_share(balance: float, weight: float) -> None:
    """p = n^a / sum n^a over 181 languages and the clips that have none, at the same length."""
    counts = zipf(181, 20_000)
    some = multilingual(counts)
    config = DataConfig(batch=8, balance=balance, weights={"two": weight})
    order = epoch_order(some, config, 2).ravel()
    (corpus, corpora), (language, languages) = some.codes("corpus"), some.codes("language")
    assert len(languages) == 182

    weighted = np.zeros((2, 182))
    for (name, each), n in counts.items():
        weighted[corpora.index(name), languages.index(each)] = n * (1, weight)[name == "two"]
    n = weighted.sum(axis=0)
    p = n**balance / (n**balance).sum()
    total = n.sum()
    # To a visit for each language of each corpus, for visits are whole, and the last batch.
    assert len(order) == pytest.approx(total, abs=364 + 8)
    heard = np.bincount(language[order], minlength=182)
    np.testing.assert_allclose(heard, p * total, atol=2 + 8)
    # Inside a language the corpora keep the proportion that their weights give them.
    both = np.zeros((2, 182))
    np.add.at(both, (corpus[order], language[order]), 1)
    np.testing.assert_allclose(both, weighted / n * p * total, atol=2 + 8)


def test_all_clips_of_a_language_get_their_turn() -> None:
    some = multilingual({("a", "en"): 900, ("a", "mt"): 100, ("b", ""): 50})
    config = DataConfig(batch=1, balance=0.5)
    language, names = some.codes("language")
    visits = sum(
        np.bincount(epoch_order(some, config, epoch).ravel(), minlength=1050) for epoch in range(20)
    )
    for code in range(3):
        mine = visits[language == code]
        assert mine.max() - mine.min() <= 1, names[code]


def test_balanced_languages_stay_mixed_and_reading_local() -> None:
    some = multilingual(zipf(40, 40_000))
    order = epoch_order(some, DataConfig(batch=32, balance=0.5, window=8, pool=8), 0)
    language, names = some.codes("language")
    whole = np.bincount(language[order.ravel()], minlength=len(names)) / order.size
    for tenth in np.array_split(order, 10):
        part = np.bincount(language[tenth.ravel()], minlength=len(names)) / tenth.size
        assert np.abs(part - whole).max() < 0.03
    shards = some.shard_ids[order]
    runs = [len(np.unique(part)) for part in np.array_split(shards, len(order) // 32)]
    assert np.median(runs) < some.shard_ids.max() / 2


def test_no_clip_twice_in_a_batch() -> None:
    """Even where a pool holds several passes, in which equal lengths would meet."""
    some = index({"a": 300, "b": 100})
    for epoch in range(5):
        order = epoch_order(some, DataConfig(batch=32, weights={"a": 3, "b": 2}), epoch)
        twice = [len(row) - len(set(row)) for row in order.tolist()]
        assert sum(twice) == 0


def test_reading_is_local() -> None:
    """A step touches few shards, and a shard is done with after a short while."""
    some = index({"a": 64_000}, per_shard=64)
    order = epoch_order(some, DataConfig(batch=32, window=8, pool=8), 0)
    shards = some.shard_ids[order]
    assert max(len(np.unique(step)) for step in shards) <= 24
    steps = np.repeat(np.arange(len(order)), 32)
    for shard in range(0, 1000, 50):
        when = steps[shards.ravel() == shard]
        assert when.max() - when.min() <= 40
    assert not np.array_equal(np.sort(shards[:10].ravel()), shards[:10].ravel())


def test_shards_and_rows_are_well_shuffled() -> None:
    some = index({"a": 64_000}, per_shard=64)
    order = epoch_order(some, DataConfig(batch=32, window=8, pool=8), 0).ravel()
    place = np.arange(len(order))
    assert abs(np.corrcoef(place, order)[0, 1]) < 0.1
    with_next = np.corrcoef(order[:-1] % 64, order[1:] % 64)[0, 1]
    assert abs(with_next) < 0.02


def test_length_buckets_save_padding() -> None:
    seconds = np.random.default_rng(0).uniform(1, 10, 20_000)
    some = index({"a": 20_000}, seconds=seconds)
    plain = padding(epoch_order(some, DataConfig(batch=32, pool=1), 0), seconds)
    sorted_ = padding(epoch_order(some, DataConfig(batch=32, pool=32), 0), seconds)
    # The longest of 32 uniform draws from 1 to 10 is 9.73 on average, their mean 5.5.
    assert plain == pytest.approx(1 - 5.5 / 9.73, abs=0.01)
    assert sorted_ < 0.08


@pytest.mark.parametrize("batch", [32, 96, 256])
@pytest.mark.parametrize("lengths", ["log-normal", "gamma", "uniform", "words and sentences"])
def test_at_most_a_twentieth_is_padding(lengths: str, batch: int) -> None:
    """With settings nobody chose, on lengths as corpora have them."""
    rng = np.random.default_rng(1)
    n = 60_000
    seconds = {
        "log-normal": lambda: np.exp(rng.normal(np.log(5), 0.6, n)).clip(1, 20),
        "gamma": lambda: rng.gamma(4, 1.5, n).clip(0.5, 30),
        "uniform": lambda: rng.uniform(1, 10, n),
        "words and sentences": lambda: np.where(
            rng.random(n) < 0.8, rng.normal(1, 0.1, n).clip(0.3, 2), rng.uniform(1, 20, n)
        ),
    }[lengths]()
    config = DataConfig(batch=batch)
    order = epoch_order(index({"a": n}, seconds=seconds), config, 0)
    wasted = padding(order, np.minimum(seconds, config.max_seconds))
    assert wasted <= 0.05
    # Yet who were together hardly meet in the next epoch.
    before = np.full(n, -1)
    before[order.ravel()] = np.repeat(np.arange(len(order)), batch)
    again = [
        np.square(np.bincount(before[row][before[row] >= 0])).sum() - batch
        for row in epoch_order(index({"a": n}, seconds=seconds), config, 1)
    ]
    assert sum(again) / (len(order) * batch * (batch - 1)) < 0.15


def test_lengths_are_capped_before_they_are_sorted() -> None:
    """Clips that are cut to the same length need no order: they are shuffled by the jitter."""
    seconds = np.linspace(20, 200, 640)
    order = epoch_order(index({"a": 640}, seconds=seconds), DataConfig(batch=32, pool=20), 0)
    assert np.abs(np.corrcoef(order.min(axis=1), order.max(axis=1))[0, 1]) < 0.6
    assert np.median(np.ptp(order, axis=1)) > 500


def test_clips_of_like_length_meet_others_in_the_next_epoch() -> None:
    some = index({"a": 640})
    config = DataConfig(batch=32, pool=20)
    first, second = (epoch_order(some, config, epoch) for epoch in (0, 1))
    sets = [set(map(frozenset, o.tolist())) for o in (first, second)]
    assert len(sets[0] & sets[1]) <= 2
    both = [len(a & b) for a in sets[0] for b in sets[1]]
    assert np.mean(sorted(both)[-20:]) < 28
    # Long and short batches alternate, instead of going from short to long.
    assert abs(np.corrcoef(np.arange(20), some.column("seconds")[first].mean(axis=1))[0, 1]) < 0.7


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, 0) for name in ("batch", "window", "pool", "threads", "max_seconds")),
        *(("max_seconds", float(v)) for v in ("nan", "inf", "-1")),
        *(("balance", v) for v in (-0.1, 1.1, float("nan"))),
        *(("seed", -1), ("mix", 1.5), ("mix", float("nan"))),
        *(("weights", {"a": v}) for v in (-1.0, float("nan"), float("inf"))),
    ],
)
def test_impossible_settings(field: str, value: Any) -> None:
    with pytest.raises(UsageError, match=r"^Expected .* but found \S+\.$"):
        DataConfig(**{field: value})


def test_fewer_clips_than_a_batch() -> None:
    with pytest.raises(UsageError, match=r"one batch of 96 clips .* but found 95; ask for"):
        epoch_order(index({"a": 95}), DataConfig(), 0)
    with pytest.raises(UsageError, match="found 0"):
        epoch_order(index({"a": 0}), DataConfig(batch=1), 0)


PINNED = [
    [8, 7, 5, 16],
    [21, 11, 30, 22],
    [6, 23, 20, 4],
    [10, 9, 14, 1],
    [29, 28, 27, 19],
    [24, 3, 13, 26],
    [31, 12, 25, 15],
    [18, 0, 2, 17],
]
