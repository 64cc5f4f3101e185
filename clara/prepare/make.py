"""Runs a chain of the data factory: entries go through its steps and end as shards.

The entries are cut into parts of a few dozen. Each part goes through the whole chain as one job and
leaves a file of what came out, so a run that was stopped goes on after the last part that is whole,
and what comes out does not depend on how many jobs run at once.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import clara
from clara import corpora
from clara.configs import to_json
from clara.errors import DataError, UnknownNameError, UsageError
from clara.files import locate
from clara.prepare import engines, jobs, outcomes, parts
from clara.prepare.config import PrepareConfig
from clara.prepare.desk import Desk, signed
from clara.prepare.engines import Engine, Tick
from clara.prepare.outcomes import Outcome
from clara.prepare.parts import WORK
from clara.prepare.plan import MADE, Plan, as_listed, cut, listing, root_of, size
from clara.prepare.recipe import Chain, Source, read
from clara.prepare.reread import reread
from clara.prepare.run import Report, build
from clara.prepare.steps import Step
from clara.records import Entry
from clara.shards import Index

_PART = 64
# No split can be named like this.
_MADE = f"{WORK}/.chain"


@dataclass(frozen=True)
class _Job:
    """A part of the entries on its way through the chain."""

    steps: tuple[tuple[str, Step], ...]
    entries: Sequence[Entry]
    folder: Path
    number: int
    mark: str

    @property
    def file(self) -> Path:
        return self.folder / "entries" / f"{self.number:06d}.jsonl"


def make(
    recipe: str | Path, out: str | Path, *, workers: int | None = None, engine: str = "local"
) -> Report:
    """Runs a recipe of the data factory (section III, figures 1 and 2).

    Like `prepare` it goes on where it stopped, finds nothing to do the second time, and counts what
    it cannot use. The JSON of each sample says under `provenance` where it comes from and which
    steps, with which models, made it.

    Args:
        recipe: A TOML file; `clara.prepare.recipe` says what it holds.
        out: The folder to make.
        workers: Processes; one for each core if None. Each loads the models of the steps.
        engine: What the work runs on, a name in `clara.prepare.engines`.

    Raises:
        UsageError: The recipe makes no sense, or `out` holds something else, or is in use.
        LayoutError: A source is not what it should be.
        DataError: Too many records are bad, or `out` cannot be written to.
    """
    chain, folder = read(recipe), locate(out)
    if not isinstance(folder, Path):
        raise UsageError(
            f"Expected a folder of this machine to make but found {out}; make it here, and copy it."
        )
    config, runs = chain.config.shards.config(chain.config.name), engines.get(engine, workers)
    entries, unplanned = _sources(chain)
    lines = [as_listed(entry, chain.folder) for entry in entries]
    settings = {
        "corpus": "make",
        "name": chain.config.name,
        "recipe": _lasting(chain),
        **{each: getattr(config, each) for each in ("rate", "shard_size", "seed")},
    }
    todo = list(_jobs(chain, entries, lines, folder))
    made = {
        **settings,
        "records": len(entries) + len(unplanned),
        "listing": parts.digest(lines, unplanned),
        "recordings": parts.digest([job.mark for job in todo]),
    }

    def planned() -> Plan:
        done = _run(chain.config.name, todo, runs, [folder / WORK])
        found, bad = _collect(todo, done)
        listed = [as_listed(entry, folder) for entry in found]
        shards = list(cut(chain.config.name, found, listed, folder, config, settings))
        whole = {**made, "steps": _summary(chain, done)}
        return Plan(whole, shards, [*unplanned, *bad], [folder / WORK])

    return build(folder, made, planned, config.allowed_bad, runs)


def steps(report: Report) -> list[dict[str, Any]]:
    """What each step of a chain has skipped and counted, from the folder that it made.

    Raises:
        DataError: The folder does not say so.
    """
    path = Path(str(report.out)) / MADE
    try:
        found: list[dict[str, Any]] = json.loads(path.read_bytes())["steps"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"Expected {path} to say what the steps did, but it cannot be read: {error}."
        ) from error
    return found


def _lasting(chain: Chain) -> dict[str, Any]:
    """The recipe but for what may change between two runs."""
    lasting: dict[str, Any] = to_json(chain.config)
    del lasting["shards"]["allowed_bad"]
    return lasting


def _sources(chain: Chain) -> tuple[list[Entry], list[dict[str, str]]]:
    """All entries that go in, sorted by key and signed, and the records that cannot."""
    entries: list[Entry] = []
    bad: list[dict[str, str]] = []
    several = len(chain.config.source) > 1
    for source in chain.config.source:
        found, faults = _source(chain, source)
        for corpus, entry in found:
            # Two sources may use a key both; what is alone keeps the keys that its owner knows.
            key = f"{corpus}/{entry.key}" if several else entry.key
            facts = {"corpus": corpus, "key": entry.key, "clara": clara.__version__}
            entries.append(replace(signed(entry, "source", **facts), key=key))
        bad += faults
    entries.sort(key=lambda entry: entry.key)
    for earlier, later in itertools.pairwise(entries):
        if earlier.key == later.key:
            raise UsageError(
                f"Expected each recording once but {later.key} comes from two sources of the "
                "recipe; name each corpus once."
            )
    return entries, bad


def _source(chain: Chain, source: Source) -> tuple[list[tuple[str, Entry]], list[dict[str, str]]]:
    bad: list[dict[str, str]] = []
    if source.shards:
        found = sorted(reread(Index.open(chain.path(source.shards))), key=_key)
    else:
        record, root = corpora.get(source.corpus), root_of(chain.path(source.path))
        entries, bad = listing(source.corpus, record, root, PrepareConfig())
        found = [(source.corpus, entry) for entry in entries]
    known = {entry.split for _, entry in found}
    for split in source.splits:
        if split not in known:
            raise UnknownNameError("split", split, known)
    kept = [each for each in found if not source.splits or each[1].split in source.splits]
    return kept[: source.limit or None], bad


def _key(found: tuple[str, Entry]) -> str:
    return found[1].key


def _jobs(
    chain: Chain, entries: Sequence[Entry], lines: Sequence[dict[str, Any]], out: Path
) -> Iterator[_Job]:
    steps = to_json([[name, step] for name, step in chain.steps])
    for number, first in enumerate(range(0, len(entries), _PART)):
        mine = slice(first, first + _PART)
        sizes = [size(entry.path) for entry in entries[mine]]
        mark = parts.digest(clara.__version__, steps, lines[mine], sizes)
        yield _Job(chain.steps, entries[mine], out / _MADE, number, mark)


def _run(name: str, todo: Sequence[_Job], engine: Engine, needs: Sequence[Path]) -> list[Outcome]:
    """Takes the parts that are missing through the chain; gives what is known of all, in order."""
    found = {job.number: outcome for job in todo if (outcome := outcomes.load(job.file, job.mark))}
    missing = [job for job in todo if job.number not in found]
    total = sum(len(job.entries) for job in todo)
    done = total - sum(len(job.entries) for job in missing)
    with jobs.running(
        engine, _run_part, missing, done=done, total=total, title=name, needs=needs
    ) as results:
        for number, outcome in results:
            found[number] = outcome
    return [found[job.number] for job in todo]


def _run_part(job: _Job, tick: Tick) -> tuple[int, Outcome]:
    """Takes one part through the chain; this is what the worker processes run."""
    desks = [Desk(job.folder / f"{n:02d}") for n in range(len(job.steps))]
    entries = _ticking(job.entries, tick)
    for (_, step), desk in zip(job.steps, desks, strict=True):
        entries = step(entries, desk)
    outcome = outcomes.save(job.file, job.mark, job.entries, list(entries), desks)
    return job.number, outcome


def _ticking(entries: Iterable[Entry], tick: Tick) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        tick()


def _collect(
    todo: Sequence[_Job], done: Sequence[Outcome]
) -> tuple[list[Entry], list[dict[str, str]]]:
    """What came out of all parts, sorted by key, and the records that no shard can take."""
    found: dict[str, Entry] = {}
    bad = [record for outcome in done for each in outcome.skipped for record in each]
    for job, outcome in zip(todo, done, strict=True):
        for entry in outcomes.entries(outcome, job.entries):
            fault = "the key is repeated" if entry.key in found else entry.fault
            if fault:
                bad.append({"key": entry.key, "split": entry.split, "cause": fault})
            else:
                found[entry.key] = entry
    return [found[key] for key in sorted(found)], bad


def _summary(chain: Chain, done: Sequence[Outcome]) -> list[dict[str, Any]]:
    """What each step has skipped and counted."""
    rows = []
    for place, (name, _) in enumerate(chain.steps):
        counts: Counter[str] = Counter()
        for outcome in done:
            counts.update(outcome.counts[place])
        skipped = sum(len(outcome.skipped[place]) for outcome in done)
        rows.append({"step": name, "skipped": skipped, "counts": dict(sorted(counts.items()))})
    return rows
