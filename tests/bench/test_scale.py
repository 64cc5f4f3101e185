"""The simulation of fleets: what follows from its costs, whatever they are."""

from __future__ import annotations

import importlib
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def scale(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    return importlib.import_module("bench.scale")


@pytest.fixture
def fleet(scale: ModuleType) -> ModuleType:
    return importlib.import_module("bench._fleet")


@pytest.fixture
def costs(scale: ModuleType) -> Any:
    return scale.Costs(
        prepare=2e-3,
        load=2e-4,
        decode=5e-4,
        mel=2e-4,
        augment=2e-4,
        flops=2e11,
        vocabulary=1e-5,
        flac=70e3,
        order=3e-7,
        held=57.0,
        peak=82.0,
    )


@pytest.fixture
def options() -> Namespace:
    return Namespace(
        price=[0.8, 60.0],
        share_of_peak=0.4,
        network=3200.0,
        store=10.0,
        doors=100.0,
        seconds=3.57,
        source=100e3,
        machines=1,
    )


def test_the_busiest_resource_sets_the_pace(fleet: ModuleType) -> None:
    stages = [
        fleet.Stage("decode", "cores", 1e-3),
        fleet.Stage("train", "cores", 2e-3),
        fleet.Stage("read", "link", 2.5e-3),
        fleet.Stage("door", "store", 1e-4, shared=True),
    ]
    job = fleet.Job(1e6, stages, {"index": 360.0})
    took = fleet.run(job, 1, price=2.0)
    assert took.hours == pytest.approx((3000 + 360) / 3600)
    assert took.cost == pytest.approx(2 * took.hours)
    assert took.bottleneck == "train"
    # Ten machines do not open the one door of the store any wider, nor does the index go faster.
    assert fleet.run(job, 10, 2.0).hours == pytest.approx((300 + 360) / 3600)
    assert fleet.run(job, 10, 2.0).bottleneck == "index"
    assert fleet.run(replace(job, serial={}), 100, 2.0).hours == pytest.approx(100 / 3600)
    assert fleet.run(replace(job, serial={}), 100, 2.0).bottleneck == "door"


def jobs(scale: ModuleType) -> list[tuple[Any, Any]]:
    plans = [(scale.prepared, scale.cpu)]
    return plans + [(p, m) for p in (scale.trained, scale.embedded) for m in (scale.cpu, scale.gpu)]


def test_more_machines_never_take_longer(
    scale: ModuleType, fleet: ModuleType, costs: Any, options: Namespace
) -> None:
    for plan, kind in jobs(scale):
        for pairs in scale.PAIRS.values():
            hours = []
            for options.machines in (1, 2, 8, 64):
                node = kind(options)
                job = plan(costs, node, pairs, options)
                hours.append(fleet.run(job, options.machines, node.price).hours)
            assert hours == sorted(hours, reverse=True)
            assert hours[0] / hours[-1] <= 64 * 1.0001


@pytest.mark.parametrize(
    ("plan", "kind", "slow", "bottleneck"),
    [
        ("prepared", "cpu", {"prepare": 1.0}, "decoding, resampling, FLAC"),
        ("trained", "gpu", {}, "matrix products"),
        ("trained", "gpu", {"decode": 1.0}, "decoding"),
        ("trained", "gpu", {"load": 0.01}, "Python of the loader"),
        ("trained", "gpu", {"vocabulary": 1.0}, "the vocabulary"),
        ("trained", "gpu", {"order": 1.0}, "the order of the epoch"),
        ("trained", "gpu", {"flac": 1e8}, "reading shards"),
        ("trained", "cpu", {"mel": 100.0}, "features"),
        ("embedded", "cpu", {}, "matrix products"),
    ],
)
def test_what_is_made_slow_is_named(
    scale: ModuleType,
    fleet: ModuleType,
    costs: Any,
    options: Namespace,
    plan: str,
    kind: str,
    slow: dict[str, float],
    bottleneck: str,
) -> None:
    node = getattr(scale, kind)(options)
    job = getattr(scale, plan)(replace(costs, **slow), node, 21e6, options)
    assert fleet.run(job, 1, node.price).bottleneck == bottleneck


def test_a_narrow_network_is_named(
    scale: ModuleType, fleet: ModuleType, costs: Any, options: Namespace
) -> None:
    options.machines, options.network = 8, 1.0
    node = scale.gpu(options)
    job = scale.trained(costs, node, 21e6, options)
    assert fleet.run(job, 8, node.price).bottleneck == "adding up gradients"


def test_no_byte_is_lost(scale: ModuleType, costs: Any, options: Namespace) -> None:
    written = 21e6 * options.seconds * costs.flac
    for options.machines in (1, 8, 64):
        made = scale.prepared(costs, scale.cpu(options), 21e6, options)
        assert made.moved["written"] == pytest.approx(written)
        for plan, kind in jobs(scale)[1:]:
            assert plan(costs, kind(options), 21e6, options).moved["read"] == pytest.approx(written)
        rows = scale.embedded(costs, scale.gpu(options), 21e6, options).moved["written"]
        assert rows == 21e6 * 512 * 4
        node = scale.gpu(options)
        sent = scale.trained(costs, node, 21e6, options).moved["network"]
        # Every machine sends all gradients twice but for its own share of them, in each step.
        steps, parameters = 21e6 / (2048 * options.machines), 104_947_202
        of_rows = 3 * 2048 * options.machines * 512 * 4
        each = 2 * 4 * parameters + of_rows
        assert sent == pytest.approx(steps * (options.machines - 1) * each, rel=1e-6)


def test_what_does_not_fit_is_said(scale: ModuleType, costs: Any, options: Namespace) -> None:
    page = scale.table(costs, options).markdown()
    assert "the index does not fit into memory" in page
    assert "**not measured**" in page
    fitting = scale.table(replace(costs, peak=1.0), options).markdown()
    assert "the index does not fit into memory" not in fitting


def test_figures_of_the_index_come_from_the_page(scale: ModuleType, tmp_path: Path) -> None:
    found = importlib.import_module("bench._costs").index_figures
    page = tmp_path / "page.md"
    page.write_text(
        "# P\n\n## An index of 20 million samples\n\n"
        "| clips | stage | s | cpu | held | most |\n| --- | --- | --- | --- | --- | --- |\n"
        "| as they come | the order of an epoch | 6 | 6 | 1 | 2 |\n"
        "| as they come | more batches | 1 | 1 | 1.5 | 1.8 |\n"
        "| languages | the order of an epoch | 7 | 7 | 9 | 9 |\n\n"
        "## Another\n\n| as they come | the order of an epoch | 8 | 8 | 8 | 8 |\n"
    )
    assert found(page, 2**29) == (3e-7, 2**30 / 20e6, 1.5 * 2**30 / 20e6)
    page.write_text("# P\n")
    with pytest.raises(SystemExit, match="bench index"):
        found(page, 0.0)
