"""`clara compare`: what can be compared is, what cannot is told, and chance is not called skill."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from clara.cli.__main__ import main
from clara.errors import DataError, UsageError
from clara.evaluate.compare import compare
from clara.evaluate.stored import Stored, read, to_json
from clara.records import Outcomes, Scores


def scored(
    right: np.ndarray,
    task: str = "esc50/sound",
    encoder: str = "a",
    groups: Sequence[object] = (),
    **changes: object,
) -> Scores:
    keys = [f"clip{number}" for number in range(len(right))]
    made = Scores(
        task=task,
        protocol="zero_shot",
        encoder=encoder,
        values={"accuracy": float(right.mean()), "accuracy_low": 0.0, "accuracy_high": 1.0},
        support=len(right),
        seen="unseen",
        detail={"primary": "accuracy", "prompts": "paper", "classes": ["dog", "rain"]},
        outcomes=Outcomes.over(keys, right, groups=groups),
    )
    return dataclasses.replace(made, **changes)


def stored(*scores: Scores, path: str = "a") -> Stored:
    return Stored(Path(path), scores)


def write(path: Path, *scores: Scores) -> Path:
    path.write_text(json.dumps({"scores": [to_json(each) for each in scores]}))
    return path


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    """Of 400 questions the second model gets 40 more right, and never one less."""
    first = np.arange(400) % 2 == 0
    second = first | (np.arange(400) % 20 == 1) | (np.arange(400) % 20 == 3)
    return first, second


def test_scores_survive_the_file(tmp_path: Path, answers) -> None:
    parts = ["fold1", "fold2"] * 200
    made = scored(answers[0], groups=[f"s{n % 7}" for n in range(400)])
    made = dataclasses.replace(
        made, outcomes=Outcomes.over(map(str, range(400)), answers[0], parts=parts)
    )
    (found,) = read(write(tmp_path / "scores.json", made)).scores
    assert found == made
    assert found.outcomes is not None
    assert made.outcomes is not None
    assert found.outcomes.recordings == made.outcomes.recordings
    assert np.array_equal(found.outcomes.right, answers[0])
    assert np.array_equal(found.outcomes.parts, made.outcomes.parts)
    assert found.outcomes.groups is None
    assert read(tmp_path).path == tmp_path / "scores.json"


def test_the_same_questions_are_compared_one_by_one(answers) -> None:
    first, second = answers
    found = compare(stored(scored(first)), stored(scored(second, encoder="b")))
    (row,) = found.differences
    assert row.paired
    assert row.found.difference == pytest.approx(0.1)
    assert row.found.p == pytest.approx(2 * 0.5**40)
    assert row.verdict == "second"
    assert found.names == ("a", "b")
    back = compare(stored(scored(second)), stored(scored(first, encoder="b")))
    assert back.differences[0].verdict == "first"


def test_other_questions_are_two_samples(answers) -> None:
    first, second = answers
    found = compare(stored(scored(first)), stored(scored(second[:399], encoder="b")))
    (row,) = found.differences
    assert not row.paired
    assert row.found.test == "two shares, z"
    old = dataclasses.replace(scored(second, encoder="b"), outcomes=None)
    (row,) = compare(stored(scored(first)), stored(old)).differences
    assert not row.paired
    assert "intervals" in row.found.test


def test_speakers_stay_together(answers) -> None:
    first, second = answers
    groups = [number % 4 for number in range(400)]
    made = scored(first, groups=groups), scored(second, encoder="b", groups=groups)
    (row,) = compare(stored(made[0]), stored(made[1])).differences
    assert row.found.test == "signs of 4 speakers or sources, too few to show any"
    assert row.found.p >= 0.125
    assert row.verdict == "neither"


def test_many_tasks_are_corrected_for() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(60):
        pairs = [rng.random((2, 200)) < 0.7 for _ in range(20)]
        mine = [scored(pair[0], f"t/{n}") for n, pair in enumerate(pairs)]
        theirs = [scored(pair[1], f"t/{n}", "b") for n, pair in enumerate(pairs)]
        found = compare(stored(*mine), stored(*theirs))
        alarms += any(row.verdict != "neither" for row in found.differences)
    assert alarms / 60 <= 0.14  # 5 % of families, and three standard errors


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prompts": "code"}, "prompts"),
        ({"classes": ["dog", "snow"]}, "classes"),
        ({"parts": [{"split": "fold1", "counted": True}]}, "splits"),
        ({"primary": "accuracy_low"}, "accuracy_low"),
    ],
)
def test_other_figures_are_refused(answers, changes: dict, told: str) -> None:
    first, second = answers
    other = scored(second, encoder="b")
    other = dataclasses.replace(other, detail={**other.detail, **changes})
    with pytest.raises(UsageError, match=told):
        compare(stored(scored(first)), stored(other))
    more = scored(second, "x/y", "b"), scored(first, "x/y")
    found = compare(stored(scored(first), more[1]), stored(other, more[0]))
    assert [row.task for row in found.differences] == ["x/y"]
    assert told in found.refused[0][2]


def test_what_only_one_has_is_named(answers) -> None:
    first, second = answers
    probe = scored(first, protocol="logistic")
    found = compare(
        stored(scored(first), probe),
        stored(scored(second, encoder="b"), scored(second, "c/d", "b")),
    )
    assert found.alone == (("esc50/sound", "logistic", "a"), ("c/d", "zero_shot", "b"))


def test_the_figure_of_several_labels_and_that_of_answers_are_both_compared(answers) -> None:
    def several(right: np.ndarray, encoder: str, value: float) -> Scores:
        values = {"map": value, "map_low": value - 0.01, "map_high": value + 0.01}
        keys = [str(number) for number in range(len(right))]
        return scored(
            right,
            encoder=encoder,
            values={**values, "accuracy_any": float(right.mean())},
            detail={"primary": "map"},
            outcomes=Outcomes.over(keys, right, figure="accuracy_any"),
        )

    first, second = several(answers[0], "a", 0.3), several(answers[1], "b", 0.5)
    rows = compare(stored(first), stored(second)).differences
    assert [(row.figure, row.paired, row.verdict) for row in rows] == [
        ("accuracy_any", True, "second"),
        ("map", False, "second"),
    ]


def test_models_are_named_where_a_report_holds_several(answers) -> None:
    first, second = answers
    both = stored(scored(first), scored(second, encoder="b"))
    with pytest.raises(UsageError, match="holds a, b"):
        compare(both, stored(scored(second, encoder="b"), path="b"))
    with pytest.raises(UsageError, match="no model"):
        compare(both, both, ("a", "c"))
    with pytest.raises(UsageError, match="twice"):
        compare(both, both, ("a", "a"))
    with pytest.raises(UsageError, match="two models"):
        compare(both, both, ("a",))
    assert compare(both, both, ("a", "b")).differences[0].verdict == "second"


def test_from_the_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str], answers) -> None:
    first, second = answers
    a = write(tmp_path / "a.json", scored(first), scored(first, "only/a"))
    b = write(tmp_path / "b.json", scored(second, encoder="b", seen="held-out"))
    assert main(["compare", str(a), str(b)]) == 0
    shown = capsys.readouterr()
    assert "b less a" in shown.out
    assert "McNemar" in shown.out
    assert "Only a was measured on only/a by zero_shot." in shown.err
    assert "have not seen the same" in shown.err
    assert main(["compare", str(a), str(b), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["differences"][0]["verdict"] == "second"
    assert main(["compare", str(a), str(tmp_path / "none.json")]) == 2
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "harm",
    [
        lambda told: told.clear(),
        lambda told: told.update(scores=[]),
        lambda told: told.update(scores={"a": 1}),
        lambda told: told["scores"][0].pop("values"),
        lambda told: told["scores"][0].update(values={"accuracy": "much"}),
        lambda told: told["scores"][0].update(values={"accuracy": float("nan")}),
        lambda told: told["scores"][0]["detail"].update(primary="other"),
        lambda told: told["scores"][0]["outcomes"].update(count=401),
        lambda told: told["scores"][0]["outcomes"].update(count=10**18),
        lambda told: told["scores"][0]["outcomes"].update(right="/"),
        lambda told: told["scores"][0]["outcomes"].update(
            groups=base64.b64encode(zlib.compress(bytes(10**7))).decode()
        ),
        lambda told: told["scores"][0]["outcomes"].update(groups="AAAA"),
        lambda told: told.update(origin=[1]),
        lambda told: told["scores"][0].update(seen="held-out"),
    ],
)
def test_files_of_others_are_refused_in_a_sentence(tmp_path: Path, answers, harm) -> None:
    told = {"scores": [to_json(scored(answers[0]))]}
    harm(told)
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(told))
    if told.get("origin"):
        told["scores"][0]["outcomes"] = None
    with pytest.raises(DataError, match="Expected"):
        read(path)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_what_is_no_json_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scores.json").write_bytes(content)
    with pytest.raises(DataError, match="Expected"):
        read(tmp_path)
