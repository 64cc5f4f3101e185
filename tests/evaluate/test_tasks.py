"""Every task names a corpus, a label and prompts that exist; names are found or refused."""

from __future__ import annotations

import pytest

from clara import corpora, rooms
from clara.errors import UnknownNameError, UsageError
from clara.evaluate.tasks import FOLDS, GROUPS, RETRIEVAL, TASKS, Task, choose
from clara.text.phrases import TEMPLATES


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_a_record_names_what_exists(task: Task) -> None:
    for name in task.corpora:
        corpus = corpora.get(name)
        assert bool(corpus.folds) == (task.split == FOLDS)
        assert task.split == FOLDS or set(task.split.split("+")) <= set(corpus.splits)
    if task.target == "language":
        assert len(corpus.languages) > 1 or corpus.languages == corpora.MANY
    elif task.target != RETRIEVAL:
        assert task.target in TEMPLATES
        # A kind that is not listed is open: the words of MSWC.
        assert len(corpus.labels.get(task.target, ("open", "kind"))) > 1
    assert set(task.protocols) <= set(rooms.names("evaluate.protocols"))


def test_groups_name_records() -> None:
    assert {name for names in GROUPS.values() for name in names} <= set(TASKS)


def test_all_is_what_the_shards_can_answer() -> None:
    holdings = {"mine": ["mood"], "esc50": ["sound", "weather"]}
    chosen, missing = choose(["all"], holdings, ["esc50"])
    assert [task.name for task in chosen] == [
        "esc50/sound",
        "esc50/retrieval",
        "mine/mood",
        "mine/retrieval",
    ]
    assert [task.split for task in chosen] == [FOLDS, FOLDS, "test", "test"]
    assert not missing


def test_a_task_given_twice_is_measured_once() -> None:
    chosen, _ = choose(["all", "mine/mood"], {"mine": ["mood"]})
    assert [task.name for task in chosen] == ["mine/mood", "mine/retrieval"]


def test_another_split() -> None:
    chosen, _ = choose(["esc50/sound@fold3", "esc50/sound"], {"esc50": ["sound"]}, ["esc50"])
    assert [task.split for task in chosen] == ["fold3", FOLDS]


def test_a_group_goes_on_without_what_is_missing() -> None:
    chosen, missing = choose(["table4"], {"ravdess": ["emotion"]})
    assert [task.name for task in chosen] == ["ravdess/emotion"]
    assert "needs the corpus emov_db" in missing["emov_db/emotion"]
    assert "has the label 'gender'" in missing["ravdess/gender"]


def test_a_named_task_without_its_corpus_is_refused() -> None:
    with pytest.raises(UsageError, match="needs the corpus esc50, but the shards hold ravdess"):
        choose(["esc50/sound"], {"ravdess": ["emotion"]})


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ravdess/emotion'"):
        choose(["ravdes/emotion"], {"ravdess": ["emotion"]})


def test_retrieval_over_several_corpora() -> None:
    holdings = {"emov_db": ["emotion"], "crema_d": ["emotion"], "mine": []}
    (task,), _ = choose(["crema_d+mine/retrieval@valid"], holdings)
    assert (task.corpora, task.split, task.protocols) == (
        ("crema_d", "mine"),
        "valid",
        ("retrieval",),
    )
    _, missing = choose(["table6"], holdings)
    assert missing == {
        "emov_db+crema_d+ravdess/retrieval": "it needs the corpus ravdess, but the shards hold "
        "crema_d, emov_db, mine."
    }
    chosen, _ = choose(["all"], {**holdings, "ravdess": ["emotion"]})
    assert chosen[-1].name == "emov_db+crema_d+ravdess/retrieval"


@pytest.mark.parametrize("name", ["mine+mine/retrieval", "mine+yours/retrieval", "mine+a/mood"])
def test_several_corpora_must_be_there_and_differ(name: str) -> None:
    with pytest.raises(UnknownNameError):
        choose([name], {"mine": ["mood"], "a": ["mood"]})
