"""Prepares a corpus: the official layout goes in, shards with index and statistics come out."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

import clara
from clara.columns import Columns
from clara.errors import DataError, UsageError
from clara.files import Location, below, find, locate, locked, make_parent, remove_all, unwritable
from clara.prepare import engines, jobs, parts
from clara.prepare.config import PrepareConfig
from clara.prepare.encode import BadRecordError, encode
from clara.prepare.engines import Engine, Tick
from clara.prepare.parts import WORK, Part
from clara.prepare.plan import ABSENT, MADE, Job, Plan, plan
from clara.prepare.stats import summarise
from clara.shards import INDEX_NAME, Index, ShardWriter, safe_key, write_index
from clara.skips import Skips

LOCK = ".lock"
_WHOLE = {MADE, INDEX_NAME, "stats.json", "skipped.jsonl"}
_RECORDINGS = ("records", "listing", "recordings")  # of `Plan.made`: all else are settings
_SHARD = re.compile(r"[^/]+/(?:\d{6,}\.tar|sizes\.json)")
_READERS = 16  # requests to a store that are under way at once


@dataclass(frozen=True)
class Report:
    """What a run has made, or found made.

    Attributes:
        corpus: The name that the samples carry.
        out: The folder of shards.
        stats: As `clara.prepare.stats.summarise` gives them.
        skipped: Cause to number of bad records.
        already: Whether there was nothing left to do.
    """

    corpus: str
    out: Location
    stats: Mapping[str, Any]
    skipped: Mapping[str, int]
    already: bool


def prepare(
    corpus: str,
    source: str | Path,
    out: str | Location,
    config: PrepareConfig | None = None,
    **changes: Any,
) -> Report:
    """Turns a corpus in its official layout into shards (section III-A1).

    The same recordings and settings give the same bytes, on whatever engine and with any number of
    workers. A run that was stopped, even by `kill -9`, goes on where it stopped, on this engine or
    another; a second run finds nothing to do.

    Args:
        corpus: Name of the corpus, one of `clara.corpora.names()`.
        source: The folder that holds it.
        out: The folder to make, or a URL such as "s3://bucket/shards/esc50"; it holds a folder of
            tars for each split.
        config: The settings; as they stand if None.
        **changes: Single fields of the settings.

    Raises:
        UsageError: A setting is out of range, or `out` holds something else, or is in use.
        LayoutError: The folder is not that of the corpus.
        DataError: Too many records are bad, or `out` cannot be written to.
    """
    config = replace(config or PrepareConfig(), **changes)
    folder, engine = locate(out), engines.get(config.engine, config.workers)
    planned = plan(corpus, str(source), folder, config)
    return build(folder, planned.made, lambda: planned, config.allowed_bad, engine)


def build(
    folder: Location,
    made: Mapping[str, Any],
    planned: Callable[[], Plan],
    allowed_bad: float,
    engine: Engine,
) -> Report:
    """Makes a folder of shards by a plan, or what is missing of it.

    Args:
        folder: The folder.
        made: What it is made of, as far as that is known before the work: `Plan.made` has the same,
            and perhaps more.
        planned: Makes the plan; called only if the folder is not whole yet, under its lock.
        allowed_bad: The share of bad records above which to stop.
        engine: What the work runs on.

    Raises:
        UsageError: The folder holds something else, or is in use.
        DataError: Too many records are bad, or it cannot be written to.
    """
    _make_folder(folder)
    with locked(folder / LOCK, str(folder)):
        there = find(folder)
        already = there.keys() >= _WHOLE
        if already:
            _check_same(folder / MADE, made, folder)
            remove_all(folder / WORK)
        else:
            _begin(folder, made, there)
            whole = planned()
            _clear_shards(folder, whole, there)
            done = _make(whole, there, allowed_bad, engine)
            _finish(folder, whole, done)
        return report(made["name"], folder, already=already)


def _make_folder(out: Location) -> None:
    """Makes the folder, and refuses one in which something else lies."""
    try:
        if isinstance(out, Path):
            out.mkdir(parents=True, exist_ok=True)
            found = sorted(path.name for path in out.iterdir() if path.name != LOCK)
        else:
            found = sorted({name.partition("/")[0] for name in find(out)} - {LOCK})
    except OSError as error:
        raise unwritable(out, error) from error
    if found and MADE not in found and WORK not in found:
        raise UsageError(
            f"Expected {out} to be a new or empty folder but found {found[0]} in it; "
            "choose another folder."
        )


def _check_same(path: Location, made: Mapping[str, Any], out: Location) -> None:
    """Refuses to go on with a folder that was begun with other settings or recordings."""
    try:
        before = json.loads(path.read_bytes())
        before = {"name": before["corpus"], "limit": 0, **before}
        differing = [name for name in made if before.get(name) != made[name]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            f"Expected {path} to say how {out} was made but it cannot be read; remove {out} "
            "and run this again."
        ) from error
    if not differing:
        return
    was = "of recordings that have changed since"
    if (name := differing[0]) not in _RECORDINGS:
        was = "with {}, but {} was asked for".format(
            *_difference(name, before.get(name), made[name])
        )
    raise UsageError(
        f"The folder {out} was made {was}; choose another folder, or remove that one first."
    )


def _difference(name: str, before: Any, now: Any) -> tuple[str, str]:
    """What a setting was and is, named down to the part that differs.

    >>> _difference("recipe", {"step": [{"do": "mix"}]}, {"step": [{"do": "mix", "low": 0.1}]})
    ('recipe.step.1.low not given', 'recipe.step.1.low 0.1')
    """
    if isinstance(before, list) and isinstance(now, list):
        before, now = (dict(enumerate(each, 1)) for each in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for part in (*now, *before):
            if (pair := (before.get(part), now.get(part)))[0] != pair[1]:
                return _difference(f"{name}.{part}", *pair)
    told = ("not given" if each is None else f"{each!s:.60}" for each in (before, now))
    was, is_ = (f"{name} {each}" for each in told)
    return was, is_


def _begin(out: Location, made: Mapping[str, Any], there: Collection[str]) -> None:
    """Notes what is being made, and clears what a killed run left half-written."""
    state = f"{WORK}/{MADE}"
    # What ended before anything was made binds nobody to its settings.
    if state in there and any(name.endswith((".tar", ".parquet", ".jsonl")) for name in there):
        # Recordings may have been mended since: what they change is made again.
        settings = {name: value for name, value in made.items() if name not in _RECORDINGS}
        _check_same(out / state, settings, out)
    _clear(out, there)
    make_parent(out / state)
    parts.write_json(made, out / state)


def _clear(out: Location, there: Collection[str]) -> None:
    """Removes what was left half-written."""
    for half in (name for name in there if name.endswith(".part")):
        with contextlib.suppress(OSError):
            (out / half).unlink()


def _clear_shards(out: Location, planned: Plan, there: Collection[str]) -> None:
    """Removes the shards of recordings that are no longer to be prepared."""
    wanted = {below(job.tar, out) for job in planned.jobs}
    wanted |= {below(job.tar.parent / "sizes.json", out) for job in planned.jobs}
    for name in there:
        if _SHARD.fullmatch(name) and name not in wanted:
            try:
                (out / name).unlink()
            except OSError as error:
                raise unwritable(out / name, error) from error


def _make(planned: Plan, there: Collection[str], allowed: float, engine: Engine) -> list[Part]:
    """Makes the shards that are missing; returns the parts of all, in the order of the plan."""
    total = sum(len(job.entries) for job in planned.jobs)
    bad = [record for record in planned.unplanned if record["cause"] != ABSENT]
    # What cannot be planned for may be too much even if all else is good: known before the work.
    _count(bad, total, Skips(allowed))
    skips = Skips(allowed)
    found = _kept(planned.jobs, there)
    for part in found.values():
        part.count(skips)
    todo = [job for job in planned.jobs if job.part not in found]
    done = total - sum(len(job.entries) for job in todo)
    with jobs.running(
        engine,
        _make_shard,
        todo,
        done=done,
        total=total,
        title=planned.made["name"],
        needs=planned.needs,
    ) as results:
        for part in results:
            part.count(skips)
            found[part.path] = part
    _count(bad, 0, skips)
    return [found[job.part] for job in planned.jobs]


def _count(bad: Sequence[Mapping[str, str]], good: int, skips: Skips) -> None:
    skips.good(good)
    for record in bad:
        skips.bad(record["key"], record["cause"])
    skips.check()


def _kept(shards: Sequence[Job], there: Collection[str]) -> dict[Location, Part]:
    """What a run that was stopped has made already."""
    kept = [job for job in shards if below(job.part, job.out) in there]
    with ThreadPoolExecutor(_READERS) as readers:
        loaded = list(readers.map(lambda job: parts.load(job.part, job.mark), kept))
    return {
        job.part: part
        for job, part in zip(kept, loaded, strict=True)
        if part and (not part.rows or below(job.tar, job.out) in there)
    }


def _make_shard(job: Job, tick: Tick) -> Part:
    """Writes one shard and its part; this is what the worker processes run."""
    rows: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    with ShardWriter(job.tar) as shard:
        for entry in job.entries:
            try:
                audio, meta, row = encode(entry, job.corpus, job.rate)
            except BadRecordError as error:
                skipped.append({"key": entry.key, "split": entry.split, "cause": str(error)})
            else:
                place = shard.add(safe_key(entry.key), audio, meta)
                tar = below(job.tar, job.out)
                rows.append({**row, **place._asdict(), "shard": tar})
            tick()
    if not rows:
        job.tar.unlink(missing_ok=True)
    return parts.save(job.part, job.mark, rows, skipped)


def _finish(out: Location, planned: Plan, done: Sequence[Part]) -> None:
    """Writes what describes the whole; the folder counts as made with the last file."""
    sizes: dict[Location, dict[str, int]] = {}
    for job, part in zip(planned.jobs, done, strict=True):
        if part.rows:
            sizes.setdefault(job.tar.parent, {})[job.tar.name] = part.rows
    for folder, counts in sizes.items():
        parts.write_json(counts, folder / "sizes.json")
    records = [*planned.unplanned, *(record for part in done for record in part.skipped)]
    parts.write_skipped(iter(records), out / "skipped.jsonl")
    write_index(tables(done), out / INDEX_NAME)
    parts.write_json(summarise(Index(Columns([str(out / INDEX_NAME)]))), out / "stats.json")
    _clear(out, find(out))  # of nodes that were lost on the way
    parts.write_json({**planned.made, "version": clara.__version__}, out / MADE)
    remove_all(out / WORK)


def tables(done: Sequence[Part]) -> Iterator[pa.Table]:
    """The rows of all parts, in order; several are fetched ahead, for a store may be far away."""
    ahead: deque[Future[pa.Table]] = deque()
    with ThreadPoolExecutor(_READERS) as readers:
        for part in done:
            ahead.append(readers.submit(part.table))
            if len(ahead) == _READERS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def report(corpus: str, out: Location, *, already: bool) -> Report:
    """Reads what lies beside an index."""
    stats = json.loads((out / "stats.json").read_bytes())
    lines = (out / "skipped.jsonl").read_bytes().splitlines()
    causes = Counter(json.loads(line)["cause"] for line in lines)
    return Report(corpus, out, stats, dict(causes), already)
