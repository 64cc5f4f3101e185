"""All tasks, by every protocol: who knows everything is perfect, and who knows nothing guesses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from corpora_in_small import LANGUAGES, Planted, write

from clara import corpora
from clara.evaluate.run import evaluate
from clara.evaluate.tables import CELLS
from clara.evaluate.tasks import TASKS, Task
from clara.records import Scores
from clara.shards import Index

LEARNED = ("linear_probe", "logistic")


def by_words(task: Task) -> list[str]:
    if task.target == "keyword":
        return ["zero_shot", "keyword_spotting"]
    return [name for name in task.protocols if name not in LEARNED]


def size(task: Task) -> int:
    """How many classes a task has."""
    return len(corpora.get(task.corpora[0]).labels.get(task.target, ()))


WORDS = [(task, protocol) for task in TASKS.values() for protocol in by_words(task)]
PROBES = [
    pytest.param(task, protocol, marks=[pytest.mark.slow] if size(task) > 100 else [])
    for task in TASKS.values()
    if task.target != "retrieval"
    for protocol in LEARNED
    # Hundreds of labels, at every strength and fold, take minutes; smaller tests learn several.
    if not (task.several and protocol == "logistic")
]


def name(value: object) -> str:
    return value.name if isinstance(value, Task) else str(value)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Task], Index]:
    """The recordings that a task needs, written once."""
    known: dict[str, Index] = {}

    def make(task: Task) -> Index:
        if task.corpus not in known:
            known[task.corpus] = write(tmp_path_factory.mktemp("shards"), task.corpora)
        return known[task.corpus]

    return make


def measured(index: Index, task: Task, protocol: str, seed: int | None = None) -> Scores:
    """One task by one protocol; what learns, on two folds at most."""
    folds = ("fold1", "fold5") if protocol not in ("zero_shot", "retrieval") else ()
    encoder = Planted(index, task, seed)
    results = evaluate(encoder, index, [task.name], [protocol], folds=folds)
    (scores,) = results.scores
    assert not results.missing
    assert scores.outcomes is not None
    return scores


def figures(scores: Scores) -> list[tuple[float, float, float]]:
    """Each figure that has an interval, with its ends."""
    values = scores.values
    return [
        (value, values[f"{key}_low"], values[f"{key}_high"])
        for key, value in values.items()
        if f"{key}_low" in values
    ]


@pytest.mark.parametrize(("task", "protocol"), WORDS, ids=name)
def test_who_knows_everything_is_perfect(
    shards: Callable[[Task], Index], task: Task, protocol: str
) -> None:
    scores = measured(shards(task), task, protocol)
    assert scores.task == task.name
    assert scores.seen == "unseen"
    assert scores.detail["met"] == "neither"
    assert scores.outcomes.right.all()
    assert scores.values[scores.detail["primary"]] == 1.0
    for key, value in scores.values.items():
        assert value == 1.0 or key.endswith("_low"), key
    for _, low, high in figures(scores):
        assert 0.8 < low < high == 1.0
    fills_the_tables(scores, task, protocol)


def fills_the_tables(scores: Scores, task: Task, protocol: str) -> None:
    spoken = {each["language"] for each in scores.detail.get("by_language", ())}
    for cell in CELLS:
        if (cell.task, cell.protocol) != (task.name, protocol):
            continue
        where, _, which = cell.figure.partition(":")
        if where == "by_template":
            assert scores.detail["by_template"][which] == 1.0
        elif where == "by_language":
            assert (which in spoken) == (which in LANGUAGES)
        else:
            assert scores.values[cell.figure] == 1.0


@pytest.mark.parametrize(("task", "protocol"), WORDS, ids=name)
def test_who_knows_nothing_guesses(
    shards: Callable[[Task], Index], task: Task, protocol: str
) -> None:
    scores = measured(shards(task), task, protocol, seed=1)
    main = scores.detail["primary"]
    expected = {main: scores.chance}
    if protocol == "retrieval":
        expected["audio_to_text_recall@1"] = scores.detail["chance_audio_to_text"]
    if main == "map":
        expected["accuracy_any"] = scores.detail["chance_accuracy_any"]
    for key, chance in expected.items():
        value = scores.values[key]
        low, high = scores.values[f"{key}_low"], scores.values[f"{key}_high"]
        # Of some fifty intervals of 95 % a few miss; none misses by as much again.
        assert value - 2 * (value - low) <= chance <= value + 2 * (high - value), key
    assert all(low <= value <= high for value, low, high in figures(scores))


@pytest.mark.parametrize(("task", "protocol"), PROBES, ids=name)
def test_a_probe_of_who_knows_everything_is_perfect(
    shards: Callable[[Task], Index], task: Task, protocol: str
) -> None:
    scores = measured(shards(task), task, protocol)
    # Where a class has one recording to learn from, twenty epochs do not reach every one.
    least = 1.0 if size(task) < 100 else 0.98
    assert least <= scores.values[scores.detail["primary"]] <= 1.0


@pytest.mark.parametrize("task", ["crema_d/emotion", "emov_db/gender", "esc50/sound"])
def test_a_probe_of_who_knows_nothing_guesses(shards: Callable[[Task], Index], task: str) -> None:
    values = (scores := measured(shards(TASKS[task]), TASKS[task], "logistic", seed=1)).values
    value, low, high = (values[f"accuracy{end}"] for end in ("", "_low", "_high"))
    assert value - 2 * (value - low) <= scores.chance <= value + 2 * (high - value)


@pytest.mark.slow
def test_a_tuned_tower_of_who_knows_everything_is_perfect(shards: Callable[[Task], Index]) -> None:
    task = TASKS["emodb/emotion"]
    assert measured(shards(task), task, "fine_tune").values["accuracy"] == 1.0
