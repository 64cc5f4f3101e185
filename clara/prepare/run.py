"""Prepares a corpus: the official layout goes in, shards with index and statistics come out."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import clara
from clara.errors import DataError, UsageError
from clara.files import locked, unwritable
from clara.prepare import jobs, parts
from clara.prepare.config import PrepareConfig
from clara.prepare.encode import BadRecordError, encode
from clara.prepare.parts import WORK, Part
from clara.prepare.plan import Job, Plan, plan
from clara.prepare.stats import summarise
from clara.shards import INDEX_NAME, Index, ShardWriter, safe_key, write_index
from clara.skips import Skips

_MADE = "prepare.json"
LOCK = ".lock"
_WHOLE = (_MADE, INDEX_NAME, "stats.json", "skipped.jsonl")


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
    out: Path
    stats: Mapping[str, Any]
    skipped: Mapping[str, int]
    already: bool


def prepare(
    corpus: str,
    source: str | Path,
    out: str | Path,
    config: PrepareConfig | None = None,
    **changes: Any,
) -> Report:
    """Turns a corpus in its official layout into shards (section III-A1).

    The same recordings and settings give the same bytes, whatever the number of workers. A run that
    was stopped, even by `kill -9`, goes on where it stopped; a second run finds nothing to do.

    Args:
        corpus: Name of the corpus, one of `clara.corpora.names()`.
        source: The folder that holds it.
        out: The folder to make; it holds a folder of tars for each split.
        config: The settings; as they stand if None.
        **changes: Single fields of the settings.

    Raises:
        UsageError: A setting is out of range, or `out` holds something else, or is in use.
        LayoutError: The folder is not that of the corpus.
        DataError: Too many records are bad, or `out` cannot be written to.
    """
    config = replace(config or PrepareConfig(), **changes)
    out = Path(out).absolute()
    planned = plan(corpus, str(source), out, config)
    _make_folder(out)
    with locked(out / LOCK, str(out)):
        name, made = planned.made["name"], planned.made
        if all((out / each).exists() for each in _WHOLE):
            _check_same(out / _MADE, made, out)
            shutil.rmtree(out / WORK, ignore_errors=True)
            return report(name, out, already=True)
        _begin(out, made)
        skips = Skips(config.allowed_bad)
        for record in planned.unplanned:
            skips.bad(record["key"], record["cause"])
        done = _make(planned.jobs, skips, config)
        skips.check()
        _finish(out, planned, done)
        return report(name, out, already=False)


def _make_folder(out: Path) -> None:
    """Makes the folder, and refuses one in which something else lies."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in out.iterdir() if path.name != LOCK)
    except OSError as error:
        raise unwritable(out, error) from error
    if found and _MADE not in found and WORK not in found:
        raise UsageError(
            f"Expected {out} to be a new or empty folder but found {found[0]} in it; "
            "choose another folder."
        )


def _check_same(path: Path, made: Mapping[str, Any], out: Path) -> None:
    """Refuses to go on with a folder that was begun with other settings or recordings."""
    try:
        before = json.loads(path.read_bytes())
        before = {"name": before["corpus"], "limit": 0, **before}
        differing = [name for name in made if before[name] != made[name]]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DataError(
            f"Expected {path} to say how {out} was made but it cannot be read; remove {out} "
            "and run this again."
        ) from error
    if path.parent.name == WORK and differing == ["recordings"]:
        return  # files were mended since; only their shards are made again
    if differing:
        name = differing[0]
        setting = name not in ("records", "listing", "recordings")
        now = f"{name} {made[name]}" if setting else "other recordings"
        was = f"{name} {before[name]}" if setting else "recordings that have changed since"
        raise UsageError(
            f"The folder {out} was made with {was}, but {now} was asked for; choose another "
            "folder, or remove that one first."
        )


def _begin(out: Path, made: Mapping[str, Any]) -> None:
    """Notes what is being made, and clears what a killed run left half-written."""
    state = out / WORK / _MADE
    if state.exists():
        _check_same(state, made, out)
    for half in out.rglob("*.part"):
        with contextlib.suppress(OSError):
            half.unlink()
    try:
        (out / WORK).mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    parts.write_json(made, state)


def _make(shards: Sequence[Job], skips: Skips, config: PrepareConfig) -> list[Part]:
    """Makes the shards that are missing; returns the parts of all, in the order of the plan."""
    found = {job.part: part for job in shards if (part := _done(job))}
    for part in found.values():
        part.count(skips)
    todo = [job for job in shards if job.part not in found]
    total = sum(len(job.entries) for job in shards)
    done = total - sum(len(job.entries) for job in todo)
    for part in jobs.run(
        _make_shard,
        todo,
        workers=config.workers,
        done=done,
        total=total,
        title=shards[0].corpus,
    ):
        part.count(skips)
        found[part.path] = part
    return [found[job.part] for job in shards]


def _done(job: Job) -> Part | None:
    part = parts.load(job.part, job.mark)
    return part if part and (job.tar.is_file() or not part.rows) else None


def _make_shard(job: Job, tick: jobs.Tick) -> Part:
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
                tar = job.tar.relative_to(job.out).as_posix()
                rows.append({**row, **place._asdict(), "shard": tar})
            tick()
    if not rows:
        job.tar.unlink()
    return parts.save(job.part, job.mark, rows, skipped)


def _finish(out: Path, planned: Plan, done: Sequence[Part]) -> None:
    """Writes what describes the whole; the folder counts as made with the last file."""
    sizes: dict[Path, dict[str, int]] = {}
    for job, part in zip(planned.jobs, done, strict=True):
        if part.rows:
            sizes.setdefault(job.tar.parent, {})[job.tar.name] = part.rows
    for folder, counts in sizes.items():
        parts.write_json(counts, folder / "sizes.json")
    records = [*planned.unplanned, *(record for part in done for record in part.skipped)]
    parts.write_skipped(iter(records), out / "skipped.jsonl")
    write_index((part.table() for part in done), out / INDEX_NAME)
    parts.write_json(summarise(Index.open(out)), out / "stats.json")
    parts.write_json({**planned.made, "version": clara.__version__}, out / _MADE)
    shutil.rmtree(out / WORK, ignore_errors=True)


def report(corpus: str, out: Path, *, already: bool) -> Report:
    """Reads what lies beside an index."""
    stats = json.loads((out / "stats.json").read_bytes())
    causes: dict[str, int] = {}
    with (out / "skipped.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            cause = json.loads(line)["cause"]
            causes[cause] = causes.get(cause, 0) + 1
    return Report(corpus, out, stats, causes, already)
