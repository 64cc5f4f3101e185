"""Parts of the page: languages, examples to listen to, maps and matrices show what was measured."""

from __future__ import annotations

import re

import numpy as np
import pytest

from clara.evaluate.examples import Clip
from clara.evaluate.map import Map
from clara.evaluate.origin import Data, Model, Origin
from clara.evaluate.page import languages, listening, maps, matrices, methods, overview, rivals
from clara.evaluate.run import Missing
from clara.evaluate.tables import HOURS
from clara.records import Scores


def spotted(lines: list[dict[str, object]], seen: str = "unseen") -> Scores:
    values = {"accuracy": 0.5}
    return Scores(
        "mswc/keyword", "keyword_spotting", "m", values, 9, 0.1, seen, {"by_language": lines}
    )


LINE = {"language": "pl", "words": 20, "accuracy": 0.5, "support": 9, "hours": 2.5, "chance": 0.05}

GERMAN, FRENCH = {**LINE, "language": "de"}, {**LINE, "language": "fr"}


def test_a_language_has_ours_and_the_papers_point() -> None:
    html = languages.pictures([spotted([LINE, GERMAN, FRENCH])])
    assert html.count("<title>Polish (pl): 50.0 %, 2.5 h</title>") == 2  # wide, and for phones
    assert html.count("<title>Polish (pl): 96.7 %, 96.9 h</title>") == 2
    assert html.count('<circle class="tone0 dot"') == 6
    assert html.count('<rect class="tone1 dot"') == 2 * len(HOURS) == 72


@pytest.mark.parametrize("hours", [None, 0.0])
def test_a_language_without_hours_stands_at_none(hours: float | None) -> None:
    html = languages.pictures([spotted([{**LINE, "hours": hours}, GERMAN, FRENCH])])
    assert "50.0 %, 0 h" in html
    assert html.count(">0</text>") == 2


def test_few_languages_make_a_table_alone() -> None:
    html = languages.pictures([spotted([LINE, GERMAN])])
    assert "<svg" not in html
    assert "<bdi>Polish (pl)</bdi>" in html


def test_the_table_of_languages_tells_speakers_where_they_are_known() -> None:
    plain = languages.pictures([spotted([LINE])])
    assert "known speakers" not in plain
    told = {**LINE, "unseen_speakers": {"accuracy": 0.25, "support": 1234}, "seen_speakers": None}
    html = languages.pictures([spotted([told, LINE])])
    assert "new speakers" in html
    assert '25.0 <span class="muted">of 1,234</span>' in html
    assert "known speakers" not in html


def test_other_tasks_have_no_languages() -> None:
    assert languages.pictures([Scores("a/b", "zero_shot", "m", {"accuracy": 1}, 1)]) == ""


def example(rank: int) -> dict[str, object]:
    answers = [
        {"recording": f"c/{n}", "texts": ["rain"], "right": n + 1 == rank, "likeness": 0.5}
        for n in range(3)
    ]
    found = {"way": "text_to_audio", "query": {"text": "rain"}, "rank": rank, "gallery": 400}
    return {**found, "answers": answers}


def heard(*examples: dict[str, object], clips: dict[str, Clip] | None = None) -> str:
    scores = Scores(
        "c/retrieval", "retrieval", "m", {"x": 1.0}, 9, seen="unseen", detail={"examples": examples}
    )
    return listening.blocks([scores], clips or {})


def test_an_example_says_which_answers_are_right_and_where_the_right_one_is() -> None:
    html = heard(example(1))
    assert html.count("✓ right") == 1
    assert html.count("✗ wrong") == 2
    assert "rank" not in html
    assert "is at rank 3 of 400." in heard(example(3))
    far = {**example(0), "rank": 1234, "gallery": 5678}
    wanted = {"recording": "c/9", "texts": ["rain"], "right": True, "likeness": -0.25}
    html = heard({**far, "wanted": wanted})
    assert "is at rank 1,234 of 5,678." in html
    assert "-0.25" in html.partition('class="wanted"')[2]


def test_a_recording_plays_where_its_clip_was_kept() -> None:
    html = heard(example(1), clips={"c/0": Clip("clip-0.flac", 12.3, "CC BY")})
    assert re.findall(r'<audio controls preload="none" src="([^"]+)"', html) == [
        "clips/clip-0.flac"
    ]
    assert "12.3 s · licence: <bdi>CC BY</bdi>" in html
    assert html.count("not kept as a clip") == 2


def a_map(**changes: object) -> Map:
    fields: dict[str, object] = {
        "task": "c/sound",
        "encoder": "m",
        "method": "PCA",
        "classes": ("rain", "dog"),
        "audio": np.arange(8.0).reshape(4, 2),
        "labels": (0, 0, 0, 1),
        "keys": ("c/0", "c/1", "c/2", "c/3"),
        "prompts": np.ones((2, 2)),
        "template": "The sound of {label}",
        "total": 4,
        "gap": 0.123,
    }
    return Map(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_map_shows_recordings_prompts_and_a_legend() -> None:
    html = maps.cards([a_map()])
    for tip in ("rain: c/0", "dog: c/3", "prompt: rain", "prompt: dog"):
        assert f"<title>{tip}</title>" in html
    assert '<bdi>rain</bdi> <span class="muted">3</span>' in html
    assert "All 4 recordings, placed by PCA" in html
    assert "is 0.12." in html
    assert "4 of 20,000 recordings" in maps.cards([a_map(total=20000)])


def test_a_map_without_texts_says_so() -> None:
    html = maps.cards([a_map(prompts=np.empty((0, 2)), gap=None)])
    assert "the model has no text side" in html
    assert "polygon" not in html.partition("<ul")[0]


def test_all_models_but_the_first_are_folded_away() -> None:
    html = maps.cards([a_map(), a_map(encoder="other"), a_map(task="c/dog")])
    assert html.count("<details open>") == 1
    assert html.count("<details>") == 1


def judged(counts: list[list[int]]) -> Scores:
    names = [f"class {number}" for number in range(len(counts))]
    detail = {"confusion": counts, "classes": names}
    return Scores("c/sound", "zero_shot", "m", {"accuracy": 0.5}, 9, 0.1, "unseen", detail)


def test_mistakes_are_told_the_most_frequent_first() -> None:
    html = matrices.blocks([judged([[5, 1, 0], [3, 2, 0], [0, 0, 4]])])
    told = re.sub(r"</?bdi>", "", html)
    assert "Most often mistaken: class 1 for class 0 (3), class 0 for class 1 (1)." in told
    assert "Nothing is taken" in matrices.blocks([judged([[1, 0], [0, 1]])])


def test_of_many_classes_those_with_mistakes_are_shown() -> None:
    counts = np.eye(60, dtype=int) * 9
    counts[57, 58] = 4
    html = matrices.blocks([judged(counts.tolist())])
    assert "the 50 of 60 classes" in html
    assert "class 57 taken for class 58: 4 (31%)" in html


def test_matrices_and_tables_are_absent_where_there_is_nothing() -> None:
    nothing = Scores("c/sound", "zero_shot", "m", {"accuracy": 0.5}, 9)
    assert matrices.blocks([nothing]) == ""
    assert rivals.lists([nothing]) == ""
    assert overview.table([]) == overview.cards([]) == ""
    assert methods.missing([]) == ""
    assert listening.blocks([nothing], {}) == ""
    assert maps.cards([]) == ""


def test_each_reason_is_told_once_for_a_model() -> None:
    html = methods.missing(
        [
            Missing("a/b", "zero_shot", "mine", "no <text> side."),
            Missing("c/d", "retrieval", "mine", "no <text> side."),
            Missing("c/d", "", "yours", "no shards."),
            Missing("", "", "third", "nothing at all."),
        ]
    )
    assert html.count("<li>") == 3
    assert html.count("no &lt;text&gt; side.") == 1
    assert "<bdi>a/b by zero shot</bdi>, <bdi>c/d by retrieval</bdi>" in html


def test_how_to_measure_it_again_is_told() -> None:
    origin = Origin(
        command="clara evaluate '<b>' --seed 3",
        folder="/somewhere",
        models={"mine": Model("runs/a", "sha256:abc")},
        data=Data(("shards",), 12345, "sha256:def"),
        options={"seed": 3},
        date="2026-11-23T00:00:00Z",
    )
    html = methods.again(origin)
    for told in (
        "clara evaluate &#x27;&lt;b&gt;&#x27; --seed 3",
        "runs/a sha256:abc",
        "12,345, sha256:def",
        "2026-11-23T00:00:00Z",
        "torch ",
    ):
        assert told in html
    assert methods.again(None) == ""


def test_settings_are_explained_where_they_occur() -> None:
    scores = Scores("ravdess/emotion", "zero_shot", "m", {"accuracy": 0.5}, 9, seen="unseen")
    html = rivals.lists([scores])
    assert "<dt>third-party re-measurement</dt>" in html
    assert "<dt>training not stated</dt>" not in html
    assert "Table I: zero-shot, RAVDESS (Acc)" in html
    assert "saw that data" in html
