"""Tasks as records: which labels of which corpus a model is asked for, on which recordings.

A task is named "corpus/target", the target being a kind of label ("ravdess/emotion"), "language"
or "retrieval"; retrieval may be over several corpora at once ("emov_db+crema_d/retrieval").
"@SPLIT" behind the name asks on another split than the official one ("ravdess/emotion@valid",
"esc50/sound@fold1"), and "@valid+test" on two together. Classes come from the corpus and prompts
from `clara.text.phrases`, so that nothing is typed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clara.errors import UnknownNameError, UsageError
from clara.evaluate.tables import CELLS

FOLDS = "folds"
RETRIEVAL = "retrieval"
LANGUAGE = "language"
KEYWORD = "keyword"
CLASSIFYING = ("zero_shot", "linear_probe", "logistic")
SPOTTING = ("keyword_spotting",)


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is asked.

    Attributes:
        corpus: Name of the corpus; for retrieval also several, joined by "+".
        target: A kind of label of the corpus, "language", or "retrieval".
        split: What it is tested on: a split, several as one ("valid+test"), or "folds" for the mean
            over the corpus's folds.
        templates: Prompts with "{label}" that take the place of those of Table II.
        several: Whether a recording has several of these labels, so that each is judged by average
            precision; if not said, the recordings show it.
        usual: The protocols that measure it unless others are asked for, where they are not those
            of its kind.
    """

    corpus: str
    target: str
    split: str = "test"
    templates: tuple[str, ...] = ()
    several: bool = False
    usual: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The task's name on the command line and in reports."""
        return f"{self.corpus}/{self.target}"

    @property
    def corpora(self) -> tuple[str, ...]:
        """The names of its corpora.

        >>> Task("emov_db+crema_d", "retrieval").corpora
        ('emov_db', 'crema_d')
        """
        return tuple(self.corpus.split("+"))

    @property
    def protocols(self) -> tuple[str, ...]:
        """How it is measured unless something else is asked for."""
        return self.usual or ((RETRIEVAL,) if self.target == RETRIEVAL else CLASSIFYING)


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        # Those of the paper.
        Task("crema_d", "emotion"),
        Task("crema_d", "gender"),
        Task("ravdess", "emotion"),
        Task("ravdess", "gender"),
        Task("emov_db", "emotion"),
        # Each of its four speakers is of one gender: two are needed to ask for it.
        Task("emov_db", "gender", "valid+test"),
        Task("audioset", "sound", several=True),
        Task("urbansound8k", "sound", FOLDS),
        Task("fsd50k", "sound", several=True),
        Task("common_voice", "age"),
        Task("common_voice", "gender"),
        Task("common_voice", LANGUAGE),
        Task("audiocaps", RETRIEVAL),
        Task("emov_db", RETRIEVAL),
        Task("crema_d", RETRIEVAL),
        Task("emov_db+crema_d+ravdess", RETRIEVAL),
        Task("mswc", KEYWORD, usual=SPOTTING),
        # Beyond the paper.
        Task("esc50", "sound", FOLDS),
        Task("vggsound", "sound"),
        Task("clotho", RETRIEVAL),
        Task("emodb", "emotion"),
        Task("emodb", "gender"),
        Task("nemo", "emotion"),
        Task("nemo", "gender"),
        Task("speech_commands", KEYWORD),
        Task("arabic_speech_commands", KEYWORD),
        Task("fsdd", KEYWORD),
    )
}
"""The tasks with a record. Any other "corpus/kind" that the shards hold is a task too."""


def _groups() -> dict[str, tuple[str, ...]]:
    tables = sorted({cell.table for cell in CELLS})
    groups = {
        table: tuple(dict.fromkeys(cell.task for cell in CELLS if cell.table == table))
        for table in tables
    }
    printed = {cell.task for cell in CELLS}
    return {**groups, "beyond": tuple(name for name in TASKS if name not in printed)}


GROUPS: Mapping[str, tuple[str, ...]] = _groups()
"""Tasks that are asked for together: those of each table of the paper, and those beyond it. "all"
is every record and retrieval that the shards can answer, and every kind of label of corpora without
a record."""


def choose(
    names: Sequence[str], holdings: Mapping[str, Iterable[str]], folded: Iterable[str] = ()
) -> tuple[list[Task], dict[str, str]]:
    """The tasks of these names, in order and each once.

    Args:
        names: Tasks, groups, or "all".
        holdings: Of each corpus in the shards, its kinds of label.
        folded: The corpora of the shards that come in folds.

    Returns:
        The tasks, and of each task of a group that the shards cannot answer, why.

    Raises:
        UnknownNameError: No task or group has such a name.
        UsageError: A task's corpus is not in the shards.

    >>> tasks, missing = choose(["table6"], {"crema_d": ["emotion"], "emov_db": ["emotion"]})
    >>> [task.name for task in tasks], sorted(missing)
    (['emov_db/retrieval', 'crema_d/retrieval'], ['emov_db+crema_d+ravdess/retrieval'])
    """
    here = _answerable(holdings, set(folded))
    # Of a corpus with records, "all" is these; what else it says (intensity, age) is there by name.
    recorded = {corpus for task in TASKS.values() for corpus in task.corpora}
    everything = [
        name
        for name, task in here.items()
        if task.corpus not in recorded or task.target == RETRIEVAL or name in TASKS
    ]
    chosen: dict[tuple[str, str], Task] = {}
    missing: dict[str, str] = {}
    for asked in names:
        name, _, split = asked.partition("@")
        for each in everything if name == "all" else GROUPS.get(name, (name,)):
            task = here.get(each) or _joined(each, holdings)
            if task:
                chosen[each, split] = replace(task, split=split) if split else task
            elif name in GROUPS:
                missing[each] = _absence(each, holdings)
            elif each in TASKS:
                raise UsageError(f"The task {each} cannot be answered: {_absence(each, holdings)}")
            else:
                raise UnknownNameError("task", name, {*TASKS, *GROUPS, *here, "all"})
    return list(chosen.values()), missing


def _answerable(holdings: Mapping[str, Iterable[str]], folded: set[str]) -> dict[str, Task]:
    """Each task that the shards can answer, by its name; those over several corpora last."""
    alone = [
        Task(corpus, target, FOLDS if corpus in folded else "test")
        for corpus, kinds in sorted(holdings.items())
        for target in (*sorted(kinds), RETRIEVAL)
    ]
    joined = [task for task in TASKS.values() if len(task.corpora) > 1]
    here = {task.name: TASKS.get(task.name, task) for task in alone}
    return here | {each.name: each for each in joined if set(each.corpora) <= set(holdings)}


def _joined(name: str, holdings: Mapping[str, Iterable[str]]) -> Task | None:
    """Retrieval over several corpora of the shards, as anyone may ask for it."""
    corpora, _, target = name.partition("/")
    task = Task(corpora, target)
    several = 1 < len(task.corpora) == len(set(task.corpora))
    return task if several and target == RETRIEVAL and set(task.corpora) <= set(holdings) else None


def _absence(name: str, holdings: Mapping[str, Iterable[str]]) -> str:
    task = TASKS[name]
    absent = [corpus for corpus in task.corpora if corpus not in holdings]
    if not absent:
        return f"no recording of {task.corpus} in the shards has the label {task.target!r}."
    there = ", ".join(sorted(holdings)) or "nothing"
    many = "corpora" if len(absent) > 1 else "corpus"
    return f"it needs the {many} {', '.join(absent)}, but the shards hold {there}."
