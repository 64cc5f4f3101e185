"""What `prepare` is about to do: the recordings of a corpus, and which shard each of them goes to.

A plan follows from the corpus and the settings alone, so each run of the same makes the same one.
"""

from __future__ import annotations

import glob
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import clara
from clara import corpora
from clara.corpora import Corpus
from clara.errors import DataError, UsageError
from clara.files import Location
from clara.prepare import parts
from clara.prepare.config import PrepareConfig
from clara.prepare.parts import WORK
from clara.records import Clip, Entry

MADE = "prepare.json"
_SPLIT = re.compile(r"\w[\w .+-]{0,63}")
_OPTIONS = re.compile(r"\?[\w.]+=.*", re.DOTALL)
"""What follows the address of a data set ("user/name?split=train"), and no pattern of the shell."""
_LONGEST_NAME = 64
ABSENT = "its recording is not there, as is to be expected of this corpus"
"""The cause that is counted, but is no fault: see `clara.corpora.Corpus.partial`."""


@dataclass(frozen=True)
class Job:
    """One shard to write.

    Attributes:
        corpus: The name that its samples carry.
        out: The folder of all shards.
        rate: Samples per second.
        split: Of the samples.
        number: Of the shard in its split.
        entries: What to read, in order.
        mark: Fingerprint of all that the outcome depends on.
    """

    corpus: str
    out: Location
    rate: int
    split: str
    number: int
    entries: Sequence[Entry]
    mark: str

    @property
    def tar(self) -> Location:
        """The shard."""
        return self.out / self.split / f"{self.number:06d}.tar"

    @property
    def part(self) -> Location:
        """Where the outcome is kept until all shards are made."""
        return self.out / WORK / self.split / f"{self.number:06d}.parquet"


@dataclass(frozen=True)
class Plan:
    """All that is to be done.

    Attributes:
        made: What the folder is said to be made of: settings, and fingerprints of the recordings.
        jobs: The shards.
        unplanned: Records that get into no shard: key, split, cause. Those that are `ABSENT` are no
            bad ones.
        needs: What has to be visible wherever a job runs.
    """

    made: dict[str, Any]
    jobs: list[Job]
    unplanned: list[dict[str, str]]
    needs: list[Location]


def plan(corpus: str, source: str, out: Location, config: PrepareConfig) -> Plan:
    """Lists a corpus and cuts each of its splits, shuffled, into shards.

    Args:
        corpus: Name of the corpus.
        source: Where it lies, as the user said it.
        out: The folder to make.
        config: The settings.

    Raises:
        UnknownNameError: There is no such corpus.
        UsageError: The corpus has a name of its own, or the name asked for is that of another.
        LayoutError: The folder is not that of the corpus.
        DataError: It lists nothing.
    """
    record = corpora.get(corpus)
    name = corpus_name(corpus, record, source, config.name)
    root = root_of(source)
    entries, unplanned = listing(corpus, record, root, config)
    settings = {
        "corpus": corpus,
        "name": name,
        **{each: getattr(config, each) for each in ("rate", "shard_size", "seed", "limit")},
    }
    folder = root.parent if isinstance(root, Path) and root.is_file() else root
    listed = [as_listed(entry, folder) for entry in entries]
    jobs = list(cut(name, entries, listed, out, config, settings))
    made = {
        **settings,
        "records": len(entries) + len(unplanned),
        "listing": parts.digest(listed, unplanned),
        "recordings": parts.digest([job.mark for job in jobs]),
    }
    state = out / WORK / MADE
    needs = [state, root] if isinstance(root, Path) and root.exists() else [state]
    return Plan(made, jobs, unplanned, needs)


def corpus_name(corpus: str, record: Corpus, source: str, asked: str) -> str:
    """The name that the samples carry.

    Shards of a corpus carry its name. Those of a user's own recordings carry the one that was
    asked for, or else that of their folder, manifest or data set, so that two of them differ.

    Raises:
        UsageError: A corpus with a name of its own was to get another, or the name is taken.

    >>> corpus_name("folder", corpora.get("folder"), "data/My birds/manifest.csv", "")
    'my_birds'
    """
    own = corpus.partition(":")[0].rpartition(".")[2]
    if not record.yours:
        if asked not in ("", own):
            raise UsageError(
                f"Expected no other name for {own}, whose shards carry its own, but found {asked}."
            )
        return own
    name = asked or _last_name(source) or own
    if name != own and name in corpora.names():
        raise UsageError(
            f"Expected a name for these recordings that no other corpus has but found {name}; "
            "choose another one as `name` (--name)."
        )
    return name


def root_of(source: str) -> str | Path:
    """Where a corpus lies, for the corpus to read: a path that means the same on every node."""
    if "://" in source or _OPTIONS.search(source):
        return source
    path = Path(source).expanduser()
    return path.absolute() if path.exists() or glob.has_magic(source) else path


def _last_name(source: str) -> str:
    """The last folder, manifest or data set of a path, URL or pattern, as a name."""
    source = _OPTIONS.sub("", source)
    path = source if "://" in source else str(Path(source).absolute())
    steps = [step for step in path.split("/") if step not in ("", ".")]
    while steps and (glob.has_magic(steps[-1]) or steps[-1].startswith("manifest.")):
        steps.pop()
    last = steps[-1] if steps else ""
    stem = re.sub(r"\.(csv|tsv|jsonl)$", "", last)
    return re.sub(r"[^\w.-]+", "_", stem.lower()).strip("._-")[:_LONGEST_NAME]


def listing(
    corpus: str, record: Corpus, root: Any, config: PrepareConfig
) -> tuple[list[Entry], list[dict[str, str]]]:
    """All entries, sorted by key, and those that cannot be planned for, with the cause."""
    found: dict[str, Entry] = {}
    bad = []
    for entry in record.read(root):
        fault = "the key is repeated" if entry.key in found else entry.fault
        if not _SPLIT.fullmatch(entry.split):
            fault = "the split has a name that no folder can have"
        if record.partial and isinstance(entry.path, Path) and size(entry.path) < 0:
            fault = ABSENT
        if fault:
            bad.append({"key": entry.key, "split": entry.split, "cause": fault})
        else:
            found[entry.key] = replace(entry, licence=entry.licence or record.licence)
    if not found and not bad:
        raise DataError(f"Expected recordings of {corpus} in {root} but it lists none.")
    if not found and all(each["cause"] == ABSENT for each in bad):
        raise DataError(
            f"Expected recordings of {corpus} below {root} but none of the {len(bad)} that are "
            "listed is there; `clara corpora` says what to put where."
        )
    keys = list(found)
    if config.limit:
        keys = sorted(keys, key=lambda key: _rank(config.seed, key))[: config.limit]
    entries = [found[key] for key in sorted(keys)]
    return entries, sorted(bad, key=lambda record: (record["key"], record["split"]))


def as_listed(entry: Entry, folder: str | Path) -> dict[str, Any]:
    """An entry as the fingerprint sees it: the same wherever the corpus lies."""
    path = entry.path
    if isinstance(path, Path) and path.is_relative_to(folder):
        path = path.relative_to(folder)
    values = {field.name: getattr(entry, field.name) for field in fields(entry)}
    return {**values, "path": str(path)}


def cut(
    name: str,
    entries: Sequence[Entry],
    listed: Sequence[dict[str, Any]],
    out: Location,
    config: PrepareConfig,
    settings: Mapping[str, Any],
) -> Iterator[Job]:
    """Cuts entries into shards, each split by itself, in an order that is seeded.

    Args:
        name: The corpus that the samples are to be of.
        entries: All of them, sorted by key.
        listed: The same, as fingerprints see them.
        out: The folder of shards.
        config: The settings.
        settings: What goes into the fingerprint of each shard besides.
    """
    splits: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        splits.setdefault(entry.split, []).append(place)
    for split in sorted(splits):
        # Shuffled by hash: unlike a generator's, this order is the same with any library version.
        shuffled = sorted(splits[split], key=lambda n: _rank(config.seed, entries[n].key))
        for number, first in enumerate(range(0, len(shuffled), config.shard_size)):
            places = shuffled[first : first + config.shard_size]
            mine = [entries[place] for place in places]
            sizes = [size(entry.path) for entry in mine]
            lines = [listed[place] for place in places]
            mark = parts.digest(clara.__version__, settings, lines, sizes)
            yield Job(name, out, config.rate, split, number, mine, mark)


def _rank(seed: int, key: str) -> bytes:
    text = f"{seed}/{key}".encode(errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=16).digest()


def size(path: Path | Clip) -> int:
    """Bytes of a recording; -1 if it is missing or lies in no file of its own."""
    try:
        return path.stat().st_size if isinstance(path, Path) else -1
    except (OSError, ValueError):
        return -1
