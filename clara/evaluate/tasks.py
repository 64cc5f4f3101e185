"""Tasks as records: which labels of which corpus a model is asked for, on which recordings.

A task is named "corpus/target", the target being a kind of label ("ravdess/emotion") or
"retrieval". "@SPLIT" behind the name asks on another split than the official one
("ravdess/emotion@valid", "esc50/sound@fold1"). Classes come from the corpus and prompts from
`clara.text.phrases`, so that nothing is typed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clara.errors import UnknownNameError, UsageError

FOLDS = "folds"
RETRIEVAL = "retrieval"
CLASSIFYING = ("zero_shot", "linear_probe", "logistic")


@dataclass(frozen=True, slots=True)
class Task:
    """What a model is asked.

    Attributes:
        corpus: Name of the corpus.
        target: A kind of label of the corpus, or "retrieval".
        split: What it is tested on: a split, or "folds" for the mean over the corpus's folds.
        templates: Prompts with "{label}" that take the place of those of Table II.
    """

    corpus: str
    target: str
    split: str = "test"
    templates: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The task's name on the command line and in reports."""
        return f"{self.corpus}/{self.target}"

    @property
    def protocols(self) -> tuple[str, ...]:
        """How it is measured unless something else is asked for."""
        return (RETRIEVAL,) if self.target == RETRIEVAL else CLASSIFYING


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("esc50", "sound", FOLDS),
        Task("urbansound8k", "sound", FOLDS),
        Task("ravdess", "emotion"),
        Task("ravdess", "gender"),
        Task("emodb", "emotion"),
        Task("emodb", "gender"),
        Task("nemo", "emotion"),
        Task("nemo", "gender"),
        Task("speech_commands", "keyword"),
        Task("arabic_speech_commands", "keyword"),
        Task("fsdd", "keyword"),
    )
}
"""The tasks with a record. Any other "corpus/kind" that the shards hold is a task too."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    # Emotion and sound, Tables I and IV, on the corpora of the paper's kind that we read.
    "table1": ("ravdess/emotion", "urbansound8k/sound", "esc50/sound"),
    "table4": (
        "ravdess/emotion",
        "ravdess/gender",
        "emodb/emotion",
        "emodb/gender",
        "nemo/emotion",
        "nemo/gender",
    ),
}
"""Tasks that are asked for together; "all" is every record and retrieval that the shards can
answer, and every kind of label of corpora without a record."""


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

    >>> tasks, missing = choose(["table1"], {"ravdess": ["emotion"]})
    >>> [task.name for task in tasks], sorted(missing)
    (['ravdess/emotion'], ['esc50/sound', 'urbansound8k/sound'])
    """
    folded = set(folded)
    here = {
        f"{corpus}/{target}": TASKS.get(
            f"{corpus}/{target}", Task(corpus, target, FOLDS if corpus in folded else "test")
        )
        for corpus, kinds in sorted(holdings.items())
        for target in (*sorted(kinds), RETRIEVAL)
    }
    # Of a corpus with records, "all" is these; what else it says (intensity, age) is there by name.
    recorded = {task.corpus for task in TASKS.values()}
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
            if each in here:
                task = replace(here[each], split=split) if split else here[each]
                chosen[each, split] = task
            elif name in GROUPS:
                missing[each] = _absence(each, holdings)
            elif each in TASKS:
                raise UsageError(f"The task {each} cannot be answered: {_absence(each, holdings)}")
            else:
                raise UnknownNameError("task", name, {*TASKS, *GROUPS, *here, "all"})
    return list(chosen.values()), missing


def _absence(name: str, holdings: Mapping[str, Iterable[str]]) -> str:
    corpus = TASKS[name].corpus
    if corpus in holdings:
        return f"no recording of {corpus} in the shards has the label {TASKS[name].target!r}."
    there = ", ".join(sorted(holdings)) or "nothing"
    return f"it needs the corpus {corpus}, but the shards hold {there}."
