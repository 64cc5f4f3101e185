"""The recipe of a chain of the data factory: one TOML file says what goes in and what is done.

name = "talks"              # the corpus that the shards say they are of

[[source]]                  # one or several
corpus = "folder"           # a corpus of `clara corpora`, and where it lies; or
path = "~/talks"            # shards = "shards/talks" in place of both

[[step]]                    # in order; `do` names it, the rest are its settings
do = "segment"
longest = 10.0

[shards]                    # as the options of `clara prepare`
rate = 16000
"""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from clara import rooms
from clara.configs import expect, from_json, to_json
from clara.errors import UnknownNameError, UsageError
from clara.prepare.config import PrepareConfig
from clara.prepare.steps import Step

_RELATIVE = ("./", "../", "~")


@dataclass(frozen=True)
class Source:
    """What goes into a chain.

    Attributes:
        corpus: Name of a corpus.
        path: Where it lies.
        shards: A folder of shards, in place of a corpus.
        splits: The splits to take; all if empty.
        limit: How many recordings to take, the first by key; 0 takes all.
    """

    corpus: str = ""
    path: str = ""
    shards: str = ""
    splits: tuple[str, ...] = ()
    limit: int = 0

    def __post_init__(self) -> None:
        expect(
            bool(self.shards) != bool(self.corpus) and bool(self.path) == bool(self.corpus),
            "a source to have either `corpus` and `path`, or `shards`",
            f"{self.corpus=}, {self.path=} and {self.shards=}".replace("self.", ""),
        )
        expect(self.limit >= 0, "limit to be at least 0", self.limit)


@dataclass(frozen=True)
class Shards:
    """How the shards are made; as in `clara.prepare.config.PrepareConfig`.

    Attributes:
        rate: Samples per second.
        shard_size: Samples in a shard.
        seed: Of the order of the samples.
        allowed_bad: The share of bad records above which to stop.
    """

    rate: int = 48_000
    shard_size: int = 512
    seed: int = 0
    allowed_bad: float = 0.05

    def config(self, name: str) -> PrepareConfig:
        """The settings as the shards are made by."""
        return PrepareConfig(name=name, **to_json(self))


@dataclass(frozen=True)
class ChainConfig:
    """A recipe as it is written.

    Attributes:
        name: The corpus that the shards say they are of.
        source: What goes in.
        step: What is done: `do`, and the settings of that step.
        shards: How the shards are made.
    """

    name: str
    source: tuple[Source, ...]
    step: tuple[Mapping[str, Any], ...] = ()
    shards: Shards = field(default_factory=Shards)

    def __post_init__(self) -> None:
        expect(bool(self.source), "at least one [[source]]", "none")
        expect(bool(self.name), "a name", "an empty one")
        self.shards.config(self.name)  # refuses what makes no sense


@dataclass(frozen=True)
class Chain:
    """A recipe that can be run.

    Attributes:
        config: As it is written.
        folder: What its relative paths are relative to.
        steps: Name and step, in order.
    """

    config: ChainConfig
    folder: Path
    steps: tuple[tuple[str, Step], ...]

    def path(self, text: str) -> str:
        """A path of the recipe, from anywhere; what is none ("builtin", URLs) stays as it is."""
        if "://" in text:
            return text
        path = self.folder / Path(text).expanduser()
        return str(path) if path.exists() or glob.has_magic(text) else text


def read(path: str | Path) -> Chain:
    """Reads a recipe and makes its steps, without loading their models.

    Args:
        path: A TOML file; see this module.

    Raises:
        UsageError: It is missing, is no TOML, or has a field, a step or a setting that does not
            exist or makes no sense.

    """
    path = Path(path)
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UsageError(
            f"Expected a recipe in TOML at {path} but found: {error.strerror or error}."
        ) from error
    except ValueError as error:  # of TOML and of UTF-8
        raise UsageError(f"Expected a recipe in TOML at {path} but found: {error}.") from error
    expect("name" in found, f"a recipe with a name in {path}", "none; give it `name = ...`")
    expect("source" in found, f"a [[source]] in {path}", "none; say what goes in")
    for name in ("source", "step"):
        once = isinstance(found.get(name), dict)
        expect(not once, f"[[{name}]] in {path}", f"[{name}]; there may be several")
    twice = isinstance(found.get("shards"), list)
    expect(not twice, f"[shards] in {path}", "[[shards]]; there is one")
    config = from_json(ChainConfig, found, str(path))
    folder = path.absolute().parent
    steps = tuple(_step(number, each, folder) for number, each in enumerate(config.step, 1))
    return Chain(config, folder, steps)


def _step(number: int, settings: Mapping[str, Any], folder: Path) -> tuple[str, Step]:
    where = f"step {number}"
    name = settings.get("do")
    expect(isinstance(name, str), f"{where} to say what it does, as `do`", repr(name))
    name, known = str(name), rooms.names("prepare.steps")
    if ":" not in name and name not in known:
        raise UnknownNameError("step", name, known)
    given = {key: _local(value, folder) for key, value in settings.items() if key != "do"}
    kind = rooms.load("prepare.steps", name)
    called = any("__call__" in vars(each) for each in getattr(kind, "__mro__", ()))
    expect(called and is_dataclass(kind), f"{where} to name a dataclass that can be called", name)
    step: Step = from_json(kind, given, f"{where} ({name})")
    return name, step


def _local(value: Any, folder: Path) -> Any:
    """A setting that is written as a path, from anywhere; others as they are."""
    if isinstance(value, list):
        return [_local(each, folder) for each in value]
    if isinstance(value, dict):
        return {name: _local(each, folder) for name, each in value.items()}
    if isinstance(value, str) and value.startswith(_RELATIVE):
        return str(folder / Path(value).expanduser())
    return value
