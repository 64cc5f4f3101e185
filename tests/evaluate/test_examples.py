"""Examples are drawn by a rule, say what is right, and become clips that can be played."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clara.audio import io
from clara.errors import DataError
from clara.evaluate import examples
from clara.evaluate.examples import EACH, SHOWN, choose, save_clips
from clara.evaluate.run import evaluate
from clara.records import Scores
from clara.shards import Index


def drawn(seed: int, count: int = 60) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Examples of noisy pairs: recording i belongs to text i // 2."""
    rng = np.random.default_rng(seed)
    texts = rng.normal(size=(count // 2, 8))
    audio = np.repeat(texts, 2, axis=0) + rng.normal(size=(count, 8))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    audio /= np.linalg.norm(audio, axis=1, keepdims=True)
    of_text = [np.array([2 * row, 2 * row + 1]) for row in range(count // 2)]
    of_audio = [np.array([row // 2]) for row in range(count)]
    keys = [f"c/{row}" for row in range(count)]
    names = [f"text {row}" for row in range(count // 2)]
    found = chosen(audio, texts, keys, names, (of_text, of_audio))
    return found, audio, texts


def chosen(
    audio: np.ndarray,
    rows: np.ndarray,
    keys: list[str],
    texts: list[str],
    answers: tuple[list[np.ndarray], list[np.ndarray]],
) -> list[dict[str, Any]]:
    """The examples, with hits by brute force: ties count against the answer."""
    table = rows @ audio.T
    hits = []
    for likeness, own in ((table, answers[0]), (table.T, answers[1])):
        wrong = np.ones(likeness.shape, dtype=bool)
        for row, right in enumerate(own):
            wrong[row, right] = False
        best = np.where(wrong, -np.inf, likeness).max(axis=1)
        hits.append(best > np.where(wrong, likeness, -np.inf).max(axis=1))
    return choose(audio, rows, keys, texts, answers, (hits[0], hits[1]))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_of_an_example_is_so(seed: int) -> None:
    found, audio, texts = drawn(seed)
    assert {each["way"] for each in found} == {"text_to_audio", "audio_to_text"}
    for each in found:
        if each["way"] == "text_to_audio":
            query = int(each["query"]["text"].split()[1])
            likeness, right = audio @ texts[query], {2 * query, 2 * query + 1}
            shown = [int(answer["recording"].split("/")[1]) for answer in each["answers"]]
            assert each["answers"][0]["texts"] == [f"text {shown[0] // 2}"]
        else:
            query = int(each["query"]["recording"].split("/")[1])
            likeness, right = texts @ audio[query], {query // 2}
            shown = [int(answer["text"].split()[1]) for answer in each["answers"]]
        order = np.argsort(-likeness).tolist()
        assert shown == order[:SHOWN]
        assert [answer["right"] for answer in each["answers"]] == [one in right for one in shown]
        assert each["rank"] == 1 + min(order.index(one) for one in right)
        assert ("wanted" in each) == (each["rank"] > SHOWN)
        assert each["gallery"] == len(likeness)


def test_right_and_wrong_ones_are_shown_and_the_same_are_drawn_again() -> None:
    found, *_ = drawn(1)
    for way in ("text_to_audio", "audio_to_text"):
        ranks = [each["rank"] for each in found if each["way"] == way]
        assert [rank == 1 for rank in ranks] == [True] * EACH + [False] * EACH
    assert found == drawn(1)[0]


def test_the_draw_does_not_look_at_the_model() -> None:
    perfect = np.eye(40)
    keys, names = [f"c/{row}" for row in range(40)], [f"text {row}" for row in range(40)]
    own = [np.array([row]) for row in range(40)]
    right = chosen(perfect, perfect, keys, names, (own, own))
    wrong = chosen(perfect, np.roll(perfect, 1, axis=0), keys, names, (own, own))
    assert len(right) == len(wrong) == 2 * EACH
    assert [each["query"] for each in right] == [each["query"] for each in wrong]
    assert {each["rank"] for each in right} == {1}
    assert min(each["rank"] for each in wrong) > 1


def test_ties_count_against_the_answer() -> None:
    same = np.ones((5, 2))
    own = [np.array([row]) for row in range(5)]
    keys, names = list("abcde"), list("vwxyz")
    for each in chosen(same, same, keys, names, (own, own)):
        assert each["rank"] == 5
        assert not any(answer["right"] for answer in each["answers"])


def test_one_recording_and_one_text() -> None:
    own = [np.array([0])]
    found = chosen(np.ones((1, 2)), np.ones((1, 2)), ["c/k"], ["t"], (own, own))
    assert [each["rank"] for each in found] == [1, 1]


@pytest.fixture
def measured(tones: SimpleNamespace) -> tuple[Scores, Index]:
    index = tones.shards(tones.everything(["test"]))
    (scores,) = evaluate(tones.Ear(), index, ["tones/retrieval"]).scores
    return scores, index


def test_clips_are_the_recordings(measured: tuple[Scores, Index], tmp_path: Path) -> None:
    scores, index = measured
    clips = save_clips([scores], index, tmp_path / "clips")
    assert clips
    for key, clip in clips.items():
        row = [index.key(i) for i in range(len(index))].index(key)
        wave, rate = io.load(tmp_path / "clips" / clip.name)
        stored = index.sample(row)
        assert rate == stored.rate
        assert np.abs(wave - stored.wave).max() < 1e-4
        assert clip.seconds == pytest.approx(stored.seconds)


def test_old_clips_go_and_other_files_stay(measured: tuple[Scores, Index], tmp_path: Path) -> None:
    scores, index = measured
    save_clips([scores], index, tmp_path)
    (tmp_path / "clip-0123456789abcdef.flac").write_bytes(b"old")
    (tmp_path / "mine.flac").write_bytes(b"mine")
    first = {path.name for path in tmp_path.iterdir()}
    save_clips([scores], index, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == first - {"clip-0123456789abcdef.flac"}


def test_clips_are_short_and_few(
    measured: tuple[Scores, Index], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, index = measured
    monkeypatch.setattr(examples, "SECONDS", 0.1)
    monkeypatch.setattr(examples, "RATE", 4000)
    folder = tmp_path / "clips"
    clips = save_clips([scores], index, folder)
    wave, rate = io.load(folder / next(iter(clips.values())).name)
    assert (len(wave), rate) == (400, 4000)
    monkeypatch.setattr(examples, "_ROOM", 0)
    assert save_clips([scores], index, folder) == {}
    assert not list(folder.iterdir())


def test_recordings_that_cannot_be_read_get_no_clip(
    measured: tuple[Scores, Index], tmp_path: Path
) -> None:
    scores, index = measured
    (tmp_path / "shards" / "000000.tar").write_bytes(b"")
    with pytest.raises(DataError):
        index.sample(0)
    assert save_clips([scores], index, tmp_path / "clips") == {}


def test_recordings_of_another_index_get_no_clip(
    measured: tuple[Scores, Index], tmp_path: Path
) -> None:
    scores, index = measured
    nothing = index.select(mask=np.zeros(len(index), dtype=bool))
    assert save_clips([scores], nothing, tmp_path / "clips") == {}
