"""Hours and cost of preparing, training and embedding 21 and 1,000 million pairs: a simulation.

    python -m bench.scale [--price CPU GPU] [--share-of-peak 0.4] [--network GBIT] [--store GB]

What a pair costs is measured here, on the CPU. Networks, stores, prices and accelerators are
assumptions that stand beside the result, and options replace them.
"""

from __future__ import annotations

import argparse
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from bench import _flops
from bench._costs import GIB, RECIPE, TOKENS, Costs, measure
from bench._fleet import Job, Stage, run
from bench._timing import Table, figure, machine
from bench.gpu._device import PEAKS
from clara.embed import READERS
from clara.model import ClaraModel

FLEETS = (1, 8, 64)
PAIRS = {"21 million": 21e6, "1,000 million": 1e9}


@dataclass(frozen=True)
class Machine:
    """A machine of a fleet.

    Attributes:
        name: For people.
        cores: As fast as the one measured here.
        memory: In bytes.
        price: For an hour.
        network: Bytes a second to the other machines.
        store: Bytes a second from and to the store.
        processes: That train or embed; one for each accelerator.
        batch: Pairs of a step on it.
        flops: Useful operations a second; those of its cores if 0.
        exact: Operations a second in float32, for the loss; likewise.
        bandwidth: Bytes a second of the memory of all accelerators, for features; 0 without.
        bus: Bytes a second to all accelerators.
    """

    name: str
    cores: int
    memory: float
    price: float
    network: float
    store: float
    processes: int = 1
    batch: int = 96
    flops: float = 0.0
    exact: float = 0.0
    bandwidth: float = 0.0
    bus: float = 0.0


def cpu(options: argparse.Namespace) -> Machine:
    """What the measurements were made on, with more cores."""
    link = options.network * 1e9 / 8 / 8  # an eighth of what a node with accelerators has
    return Machine("16 cores", 16, 64 * GIB, options.price[0], link, options.store * 1e9 / 8)


def gpu(options: argparse.Namespace) -> Machine:
    """A node with eight accelerators, none of which was measured."""
    return Machine(
        "8 x H100",
        cores=192,
        memory=2048 * GIB,
        price=options.price[1],
        network=options.network * 1e9 / 8,
        store=options.store * 1e9,
        processes=8,
        batch=8 * 256,
        flops=8 * PEAKS["H100"] * 1e12 * options.share_of_peak,
        exact=8 * 67e12 * options.share_of_peak,
        bandwidth=8 * 3.35e12 * options.share_of_peak,
        bus=8 * 25e9,
    )


# Times that features and augmentation read or write a wave in the memory of an accelerator.
TOUCHES = 50


def prepared(found: Costs, node: Machine, pairs: float, options: argparse.Namespace) -> Job:
    """Recordings to shards, of which one process writes the index."""
    read, written = options.seconds * options.source, options.seconds * found.flac
    stages = [
        Stage("decoding, resampling, FLAC", "cores", options.seconds * found.prepare / node.cores),
        *stored(read, "reading recordings", node, options),
        *stored(written, "writing shards", node, options),
    ]
    serial = {"merging the index": pairs * found.order}
    return Job(pairs, stages, serial, {"read": pairs * read, "written": pairs * written})


def stored(size: float, name: str, node: Machine, options: argparse.Namespace) -> list[Stage]:
    """Bytes of a pair between a machine and the store, and through the doors of the store."""
    return [
        Stage(name, "link to the store", size / node.store),
        Stage(f"{name} (all machines)", "store", size / (options.doors * 1e9), shared=True),
    ]


def fed(found: Costs, node: Machine, options: argparse.Namespace, readers: int) -> list[Stage]:
    """From the store to waves on what computes."""
    seconds, decoders = options.seconds, min(node.cores, readers * node.processes)
    wave = 4 * seconds * RECIPE.model.audio.mel.rate
    stages = [
        *stored(seconds * found.flac, "reading shards", node, options),
        Stage("decoding", "cores", (found.load + seconds * found.decode) / decoders),
        Stage("Python of the loader", "interpreter", found.load / node.processes),
    ]
    if node.bus:
        stages.append(Stage("copying to the devices", "bus", wave / node.bus))
    return stages


def computed(
    found: Costs, node: Machine, options: argparse.Namespace, flops: float, augmented: bool
) -> list[Stage]:
    """Features, perhaps augmentation, and the towers."""
    seconds = options.seconds
    if not node.flops:
        own = seconds * (found.mel + found.augment * augmented) / node.cores
        towers = flops / (found.flops * node.cores)
        return [Stage("features", "cores", own), Stage("matrix products", "cores", towers)]
    touched = 4 * seconds * RECIPE.model.audio.mel.rate * TOUCHES
    return [
        Stage("features", "devices", touched / node.bandwidth),
        Stage("matrix products", "devices", flops / node.flops),
    ]


def trained(found: Costs, node: Machine, pairs: float, options: argparse.Namespace) -> Job:
    """One pass over the pairs, by data-parallel training of `clara_100m`."""
    machines, width = options.machines, RECIPE.model.dim
    whole = node.batch * machines
    parameters = sum(p.numel() for p in _empty().parameters())
    each = _flops.of(RECIPE.model, options.seconds, TOKENS).training
    device = "devices" if node.flops else "cores"
    exact = node.exact or found.flops * node.cores
    others = (machines - 1) / machines
    # Rows of texts come and their gradients go; of the gradients of weights as much twice.
    rows = others * whole * width * 4 * 3 / node.network / node.batch
    gradients = 2 * others * parameters * 4 / node.network / node.batch
    saved = 3 * 4 * parameters
    stages = [
        *fed(found, node, options, node.cores),
        *computed(found, node, options, each, augmented=True),
        Stage("loss", device, 8 * whole * width / exact),
        Stage("gathering rows", "network", rows),
        Stage("adding up gradients", "network", gradients),
        Stage(
            "checkpoints",
            device,
            saved / node.store / (RECIPE.train.save_every * node.batch),
        ),
    ]
    serial = {
        "the vocabulary": pairs * found.vocabulary,
        "the order of the epoch": pairs * found.order,
    }
    sent = pairs / whole * machines * (gradients + rows) * node.batch * node.network
    moved = {"read": pairs * options.seconds * found.flac, "network": sent}
    return Job(pairs, stages, serial, moved)


def embedded(found: Costs, node: Machine, pairs: float, options: argparse.Namespace) -> Job:
    """Shards to rows, each process its part."""
    flops = _flops.of(RECIPE.model, options.seconds, TOKENS).audio
    row = RECIPE.model.dim * 4
    stages = [
        *fed(found, node, options, node.cores if not node.flops else READERS),
        *computed(found, node, options, flops, augmented=False),
        *stored(row, "writing rows", node, options),
    ]
    moved = {"read": pairs * options.seconds * found.flac, "written": pairs * row}
    return Job(pairs, stages, {}, moved)


def _empty() -> ClaraModel:
    with torch.device("meta"):
        return ClaraModel(RECIPE.model)


def table(found: Costs, options: argparse.Namespace) -> Table:
    """Every job, on every fleet."""
    plans = [("prepare", prepared, cpu)]
    plans += [("train, a pass", trained, kind) for kind in (cpu, gpu)]
    plans += [("embed", embedded, kind) for kind in (cpu, gpu)]
    rows = []
    for (size, pairs), (what, plan, kind) in itertools.product(PAIRS.items(), plans):
        node, cells = kind(options), []
        for machines in FLEETS:
            options.machines = machines
            took = run(plan(found, node, pairs, options), machines, node.price)
            if plan is trained and not fits(pairs * found.peak * node.processes, node):
                cells.append("the index does not fit into memory")
                continue
            hours, cost = figure(took.hours), figure(took.cost)
            cells.append(f"{hours} h, ${cost}: {took.bottleneck}")
        rows.append([size, what, node.name, *cells])
    return Table(
        title="To 21 million pairs and past",
        text=(
            "A simulation, from costs that were measured on one core here and assumptions that are "
            "marked. Stages overlap: each resource (cores, devices, interpreters, links, store) "
            "adds up what its stages take of it, and the one that is busy longest sets the pace; "
            "what one process does alone comes on top. Named is what takes the largest part. "
            f"`clara_100m`, clips of {options.seconds} s on average, one pass. {machine('torch')}"
        ),
        columns=[
            *("pairs", "job", "a machine"),
            *(f"{n} machine{'s' if n > 1 else ''}" for n in FLEETS),
        ],
        rows=rows,
        notes=[*assumptions(found, options), *breaks(found, options)],
    )


def assumptions(found: Costs, options: argparse.Namespace) -> list[str]:
    """What all rests on, as a table and a note."""
    two, small = gpu(options), cpu(options)
    each = _flops.of(RECIPE.model, options.seconds, TOKENS)
    rows = [
        ("a recording to FLAC, a second of it", f"{1000 * found.prepare:.2f} ms of a core", "+"),
        ("a clip through the loader", f"{1000 * found.load:.2f} ms of an interpreter", "+"),
        ("and each second of it", f"{1000 * found.decode:.2f} ms of a core", "+"),
        ("features of a second", f"{1000 * found.mel:.2f} ms of a core", "+"),
        ("augmentation of a second", f"{1000 * found.augment:.2f} ms of a core", "+"),
        ("a pair in training", f"{each.training / 1e9:.0f} GFLOP, counted", "+"),
        ("a core in a training step, bf16", f"{found.flops / 1e9:.0f} GFLOP/s", "+"),
        ("a caption, for the vocabulary", f"{1e6 * found.vocabulary:.0f} us of a core", "+"),
        ("a second in a shard", f"{found.flac / 1e3:.0f} kB, of noise; speech is less", "+"),
        (
            "a row, for the order of an epoch",
            f"{1e9 * found.order:.0f} ns, {found.peak:.0f} B",
            "+",
        ),
        ("a row, in merging the index", "the same", "assumed"),
        ("length of a clip", "20,849 hours over 21 million (the paper, table VII)", "source"),
        ("peak of an H100", f"{PEAKS['H100']} TFLOP/s bf16, 67 fp32, 3.35 TB/s", "data sheet"),
        ("share of it that training gets", f"{options.share_of_peak:.0%}", "**not measured**"),
        (f"{small.name} / {two.name}, an hour", f"${small.price} / ${two.price}", "assumed"),
        (f"cores and memory of {two.name}", f"{two.cores}, {two.memory / GIB:.0f} GiB", "assumed"),
        ("network of a node", f"{options.network} Gbit/s, an eighth of it without GPUs", "assumed"),
        ("a node from and to the store", f"{options.store} GB/s, likewise", "assumed"),
        ("the store, all machines", f"{options.doors} GB/s", "assumed"),
        ("a second of what is prepared", f"{options.source / 1e3:.0f} kB", "assumed"),
    ]
    lines = ["| what | how much | measured |", "|---|---|---|"]
    return ["\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])]


def fits(size: float, node: Machine) -> bool:
    """Whether a machine can hold that, and a quarter as much for all else."""
    return 1.25 * size < node.memory


def breaks(found: Costs, options: argparse.Namespace) -> list[str]:
    """What does not fit, and what it takes on disk."""
    notes = []
    node, small = gpu(options), cpu(options)
    for size, pairs in PAIRS.items():
        shards = pairs * options.seconds * found.flac / 1e12
        held, most = (each * pairs / GIB for each in (found.held, found.peak))
        rows = pairs * RECIPE.model.dim * 4 / GIB
        of_node = node.processes * most
        fit, also = (
            "fits" if fits(size * GIB, there) else "does **not** fit"
            for size, there in ((most, small), (of_node, node))
        )
        notes.append(
            f"{size.capitalize()} pairs: {figure(shards)} TB of shards. Every rank opens the whole "
            f"index: {figure(held)} GiB, {figure(most)} GiB at most. With a quarter as much for "
            f"all else it {fit} into {small.memory / GIB:.0f} GiB; for the eight ranks of a node, "
            f"{figure(of_node)} GiB, it {also} into {node.memory / GIB:.0f} GiB. `embed_index` "
            f"holds all its rows, {figure(rows)} GiB in float32: past the memory of a machine one "
            "embeds part by part."
        )
    return notes


def main(words: list[str] | None = None) -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--price", nargs=2, type=float, default=[0.8, 60.0], metavar=("CPU", "GPU"))
    made.add_argument("--share-of-peak", type=float, default=0.4, help="that training gets")
    made.add_argument("--network", type=float, default=3200.0, help="Gbit/s of a node with GPUs")
    made.add_argument("--store", type=float, default=10.0, help="GB/s of such a node")
    made.add_argument("--doors", type=float, default=100.0, help="GB/s of the store")
    made.add_argument("--seconds", type=float, default=3.57, help="of a clip")
    made.add_argument("--source", type=float, default=100e3, help="bytes of a recorded second")
    made.add_argument("--page", type=Path, default=Path("docs/performance.md"))
    made.add_argument("--rounds", type=int, help="as other benches; here all is measured once")
    made.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = made.parse_args(words)
    made_ = table(measure(options.page), options)
    print(json.dumps(asdict(made_), indent=1) if options.json else made_.markdown())


if __name__ == "__main__":
    main()
